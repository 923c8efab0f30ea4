//===- Phases.cpp - the phases of a learn line ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

const Phases::End &Phases::find(const ast::Name &name, llvm::StringRef verb) {
  Evaluator &ev = rule.ev;
  if (auto it = ends.find(name.text); it != ends.end())
    return it->second;
  if (name.text == current)
    ev.fail(Code::PhaseNotThere, name.span,
            "the phase `" + name.text + "` " + verb + " its own end",
            "`e@p` is the value behind the last tick of p; within p, write `e`");
  if (inLoops.count(name.text))
    ev.fail(
        Code::PhaseNotThere, name.span,
        "the phase `" + name.text + "` is a part of a loop, and known in its body only",
        "assign what the loop finds out: `u.x = …` to a state of its units, or make it a family, "
        "`phase " +
            llvm::Twine(name.text) + "[y]`");
  if (llvm::is_contained(announced, name.text))
    ev.fail(Code::PhaseNotThere, name.span,
            "the phase `" + name.text + "` comes later: nothing is known of it here",
            "phases run in the order of the text");
  std::string near = nearest(name.text, announced);
  ev.fail(Code::PhaseNotThere, name.span, "there is no phase `" + name.text + "`",
          near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
}

std::vector<Scope> Phases::scopesOf(const ast::RunStmt &run) {
  std::vector<Scope> scopes;
  const Network &net = rule.net;
  for (const ast::Block &block : run.with) {
    auto *t = block.size() == 1 ? llvm::dyn_cast<ast::TemplateStmt>(block[0]) : nullptr;
    if (!t) {
      for (size_t a = 0; a < net.areas.size(); ++a) {
        if (!net.inside(net.areas[a].part, rule.learn.part))
          continue;
        Scope &s = scopes.emplace_back();
        s.body = &block;
        s.binder = net.local(net.areas[a].name, rule.learn.part);
        s.area = static_cast<int>(a);
        s.plain = true;
      }
      for (auto [k, l] : llvm::enumerate(rule.loops)) // and by the variables of loops
        if (!l.numbers) {
          Scope &s = scopes.emplace_back();
          s.body = &block;
          s.binder = l.variable;
          s.area = l.area;
          s.connection = l.connection;
          s.bias = l.bias;
          s.plain = true;
          s.loop = static_cast<int>(k);
        }
      continue;
    }
    if (t->templateKind == ast::TemplateKind::Weight)
      rule.ev.unsupported(t->span, "`with each weight` is");
    for (const Scope &scope : rule.scopesOf(*t))
      scopes.push_back(scope);
  }
  return scopes;
}

void Phases::run(const ast::PhaseDecl &decl) {
  Evaluator &ev = rule.ev;
  const std::string &name = decl.name.text;
  if (decl.index) {
    auto *index = llvm::dyn_cast<ast::NameExpr>(decl.index);
    if (!index || rule.loops.empty() || !rule.loops.back().numbers ||
        rule.loops.back().variable != index->name)
      ev.fail(Code::PhaseNotThere, decl.index->span,
              "`" + name + "[…]` is a family only in the loop over `" + ast::toString(*decl.index) +
                  "`",
              "`for y in 0..9 { phase " + llvm::Twine(name) + "[y] from start { … } }`");
  }
  if (ends.count(name))
    ev.fail(Code::DefinedTwice, decl.name.span, "two phases are named `" + name + "`");
  current = name;
  End end;
  auto *member = llvm::dyn_cast_or_null<ast::IndexExpr>(decl.from);
  auto *from = llvm::dyn_cast_or_null<ast::NameExpr>(member ? member->base : decl.from);
  if (decl.from && !from)
    ev.unsupported(decl.from->span, "a phase from this place is");
  if (!from && (!rule.loops.empty() || behindLoop))
    ev.fail(Code::PhaseNotThere, decl.name.span,
            "the phase `" + name + "` does not say where it starts",
            "the members of a loop run beside each other, so that none of them is the last: "
            "`from start`, or `from` a phase");
  if ((from && from->name == "start") || (!from && previous.empty())) {
    end.states = rule.trial.initialStates();
  } else {
    end = from ? find({from->name, from->span}, "starts from") : ends.at(previous);
    if (from) {
      requireIndex(end, {from->name, from->span}, member);
      if (member) {
        Frame frame = rule.ruleFrame();
        for (auto &[place, value] : end.states)
          value = members(end, value, *member, frame);
      }
    }
    end.ticks.clear();
    end.active.clear();
  }
  end.loops = rule.loops;
  end.family = decl.index;
  for (const ast::Stmt *s : decl.body) {
    auto *run = llvm::dyn_cast<ast::RunStmt>(s);
    if (!run)
      ev.refuse(*s, InPhase);
    runTicks(*run, name, end);
  }
  if (!end.last && rule.trial.ticks.empty())
    ev.fail(Code::PhaseNotThere, decl.name.span,
            "the phase `" + name + "` runs nothing, and nothing is presented before it",
            "`phase " + llvm::Twine(name) + " { run }` presents the trial");
  current.clear();
  behindLoop = !rule.loops.empty();
  previous = name;
  ends[name] = std::move(end);
}

void Phases::runTicks(const ast::RunStmt &run, const std::string &phase, End &end) {
  Evaluator &ev = rule.ev;
  Trial &trial = rule.trial;
  Settling settling;
  int64_t count = trial.length();
  if (run.duration) {
    Frame frame;
    frame.locals = rule.args;
    count = ev.evaluateTicks(*run.duration, frame, 0, "the number of ticks of a run");
  }
  auto scopes = std::make_shared<const std::vector<Scope>>(scopesOf(run));
  if (scopes->empty() && !run.until && end.number == 0 && count == trial.length() &&
      end.ticks.empty() && !rule.changed) {
    if (trial.ticks.empty()) // The plain presentation, which a learn line finds run.
      trial.run();
    for (auto &tick : trial.ticks) {
      end.ticks.push_back(tick.get());
      end.active.emplace_back();
    }
    end.last = trial.ticks.back().get();
    end.states = trial.end;
    end.number = count;
    return;
  }
  Values own;
  SynapseValues ownSynapses;
  for (int64_t t = 0; t < count; ++t) {
    auto &with = interventions.emplace_back(
        std::make_unique<RunTick>(rule, scopes, phase, own, ownSynapses));
    auto &tick = ticks.emplace_back(std::make_unique<Tick>(
        trial, end.states, end.number, end.number - t + count, with.get(), rule.changed));
    if (t == 0)
      with->begin(*tick, end.last ? Trial::Moment{end.last, &end.states}
                                  : Trial::Moment{tick.get(), nullptr});
    tick->finish();
    with->finish(*tick);
    rule.endTick();
    // What has settled stays, also among the states of the rule.
    auto keep = [&](auto &old, const auto &ended) {
      for (auto &[place, value] : ended)
        old[place] = settling.active && t > 0
                         ? ev.select(*settling.active, value, old.at(place), run.span)
                         : value;
    };
    keep(own, with->endOfAreas());
    keep(ownSynapses, with->endOfSynapses());
    end.ticks.push_back(tick.get());
    end.active.push_back(settling.active);
    Values after = tick->states;
    if (run.until)
      settle(run, end.states, *tick, settling, after);
    end.states = std::move(after);
    end.last = tick.get();
    ++end.number;
  }
  if (run.until)
    reportResiduals(settling, phase, run.until->span);
  reportHealth(end.states, phase, run.span);
}

Field Phases::costOf(const End &end, Span at) {
  std::optional<Field> total;
  for (auto [tick, active] : llvm::zip(end.ticks, end.active)) {
    Trial::At here(rule.trial, {tick, nullptr});
    Field f = *rule.costHere();
    if (active)
      f = rule.ev.select(*active, f, Field::number(0), at);
    total = total ? rule.ev.binary(ast::BinaryOp::Add, *total, f, at) : f;
  }
  return total ? *total : Field::number(0);
}

Tick &Phases::last(const ast::AtExpr &e) {
  const End &end = find(e.phase, "reads");
  return end.last ? *end.last : *rule.trial.ticks.front();
}

void Phases::leave(const Loop &l) {
  for (auto it = ends.begin(); it != ends.end();) {
    const End &end = it->second;
    auto around = llvm::find_if(end.loops, [&](const Loop &k) { return k.decl == l.decl; });
    bool inner = around != end.loops.end() &&
                 (!end.family || end.loops.size() > 1 + size_t(around - end.loops.begin()));
    if (inner)
      inLoops.insert(it->first);
    it = inner ? ends.erase(it) : std::next(it);
  }
}

std::optional<Trial::Moment> Phases::lastMoment() const {
  if (behindLoop || previous.empty())
    return std::nullopt;
  const End &end = ends.at(previous);
  return Trial::Moment{end.last, &end.states};
}

void Phases::requireIndex(const End &end, const ast::Name &name, const ast::Expr *index) {
  const Loop *l = end.family ? &end.loops.back() : nullptr;
  if (l && !index)
    rule.ev.fail(Code::PhaseNotThere, name.span,
                 "`" + name.text + "` is a family of phases, and this does not say which of them",
                 "one of them is `" + llvm::Twine(name.text) + "[" + llvm::Twine(l->first) +
                     "]`, all of them are `" + name.text + "[" + llvm::Twine(l->first) + ".." +
                     llvm::Twine(l->first + l->size - 1) + "]`");
  if (!l && index)
    rule.ev.fail(Code::PhaseNotThere, index->span,
                 "the phase `" + name.text + "` is no family, and has no members");
}

Field Phases::members(const End &end, const Field &value, const ast::Expr &e, Frame &frame) {
  Evaluator &ev = rule.ev;
  const Loop &l = end.loops.back();
  auto &index = llvm::cast<ast::IndexExpr>(e);
  if (index.indices.size() != 1)
    ev.fail(Code::PhaseNotThere, e.span, "a family of phases has one index");
  const ast::Expr &which = *index.indices[0];
  auto *name = llvm::dyn_cast<ast::NameExpr>(&which);
  if (name && llvm::any_of(rule.loops, [&](const Loop &k) {
        return k.decl == l.decl && k.variable == name->name;
      }))
    return value; // the member at hand
  auto inside = [&](double k) {
    if (k != std::floor(k) || k < 0 || k >= static_cast<double>(l.size))
      ev.fail(Code::PhaseNotThere, which.span,
              "there is no such member: the family has those from " + llvm::Twine(l.first) +
                  " to " + llvm::Twine(l.first + l.size - 1));
  };
  using ast::BinaryOp;
  mlir::Location loc = ev.location(e.span);
  auto at = [&](const Field &place) { // of the members, the one with this number
    Field here = ev.binary(BinaryOp::Eq, ev.fields.index(loc, l.axis, l.size), place, e.span);
    return ev.fields.reduce(loc, ev.select(here, value, Field::number(0), e.span), {l.axis});
  };
  auto *range = llvm::dyn_cast<ast::BinaryExpr>(&which);
  if (range && range->op == BinaryOp::Range) {
    double low = ev.evaluateConstant(*range->lhs, frame, "an index") - static_cast<double>(l.first);
    double high =
        ev.evaluateConstant(*range->rhs, frame, "an index") - static_cast<double>(l.first);
    inside(low);
    inside(high);
    int64_t count = static_cast<int64_t>(high - low) + 1;
    if (count < 1)
      ev.fail(Code::BadSize, which.span, "this range is empty");
    if (value.has(Axis::Component))
      ev.unsupported(e.span, "components of components are");
    if (value.constant || !value.has(l.axis))
      return ev.fields.broadcast(loc, value, {{Axis::Component, count}});
    if (count == l.size)
      return value.as(l.axis, Axis::Component);
    Field place = ev.fields.index(loc, Axis::Component, count);
    return at(ev.binary(BinaryOp::Add, place, Field::number(low), e.span));
  }
  Field place = ev.binary(BinaryOp::Sub, ev.evaluate(which, frame),
                          Field::number(static_cast<double>(l.first)), e.span);
  if (place.constant)
    inside(*place.constant);
  return value.constant || !value.has(l.axis) ? value : at(place);
}

Field Phases::at(const ast::AtExpr &e, Frame &frame, const ast::IndexExpr *index) {
  const End &end = find(e.phase, "reads");
  requireIndex(end, e.phase, index);
  Frame inner = frame;
  std::set<std::string> names;
  collectNames(*e.base, names);
  if (rule.cost && names.count(rule.costParameter)) {
    Field cost = costOf(end, e.span);
    cost.needs(Modulated, e.span); // one number for many synapses
    inner.locals[rule.costParameter] = cost;
  }
  Field value;
  {
    Trial::At here(rule.trial, {end.last ? end.last : rule.trial.ticks.front().get(), &end.states});
    value = rule.ev.evaluate(*e.base, inner);
  }
  return index ? members(end, value, *index, frame) : value;
}

//===----------------------------------------------------------------------===//
// One tick of a run
//===----------------------------------------------------------------------===//

RunTick::RunTick(RuleInstance &rule, std::shared_ptr<const std::vector<Scope>> scopes,
                 std::string phase, Values areaStates, SynapseValues synapseStates)
    : rule(rule), loops(rule.loops), scopes(std::move(scopes)), phase(std::move(phase)),
      areaStates(std::move(areaStates)), synapseStates(std::move(synapseStates)) {
  checkNames();
}

Extent RunTick::loopExtent() const {
  Extent extent;
  for (const Loop &l : loops) {
    if (l.numbers || l.units)
      extent.push_back({l.axis, l.size});
    if (l.dense)
      extent.push_back({l.axis, rule.net.connections[l.connection].fromSize});
    if (l.connection >= 0)
      extent.push_back({l.postAxis, rule.net.connections[l.connection].toSize});
  }
  return extent;
}

Field RunTick::atMember(const Scope &scope, Field changed, const Field &otherwise, Span at) {
  if (scope.loop < 0)
    return changed;
  Evaluator &ev = rule.ev;
  const Loop &l = loops[scope.loop];
  mlir::Location loc = ev.location(at);
  auto same = [&](Axis member, Axis element, int64_t size) {
    return ev.binary(ast::BinaryOp::Eq, ev.fields.index(loc, member, size),
                     ev.fields.index(loc, element, size), at);
  };
  if (l.units)
    return ev.select(same(l.axis, Axis::Unit, l.size), changed, otherwise, at);
  if (l.connection < 0)
    return changed;
  const Connection &c = rule.net.connections[l.connection];
  Field here = same(l.postAxis, Axis::Post, c.toSize);
  if (l.dense)
    here = ev.binary(ast::BinaryOp::And, here, same(l.axis, Axis::Pre, c.fromSize), at);
  return ev.select(here, changed, otherwise, at);
}

Frame RunTick::frame(Tick &tick, const Scope &scope, size_t position) {
  Frame frame = scope.connection >= 0
                    ? rule.synapseFrame(rule.connection(scope.connection), scope.bias)
                    : rule.areaFrame(scope.area, scope.binder);
  if (scope.plain) {
    auto areas = rule.trial.networkFrame(rule.learn.part).resolve;
    frame.resolve = [this, &scope, own = frame.resolve, locals = frame.locals,
                     areas](const ast::Expr &e) -> std::optional<Field> {
      if (rule.source)
        if (auto f = rule.source(e))
          return f;
      auto *m = scope.connection >= 0 ? memberOf(e, scope.binder) : nullptr;
      if (auto it = m ? locals.find(m->member.text) : locals.end(); it != locals.end())
        return it->second;
      if (auto f = own(e))
        return f;
      auto f = rule.loopMember(e);
      return f ? f : areas(e);
    };
  }
  tick.addClock(frame);
  frame.resolve = [this, &tick, &scope, position,
                   outer = frame.resolve](const ast::Expr &e) -> std::optional<Field> {
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e); n && rule.trial.now.tick == &tick)
      if (auto f = valueAt(tick, scope, n->name, position))
        return f;
    return outer(e);
  };
  return frame;
}

