//===- Commands.h - what the apical command can do ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_COMMANDS_H
#define APICAL_DRIVER_COMMANDS_H

#include "driver/CommandLine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace apical {

class Session;
struct Execution;
namespace sema {
struct Account;
}

// One command each. The status is that of the process: 0, 1 for a user's
// error, 2 for misuse, 130 for a run that was interrupted.
int runCommand(Invocation &invocation);
int buildCommand(Invocation &invocation);
int checkCommand(Invocation &invocation);
int explainCommand(Invocation &invocation);
int verifyCommand(Invocation &invocation);
int emitCommand(Invocation &invocation);

/// Prints the diagnostics as the user wants them; 1 if there are errors, else 0.
int report(Session &session, const Invocation &invocation);

/// Prints an error that has no place in a source; returns 1.
int fail(const llvm::Twine &message);

/// Reads, checks and elaborates the model. After an error, which is reported,
/// the result is null. `account` is as in ElaborateOptions.
mlir::OwningOpRef<mlir::ModuleOp> loadModule(Session &session, const Invocation &invocation,
                                             sema::Account *account = nullptr);

/// Is there nothing that could be run? That is reported.
bool nothingToRun(Session &session, const Invocation &invocation);

Execution executionOf(const Invocation &invocation);

/// Lets a run look for data beside the model too, after the user's folders.
void addModelFolders(const Session &session, Invocation &invocation);

} // namespace apical
#endif
