//===- ApplyOptimizer.cpp - from a gradient to a new weight ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace apical::sema {

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
  auto &optimizer =
      ev.definition<ast::OptimizerDecl>(chosen, at, "`with` needs an optimizer", given);
  if (account)
    account->change(t.symbol).optimizer = chosen;
  Frame frame;
  frame.locals = bindArguments(ev, optimizer, given, chosen->span, network);
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
  for (const ast::Stmt *s : optimizer.body) {
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
