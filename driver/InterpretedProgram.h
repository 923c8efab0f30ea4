//===- InterpretedProgram.h - a module as a program that the interpreter runs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_INTERPRETEDPROGRAM_H
#define APICAL_DRIVER_INTERPRETEDPROGRAM_H

#include "codegen/Description.h"

#include <memory>

namespace apical {

/// The tables of `apical_program` for a module whose steps the interpreter
/// evaluates: states are dense and in double precision. The module must outlive
/// it, and it the use of the program.
class InterpretedProgram {
public:
  InterpretedProgram(mlir::ModuleOp module, llvm::StringRef name);
  ~InterpretedProgram();
  const apical_program *get() const;

private:
  struct Tables;
  std::unique_ptr<Tables> tables;
};

} // namespace apical
#endif
