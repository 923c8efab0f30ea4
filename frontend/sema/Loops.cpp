//===- Loops.cpp - loops over numbers, areas, units and synapses ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The members of a loop are independent, so that they need no order: the body
// is written down once, and whatever differs from member to member has an axis
// for it. A family of ten presentations, or one for each of a thousand units,
// is one presentation with a wider batch. Areas and connections differ in size:
// there the body is written down for each.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace apical::sema {

void RuleInstance::statement(const ast::Stmt &s) {
  auto *v = llvm::dyn_cast<ast::VarDecl>(&s);
  if (auto *phase = llvm::dyn_cast<ast::PhaseDecl>(&s))
    phases.run(*phase);
  else if (v && v->varKind == ast::VarKind::Let)
    ruleLet(*v);
  else if (v && v->varKind == ast::VarKind::State && learns && loops.empty())
    ruleState(*v);
  else if (auto *f = llvm::dyn_cast<ast::ForStmt>(&s))
    loop(*f);
  else if (auto *a = llvm::dyn_cast<ast::AssignStmt>(&s); a && !loops.empty())
    loopAssign(*a);
  else if (auto *a = llvm::dyn_cast<ast::AssignStmt>(&s); a && learns)
    ruleAssign(*a);
  else
    ev.refuse(s, learns ? InRule : InExperiment);
}

void RuleInstance::announce(const ast::Stmt &s) {
  if (auto *p = llvm::dyn_cast<ast::PhaseDecl>(&s))
    phases.announce(*p);
  if (auto *f = llvm::dyn_cast<ast::ForStmt>(&s))
    for (const ast::Stmt *inner : f->body)
      announce(*inner);
}

Axis RuleInstance::newLoopAxis(const ast::ForStmt &f) {
  Axis axis = static_cast<Axis>(static_cast<int>(Axis::Loop) + loopAxes++);
  if (axis > Axis::LastLoop)
    ev.unsupported(f.span, "more than sixteen loops in one rule are");
  return axis;
}

void RuleInstance::loop(const ast::ForStmt &f) {
  Loop l;
  l.variable = f.var.text;
  l.decl = &f;
  if (args.count(l.variable))
    ev.fail(Code::DefinedTwice, f.var.span, "`" + l.variable + "` has a meaning here already");
  auto *range = llvm::dyn_cast<ast::BinaryExpr>(f.range);
  if (range && range->op == ast::BinaryOp::Range) {
    Frame frame;
    frame.locals = args;
    l.numbers = true;
    l.first = ev.evaluateSize(*range->lhs, frame, 0, "the start of a loop");
    l.size = ev.evaluateSize(*range->rhs, frame, l.first, "the end of a loop") - l.first + 1;
    l.axis = newLoopAxis(f);
    return loopBody(f, l);
  }
  auto *name = llvm::dyn_cast<ast::NameExpr>(f.range);
  std::string over = name ? name->name : "";
  if (over == "units" || llvm::is_contained({"areas", "hidden", "outputs", "inputs"}, over)) {
    l.units = over == "units";
    l.axis = l.units ? newLoopAxis(f) : Axis::Unit;
    for (int a : net.order)
      if (inSet(a, l.units ? "areas" : over)) {
        l.area = a;
        l.size = net.areas[a].size;
        loopBody(f, l);
      }
    return;
  }
  if (over == "synapses") {
    l.axis = newLoopAxis(f);
    l.postAxis = newLoopAxis(f);
    for (int c : scope)
      for (bool bias : {false, true}) {
        const Connection &connection = net.connections[c];
        if (bias && !connection.bias)
          continue;
        if (connection.windowed())
          ev.unsupported(f.span, "a loop over the synapses of a convolution is");
        l.connection = c;
        l.bias = bias;
        l.dense = connection.topology == Topology::Dense && !bias;
        loopBody(f, l);
      }
    return;
  }
  ev.fail(Code::WrongType, f.range->span, "a loop runs over numbers or over what the rule meets",
          "`for y in 0..9`, or over one of units, synapses, areas, hidden, outputs, inputs");
}

