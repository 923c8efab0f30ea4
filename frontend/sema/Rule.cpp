//===- Rule.cpp - a learn line: its rule instantiated over the graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Trial.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace apical::sema {

namespace {

const char *capabilityName(unsigned c) {
  switch (c) {
  case Feedback:
    return "feedback";
  case Population:
    return "population";
  case Modulated:
    return "modulated";
  default:
    return "nonlocal";
  }
}

/// Does every path through this operation end at a `stop`?
bool isBarrier(Operation *op) {
  auto lift = llvm::dyn_cast<ir::LiftOp>(op);
  return lift && llvm::isa_and_nonnull<ir::StopOp>(
                     lift.getBody().front().getTerminator()->getOperand(0).getDefiningOp());
}

/// `error(x)` or `grad(C, x)`: the arguments of a call of that name.
const ast::CallExpr *callOf(const ast::Expr &e, llvm::StringRef name) {
  auto *call = llvm::dyn_cast<ast::CallExpr>(&e);
  auto *callee = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : nullptr;
  return callee && callee->name == name ? call : nullptr;
}

const ast::NameExpr *calleeOf(const ast::Expr *e, llvm::ArrayRef<ast::Argument> &args) {
  if (auto *call = llvm::dyn_cast_or_null<ast::CallExpr>(e)) {
    args = call->args;
    return llvm::dyn_cast<ast::NameExpr>(call->callee);
  }
  return llvm::dyn_cast_or_null<ast::NameExpr>(e);
}

/// Is `e` one of `error(pre)`, `error(pre.x)`, …? Then the part after `pre.`, or "".
std::optional<std::string> errorOf(const ast::Expr &e, llvm::StringRef end) {
  auto *call = callOf(e, "error");
  if (!call || call->args.size() != 1)
    return std::nullopt;
  const ast::Expr *arg = call->args[0].value;
  if (auto *n = llvm::dyn_cast<ast::NameExpr>(arg); n && n->name == end)
    return "";
  auto *m = llvm::dyn_cast<ast::MemberExpr>(arg);
  auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
  if (base && base->name == end)
    return m->member.text;
  return std::nullopt;
}

} // namespace

RuleInstance::RuleInstance(Trial &trial, const Learn &learn)
    : trial(trial), ev(trial.ev), net(trial.net), learn(learn) {}

bool RuleInstance::inSet(int area, llvm::StringRef set) const {
  if (set == "output" || set == "outputs")
    return outputs.count(area);
  if (set == "hidden")
    return areas.count(area) && !outputs.count(area);
  if (set == "input" || set == "inputs")
    return !areas.count(area);
  return areas.count(area) != 0; // areas
}

