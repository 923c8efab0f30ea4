//===- Forms.h - what an expression looks like ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_FORMS_H
#define APICAL_FRONTEND_SEMA_FORMS_H

#include "frontend/Ast.h"
#include <optional>
#include <set>

namespace apical::sema {

/// `NAME(args)`, as in `error(x)`; null if `e` is anything else.
const ast::CallExpr *callOf(const ast::Expr &e, llvm::StringRef name);
/// The name in `NAME` or `NAME(args)`, with its arguments; null for other forms.
const ast::NameExpr *calleeOf(const ast::Expr *e, llvm::ArrayRef<ast::Argument> &args);
/// `base.member`; null for other forms and other bases.
const ast::MemberExpr *memberOf(const ast::Expr &e, llvm::StringRef base);
/// Of `error(end)` and `error(end.x)`: "" and "x".
std::optional<std::string> errorOf(const ast::Expr &e, llvm::StringRef end);
/// Every name that an expression reads.
void collectNames(const ast::Expr &e, std::set<std::string> &names);
/// The same, and `part.cost` besides `part`.
void collectPaths(const ast::Expr &e, std::set<std::string> &paths);

} // namespace apical::sema
#endif
