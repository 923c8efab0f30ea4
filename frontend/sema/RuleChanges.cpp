//===- RuleChanges.cpp - what a rule adds to a weight or its gradient ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

namespace {

const char *capabilityName(unsigned c) {
  switch (c) {
  case Feedback:
    return "feedback";
  case Population:
    return "population";
  case Modulated:
    return "modulated";
  default:
    return "nonlocal";
  }
}

} // namespace

RuleInstance::Target &RuleInstance::target(const Connection &c, llvm::StringRef name, bool bias) {
  std::string symbol;
  for (auto &w : c.weights)
    if (w.name == name && w.bias == bias)
      symbol = w.symbol;
  const OwnConnection *made = own(c);
  bool owned = made || (symbol.empty() && ruleWeights.count(c.name + "." + name.str()));
  if (symbol.empty())
    symbol = ownSymbol(c, name);
  Target &t = targets[symbol];
  if (t.symbol.empty()) {
    t.symbol = symbol;
    t.value = trial.read(symbol);
    t.owner = made ? made->owner : c.name;
    t.name = name.str();
    t.connection = made ? -1 : indexOf(c);
    t.bias = bias;
    t.ownedByRule = owned;
    targetOrder.push_back(symbol);
    if (WeightChange *change = noted(t)) {
      change->name = t.name;
      change->connection = t.connection;
      change->bias = bias;
      change->ownedByRule = owned;
    }
  }
  return t;
}

RuleInstance::Target &RuleInstance::target(int area, llvm::StringRef name) {
  std::string symbol = areaSymbol(area, name);
  Target &t = targets[symbol];
  if (t.symbol.empty()) {
    t.symbol = symbol;
    t.value = trial.read(symbol);
    t.owner = net.areas[area].name;
    t.area = area;
    t.name = name.str();
    t.ownedByRule = true;
    targetOrder.push_back(symbol);
    if (account) {
      WeightChange &change = account->change(symbol);
      change.name = t.name;
      change.area = area;
      change.ownedByRule = true;
    }
  }
  return t;
}

void RuleInstance::keeps(const std::string &symbol, const Field &value,
                         const ast::KeepStmt &statement) {
  checkLocality(value, statement.value->span, "what `keep` makes of its weights");
  if (account)
    note(account->change(symbol), value);
}

void RuleInstance::checkLocality(const Field &f, Span at, const llvm::Twine &user) {
  unsigned beyond = f.capabilities & ~declared;
  auto decides = [&](unsigned c) {
    for (const CapabilityRead &r : f.reads)
      if (r.capability == c)
        return r.at;
    return at;
  };
  for (unsigned c :
       {unsigned(Nonlocal), unsigned(Feedback), unsigned(Population), unsigned(Modulated)})
    if (beyond & c) {
      Span read = decides(c);
      bool inModel = read.file == at.file || at.file != 0;
      std::string who = user.str();
      Diagnostic &d =
          ev.diags.error(Code::Locality, inModel ? read : at,
                         "the rule `" + rule->name.text + "` declares less than " +
                             (who.empty() ? "it uses: this is `" : who + " needs: this is `") +
                             capabilityName(c) + "`");
      if (!inModel)
        d.label(read, "this read");
      d.label(rule->name.span, "declared here")
          .hint(llvm::Twine("declare `") + capabilityName(c) +
                "`, or use only what the synapse itself can know");
      throw Reported();
    }
}

void RuleInstance::contribute(Target &t, const Field &value, ast::AssignOp op, bool gradient,
                              Span at) {
  checkLocality(value, at);
  if (WeightChange *change = noted(t))
    note(*change, value);
  Field e = value;
  llvm::SmallVector<Axis, 2> extra;
  for (Axis a : {Axis::Place, Axis::Pre, Axis::Post})
    if (!e.constant && e.has(a) && !t.value.has(a))
      extra.push_back(a);
  if (!e.constant && e.has(Axis::Component))
    ev.fail(Code::ShapeMismatch, at,
            "`" + t.name + "` is one number, and what it changes by has " +
                llvm::Twine(e.size(Axis::Component)) + " components",
            "reduce them, `over = components`, or choose one: `x[0]`");
  e = ev.fields.reduce(ev.location(at), e, extra);
  if (op == ast::AssignOp::Set && !gradient && !e.constant && e.has(Axis::Sample))
    ev.fail(Code::PerSampleToShared, at,
            "a value per sample is assigned to a weight, which has no samples",
            "use `+=`, which averages over the batch, or an explicit `batch_mean`");
  if (op == ast::AssignOp::Set && !gradient) {
    auto [known, fresh] = trial.assigned.emplace(t.symbol, at);
    if (!fresh && (known->second.file != at.file || known->second.begin != at.begin)) {
      ev.diags
          .error(Code::AssignedTwice, at,
                 "`" + t.name + "` of `" + t.owner + "` is assigned by two rules, or twice by one")
          .label(known->second, "the other assignment")
          .hint("changes that are added, `+=`, may come from several rules");
      throw Reported();
    }
  }
  if (!gradient) {
    (op == ast::AssignOp::Set ? t.set : t.added) = at;
    if (t.set && t.added) {
      ev.diags
          .error(Code::AssignedTwice, at,
                 "`" + t.name + "` of `" + t.owner +
                     "` is assigned here and added to there: both see "
                     "the weight as it was before")
          .label(op == ast::AssignOp::Set ? *t.added : *t.set, "the other statement")
          .hint("write one statement, as `w = 0.9 * w + …`; a bound or a norm is a `keep` of the "
                "connection, and what else shrinks or grows is an optimizer's");
      throw Reported();
    }
  }
  e = ev.averageOverSamples(e, at);
  if (gradient && cost && !t.value.dimension.any) {
    Dimension needed = cost->dimension.times(t.value.dimension, -1);
    if (!e.dimension.fits(needed))
      ev.fail(Code::DimensionMismatch, at,
              "what is added to `" + t.name + ".grad` is " + e.dimension.kind() +
                  ", and the gradient of this cost is " + needed.kind());
  }
  if (op == ast::AssignOp::Sub)
    e = ev.unary("-", e, at);
  if (op == ast::AssignOp::Set)
    e = ev.binary(ast::BinaryOp::Sub, e, t.value, at);
  auto &slot = gradient ? t.gradient : t.direct;
  slot = slot ? ev.binary(ast::BinaryOp::Add, *slot, e, at) : e;
  t.at = at;
  gradients |= gradient;
  t.graded |= gradient;
  if (t.gradient && t.direct)
    ev.fail(Code::GradAndDirect, at,
            "`" + t.name + "` is changed both through its gradient and directly");
}

} // namespace apical::sema
