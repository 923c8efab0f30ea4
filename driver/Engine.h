//===- Engine.h - a module that can be run ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_ENGINE_H
#define APICAL_DRIVER_ENGINE_H

#include "apical/program.h"
#include "codegen/Stopwatch.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace apical {

/// How the steps of a model are carried out.
struct Execution {
  bool interpret = false; ///< by the reference interpreter, in double precision
  std::string cpu;        ///< as in CompileOptions
  int threads = 1;        ///< among which loops can be split; 0: as many as processors
  bool lazy = false; ///< be ready for the first experiment soon; ends the process if the rest fails
  Stopwatch *stopwatch = nullptr; ///< learns what the parts of the compilation take
};

/// The program of a module, for as long as this object lives. The module may be
/// changed by it and must outlive it.
class Engine {
public:
  virtual ~Engine() = default;
  virtual const apical_program *program() const = 0;
};

/// `name` is that of the source file, without folders.
llvm::Expected<std::unique_ptr<Engine>> makeEngine(mlir::ModuleOp module, llvm::StringRef name,
                                                   const Execution &execution);

/// The passes that precede code generation.
llvm::Error runDialectPasses(mlir::ModuleOp module);

} // namespace apical
#endif
