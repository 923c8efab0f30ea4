//===- RuleConnections.cpp - weights that a rule has of its own ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

/// `connect error(outputs.drive) -> error(hidden.rate) : dense(w ~ …)`: one fixed matrix per pair of areas.
void RuleInstance::connectSets(const ast::ConnectDecl &decl) {
  auto end = [&](const ast::Expr &e) -> std::pair<std::string, std::string> {
    auto *call = callOf(e, "error");
    auto *m = call && call->args.size() == 1 ? llvm::dyn_cast<ast::MemberExpr>(call->args[0].value)
                                             : llvm::dyn_cast<ast::MemberExpr>(&e);
    auto *set = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    if (!set)
      ev.unsupported(e.span, "this endpoint is");
    return {set->name, m->member.text};
  };
  if (!callOf(*decl.to, "error") || !decl.body.empty())
    ev.unsupported(decl.span,
                   "a rule's connection that does not end at `error(…)`, or that learns, is");
  auto [fromSet, fromVariable] = end(*decl.from);
  auto [toSet, toVariable] = end(*decl.to);
  auto *topology = llvm::dyn_cast<ast::CallExpr>(decl.topology);
  const ast::Argument *initial = nullptr;
  if (topology)
    for (auto &a : topology->args)
      if (a.name.text == "w")
        initial = &a;
  if (!initial)
    ev.unsupported(decl.span, "a rule's connection without `w` is");
  for (size_t to = 0; to < net.areas.size(); ++to)
    for (size_t from = 0; from < net.areas.size(); ++from) {
      if (!inSet(static_cast<int>(to), toSet) || !areas.count(static_cast<int>(to)) ||
          !inSet(static_cast<int>(from), fromSet) || !areas.count(static_cast<int>(from)))
        continue;
      const Area &a = net.areas[from], &b = net.areas[to];
      if (!a.has(fromVariable) || !b.has(toVariable))
        ev.fail(Code::RuleNeedsVariable, decl.span,
                "the rule `" + rule->name.text + "` needs a variable `" +
                    (a.has(fromVariable) ? toVariable : fromVariable) + "`, which the area `" +
                    (a.has(fromVariable) ? b.name : a.name) + "` lacks");
      Route r{static_cast<int>(from),
              fromVariable,
              callOf(*decl.from, "error") != nullptr,
              static_cast<int>(to),
              toVariable,
              net.name + "." + learn.name + "." + a.name + "_" + b.name,
              decl.span};
      if (account)
        account->routes.push_back(
            {r.from, r.to, r.fromVariable, r.toVariable, r.symbol, r.fromError});
      StateInit init;
      init.symbol = r.symbol;
      init.role = "weight";
      init.at = decl.span;
      init.extent = {{Axis::Pre, a.size}, {Axis::Post, b.size}};
      Frame frame;
      frame.locals = args;
      frame.locals["fan_in"] = Field::number(a.size);
      frame.locals["fan_out"] = Field::number(b.size);
      frame.stream = r.symbol;
      frame.drawExtent = init.extent;
      Evaluator *e = &ev;
      const ast::Expr *value = initial->value;
      init.value = [=]() mutable { return e->evaluate(*value, frame); };
      trial.states.declare(std::move(init));
      routes.push_back(std::move(r));
    }
}

std::string RuleInstance::ownSymbol(const Connection &c, llvm::StringRef name) const {
  int index = static_cast<int>(&c - net.connections.data());
  int bearer = scope.count(net.bearer(index)) ? net.bearer(index) : index;
  return net.name + "." + learn.name + "." + net.connections[bearer].name + "." + name.str();
}

Field RuleInstance::ownWeight(const Connection &c, const ast::VarDecl::Declarator &d) {
  std::string symbol = ownSymbol(c, d.name.text);
  StateInit init;
  init.symbol = symbol;
  init.role = "weight";
  init.at = d.name.span;
  if (c.topology == Topology::Dense)
    init.extent.push_back({Axis::Pre, c.fromSize});
  init.extent.push_back({Axis::Post, c.toSize});
  Frame frame;
  frame.locals = args;
  frame.locals["fan_in"] = Field::number(static_cast<double>(c.fanIn()));
  frame.locals["fan_out"] = Field::number(static_cast<double>(c.fanOut()));
  frame.stream = symbol;
  frame.drawExtent = init.extent;
  if (!d.init)
    ev.fail(Code::MissingArgument, d.name.span,
            "the weight `" + d.name.text + "` needs an initial value");
  // The connection's own weights stand for their first values: `weight B = w` starts as a copy.
  frame.resolve = [&states = trial.states, &c](const ast::Expr &e) -> std::optional<Field> {
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
      for (auto &w : c.weights)
        if (w.name == n->name && !w.bias)
          return states.first(w.symbol);
    return std::nullopt;
  };
  Evaluator *e = &ev;
  const ast::Expr *value = d.init;
  init.value = [=]() mutable { return e->evaluate(*value, frame); };
  trial.states.declare(std::move(init));
  ruleWeights.insert(c.name + "." + d.name.text);
  return trial.read(symbol);
}

} // namespace apical::sema
