//===- Tiles.cpp - how kernels are cut ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Tiles.h"
#include "codegen/Draw.h"

using namespace mlir;

namespace apical {

void Tiles::choose(linalg::GenericOp generic, ir::LiftOp lift, bool root, bool transposes) const {
  Builder b(generic.getContext());
  unsigned parallel = generic.getNumParallelLoops(), reduced = generic.getNumReductionLoops();
  if (parallel == 0) {
    generic->setAttr("scalar", b.getUnitAttr());
    return;
  }
  if (reduced)
    // What is summed per tile is unrolled: little of it where the tile is two-dimensional already.
    generic->setAttr("ktile",
                     b.getI64IntegerAttr(lift.isContraction() || reduced + parallel > 2 ? 4 : 16));
  if (!root)
    return;
  SmallVector<int64_t> sizes = generic.getStaticLoopRanges(), tile(sizes.size(), 0);
  SmallVector<unsigned> loops;
  for (auto [d, kind] : llvm::enumerate(generic.getIteratorTypesArray()))
    if (kind == utils::IteratorType::parallel) {
      loops.push_back(d);
      tile[d] = 1;
    }
  unsigned last = loops.back(), outer = loops.front();
  tile[last] = sizes[last] % machine.cols == 0 ? machine.cols : std::min<int64_t>(16, sizes[last]);
  if (parallel == 1 && reduced && last == 0) // sums along the rows
    tile[last] = std::min<int64_t>(8, sizes[last]);
  if (parallel > 1) {
    unsigned row = loops[parallel - 2];
    tile[row] = std::min(machine.rows, sizes[row]);
    if (transposes)
      tile[last] = tile[row] = 16; // transposed in registers
  }
  generic->setAttr("tile", b.getDenseI64ArrayAttr(tile));
  int64_t work = 1;
  for (int64_t n : sizes)
    work *= n;
  // Multiply-adds of the contractions that are made in the tiles.
  int64_t sums = lift.isContraction() ? work : 0;
  for (Operation *member : grouping.feeders(lift))
    if (auto sum = dyn_cast<ir::LiftOp>(member); sum && sum.isContraction()) {
      int64_t points = 1;
      for (int64_t n : sum.getSizes())
        points *= layout.paddedSize(n);
      sums += points;
    }
  // Column panels outermost while the rows are samples: the panel of the
  // weights stays in the cache. Weights, and what is no sum, are walked in order.
  bool samplesFirst = !lift.getSizes().empty() && isSampleAxis(lift.getSizes()[0]) &&
                      lift.getResultMap(0).isFunctionOfDim(0);
  bool members = parallel == 3 && reduced && loops[2] == 2; // of each sample
  if ((reduced || sums) && ((parallel == 2 && loops[1] == 1) || members) && samplesFirst) {
    if (sizes[last] > tile[last])
      outer = last;
    SmallVector<int64_t> order{last};
    for (unsigned d = 0; d < sizes.size(); ++d)
      if (d != last)
        order.push_back(d);
    generic->setAttr("order", b.getDenseI64ArrayAttr(order));
  }
  // About ten microseconds: less is not worth waking anybody. One point of a
  // map reads and writes memory, which costs as much as several multiply-adds.
  bool splits = std::max(sums, work * (reduced || lift.getInputs().empty() ? 1 : 8)) >= 1 << 20 &&
                sizes[outer] > tile[outer];
  // Wide tiles and a narrow rest, where that is worth a second piece of code.
  bool alone = !(machine.parallel && splits && outer == last);
  if (sums >= 1 << 20 && alone && !grouping.drawsNoise(lift) && sizes[last] > machine.cols &&
      tile[last] == 16 && tile[last] < machine.cols &&
      tile != SmallVector<int64_t>(sizes.size(), 16)) {
    tile[last] = machine.cols;
    generic->setAttr("tile", b.getDenseI64ArrayAttr(tile));
  }
  if (splits) {
    SmallVector<int64_t> par(sizes.size(), 0);
    par[outer] = tile[outer];
    generic->setAttr("par", b.getDenseI64ArrayAttr(par));
  }
}

void Tiles::sumInBlocks(linalg::GenericOp generic, linalg::FillOp fill) const {
  Builder b(generic.getContext());
  SmallVector<int64_t> sizes = generic.getStaticLoopRanges(),
                       tile(generic->getAttrOfType<DenseI64ArrayAttr>("tile").asArrayRef());
  fill->setAttr("tile", b.getDenseI64ArrayAttr({1, std::min<int64_t>(16, sizes[1])}));
  constexpr int64_t cached = 1 << 16; // numbers, of a private cache
  int64_t rows = sizes[2], block = rows;
  for (int64_t n = 4; n <= cached / (sizes[0] + sizes[1]); n += 4)
    if (rows % n == 0)
      block = n;
  if (block == rows || block < 64)
    return;
  tile[2] = block;
  generic->setAttr("tile", b.getDenseI64ArrayAttr(tile));
  generic->setAttr("order", b.getDenseI64ArrayAttr({2, 0, 1}));
}

void Tiles::chooseForNoise(linalg::GenericOp generic, ir::LiftOp lift, bool root) const {
  Builder b(generic.getContext());
  SmallVector<int64_t> sizes = generic.getStaticLoopRanges();
  if (!lift.reduces()) {
    bool sums = llvm::any_of(grouping.feeders(lift), llvm::IsaPred<ir::LiftOp>);
    if (!root || !sums)
      generic->setAttr(root ? "tile" : "panel",
                       b.getDenseI64ArrayAttr(drawTile(sizes, !runsOnce(step))));
    return;
  }
  int64_t rows = sizes.back(), block = 16;
  for (int64_t size = 16; size <= std::min<int64_t>(128, rows / 2); size += 16)
    if (rows % size == 0)
      block = size;
  generic->setAttr("block", b.getI64IntegerAttr(block));
  generic->removeAttr("par"); // or each thread draws all of it
  Operation *fill = generic.getDpsInitOperand(0)->get().getDefiningOp();
  fill->setAttr("tile", b.getDenseI64ArrayAttr({1, std::min<int64_t>(16, sizes[1])}));
}

} // namespace apical
