//===- ExpressionTest.cpp - precedence, quantities, spans ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Parsed.h"
#include <gtest/gtest.h>
#include <random>

using namespace apical;
using namespace apical::ast;
using apical::test::Parsed;

namespace {

/// Every pair of parentheses that the tree implies.
std::string grouped(const Expr &expr) {
  if (auto *b = llvm::dyn_cast<BinaryExpr>(&expr)) {
    static const char *const words[] = {
        "^", "*", "/", "+", "-", "..", "==", "!=", "<", "<=", ">", ">=", " and ", " or "};
    return "(" + grouped(*b->lhs) + words[static_cast<int>(b->op)] + grouped(*b->rhs) + ")";
  }
  if (auto *u = llvm::dyn_cast<UnaryExpr>(&expr))
    return (u->op == UnaryOp::Minus ? "(-" : "(not ") + grouped(*u->operand) + ")";
  if (auto *m = llvm::dyn_cast<MemberExpr>(&expr))
    return "(" + grouped(*m->base) + "." + m->member.text + ")";
  if (auto *a = llvm::dyn_cast<AtExpr>(&expr))
    return "(" + grouped(*a->base) + "@" + a->phase.text + ")";
  if (auto *i = llvm::dyn_cast<IndexExpr>(&expr))
    return "(" + grouped(*i->base) + "[" + grouped(*i->indices[0]) + "])";
  if (auto *c = llvm::dyn_cast<CallExpr>(&expr))
    return "(" + grouped(*c->callee) + "(" + (c->args.empty() ? "" : grouped(*c->args[0].value)) +
           "))";
  return toString(expr);
}

const Expr *value(const Parsed &p) {
  auto *stmt = p.first<AssignStmt>();
  return stmt ? stmt->value : nullptr;
}

void expectGrouping(const std::string &text, const std::string &want) {
  Parsed p("x = " + text);
  EXPECT_EQ(p.messages(), "");
  ASSERT_TRUE(value(p)) << text;
  EXPECT_EQ(grouped(*value(p)), want) << text;
}

void expectOnly(const std::string &text, const std::string &brief) {
  EXPECT_EQ(Parsed(text).brief(), brief) << text;
}

TEST(Expression, PrecedenceIsThatOfTheTable) {
  expectGrouping("-x^2", "(-(x^2))");
  expectGrouping("a.b(c)[d]@p", "((((a.b)(c))[d])@p)");
  expectGrouping("e@p[y]", "((e@p)[y])");
  expectGrouping("a^b^c", "(a^(b^c))");
  expectGrouping("a^-b", "(a^(-b))");
  expectGrouping("a^-b * c", "((a^(-b))*c)");
  expectGrouping("-a * b", "((-a)*b)");
  expectGrouping("not a == b", "((not a)==b)");
  expectGrouping("a / b * c", "((a/b)*c)");
  expectGrouping("a - b + c", "((a-b)+c)");
  expectGrouping("a + b * c", "(a+(b*c))");
  expectGrouping("1..n - 1", "(1..(n-1))");
  expectGrouping("a..b == c", "((a..b)==c)");
  expectGrouping("a < b and c or d and e", "(((a<b) and c) or (d and e))");
  expectGrouping("a.weight + b.for", "((a.weight)+(b.for))");
  expectGrouping("x.f(1)^2", "(((x.f)(1))^2)");
  expectGrouping("(a + b) * c", "((a+b)*c)");
}

TEST(Expression, ComparisonsAndRangesDoNotChain) {
  expectOnly("x = a < b < c", "E0003: comparisons do not chain\n");
  expectOnly("x = a == b != c", "E0003: comparisons do not chain\n");
  expectOnly("x = 1..2..3", "E0003: ranges do not chain\n");
  expectOnly("x = (a < b) == c", "");
}

TEST(Expression, QuantitiesAreOneToken) {
  auto number = [](const std::string &text, double want, const std::string &unit) {
    Parsed p("x = " + text);
    EXPECT_EQ(p.messages(), "");
    auto *n = value(p) ? llvm::dyn_cast<NumberExpr>(value(p)) : nullptr;
    ASSERT_TRUE(n) << text;
    EXPECT_EQ(n->value, want) << text;
    EXPECT_EQ(n->unit, unit) << text;
    EXPECT_EQ(p.sources.text(n->span), text);
  };
  number("20 ms", 20, "ms");
  number("20ms", 20, "ms");
  number("5 mV/ms", 5, "mV/ms");
  number("3 ticks", 3, "ticks");
  number("4 trials", 4, "trials");
  number("20_000", 20000, "");
  number("1.5e-3 s", 1.5e-3, "s");
  number("2E+3", 2000, "");
  number("9.81 m/s^2", 9.81, "m/s^2");
  expectGrouping("1 / 10 ms", "(1/10 ms)");
  expectGrouping("5 mV / s", "(5 mV/s)"); // divides by a variable
  expectGrouping("5 mV/tau", "(5 mV/tau)");
  expectGrouping("s * 2", "(s*2)");
  expectGrouping("1..9", "(1..9)");
  expectOnly("state s = 0, m = 1", "");
  expectOnly("x = 5 msx", "E0005: unknown unit `msx` after the number `5`\n");
  expectOnly("x = 5x", "E0005: unknown unit `x` after the number `5`\n");
  expectOnly("x = 1e999", "E0006: the number `1e999` is larger than any that can be represented\n");
  expectOnly("x = 1e-999",
             "E0006: the number `1e-999` is nearer to 0 than any that can be represented\n");
}

TEST(Expression, DerivativesAreOneToken) {
  Parsed p("dsoma/dt = -soma");
  auto *d = p.first<DerivativeStmt>();
  ASSERT_TRUE(d);
  EXPECT_EQ(d->var.text, "soma");
  EXPECT_EQ(d->var.span.begin, 1u);
  EXPECT_EQ(d->var.span.end, 5u);
  expectGrouping("dv / dt", "(dv/dt)");
  expectGrouping("v/dt", "(v/dt)");
  expectGrouping("d/dt", "(d/dt)");
  expectGrouping("dx/dtau", "(dx/dtau)");
  expectOnly("x = 2 * dv/dt",
             "E0003: `dv/dt` stands only at the left of `=`, at the start of a statement\n");
}

/// A random expression of at most the given depth.
Expr *random(Ast &ast, std::mt19937 &dice, int depth) {
  auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(dice); };
  auto name = [&] { return std::string(1, static_cast<char>('a' + pick(20))); };
  auto sub = [&] { return random(ast, dice, depth - 1); };
  switch (depth == 0 ? pick(3) : pick(11)) {
  case 0: {
    auto *e = ast.make<NumberExpr>({});
    static const double values[] = {0, 1, 2.5, 1e-8, 784, 0.1, 1e21, 3e100};
    static const char *const units[] = {"", "", "ms", "mV/ms", "ticks", "m/s^2"};
    e->value = values[pick(8)];
    e->unit = units[pick(6)];
    return e;
  }
  case 1: {
    auto *e = ast.make<NameExpr>({});
    e->name = name();
    return e;
  }
  case 2: {
    auto *e = ast.make<BoolExpr>({});
    e->value = pick(2) != 0;
    return e;
  }
  case 3: {
    auto *e = ast.make<MemberExpr>({});
    e->base = sub();
    e->member.text = pick(4) ? name() : "weight";
    return e;
  }
  case 4: {
    auto *e = ast.make<CallExpr>({});
    e->callee = sub();
    for (int i = pick(3); i-- > 0;)
      e->args.push_back({{pick(2) ? name() : "", {}}, pick(2) != 0, sub()});
    return e;
  }
  case 5: {
    auto *e = ast.make<IndexExpr>({});
    e->base = sub();
    for (int i = 1 + pick(2); i-- > 0;)
      e->indices.push_back(sub());
    return e;
  }
  case 6: {
    auto *e = ast.make<AtExpr>({});
    e->base = sub();
    e->phase.text = name();
    return e;
  }
  case 7: {
    auto *e = ast.make<UnaryExpr>({});
    e->op = pick(2) ? UnaryOp::Not : UnaryOp::Minus;
    e->operand = sub();
    return e;
  }
  case 8: {
    auto *e = ast.make<ArrayExpr>({});
    for (int i = pick(3); i-- > 0;)
      e->elements.push_back(sub());
    return e;
  }
  default: {
    auto *e = ast.make<BinaryExpr>({});
    e->op = static_cast<BinaryOp>(pick(14));
    e->lhs = sub();
    e->rhs = sub();
    return e;
  }
  }
}

TEST(Expression, TextReadsBackAsItself) {
  std::mt19937 dice(1);
  for (int i = 0; i < 3000; ++i) {
    Ast ast;
    Expr *expr = random(ast, dice, 1 + i % 5);
    std::string text = toString(*expr);
    Parsed p("x = " + text);
    ASSERT_EQ(p.messages(), "") << text;
    ASSERT_TRUE(value(p)) << text;
    ASSERT_EQ(toString(*value(p)), text);
    ASSERT_EQ(grouped(*value(p)), grouped(*expr)) << text; // and means the same
    ASSERT_EQ(p.sources.text(value(p)->span), text);
  }
}

} // namespace