Field RunTick::evaluate(Tick &tick, const Scope &scope, const ast::Expr &e, size_t position) {
  Trial::At here(rule.trial, {&tick, nullptr});
  Frame f = frame(tick, scope, position);
  return rule.ev.evaluate(e, f);
}

static bool isCommon(const ast::Block &body, llvm::StringRef name) {
  return llvm::any_of(body, [&](const ast::Stmt *s) {
    auto *v = llvm::dyn_cast<ast::VarDecl>(s);
    return v && v->isCommon && llvm::any_of(v->vars, [&](auto &d) { return d.name.text == name; });
  });
}

/// What is common to an area or a connection does not vary over its units or synapses.
void RunTick::requireCommon(const Field &value, llvm::StringRef name, Span at) {
  if (value.constant || llvm::all_of(value.axes, [](Axis a) { return a == Axis::Sample; }))
    return;
  rule.ev.fail(Code::ShapeMismatch, at,
               "`" + name + "` is common, and the value is " + describe(value),
               "reduce it with `sum` or `mean`");
}

Field RunTick::declared(Tick &tick, const Scope &scope, const ast::VarDecl &v,
                        const ast::VarDecl::Declarator &d, size_t position) {
  Evaluator &ev = rule.ev;
  if (!d.init)
    ev.fail(Code::MissingArgument, d.name.span, "`" + d.name.text + "` needs a value");
  if (!d.components.empty())
    ev.unsupported(d.name.span, "variables with components are");
  bool state = v.varKind == ast::VarKind::State;
  Frame f = frame(tick, scope, position);
  f.stream = rule.net.name + "." + rule.learn.name + "." + (phase.empty() ? "" : phase + ".");
  for (const Loop &l : loops) { // each member draws for itself
    if (l.area >= 0)
      f.stream += rule.net.areas[l.area].name + ".";
    if (l.connection >= 0)
      f.stream += rule.net.connections[l.connection].name + (l.bias ? ".bias." : ".");
  }
  f.drawEachTrial = true;
  if (scope.connection >= 0) {
    const Connection &c = rule.connection(scope.connection);
    f.stream += c.name + (scope.bias ? ".bias" : "");
    if (c.topology == Topology::Dense && !scope.bias && !v.isCommon)
      f.drawExtent.push_back({Axis::Pre, c.fromSize});
    if (!v.isCommon)
      f.drawExtent.push_back({Axis::Post, c.toSize});
  } else {
    f.stream += rule.net.areas[scope.area].name;
    if (!v.isCommon)
      f.drawExtent = {{Axis::Unit, rule.net.areas[scope.area].size}};
  }
  f.stream += "." + d.name.text;
  Extent members = loopExtent();
  f.drawExtent.insert(f.drawExtent.begin(), members.begin(), members.end());
  if (!v.isShared) {
    f.drawExtent.insert(f.drawExtent.begin(), {Axis::Sample, ShapedType::kDynamic});
    if (tick.number && !state)
      f.stream += "@" + std::to_string(tick.number);
  }
  Field value = ev.evaluate(*d.init, f);
  if (v.isCommon)
    requireCommon(value, d.name.text, d.init->span);
  return state ? ev.fields.broadcast(ev.location(d.name.span), value, f.drawExtent) : value;
}

