//===- Keep.cpp - what weights are projected to after every change ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"

namespace apical::sema {

/// Semantics 3.6: once, behind all changes of a moment; later statements see what
/// earlier ones made. Biases are not projected.
void Trial::keep(Changes &changes) {
  for (const Connection &c : net.connections) {
    if (c.keeps.empty())
      continue;
    Frame frame;
    frame.locals = net.parts[c.part].args;
    for (auto &[name, value] : c.synapseArgs)
      frame.locals[name] = value;
    frame.locals["fan_in"] = Field::number(c.fanIn());
    frame.locals["fan_out"] = Field::number(c.fanOut());
    frame.reductions = {Axis::Place, Axis::Pre, Axis::Post};
    frame.windowed = c.windowed();
    frame.mask = maskOf(c, false);
    frame.others = true;
    auto valueOf = [&](const Weight &w) {
      auto it = changes.values.find(w.symbol);
      Field value = it == changes.values.end() ? read(w.symbol) : it->second;
      value.capabilities = 0; // what made it is not what `keep` reads
      value.reads.clear();
      return value;
    };
    for (const ast::KeepStmt *statement : c.keeps) {
      auto &target = llvm::cast<ast::NameExpr>(*statement->target).name;
      for (auto &w : c.weights)
        if (!w.bias)
          frame.locals[w.name] = valueOf(w);
      for (auto &w : c.weights) {
        auto changed =
            w.bias || w.name != target ? changes.when.end() : changes.when.find(w.symbol);
        if (changed == changes.when.end())
          continue;
        Field before = changes.values.at(w.symbol);
        Field value = ev.evaluate(*statement->value, frame);
        if (!value.dimension.fits(before.dimension))
          ev.fail(Code::DimensionMismatch, statement->value->span,
                  "the weight is " + before.dimension.kind() + ", and is kept at " +
                      value.dimension.kind());
        for (RuleInstance *line : changedBy[w.symbol])
          line->keeps(w.symbol, value, *statement);
        value.inherit(before);
        if (!value.constant && value.has(Axis::Sample))
          ev.fail(Code::PerSampleToShared, statement->value->span,
                  "a weight is kept at a value per sample, and it has no samples");
        if (FieldBuilder::conflict({value, before}))
          ev.fail(Code::ShapeMismatch, statement->value->span,
                  "the weight has " + describe(before) + ", and is kept at " + describe(value));
        changes.values[w.symbol] =
            changed->second ? ev.select(*changed->second, value, before, statement->span) : value;
      }
    }
  }
  for (auto &[symbol, value] : changes.values)
    if (const StateInit &state = states.list[states.bySymbol.at(symbol)]; !state.mask.empty())
      value = ev.masked(read(state.mask), value, state.at);
}

} // namespace apical::sema
