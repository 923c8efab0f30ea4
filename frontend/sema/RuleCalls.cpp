//===- RuleCalls.cpp - units as functions, and local derivatives ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Ends.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

std::optional<Field> RuleInstance::call(const ast::CallExpr &e, Frame &frame, const Ends &ends) {
  if (callOf(e, "d"))
    return localDerivative(e, frame, ends);
  if (auto *error = callOf(e, "error");
      error && !ends.empty() &&
      (error->args.size() != 1 || !llvm::isa<ast::NameExpr, ast::MemberExpr>(error->args[0].value)))
    ev.fail(Code::WrongType, e.span, "`error` takes one variable of a unit",
            "as `error(post)` or `error(post.rate)`");
  if (auto known = structure(e, ends))
    return known;
  auto *m = llvm::dyn_cast<ast::MemberExpr>(e.callee);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  auto end = base ? ends.find(base->name) : ends.end();
  if (end == ends.end())
    return std::nullopt;
  return response(e, *m, frame, end->second);
}

Field RuleInstance::response(const ast::CallExpr &e, const ast::MemberExpr &callee, Frame &frame,
                             const End &end) {
  if (end.none)
    return Field::number(0);
  const Area &area = net.areas[end.area];
  const std::string &name = callee.member.text;
  if (!area.has(name))
    lacks(end.area, name, ast::toString(callee), e.span);
  if (e.args.size() != 1 || e.args[0].name)
    ev.fail(Code::MissingArgument, e.span,
            "`" + ast::toString(callee) + "` takes one value, for its main input");
  Field drive = ev.evaluate(*e.args[0].value, frame);
  Location loc = ev.location(e.span);
  const Connection *c = end.connection;
  if (end.windowed() && end.pre)
    ev.unsupported(e.span, "a unit in front of a convolution, used as a function, is");
  llvm::SmallVector<Axis, 2> own{Axis::Unit};
  if (c)
    own = end.windowed() ? llvm::SmallVector<Axis, 2>{Axis::Place, Axis::Post}
                         : llvm::SmallVector<Axis, 2>{endAxis(*c, end.pre)};
  for (Axis axis : drive.axes)
    if (axis != Axis::Sample && !llvm::is_contained(own, axis))
      ev.fail(Code::ShapeMismatch, e.args[0].value->span,
              "the input of a unit is one number for each unit of `" + area.name +
                  "`, and this is " + describe(drive));
  if (end.windowed())
    drive = fromBias(ev, *c, drive, e.span);
  else if (c)
    drive = drive.as(own[0], Axis::Unit);
  Field answer = trial.now.tick->respond(end.area, name, drive, e.span);
  answer.inherit(drive);
  return c ? atEnd(ev.fields, loc, *c, end.pre, answer) : answer;
}

bool RuleInstance::isWeight(const Field &f) const {
  auto read = f.tensor ? f.tensor.getDefiningOp<ir::ReadOp>() : nullptr;
  auto state =
      read ? trial.states.bySymbol.find(read.getState().str()) : trial.states.bySymbol.end();
  return state != trial.states.bySymbol.end() && trial.states.list[state->second].role == "weight";
}

/// A window shows a unit to several synapses: the derivative is taken of the units, and shown to them.
std::optional<Field> RuleInstance::derivativeOfUnits(const ast::CallExpr &e, const Ends &ends) {
  std::set<std::string> names;
  for (auto &a : e.args)
    collectNames(*a.value, names);
  auto named = [&](auto &end) { return names.count(end.first) != 0; };
  auto it = llvm::find_if(ends, [&](auto &end) { return named(end) && end.second.windowed(); });
  if (it == ends.end())
    return std::nullopt;
  if (llvm::count_if(ends, named) > 1)
    ev.unsupported(e.span, "`d` with both ends of a convolution is");
  auto &[name, end] = *it;
  if (end.none)
    return Field::number(0);
  Frame units = areaFrame(end.area, name);
  // Synapse code has the name for what the connection reads or feeds.
  const std::string &variable = end.pre ? end.connection->fromVariable : end.connection->toPort;
  units.resolve = [this, area = end.area, binder = name, variable,
                   others = units.resolve](const ast::Expr &x) -> std::optional<Field> {
    auto *n = llvm::dyn_cast<ast::NameExpr>(&x);
    return n && n->name == binder ? trial.variable(area, variable) : others(x);
  };
  Ends alone{{name, {end.area}}};
  for (auto &own : names)
    if (own != name && !isPrimitive(own) && !args.count(own) && own != costParameter)
      ev.unsupported(e.span, "`d` of `" + own + "`, over a convolution, is");
  return atEnd(ev.fields, ev.location(e.span), *end.connection, end.pre,
               localDerivative(e, units, alone));
}

