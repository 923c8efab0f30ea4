//===- Check.cpp - the check command, and what the others share ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Commands.h"
#include "driver/Session.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

namespace apical {

int report(Session &session, const Invocation &invocation) {
  if (invocation.json())
    session.diags.printJson(llvm::outs());
  else
    session.diags.print(llvm::errs(), llvm::errs().has_colors());
  return session.diags.hasErrors() ? 1 : 0;
}

int fail(const llvm::Twine &message) {
  llvm::errs() << "apical: error: " << message << "\n";
  return 1;
}

mlir::OwningOpRef<mlir::ModuleOp> loadModule(Session &session, const Invocation &invocation,
                                             sema::Account *account) {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  session.interpreted = invocation.interpret;
  if (session.load(invocation.file))
    module = session.elaborate(account);
  if (report(session, invocation))
    return nullptr;
  if (module && mlir::succeeded(mlir::verify(*module)))
    return module;
  fail("a defect of the compiler: the model was elaborated wrongly; please report it");
  return nullptr;
}

int checkCommand(Invocation &invocation) {
  Session session(invocation.folders);
  return loadModule(session, invocation) ? 0 : 1;
}

} // namespace apical