std::optional<Field> RunTick::valueAt(Tick &tick, const Scope &scope, llvm::StringRef name,
                                      size_t position) {
  Evaluator &ev = rule.ev;
  for (size_t k = position; k-- > 0;) {
    const ast::Stmt *s = (*scope.body)[k];
    auto once = [&](const void *what, auto make) -> Field {
      auto key = std::make_pair(&scope, what);
      if (auto it = known.find(key); it != known.end())
        return it->second;
      if (!running.insert(key).second)
        ev.fail(Code::Cycle, s->span, "`" + name + "` depends on itself within one tick");
      Trial::At here(rule.trial, {&tick, nullptr});
      Field f = make();
      running.erase(key);
      return known[key] = f;
    };
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s)) {
      for (auto &d : v->vars) {
        if (d.name.text != name)
          continue;
        if (v->varKind == ast::VarKind::Let)
          return once(&d, [&] { return declared(tick, scope, *v, d, k); });
        if (v->varKind == ast::VarKind::Input && scope.area >= 0)
          return once(&d,
                      [&] { return contributions(tick, {scope.area, d.name.text}, d.name.span); });
        if (v->varKind == ast::VarKind::Weight && scope.area >= 0)
          return rule.trial.read(rule.areaSymbol(scope.area, name)).as(Axis::Post, Axis::Unit);
        if (v->varKind != ast::VarKind::State)
          return std::nullopt; // a weight of the rule
        if (scope.connection >= 0)
          return synapseStates.at({scope.connection, scope.bias, d.name.text});
        return areaStates.at({scope.area, d.name.text});
      }
      continue;
    }
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
    auto *target = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
    if (!target || target->name != name)
      continue;
    auto before = valueAt(tick, scope, name, k);
    if (!before)
      return std::nullopt; // not one of the block's own names
    return once(s, [&] {
      Field value = evaluate(tick, scope, *assign->value, k);
      if (!before->has(Axis::Sample))
        value = ev.averageOverSamples(value, s->span);
      if (isCommon(*scope.body, name))
        requireCommon(value, name, assign->value->span);
      if (assign->op == ast::AssignOp::Add)
        value = ev.binary(ast::BinaryOp::Add, *before, value, s->span);
      if (assign->op == ast::AssignOp::Sub)
        value = ev.binary(ast::BinaryOp::Sub, *before, value, s->span);
      return value;
    });
  }
  return std::nullopt;
}

