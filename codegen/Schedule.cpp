//===- Schedule.cpp - loops around tiles ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A root carries `tile` (sizes per loop) and maybe `order` (interchange) and
// `par` (outer tile for threads). Its producers that are no roots are fused
// into the tile; a last tile that is smaller gets loops of its own. `block` cuts the innermost sum first, and fuses what makes its
// operands into the blocks; such a producer has its tile in `panel`. Afterwards every operation with `ktile` has its innermost
// reduction tiled, so that the accumulators can live in registers.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;

namespace apical {

static SmallVector<int64_t> integers(Operation *op, StringRef name) {
  if (auto attr = op->getAttrOfType<DenseI64ArrayAttr>(name))
    return SmallVector<int64_t>(attr.asArrayRef());
  return {};
}

static FailureOr<linalg::LinalgOp> tileAndFuse(IRRewriter &rewriter, linalg::LinalgOp op,
                                               ArrayRef<int64_t> sizes, ArrayRef<int64_t> order,
                                               bool forall) {
  scf::SCFTilingOptions tiling;
  SmallVector<OpFoldResult> attrs;
  for (int64_t size : sizes)
    attrs.push_back(rewriter.getIndexAttr(size));
  tiling.setTileSizes(attrs);
  if (!order.empty())
    tiling.setInterchange(order);
  if (forall)
    tiling.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  scf::SCFTileAndFuseOptions options;
  options.setTilingOptions(tiling);
  options.setFusionControlFn([](tensor::ExtractSliceOp, OpResult producer, bool) {
    Operation *owner = producer.getOwner();
    return std::make_tuple(isa<linalg::LinalgOp>(owner) && !owner->hasAttr("tile"), false);
  });
  rewriter.setInsertionPoint(op);
  auto tiled = scf::tileConsumerAndFuseProducersUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(tiled))
    return failure();
  SmallVector<Value> replacements;
  for (Value result : op->getResults())
    replacements.push_back(tiled->replacements.lookup(result));
  rewriter.replaceOp(op, replacements);
  auto first = cast<linalg::LinalgOp>(tiled->tiledAndFusedOps.front());
  for (LoopLikeOpInterface loop : tiled->loops)
    if (auto sequential = dyn_cast<scf::ForOp>(loop.getOperation())) {
      scf::ForOp rest; // nothing happens if the tiles fit
      (void)scf::peelForLoopAndSimplifyBounds(rewriter, sequential, rest);
    }
  return first;
}

/// Cuts the last loop, a sum, into blocks with all that makes their operands.
static llvm::Error cutIntoBlocks(IRRewriter &rewriter, linalg::LinalgOp op) {
  SmallVector<OpFoldResult> sizes(op.getNumLoops(), rewriter.getIndexAttr(0));
  sizes.back() = rewriter.getIndexAttr(cast<IntegerAttr>(op->getAttr("block")).getInt());
  op->removeAttr("block");
  scf::SCFTileAndFuseOptions options;
  options.setTilingOptions(scf::SCFTilingOptions().setTileSizes(sizes));
  options.setFusionControlFn([](tensor::ExtractSliceOp, OpResult producer, bool) {
    bool fuses = isa<linalg::GenericOp>(producer.getOwner());
    return std::make_tuple(fuses, false);
  });
  rewriter.setInsertionPoint(op);
  auto tiled = scf::tileConsumerAndFuseProducersUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(tiled))
    return error("a sum over noise cannot be cut into blocks");
  // One place for all blocks, and as large as one.
  auto loop = cast<scf::ForOp>(tiled->loops.front());
  rewriter.setInsertionPoint(loop);
  loop.walk([&](tensor::ExtractSliceOp slice) {
    if (slice.getSource().getDefiningOp<tensor::EmptyOp>() && slice.getType().hasStaticShape())
      rewriter.replaceOp(slice, rewriter.create<tensor::EmptyOp>(slice.getLoc(),
                                                                 slice.getType().getShape(),
                                                                 slice.getType().getElementType()));
  });
  rewriter.replaceOp(op, tiled->replacements.lookup(op->getResult(0)));
  return llvm::Error::success();
}

llvm::Error schedule(func::FuncOp function, const Machine &machine) {
  IRRewriter rewriter(function.getContext());
  SmallVector<linalg::LinalgOp> blocked, roots, reductions;
  function.walk([&](linalg::LinalgOp op) {
    if (op->hasAttr("block"))
      blocked.push_back(op);
  });
  auto mergeEqual = [&] {
    DominanceInfo dominance(function);
    eliminateCommonSubExpressions(rewriter, dominance, function);
  };
  for (linalg::LinalgOp op : blocked) {
    if (auto failed = cutIntoBlocks(rewriter, op))
      return failed;
    mergeEqual(); // see below
  }
  function.walk([&](linalg::LinalgOp op) {
    if (Attribute panel = op->removeAttr("panel"))
      op->setAttr("tile", panel);
    if (op->hasAttr("tile"))
      roots.push_back(op);
  });
  for (linalg::LinalgOp root : roots) {
    auto tile = integers(root, "tile"), order = integers(root, "order"),
         par = integers(root, "par");
    if (machine.parallel && !par.empty()) {
      auto outer = tileAndFuse(rewriter, root, par, {}, true);
      if (failed(outer))
        return error("a kernel cannot be split among threads");
      root = *outer;
    }
    if (failed(tileAndFuse(rewriter, root, tile, order, false)))
      return error("a kernel cannot be tiled");
  }
  // A producer that two consumers of one tile use was pulled in twice; loops
  // would not merge any more.
  mergeEqual();
  function.walk([&](linalg::LinalgOp op) {
    op->removeAttr("tile");
    if (op->hasAttr("ktile"))
      reductions.push_back(op);
  });
  for (linalg::LinalgOp op : reductions) {
    int64_t size = cast<IntegerAttr>(op->getAttr("ktile")).getInt();
    int64_t left = op.getNumReductionLoops();
    op->removeAttr("ktile");
    if (!op->getParentOfType<LoopLikeOpInterface>() || left == 0)
      continue;
    SmallVector<OpFoldResult> sizes;
    for (auto kind : op.getIteratorTypesArray())
      sizes.push_back(rewriter.getIndexAttr(kind != utils::IteratorType::reduction ? 0
                                            : --left                               ? 1
                                                                                   : size));
    rewriter.setInsertionPoint(op);
    auto tiled = scf::tileUsingSCF(rewriter, cast<TilingInterface>(op.getOperation()),
                                   scf::SCFTilingOptions().setTileSizes(sizes));
    if (failed(tiled))
      return error("a sum cannot be tiled");
    rewriter.replaceOp(op, tiled->replacements);
  }
  return llvm::Error::success();
}

} // namespace apical
