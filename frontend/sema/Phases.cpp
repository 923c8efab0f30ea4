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
        Scope &s = scopes.emplace_back();
        s.body = &block;
        s.binder = net.areas[a].name;
        s.area = static_cast<int>(a);
        s.plain = true;
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
  if (decl.index)
    ev.unsupported(decl.span, "families of phases are");
  const std::string &name = decl.name.text;
  if (ends.count(name))
    ev.fail(Code::DefinedTwice, decl.name.span, "two phases are named `" + name + "`");
  current = name;
  End end;
  auto *from = llvm::dyn_cast_or_null<ast::NameExpr>(decl.from);
  if (decl.from && !from)
    ev.unsupported(decl.from->span, "a phase from this place is");
  if ((from && from->name == "start") || (!from && previous.empty())) {
    end.states = rule.trial.initialStates();
  } else {
    end = from ? find({from->name, from->span}, "starts from") : ends.at(previous);
    end.ticks.clear();
    end.active.clear();
  }
  for (const ast::Stmt *s : decl.body) {
    auto *run = llvm::dyn_cast<ast::RunStmt>(s);
    if (!run)
      ev.unsupported(s->span, "this statement in a phase is");
    runTicks(*run, name, end);
  }
  current.clear();
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
    // The plain presentation, which has been run.
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

Field Phases::at(const ast::AtExpr &e, const Frame &frame) {
  const End &end = find(e.phase, "reads");
  Frame inner = frame;
  std::set<std::string> names;
  collectNames(*e.base, names);
  if (rule.cost && names.count(rule.costParameter)) {
    Field cost = costOf(end, e.span);
    cost.needs(Modulated, e.span); // one number for many synapses
    inner.locals[rule.costParameter] = cost;
  }
  Trial::At here(rule.trial, {end.last ? end.last : rule.trial.ticks.front().get(), &end.states});
  return rule.ev.evaluate(*e.base, inner);
}

//===----------------------------------------------------------------------===//
// One tick of a run
//===----------------------------------------------------------------------===//

Frame RunTick::frame(Tick &tick, const Scope &scope, size_t position) {
  Frame frame = scope.connection >= 0
                    ? rule.synapseFrame(rule.net.connections[scope.connection], scope.bias)
                    : rule.areaFrame(scope.area, scope.binder);
  if (scope.plain) {
    auto areas = rule.trial.networkFrame().resolve;
    frame.resolve = [own = frame.resolve, areas](const ast::Expr &e) {
      auto f = own(e);
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
  f.drawEachTrial = true;
  if (scope.connection >= 0) {
    const Connection &c = rule.net.connections[scope.connection];
    f.stream += c.name + (scope.bias ? ".bias" : "");
    if (c.topology == Topology::Dense && !scope.bias)
      f.drawExtent.push_back({Axis::Pre, c.fromSize});
    f.drawExtent.push_back({Axis::Post, c.toSize});
  } else {
    f.stream += rule.net.areas[scope.area].name;
    f.drawExtent = {{Axis::Unit, rule.net.areas[scope.area].size}};
  }
  f.stream += "." + d.name.text;
  if (!v.isShared) {
    f.drawExtent.insert(f.drawExtent.begin(), {Axis::Sample, ShapedType::kDynamic});
    if (tick.number && !state)
      f.stream += "@" + std::to_string(tick.number);
  }
  Field value = ev.evaluate(*d.init, f);
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
      total = total ? ev.binary(ast::BinaryOp::Add, *total, value, s->span) : value;
    }
  }
  return total;
}

std::optional<Field> RunTick::clamp(Tick &tick, const Place &place) {
  std::optional<Field> value;
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
      value = evaluate(tick, scope, *assign->value, k);
    }
  }
  return value;
}

Field RunTick::update(Tick &tick, const Place &place, Field value) {
  Evaluator &ev = rule.ev;
  for (const Scope &scope : *scopes) {
    if (scope.area != place.first)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *m = assign ? memberOf(*assign->target, scope.binder) : nullptr;
      if (!m || m->member.text != place.second)
        continue;
      Field change = evaluate(tick, scope, *assign->value, k);
      if (assign->op == ast::AssignOp::Add)
        value = ev.binary(ast::BinaryOp::Add, value, change, s->span);
      else if (assign->op == ast::AssignOp::Sub)
        value = ev.binary(ast::BinaryOp::Sub, value, change, s->span);
      else
        value = change;
    }
  }
  return value;
}

