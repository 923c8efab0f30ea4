//===- Symbolic.h - expressions with names put in ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_EXPLAIN_SYMBOLIC_H
#define APICAL_FRONTEND_EXPLAIN_SYMBOLIC_H

#include "frontend/Ast.h"
#include "frontend/sema/Forms.h"
#include <functional>
#include <set>

namespace apical::explain {

using sema::calleeOf;
using sema::callOf;

/// Makes expressions out of expressions of the source, and owns them. Every
/// construct of the tree is copied as it stands, so that a new one needs
/// nothing here.
class Symbolic {
public:
  /// What stands in the place of an expression; null: what it consists of is looked at.
  using Scope = std::function<ast::Expr *(const ast::Expr &)>;
  /// A copy with everything put in and neutral zeros and ones left out.
  ast::Expr *rewrite(const ast::Expr &e, const Scope &scope);

  ast::Expr *number(double value);
  ast::Expr *name(llvm::StringRef text);
  ast::Expr *member(llvm::StringRef base, llvm::StringRef text);
  ast::Expr *call(llvm::StringRef callee, llvm::ArrayRef<ast::Expr *> args);
  /// `sum(e, over = set)`.
  ast::Expr *sum(ast::Expr *e, llvm::StringRef set);
  ast::Expr *reduction(llvm::StringRef function, ast::Expr *e, ast::Expr *set);
  /// `e@phase`.
  ast::Expr *at(ast::Expr *e, llvm::StringRef phase);
  ast::Expr *binary(ast::BinaryOp op, ast::Expr *lhs, ast::Expr *rhs);
  ast::Expr *negative(ast::Expr *e);

private:
  ast::Ast store;
};

/// Calls `visit` for the expression and everything in it; not for names of functions.
void walk(const ast::Expr &e, const std::function<void(const ast::Expr &)> &visit);
/// Every expression of a statement and of the statements in it.
void walk(const ast::Stmt &s, const std::function<void(const ast::Expr &)> &visit);

/// The factors of a product as text: products that differ in order and grouping only are equal.
std::multiset<std::string> factors(const ast::Expr &e);

} // namespace apical::explain
#endif