/// The states that the blocks declare start where the phase starts.
void RunTick::begin(Tick &tick, Trial::Moment moment) {
  for (const Scope &scope : *scopes)
    for (auto [k, s] : llvm::enumerate(*scope.body))
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::State)
        for (auto &d : v->vars) {
          Trial::At here(rule.trial, moment);
          Field value = declared(tick, scope, *v, d, k);
          if (scope.connection >= 0)
            synapseStates[{scope.connection, scope.bias, d.name.text}] = value;
          else
            areaStates[{scope.area, d.name.text}] = value;
        }
}

std::optional<Field> RunTick::arrival(Tick &tick, const Place &place) {
  Evaluator &ev = rule.ev;
  std::optional<Field> total;
  for (const Scope &scope : *scopes) {
    if (scope.area != place.first)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *m = assign ? memberOf(*assign->target, scope.binder) : nullptr;
      if (!m || m->member.text != place.second)
        continue;
      if (assign->op != ast::AssignOp::Add && assign->op != ast::AssignOp::Sub)
        ev.fail(Code::NotAssignable, s->span,
                "`" + ast::toString(*assign->target) + "` is a sum of what arrives: write `+=`",
                "to replace a value, assign to an `output` or `let` of the unit");
      Field value = evaluate(tick, scope, *assign->value, k);
      if (assign->op == ast::AssignOp::Sub)
        value = ev.unary("-", value, s->span);
      value = atMember(scope, value, Field::number(0), s->span);
      total = total ? ev.binary(ast::BinaryOp::Add, *total, value, s->span) : value;
    }
  }
  return total;
}

