//===- Prefetch.cpp - asks in time for what the end of a sum will read ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile of a contraction is a loop that sums in registers, and code behind it
// that reads as many numbers of a field: the old values of the weights, say,
// which come from far away. They are asked for before the loop, which is long
// enough to hide the way.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace apical {

/// Moves what makes `value` before `loop`, if it is only address arithmetic.
static bool makeAvailable(Value value, scf::ForOp loop) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != loop->getBlock() || def->isBeforeInBlock(loop))
    return true; // around the loop, or before it
  if (!isPure(def) || def->getNumRegions() || def == loop)
    return false;
  for (Value operand : def->getOperands())
    if (!makeAvailable(operand, loop))
      return false;
  def->moveBefore(loop);
  return true;
}

void prefetchTiles(func::FuncOp function) {
  function.walk([](scf::ForOp loop) {
    if (loop.getNumResults() == 0 || !isa<VectorType>(loop.getResult(0).getType()))
      return;
    auto trips = constantTripCount(loop.getLowerBound(), loop.getUpperBound(), loop.getStep());
    if (!trips || *trips < 16)
      return; // too short to hide anything
    SmallVector<vector::TransferReadOp> reads;
    for (Operation *op = loop->getNextNode(); op; op = op->getNextNode()) {
      auto read = dyn_cast<vector::TransferReadOp>(op);
      // A row or a column of numbers serves many tiles and is near.
      if (read && isa<MemRefType>(read.getSource().getType()) &&
          read.getPermutationMap().isMinorIdentity() && read.getVectorType().getRank() == 2 &&
          read.getVectorType().getDimSize(0) > 1)
        reads.push_back(read);
    }
    OpBuilder b(loop);
    for (vector::TransferReadOp read : reads) {
      bool there = makeAvailable(read.getSource(), loop);
      for (Value index : read.getIndices())
        there = there && makeAvailable(index, loop);
      if (!there)
        continue;
      b.setInsertionPoint(loop);
      auto type = read.getVectorType();
      int64_t line = 64 / (type.getElementTypeBitWidth() / 8);
      unsigned rank = read.getIndices().size();
      for (int64_t row = 0; row < type.getDimSize(0); ++row)
        for (int64_t column = 0; column < type.getDimSize(1); column += line) {
          SmallVector<Value> at(read.getIndices());
          auto shift = [&](Value &index, int64_t by) {
            if (by)
              index = b.create<arith::AddIOp>(read.getLoc(), index,
                                              b.create<arith::ConstantIndexOp>(read.getLoc(), by));
          };
          shift(at[rank - 2], row);
          shift(at[rank - 1], column);
          b.create<memref::PrefetchOp>(read.getLoc(), read.getSource(), at, /*isWrite=*/true,
                                       /*localityHint=*/3, /*isDataCache=*/true);
        }
    }
  });
}

} // namespace apical
