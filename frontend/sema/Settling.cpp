//===- Settling.cpp - runs that end when something holds ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Samples settle one by one: behind the tick in which `until` holds for a
// sample, its states stay as they are, and its later ticks count for nothing.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

static Field largest(Evaluator &ev, const Field &a, const Field &b, Span at) {
  return ev.select(ev.binary(ast::BinaryOp::Gt, a, b, at), a, b, at);
}

static llvm::SmallVector<Axis, 3> beyondSamples(const Field &f) {
  llvm::SmallVector<Axis, 3> axes = f.axes;
  llvm::erase(axes, Axis::Sample);
  return axes;
}

void Phases::settle(const ast::RunStmt &run, const Values &before, Tick &tick, Settling &settling,
                    Values &after) {
  Evaluator &ev = rule.ev;
  Span at = run.until->span;
  std::optional<Field> change;
  settling.changes.clear();
  for (auto &[place, value] : after) {
    if (!value.has(Axis::Sample))
      continue;
    Field moved = ev.unary("abs", ev.binary(ast::BinaryOp::Sub, value, before.at(place), at), at);
    moved = ev.reduce("max", moved, beyondSamples(moved), at);
    auto [it, fresh] = settling.changes.emplace(place.first, moved);
    if (!fresh)
      it->second = largest(ev, it->second, moved, at);
    change = change ? largest(ev, *change, moved, at) : moved;
  }
  if (!change)
    ev.fail(Code::NothingSettles, at, "nothing settles here: no area of the network has a state",
            "a static network is through after one tick: write `run`");
  Trial::At here(rule.trial, {&tick, &after});
  Frame frame = rule.trial.networkFrame(rule.learn.part);
  for (auto &[name, value] : rule.args)
    frame.locals[name] = value;
  frame.locals["change"] = *change;
  frame.known.push_back("change");
  Field holds = ev.evaluate(*run.until, frame);
  if (holds.several())
    ev.fail(Code::ShapeMismatch, at,
            "`until` needs one truth per sample, and this is " + describe(holds),
            "reduce it, or use `change`: the largest change of a state in the last tick");
  if (settling.active)
    for (auto &[place, value] : after)
      value = ev.select(*settling.active, value, before.at(place), at);
  Field moving = ev.unary("not", holds, at);
  settling.active =
      settling.active ? ev.binary(ast::BinaryOp::And, *settling.active, moving, at) : moving;
}

/// Something about an area at the end of a phase.
static void report(Evaluator &ev, llvm::StringRef area, llvm::StringRef kind, llvm::StringRef phase,
                   const Field &value, Span at) {
  OpBuilder &b = ev.fields.builder;
  auto op = b.create<ir::ReportOp>(ev.location(at), b.getStringAttr(area), b.getStringAttr(kind),
                                   value.tensor);
  op->setAttr("phase", b.getStringAttr(phase));
}

void Phases::reportHealth(const Values &states, const std::string &phase, Span at) {
  Evaluator &ev = rule.ev;
  for (auto &[place, value] : states) {
    if (!value.has(Axis::Sample))
      continue;
    report(ev, rule.net.areas[place.first].name, "health", phase, ev.meanSize(value, at), at);
  }
}

void Phases::reportResiduals(const Settling &settling, const std::string &phase, Span at) {
  Evaluator &ev = rule.ev;
  for (auto &[area, change] : settling.changes) {
    Field left = ev.select(*settling.active, change, Field::number(0), at);
    left = ev.reduce("max", left, left.axes, at);
    report(ev, rule.net.areas[area].name, "residual", phase, left, at);
  }
}

} // namespace apical::sema
