//===- Simplify.cpp - dead credit and duplicates ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/Builders.h"
#include "passes/LiftUtils.h"
#include "passes/Passes.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace apical {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

namespace {

struct PruneLift : OpRewritePattern<LiftOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LiftOp lift, PatternRewriter &rewriter) const override {
    if (!pruneLift(rewriter, lift))
      return rewriter.notifyMatchFailure(lift, "everything is used");
    return success();
  }
};

/// A lift that only hands on its operand is the operand.
struct DropCopy : OpRewritePattern<LiftOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LiftOp lift, PatternRewriter &rewriter) const override {
    if (lift.getInputs().size() != 1 || lift.getNumResults() != 1 || lift.reduces() ||
        lift.getYielded()[0] != lift.getBlock().getArgument(0) ||
        lift.getInputMap(0) != lift.getResultMap(0) ||
        lift.getInputs()[0].getType() != lift.getResult(0).getType())
      return rewriter.notifyMatchFailure(lift, "not a copy");
    rewriter.replaceOp(lift, lift.getInputs());
    return success();
  }
};

/// A field that is the same everywhere is a constant of the body that reads it.
/// A contraction keeps its two operands, except that a factor of 1 vanishes.
struct InlineSplat : OpRewritePattern<LiftOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LiftOp lift, PatternRewriter &rewriter) const override {
    for (auto [i, input] : llvm::enumerate(lift.getInputs())) {
      std::optional<double> value = splatValue(input);
      BlockArgument argument = lift.getBlock().getArgument(i);
      if (!value || argument.use_empty() || (lift.isContraction() && *value != 1.0))
        continue;
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(&lift.getBlock());
      Value constant = rewriter.create<arith::ConstantOp>(
          lift.getLoc(), rewriter.getFloatAttr(argument.getType(), *value));
      rewriter.replaceAllUsesWith(argument, constant);
      return success();
    }
    return rewriter.notifyMatchFailure(lift, "no operand is a splat");
  }
};

/// x + 0 is x (up to the sign of a zero), in either order.
struct DropZeroTerm : OpRewritePattern<arith::AddFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::AddFOp add, PatternRewriter &rewriter) const override {
    for (unsigned i = 0; i < 2; ++i)
      if (matchPattern(add->getOperand(i), m_AnyZeroFloat())) {
        rewriter.replaceOp(add, add->getOperand(1 - i));
        return success();
      }
    return rewriter.notifyMatchFailure(add, "no term is zero");
  }
};

/// Dead-credit elimination: what no write and no report needs is not computed.
///
///   1. Until nothing changes: erase lifts that nothing uses, prune unused
///      operands and code, inline fields that are constant, drop zero terms and
///      copies. (This order makes the cotangents of what is not learned vanish
///      together with all that only they need.)
///   2. Merge operations that compute the same thing.
struct SimplifyPass : apical::impl::SimplifyBase<SimplifyPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PruneLift, DropCopy, InlineSplat, DropZeroTerm>(&getContext());
    FrozenRewritePatternSet frozen(std::move(patterns));
    GreedyRewriteConfig config;
    config.maxIterations = 1000; // a constant moves on by one operation in each
    for (auto step : getOperation().getOps<StepOp>())
      if (failed(applyPatternsAndFoldGreedily(step, frozen, config)))
        return signalPassFailure();
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(getOperation());
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
  }
};

} // namespace
