//===- Layout.h - how arrays lie in memory ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unit axes and the sample axis are padded to 16, so that no kernel needs a
// tail; rows of 256·k floats get 16 more, because they would alias in the
// caches. Everything outside the logical sizes of unit axes is zero, always.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_LAYOUT_H
#define APICAL_CODEGEN_LAYOUT_H

#include "mlir/IR/BuiltinTypes.h"

namespace apical {

/// Where the elements of a state are: element i at the sum of i[k] * stride[k].
struct StateLayout {
  llvm::SmallVector<int64_t> shape, stride;
  int64_t bytes;
};
StateLayout stateLayout(mlir::RankedTensorType type);

/// The layout of every value of one step.
class Layout {
public:
  explicit Layout(int64_t batch);

  int64_t batch, paddedBatch;

  /// Sizes in memory, without the extra columns of a row.
  llvm::SmallVector<int64_t> padded(mlir::RankedTensorType type) const;
  mlir::RankedTensorType tensor(mlir::RankedTensorType type) const;
  mlir::MemRefType memref(mlir::RankedTensorType type) const;
  /// What to allocate for `memref`: the same with the extra columns.
  mlir::MemRefType allocation(mlir::RankedTensorType type) const;
  int64_t paddedSize(int64_t size) const;
};

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}
/// A lift says −1, a tensor type ShapedType::kDynamic.
inline bool isSampleAxis(int64_t size) { return size < 0; }
inline bool isScalar(mlir::Value value) { return typeOf(value).getRank() == 0; }

/// The type without signs: arith and LLVM know signless integers only.
mlir::Type signless(mlir::Type type);

} // namespace apical

#endif // APICAL_CODEGEN_LAYOUT_H
