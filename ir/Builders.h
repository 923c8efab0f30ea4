//===- Builders.h - short ways to make operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The elaborator and the passes make the same few shapes of lift again and
// again; they say here only what differs: the domain, who sees which axes, and
// the scalar code.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_IR_BUILDERS_H
#define APICAL_IR_BUILDERS_H

#include "ir/ApicalDialect.h"

#include "mlir/IR/Builders.h"

namespace apical::ir {

/// Writes the scalar code of a lift and returns what it yields.
using BodyBuilder = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    mlir::OpBuilder &, mlir::Location, mlir::ValueRange args)>;
/// The same for a lift with one result.
using ScalarBuilder =
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange args)>;

/// The general lift: maps for the inputs first, then for the results.
LiftOp liftOp(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
              llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<mlir::AffineMap> maps,
              llvm::ArrayRef<llvm::StringRef> combiners, mlir::TypeRange results, BodyBuilder body);

/// A lift with one result.
mlir::Value lift(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
                 llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<mlir::AffineMap> maps,
                 llvm::ArrayRef<llvm::StringRef> combiners, mlir::TypeRange results,
                 BodyBuilder body);

/// The projection of a domain of `numAxes` axes on `axes`, in that order.
mlir::AffineMap axesMap(mlir::MLIRContext *context, unsigned numAxes,
                        llvm::ArrayRef<unsigned> axes);

/// The sizes of a domain that has the axes of `type`: −1 for the sample axis.
llvm::SmallVector<int64_t> domainSizes(mlir::RankedTensorType type);

/// The field type that the domain's `sizes` give through `map`.
mlir::RankedTensorType fieldType(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> sizes,
                                 mlir::AffineMap map);

/// Scalar code over the axes of `type`; an input of rank 0 is seen everywhere,
/// every other input has the shape of `type`.
mlir::Value pointwise(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
                      mlir::RankedTensorType type, ScalarBuilder body);

/// What a window sees of an area: the last axis of the field becomes two.
mlir::Value unfold(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value field,
                   const Window &window);
/// The sum of what a window leaves at each unit: the last two axes become one.
mlir::Value fold(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value field,
                 const Window &window);

/// A field that is `value` everywhere.
mlir::Value splat(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                  double value);

/// a + b, elementwise; both have one type.
mlir::Value addFields(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);

/// The value that `field` has everywhere, if it is a splat.
std::optional<double> splatValue(mlir::Value field);

} // namespace apical::ir

#endif // APICAL_IR_BUILDERS_H
