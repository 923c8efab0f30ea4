//===- PrintText.cpp - the report for a terminal, at most 100 columns wide ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Report.h"

namespace apical::explain {
namespace {

constexpr size_t width = 100;

/// Where to end a line of at most `room` characters: at the last space that is
/// in as few parentheses as any in the line's second half, and not beside `=`.
size_t breakOf(llvm::StringRef text, size_t room) {
  size_t best = llvm::StringRef::npos;
  int depth = 0, bestDepth = 0;
  for (size_t k = 0; k < text.size() && k <= room; ++k) {
    depth += text[k] == '(' || text[k] == '{';
    depth -= text[k] == ')' || text[k] == '}';
    if (text[k] != ' ' || text[k - 1] == '=' || text.substr(k + 1).starts_with("= "))
      continue;
    if (best == llvm::StringRef::npos || best < room / 2 || depth <= bestDepth) {
      best = k;
      bestDepth = depth;
    }
  }
  return best != llvm::StringRef::npos ? best : std::min(text.find(' ', 1), text.size());
}

/// Prints `text` from column `indent` on, where `label` stands before the first
/// line; further lines are indented by two more.
void wrap(llvm::raw_ostream &os, size_t margin, llvm::StringRef label, size_t indent,
          llvm::StringRef text) {
  std::string head(margin, ' ');
  head += label;
  head.resize(std::max(head.size() + (label.empty() ? 0 : 1), indent), ' ');
  while (true) {
    size_t room = width > head.size() ? width - head.size() : 20;
    size_t cut = text.size();
    if (text.size() > room)
      cut = breakOf(text, room);
    os << head << text.substr(0, cut) << "\n";
    text = text.substr(cut).ltrim();
    if (text.empty())
      return;
    head.assign(indent + 2, ' ');
  }
}

constexpr size_t margin = 4, column = 15;

void field(llvm::raw_ostream &os, llvm::StringRef label, llvm::StringRef text) {
  wrap(os, margin, label, column, text);
}

void equations(llvm::raw_ostream &os, llvm::StringRef label, const std::vector<Equation> &all) {
  for (const Equation &e : all) {
    field(os, label, toString(e));
    label = "";
  }
}

void connection(llvm::raw_ostream &os, const LineReport &line, const ConnectionReport &c) {
  os << "\n";
  wrap(os, 2, c.name + ":", 2,
       (c.to.empty() ? "one per unit of " + c.from : c.from + " -> " + c.to + ", " + c.topology) +
           "; " + weightsText(c));
  if (!c.learns) {
    field(os, "update", "none: " + c.why);
    return;
  }
  if (!c.sharedWith.empty())
    field(os, "update", "as " + c.sharedWith + ", whose weights it has");
  equations(os, "update", c.update);
  if (c.biasContinues && !c.bias.empty()) {
    for (size_t k = 0; k < c.bias.size(); ++k)
      field(os, k ? "" : "bias",
            toString(c.bias[k]) + (k + 1 == c.bias.size() ? ", then as for the weights" : ""));
  } else {
    equations(os, "bias", c.bias);
  }
  field(os, "locality", list(c.locality) + "; declared: " + list(line.declared));
  for (const Read &r : c.reads)
    field(os, "", r.capability + " by `" + r.text + "` at " + toString(r.place));
  field(os, "transport",
        !c.transport ? "no: no forward weight is used backwards"
                     : "yes: " + (c.transportAt.empty()
                                      ? std::string()
                                      : "`" + c.transportAt.front().text + "`" +
                                            (c.transportAt.front().backwards
                                                 ? " uses a forward weight backwards"
                                                 : " goes back through every weight on the way")));
  field(os, "memory", memoryText(c));
  field(os, "time", pastText(line, c));
  field(os, "gradient", gradientText(c) + (c.why.empty() ? "" : ": " + c.why));
}

void lineOf(llvm::raw_ostream &os, const LineReport &line) {
  os << "\n";
  wrap(os, 0, line.name + ":", 0, line.text);
  wrap(os, 2, "rule", column, line.rule + ", " + toString(line.place));
  for (size_t k = 0; k < line.phases.size(); ++k)
    wrap(os, 2, k ? "" : "phases", column, line.phases[k].text);
  for (const Memory &m : line.routes)
    wrap(os, 2, "weights", column,
         m.name + ", " + m.kind + ", " + std::to_string(m.numbers) + " numbers");
  for (const ConnectionReport &c : line.connections)
    connection(os, line, c);
  if (line.errors.empty() && line.lets.empty())
    return;
  os << "\n  where\n";
  for (const std::vector<Equation> *all : {&line.lets, &line.errors})
    for (const Equation &e : *all) {
      wrap(os, margin, "", margin, toString(e));
      for (const Equation &d : e.with)
        wrap(os, margin, "", margin + 4, "with " + toString(d));
    }
}

void table(llvm::raw_ostream &os, const NetworkReport &network) {
  auto rows = summary(network);
  if (rows.empty())
    return;
  rows.insert(rows.begin(), summaryHeads);
  std::array<size_t, 7> widths{};
  for (auto &row : rows)
    for (size_t k = 0; k < row.size(); ++k)
      widths[k] = std::max(widths[k], row[k].size());
  os << "\n";
  for (auto &row : rows) {
    std::string text;
    for (size_t k = 0; k < row.size(); ++k) {
      text += row[k];
      if (k + 1 < row.size())
        text.append(widths[k] - row[k].size() + 2, ' ');
    }
    os << text << "\n";
  }
}

} // namespace

void printText(const Report &report, llvm::raw_ostream &os) {
  bool first = true;
  for (const NetworkReport &network : report.networks) {
    os << (first ? "" : "\n") << "network " << network.name << "\n";
    first = false;
    for (const Assumption &a : network.assumptions)
      wrap(os, 0, "assumes", 0, a.text + ", " + toString(a.place));
    if (network.assumptions.empty())
      os << "assumes nothing: no symmetric, shared or copied weights\n";
    if (network.lines.empty())
      os << "nothing is learned: no `train` runs it, or it has no `learn` line\n";
    for (const LineReport &line : network.lines)
      lineOf(os, line);
    if (!network.fixed.empty() && !network.lines.empty()) {
      std::string names;
      for (auto &n : network.fixed)
        names += (names.empty() ? "" : ", ") + n;
      os << "\n";
      wrap(os, 0, "fixed:", 0, names);
    }
    table(os, network);
  }
}

} // namespace apical::explain
