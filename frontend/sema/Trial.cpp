//===- Trial.cpp - one trial of a network ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace apical::sema {

Trial::Trial(const Network &network, Evaluator &ev, States &declared)
    : net(network), ev(ev), states(declared) {}
Trial::~Trial() = default;

Field Trial::read(const std::string &symbol) {
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
  f.dimension = state.dimension;
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
    auto presented = [&] {
      if (!now.tick)
        ev.fail(Code::PhaseNotThere, e.span,
                "this has no value here: all that is presented are members of a loop",
                "`e@p[0]` is e in one of them, `e@p[0..9]` in ten");
    };
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e)) {
      for (auto *c : net.costs)
        if (c->name.text == n->name) {
          presented();
          auto it = costs.find(n->name);
          bool atEnd = now.tick == concluded.tick && now.ended == concluded.ended;
          return atEnd && it != costs.end() ? it->second : now.tick->cost(*c);
        }
      if (const Scalar *s = net.scalar(n->name)) {
        presented();
        return now.tick->scalar(*s);
      }
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
    presented();
    if (auto f = variable(a, m->member.text))
      return f;
    ev.unknownMember(m->member.span, "variable", net.areas[a].name, m->member.text,
                     net.areas[a].all());
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
      if (auto *type = s.declarator->type; type && !start.dimension.fits(ev.typeDimension(*type)))
        ev.fail(Code::DimensionMismatch, s.declarator->init->span,
                "`" + s.name + "` is declared to be " + ev.typeDimension(*type).kind() +
                    ", and it starts as " + start.dimension.kind());
      value = ev.fields.broadcast(ev.location(s.declarator->name.span), start, extent);
    }
  }
  return *initial;
}

void Trial::run() {
  Values state = initialStates();
  for (int64_t t = 0; t < count; ++t) {
    ticks.push_back(std::make_unique<Tick>(*this, std::move(state), t, count));
    ticks.back()->finish();
    state = ticks.back()->states;
  }
  end = std::move(state);
  conclude({ticks.back().get(), &end});
}

void Trial::conclude(Moment end) {
  costs.clear();
  // Behind the trial states have their new values; without states nothing is new.
  for (const ast::CostDecl *c : net.costs) {
    if (end.ended->empty()) {
      costs[c->name.text] = end.tick->cost(*c);
      continue;
    }
    At here(*this, end);
    Frame frame = networkFrame();
    costs[c->name.text] = ev.evaluate(*c->value, frame);
  }
  now = concluded = end;
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

void Trial::findUnservedCosts() {
  std::set<std::string> read;
  auto note = [&](const ast::Expr *e) {
    if (e)
      collectNames(*e, read);
  };
  for (auto &l : net.learns) {
    for (const ast::Expr *e : {l.decl->subject, l.decl->rule, l.decl->condition, l.decl->every})
      note(e);
    for (auto &use : l.decl->with)
      note(use.optimizer);
  }
  for (size_t before = ~size_t(0); before != read.size();) { // through what names stand for
    before = read.size();
    for (auto *c : net.costs)
      if (read.count(c->name.text))
        note(c->value);
    for (auto &s : net.scalars)
      if (read.count(s.name))
        note(s.declarator->init);
  }
  for (auto *c : net.costs)
    if (!read.count(c->name.text) && states.unserved.insert(c).second)
      ev.diags
          .warning(Code::CostUnserved, c->name.span,
                   "no `learn` line serves the cost `" + c->name.text + "`: it is only reported")
          .hint("write `learn " + c->name.text + " by …`, or make it a `measure` of the experiment");
}

void Trial::learn() {
  findUnservedCosts();
  At here(*this, {ticks.back().get(), nullptr});
  for (auto &l : net.learns)
    try {
      lines.push_back(std::make_unique<RuleInstance>(*this, l));
      auto leave = llvm::make_scope_exit([&] { ticks.back()->attend(nullptr); });
      lines.back()->instantiate();
    } catch (Reported &) {
    }
  keep();
  OpBuilder &b = ev.fields.builder;
  for (size_t k = 0; k < net.areas.size(); ++k)
    for (auto &s : net.areas[k].states)
      if (s.life == State::Life::Lasting) {
        updates[s.symbol] = end.at({static_cast<int>(k), s.name});
        updateOrder.push_back(s.symbol);
      }
  for (auto &symbol : updateOrder) {
    const StateInit &state = states.list[states.bySymbol.at(symbol)];
    Field value = ev.fields.broadcast(b.getUnknownLoc(), updates.at(symbol), state.extent);
    b.create<ir::WriteOp>(b.getUnknownLoc(), FlatSymbolRefAttr::get(b.getContext(), symbol),
                          value.tensor);
  }
}

} // namespace apical::sema
