//===- Grouping.cpp - what becomes a kernel ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Grouping.h"
#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

using namespace mlir;

namespace apical {

/// Noise that one lift alone uses: it is drawn point by point where the lift
/// computes, or block by block of the rows that a contraction sums over.
ir::LiftOp Grouping::userOfNoise(Operation *op) {
  if (op->getNumResults() != 1 || !op->getResult(0).hasOneUse())
    return {};
  OpOperand &use = *op->getResult(0).use_begin();
  auto user = dyn_cast<ir::LiftOp>(use.getOwner());
  if (!user)
    return {};
  AffineMap map = user.getInputMap(use.getOperandNumber());
  if (auto draw = dyn_cast<ir::DrawOp>(op)) // what is drawn as a whole needs memory
    return draw.getDistribution() != "orthogonal" && !user.reduces() && map.isIdentity() &&
                   map.getNumDims() > 0
               ? user
               : ir::LiftOp();
  auto lift = cast<ir::LiftOp>(op);
  if (!drawsNoise(op) || lift.reduces() || lift.getSizes().size() != 2 ||
      isSampleAxis(lift.getSizes()[0]))
    return {};
  return sumsOverRows(user, map) ? user : ir::LiftOp();
}

/// result(b, j) = sum over i of x(b, i) * w(i, j), where w is read by `map`.
bool Grouping::sumsOverRows(ir::LiftOp lift, AffineMap map) {
  if (!lift.isContraction() || lift.getSizes().size() != 3 || map.getNumResults() != 2)
    return false;
  AffineMap result = lift.getResultMap(0);
  return result.getNumResults() == 2 && isSampleAxis(lift.getSizes()[0]) &&
         result.getDimPosition(0) == 0 && map.getDimPosition(1) == result.getDimPosition(1) &&
         !result.isFunctionOfDim(map.getDimPosition(0));
}

ArrayRef<Operation *> Grouping::feeders(Operation *root) const {
  auto it = pending.find(root);
  return it == pending.end() ? ArrayRef<Operation *>() : it->second;
}

bool Grouping::drawsNoise(Operation *op) const {
  return llvm::any_of(feeders(op), llvm::IsaPred<ir::DrawOp>);
}

/// A sum that one lift alone uses, at the place where it computes: the sum
/// can stay in registers.
ir::LiftOp Grouping::consumerOf(ir::LiftOp lift) {
  if (drawsNoise(lift) || lift.getNumResults() != 1 || !lift.reduces() ||
      isScalar(lift.getResult(0)))
    return {};
  Value result = lift.getResult(0);
  if (!result.hasOneUse())
    return {};
  auto user = dyn_cast<ir::LiftOp>(*result.user_begin());
  if (!user || user.reduces())
    return {};
  AffineMap map = user.getInputMap(result.use_begin()->getOperandNumber());
  for (unsigned r = 0; r < user.getNumResults(); ++r)
    if (user.getResultMap(r) != user.getResultMap(0))
      return {};
  if (map != user.getResultMap(0) || map.getNumResults() != user.getSizes().size())
    return {};
  return user;
}

Grouping::Grouping(ir::StepOp step) : step(step) {
  for (Operation &op : step.getBody().front()) {
    ir::LiftOp user;
    if (isa<ir::DrawOp, ir::LiftOp>(op))
      user = userOfNoise(&op);
    if (auto lift = dyn_cast<ir::LiftOp>(op); lift && !user)
      user = consumerOf(lift);
    if (user) {
      SmallVector<Operation *> members = pending.lookup(&op);
      members.push_back(&op);
      pending[user].append(members);
      continue;
    }
    if (isa<ir::ReadOp, ir::GetParamOp, ir::ClockOp>(op))
      continue;
    Node node;
    node.ops = pending.lookup(&op);
    node.ops.push_back(&op);
    for (Operation *member : node.ops)
      nodeOf[member] = nodes.size();
    nodes.push_back(std::move(node));
  }
}

llvm::Expected<std::vector<int>> Grouping::arrange() {
  for (auto [n, node] : llvm::enumerate(nodes))
    for (Operation *op : node.ops)
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp())
          if (auto it = nodeOf.find(def); it != nodeOf.end() && it->second != (int)n)
            node.after.insert(it->second);
  for (Operation &op : llvm::make_early_inc_range(step.getBody().front())) {
    auto write = dyn_cast<ir::WriteOp>(op);
    if (!write)
      continue;
    Value value = write.getValue();
    auto lift = value.getDefiningOp<ir::LiftOp>();
    if (lift && !inPlace.count(value) && fitsInPlace(lift, value, write.getState())) {
      int writer = nodeOf[lift];
      auto before = nodes[writer].after;
      for (int reader : readersOf(write.getState()))
        if (reader != writer)
          nodes[writer].after.insert(reader);
      if (sorted()) {
        inPlace[value] = write.getState();
        continue;
      }
      nodes[writer].after = before;
    }
    copies.push_back({write, value});
  }
  auto order = sorted();
  if (!order)
    return error("step '" + step.getSymName() + "' computes a value from itself");
  return *order;
}

SmallVector<int> Grouping::readersOf(StringRef state) {
  SmallVector<int> list;
  for (auto read : step.getBody().front().getOps<ir::ReadOp>())
    if (read.getState() == state)
      for (Operation *user : read.getValue().getUsers())
        if (!isa<ir::WriteOp>(user))
          list.push_back(nodeOf[user]);
  return list;
}

/// The kernel may read the old value only at the element that it replaces.
bool Grouping::fitsInPlace(ir::LiftOp lift, Value value, StringRef state) {
  unsigned r = cast<OpResult>(value).getResultNumber();
  for (Operation *op : nodes[nodeOf[lift]].ops)
    for (OpOperand &operand : op->getOpOperands())
      if (auto read = operand.get().getDefiningOp<ir::ReadOp>();
          read && read.getState() == state && !isScalar(read.getValue()))
        if (op != lift || lift.reduces() ||
            lift.getInputMap(operand.getOperandNumber()) != lift.getResultMap(r))
          return false;
  // A state that another result of this kernel replaces must not be the same.
  return true;
}

std::optional<std::vector<int>> Grouping::sorted() {
  std::vector<int> order;
  std::vector<bool> done(nodes.size());
  while (order.size() < nodes.size()) {
    bool moved = false;
    for (size_t n = 0; n < nodes.size(); ++n)
      if (!done[n] && llvm::all_of(nodes[n].after, [&](int k) { return done[k]; })) {
        done[n] = moved = true;
        order.push_back(n);
      }
    if (!moved)
      return std::nullopt;
  }
  return order;
}

} // namespace apical
