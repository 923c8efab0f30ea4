//===- Redraw.cpp - noise is drawn again where it is used ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/LiftUtils.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace apical {
#define GEN_PASS_DEF_REDRAW
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

/// What is as large as a matrix of weights, and a draw or made of one by pointwise code.
static llvm::DenseSet<Value> noiseOf(Block &block) {
  llvm::DenseSet<Value> noise;
  for (Operation &op : block) {
    auto lift = dyn_cast<LiftOp>(op);
    bool made = isa<DrawOp>(op);
    if (lift && !lift.reduces())
      for (auto [k, input] : llvm::enumerate(lift.getInputs()))
        made |= noise.contains(input) && lift.getInputMap(k).isPermutation();
    for (Value result : op.getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType());
          made && type && type.getRank() >= 2 && type.hasStaticShape())
        noise.insert(result);
  }
  return noise;
}

/// Whether `op` may be computed anew at `user`: no state that it reads has been
/// written there.
static bool canMove(Operation *op, Operation *user) {
  for (Value operand : op->getOperands())
    if (auto read = operand.getDefiningOp<ReadOp>())
      for (Operation *next = op->getNextNode(); next != user; next = next->getNextNode())
        if (auto write = dyn_cast<WriteOp>(next); write && write.getState() == read.getState())
          return false;
  return true;
}

/// The same computation with result r alone.
static Value copyOf(IRRewriter &rewriter, Operation *op, unsigned r) {
  auto lift = dyn_cast<LiftOp>(op);
  if (!lift)
    return rewriter.clone(*op)->getResult(r);
  SmallVector<AffineMap> maps;
  for (unsigned i = 0; i < lift.getInputs().size(); ++i)
    maps.push_back(lift.getInputMap(i));
  maps.push_back(lift.getResultMap(r));
  auto copy = rewriter.create<LiftOp>(
      lift.getLoc(), TypeRange{lift.getResult(r).getType()}, lift.getInputs(), lift.getSizesAttr(),
      rewriter.getAffineMapArrayAttr(maps), rewriter.getStrArrayAttr({"none"}));
  IRMapping mapping;
  lift.getBody().cloneInto(&copy.getBody(), mapping);
  Operation &yield = copy.getBlock().back();
  yield.setOperands(SmallVector<Value>{yield.getOperand(r)});
  pruneLift(rewriter, copy);
  return copy.getResult(0);
}

namespace {

struct RedrawPass : apical::impl::RedrawBase<RedrawPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto step : getOperation().getOps<StepOp>()) {
      llvm::DenseSet<Value> noise = noiseOf(step.getBody().front());
      auto isNoise = [&](Value value) { return noise.contains(value); };
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(step.getBody().front()))) {
        if (!isa<DrawOp, LiftOp>(op) || !llvm::any_of(op.getResults(), isNoise))
          continue;
        SmallVector<OpOperand *> uses;
        for (OpOperand &use : op.getUses())
          uses.push_back(&use);
        if (uses.size() < 2 || llvm::any_of(uses, [&](OpOperand *use) {
              return !isNoise(use->get()) || !canMove(&op, use->getOwner());
            }))
          continue;
        for (OpOperand *use : uses) {
          rewriter.setInsertionPoint(use->getOwner());
          Value copy = copyOf(rewriter, &op, cast<OpResult>(use->get()).getResultNumber());
          rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(copy); });
        }
        rewriter.eraseOp(&op);
      }
    }
  }
};

} // namespace
