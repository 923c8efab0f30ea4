//===- ErrorSignal.cpp - error(x) as a rule delivers it ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Ends.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

bool RuleInstance::ofOtherTick(Value v, const Tick &tick) const {
  auto owner = trial.owners.find(v);
  return owner != trial.owners.end() && owner->second != &tick;
}

/// Is `y` computed from `x` in this tick? Variables of other ticks are not computed from one of this tick.
bool RuleInstance::dependsOn(Value y, Value x) const {
  llvm::SmallVector<Value> work{y};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (v == x)
      return true;
    if (!seen.insert(v).second || ofOtherTick(v, *trial.now.tick))
      continue;
    if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  return false;
}

std::optional<Field> RuleInstance::costHere() {
  if (!cost)
    return std::nullopt;
  auto &known = costs[trial.now.tick];
  if (!known) {
    Trial::At here(trial, {trial.now.tick, nullptr});
    Frame frame = trial.networkFrame(learn.part);
    known = ev.evaluate(*learn.decl->subject, frame);
  }
  return known;
}

/// (a) the derivative of the cost's own expression.
std::optional<Field> RuleInstance::directError(int area, const std::string &variable, Span at) {
  std::optional<Field> cost = costHere();
  auto x = trial.now.tick->available(area, variable);
  if (!cost || !x || !x->tensor)
    return std::nullopt;
  // A value may have several names (`rate = drive`, or a wire): only the last of them has this part of its error,
  // and hands it back to the others.
  auto place = [&](const std::pair<int, std::string> &p) {
    auto &names = net.areas[p.first].variables;
    return std::make_pair(
        llvm::find(net.order, p.first) - net.order.begin(),
        llvm::is_contained(names, p.second) ? llvm::find(names, p.second) - names.begin() : -1);
  };
  for (auto &[key, field] : trial.now.tick->values)
    if (field.tensor == x->tensor && place(key) > place({area, variable}))
      return std::nullopt;
  // Every variable of every area that lies between the cost and this one is held.
  llvm::SmallVector<Value> held;
  for (auto &[key, field] : trial.now.tick->values)
    if (field.tensor && field.tensor != x->tensor)
      held.push_back(field.tensor);
  llvm::SmallVector<Value> work{cost->tensor};
  llvm::DenseSet<Value> seen;
  bool reached = false;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    reached |= v == x->tensor;
    if (!seen.insert(v).second || v == x->tensor || llvm::is_contained(held, v))
      continue;
    if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  if (!reached)
    return std::nullopt;
  llvm::SmallVector<Value> needed;
  for (Value h : held)
    if (seen.contains(h))
      needed.push_back(h);
  if (account)
    account->direct.insert({area, variable});
  OpBuilder &b = ev.fields.builder;
  Extent extent;
  for (Axis axis : cost->axes)
    extent.push_back({axis, cost->size(axis)});
  Field ones = ev.fields.broadcast(ev.location(at), Field::number(1), extent);
  auto op =
      b.create<ir::VjpOp>(ev.location(at), TypeRange{x->tensor.getType()}, ValueRange{cost->tensor},
                          ValueRange{ones.tensor}, ValueRange{x->tensor}, needed);
  Field e = *x;
  e.tensor = op.getResult(0);
  e.dimension = cost->dimension.times(x->dimension, -1);
  e.capabilities = 0;
  e.reads.clear();
  return e;
}

void RuleInstance::requireErrorOf(int area, const std::string &variable, const std::string &written,
                                  Span at, llvm::StringRef verb) {
  auto has = [&](int a) {
    return net.areas[a].has(variable) || areaStates.count({a, variable}) ||
           trial.variable(a, variable).has_value();
  };
  if (has(area))
    return;
  // What only sends may be of another unit than those that the rule is for: no error is known there.
  if (!areas.count(area) && llvm::any_of(areas, has))
    return;
  lacks(area, variable, written, at, (verb + " the error of").str());
}

