//===- Update.cpp - from what a rule yields to new weights ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Rule.h"
#include "llvm/Support/SaveAndRestore.h"

namespace apical::sema {

using ast::BinaryOp;

/// Semantics 7.3. While `while` does not hold, nothing of the line moves, not
/// even the count of its trials. `every N` acts in the last of N trials.
void RuleInstance::openGate() {
  Frame network = trial.networkFrame();
  if (learn.decl->condition)
    active = acts = ev.evaluate(*learn.decl->condition, network);
  if (!learn.decl->every)
    return;
  const ast::Expr &every = *learn.decl->every;
  auto *number = llvm::dyn_cast<ast::NumberExpr>(&every);
  if (number && (number->unit == "tick" || number->unit == "ticks")) {
    everyTicks = ev.evaluateTicks(every, network, 1, "`every`");
    if (llvm::none_of(rule->body, llvm::IsaPred<ast::PhaseDecl>) && everyTicks > 1)
      ev.unsupported(every.span, "`every` in ticks for a rule without phases is");
    return;
  }
  if (number && !number->unit.empty() && number->unit != "trial" && number->unit != "trials")
    ev.fail(Code::DimensionMismatch, every.span,
            "`every` counts trials or ticks, and this is in `" + number->unit + "`",
            "write a number of trials, `every 4 trials`, or of ticks, `every 1 ticks`");
  int64_t n = ev.evaluateSize(every, network, 1, "`every`");
  if (n == 1)
    return;
  trials = Field::number(static_cast<double>(n));
  StateInit waited;
  waited.symbol = net.name + "." + learn.name + ".waited";
  waited.role = "counter";
  waited.value = [] { return Field::number(0); };
  std::string symbol = waited.symbol;
  trial.states.declare(std::move(waited));
  Field before = trial.read(symbol);
  Field now = ev.binary(BinaryOp::Add, before, Field::number(1), every.span);
  Field due = ev.binary(BinaryOp::Ge, now, *trials, every.span);
  write(symbol, before, ev.select(due, Field::number(0), now, every.span), active, every.span);
  acts = active ? ev.binary(BinaryOp::And, *active, due, every.span) : due;
}

void RuleInstance::write(const std::string &symbol, const Field &old, Field value,
                         const std::optional<Field> &gate, Span at) {
  if (gate)
    value = ev.select(*gate, value, old, at);
  if (changing) {
    changing->values[symbol] = value;
    changing->when[symbol] = gate;
    return;
  }
  Changes &updates = trial.updates;
  auto it = updates.values.find(symbol);
  if (it == updates.values.end()) {
    updates.values[symbol] = value;
    updates.when[symbol] = gate;
    trial.updateOrder.push_back(symbol);
    return;
  }
  // Several lines on one weight: their changes add.
  it->second = ev.binary(BinaryOp::Add, it->second, ev.binary(BinaryOp::Sub, value, old, at), at);
  auto &when = updates.when[symbol];
  when = when && gate ? std::optional(ev.binary(BinaryOp::Or, *when, *gate, at)) : std::nullopt;
}

void RuleInstance::applyAll() {
  counted.reset();
  for (auto &symbol : targetOrder)
    if (Target &t = targets.at(symbol); t.gradient || t.direct)
      apply(t);
}

/// Semantics 7.3: what the ticks of a run added to gradients since the last update is applied, and later ticks of the
/// trial read what it made. The step writes the last values when the trial is over.
void RuleInstance::endTick() {
  if (!everyTicks ||
      llvm::none_of(targets, [](auto &t) { return t.second.gradient || t.second.direct; }))
    return;
  if (++waited < everyTicks)
    return;
  waited = 0;
  updateInTrial();
}

void RuleInstance::updateInTrial() {
  Trial::At here(trial, {trial.now.tick, trial.now.ended, changed.get()});
  for (auto &[symbol, t] : targets)
    t.value = trial.read(symbol);
  Changes made;
  {
    llvm::SaveAndRestore inside(changing, &made);
    applyAll();
  }
  trial.keep(made);
  for (auto &[symbol, t] : targets) {
    t.gradient.reset();
    t.direct.reset();
  }
  auto all = std::make_shared<Changes>();
  if (changed)
    *all = *changed;
  for (auto &[symbol, value] : made.values) {
    all->values[symbol] = value;
    all->when[symbol] = made.when[symbol];
  }
  changed = all;
}

void RuleInstance::apply(Target &t) {
  keepDirections(t);
  if (t.direct) {
    write(t.symbol, t.value, ev.binary(BinaryOp::Add, t.value, *t.direct, t.at), acts, t.at);
    return;
  }
  const ast::Expr *chosen = optimizerOf(t);
  if (WeightChange *change = noted(t))
    change->optimizer = chosen;
  Field value = optimised(t, *chosen);
  if (WeightChange *change = noted(t))
    note(*change, value);
  write(t.symbol, t.value, value, acts, learn.decl->span);
}

/// The one that `with` gives to this weight or its connection, else the first without a name.
const ast::Expr *RuleInstance::optimizerOf(const Target &t) const {
  const ast::Expr *chosen = nullptr;
  for (auto &u : learn.decl->with)
    if (!u.target && !chosen)
      chosen = u.optimizer;
  for (auto &u : learn.decl->with)
    if (u.target.text == t.name || u.target.text == t.owner)
      chosen = u.optimizer;
  if (!chosen)
    ev.fail(Code::OptimizerNeeded, learn.decl->span,
            "no optimizer is named for `" + t.name + "` of `" + t.owner + "`",
            "add one without a name: `with OPTIMIZER(…), NAME: OTHER(…)`");
  return chosen;
}

/// The gradient that the optimizer sees: with `every`, the mean over the trials
/// since the last update, summed up in a state.
Field RuleInstance::accumulated(const Target &t, const std::string &base) {
  if (!trials)
    return *t.gradient;
  Span at = learn.decl->every->span;
  StateInit init;
  init.symbol = base + ".grad";
  init.role = "optimizer";
  init.extent = trial.states.list[trial.states.bySymbol.at(t.symbol)].extent;
  init.value = [] { return Field::number(0); };
  std::string symbol = init.symbol;
  trial.states.declare(std::move(init));
  Field before = trial.read(symbol);
  before.dimension.any = true;
  Field sum = ev.binary(BinaryOp::Add, before, *t.gradient, at);
  write(symbol, before, ev.select(*acts, Field::number(0), sum, at), active, at);
  return ev.binary(BinaryOp::Div, sum, *trials, at);
}

/// The optimizer's body, once per weight element.
Field RuleInstance::optimised(Target &t, const ast::Expr &chosen) {
  Span at = learn.decl->span;
  llvm::ArrayRef<ast::Argument> given;
  auto &optimizer =
      ev.definition<ast::OptimizerDecl>(&chosen, at, "`with` needs an optimizer", given);
  std::string base =
      net.name + "." + learn.name + "." + t.owner + "." + t.name + (t.bias ? "_bias" : "");
  Frame network = trial.networkFrame();
  Frame frame;
  frame.locals = bindArguments(ev, optimizer, given, chosen.span, network);
  frame.locals["w"] = t.value;
  frame.locals["grad"] = accumulated(t, base);
  frame.known = {"w", "grad", "updates"};
  // Each line counts its updates in one number.
  std::string counter = net.name + "." + learn.name + ".updates";
  StateInit count;
  count.symbol = counter;
  count.role = "counter";
  count.value = [] { return Field::number(0); };
  trial.states.declare(std::move(count));
  if (!counted) {
    Field before = trial.read(counter);
    counted = ev.binary(BinaryOp::Add, before, Field::number(1), at);
    write(counter, before, *counted, acts, at);
  }
  frame.locals["updates"] = *counted;

  std::map<std::string, std::string> own; // local name to symbol
  std::map<std::string, Field> old;
  llvm::SaveAndRestore options(ev.dropZeroFactors, true);
  for (const ast::Stmt *s : optimizer.body) {
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::State) {
      for (auto &d : v->vars) {
        StateInit init;
        init.symbol = own[d.name.text] = base + "." + d.name.text;
        init.role = "optimizer";
        init.extent = trial.states.list[trial.states.bySymbol.at(t.symbol)].extent;
        init.value = [e = &ev, value = d.init] {
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
    write(symbol, old[local], frame.locals[local], acts, at);
  }
  return frame.locals["w"];
}

} // namespace apical::sema
