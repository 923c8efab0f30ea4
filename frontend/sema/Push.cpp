//===- Push.cpp - how displacements of units spread in one tick ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// `push(v)` and `push(y, v)`, semantics 5.5: the network's Jacobian, times v.
/// Every area of the template, or every weight of its connections, is displaced
/// at once, each by its own v; one derivative says by how much that moves
/// whatever is asked for.
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

/// What a unit is displaced at, and what that moves: its state of the trial, or the input and the output
/// of one that has none.
std::pair<Field, Field> RunTick::ends(Tick &tick, int index, Span at) {
  Evaluator &ev = rule.ev;
  const Area &area = rule.net.areas[index];
  const State *state = nullptr;
  for (const State &s : area.states) {
    if (!s.perSample()) // it outlives the trial
      continue;
    if (state)
      ev.unsupported(at, "`push` for a unit with several states is");
    state = &s;
  }
  if (state)
    return {tick.values.at({index, state->name}), tick.ended(index, state->name)};
  if (area.mainInput.empty())
    ev.fail(Code::NoInput, at,
            "the area `" + area.name + "` has no input, at which `push` would displace it");
  Field input = *tick.variable(index, area.mainInput);
  for (auto &[place, value] : tick.values)
    if (place.first != index && value.tensor == input.tensor)
      ev.unsupported(at, "`push` for the area `" + area.name + "`, whose input is a variable of `" +
                             rule.net.areas[place.first].name + "` over a wire, is");
  return {input, *tick.variable(index, area.mainOutput)};
}

/// The weight at which a synapse is displaced.
Field RunTick::displaced(const Scope &scope, Span at) {
  Evaluator &ev = rule.ev;
  const Connection &c = rule.connection(scope.connection);
  std::vector<const Weight *> own;
  for (const Weight &w : c.weights)
    if (w.bias == scope.bias)
      own.push_back(&w);
  if (own.size() != 1)
    ev.unsupported(at, "`push` for synapses that have not one weight is");
  for (const Scope &other : *scopes)
    if (other.body == scope.body && &other != &scope)
      for (const Weight &w : rule.connection(other.connection).weights)
        if (w.bias == other.bias && w.symbol == own[0]->symbol)
          ev.unsupported(at, "`push` for weights that `" + c.name + "` and `" +
                                 rule.connection(other.connection).name + "` share is");
  return rule.trial.read(own[0]->symbol);
}

/// Is one of `values` computed from one of `inputs`? What stands in the way of every path is added to `held`.
static bool reaches(llvm::ArrayRef<Value> inputs, llvm::ArrayRef<Value> values,
                    llvm::function_ref<bool(Value)> barrier, llvm::SmallVectorImpl<Value> &held) {
  llvm::SmallVector<Value> work(values);
  llvm::DenseSet<Value> seen;
  bool reached = false;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    if (llvm::is_contained(inputs, v)) {
      reached = true;
      continue;
    }
    if (barrier(v))
      held.push_back(v);
    else if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  return reached;
}

Field RunTick::push(Tick &tick, const Scope &scope, const ast::CallExpr &e, size_t position) {
  Evaluator &ev = rule.ev;
  bool synapses = scope.connection >= 0;
  if (e.args.empty() || e.args.size() > 2 || llvm::any_of(e.args, [](auto &a) { return a.name; }))
    ev.fail(e.args.empty() ? Code::MissingArgument : Code::TooManyArguments, e.span,
            "`push` takes by how much each " + std::string(synapses ? "weight" : "unit") +
                " is displaced, and before it what that moves");
  const ast::Expr *asked = e.args.size() == 2 ? e.args[0].value : nullptr;
  const ast::Expr &by = *e.args.back().value;
  if (!synapses && phase.empty() && tick.total > 1)
    ev.unsupported(e.span, "`push` behind a presentation of several ticks is");
  auto &moved = pushed[&e];
  if (auto it = moved.find(&scope); it != moved.end())
    return it->second;
  OpBuilder &b = ev.fields.builder;
  llvm::SmallVector<Value> outputs, inputs, displacements;
  llvm::SmallVector<Field> after;
  llvm::SmallVector<const Scope *> places;
  Field needs;
  for (const Scope &other : *scopes) {
    if (other.body != scope.body)
      continue;
    Field v = evaluate(tick, other, by, position), x, y;
    if (synapses)
      x = displaced(other, e.span);
    else
      std::tie(x, y) = ends(tick, other.area, e.span);
    if (asked)
      y = evaluate(tick, other, *asked, position);
    for (Axis axis : v.axes)
      if (!v.constant && !x.has(axis)) {
        if (isLoop(axis))
          ev.unsupported(e.span, "one displacement for each member of a loop is");
        const std::string &name =
            synapses ? rule.connection(other.connection).name : rule.net.areas[other.area].name;
        ev.fail(Code::ShapeMismatch, by.span,
                "a displacement is one number for each " +
                    std::string(synapses ? "weight" : "unit") + " of `" + name + "`, and this is " +
                    describe(v),
                synapses && axis == Axis::Sample
                    ? "a weight has no samples: `shared state` declares what is one for all"
                    : "");
      }
    Extent extent;
    for (Axis axis : x.axes)
      extent.push_back({axis, x.size(axis)});
    needs.inherit(v);
    inputs.push_back(x.tensor);
    if (auto mask =
            synapses ? rule.trial.maskOf(rule.connection(other.connection), other.bias) : nullptr)
      v = ev.masked(mask(), v, e.span);
    displacements.push_back(ev.fields.broadcast(ev.location(e.span), v, extent).tensor);
    y.dimension = y.dimension.times(v.dimension).times(x.dimension, -1);
    y.dimension.any = v.dimension.any;
    after.push_back(y);
    places.push_back(&other);
    if (!y.constant)
      outputs.push_back(y.tensor);
  }
  // Units move in the tick at hand, weights in all.
  auto elsewhere = [&](Value v) { return !synapses && rule.ofOtherTick(v, tick); };
  llvm::SmallVector<Value> held;
  // A unit may ignore what it receives; what lies in other ticks only was not meant.
  if (asked && !reaches(inputs, outputs, elsewhere, held) && (outputs.empty() || !held.empty()))
    ev.fail(Code::NotDifferentiable, asked->span,
            "`" + ast::toString(*asked) + "` depends on no " +
                std::string(synapses ? "weight" : "input") + " that `push` displaces here",
            synapses ? "" : "displaced are the units in the tick at hand, not those of a phase");
  auto op = b.create<ir::JvpOp>(ev.location(e.span), TypeRange(ValueRange(outputs)), outputs,
                                inputs, displacements, held);
  unsigned next = 0;
  for (auto [k, place] : llvm::enumerate(places)) {
    Field f = after[k];
    if (f.constant)
      f = Field::number(0, f.dimension);
    else
      f.tensor = op.getResult(next++);
    f.capabilities = 0;
    f.reads.clear();
    f.inherit(needs);
    f.readsForwardWeight = f.variable = f.signal = false;
    f.mask = nullptr;
    f.needs(Nonlocal, e.span);
    moved[place] = f;
  }
  return moved.at(&scope);
}

} // namespace apical::sema
