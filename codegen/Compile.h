//===- Compile.h - from the dialect to machine code ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_COMPILE_H
#define APICAL_CODEGEN_COMPILE_H

#include "codegen/Stopwatch.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace apical {

/// Where to stop on the way to machine code.
enum class Stage {
  Linalg,      ///< kernels on tensors, before they are tiled
  Vector,      ///< tiled and vectorized, before they are put into memory
  LLVMDialect, ///< the last step in MLIR
  LLVMIR,      ///< after LLVM's passes
  Assembly,
  Object,
};

/// The processors that executables hold code for, the best first: with AVX-512, with AVX2, and any.
llvm::ArrayRef<llvm::StringRef> processorLevels();
/// Whether this machine runs code for one of them.
bool runsLevel(llvm::StringRef level);

/// A function of the runtime under another name, for callers of the object.
struct Export {
  std::string name;   ///< what callers call
  std::string target; ///< the runtime's function
  /// Result, then the target's arguments: `i` int32_t, `l` int64_t, `d` double,
  /// `p` a pointer, `v` nothing; `P` is the program, `A` the list of the alternatives, then it and
  /// NULL: callers pass neither.
  std::string signature;
  const void *address = nullptr; ///< the target in this process, if the JIT is to load the object
};

struct CompileOptions {
  /// native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4; empty: the best of the levels that this
  /// machine runs, which is what an executable chooses too, so that both give the same bits.
  std::string cpu;
  int threads = 1;                       ///< 1: no parallel loops; else they are split at run time
  std::string name = "model";            ///< apical_program.name
  std::string symbol = "apical_program"; ///< of the constant
  std::vector<std::string> alternatives; ///< symbols of the same program for better processors
  std::vector<Export> exports;
  Stage stop = Stage::Object;
  int parts = 1;                  ///< objects to make, side by side on as many threads
  Stopwatch *stopwatch = nullptr; ///< learns what the parts of the compilation take
};

/// A step with this attribute is left out; its place in the tables is empty.
inline constexpr llvm::StringLiteral laterAttribute = "apical.later";

/// An object file: code and the constant `apical_program`, which alone can be
/// seen from outside. If the compilation stopped earlier: the text of that stage.
struct CompiledProgram {
  llvm::SmallVector<char, 0> object;
  std::vector<llvm::SmallVector<char, 0>> more; ///< the other parts, if there are any
};

/// What a context needs before compile() can use it.
void registerCodegen(mlir::DialectRegistry &registry);

/// What a training step stores or copies besides its weights although it is as
/// large as one of them, one sentence each. Empty if update fusion did its work.
llvm::Expected<std::vector<std::string>> findStoredGradients(mlir::ModuleOp module,
                                                             const CompileOptions &options);

/// Generates code for a differentiated module; the module is not changed.
llvm::Expected<CompiledProgram> compile(mlir::ModuleOp module, const CompileOptions &options);

} // namespace apical

#endif // APICAL_CODEGEN_COMPILE_H
