//===- RuleOwn.cpp - what a rule declares, and what its blocks see ---*- C++ -*-===//
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

Frame RuleInstance::areaFrame(int area, const std::string &binder) {
  Frame frame;
  frame.locals = args;
  if (cost)
    frame.locals[costParameter] = *cost;
  frame.locals["size"] = Field::number(static_cast<double>(net.areas[area].size));
  frame.known = {binder};
  frame.others = learns;
  Ends ends{{binder, {area}}};
  frame.call = [this, ends](const ast::CallExpr &e, Frame &f) { return call(e, f, ends); };
  frame.at = phaseReader();
  frame.resolve = [this, area, binder](const ast::Expr &e) -> std::optional<Field> {
    auto *call = callOf(e, "error");
    const ast::Expr &named = call && call->args.size() == 1 ? *call->args[0].value : e;
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&named); n && n->name == binder && learns)
      ev.areaAsValue(named.span, binder, net.areas[area].mainOutput);
    auto *m = llvm::dyn_cast<ast::MemberExpr>(&named);
    auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    if (!base || base->name != binder)
      return std::nullopt;
    if (!call) {
      if (auto f = trial.variable(area, m->member.text))
        return f;
      if (auto it = areaStates.find({area, m->member.text}); it != areaStates.end())
        return it->second;
      lacks(area, m->member.text, binder + "." + m->member.text, e.span);
    }
    if (!cost)
      ev.fail(Code::NeedsCost, e.span, "`error` needs a rule with a cost");
    requireErrorOf(area, m->member.text, ast::toString(*m), e.span);
    auto f = error(area, m->member.text, e.span);
    return f ? f : noError(area, m->member.text, e.span);
  };
  return frame;
}

std::optional<Field> RuleInstance::synapseValue(int connection, bool bias,
                                                const std::string &name) {
  Tick *tick = trial.now.tick;
  if (Intervention *with = tick ? tick->intervention() : nullptr)
    if (auto f = with->ownSynapse(*tick, connection, bias, name, trial.now.ended != nullptr))
      return f;
  auto it = synapseStates.find({connection, bias, name});
  return it == synapseStates.end() ? std::nullopt : std::optional<Field>(it->second);
}

std::vector<Scope> RuleInstance::scopesOf(const ast::TemplateStmt &t) const {
  std::vector<Scope> scopes;
  auto overAreas = [&](llvm::StringRef set) {
    for (size_t a = 0; a < net.areas.size(); ++a)
      if (inSet(static_cast<int>(a), set) && applies(t, static_cast<int>(a))) {
        Scope &s = scopes.emplace_back();
        s.body = &t.body;
        s.inside = &t;
        s.binder = t.binder.text;
        s.area = static_cast<int>(a);
      }
  };
  switch (t.templateKind) {
  case ast::TemplateKind::Weight:
    break;
  case ast::TemplateKind::Connection:
    for (int c : scope)
      if (applies(t, net.connections[c]))
        for (bool bias : {false, true})
          if (!bias || net.connections[c].bias) {
            Scope &s = scopes.emplace_back();
            s.body = &t.body;
            s.inside = &t;
            s.connection = c;
            s.bias = bias;
          }
    break;
  case ast::TemplateKind::Area:
    overAreas("areas");
    break;
  case ast::TemplateKind::Hidden:
    overAreas("hidden");
    break;
  case ast::TemplateKind::Output:
    overAreas("outputs");
    break;
  case ast::TemplateKind::Input:
    overAreas("inputs");
    break;
  }
  return scopes;
}

/// What explains the variables of units that the rule declares.
void RuleInstance::accountOwn(const ast::TemplateStmt &t, const Scope &s) {
  for (const ast::Stmt *statement : t.body) {
    auto *v = llvm::dyn_cast<ast::VarDecl>(statement);
    if (v && s.area >= 0 && v->varKind != ast::VarKind::Weight)
      for (auto &d : v->vars)
        account->units.push_back({s.area, v, &d, blockOf(t), s.binder});
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(statement);
    if (!assign || s.connection < 0 || s.bias)
      continue;
    const Connection &c = net.connections[s.connection];
    for (bool pre : {true, false})
      if (auto *m = memberOf(*assign->target, pre ? "pre" : "post"))
        account->arrivals.push_back(
            {pre ? c.from : c.to, m->member.text, s.connection, assign, blockOf(t)});
  }
}

