//===- Draw.h - random numbers as linalg on tensors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definition of what is drawn is ir/Random.h.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_DRAW_H
#define APICAL_CODEGEN_DRAW_H

#include "ir/ApicalDialect.h"

namespace apical {

/// As ir::streamKey, of a seed that is known at run time.
mlir::Value emitStreamKey(mlir::OpBuilder &b, mlir::Location loc, mlir::Value seed,
                          llvm::StringRef stream);

/// What a kernel must be given to make a draw.
struct DrawInputs {
  mlir::Value key, trial; ///< i64
  mlir::Value count;      ///< valid samples
};

/// The draw in the padded shape of `destination`, zero outside the logical sizes.
mlir::Value emitDraw(mlir::OpBuilder &b, ir::DrawOp draw, mlir::Value destination,
                     const DrawInputs &inputs);

/// How much of an array of this padded shape is best made together; more if that happens in every step.
llvm::SmallVector<int64_t> drawTile(llvm::ArrayRef<int64_t> shape, bool everyStep);

} // namespace apical

#endif // APICAL_CODEGEN_DRAW_H
