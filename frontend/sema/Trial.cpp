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
  const Changes *changed = now.changed ? now.changed : now.tick ? now.tick->changed.get() : nullptr;
  if (changed)
    if (auto it = changed->values.find(symbol); it != changed->values.end())
      return it->second;
  if (auto it = reads.find(symbol); it != reads.end())
    return it->second;
  const StateInit &state = states.list[states.bySymbol.at(symbol)];
  Field f;
  for (auto [axis, size] : state.extent)
    f.axes.push_back(axis);
  OpBuilder &b = ev.fields.builder;
  f.tensor = b.create<ir::ReadOp>(b.getUnknownLoc(), state.type(b),
                                  FlatSymbolRefAttr::get(b.getContext(), symbol));
  f.dimension = state.dimension;
  if (!state.mask.empty())
    f.mask = std::make_shared<Field>(read(state.mask));
  return reads[symbol] = f;
}

std::function<Field()> Trial::maskOf(const Connection &c, bool bias) {
  if (bias || c.mask.empty())
    return nullptr;
  return [this, &c] { return read(c.mask); };
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

Frame Trial::networkFrame(int part) {
  Frame frame;
  frame.locals = net.parts[part].args;
  if (now.tick)
    now.tick->addClock(frame);
  auto known = [&](auto &all) {
    for (auto &x : all)
      if (net.inside(x.part, part))
        frame.known.push_back(net.local(x.name, part));
  };
  known(net.areas);
  known(net.costs);
  known(net.scalars);
  frame.resolve = [this, part, others = frame.known](const ast::Expr &e) -> std::optional<Field> {
    auto *m = llvm::dyn_cast<ast::MemberExpr>(&e);
    if (!m && !llvm::isa<ast::NameExpr>(e))
      return std::nullopt;
    std::string path = pathOf(e, ev), name = net.parts[part].own(path);
    const Cost *c = net.cost(name);
    const Scalar *s = net.scalar(name);
    auto presented = [&] {
      if (!now.tick)
        ev.fail(Code::PhaseNotThere, e.span,
                "this has no value here: all that is presented are members of a loop",
                "`e@p[0]` is e in one of them, `e@p[0..9]` in ten");
    };
    if (c || s)
      presented();
    if (c) {
      auto it = costs.find(name);
      bool atEnd = now.tick == concluded.tick && now.ended == concluded.ended;
      return atEnd && it != costs.end() ? it->second : now.tick->cost(*c);
    }
    if (s)
      return now.tick->scalar(*s);
    if (int area = m ? -1 : net.area(name); area >= 0 && !ev.globals.find<ast::ConstDecl>(path) &&
                                            !ev.globals.find<ast::ParamDecl>(path))
      ev.areaAsValue(e.span, path, net.areas[area].mainOutput);
    if (!m)
      return std::nullopt;
    int a = net.area(*m->base, ev, part);
    if (a < 0) {
      std::string base = pathOf(*m->base, ev), own = net.parts[part].own(base);
      if (!base.empty() && !net.parts[part].args.count(base) && !net.scalar(own)) {
        Frame none;
        none.known = others;
        if (net.part(own) < 0)
          ev.unknown(m->base->span, base, none);
        ev.unknown(m->span, path, none);
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
    caller.locals = net.parts[area.part].args;
    Frame frame;
    if (!area.states.empty())
      frame.locals = bindArguments(ev, *area.unit, area.args, area.decl->span, caller);
    frame.locals["size"] = Field::number(static_cast<double>(area.size));
    frame.resolve = [this, k](const ast::Expr &e) -> std::optional<Field> {
      auto *n = llvm::dyn_cast<ast::NameExpr>(&e);
      if (n && n->name == "position")
        return position(static_cast<int>(k), e.span);
      return std::nullopt;
    };
    for (auto &s : area.states) {
      Field &value = (*initial)[{static_cast<int>(k), s.name}];
      if (!s.symbol.empty()) {
        value = read(s.symbol).as(Axis::Post, Axis::Unit);
        continue;
      }
      if (auto rows = s.life == State::Life::Item && items ? items(area, s) : std::nullopt) {
        value = *rows;
        continue;
      }
      auto extent = area.extent(s.name, s.perSample());
      frame.stream = net.name + "." + area.name + "." + s.name;
      frame.drawEachTrial = true;
      frame.drawExtent.assign(extent.begin(), extent.end());
      Field start = ev.evaluate(*s.declarator->init, frame);
      if (auto *type = s.declarator->type; type && !start.dimension.fits(ev.typeDimension(*type)))
        ev.fail(Code::DimensionMismatch, s.declarator->init->span,
                "`" + s.name + "` is declared to be " + ev.typeDimension(*type).kind() +
                    ", and it starts as " + start.dimension.kind());
      start = ev.withComponents(start, area.componentsOf(s.name), s.name, s.declarator->init->span);
      value = ev.fields.broadcast(ev.location(s.declarator->name.span), start, extent);
    }
  }
  return *initial;
}

void Trial::run() {
  Values state = initialStates();
  for (int64_t t = 0; t < count; ++t) {
    Tick &tick = *plain.emplace_back(std::make_unique<Tick>(*this, std::move(state), t, count));
    ticks.emplace_back().tick = &tick;
    tick.finish();
    state = tick.states;
  }
  end = std::move(state);
  conclude({ticks.back().tick, &end});
}

void Trial::shape(RuleInstance &by, std::vector<Presented> presented, const Values &states) {
  shaped = &by;
  ticks = std::move(presented);
  count = static_cast<int64_t>(ticks.size());
  end = states;
  conclude({ticks.back().tick, &end});
}

void Trial::conclude(Moment end) {
  costs.clear();
  // Behind the trial states have their new values; without states nothing is new.
  for (const Cost &c : net.costs) {
    if (end.ended->empty()) {
      costs[c.name] = end.tick->cost(c);
      continue;
    }
    At here(*this, end);
    Frame frame = networkFrame(c.part);
    costs[c.name] = ev.evaluate(*c.decl->value, frame);
  }
  now = concluded = end;
}

Field Trial::overTrial(const ast::Expr &e, int part) {
  std::optional<Field> total;
  for (const Presented &p : ticks) {
    At here(*this, {p.tick, nullptr});
    Frame frame = networkFrame(part);
    Field f = ev.evaluate(e, frame);
    if (p.active)
      f = ev.select(*p.active, f, Field::number(0), e.span);
    total = total ? ev.binary(ast::BinaryOp::Add, *total, f, e.span) : f;
  }
  return *total;
}

void Trial::findUnservedCosts() {
  if (net.learns.empty()) // watched, not taught
    return;
  std::set<std::string> read; // names that begin with the network itself
  auto note = [&](const ast::Expr *e, int part) {
    std::set<std::string> paths;
    if (e)
      collectPaths(*e, paths);
    for (const std::string &path : paths)
      read.insert(net.parts[part].own(path));
  };
  for (auto &l : net.learns) {
    for (const ast::Expr *e : {l.decl->subject, l.decl->rule, l.decl->condition, l.decl->every})
      note(e, l.part);
    for (auto &use : l.decl->with)
      note(use.optimizer, l.part);
  }
  for (size_t before = ~size_t(0); before != read.size();) { // through what names stand for
    before = read.size();
    for (const Cost &c : net.costs)
      if (read.count(c.name))
        note(c.decl->value, c.part);
    for (auto &s : net.scalars)
      if (read.count(s.name))
        note(s.declarator->init, s.part);
  }
  for (const Cost &c : net.costs) {
    const ast::Name &name = c.decl->name;
    if (!read.count(c.name) && states.unserved.insert(c.decl).second)
      ev.diags
          .warning(Code::CostUnserved, name.span,
                   "no `learn` line serves the cost `" + name.text + "`: it is only reported")
          .hint("write `learn " + name.text + " by …`, or make it a `measure` of the experiment");
  }
}

Field Trial::position(int area, Span at) {
  const Area &a = net.areas[area];
  if (a.decl->shape.size() > 1)
    ev.unsupported(at, "the position of a unit in an area of several dimensions is");
  return ev.fields.index(ev.location(at), Axis::Unit, a.size);
}

/// Are two values computed in the same way from the same? Identical runs of two lines are one run.
static bool sameValue(Value a, Value b, llvm::DenseMap<std::pair<Value, Value>, bool> &known) {
  if (a == b)
    return true;
  Operation *x = a ? a.getDefiningOp() : nullptr, *y = b ? b.getDefiningOp() : nullptr;
  if (auto it = known.find({a, b}); it != known.end())
    return it->second;
  if (!x || !y ||
      llvm::cast<OpResult>(a).getResultNumber() != llvm::cast<OpResult>(b).getResultNumber())
    return false;
  bool same = OperationEquivalence::isEquivalentTo(
      x, y, [&](Value p, Value q) { return success(sameValue(p, q, known)); },
      [&](Value p, Value q) { known[{p, q}] = true; }, OperationEquivalence::IgnoreLocations);
  return known[{a, b}] = same;
}

/// Semantics 6.8: what persists is what the plain presentation leaves, or the last phase if every rule has phases.
void Trial::persist(const std::vector<std::pair<const Learn *, Values>> &behind) {
  left = behind.empty() ? end : behind.front().second;
  llvm::DenseMap<std::pair<Value, Value>, bool> known;
  for (auto &[line, states] : behind)
    for (size_t k = 0; k < net.areas.size(); ++k)
      for (auto &s : net.areas[k].states) {
        Place place{static_cast<int>(k), s.name};
        if (s.life == State::Life::Reset ||
            sameValue(left.at(place).tensor, states.at(place).tensor, known))
          continue;
        ev.diags
            .error(Code::TwoEnds, line->decl->span,
                   "this line would leave another `" + net.areas[k].name + "." + s.name +
                       "` behind than the first one")
            .label(behind.front().first->decl->span, "the first one")
            .hint("let both end where the plain presentation does, or learn by one line");
        throw Reported();
      }
}

void Trial::learn() {
  At here(*this, {ticks.back().tick, nullptr});
  std::vector<std::pair<const Learn *, Values>> behind; ///< the phases of each line
  for (auto &l : net.learns)
    try {
      lines.push_back(std::make_unique<RuleInstance>(*this, l));
      auto leave = llvm::make_scope_exit(
          [&, before = now.tick->intervention()] { now.tick->attend(before); });
      lines.back()->instantiate();
      if (auto *states = lines.back()->behind())
        behind.push_back({&l, *states});
    } catch (Reported &) {
    }
  if (behind.size() < net.learns.size())
    behind.clear();
  persist(behind);
  keep(updates);
  if (!ev.diags.hasErrors()) // a broken line may be the one that was meant to serve
    findUnservedCosts();
  OpBuilder &b = ev.fields.builder;
  for (size_t k = 0; k < net.areas.size(); ++k)
    for (auto &s : net.areas[k].states)
      if (s.life == State::Life::Lasting) {
        updates.values[s.symbol] = left.at({static_cast<int>(k), s.name});
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