void RuleInstance::findScope() {
  if (cost && cost->tensor) {
    // Areas whose variables the cost reads: those that its own expression reaches without passing another variable.
    llvm::SmallVector<Value> work{cost->tensor};
    llvm::DenseSet<Value> seen;
    llvm::DenseMap<Value, int> owner;
    for (auto &[key, field] : trial.now.tick->values)
      if (field.tensor)
        owner[field.tensor] = key.first;
    while (!work.empty()) {
      Value v = work.pop_back_val();
      if (!seen.insert(v).second)
        continue;
      if (auto it = owner.find(v); it != owner.end()) {
        readByCost.insert(it->second);
        continue;
      }
      if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
        work.append(op->operand_begin(), op->operand_end());
    }
  }
  auto list = [&](const std::vector<ast::Expr *> &exprs, std::set<int> &into) {
    for (const ast::Expr *e : exprs) {
      auto *name = llvm::dyn_cast<ast::NameExpr>(e);
      int c = name ? net.connection(name->name) : -1;
      if (c < 0) {
        std::vector<std::string> names;
        for (auto &k : net.connections)
          names.push_back(k.name);
        std::string near = name ? nearest(name->name, names) : "";
        ev.fail(Code::UnknownName, e->span, "unknown connection `" + ast::toString(*e) + "`",
                near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
      }
      into.insert(c);
    }
  };
  // Which areas can reach the cost.
  std::set<int> reach = readByCost;
  for (size_t before = 0; before != reach.size();) {
    before = reach.size();
    for (auto &c : net.connections)
      if (reach.count(c.to))
        reach.insert(c.from);
  }
  list(learn.decl->in, plastic);
  list(learn.decl->through, scope);
  if (learn.decl->in.empty())
    for (size_t i = 0; i < net.connections.size(); ++i)
      if (net.connections[i].topology != Topology::Wire && net.connections[i].transposeOf < 0 &&
          (!cost || reach.count(net.connections[i].to)) && !scope.count(static_cast<int>(i)))
        plastic.insert(static_cast<int>(i));
  bool reaches = !cost;
  for (int c : plastic)
    reaches |= reach.count(net.connections[c].to) != 0;
  if (!reaches || plastic.empty())
    ev.fail(Code::CostReachesNothing, learn.decl->span,
            cost ? "this cost depends on none of the connections that may change"
                 : "there is no connection to change",
            "a cost must read, through the network, an area that a weighted connection feeds");
  scope.insert(plastic.begin(), plastic.end());
  for (int c : scope)
    areas.insert(net.connections[c].to);
  if (cost) {
    for (int a : readByCost)
      if (areas.count(a))
        outputs.insert(a);
    // A wire hands its area's value on: what the cost reads behind it is read of the area before it.
    for (auto &c : net.connections)
      if (c.topology == Topology::Wire && readByCost.count(c.to) && areas.count(c.from))
        outputs.insert(c.from);
  } else {
    for (int a : areas)
      if (llvm::none_of(scope, [&](int c) { return net.connections[c].from == a; }))
        outputs.insert(a);
  }
}

void RuleInstance::instantiate() {
  llvm::ArrayRef<ast::Argument> given;
  auto *name = calleeOf(learn.decl->rule, given);
  rule = name ? ev.globals.find<ast::RuleDecl>(name->name) : nullptr;
  if (!rule) {
    if (!name || ev.globals.named.count(name->name))
      ev.fail(Code::WrongKind, learn.decl->span, "`by` needs a rule");
    Frame none;
    ev.unknown(name->span, name->name, none);
  }
  for (auto &l : rule->localities) {
    unsigned c = l.text == "feedback"     ? Feedback
                 : l.text == "population" ? Population
                 : l.text == "modulated"  ? Modulated
                 : l.text == "nonlocal"   ? Feedback | Population | Modulated | Nonlocal
                 : l.text == "local"      ? 0u
                                          : ~0u;
    if (c == ~0u)
      ev.fail(Code::UnknownName, l.span, "unknown locality `" + l.text + "`",
              "one of local, feedback, population, modulated, nonlocal");
    declared |= c;
  }
  // The first parameter of type `cost` is the subject; the others are arguments.
  ast::RuleDecl others;
  others.name = rule->name;
  for (auto &p : rule->params) {
    auto *type = llvm::dyn_cast_or_null<ast::NameExpr>(p.type);
    if (type && type->name == "cost" && costParameter.empty())
      costParameter = p.name.text;
    else
      others.params.push_back(p);
  }
  if (!costParameter.empty() && !learn.decl->subject)
    ev.fail(Code::NeedsCost, learn.decl->span, "`" + rule->name.text + "` needs a cost",
            "write `learn COST by …`");
  if (costParameter.empty() && learn.decl->subject)
    ev.fail(Code::NeedsCost, learn.decl->subject->span, "`" + rule->name.text + "` takes no cost");
  Frame caller = trial.networkFrame();
  args = bindArguments(ev, others, given, learn.decl->rule->span, caller);
  if (learn.decl->subject) {
    cost = trial.overTrial(*learn.decl->subject);
    if (cost->constant || cost->has(Axis::Unit))
      ev.fail(Code::CostReachesNothing, learn.decl->subject->span,
              "this is not a cost: it must be one number per sample that depends on the network");
  }
  findScope();
  openAccount();

  for (const ast::Stmt *s : rule->body)
    if (auto *c = llvm::dyn_cast<ast::ConnectDecl>(s))
      connectSets(*c);
  bool plain = llvm::none_of(rule->body, [](const ast::Stmt *s) {
    return llvm::isa<ast::TemplateStmt, ast::PhaseDecl>(s);
  });
  ast::TemplateStmt whole;
  if (plain) { // plain synapse statements are short for one `each connection`
    whole.templateKind = ast::TemplateKind::Connection;
    for (ast::Stmt *s : rule->body)
      if (!llvm::isa<ast::ConnectDecl>(s))
        whole.body.push_back(s);
  }
  std::vector<const ast::TemplateStmt *> templates;
  if (plain)
    templates.push_back(&whole);
  for (const ast::Stmt *s : rule->body) {
    if (plain || llvm::isa<ast::ConnectDecl>(s))
      continue;
    auto *t = llvm::dyn_cast<ast::TemplateStmt>(s);
    if (!t)
      ev.unsupported(s->span, "this statement in a rule is");
    if (t->templateKind != ast::TemplateKind::Connection &&
        t->templateKind != ast::TemplateKind::Weight)
      ev.unsupported(t->span, "templates over areas are");
    templates.push_back(t);
  }
  // Messages from the last area to the first: what arrives is complete before it is passed on.
  for (auto it = net.order.rbegin(); it != net.order.rend(); ++it)
    for (size_t k = 0; k < net.connections.size(); ++k) {
      const Connection &c = net.connections[k];
      if (c.to != *it)
        continue;
      if (c.topology == Topology::Wire) {
        if (auto e = error(c.to, c.toPort, c.decl->span)) {
          auto key = std::make_pair(c.from, c.fromVariable);
          auto old = messages.find(key);
          messages[key] = old == messages.end()
                              ? *e
                              : ev.binary(ast::BinaryOp::Add, old->second, *e, c.decl->span);
        }
        continue;
      }
      if (scope.count(static_cast<int>(k)))
        for (auto *t : templates)
          if (t->templateKind == ast::TemplateKind::Connection && applies(*t, c))
            message(c, *t);
    }
  for (auto *t : templates) {
    if (t->templateKind == ast::TemplateKind::Weight) {
      eachWeight(*t);
      continue;
    }
    for (int k : plastic)
      if (applies(*t, net.connections[k]))
        for (bool bias : {false, true})
          if (!bias || net.connections[k].bias)
            templateOn(net.connections[k], *t, bias);
  }
  bool gradients = false;
  for (auto &symbol : targetOrder) {
    Target &t = targets.at(symbol);
    gradients |= t.gradient.has_value();
    if (t.gradient && t.direct)
      ev.fail(Code::GradAndDirect, t.at,
              "`" + t.name + "` is changed both through its gradient and directly");
  }
  if (gradients && learn.decl->with.empty())
    ev.fail(Code::OptimizerNeeded, learn.decl->span,
            "`" + rule->name.text + "` yields gradients, which need an optimizer",
            "add `with` and an optimizer");
  if (!gradients && !learn.decl->with.empty())
    ev.fail(Code::OptimizerUnused, learn.decl->with[0].optimizer->span,
            "`" + rule->name.text + "` yields no gradient for an optimizer");
  for (auto &symbol : targetOrder)
    apply(targets.at(symbol));
}

bool RuleInstance::applies(const ast::TemplateStmt &t, const Connection &c) const {
  using Filter = ast::TemplateStmt::Filter;
  switch (t.filter) {
  case Filter::None:
    return true;
  case Filter::To:
    return inSet(c.to, t.set.text);
  case Filter::From:
    return inSet(c.from, t.set.text);
  case Filter::Between:
    return inSet(c.to, t.set.text) && inSet(c.from, t.set.text);
  }
  return true;
}

/// `connect error(outputs.drive) -> error(hidden.rate) : dense(w ~ …)`: one fixed matrix per pair of areas.
void RuleInstance::connectSets(const ast::ConnectDecl &decl) {
  auto end = [&](const ast::Expr &e) -> std::pair<std::string, std::string> {
    auto *call = callOf(e, "error");
    auto *m = call && call->args.size() == 1 ? llvm::dyn_cast<ast::MemberExpr>(call->args[0].value)
                                             : llvm::dyn_cast<ast::MemberExpr>(&e);
    auto *set = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    if (!set)
      ev.unsupported(e.span, "this endpoint is");
    return {set->name, m->member.text};
  };
  if (!callOf(*decl.to, "error") || !decl.body.empty())
    ev.unsupported(decl.span,
                   "a rule's connection that does not end at `error(…)`, or that learns, is");
  auto [fromSet, fromVariable] = end(*decl.from);
  auto [toSet, toVariable] = end(*decl.to);
  auto *topology = llvm::dyn_cast<ast::CallExpr>(decl.topology);
  const ast::Argument *initial = nullptr;
  if (topology)
    for (auto &a : topology->args)
      if (a.name.text == "w")
        initial = &a;
  if (!initial)
    ev.unsupported(decl.span, "a rule's connection without `w` is");
  for (size_t to = 0; to < net.areas.size(); ++to)
    for (size_t from = 0; from < net.areas.size(); ++from) {
      if (!inSet(static_cast<int>(to), toSet) || !areas.count(static_cast<int>(to)) ||
          !inSet(static_cast<int>(from), fromSet) || !areas.count(static_cast<int>(from)))
        continue;
      const Area &a = net.areas[from], &b = net.areas[to];
      if (!a.has(fromVariable) || !b.has(toVariable))
        ev.fail(Code::RuleNeedsVariable, decl.span,
                "the rule `" + rule->name.text + "` needs a variable `" +
                    (a.has(fromVariable) ? toVariable : fromVariable) + "`, which the area `" +
                    (a.has(fromVariable) ? b.name : a.name) + "` lacks");
      Route r{static_cast<int>(from),
              fromVariable,
              callOf(*decl.from, "error") != nullptr,
              static_cast<int>(to),
              toVariable,
              net.name + "." + learn.name + "." + a.name + "_" + b.name,
              decl.span};
      if (account)
        account->routes.push_back({r.from, r.to, r.fromVariable, r.toVariable, r.symbol});
      StateInit init;
      init.symbol = r.symbol;
      init.role = "weight";
      init.extent = {{Axis::Pre, a.size}, {Axis::Post, b.size}};
      Frame frame;
      frame.locals = args;
      frame.locals["fan_in"] = Field::number(a.size);
      frame.locals["fan_out"] = Field::number(b.size);
      frame.stream = r.symbol;
      frame.drawExtent = init.extent;
      Evaluator *e = &ev;
      const ast::Expr *value = initial->value;
      init.value = [=]() mutable { return e->evaluate(*value, frame); };
      trial.states.declare(std::move(init));
      routes.push_back(std::move(r));
    }
}

/// (a) the derivative of the cost's own expression.
std::optional<Field> RuleInstance::directError(int area, const std::string &variable, Span at) {
  auto x = trial.variable(area, variable);
  if (!cost || !x || !x->tensor)
    return std::nullopt;
  // A value may have several names (`rate = drive`, or a wire): only the last of them has this part of its error,
  // and hands it back to the others.
  auto place = [&](const std::pair<int, std::string> &p) {
    auto &names = net.areas[p.first].variables;
    return std::make_pair(
        llvm::find(net.order, p.first) - net.order.begin(),
        llvm::is_contained(names, p.second) ? llvm::find(names, p.second) - names.begin() : -1);
  };
  for (auto &[key, field] : trial.now.tick->values)
    if (field.tensor == x->tensor && place(key) > place({area, variable}))
      return std::nullopt;
  // Every variable of every area that lies between the cost and this one is held.
  llvm::SmallVector<Value> held;
  for (auto &[key, field] : trial.now.tick->values)
    if (field.tensor && field.tensor != x->tensor)
      held.push_back(field.tensor);
  llvm::SmallVector<Value> work{cost->tensor};
  llvm::DenseSet<Value> seen;
  bool reached = false;
  while (!work.empty() && !reached) {
    Value v = work.pop_back_val();
    if (v == x->tensor)
      reached = true;
    if (!seen.insert(v).second || llvm::is_contained(held, v))
      continue;
    if (Operation *op = v.getDefiningOp(); op && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  if (!reached)
    return std::nullopt;
  llvm::SmallVector<Value> needed;
  for (Value h : held)
    if (seen.contains(h))
      needed.push_back(h);
  if (account)
    account->direct.insert({area, variable});
  OpBuilder &b = ev.fields.builder;
  Field ones = ev.fields.broadcast(ev.location(at), Field::number(1),
                                   {{Axis::Sample, ShapedType::kDynamic}});
  auto op =
      b.create<ir::VjpOp>(ev.location(at), TypeRange{x->tensor.getType()}, ValueRange{cost->tensor},
                          ValueRange{ones.tensor}, ValueRange{x->tensor}, needed);
  Field e = *x;
  e.tensor = op.getResult(0);
  e.dimension = cost->dimension.times(x->dimension, -1);
  e.capabilities = 0;
  e.reads.clear();
  return e;
}

/// Semantics 5.3: (a) + (b) + (c), in the shape of the variable, over the area's own units.
std::optional<Field> RuleInstance::error(int area, const std::string &variable, Span at) {
  auto key = std::make_pair(area, variable);
  if (auto it = errors.find(key); it != errors.end())
    return it->second;
  auto x = trial.variable(area, variable);
  if (!x || !x->tensor)
    return std::nullopt;
  auto own = [&](const std::string &v) -> std::optional<Field> {
    std::optional<Field> e = directError(area, v, at);
    if (auto m = messages.find({area, v}); m != messages.end())
      e = e ? ev.binary(ast::BinaryOp::Add, *e, m->second, at) : m->second;
    for (auto &r : routes)
      if (r.to == area && r.toVariable == v)
        if (auto from = r.fromError ? error(r.from, r.fromVariable, at)
                                    : trial.variable(r.from, r.fromVariable)) {
          Field w = trial.read(r.symbol);
          Field arriving = ev.binary(ast::BinaryOp::Mul, w, from->as(Axis::Unit, Axis::Pre), at);
          arriving =
              ev.fields.reduce(ev.location(at), arriving, {Axis::Pre}).as(Axis::Post, Axis::Unit);
          arriving.needs(Feedback, r.at);
          e = e ? ev.binary(ast::BinaryOp::Add, *e, arriving, at) : arriving;
        }
    return e;
  };
  std::optional<Field> total = own(variable);
  llvm::SmallVector<Value> later, seeds;
  Field needed; // by what the later variables hand back
  for (auto &v : net.areas[area].variables) {
    if (v == variable)
      continue;
    auto y = trial.variable(area, v);
    auto e = own(v);
    if (!e || !y || !y->tensor)
      continue;
    if (y->tensor == x->tensor) { // two names of one value
      if (account)
        account->chain[key].push_back(v);
      total = total ? ev.binary(ast::BinaryOp::Add, *total, *e, at) : *e;
      continue;
    }
    later.push_back(y->tensor);
    seeds.push_back(
        ev.fields
            .broadcast(ev.location(at), *e,
                       {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, net.areas[area].size}})
            .tensor);
    needed.inherit(*e);
    if (account)
      account->chain[key].push_back(v);
  }
  if (!later.empty()) {
    OpBuilder &b = ev.fields.builder;
    auto op = b.create<ir::VjpOp>(ev.location(at), TypeRange{x->tensor.getType()}, later, seeds,
                                  ValueRange{x->tensor}, ValueRange{});
    Field e = *x;
    e.tensor = op.getResult(0);
    e.dimension.any = true;
    e.capabilities = 0;
    e.reads.clear();
    e.inherit(needed);
    total = total ? ev.binary(ast::BinaryOp::Add, *total, e, at) : e;
  }
  return errors[key] = total;
}

Field RuleInstance::ownWeight(const Connection &c, const ast::VarDecl::Declarator &d) {
  std::string symbol = net.name + "." + learn.name + "." + c.name + "." + d.name.text;
  StateInit init;
  init.symbol = symbol;
  init.role = "weight";
  if (c.topology == Topology::Dense)
    init.extent.push_back({Axis::Pre, c.fromSize});
  init.extent.push_back({Axis::Post, c.toSize});
  Frame frame;
  frame.locals = args;
  frame.locals["fan_in"] = Field::number(c.topology == Topology::Dense ? c.fromSize : 1);
  frame.locals["fan_out"] = Field::number(c.topology == Topology::Dense ? c.toSize : 1);
  frame.stream = symbol;
  frame.drawExtent = init.extent;
  if (!d.init)
    ev.fail(Code::MissingArgument, d.name.span,
            "the weight `" + d.name.text + "` needs an initial value");
  // The connection's own weights stand for their first values: `weight B = w` starts as a copy.
  frame.resolve = [&states = trial.states, &c](const ast::Expr &e) -> std::optional<Field> {
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
      for (auto &w : c.weights)
        if (w.name == n->name && !w.bias)
          return states.first(w.symbol);
    return std::nullopt;
  };
  Evaluator *e = &ev;
  const ast::Expr *value = d.init;
  init.value = [=]() mutable { return e->evaluate(*value, frame); };
  trial.states.declare(std::move(init));
  ruleWeights.insert(c.name + "." + d.name.text);
  return trial.read(symbol);
}

Frame RuleInstance::synapseFrame(const Connection &c, bool bias) {
  Frame frame;
  frame.locals = args;
  if (cost)
    frame.locals[costParameter] = *cost;
  frame.known = {"pre", "post", "w", "fan_in", "fan_out"};
  frame.reductions = {Axis::Pre, Axis::Post};
  frame.locals["fan_in"] = Field::number(c.topology == Topology::Dense ? c.fromSize : 1);
  frame.locals["fan_out"] = Field::number(c.topology == Topology::Dense ? c.toSize : 1);
  for (auto &w : c.weights)
    if (w.bias == bias) {
      Field f = trial.read(w.symbol);
      f.readsForwardWeight = true;
      frame.locals[w.name] = f;
    }
  frame.resolve = [this, &c, bias](const ast::Expr &e) -> std::optional<Field> {
    auto atEnd = [&](bool pre, const std::string &member, Span at) -> std::optional<Field> {
      if (pre && bias)
        return Field::number(member.empty() ? 1 : 0);
      int area = pre ? c.from : c.to;
      std::string variable = member.empty() ? (pre ? c.fromVariable : c.toPort) : member;
      auto f = trial.variable(area, variable);
      if (!f)
        ev.fail(Code::RuleNeedsVariable, at,
                "the rule `" + rule->name.text + "` reads `" + (pre ? "pre." : "post.") + variable +
                    "`, which the area `" + net.areas[area].name + "` lacks");
      return f->as(Axis::Unit, pre ? c.preAxis() : Axis::Post);
    };
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e); n && (n->name == "pre" || n->name == "post"))
      return atEnd(n->name == "pre", "", e.span);
    if (auto *m = llvm::dyn_cast<ast::MemberExpr>(&e))
      if (auto *base = llvm::dyn_cast<ast::NameExpr>(m->base);
          base && (base->name == "pre" || base->name == "post"))
        return atEnd(base->name == "pre", m->member.text, e.span);
    for (const char *end : {"pre", "post"})
      if (auto member = errorOf(e, end)) {
        bool pre = end == std::string("pre");
        if (pre && bias)
          return Field::number(0);
        if (!cost)
          ev.fail(Code::NeedsCost, e.span, "`error` needs a rule with a cost");
        int area = pre ? c.from : c.to;
        std::string variable = !member->empty() ? *member : pre ? c.fromVariable : c.toPort;
        auto f = error(area, variable, e.span);
        if (!f) {
          Field zero = Field::number(0);
          return zero;
        }
        return f->as(Axis::Unit, pre ? c.preAxis() : Axis::Post);
      }
    return std::nullopt;
  };
  return frame;
}

