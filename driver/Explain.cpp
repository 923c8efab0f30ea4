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

bool isExplainFormat(llvm::StringRef format) {
  return format == "text" || format == "markdown" || format == "latex" || format == "json";
}

bool explainModel(Session &session, llvm::StringRef format, llvm::raw_ostream &os) {
  sema::Account account;
  if (!session.elaborate(&account, /*withoutData=*/true))
    return false;
  explain::Report report = explain::makeReport(account, session.sources);
  if (format == "json")
    explain::printJson(report, os);
  else if (format == "markdown")
    explain::printMarkdown(report, os);
  else if (format == "latex")
    explain::printLatex(report, os);
  else
    explain::printText(report, os);
  return true;
}

} // namespace apical
