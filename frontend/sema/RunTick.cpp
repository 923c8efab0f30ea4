//===- RunTick.cpp - what a rule sees in one tick of one run ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Ends.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

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
  if (!scope.plain)
    frame.call = [this, &tick, &scope, position,
                  outer = frame.call](const ast::CallExpr &e, Frame &f) -> std::optional<Field> {
      // A synapse alone is moved by nothing: there, what moves must be said.
      bool here =
          scope.area >= 0 || (!rule.own(rule.connection(scope.connection)) && e.args.size() != 1);
      return callOf(e, "push") && here ? push(tick, scope, e, position) : outer(e, f);
    };
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
  if (value.constant || llvm::all_of(value.axes, [](Axis a) {
        return a == Axis::Sample || a == Axis::Component || isLoop(a);
      }))
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
  bool state = v.varKind == ast::VarKind::State;
  if (v.isLasting)
    ev.unsupported(v.span, "a `lasting` state that is declared in a run is");
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
    if (!v.isCommon)
      f.drawExtent = v.isShared ? c.weightElements(scope.bias) : c.synapses(scope.bias);
  } else {
    f.stream += rule.net.areas[scope.area].name;
    if (!v.isCommon)
      f.drawExtent = {{Axis::Unit, rule.net.areas[scope.area].size}};
  }
  f.stream += "." + d.name.text;
  Frame sizes;
  sizes.locals = rule.args;
  int64_t components = ev.componentsOf(d, sizes);
  if (components)
    f.drawExtent.insert(f.drawExtent.begin(), {Axis::Component, components});
  Extent members = loopExtent();
  f.drawExtent.insert(f.drawExtent.begin(), members.begin(), members.end());
  if (!v.isShared) {
    f.drawExtent.insert(f.drawExtent.begin(), {Axis::Sample, ShapedType::kDynamic});
    if (tick.number && !state)
      f.stream += "@" + std::to_string(tick.number);
  }
  Field value = ev.evaluate(*d.init, f);
  if (components || state)
    value = ev.withComponents(value, components, d.name.text, d.init->span);
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
      if (scope.connection >= 0 && !before->has(Axis::Sample) && !isCommon(*scope.body, name))
        value = onWeights(ev, rule.connection(scope.connection), value, *assign);
      if (!before->has(Axis::Sample))
        value = ev.withoutSamples(value, assign->op, name, s->span);
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

} // namespace apical::sema