/// Semantics 5.2: other areas are held. If y has units, their sum is meant, which for elementwise y is the
/// derivative of each by its own x.
Field RuleInstance::localDerivative(const ast::CallExpr &e, Frame &frame, const Ends &ends) {
  if (std::optional<Field> behind = derivativeOfUnits(e, ends))
    return *behind;
  if (e.args.size() != 2 || e.args[0].name || e.args[1].name)
    ev.fail(Code::MissingArgument, e.span, "`d` takes two arguments: `d(y, x)`");
  const ast::Expr *variable = e.args[1].value;
  if (auto *member = llvm::dyn_cast<ast::IndexExpr>(variable)) {
    auto *which = llvm::dyn_cast<ast::NameExpr>(member->indices[0]);
    if (!which || llvm::none_of(loops, [&](auto &l) { return l.variable == which->name; }))
      ev.unsupported(e.span, "a derivative by another member of a family is");
    variable = member->base;
  }
  if (auto *at = llvm::dyn_cast<ast::AtExpr>(variable))
    variable = at->base;
  auto *m = llvm::dyn_cast<ast::MemberExpr>(variable);
  auto *name = llvm::dyn_cast<ast::NameExpr>(m ? m->base : variable);
  if (!name)
    ev.fail(Code::NotDifferentiable, e.args[1].value->span,
            "`d` needs a variable to differentiate by, and this is an expression");
  auto end = ends.find(name->name);
  int area = end != ends.end()  ? end->second.area
             : ends.size() == 1 ? ends.begin()->second.area
                                : -1;
  Field y = ev.evaluate(*e.args[0].value, frame), x = ev.evaluate(*e.args[1].value, frame);
  // A weight of synapses is no variable of an area: it is held, and the derivative by it would be 0.
  if (!m && end == ends.end() && ends.count("pre") && isWeight(x))
    ev.fail(Code::NotDifferentiable, e.args[1].value->span,
            "`d` differentiates by a variable of a unit, and `" + name->name + "` is a weight",
            "what a weight changes is written with the error of its unit, `error(post) * pre`; the "
            "exact derivative of a cost by a weight is `grad(C, p)` in `each weight p`");
  if (!m && end == ends.end() && cost && name->name == costParameter)
    ev.fail(Code::NotDifferentiable, e.args[1].value->span,
            "`d` differentiates by a variable of a unit, and `" + name->name + "` is the cost",
            "the derivative of the cost by a variable is `d(" + name->name + ", post.rate)`");
  if (y.constant || x.constant)
    return Field::number(0);
  llvm::SmallVector<Value> held;
  std::set<const Tick *> ticks{trial.now.tick};
  auto *member = llvm::dyn_cast<ast::IndexExpr>(e.args[1].value);
  if (auto *at = llvm::dyn_cast<ast::AtExpr>(member ? member->base : e.args[1].value))
    ticks.insert(&phases.last(*at));
  for (const Tick *tick : ticks)
    for (auto &[place, field] : tick->values)
      if (place.first != area && field.tensor && field.tensor != x.tensor)
        held.push_back(field.tensor);
  // Of these, only what lies between y and x.
  llvm::SmallVector<Value> work{y.tensor}, needed;
  llvm::DenseSet<Value> seen, barrier(held.begin(), held.end());
  bool reached = false;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    reached |= v == x.tensor;
    if (!seen.insert(v).second || v == x.tensor)
      continue;
    if (barrier.contains(v)) {
      needed.push_back(v);
      continue;
    }
    if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  if (!reached)
    return Field::number(0);
  llvm::SmallVector<std::pair<Axis, int64_t>, 3> extent;
  for (Axis axis : y.axes)
    extent.push_back({axis, y.size(axis)});
  // Of a value of synapses, the sum is over those that there are.
  bool synapses = frame.mask && y.has(Axis::Pre) && y.has(Axis::Post);
  Field ones =
      ev.fields.broadcast(ev.location(e.span), synapses ? frame.mask() : Field::number(1), extent);
  auto op = ev.fields.builder.create<ir::VjpOp>(ev.location(e.span), TypeRange{x.tensor.getType()},
                                                ValueRange{y.tensor}, ValueRange{ones.tensor},
                                                ValueRange{x.tensor}, needed);
  Field result = x;
  result.tensor = op.getResult(0);
  result.mask = nullptr;
  result.dimension = y.dimension.times(x.dimension, -1);
  result.inherit(y);
  if (y.total) { // each unit has the derivative of its own term
    result.capabilities &= ~Population;
    llvm::erase_if(result.reads, [](auto &r) { return r.capability == Population; });
  }
  result.readsForwardWeight = y.readsForwardWeight;
  // By a variable without samples: the mean over the batch, as of every contribution to it.
  if (y.has(Axis::Sample) && !x.has(Axis::Sample)) {
    Field share =
        ev.binary(ast::BinaryOp::Div, Field::number(1), ev.clock("samples", e.span), e.span);
    Dimension dimension = result.dimension;
    result = ev.binary(ast::BinaryOp::Mul, result, share, e.span);
    result.dimension = dimension;
  }
  return result;
}

} // namespace apical::sema
