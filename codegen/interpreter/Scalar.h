//===- Scalar.h - scalar code of a lift on arrays of points ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_INTERPRETER_SCALAR_H
#define APICAL_CODEGEN_INTERPRETER_SCALAR_H

#include "ir/ApicalDialect.h"

#include <Eigen/Core>

namespace apical {

/// A value and its derivative in one direction, at many points at once. An
/// empty tangent is 0 everywhere. Integers are held as the numbers they are
/// when read as signed (i1: 0 or 1).
struct Dual {
  Eigen::ArrayXd value;
  Eigen::ArrayXd tangent;
  bool active() const { return tangent.size() != 0; }
};

/// Evaluates one scalar operation at `points` points. `coordinates(axis)` gives
/// the coordinate of each point. Fails with a diagnostic at `op` if its meaning
/// or its derivative is not known.
mlir::FailureOr<Dual> evaluateScalar(mlir::Operation &op, int64_t points,
                                     llvm::function_ref<const Dual &(mlir::Value)> operand,
                                     llvm::function_ref<Eigen::ArrayXd(unsigned axis)> coordinates);

} // namespace apical

#endif // APICAL_CODEGEN_INTERPRETER_SCALAR_H
