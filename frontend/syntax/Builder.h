//===- Builder.h - from the parse tree to the syntax tree -------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Statements with an error inside are left out; definitions whose head is wrong
/// keep their name. The few rules of form that a grammar says badly are checked
/// here: what does not associate, which words of a declaration go together.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SYNTAX_BUILDER_H
#define APICAL_FRONTEND_SYNTAX_BUILDER_H

#include "ApicalParser.h"
#include "frontend/Ast.h"
#include "frontend/syntax/TokenFilter.h"

namespace apical::syntax {

ast::Block buildTree(grammar::ApicalParser::FileContext *tree, const Tokens &tokens,
                     const Sources &sources, ast::Ast &ast, Diagnostics &diags);

} // namespace apical::syntax
#endif