void RuleInstance::declareOwn(const ast::TemplateStmt &t) {
  for (const Scope &s : scopesOf(t)) {
    if (account)
      accountOwn(t, s);
    for (const ast::Stmt *statement : t.body) {
      if (auto *c = llvm::dyn_cast<ast::ConnectDecl>(statement))
        connectOwn(*c, s.area, s.binder);
      auto *v = llvm::dyn_cast<ast::VarDecl>(statement);
      if (!v)
        continue;
      if (v->isItem || v->varKind == ast::VarKind::Item)
        ev.unsupported(v->span, "`item` states are");
      if (v->isCommon)
        ev.unsupported(v->span, "`common` variables are");
      if (v->varKind == ast::VarKind::Weight && !s.bias)
        for (auto &d : v->vars) {
          if (s.connection >= 0)
            ownWeight(net.connections[s.connection], d);
          else
            declareAreaWeight(s.area, d);
        }
      if (v->varKind == ast::VarKind::State) {
        if (s.connection >= 0)
          declareState(s.connection, s.bias, *v);
        else
          declareAreaState(s.area, *v, s.binder);
      }
    }
  }
}

std::string RuleInstance::areaSymbol(int area, llvm::StringRef name) const {
  return net.name + "." + learn.name + "." + net.areas[area].name + "." + name.str();
}

void RuleInstance::declareAreaWeight(int area, const ast::VarDecl::Declarator &d) {
  StateInit init;
  init.symbol = areaSymbol(area, d.name.text);
  init.role = "weight";
  init.at = d.name.span;
  init.extent = {{Axis::Post, net.areas[area].size}};
  Frame frame;
  frame.locals = args;
  frame.stream = init.symbol;
  frame.drawExtent = init.extent;
  // As biases, which are also one per unit.
  init.value = [e = &ev, value = d.init, frame]() mutable {
    return value ? e->evaluate(*value, frame) : Field::number(0);
  };
  init.dimension.any = true;
  trial.states.declare(std::move(init));
  ruleWeights.insert(net.areas[area].name + "." + d.name.text);
}

/// A state that each unit or synapse keeps from trial to trial; what it begins with may read what is known when compiling.
Field RuleInstance::declareLasting(const std::string &symbol, const ast::VarDecl::Declarator &d,
                                   Extent extent, const std::string &mask) {
  Frame frame;
  frame.locals = args;
  if (ev.componentsOf(d, frame))
    ev.unsupported(d.name.span, "a `lasting` state of a rule with components is");
  frame.stream = symbol;
  frame.drawExtent = extent;
  StateInit init;
  init.symbol = symbol;
  init.role = "lasting";
  init.at = d.name.span;
  init.extent = std::move(extent);
  init.mask = mask;
  init.dimension.any = true;
  init.value = [e = &ev, value = d.init, frame]() mutable { return e->evaluate(*value, frame); };
  trial.states.declare(std::move(init));
  Field now = trial.read(symbol);
  now.dimension.any = true;
  return now;
}

void RuleInstance::writeLasting() {
  for (const LastingState &state : lastingStates) {
    const Field &value =
        state.connection < 0
            ? outside->endOfAreas().at({state.area, state.name})
            : outside->endOfSynapses().at({state.connection, state.bias, state.name});
    Extent extent;
    for (Axis axis : state.before.axes)
      extent.push_back({axis, state.before.size(axis)});
    write(state.symbol, state.before, ev.fields.broadcast(ev.location(state.at), value, extent),
          active, state.at);
  }
}

void RuleInstance::declareAreaState(int area, const ast::VarDecl &v, const std::string &binder) {
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    if (v.isLasting) {
      std::string symbol = areaSymbol(area, d.name.text);
      Field &now = areaStates[{area, d.name.text}] =
          declareLasting(symbol, d, {{Axis::Unit, net.areas[area].size}}, "");
      lastingStates.push_back({symbol, d.name.text, area, -1, false, now, d.name.span});
      continue;
    }
    Frame frame = areaFrame(area, binder);
    frame.stream = areaSymbol(area, d.name.text);
    frame.drawEachTrial = true;
    if (!v.isShared)
      frame.drawExtent.push_back({Axis::Sample, ShapedType::kDynamic});
    Frame sizes;
    sizes.locals = args;
    int64_t components = ev.componentsOf(d, sizes);
    if (components)
      frame.drawExtent.push_back({Axis::Component, components});
    if (!v.isCommon)
      frame.drawExtent.push_back({Axis::Unit, net.areas[area].size});
    Field value =
        ev.withComponents(ev.evaluate(*d.init, frame), components, d.name.text, d.init->span);
    areaStates[{area, d.name.text}] =
        ev.fields.broadcast(ev.location(d.name.span), value, frame.drawExtent);
  }
}