void RuleInstance::loopBody(const ast::ForStmt &f, Loop l) {
  llvm::SaveAndRestore<std::map<std::string, Field>> outer(args, args);
  if (l.numbers) {
    Field number = ev.fields.index(ev.location(f.var.span), l.axis, l.size);
    args[l.variable] = ev.binary(ast::BinaryOp::Add, number,
                                 Field::number(static_cast<double>(l.first)), f.var.span);
  }
  loops.push_back(l);
  for (const ast::Stmt *s : f.body)
    statement(*s);
  loops.pop_back();
  phases.leave(l);
}

std::optional<Field> RuleInstance::loopMember(const ast::Expr &e) {
  auto *m = llvm::dyn_cast<ast::MemberExpr>(&e);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  if (!base)
    return std::nullopt;
  auto l = llvm::find_if(loops, [&](const Loop &l) { return l.variable == base->name; });
  if (l == loops.end() || l->numbers)
    return std::nullopt;
  const std::string &name = m->member.text;
  std::optional<Field> value;
  if (l->connection >= 0) {
    const Connection &c = net.connections[l->connection];
    for (auto &w : c.weights)
      if (w.name == name && w.bias == l->bias)
        value = trial.read(w.symbol);
    if (!value)
      value = synapseValue(l->connection, l->bias, name);
    if (!value)
      ev.fail(Code::RuleNeedsVariable, e.span,
              who() + " reads `" + ast::toString(e) + "`, which the connection `" + c.name +
                  "` lacks");
    return value->as(Axis::Pre, l->axis).as(Axis::Post, l->postAxis);
  }
  value = trial.now.tick ? trial.variable(l->area, name) : std::nullopt;
  if (auto it = areaStates.find({l->area, name}); !value && it != areaStates.end())
    value = it->second;
  if (!value)
    lacks(l->area, name, ast::toString(e), e.span);
  return l->units ? value->as(Axis::Unit, l->axis) : value;
}

std::optional<Field> RuleInstance::overSet(const ast::CallExpr &e, Frame &frame) {
  auto *callee = llvm::dyn_cast<ast::NameExpr>(e.callee);
  if (!callee || e.args.size() != 1 ||
      !llvm::is_contained({"sum", "mean", "max", "min", "norm"}, callee->name))
    return std::nullopt;
  std::set<std::string> names;
  collectNames(*e.args[0].value, names);
  std::string set;
  for (const char *word : {"areas", "hidden", "outputs", "inputs"})
    if (names.count(word) && (learns || net.area(word) < 0)) // an area may have such a name
      set = word;
  if (set.empty())
    return std::nullopt;
  std::optional<Field> total;
  double count = 0;
  using ast::BinaryOp;
  const std::string &name = callee->name;
  for (int a : net.order) {
    if (!inSet(a, set))
      continue;
    Frame here = areaFrame(a, set);
    here.call = frame.call;
    Field x = ev.evaluate(*e.args[0].value, here);
    bool units = !x.constant && x.has(Axis::Unit);
    count += units ? static_cast<double>(x.size(Axis::Unit)) : 1;
    if (name == "norm")
      x = ev.binary(BinaryOp::Mul, x, x, e.span);
    Field part =
        ev.reduce(name == "mean" || name == "norm" ? "sum" : name, x, {Axis::Unit}, e.span);
    if (!total)
      total = part;
    else if (name == "max" || name == "min")
      total =
          ev.select(ev.binary(name == "max" ? BinaryOp::Gt : BinaryOp::Lt, *total, part, e.span),
                    *total, part, e.span);
    else
      total = ev.binary(BinaryOp::Add, *total, part, e.span);
  }
  if (!total)
    ev.fail(Code::WrongType, e.span, "there are no " + set + " here");
  if (name == "mean")
    total = ev.binary(BinaryOp::Div, *total, Field::number(count), e.span);
  if (name == "norm")
    total = ev.unary("sqrt", *total, e.span);
  if (learns)
    total->needs(Population, e.span);
  return total;
}

