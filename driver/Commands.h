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
#include "llvm/ADT/STLFunctionalExtras.h"
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

/// What to do with a program that is ready to run; its result is the exit status.
using Host = llvm::function_ref<int(const apical_program &program)>;
/// Compiles the module, which it may change, or prepares its interpretation.
/// The program lives as long as `host` runs.
int withProgram(mlir::ModuleOp module, llvm::StringRef path, const Execution &execution, Host host);

struct VerifyOptions {
  int64_t steps = 500; ///< of every training experiment
  int64_t every = 50;  ///< steps from one measurement to the next
  bool json = false;
};
/// Trains and measures how the changes that the rules make lie to the exact
/// gradients. Exit status: as of runModel; 1 too if the gradients themselves
/// are not what differences of the cost say.
int verifyModel(Session &session, llvm::StringRef path, const apical_run_options &options,
                const Execution &execution, const VerifyOptions &verify, llvm::raw_ostream &os);

/// Runs the experiments of an elaborated model, which it may change. Exit
/// status: 0, 1 for a user's error, 2 for misuse.
int runModel(mlir::ModuleOp module, llvm::StringRef path, const apical_run_options &options,
             const Execution &execution);

} // namespace apical
#endif
