//===- Explain.cpp - the explain command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Commands.h"
#include "driver/Session.h"
#include "frontend/explain/Report.h"
#include "frontend/sema/Account.h"

namespace apical {

int explainCommand(Invocation &invocation) {
  Session session(invocation.folders);
  sema::Account account;
  if (session.load(invocation.file) && session.elaborate(&account, /*withoutData=*/true)) {
    explain::Report explained = explain::makeReport(account, session.sources);
    llvm::raw_ostream &os = llvm::outs();
    if (invocation.format == "json")
      explain::printJson(explained, os);
    else if (invocation.format == "markdown")
      explain::printMarkdown(explained, os);
    else if (invocation.format == "latex")
      explain::printLatex(explained, os);
    else
      explain::printText(explained, os);
  }
  return report(session, invocation);
}

} // namespace apical
