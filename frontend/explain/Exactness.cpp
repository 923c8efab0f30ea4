//===- Exactness.cpp - is a change the exact gradient? ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Exactness.h"

namespace apical::explain {
using namespace ast;

void Exactness::findReach() {
  reach = line.readByCost;
  for (bool grew = true; grew;) {
    grew = false;
    for (const sema::Connection &c : line.network->connections)
      if (reach.count(c.to) && reach.insert(c.from).second)
        grew = true;
  }
}

std::optional<std::multiset<std::string>> Exactness::synapse(const sema::Connection &c,
                                                             llvm::StringRef without) const {
  const AssignStmt *only = nullptr;
  for (const Stmt *s : c.synapse->body) {
    if (auto *v = llvm::dyn_cast<VarDecl>(s); v && v->varKind == VarKind::Weight)
      continue;
    auto *a = llvm::dyn_cast<AssignStmt>(s);
    if (!a || only || a->op != AssignOp::Add || toString(*a->target) != "post")
      return std::nullopt;
    only = a;
  }
  if (!only)
    return std::nullopt;
  std::multiset<std::string> all = factors(*only->value);
  // Linear in what is left out: it is one factor, and no part of another.
  unsigned uses = 0;
  walk(*only->value, [&](const Expr &e) {
    auto *n = llvm::dyn_cast<NameExpr>(&e);
    uses += n && n->name == without;
  });
  auto it = all.find(without.str());
  if (it == all.end() || uses != 1)
    return std::nullopt;
  all.erase(it);
  all.insert("error(post)");
  return all;
}

std::string Exactness::errorObjection(int area) {
  if (auto it = known.find(area); it != known.end())
    return it->second;
  std::string &result = known[area];
  const std::string &name = line.network->areas[area].name;
  for (const sema::RouteTerm &r : line.routes)
    if (r.toError && r.to == area)
      return result =
                 "`error(" + name + "." + r.toVariable + ")` comes over a connection of the rule";
  size_t expected = 0, arrived = 0;
  for (auto [k, c] : llvm::enumerate(line.network->connections)) {
    if (c.from != area || !reach.count(c.to))
      continue;
    if (c.weightless()) { // errors cross it exactly
      if (std::string why = errorObjection(c.to); !why.empty())
        return result = why;
      continue;
    }
    ++expected;
    const sema::MessageTerm *message = nullptr;
    for (const sema::MessageTerm &m : line.messages)
      if (m.connection == static_cast<int>(k) && m.area == area)
        message = &m;
    if (!message)
      return result = "no error comes back over `" + c.name + "`";
    auto derivative = synapse(c, "pre");
    if (!derivative || factors(*message->statement->value) != *derivative ||
        message->variable != c.fromVariable)
      return result = "what comes back over `" + c.name + "` is `" +
                      toString(*message->statement->value) + "`, not the derivative of its synapse";
    if (std::string why = errorObjection(c.to); !why.empty())
      return result = why;
  }
  for (const sema::MessageTerm &m : line.messages)
    arrived += m.area == area;
  if (arrived != expected)
    return result = "`" + name + "` receives other errors than those of its connections";
  return result;
}

std::string Exactness::objection(const sema::WeightChange &change) {
  for (const sema::ChangeTerm &term : change.terms)
    if (!term.gradient)
      return "the weight is changed directly";
  if (change.terms.size() == 1) {
    const sema::ChangeTerm &term = change.terms.front();
    auto *grad = callOf(*term.statement->value, "grad");
    if (grad && toString(*grad->args[0].value) == line.costParameter && !term.binder.empty() &&
        toString(*grad->args[1].value) == term.binder)
      return "";
  }
  // A rule may have phases that other weights of its own learn in.
  bool phased = llvm::any_of(line.messages, [](auto &m) { return !m.phase.empty(); });
  for (const sema::ChangeTerm &term : change.terms) {
    phased |= !term.phase.empty();
    walk(*term.statement->value, [&](const Expr &e) { phased |= llvm::isa<AtExpr>(e); });
  }
  if (phased || llvm::any_of(line.rule->body, llvm::IsaPred<ForStmt>))
    return "it is estimated from phases";
  // Every connection that conducts through these weights adds its own part, once.
  for (auto [k, c] : llvm::enumerate(line.network->connections)) {
    if (llvm::none_of(c.weights, [&](auto &w) { return w.symbol == change.symbol; }))
      continue;
    const sema::ChangeTerm *part = nullptr;
    for (const sema::ChangeTerm &term : change.terms) {
      if (term.connection != static_cast<int>(k))
        continue;
      if (part)
        return "the change has several parts";
      part = &term;
    }
    if (!part)
      return "`" + c.name + "` conducts through the same weights, and adds nothing";
    auto derivative = synapse(c, change.name);
    const Expr &value = *part->statement->value;
    if (!derivative || factors(value) != *derivative)
      return "`" + toString(value) + "` is not `error(post)` times the derivative of the synapse";
    if (std::string why = errorObjection(c.to); !why.empty())
      return why;
  }
  return "";
}

} // namespace apical::explain