void RuleInstance::message(const Connection &c, const ast::TemplateStmt &t) {
  Frame frame = synapseFrame(c, false);
  for (const ast::Stmt *s : t.body) {
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Weight) {
      for (auto &d : v->vars)
        frame.locals[d.name.text] = ownWeight(c, d);
      continue;
    }
    if (ev.execute(*s, frame))
      continue;
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
    if (!assign)
      ev.unsupported(s->span, "this statement in a template is");
    auto member = errorOf(*assign->target, "pre");
    if (!member)
      continue;
    if (assign->op != ast::AssignOp::Add)
      ev.fail(Code::NotAssignable, s->span, "errors are added to: write `+=`");
    std::string variable = member->empty() ? c.fromVariable : *member;
    if (!areas.count(c.from))
      continue; // nobody listens: an input of the scope
    Field e = ev.evaluate(*assign->value, frame);
    if (e.constant)
      continue;
    bool backwards = e.readsForwardWeight;
    e.needs(backwards ? Nonlocal : Feedback, assign->value->span, backwards);
    e.readsForwardWeight = false;
    if (account)
      account->messages.push_back(
          {c.from, variable, static_cast<int>(&c - &net.connections[0]), assign, &t, backwards});
    if (c.topology == Topology::Dense)
      e = ev.fields.reduce(ev.location(s->span), e, {Axis::Post});
    e = e.as(c.preAxis(), Axis::Unit);
    auto key = std::make_pair(c.from, variable);
    auto old = messages.find(key);
    messages[key] =
        old == messages.end() ? e : ev.binary(ast::BinaryOp::Add, old->second, e, s->span);
  }
}

