//===- Update.cpp - from what a rule yields to new weights ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Rule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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
  if (number && !number->unit.empty() && number->unit != "trial" && number->unit != "trials")
    ev.fail(Code::DimensionMismatch, every.span,
            "`every` counts trials, and this is in `" + number->unit + "`",
            "write a number of trials: `every 4 trials`");
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
  Field now = counted(symbol, Field::number(1), every.span);
  Field due = ev.binary(BinaryOp::Ge, now, *trials, every.span);
  Field open = active.value_or(Field::number(1)),
        over = ev.binary(BinaryOp::And, open, due, every.span);
  // Counts while the line is active, and begins again.
  Field value = ev.fields.wide(
      ev.location(every.span), {trial.read(symbol), open, over},
      [](mlir::OpBuilder &b, mlir::Location at, llvm::ArrayRef<mlir::Value> x) -> mlir::Value {
        mlir::Value zero = b.create<mlir::arith::ConstantOp>(at, b.getF64FloatAttr(0));
        mlir::Value more = b.create<mlir::arith::AddFOp>(at, x[0], x[1]);
        mlir::Value done =
            b.create<mlir::arith::CmpFOp>(at, mlir::arith::CmpFPredicate::ONE, x[2], zero);
        return b.create<mlir::arith::SelectOp>(at, done, zero, more);
      });
  write(symbol, value, value, std::nullopt, every.span);
  acts = active ? ev.binary(BinaryOp::And, *active, due, every.span) : due;
}

/// What a counter is after `more`, 0 or 1, was added.
Field RuleInstance::counted(const std::string &symbol, const Field &more, Span at) {
  return ev.fields.wide(
      ev.location(at), {trial.read(symbol), more},
      [](mlir::OpBuilder &b, mlir::Location l, llvm::ArrayRef<mlir::Value> x) -> mlir::Value {
        return b.create<mlir::arith::AddFOp>(l, x[0], x[1]);
      });
}

void RuleInstance::write(const std::string &symbol, const Field &old, Field value,
                         const std::optional<Field> &gate, Span at) {
  if (gate)
    value = ev.select(*gate, value, old, at);
  auto it = trial.updates.find(symbol);
  if (it == trial.updates.end()) {
    trial.updates[symbol] = value;
    trial.changes[symbol] = gate;
    trial.updateOrder.push_back(symbol);
    return;
  }
  // Several lines on one weight: their changes add.
  it->second = ev.binary(BinaryOp::Add, it->second, ev.binary(BinaryOp::Sub, value, old, at), at);
  auto &changed = trial.changes[symbol];
  changed =
      changed && gate ? std::optional(ev.binary(BinaryOp::Or, *changed, *gate, at)) : std::nullopt;
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
  frame.locals["updates"] = ev.fields.map(
      ev.location(at), {counted(counter, Field::number(1), at)},
      [](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> x) { return x[0]; });
  if (!trial.updates.count(counter)) {
    Field value = counted(counter, acts.value_or(Field::number(1)), at);
    write(counter, value, value, std::nullopt, at);
  }

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
