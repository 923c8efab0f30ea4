//===- Trial.cpp - one trial of a network ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

Field Trial::read(const std::string &symbol) {
  const Changes *changed = now.changed ? now.changed : now.tick ? now.tick->changed.get() : nullptr;
  if (changed)
    if (auto it = changed->values.find(symbol); it != changed->values.end())
      return it->second;
  if (auto it = reads.find(symbol); it != reads.end())
    return it->second;
  const StateInit &state = states.list[states.bySymbol.at(symbol)];
  Field f;
  llvm::SmallVector<int64_t> shape;
  for (auto [axis, size] : state.extent) {
    f.axes.push_back(axis);
    shape.push_back(size);
  }
  OpBuilder &b = ev.fields.builder;
  f.tensor = b.create<ir::ReadOp>(b.getUnknownLoc(), RankedTensorType::get(shape, b.getF32Type()),
                                  FlatSymbolRefAttr::get(b.getContext(), symbol));
  return reads[symbol] = f;
}

std::optional<Field> Trial::variable(int area, llvm::StringRef name) {
  if (now.ended)
    if (auto it = now.ended->find({area, name.str()}); it != now.ended->end())
      return it->second;
  if (now.ended && !net.areas[area].has(name))
    return now.tick->intervention()
               ? now.tick->intervention()->own(*now.tick, {area, name.str()}, true)
               : std::nullopt;
  return now.tick ? now.tick->variable(area, name) : std::nullopt;
}

Frame Trial::networkFrame() {
  Frame frame;
  frame.locals = net.args;
  if (now.tick)
    now.tick->addClock(frame);
  for (auto &a : net.areas)
    frame.known.push_back(a.name);
  for (auto *c : net.costs)
    frame.known.push_back(c->name.text);
  for (auto &s : net.scalars)
    frame.known.push_back(s.name);
  frame.resolve = [this](const ast::Expr &e) -> std::optional<Field> {
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e)) {
      for (auto *c : net.costs)
        if (c->name.text == n->name) {
          auto it = costs.find(n->name);
          return now.ended && it != costs.end() ? it->second : now.tick->cost(*c);
        }
      if (const Scalar *s = net.scalar(n->name))
        return now.tick->scalar(*s);
      return std::nullopt;
    }
    auto *m = llvm::dyn_cast<ast::MemberExpr>(&e);
    auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    int a = m ? net.area(*m->base, ev) : -1;
    if (a < 0) {
      if (base && !net.args.count(base->name) && !net.scalar(base->name)) {
        Frame none;
        for (auto &area : net.areas)
          none.known.push_back(area.name);
        ev.unknown(base->span, base->name, none);
      }
      return std::nullopt;
    }
    if (auto f = variable(a, m->member.text))
      return f;
    std::vector<std::string> names = net.areas[a].variables;
    names.insert(names.end(), net.areas[a].inputs.begin(), net.areas[a].inputs.end());
    std::string near = nearest(m->member.text, names);
    ev.fail(Code::UnknownMember, m->member.span,
            "the area `" + net.areas[a].name + "` has no variable `" + m->member.text + "`",
            near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
  };
  return frame;
}

const Values &Trial::initialStates() {
  if (initial)
    return *initial;
  initial.emplace();
  for (size_t k = 0; k < net.areas.size(); ++k) {
    const Area &area = net.areas[k];
    Frame caller;
    caller.locals = net.args;
    Frame frame;
    if (!area.states.empty())
      frame.locals = bindArguments(ev, *area.unit, area.args, area.decl->span, caller);
    frame.locals["size"] = Field::number(static_cast<double>(area.size));
    for (auto &s : area.states) {
      Field &value = (*initial)[{static_cast<int>(k), s.name}];
      if (!s.symbol.empty()) {
        value = read(s.symbol).as(Axis::Post, Axis::Unit);
        continue;
      }
      llvm::SmallVector<std::pair<Axis, int64_t>, 2> extent{{Axis::Unit, area.size}};
      if (s.life == State::Life::Reset)
        extent.insert(extent.begin(), {Axis::Sample, ShapedType::kDynamic});
      frame.stream = net.name + "." + area.name + "." + s.name;
      frame.drawEachTrial = true;
      frame.drawExtent.assign(extent.begin(), extent.end());
      Field start = ev.evaluate(*s.declarator->init, frame);
      value = ev.fields.broadcast(ev.location(s.declarator->name.span), start, extent);
    }
  }
  return *initial;
}

void Trial::run(Span at, int64_t count) {
  experiment = at;
  Values state = initialStates();
  for (int64_t t = 0; t < count; ++t) {
    ticks.push_back(std::make_unique<Tick>(*this, std::move(state), t, count));
    ticks.back()->finish();
    state = ticks.back()->states;
  }
  end = std::move(state);
  // Behind the trial states have their new values; without states nothing is new.
  for (const ast::CostDecl *c : net.costs) {
    if (end.empty()) {
      costs[c->name.text] = ticks.back()->cost(*c);
      continue;
    }
    At here(*this, {ticks.back().get(), &end});
    Frame frame = networkFrame();
    costs[c->name.text] = ev.evaluate(*c->value, frame);
  }
  now = {ticks.back().get(), &end};
}

Field Trial::overTrial(const ast::Expr &e) {
  std::optional<Field> total;
  for (auto &tick : ticks) {
    At here(*this, {tick.get(), nullptr});
    Frame frame = networkFrame();
    Field f = ev.evaluate(e, frame);
    total = total ? ev.binary(ast::BinaryOp::Add, *total, f, e.span) : f;
  }
  return *total;
}

void Trial::learn() {
  At here(*this, {ticks.back().get(), nullptr});
  for (auto &l : net.learns)
    try {
      RuleInstance(*this, l).instantiate();
    } catch (Reported &) {
    }
  keep(updates);
  OpBuilder &b = ev.fields.builder;
  for (size_t k = 0; k < net.areas.size(); ++k)
    for (auto &s : net.areas[k].states)
      if (s.life == State::Life::Lasting) {
        updates.values[s.symbol] = end.at({static_cast<int>(k), s.name});
        updateOrder.push_back(s.symbol);
      }
  for (auto &symbol : updateOrder) {
    const StateInit &state = states.list[states.bySymbol.at(symbol)];
    Field value = ev.fields.broadcast(b.getUnknownLoc(), updates.values.at(symbol), state.extent);
    b.create<ir::WriteOp>(b.getUnknownLoc(), FlatSymbolRefAttr::get(b.getContext(), symbol),
                          value.tensor);
  }
}

} // namespace apical::sema
