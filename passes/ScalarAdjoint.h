//===- ScalarAdjoint.h - derivatives of scalar operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES_SCALARADJOINT_H
#define APICAL_PASSES_SCALARADJOINT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"

namespace apical {

/// True if no derivative passes through `op`: comparisons, conversions from and
/// to integers, rounding, constants, barriers.
bool isInactive(mlir::Operation *op);

/// Writes the reverse-mode code of one scalar operation of a body: given the
/// adjoint of its result, calls `give` with what that adds to the adjoint of
/// operand i, for every operand i that has a derivative. `value` says where the
/// operation's operands and result are to be found in the code being written.
/// Fails if no rule is known; writes nothing then.
mlir::LogicalResult
writeAdjoint(mlir::OpBuilder &builder, mlir::Operation *op, mlir::Value adjoint,
             llvm::function_ref<mlir::Value(mlir::Value)> value,
             llvm::function_ref<void(unsigned, llvm::function_ref<mlir::Value()>)> give);

} // namespace apical

#endif // APICAL_PASSES_SCALARADJOINT_H
