//===- Commands.h - what the apical command can do with a module ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_COMMANDS_H
#define APICAL_DRIVER_COMMANDS_H

#include "apical/runtime.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"

namespace apical {

/// Runs the experiments of an elaborated model. Exit status: 0, 1 for a user's
/// error, 2 for misuse.
int runModel(mlir::ModuleOp module, llvm::StringRef path, const apical_run_options &options);

} // namespace apical
#endif
