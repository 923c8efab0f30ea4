//===- Passes.h - the phases of code generation as passes ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_PASSES_H
#define APICAL_CODEGEN_PASSES_H

namespace apical {

/// For apical-opt: the phases of Compile.cpp, each alone, and the check of what
/// they put into memory.
void registerCodegenPasses();

} // namespace apical

#endif // APICAL_CODEGEN_PASSES_H
