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

void RuleInstance::declareOwn(const ast::TemplateStmt &t) {
  if (t.templateKind != ast::TemplateKind::Connection)
    return;
  for (int k : scope) {
    const Connection &c = net.connections[k];
    if (!applies(t, c))
      continue;
    for (const ast::Stmt *s : t.body) {
      auto *v = llvm::dyn_cast<ast::VarDecl>(s);
      if (v && v->varKind == ast::VarKind::Weight)
        for (auto &d : v->vars)
          ownWeight(c, d);
      if (v && v->varKind == ast::VarKind::State)
        for (bool bias : {false, true})
          if (!bias || c.bias)
            declareState(k, bias, *v);
    }
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
