//===- Tiles.h - how kernels are cut ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attributes of linalg operations that Schedule.cpp follows.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_TILES_H
#define APICAL_CODEGEN_TILES_H

#include "codegen/Grouping.h"
#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace apical {

class Tiles {
public:
  Tiles(ir::StepOp step, const Machine &machine, const Layout &layout, const Grouping &grouping)
      : step(step), machine(machine), layout(layout), grouping(grouping) {}

  /// The operation that a lift has become; `transposes` if it reads something that lies transposed.
  void choose(mlir::linalg::GenericOp generic, ir::LiftOp lift, bool root, bool transposes) const;

  /// Pointwise code over noise is tiled as the noise is made best, unless a sum
  /// in the same kernel says otherwise. A contraction over noise takes its rows
  /// block by block, so that only a block is ever in memory.
  /// A sum over so many rows that they do not stay in the cache: tile after tile sums a block of them, then the next.
  void sumInBlocks(mlir::linalg::GenericOp generic, mlir::linalg::FillOp fill) const;
  void chooseForNoise(mlir::linalg::GenericOp generic, ir::LiftOp lift, bool root) const;

private:
  ir::StepOp step;
  const Machine &machine;
  const Layout &layout;
  const Grouping &grouping;
};

} // namespace apical

#endif // APICAL_CODEGEN_TILES_H
