//===- Push.cpp - how displacements of units spread in one tick ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// `push(v)`, semantics 5.5: the network's Jacobian of one tick, times v. Every
/// area of the template is displaced at once, each by its own v; one derivative
/// says by how much that moves all of them.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

bool pushes(const ast::Block &body) {
  return llvm::any_of(body, [](const ast::Stmt *s) {
    std::set<std::string> names;
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s))
      for (auto &d : v->vars)
        if (d.init)
          collectNames(*d.init, names);
    if (auto *a = llvm::dyn_cast<ast::AssignStmt>(s))
      collectNames(*a->value, names);
    return names.count("push") != 0;
  });
}

/// What is displaced, and what that moves: the state of a unit, or the input and the output of one
/// that has none.
std::pair<Field, Field> RunTick::ends(Tick &tick, int index, Span at) {
  Evaluator &ev = rule.ev;
  const Area &area = rule.net.areas[index];
  if (area.states.size() > 1 || (!area.states.empty() && !area.states[0].perSample()))
    ev.unsupported(
        at, "`push` for a unit with several states, or with one that outlives the trial, is");
  if (!area.states.empty()) {
    Field before = tick.values.at({index, area.states[0].name});
    return {before, tick.ended(index, area.states[0].name)};
  }
  return {*tick.variable(index, area.mainInput), *tick.variable(index, area.mainOutput)};
}

Field RunTick::push(Tick &tick, const Scope &scope, const ast::CallExpr &e, size_t position) {
  Evaluator &ev = rule.ev;
  if (e.args.size() != 1 || e.args[0].name)
    ev.fail(e.args.empty() ? Code::MissingArgument : Code::TooManyArguments, e.span,
            "`push` takes one value: by how much each unit is displaced");
  if (phase.empty() && tick.total > 1)
    ev.unsupported(e.span, "`push` behind a presentation of several ticks is");
  auto &moved = pushed[&e];
  if (auto it = moved.find(scope.area); it != moved.end())
    return it->second;
  OpBuilder &b = ev.fields.builder;
  llvm::SmallVector<Value> outputs, inputs, displacements;
  llvm::SmallVector<Field> after, by;
  llvm::SmallVector<int> areas;
  Field needs;
  for (const Scope &other : *scopes) {
    if (other.body != scope.body)
      continue;
    const Area &area = rule.net.areas[other.area];
    Field v = evaluate(tick, other, *e.args[0].value, position);
    auto [x, y] = ends(tick, other.area, e.span);
    for (Axis axis : v.axes)
      if (!v.constant && !x.has(axis)) {
        if (isLoop(axis))
          ev.unsupported(e.span, "one displacement for each member of a loop is");
        ev.fail(Code::ShapeMismatch, e.args[0].value->span,
                "a displacement is one number for each unit of `" + area.name + "`, and this is " +
                    describe(v));
      }
    for (auto &[place, value] : tick.values)
      if (place.first != other.area && value.tensor == x.tensor)
        ev.unsupported(e.span, "`push` for the area `" + area.name +
                                   "`, whose input is a variable of `" +
                                   rule.net.areas[place.first].name + "` over a wire, is");
    Extent extent;
    for (Axis axis : x.axes)
      extent.push_back({axis, x.size(axis)});
    needs.inherit(v);
    inputs.push_back(x.tensor);
    displacements.push_back(ev.fields.broadcast(ev.location(e.span), v, extent).tensor);
    outputs.push_back(y.tensor);
    y.dimension = y.dimension.times(v.dimension).times(x.dimension, -1);
    y.dimension.any = v.dimension.any;
    after.push_back(y);
    areas.push_back(other.area);
  }
  auto op = b.create<ir::JvpOp>(ev.location(e.span), TypeRange(ValueRange(outputs)), outputs,
                                inputs, displacements, ValueRange());
  for (auto [k, area] : llvm::enumerate(areas)) {
    Field f = after[k];
    f.tensor = op.getResult(k);
    f.capabilities = 0;
    f.reads.clear();
    f.inherit(needs);
    f.readsForwardWeight = false;
    f.needs(Nonlocal, e.span);
    moved[area] = f;
  }
  return moved.at(scope.area);
}

} // namespace apical::sema
