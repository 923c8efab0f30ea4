//===- RunChanges.cpp - what a run changes of the network while it lasts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

void RunTick::eachAssignment(
    const Place &place,
    llvm::function_ref<void(const Scope &, const ast::AssignStmt &, size_t)> visit) const {
  for (const Scope &scope : *scopes) {
    if (scope.area != place.first)
      continue;
    for (auto [k, s] : llvm::enumerate(*scope.body)) {
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *m = assign ? memberOf(*assign->target, scope.binder) : nullptr;
      if (m && m->member.text == place.second)
        visit(scope, *assign, k);
    }
  }
}

std::optional<Field> RunTick::arrival(Tick &tick, const Place &place) {
  Evaluator &ev = rule.ev;
  std::optional<Field> total;
  eachAssignment(place, [&](const Scope &scope, const ast::AssignStmt &assign, size_t k) {
    if (assign.op != ast::AssignOp::Add && assign.op != ast::AssignOp::Sub)
      ev.fail(Code::NotAssignable, assign.span,
              "`" + ast::toString(*assign.target) + "` is a sum of what arrives: write `+=`",
              "to replace a value, assign to an `output` or `let` of the unit");
    Field value = evaluate(tick, scope, *assign.value, k);
    if (assign.op == ast::AssignOp::Sub)
      value = ev.unary("-", value, assign.span);
    value = atMember(scope, value, Field::number(0), assign.span);
    total = total ? ev.binary(ast::BinaryOp::Add, *total, value, assign.span) : value;
  });
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
  eachAssignment(place, [&](const Scope &scope, const ast::AssignStmt &assign, size_t k) {
    if (assign.op != ast::AssignOp::Set)
      rule.ev.fail(Code::NotAssignable, assign.span,
                   "`" + ast::toString(*assign.target) + "` is replaced in a run: write `=`");
    checkSetOnce(last, of, scope, assign);
    Field clamped = evaluate(tick, scope, *assign.value, k);
    if (scope.loop >= 0 && loops[scope.loop].units)
      clamped = atMember(scope, clamped, value ? *value : otherwise(), assign.span);
    value = clamped;
  });
  return value;
}

Field RunTick::update(Tick &tick, const Place &place, Field value) {
  const ast::AssignStmt *last = nullptr;
  const Scope *of = nullptr;
  eachAssignment(place, [&](const Scope &scope, const ast::AssignStmt &assign, size_t k) {
    checkSetOnce(last, of, scope, assign);
    value = updated(tick, scope, assign, k, value);
  });
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
      if (c.topology == Topology::Conv && !value.constant && value.has(Axis::Place))
        ev.fail(
            Code::ShapeMismatch, s->span,
            "`" + w.name +
                "` is one for all places of a kernel, and the value differs from place to place",
            "a `shared state` of the connection is one for each weight");
    }
  }
  if (std::function<Field()> mask = last ? rule.trial.maskOf(c, w.bias) : nullptr)
    return ev.masked(mask(), value, last->span);
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

} // namespace apical::sema
