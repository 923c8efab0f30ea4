//===- Schedule.cpp - loops around tiles ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A root carries `tile` (sizes per loop) and maybe `order` (interchange) and
// `par` (outer tile for threads). Its producers that are no roots are fused
// into the tile; afterwards every operation with `ktile` has its innermost
// reduction tiled, so that the accumulators can live in registers.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
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
  return cast<linalg::LinalgOp>(tiled->tiledAndFusedOps.front());
}

llvm::Error schedule(func::FuncOp function, const Machine &machine) {
  IRRewriter rewriter(function.getContext());
  SmallVector<linalg::LinalgOp> roots, reductions;
  function.walk([&](linalg::LinalgOp op) {
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
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
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
