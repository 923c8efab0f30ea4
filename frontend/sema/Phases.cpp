//===- Phases.cpp - the phases of a learn line ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

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
        end.amongMembers = from->span;
        Frame frame = rule.ruleFrame();
        for (auto &[place, value] : end.states)
          value = members(end, value, *member, frame);
      }
    }
    end.ticks.clear();
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

void Phases::append(End &end, const Presented &tick) {
  end.ticks.push_back(tick);
  end.history.push_back(tick);
}

RunTick *Phases::intervene(RuleInstance &by, std::shared_ptr<const std::vector<Scope>> scopes,
                           const std::string &phase, const OwnStates &own) {
  return interventions
      .emplace_back(
          std::make_unique<RunTick>(by, std::move(scopes), phase, own.areas, own.synapses))
      .get();
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
  bool presents = !run.duration || (!trial.shaped && count == trial.length());
  if (presents && scopes->empty() && !run.until && end.number == 0 && end.ticks.empty() &&
      !rule.changed) {
    if (trial.ticks.empty()) // The plain presentation, which a learn line finds run.
      trial.run();
    for (const Presented &tick : trial.ticks)
      append(end, tick);
    end.last = trial.ticks.back().tick;
    end.states = trial.end;
    end.number = count;
    return;
  }
  OwnStates own, ofExperiment;
  for (int64_t t = 0; t < count; ++t) {
    RunTick *with = intervene(rule, scopes, phase, own), *shape = nullptr;
    Intervention *all = with;
    bool shapeBegins = false;
    if (const Presented *p = presents && trial.shaped ? &trial.ticks[t] : nullptr; p && p->with) {
      // What the experiment's phases do is done here too.
      shapeBegins = t == 0 || trial.ticks[t - 1].with != p->with;
      if (shapeBegins)
        ofExperiment = {};
      shape = intervene(*trial.shaped, p->with, p->phase, ofExperiment);
      all = composed.emplace_back(std::make_unique<Both>(*shape, *with)).get();
    }
    auto &tick = ticks.emplace_back(std::make_unique<Tick>(
        trial, end.states, end.number, end.number - t + count, all, rule.changed));
    tick->apart = llvm::any_of(*scopes, [](const Scope &s) { return pushes(*s.body); });
    auto start =
        end.last ? Trial::Moment{end.last, &end.states} : Trial::Moment{tick.get(), nullptr};
    if (shapeBegins)
      shape->begin(*tick, start);
    if (t == 0)
      with->begin(*tick, start);
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
    keep(own.areas, with->endOfAreas());
    keep(own.synapses, with->endOfSynapses());
    if (shape) {
      shape->finish(*tick);
      ofExperiment = {shape->endOfAreas(), shape->endOfSynapses()};
    }
    append(end, {tick.get(), settling.active, scopes, phase});
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
  for (const Presented &p : end.ticks) {
    Trial::At here(rule.trial, {p.tick, nullptr});
    Field f = *rule.costHere();
    if (p.active)
      f = rule.ev.select(*p.active, f, Field::number(0), at);
    total = total ? rule.ev.binary(ast::BinaryOp::Add, *total, f, at) : f;
  }
  return total ? *total : Field::number(0);
}

Tick &Phases::last(const ast::AtExpr &e) {
  const End &end = find(e.phase, "reads");
  return end.last ? *end.last : *rule.trial.ticks.front().tick;
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

std::vector<Presented> Phases::presented() const {
  const End &end = ends.at(previous);
  if (end.amongMembers)
    rule.ev.unsupported(*end.amongMembers,
                        "training behind a phase that starts from one member of a family is");
  return end.history;
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
    Trial::At here(rule.trial, {end.last ? end.last : rule.trial.ticks.front().tick, &end.states});
    value = rule.ev.evaluate(*e.base, inner);
  }
  return index ? members(end, value, *index, frame) : value;
}

} // namespace apical::sema
