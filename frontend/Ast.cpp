//===- Ast.cpp - the tree as text -------------------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Ast.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace apical::ast {
namespace {

// Levels of the table in the reference: the larger, the tighter.
enum Level { Or = 1, And, Compare, Range, Sum, Product, Prefix, Power, Postfix };

Level levelOf(BinaryOp op) {
  switch (op) {
  case BinaryOp::Pow:
    return Power;
  case BinaryOp::Mul:
  case BinaryOp::Div:
    return Product;
  case BinaryOp::Add:
  case BinaryOp::Sub:
    return Sum;
  case BinaryOp::Range:
    return Range;
  case BinaryOp::And:
    return And;
  case BinaryOp::Or:
    return Or;
  default:
    return Compare;
  }
}

const char *spelling(BinaryOp op) {
  static const char *const words[] = {"^",    " * ", " / ",  " + ", " - ",  "..",    " == ",
                                      " != ", " < ", " <= ", " > ", " >= ", " and ", " or "};
  return words[static_cast<int>(op)];
}

/// The shortest text that reads back as the same number.
std::string numberText(double value) {
  char buffer[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value)
      break;
  }
  std::string text = buffer;
  if (size_t e = text.find('e');
      e != std::string::npos && std::abs(value) >= 1 && std::abs(value) < 1e15) {
    std::snprintf(buffer, sizeof buffer, "%.0f", value);
    text = buffer;
  }
  return text;
}

class Writer {
public:
  std::string out;

  void put(const Expr *expr, Level least) {
    if (!expr) {
      out += "?";
      return;
    }
    Level own = levelOf(*expr);
    if (own < least)
      out += "(";
    write(*expr);
    if (own < least)
      out += ")";
  }

private:
  static Level levelOf(const Expr &expr) {
    if (auto *b = llvm::dyn_cast<BinaryExpr>(&expr))
      return ast::levelOf(b->op);
    if (llvm::isa<UnaryExpr>(expr))
      return Prefix;
    // `5 ms^2` is five square milliseconds, `5 ms.x` is nothing.
    if (auto *n = llvm::dyn_cast<NumberExpr>(&expr); n && !n->unit.empty())
      return Prefix;
    return Postfix;
  }

  void list(const std::vector<Expr *> &exprs) {
    for (size_t i = 0; i < exprs.size(); ++i) {
      out += i ? ", " : "";
      put(exprs[i], Or);
    }
  }

  void write(const Expr &expr) {
    switch (expr.kind) {
    case ExprKind::Number: {
      auto &e = llvm::cast<NumberExpr>(expr);
      out += numberText(e.value) + (e.unit.empty() ? "" : " " + e.unit);
      break;
    }
    case ExprKind::Bool:
      out += llvm::cast<BoolExpr>(expr).value ? "true" : "false";
      break;
    case ExprKind::String:
      out += '"' + llvm::cast<StringExpr>(expr).value + '"';
      break;
    case ExprKind::Name:
      out += llvm::cast<NameExpr>(expr).name;
      break;
    case ExprKind::Member: {
      auto &e = llvm::cast<MemberExpr>(expr);
      put(e.base, Postfix);
      out += "." + e.member.text;
      break;
    }
    case ExprKind::Call: {
      auto &e = llvm::cast<CallExpr>(expr);
      put(e.callee, Postfix);
      out += "(";
      for (size_t i = 0; i < e.args.size(); ++i) {
        out += i ? ", " : "";
        if (e.args[i].name)
          out += e.args[i].name.text + (e.args[i].drawn ? " ~ " : " = ");
        put(e.args[i].value, Or);
      }
      out += ")";
      break;
    }
    case ExprKind::Index: {
      auto &e = llvm::cast<IndexExpr>(expr);
      put(e.base, Postfix);
      out += "[";
      list(e.indices);
      out += "]";
      break;
    }
    case ExprKind::At: {
      auto &e = llvm::cast<AtExpr>(expr);
      put(e.base, Postfix);
      out += "@" + e.phase.text;
      break;
    }
    case ExprKind::Unary: {
      auto &e = llvm::cast<UnaryExpr>(expr);
      out += e.op == UnaryOp::Minus ? "-" : "not ";
      put(e.operand, Prefix);
      break;
    }
    case ExprKind::Binary: {
      auto &e = llvm::cast<BinaryExpr>(expr);
      Level own = ast::levelOf(e.op);
      auto tighter = static_cast<Level>(own + 1);
      bool none = own == Compare || own == Range;
      put(e.lhs, none || own == Power ? tighter : own);
      out += spelling(e.op);
      put(e.rhs, own == Power ? own : tighter);
      break;
    }
    case ExprKind::Array:
      out += "[";
      list(llvm::cast<ArrayExpr>(expr).elements);
      out += "]";
      break;
    }
  }
};

} // namespace

std::string toString(const Expr &expr) {
  Writer writer;
  writer.put(&expr, Or);
  return std::move(writer.out);
}

} // namespace apical::ast
