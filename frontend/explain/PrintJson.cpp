//===- PrintJson.cpp - the report for programs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Report.h"
#include "llvm/Support/JSON.h"

namespace apical::explain {
namespace {

using llvm::json::Array;
using llvm::json::Object;

Object place(const Place &p) {
  return Object{{"file", p.file}, {"line", p.line}, {"column", p.column}};
}

Array strings(const std::vector<std::string> &all) {
  Array a;
  for (const std::string &s : all)
    a.push_back(s);
  return a;
}

Array equations(const std::vector<Equation> &all) {
  Array a;
  for (const Equation &e : all) {
    Object o{{"left", ast::toString(*e.left)}, {"op", e.op}, {"right", ast::toString(*e.right)}};
    if (!e.with.empty())
      o["with"] = equations(e.with);
    a.push_back(std::move(o));
  }
  return a;
}

Array reads(const std::vector<Read> &all) {
  Array a;
  for (const Read &r : all)
    a.push_back(Object{{"capability", r.capability},
                       {"text", r.text},
                       {"place", place(r.place)},
                       {"backwards", r.backwards}});
  return a;
}

Array memory(const std::vector<Memory> &all) {
  Array a;
  for (const Memory &m : all)
    a.push_back(Object{{"name", m.name}, {"kind", m.kind}, {"per", m.per}, {"numbers", m.numbers}});
  return a;
}

const char *countName(sema::Connection::Count count) {
  using Count = sema::Connection::Count;
  return count == Count::Mean ? "expected" : count == Count::Most ? "at most" : "exact";
}

Object connection(const LineReport &line, const ConnectionReport &c) {
  return Object{{"name", c.name},
                {"from", c.from},
                {"to", c.to},
                {"topology", c.topology},
                {"weights", c.weights},
                {"weights_are", countName(c.counted)},
                {"biases", c.biases},
                {"learns", c.learns},
                {"weights_of", c.sharedWith.empty() ? c.name : c.sharedWith},
                {"update", equations(c.update)},
                {"bias_update", equations(c.bias)},
                {"locality", strings(c.locality)},
                {"reads", reads(c.reads)},
                {"transport", c.transport},
                {"transport_at", reads(c.transportAt)},
                {"phases", static_cast<int64_t>(std::max<size_t>(1, line.phases.size()))},
                {"phases_read", strings(c.phasesRead)},
                {"memory", memory(c.memory)},
                {"gradient", gradientText(c)},
                {"why", c.why}};
}

} // namespace

void printJson(const Report &report, llvm::raw_ostream &os) {
  Array networks;
  for (const NetworkReport &n : report.networks) {
    Array lines, assumptions;
    for (const Assumption &a : n.assumptions)
      assumptions.push_back(Object{{"text", a.text}, {"place", place(a.place)}});
    for (const LineReport &l : n.lines) {
      Array connections, phases;
      for (const ConnectionReport &c : l.connections)
        connections.push_back(connection(l, c));
      for (const Phase &p : l.phases)
        phases.push_back(Object{{"name", p.name}, {"text", p.text}});
      lines.push_back(Object{{"name", l.name},
                             {"text", l.text},
                             {"rule", l.rule},
                             {"place", place(l.place)},
                             {"declared", strings(l.declared)},
                             {"phases", std::move(phases)},
                             {"where", equations(l.lets)},
                             {"errors", equations(l.errors)},
                             {"weights", memory(l.routes)},
                             {"connections", std::move(connections)}});
    }
    networks.push_back(Object{{"name", n.name},
                              {"assumes", std::move(assumptions)},
                              {"learn", std::move(lines)},
                              {"fixed", strings(n.fixed)}});
  }
  os << llvm::formatv("{0:2}", llvm::json::Value(Object{{"model", report.model},
                                                        {"networks", std::move(networks)}}))
     << "\n";
}

} // namespace apical::explain