/// What a pool hands back of the error behind it.
Field RuleInstance::throughPool(const Connection &c, const Field &source, const Field &behind,
                                Span at) {
  Field pooled = trial.now.tick->conduct(c);
  Extent extent;
  for (Axis axis : pooled.axes)
    extent.push_back({axis, pooled.size(axis)});
  Field seed = ev.fields.broadcast(ev.location(at), behind, extent);
  auto op = ev.fields.builder.create<ir::VjpOp>(ev.location(at), TypeRange{source.tensor.getType()},
                                                ValueRange{pooled.tensor}, ValueRange{seed.tensor},
                                                ValueRange{source.tensor}, ValueRange{});
  Field e = source;
  e.tensor = op.getResult(0);
  e.dimension = behind.dimension;
  e.capabilities = 0;
  e.reads.clear();
  e.inherit(behind);
  return e;
}

/// Semantics 5.3: (a) + (b) + (c), in the shape of the variable, over the area's own units.
std::optional<Field> RuleInstance::error(int area, const std::string &variable, Span at) {
  Trial::At here(trial, {trial.now.tick, nullptr});
  Tick &tick = *trial.now.tick;
  auto memo = std::make_tuple(const_cast<const Tick *>(&tick), area, variable);
  if (auto it = errors.find(memo); it != errors.end())
    return it->second;
  auto key = std::make_pair(area, variable);
  auto x = trial.variable(area, variable);
  if (!x || !x->tensor)
    return std::nullopt;
  auto own = [&](const std::string &v) -> std::optional<Field> {
    std::optional<Field> e = directError(area, v, at);
    auto add = [&](const Field &f) { e = e ? ev.binary(ast::BinaryOp::Add, *e, f, at) : f; };
    if (auto *with = tick.intervention()) {
      if (auto m = with->messages(tick, {area, v}))
        add(*m);
      for (auto &c : net.connections) // what has no weights hands errors back exactly
        if (c.weightless() && c.from == area && c.fromVariable == v)
          if (auto behind = error(c.to, c.toPort, at))
            add(c.topology == Topology::Pool ? throughPool(c, *trial.variable(area, v), *behind, at)
                                             : *behind);
    }
    for (auto &c : ownConnections)
      if (c.toError && c.made.to == area && c.made.toPort == v)
        if (auto arriving = conducted(c))
          add(*arriving);
    return e;
  };
  if (!running.insert(memo).second)
    ev.fail(Code::Cycle, at,
            "the error of `" + net.areas[area].name + "." + variable +
                "` depends on itself within one tick");
  std::optional<Field> total = own(variable);
  llvm::SmallVector<Value> later, seeds;
  Field needed; // by what the later variables hand back
  for (auto &v : net.areas[area].variables) {
    if (v == variable)
      continue;
    auto y = tick.available(area, v); // what waits for x itself is no part of this error
    if (!y || !y->tensor || !dependsOn(y->tensor, x->tensor))
      continue;
    auto e = own(v);
    if (!e)
      continue;
    if (y->tensor == x->tensor) { // two names of one value
      if (account)
        account->chain[key].push_back(v);
      total = total ? ev.binary(ast::BinaryOp::Add, *total, *e, at) : *e;
      continue;
    }
    later.push_back(y->tensor);
    llvm::SmallVector<std::pair<Axis, int64_t>, 2> extent; // of y, which may be one for all units
    llvm::SmallVector<Axis, 2> beyond;
    for (Axis axis : y->axes)
      extent.push_back({axis, y->size(axis)});
    for (Axis axis : e->axes)
      if (!e->constant && !y->has(axis))
        beyond.push_back(axis);
    Field seed = beyond.empty() ? *e : ev.fields.reduce(ev.location(at), *e, beyond);
    seeds.push_back(ev.fields.broadcast(ev.location(at), seed, extent).tensor);
    needed.inherit(*e);
    if (account)
      account->chain[key].push_back(v);
  }
  if (!later.empty()) {
    OpBuilder &b = ev.fields.builder;
    auto op = b.create<ir::VjpOp>(ev.location(at), TypeRange{x->tensor.getType()}, later, seeds,
                                  ValueRange{x->tensor}, ValueRange{});
    Field e = *x;
    e.tensor = op.getResult(0);
    e.dimension = costHere()->dimension.times(x->dimension, -1);
    e.dimension.any = x->dimension.any;
    e.capabilities = 0;
    e.reads.clear();
    e.inherit(needed);
    total = total ? ev.binary(ast::BinaryOp::Add, *total, e, at) : e;
  }
  running.erase(memo);
  return errors[memo] = total;
}

} // namespace apical::sema