RuleInstance::Target &RuleInstance::target(const Connection &c, llvm::StringRef name, bool bias) {
  std::string symbol;
  for (auto &w : c.weights)
    if (w.name == name && w.bias == bias)
      symbol = w.symbol;
  if (symbol.empty() && ruleWeights.count(c.name + "." + name.str()))
    symbol = net.name + "." + learn.name + "." + c.name + "." + name.str();
  Target &t = targets[symbol];
  if (t.symbol.empty()) {
    t.symbol = symbol;
    t.value = trial.read(symbol);
    t.connection = &c;
    t.name = name.str();
    t.bias = bias;
    targetOrder.push_back(symbol);
    if (account) {
      WeightChange &change = account->change(symbol);
      change.name = t.name;
      change.connection = static_cast<int>(&c - &net.connections[0]);
      change.bias = bias;
      change.ownedByRule = ruleWeights.count(c.name + "." + t.name) != 0;
    }
  }
  return t;
}

void RuleInstance::checkLocality(const Field &f, Span at) {
  unsigned beyond = f.capabilities & ~declared;
  auto decides = [&](unsigned c) {
    for (const CapabilityRead &r : f.reads)
      if (r.capability == c)
        return r.at;
    return at;
  };
  for (unsigned c :
       {unsigned(Nonlocal), unsigned(Feedback), unsigned(Population), unsigned(Modulated)})
    if (beyond & c) {
      ev.diags
          .error(Code::Locality, decides(c),
                 "the rule `" + rule->name.text + "` declares less than it uses: this is `" +
                     capabilityName(c) + "`")
          .label(rule->name.span, "declared here")
          .hint(llvm::Twine("declare `") + capabilityName(c) +
                "`, or use only what the synapse itself can know");
      throw Reported();
    }
}

