//===- RuleOwn.cpp - what a rule declares, and what its blocks see ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
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
  Ends ends{{binder, {area, Axis::Unit}}};
  frame.call = [this, ends](const ast::CallExpr &e, Frame &f) { return call(e, f, ends); };
  frame.at = [this](const ast::AtExpr &e, const Frame &f) { return phases.at(e, f); };
  frame.resolve = [this, area, binder](const ast::Expr &e) -> std::optional<Field> {
    auto *call = callOf(e, "error");
    const ast::Expr &named = call && call->args.size() == 1 ? *call->args[0].value : e;
    auto *m = llvm::dyn_cast<ast::MemberExpr>(&named);
    auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    if (!base || base->name != binder)
      return std::nullopt;
    if (!call) {
      if (auto f = trial.variable(area, m->member.text))
        return f;
      ev.fail(Code::RuleNeedsVariable, e.span,
              "the rule `" + rule->name.text + "` reads `" + binder + "." + m->member.text +
                  "`, which the area `" + net.areas[area].name + "` lacks");
    }
    if (!cost)
      ev.fail(Code::NeedsCost, e.span, "`error` needs a rule with a cost");
    auto f = error(area, m->member.text, e.span);
    return f ? f : Field::number(0);
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
      if (inSet(static_cast<int>(a), set)) {
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
  if (t.templateKind != ast::TemplateKind::Connection &&
      t.filter != ast::TemplateStmt::Filter::None)
    ev.unsupported(t.span, "a filter of areas is");
  return scopes;
}

void RuleInstance::declareOwn(const ast::TemplateStmt &t) {
  for (const Scope &s : scopesOf(t))
    for (const ast::Stmt *statement : t.body) {
      auto *v = llvm::dyn_cast<ast::VarDecl>(statement);
      if (!v)
        continue;
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
  trial.states.declare(std::move(init));
  ruleWeights.insert(net.areas[area].name + "." + d.name.text);
}

void RuleInstance::declareAreaState(int area, const ast::VarDecl &v, const std::string &binder) {
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    Frame frame = areaFrame(area, binder);
    frame.stream = areaSymbol(area, d.name.text);
    frame.drawEachTrial = true;
    if (!v.isShared)
      frame.drawExtent.push_back({Axis::Sample, ShapedType::kDynamic});
    frame.drawExtent.push_back({Axis::Unit, net.areas[area].size});
    Field value = ev.evaluate(*d.init, frame);
    areaStates[{area, d.name.text}] =
        ev.fields.broadcast(ev.location(d.name.span), value, frame.drawExtent);
  }
}

void RuleInstance::declareState(int connection, bool bias, const ast::VarDecl &v) {
  const Connection &c = net.connections[connection];
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    Frame frame = synapseFrame(c, bias);
    frame.stream =
        net.name + "." + learn.name + "." + c.name + (bias ? ".bias." : ".") + d.name.text;
    frame.drawEachTrial = true;
    if (!v.isShared)
      frame.drawExtent.push_back({Axis::Sample, ShapedType::kDynamic});
    if (c.topology == Topology::Dense && !bias)
      frame.drawExtent.push_back({Axis::Pre, c.fromSize});
    frame.drawExtent.push_back({Axis::Post, c.toSize});
    Field value = ev.evaluate(*d.init, frame);
    synapseStates[{connection, bias, d.name.text}] =
        ev.fields.broadcast(ev.location(d.name.span), value, frame.drawExtent);
  }
}

/// `shared state b = e` of the rule itself: one number for the batch, made at the trial's start.
void RuleInstance::ruleState(const ast::VarDecl &v) {
  for (auto &d : v.vars) {
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    Frame frame;
    frame.locals = args;
    frame.stream = net.name + "." + learn.name + "." + d.name.text;
    frame.drawEachTrial = true;
    Field value = ev.evaluate(*d.init, frame);
    if (!value.constant && !value.axes.empty())
      ev.fail(Code::ShapeMismatch, d.init->span,
              "`" + d.name.text + "` is one number for the batch, and this is " + describe(value));
    value.signal = !value.constant; // one number for many synapses
    args[d.name.text] = value;
  }
}

void RuleInstance::ruleLet(const ast::VarDecl &v) {
  Frame frame;
  frame.locals = args;
  if (cost)
    frame.locals[costParameter] = *cost;
  frame.at = [this](const ast::AtExpr &e, const Frame &f) { return phases.at(e, f); };
  if (!ev.execute(v, frame))
    ev.unsupported(v.span, "this declaration in a rule is");
  for (auto &d : v.vars)
    args[d.name.text] = frame.locals[d.name.text];
}

} // namespace apical::sema