Frame RuleInstance::ruleFrame() {
  Frame frame;
  if (!learns)
    frame = trial.networkFrame();
  for (auto &[name, value] : args)
    frame.locals[name] = value;
  if (cost)
    frame.locals[costParameter] = *cost;
  frame.others = learns;
  frame.at = phaseReader();
  frame.call = [this](const ast::CallExpr &e, Frame &f) { return overSet(e, f); };
  frame.resolve = [this, network = frame.resolve](const ast::Expr &e) -> std::optional<Field> {
    if (auto f = loopMember(e))
      return f;
    if (source)
      if (auto f = source(e))
        return f;
    return network ? network(e) : std::nullopt;
  };
  return frame;
}

/// `u.delta = e`: what a loop found out about its member.
void RuleInstance::loopAssign(const ast::AssignStmt &s) {
  auto *m = llvm::dyn_cast<ast::MemberExpr>(s.target);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  const Loop *l = nullptr;
  for (const Loop &candidate : loops)
    if (base && candidate.variable == base->name && !candidate.numbers)
      l = &candidate;
  Place place{l ? l->area : -1, m ? m->member.text : ""};
  SynapsePlace synapse{l ? l->connection : -1, l && l->bias, place.second};
  bool known = l && (l->area >= 0 ? areaStates.count(place) : synapseStates.count(synapse));
  if (!known || s.op == ast::AssignOp::Draw)
    ev.fail(
        Code::NotAssignable, s.target->span,
        "`" + ast::toString(*s.target) + "` cannot be assigned here",
        learns
            ? "a loop assigns to states that the rule declares for what it runs over: `each area "
              "a { state x = 0 }`, then `for u in units { … u.x = … }`"
            : "an experiment gives values outside loops; what its runs change stands in a "
              "phase: `phase p { run with … }`");
  Frame frame = ruleFrame();
  Field value = ev.evaluate(*s.value, frame);
  if (l->units)
    value = value.as(l->axis, Axis::Unit);
  if (l->connection >= 0)
    value = value.as(l->axis, Axis::Pre).as(l->postAxis, Axis::Post);
  for (Axis axis : value.axes)
    if (isLoop(axis))
      ev.fail(Code::WrongType, s.value->span,
              "this value belongs to the members of another loop, and `" +
                  ast::toString(*s.target) + "` to none of them");
  Field &slot = l->area >= 0 ? areaStates.at(place) : synapseStates.at(synapse);
  if (!slot.has(Axis::Sample))
    value = ev.withoutSamples(value, s.op, place.second, s.span);
  if (s.op == ast::AssignOp::Add)
    value = ev.binary(ast::BinaryOp::Add, slot, value, s.span);
  if (s.op == ast::AssignOp::Sub)
    value = ev.binary(ast::BinaryOp::Sub, slot, value, s.span);
  Extent extent;
  for (Axis axis : slot.axes)
    extent.push_back({axis, slot.size(axis)});
  slot = ev.fields.broadcast(ev.location(s.span), value, extent);
  if (outside && l->area >= 0)
    outside->set(place, slot);
  else if (outside)
    outside->set(synapse, slot);
}

void RuleInstance::present(const ast::Block &body,
                           std::function<std::optional<Field>(const ast::Expr &)> names) {
  learns = false;
  source = std::move(names);
  for (auto [k, c] : llvm::enumerate(net.connections)) {
    areas.insert(c.to);
    if (!c.weightless() && c.transposeOf < 0)
      scope.insert(static_cast<int>(k));
  }
  for (int a : areas)
    if (llvm::none_of(net.connections, [&](auto &c) { return c.from == a; }))
      outputs.insert(a);
  for (const ast::Stmt *s : body)
    announce(*s);
  for (const ast::Stmt *s : body)
    statement(*s);
}

} // namespace apical::sema
