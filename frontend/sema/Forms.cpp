//===- Forms.cpp - what an expression looks like ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"

namespace apical::sema {

const ast::CallExpr *callOf(const ast::Expr &e, llvm::StringRef name) {
  auto *call = llvm::dyn_cast<ast::CallExpr>(&e);
  auto *callee = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : nullptr;
  return callee && callee->name == name ? call : nullptr;
}

const ast::NameExpr *calleeOf(const ast::Expr *e, llvm::ArrayRef<ast::Argument> &args) {
  if (auto *call = llvm::dyn_cast_or_null<ast::CallExpr>(e)) {
    args = call->args;
    return llvm::dyn_cast<ast::NameExpr>(call->callee);
  }
  return llvm::dyn_cast_or_null<ast::NameExpr>(e);
}

std::optional<std::string> errorOf(const ast::Expr &e, llvm::StringRef end) {
  auto *call = callOf(e, "error");
  if (!call || call->args.size() != 1)
    return std::nullopt;
  const ast::Expr *arg = call->args[0].value;
  if (auto *n = llvm::dyn_cast<ast::NameExpr>(arg); n && n->name == end)
    return "";
  if (auto *m = memberOf(*arg, end))
    return m->member.text;
  return std::nullopt;
}

const ast::MemberExpr *memberOf(const ast::Expr &e, llvm::StringRef base) {
  auto *m = llvm::dyn_cast<ast::MemberExpr>(&e);
  if (!m)
    return nullptr;
  if (auto *name = llvm::dyn_cast<ast::NameExpr>(m->base))
    return name->name == base ? m : nullptr;
  return base.contains('.') && ast::toString(*m->base) == base ? m : nullptr;
}

/// Every name and, if asked for, every `a.b.c` of names.
static void collect(const ast::Expr &e, std::set<std::string> &names, bool paths) {
  auto visit = [&](const ast::Expr *child) {
    if (child)
      collect(*child, names, paths);
  };
  if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
    names.insert(n->name);
  else if (auto *m = llvm::dyn_cast<ast::MemberExpr>(&e)) {
    if (paths)
      names.insert(ast::toString(e));
    visit(m->base);
  } else if (auto *c = llvm::dyn_cast<ast::CallExpr>(&e)) {
    visit(c->callee);
    for (auto &a : c->args)
      visit(a.value);
  } else if (auto *i = llvm::dyn_cast<ast::IndexExpr>(&e)) {
    visit(i->base);
    for (auto *index : i->indices)
      visit(index);
  } else if (auto *at = llvm::dyn_cast<ast::AtExpr>(&e))
    visit(at->base);
  else if (auto *u = llvm::dyn_cast<ast::UnaryExpr>(&e))
    visit(u->operand);
  else if (auto *b = llvm::dyn_cast<ast::BinaryExpr>(&e)) {
    visit(b->lhs);
    visit(b->rhs);
  } else if (auto *a = llvm::dyn_cast<ast::ArrayExpr>(&e))
    for (auto *element : a->elements)
      visit(element);
}

void collectNames(const ast::Expr &e, std::set<std::string> &names) { collect(e, names, false); }

void collectPaths(const ast::Expr &e, std::set<std::string> &paths) { collect(e, paths, true); }

} // namespace apical::sema
