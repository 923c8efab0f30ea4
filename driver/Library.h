//===- Library.h - a compiled model as a library for C ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_LIBRARY_H
#define APICAL_DRIVER_LIBRARY_H

#include "codegen/Compile.h"

#include "apical/program.h"

namespace apical {

/// A C identifier made from a name: letters, digits and underscores.
std::string identifier(llvm::StringRef name);

/// The functions that a library named `prefix` offers.
std::vector<Export> libraryExports(llvm::StringRef prefix);

/// The header that declares them, with sizes and one function for each
/// experiment. `link` says in one line what to link with.
std::string libraryHeader(const apical_program &program, llvm::StringRef prefix,
                          llvm::StringRef link);

} // namespace apical
#endif