void RuleInstance::contribute(Target &t, const Field &value, ast::AssignOp op, bool gradient,
                              Span at) {
  checkLocality(value, at);
  if (account)
    note(account->change(t.symbol), value);
  Field e = value;
  llvm::SmallVector<Axis, 2> extra;
  for (Axis a : {Axis::Pre, Axis::Post})
    if (!e.constant && e.has(a) && !t.value.has(a))
      extra.push_back(a);
  e = ev.fields.reduce(ev.location(at), e, extra);
  if (op == ast::AssignOp::Set && !gradient && !e.constant && e.has(Axis::Sample))
    ev.fail(Code::PerSampleToShared, at,
            "a value per sample is assigned to a weight, which has no samples",
            "use `+=`, which averages over the batch, or an explicit `batch_mean`");
  e = ev.averageOverSamples(e, at);
  if (op == ast::AssignOp::Sub)
    e = ev.unary("-", e, at);
  if (op == ast::AssignOp::Set)
    e = ev.binary(ast::BinaryOp::Sub, e, t.value, at);
  auto &slot = gradient ? t.gradient : t.direct;
  slot = slot ? ev.binary(ast::BinaryOp::Add, *slot, e, at) : e;
  t.at = at;
}

void RuleInstance::templateOn(const Connection &c, const ast::TemplateStmt &t, bool bias) {
  Frame frame = synapseFrame(c, bias);
  std::set<std::string> own;
  for (const ast::Stmt *s : t.body) {
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Weight) {
      for (auto &d : v->vars) {
        own.insert(d.name.text);
        if (!bias)
          frame.locals[d.name.text] = ownWeight(c, d);
        else
          frame.locals[d.name.text] = Field::number(0); // its messages would go to a constant
      }
      continue;
    }
    if (ev.execute(*s, frame))
      continue;
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
    if (!assign)
      ev.unsupported(s->span, "this statement in a template is");
    if (errorOf(*assign->target, "pre"))
      continue;
    auto *m = llvm::dyn_cast<ast::MemberExpr>(assign->target);
    auto *base = llvm::dyn_cast<ast::NameExpr>(m ? m->base : assign->target);
    bool known = base && (own.count(base->name) ||
                          llvm::any_of(c.weights, [&](auto &w) { return w.name == base->name; }));
    if (!known || (m && m->member.text != "grad"))
      ev.fail(Code::NotAssignable, assign->target->span,
              "`" + ast::toString(*assign->target) + "` cannot be assigned here",
              "a rule adds to `w.grad` or to `error(pre)`, or changes `w`");
    if (bias && own.count(base->name))
      continue;
    if (m && assign->op != ast::AssignOp::Add)
      ev.fail(Code::NotAssignable, assign->span, "gradients are added to: write `+=`");
    Target &changed = target(c, base->name, bias);
    Field value = ev.evaluate(*assign->value, frame);
    if (account)
      account->change(changed.symbol)
          .terms.push_back({assign, &t, m != nullptr, value.has(Axis::Sample)});
    contribute(changed, value, assign->op, m != nullptr, s->span);
  }
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
  Field share = ev.binary(ast::BinaryOp::Div, Field::number(1), ev.clock("samples", at), at);
  g = ev.binary(ast::BinaryOp::Mul, g, share, at);
  g.dimension.any = true;
  return g;
}

