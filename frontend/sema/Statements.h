//===- Statements.h - which statement stands where ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_STATEMENTS_H
#define APICAL_FRONTEND_SEMA_STATEMENTS_H

#include "frontend/Ast.h"

namespace apical::sema {

/// The bodies in which statements stand.
enum Body : unsigned {
  InFile = 1,
  InFunction = 2,
  InUnit = 4,
  InSynapse = 8,
  InOptimizer = 16,
  InNetwork = 32,
  InConnection = 64, ///< braces of a network's `connect`
  InRule = 128,
  InTemplate = 256, ///< `each …`
  InPhase = 512,
  InRun = 1024, ///< `run with { … }`
  InExperiment = 2048,
};

/// Reports a statement to which `body` gives no meaning: as one of a later version if the language
/// has a place for it there, else as misplaced, with the bodies to which it belongs.
void refuse(const ast::Stmt &statement, Body body, Diagnostics &diags);

} // namespace apical::sema
#endif
