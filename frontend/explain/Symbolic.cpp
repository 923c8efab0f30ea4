//===- Symbolic.cpp - expressions with names put in ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Symbolic.h"

namespace apical::explain {
using namespace ast;

namespace {

bool isNumber(const Expr *e, double value) {
  auto *n = llvm::dyn_cast<NumberExpr>(e);
  return n && n->value == value && n->unit.empty();
}

} // namespace

Expr *Symbolic::number(double value) {
  auto *n = store.make<NumberExpr>(Span());
  n->value = value;
  return n;
}

Expr *Symbolic::name(llvm::StringRef text) {
  auto *n = store.make<NameExpr>(Span());
  n->name = text.str();
  return n;
}

Expr *Symbolic::member(llvm::StringRef base, llvm::StringRef text) {
  auto *m = store.make<MemberExpr>(Span());
  m->base = name(base);
  m->member.text = text.str();
  return m;
}

Expr *Symbolic::call(llvm::StringRef callee, llvm::ArrayRef<Expr *> args) {
  auto *c = store.make<CallExpr>(Span());
  c->callee = name(callee);
  for (Expr *a : args)
    c->args.push_back({{}, false, a});
  return c;
}

Expr *Symbolic::reduction(llvm::StringRef function, Expr *e, Expr *set) {
  auto *c = llvm::cast<CallExpr>(call(function, {e}));
  c->args.push_back({{"over", {}}, false, set});
  return c;
}

Expr *Symbolic::sum(Expr *e, llvm::StringRef set) { return reduction("sum", e, name(set)); }

Expr *Symbolic::at(Expr *e, llvm::StringRef phase) {
  auto *a = store.make<AtExpr>(Span());
  a->base = e;
  a->phase.text = phase.str();
  return a;
}

Expr *Symbolic::negative(Expr *e) {
  if (isNumber(e, 0))
    return e;
  auto *u = store.make<UnaryExpr>(Span());
  u->op = UnaryOp::Minus;
  u->operand = e;
  return u;
}

Expr *Symbolic::binary(BinaryOp op, Expr *l, Expr *r) {
  switch (op) {
  case BinaryOp::Mul:
    if (isNumber(l, 0) || isNumber(r, 1))
      return l;
    if (isNumber(r, 0) || isNumber(l, 1))
      return r;
    break;
  case BinaryOp::Div:
    if (isNumber(l, 0) || isNumber(r, 1))
      return l;
    break;
  case BinaryOp::Add:
    if (isNumber(l, 0))
      return r;
    if (isNumber(r, 0))
      return l;
    break;
  case BinaryOp::Sub:
    if (isNumber(r, 0))
      return l;
    if (isNumber(l, 0))
      return negative(r);
    break;
  case BinaryOp::Pow:
    if (isNumber(r, 1))
      return l;
    break;
  default:
    break;
  }
  auto *b = store.make<BinaryExpr>(Span());
  b->op = op;
  b->lhs = l;
  b->rhs = r;
  return b;
}

Expr *Symbolic::rewrite(const Expr &e, const Scope &scope) {
  if (Expr *put = scope(e))
    return put;
  auto inside = [&](const Expr *x) { return x ? rewrite(*x, scope) : nullptr; };
  switch (e.kind) {
  case ExprKind::Number: {
    auto *n = store.make<NumberExpr>(e.span);
    n->value = llvm::cast<NumberExpr>(e).value;
    n->unit = llvm::cast<NumberExpr>(e).unit;
    return n;
  }
  case ExprKind::Bool: {
    auto *b = store.make<BoolExpr>(e.span);
    b->value = llvm::cast<BoolExpr>(e).value;
    return b;
  }
  case ExprKind::String: {
    auto *s = store.make<StringExpr>(e.span);
    s->value = llvm::cast<StringExpr>(e).value;
    return s;
  }
  case ExprKind::Name: {
    auto *n = store.make<NameExpr>(e.span);
    n->name = llvm::cast<NameExpr>(e).name;
    return n;
  }
  case ExprKind::Member: {
    auto *m = store.make<MemberExpr>(e.span);
    m->base = inside(llvm::cast<MemberExpr>(e).base);
    m->member = llvm::cast<MemberExpr>(e).member;
    return m;
  }
  case ExprKind::Call: {
    auto &from = llvm::cast<CallExpr>(e);
    auto *c = store.make<CallExpr>(e.span);
    c->callee = llvm::isa<NameExpr>(from.callee) ? from.callee : inside(from.callee);
    for (const Argument &a : from.args)
      c->args.push_back({a.name, a.drawn, a.name.text == "over" ? a.value : inside(a.value)});
    return c;
  }
  case ExprKind::Index: {
    auto *i = store.make<IndexExpr>(e.span);
    i->base = inside(llvm::cast<IndexExpr>(e).base);
    for (const Expr *x : llvm::cast<IndexExpr>(e).indices)
      i->indices.push_back(inside(x));
    return i;
  }
  case ExprKind::At: {
    Expr *base = inside(llvm::cast<AtExpr>(e).base);
    if (llvm::isa<NumberExpr>(base)) // the same in every phase
      return base;
    auto *a = store.make<AtExpr>(e.span);
    a->base = base;
    a->phase = llvm::cast<AtExpr>(e).phase;
    return a;
  }
  case ExprKind::Unary: {
    auto &from = llvm::cast<UnaryExpr>(e);
    Expr *operand = inside(from.operand);
    if (from.op == UnaryOp::Minus)
      return negative(operand);
    auto *u = store.make<UnaryExpr>(e.span);
    u->op = from.op;
    u->operand = operand;
    return u;
  }
  case ExprKind::Binary: {
    auto &b = llvm::cast<BinaryExpr>(e);
    return binary(b.op, inside(b.lhs), inside(b.rhs));
  }
  case ExprKind::Array: {
    auto *a = store.make<ArrayExpr>(e.span);
    for (const Expr *x : llvm::cast<ArrayExpr>(e).elements)
      a->elements.push_back(inside(x));
    return a;
  }
  }
  llvm_unreachable("every kind of expression is copied");
}

void walk(const Expr &e, const std::function<void(const Expr &)> &visit) {
  visit(e);
  auto inside = [&](const Expr *x) {
    if (x)
      walk(*x, visit);
  };
  if (auto *m = llvm::dyn_cast<MemberExpr>(&e))
    inside(m->base);
  if (auto *c = llvm::dyn_cast<CallExpr>(&e)) {
    if (!llvm::isa<NameExpr>(c->callee))
      inside(c->callee);
    for (const Argument &a : c->args)
      inside(a.value);
  }
  if (auto *i = llvm::dyn_cast<IndexExpr>(&e)) {
    inside(i->base);
    for (const Expr *x : i->indices)
      inside(x);
  }
  if (auto *a = llvm::dyn_cast<AtExpr>(&e))
    inside(a->base);
  if (auto *u = llvm::dyn_cast<UnaryExpr>(&e))
    inside(u->operand);
  if (auto *b = llvm::dyn_cast<BinaryExpr>(&e)) {
    inside(b->lhs);
    inside(b->rhs);
  }
  if (auto *a = llvm::dyn_cast<ArrayExpr>(&e))
    for (const Expr *x : a->elements)
      inside(x);
}

void walk(const Stmt &s, const std::function<void(const Expr &)> &visit) {
  auto expr = [&](const Expr *e) {
    if (e)
      walk(*e, visit);
  };
  auto block = [&](const Block &b) {
    for (const Stmt *inner : b)
      walk(*inner, visit);
  };
  if (auto *d = llvm::dyn_cast<Definition>(&s))
    block(d->body);
  if (auto *c = llvm::dyn_cast<CostDecl>(&s))
    expr(c->value);
  if (auto *a = llvm::dyn_cast<AreaDecl>(&s))
    block(a->body);
  if (auto *l = llvm::dyn_cast<LearnDecl>(&s))
    expr(l->subject);
  if (auto *v = llvm::dyn_cast<VarDecl>(&s))
    for (auto &d : v->vars)
      expr(d.init);
  if (auto *a = llvm::dyn_cast<AssignStmt>(&s)) {
    expr(a->target);
    expr(a->value);
  }
  if (auto *d = llvm::dyn_cast<DerivativeStmt>(&s))
    expr(d->value);
  if (auto *i = llvm::dyn_cast<IfStmt>(&s)) {
    expr(i->condition);
    block(i->thenBody);
    block(i->elseBody);
  }
  if (auto *f = llvm::dyn_cast<ForStmt>(&s))
    block(f->body);
  if (auto *e = llvm::dyn_cast<EventDecl>(&s)) {
    expr(e->condition);
    expr(e->slope);
    block(e->body);
  }
  if (auto *o = llvm::dyn_cast<OnStmt>(&s))
    block(o->body);
  if (auto *r = llvm::dyn_cast<ReturnStmt>(&s))
    expr(r->value);
  if (auto *k = llvm::dyn_cast<KeepStmt>(&s))
    expr(k->value);
  if (auto *p = llvm::dyn_cast<PhaseDecl>(&s))
    block(p->body);
  if (auto *t = llvm::dyn_cast<TemplateStmt>(&s))
    block(t->body);
  if (auto *r = llvm::dyn_cast<RunStmt>(&s)) {
    expr(r->until);
    for (const Block &b : r->with)
      block(b);
  }
  if (auto *e = llvm::dyn_cast<ExprStmt>(&s))
    expr(e->value);
  if (auto *c = llvm::dyn_cast<ConnectDecl>(&s))
    block(c->body);
}

std::multiset<std::string> factors(const Expr &e) {
  if (auto *b = llvm::dyn_cast<BinaryExpr>(&e); b && b->op == BinaryOp::Mul) {
    std::multiset<std::string> all = factors(*b->lhs);
    all.merge(factors(*b->rhs));
    return all;
  }
  return {toString(e)};
}

} // namespace apical::explain