void RunTick::checkNames() const {
  std::map<std::tuple<int, int, bool, std::string>, Span> known;
  for (const Scope &scope : *scopes)
    for (const ast::Stmt *s : *scope.body)
      if (auto *v = scope.plain ? nullptr : llvm::dyn_cast<ast::VarDecl>(s))
        for (auto &d : v->vars) {
          auto [other, fresh] = known.emplace(
              std::tuple(scope.area, scope.connection, scope.bias, d.name.text), d.name.span);
          if (fresh)
            continue;
          rule.ev.diags
              .error(Code::DefinedTwice, d.name.span,
                     "the rule `" + rule.rule->name.text + "` declares `" + d.name.text +
                         "` twice for `" +
                         (scope.area >= 0 ? rule.net.areas[scope.area].name
                                          : rule.connection(scope.connection).name) +
                         "`")
              .label(other->second, "first declared here");
          throw Reported();
        }
}

void RunTick::checkSetOnce(const ast::AssignStmt *&last, const Scope *&of, const Scope &scope,
                           const ast::AssignStmt &assign) const {
  bool sets = assign.op == ast::AssignOp::Set;
  if (last && of->body != scope.body && (sets || last->op == ast::AssignOp::Set)) {
    rule.ev.diags
        .error(Code::AssignedTwice, assign.span,
               "`" + ast::toString(*assign.target) + "` is assigned by two blocks of one run")
        .label(last->span, "the other assignment")
        .hint("blocks of a run have no order: write both in one, or restrict them to other areas");
    throw Reported();
  }
  last = &assign;
  of = &scope;
}

std::optional<Field> RunTick::clamp(Tick &tick, const Place &place,
                                    llvm::function_ref<Field()> otherwise) {
  std::optional<Field> value;
  const ast::AssignStmt *last = nullptr;
  const Scope *of = nullptr;
  for (const Scope &scope : *scopes) {
    if (scope.area != place.first)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *m = assign ? memberOf(*assign->target, scope.binder) : nullptr;
      if (!m || m->member.text != place.second)
        continue;
      if (assign->op != ast::AssignOp::Set)
        rule.ev.fail(Code::NotAssignable, s->span,
                     "`" + ast::toString(*assign->target) + "` is replaced in a run: write `=`");
      checkSetOnce(last, of, scope, *assign);
      Field clamped = evaluate(tick, scope, *assign->value, k);
      if (scope.loop >= 0 && loops[scope.loop].units)
        clamped = atMember(scope, clamped, value ? *value : otherwise(), s->span);
      value = clamped;
    }
  }
  return value;
}

Field RunTick::update(Tick &tick, const Place &place, Field value) {
  const ast::AssignStmt *last = nullptr;
  const Scope *of = nullptr;
  for (const Scope &scope : *scopes) {
    if (scope.area != place.first)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *m = assign ? memberOf(*assign->target, scope.binder) : nullptr;
      if (!m || m->member.text != place.second)
        continue;
      checkSetOnce(last, of, scope, *assign);
      value = updated(tick, scope, *assign, k, value);
    }
  }
  return value;
}