void RuleInstance::eachWeight(const ast::TemplateStmt &t) {
  for (int k : plastic) {
    const Connection &c = net.connections[k];
    for (auto &w : c.weights) {
      Field p = trial.read(w.symbol);
      Frame frame;
      frame.locals = args;
      if (cost)
        frame.locals[costParameter] = *cost;
      frame.locals[t.binder.text] = p;
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
        Target &changed = target(c, w.name, w.bias);
        Field value = ev.evaluate(*assign->value, frame);
        if (account)
          account->change(changed.symbol)
              .terms.push_back({assign, &t, m != nullptr, value.has(Axis::Sample)});
        contribute(changed, value, assign->op, m != nullptr, s->span);
      }
    }
  }
}

/// The optimiser's body, once per weight element; then the gate of the learn line.
void RuleInstance::apply(Target &t) {
  using ast::BinaryOp;
  Span at = learn.decl->span;
  keepDirections(t);
  if (learn.decl->every)
    ev.unsupported(learn.decl->every->span, "`every` is");
  Frame network = trial.networkFrame();
  std::optional<Field> active;
  if (learn.decl->condition)
    active = ev.evaluate(*learn.decl->condition, network);
  auto finish = [&](const std::string &symbol, const Field &old, Field value, Span where) {
    if (active)
      value = ev.select(*active, value, old, where);
    auto it = trial.updates.find(symbol);
    if (it == trial.updates.end()) {
      trial.updates[symbol] = value;
      trial.updateOrder.push_back(symbol);
    } else { // several lines on one weight: their changes add
      it->second =
          ev.binary(BinaryOp::Add, it->second, ev.binary(BinaryOp::Sub, value, old, where), where);
    }
  };
  if (t.direct) {
    finish(t.symbol, t.value, ev.binary(BinaryOp::Add, t.value, *t.direct, t.at), t.at);
    return;
  }
  const ast::Expr *chosen = nullptr;
  for (auto &u : learn.decl->with)
    if (!u.target && !chosen)
      chosen = u.optimizer;
  for (auto &u : learn.decl->with)
    if (u.target.text == t.name || u.target.text == t.connection->name)
      chosen = u.optimizer;
  llvm::ArrayRef<ast::Argument> given;
  auto *name = calleeOf(chosen, given);
  auto *optimizer = name ? ev.globals.find<ast::OptimizerDecl>(name->name) : nullptr;
  if (!optimizer) {
    if (!name || ev.globals.named.count(name->name))
      ev.fail(Code::WrongKind, at, "`with` needs an optimizer");
    Frame none;
    ev.unknown(name->span, name->name, none);
  }
  if (account)
    account->change(t.symbol).optimizer = chosen;
  Frame frame;
  frame.locals = bindArguments(ev, *optimizer, given, chosen->span, network);
  frame.locals["w"] = t.value;
  frame.locals["grad"] = *t.gradient;
  frame.known = {"w", "grad", "updates"};
  // Each line counts its updates in one number.
  std::string counter = net.name + "." + learn.name + ".updates";
  StateInit count;
  count.symbol = counter;
  count.role = "counter";
  count.value = [] { return Field::number(0); };
  trial.states.declare(std::move(count));
  Field before = trial.read(counter);
  Field now = ev.binary(BinaryOp::Add, before, Field::number(1), at);
  frame.locals["updates"] = now;
  if (!trial.updates.count(counter))
    finish(counter, before, now, at);

  std::string base = net.name + "." + learn.name + "." + t.connection->name + "." + t.name +
                     (t.bias ? "_bias" : "");
  std::map<std::string, std::string> own; // local name to symbol
  std::map<std::string, Field> old;
  llvm::SaveAndRestore options(ev.dropZeroFactors, true);
  for (const ast::Stmt *s : optimizer->body) {
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::State) {
      for (auto &d : v->vars) {
        StateInit init;
        init.symbol = own[d.name.text] = base + "." + d.name.text;
        init.role = "optimizer";
        init.extent = trial.states.list[trial.states.bySymbol.at(t.symbol)].extent;
        Evaluator *e = &ev;
        const ast::Expr *value = d.init;
        init.value = [=] {
          Frame empty;
          return value ? e->evaluate(*value, empty) : Field::number(0);
        };
        trial.states.declare(std::move(init));
        Field f = trial.read(own[d.name.text]);
        f.dimension.any = true;
        old[d.name.text] = frame.locals[d.name.text] = f;
      }
      continue;
    }
    if (ev.execute(*s, frame))
      continue;
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
    auto *target = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
    if (!target || (target->name != "w" && !own.count(target->name)))
      ev.fail(Code::NotAssignable, s->span, "an optimizer assigns to `w` and to its own states");
    Field value = ev.evaluate(*assign->value, frame);
    Field &slot = frame.locals[target->name];
    if (assign->op == ast::AssignOp::Add)
      value = ev.binary(BinaryOp::Add, slot, value, s->span);
    if (assign->op == ast::AssignOp::Sub)
      value = ev.binary(BinaryOp::Sub, slot, value, s->span);
    slot = value;
  }
  for (auto &[local, symbol] : own) {
    // What is assigned before it is read is no state: nothing is kept for it.
    if (old[local].tensor.use_empty()) {
      trial.reads.erase(symbol);
      trial.states.withdraw(symbol);
      old[local].tensor.getDefiningOp()->erase();
      continue;
    }
    finish(symbol, old[local], frame.locals[local], at);
  }
  if (account)
    note(account->change(t.symbol), frame.locals["w"]);
  finish(t.symbol, t.value, frame.locals["w"], at);
}

} // namespace apical::sema
