//===- RuntimeCalls.h - what the runtime computes of a step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_RUNTIMECALLS_H
#define APICAL_CODEGEN_RUNTIMECALLS_H

#include "codegen/Layout.h"
#include "ir/ApicalDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace apical {

/// Calls of functions of the runtime at the insertion point of a step, each through a function of its own that
/// takes the memory as an argument: the pointer of a view inside the step would be that of what it looks into.
class RuntimeCalls {
public:
  RuntimeCalls(mlir::ModuleOp kernels, const Layout &layout, mlir::OpBuilder &step,
               mlir::Location loc)
      : kernels(kernels), layout(layout), step(step), loc(loc) {}

  /// A matrix that is drawn as a whole.
  void orthogonal(mlir::Value memory, mlir::RankedTensorType matrix, mlir::Value key,
                  mlir::Value when);
  /// Places along an axis, of the samples that there are. What pads the result is left as it is.
  void rank(mlir::Value from, mlir::Value to, mlir::RankedTensorType field, unsigned axis,
            mlir::Value samples);
  /// What a window sees of an area, or what it leaves there. With further axes than samples, what pads these is
  /// left as it is.
  void window(mlir::Value from, mlir::Value to, mlir::RankedTensorType result,
              const ir::Window &window, bool unfolds, mlir::Value samples);

private:
  /// An axis besides those that one call is for, with the elements from one of it to the next in either memory.
  struct Line {
    int64_t size, from, to;
  };
  using Call =
      llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange pointers, mlir::Value lines)>;
  void declare(llvm::StringRef name, unsigned pointers, unsigned numbers);
  /// Calls for all lines of the first axis at once, in a loop over the other axes. Functions of one name are one.
  void overLines(std::string name, mlir::Value from, mlir::Value to, llvm::ArrayRef<Line> axes,
                 mlir::Value samples, Call call);

  mlir::ModuleOp kernels;
  const Layout &layout;
  mlir::OpBuilder &step;
  mlir::Location loc;
};

} // namespace apical

#endif // APICAL_CODEGEN_RUNTIMECALLS_H
