//===- PrintLatex.cpp - the report as a LaTeX document ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Report.h"
#include "llvm/ADT/StringSwitch.h"

namespace apical::explain {
using namespace ast;
namespace {

std::string escape(llvm::StringRef text) {
  std::string out;
  for (char c : text)
    switch (c) {
    case '\\':
      out += "\\textbackslash{}";
      break;
    case '{':
    case '}':
    case '_':
    case '&':
    case '%':
    case '$':
    case '#':
      out += '\\';
      out += c;
      break;
    case '^':
      out += "\\textasciicircum{}";
      break;
    case '~':
      out += "\\textasciitilde{}";
      break;
    default:
      out += c;
    }
  return out;
}

std::string text(llvm::StringRef s) { return "\\texttt{" + escape(s) + "}"; }
/// A phrase in which `…` marks code.
std::string phrase(llvm::StringRef s) {
  std::string out;
  bool code = false;
  while (true) {
    auto [part, rest] = s.split('`');
    out += code ? text(part) : escape(part);
    if (rest.empty() && !s.contains('`'))
      return out;
    s = rest;
    code = !code;
  }
}

/// Expressions as mathematics. The tree says what belongs together, so only
/// sums inside products, and negative or compound bases of powers, need parentheses.
class Writer {
public:
  std::string write(const Expr &e) {
    switch (e.kind) {
    case ExprKind::Name:
      return symbol(llvm::cast<NameExpr>(e).name);
    case ExprKind::Member: {
      auto &m = llvm::cast<MemberExpr>(e);
      return symbol(m.member.text) + "_{" + write(*m.base) + "}";
    }
    case ExprKind::Call:
      return call(llvm::cast<CallExpr>(e));
    case ExprKind::At: {
      auto &a = llvm::cast<AtExpr>(e);
      return atom(*a.base) + "^{\\text{" + escape(a.phase.text) + "}}";
    }
    case ExprKind::Unary: {
      auto &u = llvm::cast<UnaryExpr>(e);
      return (u.op == UnaryOp::Minus ? "-" : "\\neg ") + factor(*u.operand);
    }
    case ExprKind::Binary:
      return binary(llvm::cast<BinaryExpr>(e));
    case ExprKind::Number: {
      auto &n = llvm::cast<NumberExpr>(e);
      std::string number = ast::toString(e);
      if (!n.unit.empty())
        return "\\text{" + escape(number) + "}";
      auto [mantissa, exponent] = llvm::StringRef(number).split('e');
      if (exponent.empty())
        return number;
      exponent.consume_front("+");
      bool negative = exponent.consume_front("-");
      return mantissa.str() + " \\cdot 10^{" + (negative ? "-" : "") + exponent.ltrim('0').str() +
             "}";
    }
    default:
      return "\\text{" + escape(ast::toString(e)) + "}";
    }
  }

private:
  static std::string symbol(llvm::StringRef name) {
    if (name.size() == 1)
      return name.str();
    return "\\mathit{" + escape(name) + "}";
  }
  static bool isSum(const Expr &e) {
    auto *b = llvm::dyn_cast<BinaryExpr>(&e);
    return b && b->op != BinaryOp::Mul && b->op != BinaryOp::Div && b->op != BinaryOp::Pow;
  }
  std::string parenthesised(const Expr &e) { return "\\left(" + write(e) + "\\right)"; }
  std::string factor(const Expr &e) {
    return isSum(e) || llvm::isa<UnaryExpr>(e) ? parenthesised(e) : write(e);
  }
  std::string atom(const Expr &e) {
    return llvm::isa<BinaryExpr, UnaryExpr>(e) ? parenthesised(e) : write(e);
  }

  std::string binary(const BinaryExpr &b) {
    switch (b.op) {
    case BinaryOp::Mul:
      return factor(*b.lhs) + " \\, " + factor(*b.rhs);
    case BinaryOp::Div:
      return "\\frac{" + write(*b.lhs) + "}{" + write(*b.rhs) + "}";
    case BinaryOp::Pow:
      return "{" + atom(*b.lhs) + "}^{" + write(*b.rhs) + "}";
    case BinaryOp::Sub:
      return write(*b.lhs) + " - " + factor(*b.rhs);
    case BinaryOp::Add:
      return write(*b.lhs) + " + " +
             (llvm::isa<UnaryExpr>(b.rhs) ? parenthesised(*b.rhs) : write(*b.rhs));
    default: {
      const char *op = b.op == BinaryOp::Eq    ? " = "
                       : b.op == BinaryOp::Ne  ? " \\neq "
                       : b.op == BinaryOp::Lt  ? " < "
                       : b.op == BinaryOp::Le  ? " \\leq "
                       : b.op == BinaryOp::Gt  ? " > "
                       : b.op == BinaryOp::Ge  ? " \\geq "
                       : b.op == BinaryOp::And ? " \\wedge "
                       : b.op == BinaryOp::Or  ? " \\vee "
                                               : " \\ldots ";
      return factor(*b.lhs) + op + factor(*b.rhs);
    }
    }
  }

