//===- RuleTemplates.cpp - statements for each connection and each weight ---*- C++ -*-===//
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

Frame RuleInstance::synapseFrame(const Connection &c, bool bias) {
  Frame frame;
  frame.locals = args;
  if (cost)
    frame.locals[costParameter] = *cost;
  frame.others = true;
  frame.known = {"pre", "post"};
  frame.reductions = {Axis::Place, Axis::Pre, Axis::Post};
  frame.windowed = c.windowed();
  frame.mask = trial.maskOf(c, bias);
  frame.locals["fan_in"] = Field::number(c.fanIn());
  frame.locals["fan_out"] = Field::number(c.fanOut());
  for (auto &w : c.weights)
    if (w.bias == bias) {
      Field f = trial.read(w.symbol);
      f.readsForwardWeight = !own(c);
      frame.locals[w.name] = f;
    }
  for (const std::string &own : ruleWeights)
    if (llvm::StringRef(own).starts_with(c.name + "."))
      frame.locals[own.substr(c.name.size() + 1)] =
          bias ? Field::number(0) // what it carries would go to a constant
               : trial.read(ownSymbol(c, own.substr(c.name.size() + 1)));
  Ends ends{{"pre", {c.from, &c, true, bias}}, {"post", {c.to, &c}}};
  frame.call = [this, ends](const ast::CallExpr &e, Frame &f) { return call(e, f, ends); };
  frame.at = phaseReader();
  frame.resolve = [this, &c, bias](const ast::Expr &e) -> std::optional<Field> {
    auto valueAt = [&](bool pre, const std::string &member, Span at) -> std::optional<Field> {
      if (pre && bias)
        return Field::number(member.empty() ? 1 : 0);
      int area = pre ? c.from : c.to;
      std::string variable = member.empty() ? (pre ? c.fromVariable : c.toPort) : member;
      const OwnConnection *made = own(c);
      bool asError = member.empty() && made && (pre ? made->fromError : made->toError);
      auto f = asError ? error(area, variable, at) : trial.variable(area, variable);
      if (!f && asError)
        return noError(area, variable, at);
      if (!f)
        lacks(area, variable, (pre ? "pre." : "post.") + variable, at);
      if (net.areas[area].componentsOf(variable) && variable == (pre ? c.fromVariable : c.toPort))
        f = trial.asEndpoint(*f, area, variable);
      return atEnd(ev.fields, ev.location(at), c, pre, *f);
    };
    if (auto distance = hops(e, c))
      return distance;
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e); n && n->name == "symmetric")
      return Field::number(symmetric(c));
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e); n && (n->name == "pre" || n->name == "post"))
      return valueAt(n->name == "pre", "", e.span);
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
      return synapseValue(indexOf(c), bias, n->name);
    if (auto *m = llvm::dyn_cast<ast::MemberExpr>(&e))
      if (auto *base = llvm::dyn_cast<ast::NameExpr>(m->base);
          base && (base->name == "pre" || base->name == "post"))
        return valueAt(base->name == "pre", m->member.text, e.span);
    for (const char *end : {"pre", "post"})
      if (auto member = errorOf(e, end)) {
        bool pre = end == std::string("pre");
        if (pre && bias)
          return Field::number(0);
        if (!cost)
          ev.fail(Code::NeedsCost, e.span, "`error` needs a rule with a cost");
        int area = pre ? c.from : c.to;
        std::string variable = !member->empty() ? *member : pre ? c.fromVariable : c.toPort;
        requireErrorOf(area, variable, end + ("." + variable), e.span);
        auto f = error(area, variable, e.span);
        if (!f)
          return noError(area, variable, e.span);
        if (net.areas[area].componentsOf(variable) && variable == (pre ? c.fromVariable : c.toPort))
          f = trial.asEndpoint(*f, area, variable);
        return atEnd(ev.fields, ev.location(e.span), c, pre, *f);
      }
    return std::nullopt;
  };
  return frame;
}

Field RuleInstance::exactGradient(const Field &y, const Field &weight, Span at) {
  OpBuilder &b = ev.fields.builder;
  // A mean over samples, as every other contribution to a weight.
  Field ones = ev.fields.broadcast(ev.location(at), Field::number(1),
                                   {{Axis::Sample, ShapedType::kDynamic}});
  auto op =
      b.create<ir::VjpOp>(ev.location(at), TypeRange{weight.tensor.getType()}, ValueRange{y.tensor},
                          ValueRange{ones.tensor}, ValueRange{weight.tensor}, ValueRange{});
  Field g = weight;
  g.tensor = op.getResult(0);
  g.mask = nullptr;
  Field share = ev.binary(ast::BinaryOp::Div, Field::number(1), ev.clock("samples", at), at);
  g = ev.binary(ast::BinaryOp::Mul, g, share, at);
  g.dimension = y.dimension.times(weight.dimension, -1);
  g.dimension.any = weight.dimension.any;
  return g;
}

void RuleInstance::eachWeight(const ast::TemplateStmt &t) {
  std::set<std::string> done; // connections may share a weight
  for (int k : plastic) {
    const Connection &c = net.connections[k];
    for (auto &w : c.weights) {
      if (!done.insert(w.symbol).second)
        continue;
      Field p = trial.read(w.symbol);
      Frame frame;
      frame.locals = args;
      if (cost)
        frame.locals[costParameter] = *cost;
      frame.locals[t.binder.text] = p;
      frame.at = phaseReader();
      frame.resolve = [&, this](const ast::Expr &e) -> std::optional<Field> {
        auto *call = callOf(e, "grad");
        if (!call)
          return std::nullopt;
        auto *of =
            call->args.size() == 2 ? llvm::dyn_cast<ast::NameExpr>(call->args[1].value) : nullptr;
        if (!of || of->name != t.binder.text)
          ev.unsupported(e.span,
                         "`grad` with respect to anything but the weight of the template is");
        Field y = ev.evaluate(*call->args[0].value, frame);
        if (y.constant)
          return Field::number(0);
        if (y.axes.size() != 1 || y.axes[0] != Axis::Sample)
          ev.fail(Code::WrongType, call->args[0].value->span,
                  "`grad` takes a cost, one number per sample, and this is " + describe(y),
                  "reduce it with `sum` or `mean`; a derivative of derivatives is none");
        Field g = exactGradient(y, p, e.span);
        g.reads.clear();
        g.needs(Nonlocal, e.span);
        return g;
      };
      for (const ast::Stmt *s : t.body) {
        if (ev.execute(*s, frame))
          continue;
        auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
        auto *m = assign ? llvm::dyn_cast<ast::MemberExpr>(assign->target) : nullptr;
        auto *base = assign ? llvm::dyn_cast<ast::NameExpr>(m ? m->base : assign->target) : nullptr;
        if (!base || base->name != t.binder.text)
          ev.fail(Code::NotAssignable, s->span,
                  "a template over weights changes `" + t.binder.text + "` or adds to its `.grad`");
        if (m && assign->op != ast::AssignOp::Add)
          ev.fail(Code::NotAssignable, assign->span, "gradients are added to: write `+=`",
                  "`+= -(…)` takes away");
        Target &changed = target(c, w.name, w.bias);
        Field value = ev.evaluate(*assign->value, frame);
        if (WeightChange *change = noted(changed))
          account->add(*change, {assign, blockOf(t), t.binder.text, "", m != nullptr,
                                 value.has(Axis::Sample), k});
        contribute(changed, value, assign->op, m != nullptr, s->span);
      }
    }
  }
}

} // namespace apical::sema
