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

/// Is anything wrong with the model but that its data are not here, or are too large for this machine?
static bool isWrong(const Session &session) {
  return llvm::any_of(session.diags.sorted(), [](const Diagnostic &d) {
    return d.severity == Severity::Error && d.code != Code::DataMissing &&
           d.code != Code::DataDamaged && d.code != Code::DataMismatch && d.code != Code::TooLarge;
  });
}

int explainCommand(Invocation &invocation) {
  // What is explained reads no data, and so skips what experiments present: that is checked as `check` does.
  Session checked(invocation.folders);
  if (checked.load(invocation.file))
    checked.elaborate();
  if (isWrong(checked))
    return report(checked, invocation);
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
    if (invocation.format == "json" && invocation.json()) { // one document stands there already
      session.diags.printJson(llvm::errs());
      return 0;
    }
  }
  return report(session, invocation);
}

} // namespace apical
