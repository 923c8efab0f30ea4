//===- Placeholder.h - values that only data could give ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_PLACEHOLDER_H
#define APICAL_FRONTEND_PLACEHOLDER_H

#include "frontend/sema/Trial.h"

namespace apical {

/// An argument of the step in the place of a value that only data could give: of a variable of an area, or of what the
/// network is given. A step with such arguments is checked, and cannot be run.
sema::Field placeholder(sema::Evaluator &ev, const sema::Area &area, const std::string &variable,
                        ir::StepOp step, Span at);
sema::Field placeholder(sema::Evaluator &ev, const sema::Scalar &scalar, ir::StepOp step, Span at);

/// What the areas of a network are given, by area and declaration.
void eachGiven(
    const sema::Network &net,
    llvm::function_ref<void(const sema::Area &, const ast::VarDecl::Declarator &)> visit);

} // namespace apical
#endif
