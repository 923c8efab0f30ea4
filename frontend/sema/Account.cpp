//===- Account.cpp - what the checker found out about learning ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Rule.h"

namespace apical::sema {

WeightChange &LearnAccount::change(llvm::StringRef symbol) {
  for (WeightChange &c : changes)
    if (c.symbol == symbol)
      return c;
  WeightChange &c = changes.emplace_back();
  c.symbol = symbol.str();
  return c;
}

void LearnAccount::add(WeightChange &change, ChangeTerm term) {
  for (const ChangeTerm &old : change.terms)
    if (old.statement == term.statement && old.connection == term.connection &&
        old.phase == term.phase)
      return;
  change.terms.push_back(std::move(term));
}

void LearnAccount::add(MessageTerm message) {
  for (const MessageTerm &old : messages)
    if (old.statement == message.statement && old.connection == message.connection &&
        old.area == message.area && old.phase == message.phase)
      return;
  messages.push_back(std::move(message));
}

const Network *Account::network(llvm::StringRef name) const {
  for (const Network &n : networks)
    if (n.name == name)
      return &n;
  return nullptr;
}

LearnAccount *Account::open(const Network &net, const Learn &learn) {
  const Network *known = network(net.name);
  if (!known)
    known = &networks.emplace_back(net);
  for (LearnAccount &line : lines)
    if (line.network == known && line.name == learn.name)
      return nullptr;
  LearnAccount &line = lines.emplace_back();
  line.network = known;
  line.name = learn.name;
  line.decl = learn.decl;
  line.part = learn.part;
  return &line;
}

//===----------------------------------------------------------------------===//
// What an instance of a rule notes
//===----------------------------------------------------------------------===//

void RuleInstance::openAccount() {
  if (!trial.account)
    return;
  std::string report;
  if (trial.account->keepDirections && cost) {
    report = learn.name + ".subject";
    Span at = learn.decl->span;
    mlir::OpBuilder &b = ev.fields.builder;
    Field value =
        ev.fields.broadcast(ev.location(at), *cost, {{Axis::Sample, mlir::ShapedType::kDynamic}});
    b.create<ir::ReportOp>(ev.location(at), b.getStringAttr(report), b.getStringAttr("measure"),
                           value.tensor);
  }
  account = trial.account->open(net, learn);
  if (!account)
    return;
  account->report = report;
  account->rule = rule;
  account->body = whole;
  account->costParameter = costParameter;
  account->declared = declared;
  account->plastic = plastic;
  account->scope = scope;
  account->areas = areas;
  account->outputs = outputs;
  account->readByCost = readByCost;
}

const ast::Block *RuleInstance::blockOf(const ast::TemplateStmt &t) const {
  // Plain synapse statements stand in the rule itself.
  return llvm::is_contained(rule->body, &t) ? &t.body : &rule->body;
}

void RuleInstance::note(WeightChange &change, const Field &value) {
  Field all;
  all.reads.assign(change.reads.begin(), change.reads.end());
  all.inherit(value);
  change.reads.assign(all.reads.begin(), all.reads.end());
  change.capabilities |= value.capabilities;
}

WeightChange *RuleInstance::noted(const Target &t) {
  bool named = t.connection >= 0 || t.area >= 0; // connections of the rule are listed as routes
  return account && named ? &account->change(t.symbol) : nullptr;
}

void RuleInstance::keepDirections(const Target &t) {
  if (!trial.account || !trial.account->keepDirections || !cost || t.ownedByRule)
    return;
  Span at = learn.decl->span;
  std::string base =
      net.name + "." + learn.name + "." + t.owner + "." + t.name + (t.bias ? "_bias" : "");
  auto keep = [&](const std::string &symbol, const Field &value) {
    trial.states.declare(trial.states.beside(t.symbol, symbol, "lasting"));
    if (trial.updates.values.emplace(symbol, value).second) // the first of a trial with several
      trial.updateOrder.push_back(symbol);
    return symbol;
  };
  std::string direction =
      keep(base + ".direction", t.direct ? *t.direct : ev.unary("-", *t.gradient, at));
  std::string descent =
      keep(base + ".descent", ev.unary("-", exactGradient(*cost, t.value, at), at));
  if (!account)
    return;
  WeightChange &change = account->change(t.symbol);
  change.direction = direction;
  change.descent = descent;
}

} // namespace apical::sema