  std::string call(const CallExpr &c) {
    auto *callee = llvm::dyn_cast<NameExpr>(c.callee);
    llvm::StringRef f = callee ? llvm::StringRef(callee->name) : "";
    auto arg = [&](size_t k) { return write(*c.args[k].value); };
    if (f == "batch_mean" && c.args.size() == 1)
      return "\\left\\langle " + arg(0) + " \\right\\rangle_{\\text{batch}}";
    if (f == "sum" && c.args.size() == 2 && c.args[1].name.text == "over")
      return "\\sum_{" + arg(1) + "} " + factor(*c.args[0].value);
    if (f == "d" && c.args.size() == 2)
      return "\\frac{\\partial " + atom(*c.args[0].value) + "}{\\partial " +
             atom(*c.args[1].value) + "}";
    if (f == "grad" && c.args.size() == 2)
      return "\\nabla_{\\!" + arg(1) + "} " + atom(*c.args[0].value);
    if (f == "error" && c.args.size() == 1)
      return "\\delta\\!\\left[" + arg(0) + "\\right]";
    if (f == "sqrt" && c.args.size() == 1)
      return "\\sqrt{" + arg(0) + "}";
    std::string head =
        llvm::StringSwitch<std::string>(f)
            .Cases("exp", "log", "sin", "cos", "tanh", "max", "min", ("\\" + f).str())
            .Default(callee ? "\\operatorname{" + escape(f) + "}" : write(*c.callee));
    std::string inside;
    for (const Argument &a : c.args) {
      inside += inside.empty() ? "" : ", ";
      if (a.name)
        inside += symbol(a.name.text) + (a.drawn ? " \\sim " : " = ");
      inside += write(*a.value);
    }
    return head + "\\left(" + inside + "\\right)";
  }
};

void equations(llvm::raw_ostream &os, const std::vector<Equation> &all) {
  if (all.empty())
    return;
  os << "\\begin{align*}\n";
  bool first = true;
  auto put = [&](const Equation &e, bool definition) {
    os << (first ? "" : " \\\\\n");
    first = false;
    const char *op = e.op == "+=" ? " &\\mathrel{+}= " : e.op == "-=" ? " &\\mathrel{-}= " : " &= ";
    Writer w;
    os << (definition ? "\\text{with}\\quad " : "") << w.write(*e.left) << op << w.write(*e.right);
  };
  for (const Equation &e : all) {
    put(e, false);
    for (const Equation &d : e.with)
      put(d, true);
  }
  os << "\n\\end{align*}\n";
}

void connection(llvm::raw_ostream &os, const LineReport &line, const ConnectionReport &c) {
  os << "\\paragraph{" << text(c.name) << "} ";
  if (c.to.empty())
    os << "one per unit of " << text(c.from);
  else
    os << text(c.from) << " $\\to$ " << text(c.to) << ", " << text(c.topology);
  os << "; " << weightsText(c) << ".\n";
  if (!c.learns) {
    os << "No update: " << phrase(c.why) << ".\n\n";
    return;
  }
  if (!c.sharedWith.empty())
    os << "As " << text(c.sharedWith) << ", whose weights it has.\n";
  equations(os, c.update);
  if (!c.bias.empty()) {
    os << "Biases" << (c.biasContinues ? ", and then as the weights:" : ":") << "\n";
    equations(os, c.bias);
  }
  os << "\\begin{description}\n";
  auto item = [&](llvm::StringRef label, const std::string &value) {
    os << "\\item[" << label << "] " << phrase(value) << "\n";
  };
  std::string why;
  for (const Read &r : c.reads)
    why += "; " + r.capability + " by `" + r.text + "` at " + toString(r.place);
  item("locality", list(c.locality) + ", declared: " + list(line.declared) + why);
  item("weight transport", c.transport && !c.transportAt.empty()
                               ? "yes: `" + c.transportAt.front().text + "`"
                               : transportText(c));
  item("memory", memoryText(c));
  item("time", pastText(line, c));
  item("gradient", gradientText(c) + (c.why.empty() ? "" : ": " + c.why));
  os << "\\end{description}\n";
}

} // namespace

void printLatex(const Report &report, llvm::raw_ostream &os) {
  os << "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
     << "\\title{" << text(report.model) << "}\n\\maketitle\n";
  for (const NetworkReport &network : report.networks) {
    os << "\\section*{Network " << text(network.name) << "}\n";
    if (network.assumptions.empty())
      os << "Assumes no symmetric, shared or copied weights.\n\n";
    for (const Assumption &a : network.assumptions)
      os << "Assumes " << phrase(a.text) << ", " << escape(toString(a.place)) << ".\n\n";
    auto rows = summary(network);
    if (rows.empty()) {
      os << "Nothing is learned.\n";
      continue;
    }
    os << "\\begin{tabular}{lllllll}\n";
    auto row = [&](const std::array<std::string, 7> &cells) {
      for (size_t k = 0; k < cells.size(); ++k)
        os << (k ? " & " : "") << escape(cells[k]);
      os << " \\\\\n";
    };
    row(summaryHeads);
    os << "\\hline\n";
    for (auto &cells : rows)
      row(cells);
    os << "\\end{tabular}\n\n";
    for (const LineReport &line : network.lines) {
      os << "\\subsection*{" << text(line.name) << "}\n"
         << text(line.text) << "; rule " << text(line.rule) << ", " << escape(toString(line.place))
         << ".\n\n";
      for (const Phase &p : line.phases)
        os << text(p.text) << "\n\n";
      for (const ConnectionReport &c : line.connections)
        connection(os, line, c);
      if (!line.errors.empty() || !line.lets.empty())
        os << "\\paragraph{Where}\n";
      equations(os, line.lets);
      equations(os, line.errors);
    }
  }
  os << "\\end{document}\n";
}

} // namespace apical::explain