Field RunTick::weight(Tick &tick, const Connection &c, const Weight &w, Field value) {
  Evaluator &ev = rule.ev;
  int index =
      c.transposeOf >= 0 ? c.transposeOf : static_cast<int>(&c - rule.net.connections.data());
  for (const Scope &scope : *scopes) {
    if (scope.connection != index || scope.bias != w.bias)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *name = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
      if (!name || name->name != w.name)
        continue;
      Field change = evaluate(tick, scope, *assign->value, k);
      if (!change.constant && change.has(Axis::Sample))
        ev.fail(Code::PerSampleToShared, s->span,
                "a value per sample is assigned to a weight, which has no samples",
                "a draw for all samples is a `shared state x ~ …` of the connection");
      if (assign->op == ast::AssignOp::Add)
        value = ev.binary(ast::BinaryOp::Add, value, change, s->span);
      else if (assign->op == ast::AssignOp::Sub)
        value = ev.binary(ast::BinaryOp::Sub, value, change, s->span);
      else
        value = change;
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
    if (scope.connection == connection && scope.bias == bias)
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
    const Connection &c = rule.net.connections[scope.connection];
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
        e = gathered(c, e, pre, s->span);
        total =
            ev.binary(assign->op == ast::AssignOp::Add ? ast::BinaryOp::Add : ast::BinaryOp::Sub,
                      total, e, s->span);
      }
  }
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
        add(evaluate(tick, scope, *assign->value, k), s->span);
        continue;
      }
      const Connection &c = rule.net.connections[scope.connection];
      auto member = errorOf(*assign->target, "pre");
      if (!member || scope.bias || c.from != place.first ||
          (member->empty() ? c.fromVariable : *member) != place.second)
        continue;
      if (assign->op != ast::AssignOp::Add)
        ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`");
      Field e = evaluate(tick, scope, *assign->value, k);
      if (e.constant)
        continue;
      bool backwards = e.readsForwardWeight;
      e.needs(backwards ? Nonlocal : Feedback, assign->value->span, backwards);
      e.readsForwardWeight = false;
      if (rule.account)
        rule.account->add({place.first, place.second, scope.connection, assign,
                           scope.inside ? rule.blockOf(*scope.inside) : scope.body, phase,
                           backwards});
      add(gathered(c, e, true, s->span), s->span);
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
      if (phase.empty() && RuleInstance::assumption(*s))
        continue;
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      if (!assign)
        ev.unsupported(s->span, phase.empty() ? "this statement in a template is"
                                              : "this statement in a `with` block is");
      if (scope.connection >= 0)
        learn(tick, scope, *assign, k);
      else
        learnOfArea(tick, scope, *assign, k);
    }
}

/// A statement of synapses: gradients, changes of weights, and what goes elsewhere.
void RunTick::learn(Tick &tick, const Scope &scope, const ast::AssignStmt &assign, size_t k) {
  Evaluator &ev = rule.ev;
  const Connection &c = rule.net.connections[scope.connection];
  if (auto member = errorOf(*assign.target, "pre")) {
    if (!scope.bias && rule.areas.count(c.from)) // else nobody listens: an input of the scope
      messages(tick, {c.from, member->empty() ? c.fromVariable : *member});
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
  if (!rule.plastic.count(scope.connection))
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
  rule.contribute(rule.target(scope.area, base->name), value, assign.op, m != nullptr, assign.span);
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
                 "the rule `" + rule.rule->name.text + "` assigns `" + scope.binder + "." +
                     member->member.text + "`, which the area `" + area.name + "` lacks");
  }
  auto *name = llvm::dyn_cast<ast::NameExpr>(target);
  bool declared =
      name && llvm::any_of(*scope.body, [&](const ast::Stmt *s) {
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        return v && llvm::any_of(v->vars, [&](auto &d) { return d.name.text == name->name; });
      });
  auto *m = llvm::dyn_cast<ast::MemberExpr>(target);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  bool elsewhere = scope.plain && base && rule.net.area(base->name) >= 0;
  if (!declared && !elsewhere)
    rule.ev.fail(Code::NotAssignable, target->span,
                 "`" + ast::toString(*target) + "` cannot be assigned here",
                 "a block over areas assigns to variables of its area and to its own states");
}

} // namespace apical::sema
