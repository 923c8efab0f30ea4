//===- Padding.h - what lies outside the logical sizes ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything in memory is zero outside the logical sizes of the unit axes. A body
// is analysed with "operands are zero there"; where the result is not provably
// zero it is masked, and so are the terms of a reduction. Invalid rows of the
// sample axis may hold anything, until something reduces them.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_PADDING_H
#define APICAL_CODEGEN_PADDING_H

#include "codegen/Layout.h"
#include "ir/ApicalDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace apical {

inline mlir::Value number(mlir::OpBuilder &b, mlir::Location loc, double value) {
  return b.create<mlir::arith::ConstantOp>(loc, b.getF32FloatAttr(value));
}

/// What a combiner begins with.
double identityOf(llvm::StringRef combiner);

class Padding {
public:
  explicit Padding(const Layout &layout) : layout(layout) {}

  /// Masks one contribution to result `r` of a lift where it must not count, and
  /// combines it with `old`. `count` is the number of valid samples. Axes in `cut` are summed without what pads them.
  mlir::Value finish(mlir::OpBuilder &in, ir::LiftOp lift, unsigned r, mlir::Value term,
                     mlir::Value old, llvm::ArrayRef<unsigned> loopOfAxis, mlir::Value count,
                     const llvm::SmallBitVector &cut = {});

  /// The value is zero in invalid rows.
  void setNullRows(mlir::Value value) { nullRows.insert(value); }
  bool hasNullRows(mlir::Value value) const { return nullRows.contains(value); }
  /// Invalid rows may be infinite or NaN.
  bool hasWildRows(mlir::Value value) const { return wildRows.contains(value); }

private:
  bool padsAxis(int64_t size);
  mlir::Value inside(mlir::OpBuilder &k, mlir::Location loc, unsigned loop, int64_t size,
                     mlir::Value count);
  bool feedsContraction(mlir::Value value, bool wild);
  bool meetsContraction(mlir::Value value, bool wild, bool conducted);

  const Layout &layout;
  llvm::DenseSet<mlir::Value> nullRows;
  llvm::DenseSet<mlir::Value> wildRows; ///< values whose invalid rows may be infinite or NaN
};

} // namespace apical

#endif // APICAL_CODEGEN_PADDING_H
