//===- RunLearning.cpp - what synapses and areas send and learn in one tick ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Ends.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

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
        e = scope.bias ? fromBias(ev, c, e, s->span)
                       : toEnd(ev, c, rule.trial.maskOf(c, false), pre, e, s->span);
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
          ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`",
                  "`+= -(…)` takes away");
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
        ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`",
                "`+= -(…)` takes away");
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
      add(rule.trial.fromEndpoint(toEnd(ev, c, rule.trial.maskOf(c, false), pre, e, s->span),
                                  place.first, place.second),
          s->span);
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
      if (!scope.bias && !member->empty()) {
        Trial::At here(rule.trial, {&tick, nullptr});
        rule.requireErrorOf(area, *member, (pre ? "pre." : "post.") + *member, assign.target->span,
                            "adds to");
      }
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
    ev.fail(Code::NotAssignable, assign.span, "gradients are added to: write `+=`",
            "`+= -(…)` takes away");
  Field value = evaluate(tick, scope, *assign.value, k);
  Trial::At here(rule.trial, {&tick, nullptr});
  RuleInstance::Target &changed = rule.target(c, base->name, scope.bias);
  if (WeightChange *change = rule.noted(changed))
    rule.account->add(*change, {&assign, scope.inside ? rule.blockOf(*scope.inside) : scope.body,
                                "", phase, m != nullptr, value.has(Axis::Sample), scope.connection,
                                c.topology == Topology::Conv && value.has(Axis::Place)});
  rule.contribute(changed, onWeights(ev, c, value, assign), assign.op, m != nullptr, assign.span);
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
    rule.ev.fail(Code::NotAssignable, assign.span, "gradients are added to: write `+=`",
                 "`+= -(…)` takes away");
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
    rule.lacks(scope.area, member->member.text, scope.binder + "." + member->member.text,
               target->span, "assigns");
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
