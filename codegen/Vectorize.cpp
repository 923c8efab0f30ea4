//===- Vectorize.cpp - tiles become vectors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Still on tensors: accumulators become loop-carried vectors because reads and
// writes of the same slice are hoisted out of the reduction's loop.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Hoisting.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorTransforms.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;

namespace apical {

/// Two or four vectors, one per number of a group, become one: all first numbers, then all second ones, to each
/// group in turn.
static void interleave(IRRewriter &rewriter, linalg::LinalgOp op) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Value zero = rewriter.create<arith::ConstantIndexOp>(loc, 0);
  SmallVector<Value> words, origin(type.getRank(), zero);
  SmallVector<bool> inBounds(type.getRank(), true);
  // Shuffles of other numbers of lanes than powers of two would move them one by one.
  SmallVector<int64_t> offsets(type.getRank(), 0), strides(type.getRank(), 1), shape;
  for (Value word : op.getDpsInputs()) {
    auto from = cast<RankedTensorType>(word.getType());
    auto vector = VectorType::get(from.getShape(), from.getElementType());
    Value read = rewriter.create<vector::TransferReadOp>(loc, vector, word, origin, inBounds);
    shape.assign(from.getShape().begin(), from.getShape().end());
    shape.back() = static_cast<int64_t>(llvm::PowerOf2Ceil(shape.back()));
    if (shape.back() != from.getShape().back()) {
      auto wide = VectorType::get(shape, from.getElementType());
      Value none = rewriter.create<arith::ConstantOp>(loc, rewriter.getZeroAttr(wide));
      read = rewriter.create<vector::InsertStridedSliceOp>(loc, read, none, offsets, strides);
    }
    words.push_back(read);
  }
  auto pair = [&](Value x, Value y) {
    return rewriter.create<vector::InterleaveOp>(loc, x, y).getResult();
  };
  Value all = words.size() == 2 ? pair(words[0], words[1])
                                : pair(pair(words[0], words[2]), pair(words[1], words[3]));
  if (cast<VectorType>(all.getType()).getShape() != type.getShape())
    all =
        rewriter.create<vector::ExtractStridedSliceOp>(loc, all, offsets, type.getShape(), strides);
  auto write =
      rewriter.create<vector::TransferWriteOp>(loc, all, op.getDpsInits()[0], origin, inBounds);
  rewriter.replaceOp(op, write.getResult());
}

/// Each lane sums products of its own: c[i, j, l] += a[i, k, l] b[j, k, l] for one k.
static void multiplyLanes(IRRewriter &rewriter, linalg::LinalgOp op) {
  Location loc = op.getLoc();
  Value zero = rewriter.create<arith::ConstantIndexOp>(loc, 0);
  SmallVector<Value> origin(3, zero), read;
  SmallVector<bool> inBounds(3, true);
  for (Value tensor : op->getOperands()) {
    auto type = cast<RankedTensorType>(tensor.getType());
    auto vector = VectorType::get(type.getShape(), type.getElementType());
    read.push_back(rewriter.create<vector::TransferReadOp>(loc, vector, tensor, origin, inBounds));
  }
  auto type = cast<VectorType>(read[2].getType());
  auto row = [&](Value v, int64_t i, int64_t j) {
    return rewriter.create<vector::ExtractOp>(loc, v, ArrayRef<int64_t>{i, j}).getResult();
  };
  Value sums = read[2];
  for (int64_t i = 0; i < type.getDimSize(0); ++i)
    for (int64_t j = 0; j < type.getDimSize(1); ++j) {
      Value sum = rewriter.create<vector::FMAOp>(loc, row(read[0], i, 0), row(read[1], j, 0),
                                                 row(read[2], i, j));
      sums = rewriter.create<vector::InsertOp>(loc, sum, sums, ArrayRef<int64_t>{i, j});
    }
  auto write =
      rewriter.create<vector::TransferWriteOp>(loc, sums, op.getDpsInits()[0], origin, inBounds);
  rewriter.replaceOp(op, write.getResult());
}

void vectorizeTiles(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  applyPatterns(function, linalg::populateLinalgTilingCanonicalizationPatterns);
  SmallVector<linalg::LinalgOp> ops;
  function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  for (linalg::LinalgOp op : ops) {
    int64_t points = 1;
    for (int64_t size : op.getStaticLoopRanges())
      points = ShapedType::isDynamic(size) ? INT32_MAX : points * size;
    // What has no tile, or no loops, is left to scalar loops.
    if (points > 8192 || points == 1 || op->hasAttr("scalar"))
      continue;
    rewriter.setInsertionPoint(op);
    if (op->hasAttr("interleave"))
      interleave(rewriter, op);
    else if (op->hasAttr("lanes"))
      multiplyLanes(rewriter, op);
    else
      (void)linalg::vectorize(rewriter, op);
  }
  applyPatterns(function, [&](RewritePatternSet &patterns) {
    vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
    vector::populateVectorReductionToContractPatterns(patterns);
    vector::populateSinkVectorBroadcastPatterns(patterns);
    vector::TransferReadOp::getCanonicalizationPatterns(patterns, function.getContext());
    vector::TransferWriteOp::getCanonicalizationPatterns(patterns, function.getContext());
    tensor::populateFoldTensorSubsetIntoVectorTransferPatterns(patterns);
  });
  function.walk([&](LoopLikeOpInterface loop) { moveLoopInvariantCode(loop); });
  SmallVector<LoopLikeOpInterface> loops;
  function.walk([&](scf::ForOp loop) { loops.push_back(loop); });
  for (LoopLikeOpInterface loop : loops)
    (void)hoistLoopInvariantSubsets(rewriter, loop);
}

void lowerVectors(func::FuncOp function) {
  auto options = vector::VectorTransformsOptions()
                     .setVectorTransformsOptions(vector::VectorContractLowering::OuterProduct)
                     .setVectorTransposeLowering(vector::VectorTransposeLowering::Shuffle16x16);
  // Sums along vectors reduce lanes; sums of vectors add them in order.
  auto direction = vector::VectorMultiReductionLowering::InnerParallel;
  function.walk([&](vector::MultiDimReductionOp op) {
    if (op.isReducedDim(op.getSourceVectorType().getRank() - 1))
      direction = vector::VectorMultiReductionLowering::InnerReduction;
  });
  // A tile has one sample of a value with members: the contraction is that of two matrices.
  applyPatterns(function, [](RewritePatternSet &patterns) {
    vector::populateCastAwayVectorLeadingOneDimPatterns(patterns);
  });
  applyPatterns(function, [&](RewritePatternSet &patterns) {
    vector::populateVectorContractLoweringPatterns(patterns, options);
    vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
    vector::populateVectorOuterProductLoweringPatterns(patterns);
    vector::populateVectorInterleaveLoweringPatterns(patterns, 1);
    vector::populateVectorMultiReductionLoweringPatterns(patterns, direction);
    populateMathPolynomialApproximationPatterns(patterns, {});
  });
  applyPatterns(function, [&](RewritePatternSet &patterns) {
    vector::populateVectorTransposeLoweringPatterns(patterns, options);
    populateVectorToSCFConversionPatterns(
        patterns, VectorTransferToSCFOptions().enableFullUnroll().setTargetRank(1));
  });
  applyPatterns(function, [&](RewritePatternSet &patterns) {
    vector::populateVectorTransferLoweringPatterns(patterns, 1);
    vector::populateVectorShapeCastLoweringPatterns(patterns);
    vector::populateVectorBroadcastLoweringPatterns(patterns);
  });
}

} // namespace apical
