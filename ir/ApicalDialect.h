//===- ApicalDialect.h - the dialect and its operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C++ side of ApicalDialect.td. Everything between the front end and linalg is
// said in these operations; see the .td for what each of them means.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_IR_APICALDIALECT_H
#define APICAL_IR_APICALDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "ir/Window.h"

// What TableGen generates does not name its unused parameters away.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-parameter"
#include "ir/ApicalDialect.h.inc"

#define GET_OP_CLASSES
#include "ir/ApicalOps.h.inc"
#pragma clang diagnostic pop

namespace apical::ir {

/// The type under which an element of a tensor appears in the body of a lift:
/// the element type itself, except that unsigned integers lose their sign
/// (arith knows signless integers only; the operation says how to read them).
mlir::Type bodyType(mlir::Type elementType);

/// `apical.unfold` or `apical.fold`: linear, and each the transpose of the other.
class WindowOp : public mlir::OpState {
public:
  using OpState::OpState;
  explicit WindowOp(mlir::Operation *op) : OpState(op) {}
  static bool classof(mlir::Operation *op) { return mlir::isa<UnfoldOp, FoldOp>(op); }

  bool unfolds() { return mlir::isa<UnfoldOp>(getOperation()); }
  Window getWindow();
  mlir::Value getOperand() { return getOperation()->getOperand(0); }
  mlir::Value getValue() { return getOperation()->getResult(0); }
  /// The same of another value, and the transpose.
  mlir::Value again(mlir::OpBuilder &builder, mlir::Value field);
  mlir::Value transposed(mlir::OpBuilder &builder, mlir::Value field);
};

} // namespace apical::ir

#endif // APICAL_IR_APICALDIALECT_H