Field RunTick::updated(Tick &tick, const Scope &scope, const ast::AssignStmt &assign, size_t k,
                       const Field &old) {
  Evaluator &ev = rule.ev;
  Field change = evaluate(tick, scope, *assign.value, k);
  if (assign.op == ast::AssignOp::Set)
    return atMember(scope, change, old, assign.span);
  return ev.binary(assign.op == ast::AssignOp::Add ? ast::BinaryOp::Add : ast::BinaryOp::Sub, old,
                   atMember(scope, change, Field::number(0), assign.span), assign.span);
}

Field RunTick::weight(Tick &tick, const Connection &c, const Weight &w, Field value) {
  Evaluator &ev = rule.ev;
  const ast::AssignStmt *last = nullptr;
  const Scope *of = nullptr;
  int index =
      c.transposeOf >= 0 ? c.transposeOf : static_cast<int>(&c - rule.net.connections.data());
  for (const Scope &scope : *scopes) {
    if (scope.connection != index || scope.bias != w.bias)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *name = assign && !scope.plain ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
      auto *m = assign && scope.plain ? memberOf(*assign->target, scope.binder) : nullptr;
      if ((!name || name->name != w.name) && (!m || m->member.text != w.name))
        continue;
      checkSetOnce(last, of, scope, *assign);
      value = updated(tick, scope, *assign, k, value);
      if (!value.constant && value.has(Axis::Sample))
        ev.fail(Code::PerSampleToShared, s->span,
                "a value per sample is assigned to a weight, which has no samples",
                "a draw for all samples is a `shared state x ~ …` of the connection");
    }
  }
  return value;
}

std::optional<Field> RunTick::own(Tick &tick, const Place &place, bool ended) {
  const Values &states = ended ? endedAreas : areaStates;
  if (auto it = states.find(place); it != states.end())
    return it->second;
  for (const Scope &scope : *scopes)
    if (scope.area == place.first && !scope.plain)
      if (auto f = valueAt(tick, scope, place.second, scope.body->size()))
        return f;
  return std::nullopt;
}

std::optional<Field> RunTick::ownSynapse(Tick &tick, int connection, bool bias,
                                         const std::string &name, bool ended) {
  const SynapseValues &states = ended ? endedSynapses : synapseStates;
  if (auto it = states.find({connection, bias, name}); it != states.end())
    return it->second;
  for (const Scope &scope : *scopes)
    if (scope.connection == connection && scope.bias == bias && !scope.plain)
      if (auto f = valueAt(tick, scope, name, scope.body->size()))
        return f;
  return std::nullopt;
}

Field RunTick::gathered(const Connection &c, Field e, bool pre, Span at) {
  Evaluator &ev = rule.ev;
  Axis over = pre ? Axis::Post : Axis::Pre, kept = pre ? c.preAxis() : Axis::Post;
  if (c.topology == Topology::Dense) {
    if (e.constant || !e.has(over)) // one for each synapse
      e = ev.binary(ast::BinaryOp::Mul, e,
                    Field::number(static_cast<double>(pre ? c.fanOut() : c.fanIn())), at);
    else
      e = ev.fields.reduce(ev.location(at), e, {over});
  }
  return e.as(kept, Axis::Unit);
}

bool RunTick::ownInput(const Place &place) const {
  return llvm::any_of(*scopes, [&](const Scope &scope) {
    return scope.area == place.first && llvm::any_of(*scope.body, [&](const ast::Stmt *s) {
             auto *v = llvm::dyn_cast<ast::VarDecl>(s);
             return v && v->varKind == ast::VarKind::Input &&
                    llvm::any_of(v->vars, [&](auto &d) { return d.name.text == place.second; });
           });
  });
}

/// Complete before it is read: every statement that adds to it is found first.
Field RunTick::contributions(Tick &tick, const Place &place, Span at) {
  Evaluator &ev = rule.ev;
  Field total = Field::number(0);
  for (const Scope &scope : *scopes) {
    if (scope.connection < 0)
      continue;
    const Connection &c = rule.connection(scope.connection);
    for (auto [k, s] : llvm::enumerate(*scope.body))
      for (bool pre : {true, false}) {
        auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
        auto *m = assign ? memberOf(*assign->target, pre ? "pre" : "post") : nullptr;
        if (!m || m->member.text != place.second || (pre ? c.from : c.to) != place.first ||
            (pre && scope.bias))
          continue;
        if (assign->op != ast::AssignOp::Add && assign->op != ast::AssignOp::Sub)
          ev.fail(Code::NotAssignable, s->span,
                  "`" + place.second + "` is a sum of what arrives: write `+=`");
        Field e = evaluate(tick, scope, *assign->value, k);
        bool forwards = e.readsForwardWeight && !pre;
        if (!forwards)
          e.needs(e.readsForwardWeight ? Nonlocal : Feedback, assign->value->span,
                  e.readsForwardWeight);
        e.readsForwardWeight = false;
        // A unit has one bias, and many synapses.
        e = scope.bias ? e.as(Axis::Post, Axis::Unit) : gathered(c, e, pre, s->span);
        total =
            ev.binary(assign->op == ast::AssignOp::Add ? ast::BinaryOp::Add : ast::BinaryOp::Sub,
                      total, e, s->span);
      }
  }
  for (auto &c : rule.ownConnections)
    if (!c.toError && c.made.to == place.first && c.made.toPort == place.second)
      if (auto arriving = rule.conducted(c))
        total = ev.binary(ast::BinaryOp::Add, total, *arriving, at);
  Field result = ev.fields.broadcast(
      ev.location(at), total,
      {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, rule.net.areas[place.first].size}});
  result.inherit(total);
  return result;
}

