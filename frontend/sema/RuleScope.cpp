//===- RuleScope.cpp - what a learn line may change, and which areas are which ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

bool isBarrier(Operation *op) {
  auto lift = llvm::dyn_cast<ir::LiftOp>(op);
  return lift && llvm::isa_and_nonnull<ir::StopOp>(
                     lift.getBody().front().getTerminator()->getOperand(0).getDefiningOp());
}

bool dependsOnTrial(const Field &f) {
  llvm::SmallVector<Value> work;
  if (f.tensor)
    work.push_back(f.tensor);
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    Operation *op = v.getDefiningOp();
    if (!op || !llvm::isa<ir::LiftOp, ir::RankOp, ir::WindowOp, ir::ClockOp, ir::GetParamOp>(op))
      return true;
    work.append(op->operand_begin(), op->operand_end());
  }
  return false;
}

bool RuleInstance::inSet(int area, llvm::StringRef set) const {
  if (set == "output" || set == "outputs")
    return outputs.count(area);
  if (set == "hidden")
    return areas.count(area) && !outputs.count(area);
  if (set == "input" || set == "inputs")
    return senders.count(area) && !areas.count(area);
  return areas.count(area) != 0; // areas
}

void RuleInstance::checkSet(const ast::Name &set) const {
  const std::vector<std::string> sets = {"areas", "hidden", "output", "outputs",
                                         "input", "inputs", "area"};
  if (llvm::is_contained(sets, set.text))
    return;
  std::string near = nearest(set.text, sets);
  ev.fail(Code::UnknownName, set.span, "unknown set of areas `" + set.text + "`",
          near.empty() ? std::string("one of areas, hidden, outputs, inputs")
                       : "did you mean `" + near + "`?");
}

bool RuleInstance::applies(const ast::TemplateStmt &t, const Connection &c) const {
  using Filter = ast::TemplateStmt::Filter;
  if (t.filter != Filter::None)
    checkSet(t.set);
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

/// `each area r to output`: areas that send to one of the set, over a connection of the scope.
bool RuleInstance::applies(const ast::TemplateStmt &t, int area) const {
  using Filter = ast::TemplateStmt::Filter;
  if (t.filter == Filter::None)
    return true;
  checkSet(t.set);
  if (t.filter == Filter::Between)
    ev.fail(Code::WrongType, t.set.span, "`between` is asked of connections, and this is an area",
            "`to` and `from` are asked of areas");
  return llvm::any_of(scope, [&](int k) {
    const Connection &c = net.connections[k];
    return t.filter == Filter::To ? c.from == area && inSet(c.to, t.set.text)
                                  : c.to == area && inSet(c.from, t.set.text);
  });
}

std::optional<Field> RuleInstance::hops(const ast::Expr &e, const Connection &c) {
  auto *call = callOf(e, "hops");
  if (!call)
    return std::nullopt;
  std::string end = call->args.size() == 2 ? ast::toString(*call->args[0].value) : "";
  std::string set = call->args.size() == 2 ? ast::toString(*call->args[1].value) : "";
  if ((end != "pre" && end != "post") ||
      !llvm::is_contained({"outputs", "hidden", "inputs", "areas"}, set))
    ev.fail(Code::WrongType, e.span, "`hops` takes `pre` or `post`, and a set of areas",
            "`hops(post, outputs)`: 0 for an output, 1 for an area that feeds one");
  std::set<int> reached{end == "pre" ? c.from : c.to};
  for (int distance = 0;; ++distance) {
    if (llvm::any_of(reached, [&](int a) { return inSet(a, set); }))
      return Field::number(distance);
    size_t before = reached.size();
    std::set<int> next = reached;
    for (auto &k : net.connections)
      if (reached.count(k.from))
        next.insert(k.to);
    reached = std::move(next);
    if (reached.size() == before)
      ev.fail(Code::WrongType, e.span, "no area of this set can be reached from here");
  }
}

/// Weights of its own, or shared with synapses that are others.
static bool hasWeights(const Connection &c) { return !c.weightless() && c.transposeOf < 0; }

void RuleInstance::findScope() {
  if (std::optional<Field> cost = costHere(); cost && cost->tensor) {
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
      std::string path = pathOf(*e, ev);
      if (int part = net.part(net.parts[learn.part].own(path)); part >= 0) { // all of it
        for (size_t k = 0; k < net.connections.size(); ++k)
          if (net.inside(net.connections[k].part, part) && hasWeights(net.connections[k]))
            into.insert(static_cast<int>(k));
        continue;
      }
      int c = path.empty() ? -1 : net.connection(net.parts[learn.part].own(path));
      if (c < 0) {
        std::vector<std::string> names;
        for (auto &k : net.connections)
          names.push_back(net.local(k.name, learn.part));
        for (auto &p : net.parts)
          if (net.inside(p.parent, learn.part))
            names.push_back(net.local(p.name, learn.part));
        if (net.area(*e, ev, learn.part) >= 0)
          ev.fail(Code::WrongKind, e->span,
                  "`" + path + "` is an area, and `in` and `through` name connections",
                  "they are called after their areas, as `" + names[0] + "`");
        ev.unknown(e->span, "connection", path, names);
      }
      if (&into == &plastic && net.connections[c].weightless())
        ev.fail(Code::WrongKind, e->span,
                "`" + path + "` has no weights, and `in` says what may change",
                "errors cross it by themselves");
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
  auto serves = [&](const Connection &c) { return hasWeights(c) && (!cost || reach.count(c.to)); };
  // `in` names weights: whatever else conducts with them learns with them.
  std::set<int> named;
  for (int c : plastic)
    named.insert(net.bearer(c));
  for (size_t i = 0; i < net.connections.size(); ++i) {
    const Connection &c = net.connections[i];
    int k = static_cast<int>(i);
    bool wanted = learn.decl->in.empty() ? net.inside(c.part, learn.part) && !scope.count(k)
                                         : named.count(net.bearer(k)) != 0;
    if (wanted && serves(c))
      plastic.insert(k);
  }
  bool reaches = !cost;
  for (int c : plastic)
    reaches |= reach.count(net.connections[c].to) != 0;
  if (!reaches || plastic.empty())
    ev.fail(Code::CostReachesNothing, cost ? learn.decl->subject->span : learn.decl->span,
            cost ? "this cost depends on none of the connections that may change"
                 : "there is no connection to change",
            "a cost must read, through the network, an area that a weighted connection feeds");
  scope.insert(plastic.begin(), plastic.end());
  for (int c : scope) {
    areas.insert(net.connections[c].to);
    senders.insert(net.connections[c].from);
  }
  if (cost) {
    for (int a : readByCost)
      if (areas.count(a))
        outputs.insert(a);
    // A wire hands its area's value on: what the cost reads behind it is read of the area before it.
    for (auto &c : net.connections)
      if (c.weightless() && readByCost.count(c.to) && areas.count(c.from))
        outputs.insert(c.from);
  } else {
    for (int a : areas)
      if (llvm::none_of(scope, [&](int c) { return net.connections[c].from == a; }))
        outputs.insert(a);
  }
}

} // namespace apical::sema
