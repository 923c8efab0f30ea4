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
#include <string>

namespace apical {

/// How the steps of a model are carried out.
struct Execution {
  bool interpret = false;     ///< by the reference interpreter, in double precision
  std::string cpu = "native"; ///< for which processor code is generated
};

class Session;

/// `text`, `markdown`, `latex` or `json`.
bool isExplainFormat(llvm::StringRef format);
/// Writes what learning does and needs, without looking at data. False if the
/// model has errors, which are in the session.
bool explainModel(Session &session, llvm::StringRef format, llvm::raw_ostream &os);

/// Runs the experiments of an elaborated model, which it may change. Exit
/// status: 0, 1 for a user's error, 2 for misuse.
int runModel(mlir::ModuleOp module, llvm::StringRef path, const apical_run_options &options,
             const Execution &execution);

} // namespace apical
#endif
