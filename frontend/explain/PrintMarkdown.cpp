//===- PrintMarkdown.cpp - the report as Markdown ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Report.h"

namespace apical::explain {
namespace {

std::string code(const std::string &text) { return "`" + text + "`"; }

void item(llvm::raw_ostream &os, llvm::StringRef label, const std::string &text) {
  os << "- **" << label << "** " << text << "\n";
}

/// Equations as one block of code.
void block(llvm::raw_ostream &os, const std::vector<Equation> &all, bool nested = false) {
  if (all.empty())
    return;
  if (!nested)
    os << "```apical\n";
  for (const Equation &e : all) {
    os << (nested ? "    // " : "") << toString(e) << "\n";
    block(os, e.with, true);
  }
  if (!nested)
    os << "```\n\n";
}

void connection(llvm::raw_ostream &os, const LineReport &line, const ConnectionReport &c) {
  os << "#### " << code(c.name) << "\n\n";
  if (c.to.empty())
    os << "One per unit of " << code(c.from);
  else
    os << code(c.from) << " → " << code(c.to) << ", " << code(c.topology);
  os << "; " << weightsText(c) << "\n\n";
  if (!c.learns) {
    os << "No update: " << c.why << ".\n\n";
    return;
  }
  if (!c.sharedWith.empty())
    os << "As " << code(c.sharedWith) << ", whose weights it has.\n\n";
  block(os, c.update);
  if (!c.bias.empty()) {
    os << "Biases" << (c.biasContinues ? ", and then as the weights:" : ":") << "\n\n";
    block(os, c.bias);
  }
  item(os, "locality", list(c.locality) + "; declared: " + list(line.declared));
  for (const Read &r : c.reads)
    os << "  - " << r.capability << " by " << code(r.text) << ", " << toString(r.place) << "\n";
  item(os, "weight transport",
       c.transport && !c.transportAt.empty() ? "yes: " + code(c.transportAt.front().text)
                                             : transportText(c));
  item(os, "memory", memoryText(c));
  item(os, "time", pastText(line, c));
  item(os, "gradient", gradientText(c) + (c.why.empty() ? "" : ": " + c.why));
  os << "\n";
}

} // namespace

void printMarkdown(const Report &report, llvm::raw_ostream &os) {
  os << "# " << report.model << "\n\n";
  for (const NetworkReport &network : report.networks) {
    os << "## network " << code(network.name) << "\n\n";
    if (network.assumptions.empty())
      os << "Assumes no symmetric, shared or copied weights.\n\n";
    for (const Assumption &a : network.assumptions)
      item(os, "assumes", a.text + ", " + toString(a.place));
    if (!network.assumptions.empty())
      os << "\n";
    auto rows = summary(network);
    if (rows.empty()) {
      os << "Nothing is learned.\n\n";
      continue;
    }
    auto row = [&](const std::array<std::string, 7> &cells) {
      for (const std::string &cell : cells)
        os << "| " << cell << " ";
      os << "|\n";
    };
    row(summaryHeads);
    os << "|---|---|---|---|---|---|---|\n";
    for (auto &cells : rows)
      row(cells);
    os << "\n";
    for (const LineReport &line : network.lines) {
      os << "### " << code(line.name) << "\n\n```apical\n"
         << line.text << "\n```\n\n"
         << "Rule " << code(line.rule) << ", " << toString(line.place) << ".\n\n";
      for (const Phase &p : line.phases)
        os << "- " << code(p.text) << "\n";
      if (!line.phases.empty())
        os << "\n";
      for (const ConnectionReport &c : line.connections)
        connection(os, line, c);
      if (!line.errors.empty() || !line.lets.empty())
        os << "Where\n\n";
      block(os, line.lets);
      block(os, line.errors);
    }
  }
}

} // namespace apical::explain
