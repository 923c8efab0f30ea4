//===- Compile.h - from the dialect to machine code ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_COMPILE_H
#define APICAL_CODEGEN_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace apical {

struct CompileOptions {
  std::string cpu = "native";  ///< native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4
  int threads = 1;             ///< 1: no parallel loops; else they are split at run time
  std::string name = "model";  ///< apical_program.name
  std::string *dump = nullptr; ///< receives the kernels as they are before bufferization
};

/// An object file: one function per step, and the constant `apical_program`.
struct CompiledProgram {
  llvm::SmallVector<char, 0> object;
};

/// What a context needs before compile() can use it.
void registerCodegen(mlir::DialectRegistry &registry);

/// Generates code for a differentiated module; the module is not changed.
llvm::Expected<CompiledProgram> compile(mlir::ModuleOp module, const CompileOptions &options);

} // namespace apical

#endif // APICAL_CODEGEN_COMPILE_H
