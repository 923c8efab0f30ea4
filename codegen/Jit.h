//===- Jit.h - runs an object file in this process ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_JIT_H
#define APICAL_CODEGEN_JIT_H

#include "codegen/Compile.h"

#include "apical/program.h"

#include <memory>

namespace apical {

/// Keeps the code alive; `program()` is valid as long as this object. `options`
/// are those that the object was compiled with.
class Jit {
public:
  static llvm::Expected<std::unique_ptr<Jit>> load(const CompiledProgram &compiled,
                                                   const CompileOptions &options = {});
  ~Jit();
  const apical_program *program() const { return table; }

private:
  struct Impl;
  explicit Jit(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
  const apical_program *table = nullptr;
};

} // namespace apical

#endif // APICAL_CODEGEN_JIT_H