std::optional<Field> RunTick::messages(Tick &tick, const Place &place) {
  if (auto it = sent.find(place); it != sent.end())
    return it->second;
  Evaluator &ev = rule.ev;
  std::optional<Field> total;
  auto add = [&](Field f, Span at) {
    total = total ? ev.binary(ast::BinaryOp::Add, *total, f, at) : f;
  };
  for (const Scope &scope : *scopes)
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      if (!assign)
        continue;
      if (scope.connection < 0) {
        auto *call = callOf(*assign->target, "error");
        auto *member =
            call && call->args.size() == 1 ? memberOf(*call->args[0].value, scope.binder) : nullptr;
        if (scope.area != place.first || !member || member->member.text != place.second)
          continue;
        if (assign->op != ast::AssignOp::Add)
          ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`");
        if (rule.account)
          rule.account->add(
              {place.first, place.second, -1, assign, scope.body, phase, false, scope.binder});
        add(evaluate(tick, scope, *assign->value, k), s->span);
        continue;
      }
      const Connection &c = rule.connection(scope.connection);
      auto member = errorOf(*assign->target, "pre");
      bool pre = member.has_value();
      if (!pre)
        member = errorOf(*assign->target, "post");
      if (!member || scope.bias || (pre ? c.from : c.to) != place.first ||
          (!member->empty() ? *member
           : pre            ? c.fromVariable
                            : c.toPort) != place.second)
        continue;
      if (assign->op != ast::AssignOp::Add)
        ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`");
      Field e = evaluate(tick, scope, *assign->value, k);
      if (e.constant)
        continue;
      bool backwards = pre && e.readsForwardWeight;
      if (pre || !e.readsForwardWeight)
        e.needs(backwards ? Nonlocal : Feedback, assign->value->span, backwards);
      e.readsForwardWeight = false;
      if (rule.account && !rule.own(c))
        rule.account->add({place.first, place.second, scope.connection, assign,
                           scope.inside ? rule.blockOf(*scope.inside) : scope.body, phase,
                           backwards, ""});
      add(gathered(c, e, pre, s->span), s->span);
    }
  return sent[place] = total;
}

void RunTick::finish(Tick &tick) {
  Evaluator &ev = rule.ev;
  for (const Scope &scope : *scopes)
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s)) {
        bool state = v->varKind == ast::VarKind::State;
        for (auto &d : v->vars) {
          // Everything is checked, also what nothing reads.
          auto value = valueAt(tick, scope, d.name.text, state ? scope.body->size() : k + 1);
          if (state && scope.connection >= 0)
            endedSynapses[{scope.connection, scope.bias, d.name.text}] = *value;
          else if (state)
            endedAreas[{scope.area, d.name.text}] = *value;
        }
        continue;
      }
      if (phase.empty() && (RuleInstance::assumption(*s) || llvm::isa<ast::ConnectDecl>(s)))
        continue;
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      if (!assign)
        ev.refuse(*s, phase.empty() ? InTemplate : InRun);
      if (scope.connection >= 0)
        learn(tick, scope, *assign, k);
      else
        learnOfArea(tick, scope, *assign, k);
    }
}

