//===- Lifts.h - a lift as linalg on tensors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_LIFTS_H
#define APICAL_CODEGEN_LIFTS_H

#include "codegen/Padding.h"
#include "codegen/Tiles.h"

#include "mlir/IR/IRMapping.h"

#include <optional>

namespace apical {

class Lifts {
public:
  Lifts(const Machine &machine, const Layout &layout, Padding &padding, const Tiles &tiles)
      : machine(machine), layout(layout), padding(padding), tiles(tiles) {}

  /// result(b, i) = sum over k of rows(b, k) * w(i, k): both operands are
  /// contiguous along the sum. The samples become the vector dimension instead:
  /// rows are transposed once, and the result in registers.
  bool contractsRows(ir::LiftOp lift) const;
  /// Which of the inputs of such a lift has the rows.
  unsigned rowsOperand(ir::LiftOp lift) const;
  /// Such a lift, with `memory` for the transposed rows: into `place`, or as what its consumer transposes.
  mlir::Value emitContractedRows(mlir::OpBuilder &k, ir::LiftOp lift,
                                 llvm::DenseMap<mlir::Value, mlir::Value> &values,
                                 mlir::Value memory, mlir::Value count, mlir::Value place);

  /// A contraction of a convolution, whose places go with the samples in every operand: both are one axis of rows, and
  /// the contraction is that of two matrices. `memory` is for the weights, turned, where they are read across, or for a
  /// sum over the rows on its way to a consumer.
  bool sweepsPlaces(ir::LiftOp lift) const;
  /// Which of the inputs has weights that must be turned, if any.
  std::optional<unsigned> turnedWeights(ir::LiftOp lift) const;
  mlir::Value emitOverPlaces(mlir::OpBuilder &k, ir::LiftOp lift,
                             llvm::DenseMap<mlir::Value, mlir::Value> &values, mlir::Value memory,
                             mlir::Value destination);

  /// Memory as a result of the above sees it.
  mlir::Value inShapeOf(mlir::OpBuilder &k, mlir::Value memory, mlir::Value result) const;

  /// Any other, one generic for all results that keep the same axes. `values` are the tensors of its inputs, `destinations` of
  /// its results if it is the root of the kernel.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &k, ir::LiftOp lift,
                                      llvm::DenseMap<mlir::Value, mlir::Value> &values,
                                      llvm::ArrayRef<mlir::Value> destinations, mlir::Value count,
                                      bool root);

private:
  llvm::SmallBitVector shortSums(ir::LiftOp lift, unsigned result) const;
  mlir::Value cutOff(mlir::OpBuilder &k, mlir::Value value, ir::LiftOp lift, unsigned operand,
                     const llvm::SmallBitVector &cut) const;
  mlir::Value emitTranspose(mlir::OpBuilder &k, mlir::Location loc, mlir::Value from,
                            mlir::Value to, int64_t tile);
  void emitGeneric(mlir::OpBuilder &k, ir::LiftOp lift, llvm::ArrayRef<unsigned> members,
                   llvm::DenseMap<mlir::Value, mlir::Value> &values,
                   llvm::ArrayRef<mlir::Value> destinations, mlir::Value count, bool root,
                   llvm::SmallVector<mlir::Value> &made);

  const Machine &machine;
  const Layout &layout;
  Padding &padding;
  const Tiles &tiles;
  llvm::DenseSet<mlir::Value> transposed;
};

} // namespace apical

#endif // APICAL_CODEGEN_LIFTS_H