void RuleInstance::declareState(int connection, bool bias, const ast::VarDecl &v) {
  const Connection &c = this->connection(connection);
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    std::string symbol =
        net.name + "." + learn.name + "." + c.name + (bias ? ".bias." : ".") + d.name.text;
    if (v.isLasting) {
      Field &now = synapseStates[{connection, bias, d.name.text}] =
          declareLasting(symbol, d, c.weightElements(bias), bias ? "" : c.mask);
      lastingStates.push_back({symbol, d.name.text, -1, connection, bias, now, d.name.span});
      continue;
    }
    Frame frame = synapseFrame(c, bias);
    frame.stream = symbol;
    frame.drawEachTrial = true;
    if (!v.isShared)
      frame.drawExtent.push_back({Axis::Sample, ShapedType::kDynamic});
    Frame sizes;
    sizes.locals = args;
    int64_t components = ev.componentsOf(d, sizes);
    if (components)
      frame.drawExtent.push_back({Axis::Component, components});
    if (!v.isCommon)
      frame.drawExtent.append(v.isShared ? c.weightElements(bias) : c.synapses(bias));
    Field value =
        ev.withComponents(ev.evaluate(*d.init, frame), components, d.name.text, d.init->span);
    synapseStates[{connection, bias, d.name.text}] =
        ev.fields.broadcast(ev.location(d.name.span), value, frame.drawExtent);
  }
}

void RuleInstance::ruleState(const ast::VarDecl &v) {
  if (v.isItem)
    ev.unsupported(v.span, "`item` states of a rule are");
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    if (!d.components.empty())
      ev.unsupported(d.name.span, "a state of a rule with components is");
    OwnState state;
    state.at = d.name.span;
    Frame frame = ruleFrame();
    frame.stream = net.name + "." + learn.name + "." + d.name.text;
    frame.drawEachTrial = !v.isLasting;
    if (!v.isShared && !v.isLasting)
      frame.drawExtent = {{Axis::Sample, ShapedType::kDynamic}};
    if (v.isLasting) {
      state.symbol = frame.stream;
      StateInit init;
      init.symbol = state.symbol;
      init.role = "lasting";
      init.at = d.name.span;
      init.value = [e = &ev, value = d.init, frame]() mutable {
        return e->evaluate(*value, frame);
      };
      trial.states.declare(std::move(init));
      state.before = trial.read(state.symbol);
      state.before.dimension.any = true;
    } else {
      state.before = ev.fields.broadcast(ev.location(d.name.span), ev.evaluate(*d.init, frame),
                                         frame.drawExtent);
    }
    state.before.signal = true; // one number for many synapses
    args[d.name.text] = state.before;
    ownStates[d.name.text] = state;
  }
}

void RuleInstance::ruleAssign(const ast::AssignStmt &s) {
  auto *name = llvm::dyn_cast<ast::NameExpr>(s.target);
  auto own = name ? ownStates.find(name->name) : ownStates.end();
  if (own == ownStates.end() || s.op == ast::AssignOp::Draw)
    ev.fail(Code::NotAssignable, s.target->span,
            "`" + ast::toString(*s.target) + "` cannot be assigned here",
            "outside templates a rule assigns to its own states");
  Frame frame = ruleFrame();
  Field value = ev.evaluate(*s.value, frame), &slot = args[name->name];
  bool samples = own->second.before.has(Axis::Sample);
  for (Axis axis : value.axes)
    if (!value.constant && axis != Axis::Sample)
      ev.fail(Code::ShapeMismatch, s.value->span,
              "`" + name->name + "` is one number, and the value is " + describe(value),
              "reduce it with `sum` or `mean`");
  if (!samples)
    value = ev.withoutSamples(value, s.op, name->name, s.span);
  if (s.op == ast::AssignOp::Add)
    value = ev.binary(ast::BinaryOp::Add, slot, value, s.span);
  if (s.op == ast::AssignOp::Sub)
    value = ev.binary(ast::BinaryOp::Sub, slot, value, s.span);
  value = ev.fields.broadcast(
      ev.location(s.span), value,
      samples ? llvm::ArrayRef<std::pair<Axis, int64_t>>({{Axis::Sample, ShapedType::kDynamic}})
              : llvm::ArrayRef<std::pair<Axis, int64_t>>());
  value.signal = true;
  slot = value;
}

void RuleInstance::ruleLet(const ast::VarDecl &v) {
  Frame frame = ruleFrame();
  if (!ev.execute(v, frame))
    ev.refuse(v, InRule);
  for (auto &d : v.vars) {
    Field value = frame.locals[d.name.text];
    // One number for many synapses, unless it belongs to the members of a loop; made of such numbers,
    // it is no further one.
    value.signal = dependsOnTrial(value) && !(value.capabilities & Modulated) &&
                   llvm::none_of(value.axes, isLoop);
    args[d.name.text] = value;
  }
}

} // namespace apical::sema
