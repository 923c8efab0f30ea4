//===- Generic.h - definitions checked before they are used ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_GENERIC_H
#define APICAL_FRONTEND_SEMA_GENERIC_H

#include "frontend/sema/Evaluator.h"

namespace apical::sema {

/// Checks the functions, units, synapses, rules and optimizers of a file as they
/// stand, whether or not a network uses them: that every name is declared, that a
/// `let` is written before it is read, that calls fit the functions they call, and
/// that a rule declares the capabilities which its text alone gives away. Shapes,
/// dimensions and what depends on the graph are checked where they are instantiated.
/// Returns the definitions with errors.
std::set<const ast::Stmt *> checkDefinitions(const ast::File &file, const Globals &globals,
                                             Diagnostics &diags);

/// Names in what nothing reads, and so nothing evaluates: every `const` of the file and every `let` of a network, or of
/// an experiment, where `columns` are those of its table. False if one is unknown.
void checkUnread(const ast::File &file, const Globals &globals, Diagnostics &diags);
bool checkUnread(const ast::ExperimentDecl &experiment, const std::vector<std::string> &columns,
                 const Globals &globals, Diagnostics &diags);

} // namespace apical::sema
#endif