/// A statement of synapses: gradients, changes of weights, and what goes elsewhere.
void RunTick::learn(Tick &tick, const Scope &scope, const ast::AssignStmt &assign, size_t k) {
  Evaluator &ev = rule.ev;
  const Connection &c = rule.connection(scope.connection);
  if (scope.plain) {
    auto *m = memberOf(*assign.target, scope.binder);
    if (m && llvm::none_of(c.weights, [&](auto &w) { return w.name == m->member.text; }))
      ev.fail(Code::NotAssignable, assign.target->span,
              "`" + ast::toString(*assign.target) + "` cannot be assigned here",
              "a run perturbs the weights of synapses");
    return;
  }
  for (bool pre : {true, false})
    if (auto member = errorOf(*assign.target, pre ? "pre" : "post")) {
      int area = pre ? c.from : c.to;
      if (!scope.bias && rule.areas.count(area)) // else nobody listens: an input of the scope
        messages(tick, {area, !member->empty() ? *member : pre ? c.fromVariable : c.toPort});
      return;
    }
  for (const char *end : {"pre", "post"})
    if (auto *m = memberOf(*assign.target, end)) {
      int area = end == std::string("pre") ? c.from : c.to;
      if (ownInput({area, m->member.text}) ||
          (end == std::string("pre") && !rule.areas.count(area)))
        return;
      ev.fail(Code::RuleNeedsVariable, assign.target->span,
              "the rule adds to `" + ast::toString(*assign.target) +
                  "`, and declares no such input "
                  "for the area `" +
                  rule.net.areas[area].name + "`",
              "declare it in a template: `each area a { input " + llvm::Twine(m->member.text) +
                  " }`");
    }
  if (!rule.own(c) && !rule.plastic.count(scope.connection))
    return;
  auto *m = llvm::dyn_cast<ast::MemberExpr>(assign.target);
  auto *base = llvm::dyn_cast<ast::NameExpr>(m ? m->base : assign.target);
  bool own = base && rule.ruleWeights.count(c.name + "." + base->name);
  bool network = base && llvm::any_of(c.weights, [&](auto &w) { return w.name == base->name; });
  bool state = base && !m && valueAt(tick, scope, base->name, k).has_value();
  if ((!own && !network && !state) || (m && m->member.text != "grad"))
    ev.fail(Code::NotAssignable, assign.target->span,
            "`" + ast::toString(*assign.target) + "` cannot be assigned here",
            phase.empty() ? "a rule adds to `w.grad` or to `error(pre)`, or changes `w`"
                          : "a run adds to `w.grad` or `error(pre)`, perturbs `w`, or changes what "
                            "the rule declares");
  bool perturbs = network && !m && !phase.empty(); // for the run only
  if (state || perturbs || (own && scope.bias))
    return;
  if (m && assign.op != ast::AssignOp::Add)
    ev.fail(Code::NotAssignable, assign.span, "gradients are added to: write `+=`");
  Field value = evaluate(tick, scope, *assign.value, k);
  Trial::At here(rule.trial, {&tick, nullptr});
  RuleInstance::Target &changed = rule.target(c, base->name, scope.bias);
  if (WeightChange *change = rule.noted(changed))
    rule.account->add(*change,
                      {&assign, scope.inside ? rule.blockOf(*scope.inside) : scope.body, "", phase,
                       m != nullptr, value.has(Axis::Sample), scope.connection});
  rule.contribute(changed, value, assign.op, m != nullptr, assign.span);
}

/// A statement of units: changes of the weights that the rule declares for them.
void RunTick::learnOfArea(Tick &tick, const Scope &scope, const ast::AssignStmt &assign, size_t k) {
  auto *m = llvm::dyn_cast<ast::MemberExpr>(assign.target);
  auto *base = llvm::dyn_cast<ast::NameExpr>(m ? m->base : assign.target);
  if (!base || !rule.ruleWeights.count(rule.net.areas[scope.area].name + "." + base->name)) {
    checkTarget(scope, assign);
    if (phase.empty() && m && base && base->name == scope.binder)
      rule.ev.fail(
          Code::NotAssignable, assign.target->span,
          "`" + ast::toString(*assign.target) + "` belongs to the network",
          "a rule changes variables of the network in a run only: `phase p { run with … }`");
    if (auto *call = callOf(*assign.target, "error"))
      if (auto *member = memberOf(*call->args[0].value, scope.binder))
        messages(tick, {scope.area, member->member.text});
    return;
  }
  if ((m && m->member.text != "grad") || (m && assign.op != ast::AssignOp::Add))
    rule.ev.fail(Code::NotAssignable, assign.span, "gradients are added to: write `+=`");
  Field value = evaluate(tick, scope, *assign.value, k).as(Axis::Unit, Axis::Post);
  Trial::At here(rule.trial, {&tick, nullptr});
  RuleInstance::Target &changed = rule.target(scope.area, base->name);
  if (WeightChange *change = rule.noted(changed))
    rule.account->add(*change, {&assign, scope.inside ? rule.blockOf(*scope.inside) : scope.body,
                                scope.binder, phase, m != nullptr, value.has(Axis::Sample), -1});
  rule.contribute(changed, value, assign.op, m != nullptr, assign.span);
}

/// What a block over areas assigns to must exist.
void RunTick::checkTarget(const Scope &scope, const ast::AssignStmt &assign) {
  const ast::Expr *target = assign.target;
  if (auto *call = llvm::dyn_cast<ast::CallExpr>(target);
      call && call->args.size() == 1 && ast::toString(*call->callee) == "error")
    target = call->args[0].value;
  const Area &area = rule.net.areas[scope.area];
  if (auto *member = memberOf(*target, scope.binder)) {
    if (area.has(member->member.text))
      return;
    rule.ev.fail(Code::RuleNeedsVariable, target->span,
                 rule.who() + " assigns `" + scope.binder + "." + member->member.text +
                     "`, which the area `" + area.name + "` lacks");
  }
  auto *name = llvm::dyn_cast<ast::NameExpr>(target);
  bool declared =
      name && llvm::any_of(*scope.body, [&](const ast::Stmt *s) {
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        return v && llvm::any_of(v->vars, [&](auto &d) { return d.name.text == name->name; });
      });
  auto *m = llvm::dyn_cast<ast::MemberExpr>(target);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  bool elsewhere = scope.plain && m &&
                   (rule.net.area(*m->base, rule.ev, rule.learn.part) >= 0 ||
                    (base && llvm::any_of(loops, [&](const Loop &l) {
                       return l.variable == base->name && !l.numbers;
                     })));
  if (!declared && !elsewhere)
    rule.ev.fail(Code::NotAssignable, target->span,
                 "`" + ast::toString(*target) + "` cannot be assigned here",
                 "a block over areas assigns to variables of its area and to its own states");
}

} // namespace apical::sema
