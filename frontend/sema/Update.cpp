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
using namespace mlir;

/// Semantics 7.3. While `while` does not hold, nothing of the line moves, not
/// even the count of its trials. `every N` acts in the last of N trials.
void RuleInstance::openGate() {
  Frame network = trial.networkFrame(learn.part);
  if (learn.decl->condition) {
    Span at = learn.decl->condition->span;
    active = ev.evaluate(*learn.decl->condition, network);
    if (!active->constant && (active->has(Axis::Sample) || active->has(Axis::Unit)))
      ev.fail(Code::ShapeMismatch, at,
              "`while` is one condition for the line, and this is " + describe(*active),
              "take one number for the batch: `batch_mean(…)`");
    if (dependsOnTrial(*active))
      active->needs(Modulated, at); // one number decides for all synapses
    checkLocality(*active, at, "its `while`");
    acts = active;
  }
  if (!learn.decl->every)
    return;
  const ast::Expr &every = *learn.decl->every;
  Span at = every.span;
  auto *number = llvm::dyn_cast<ast::NumberExpr>(&every);
  llvm::StringRef unit = number ? llvm::StringRef(number->unit) : "";
  if (unit.starts_with("tick")) {
    everyTicks = ev.evaluateTicks(every, network, 1, "`every`");
    if (llvm::none_of(rule->body, llvm::IsaPred<ast::PhaseDecl>) && everyTicks > 1)
      ev.unsupported(at, "`every` in ticks for a rule without phases is");
    return;
  }
  if (ev.evaluate(every, network).dimension == *namedDimension("time"))
    ev.unsupported(at, "`every` in seconds is");
  int64_t n = ev.evaluateSize(every, network, 1, "`every`");
  bool epochs = unit.starts_with("epoch");
  if (n == 1 && !epochs)
    return;
  // The counters stand still while the line is not active, and start again with an update.
  struct Count {
    std::string symbol;
    Field more, now;
  };
  auto count = [&](llvm::StringRef name, const Field &more) {
    StateInit waited;
    waited.symbol = net.name + "." + learn.name + "." + name.str();
    waited.role = "counter";
    waited.value = [] { return Field::number(0); };
    std::string symbol = waited.symbol;
    trial.states.declare(std::move(waited));
    return Count{symbol, more, counted(symbol, more, at)};
  };
  std::vector<Count> counts{count("waited", Field::number(1))};
  Field most = Field::number(static_cast<double>(n)), due;
  if (!epochs) {
    due = ev.binary(BinaryOp::Ge, counts[0].now, most, at);
    trials = most;
  } else {
    Field end = ev.clock("epoch_end", at);
    trials = counts[0].now; // the mean is over those that there were
    due = end;
    if (n > 1) {
      counts.push_back(count("waited_epochs", end));
      due = ev.binary(BinaryOp::Ge, counts[1].now, most, at);
    }
  }
  Field open = active.value_or(Field::number(1)), over = ev.binary(BinaryOp::And, open, due, at);
  for (const Count &c : counts) {
    Field more = counted(c.symbol, ev.binary(BinaryOp::Mul, open, c.more, at), at);
    Field value = ev.select(over, Field::number(0), more, at);
    write(c.symbol, value, value, std::nullopt, at);
  }
  acts = active ? over : due;
}

/// What a counter is after `more`, 0 or 1, was added.
Field RuleInstance::counted(const std::string &symbol, const Field &more, Span at) {
  return ev.binary(BinaryOp::Add, trial.read(symbol), more, at);
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
  update.reset();
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
  trial.changedBy[t.symbol].push_back(this);
  if (WeightChange *change = noted(t); change && active)
    note(*change, *active);
  if (t.direct) {
    write(t.symbol, t.value, ev.binary(BinaryOp::Add, t.value, *t.direct, t.at), acts, t.at);
    return;
  }
  const ast::Expr *chosen = optimizerOf(t);
  if (WeightChange *change = noted(t))
    change->optimizer = chosen;
  Field value = optimised(t, *chosen);
  checkLocality(value, chosen->span, "its optimizer");
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
  std::string owner = net.local(t.owner, learn.part);
  for (auto &u : learn.decl->with) // `real.h_out`, or all of `real`
    if (u.target.text == t.name || u.target.text == owner ||
        (u.target && llvm::StringRef(owner).starts_with(u.target.text + ".")))
      chosen = u.optimizer;
  if (!chosen)
    ev.fail(Code::OptimizerNeeded, learn.decl->span,
            "no optimizer is named for `" + t.name + "` of `" + t.owner + "`",
            "add one without a name: `with OPTIMIZER(…), NAME: OTHER(…)`");
  return chosen;
}

void RuleInstance::checkOptimizers() const {
  std::map<std::string, Span> seen;
  std::vector<std::string> names;
  for (auto &[symbol, t] : targets)
    for (std::string name = net.local(t.owner, learn.part);
         t.graded;) { // a connection, its part, that one's part …
      names.push_back(name);
      size_t dot = name.rfind('.');
      if (dot == std::string::npos) {
        names.push_back(t.name);
        break;
      }
      name.resize(dot);
    }
  for (auto &u : learn.decl->with) {
    Span at = u.target ? u.target.span : u.optimizer->span;
    if (u.target && !llvm::is_contained(names, u.target.text)) {
      std::string near = nearest(u.target.text, names);
      ev.fail(Code::OptimizerUnused, at,
              "`" + u.target.text + "` is no weight and no connection for which `" +
                  rule->name.text + "` yields a gradient",
              near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
    }
    auto [it, fresh] = seen.emplace(u.target.text, at);
    if (fresh)
      continue;
    ev.diags
        .error(Code::DefinedTwice, at,
               u.target ? "`" + u.target.text + "` is given two optimizers"
                        : std::string("this learn line has two optimizers"))
        .label(it->second, "the other one")
        .hint("all but one are for a weight or connection: `NAME: OPTIMIZER(…)`");
    throw Reported();
  }
}

/// The gradient that the optimizer sees: with `every`, the mean over the trials
/// since the last update, summed up in a state.
Field RuleInstance::accumulated(const Target &t, const std::string &base) {
  if (!trials)
    return *t.gradient;
  Span at = learn.decl->every->span;
  std::string symbol = base + ".grad";
  trial.states.declare(trial.states.beside(t.symbol, symbol, "optimizer"));
  Field before = trial.read(symbol);
  before.dimension = t.gradient->dimension;
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
  std::string base = t.ownedByRule ? t.symbol
                                   : net.name + "." + learn.name + "." + t.owner + "." + t.name +
                                         (t.bias ? "_bias" : "");
  Frame network = trial.networkFrame(learn.part);
  Frame frame;
  frame.locals = bindArguments(ev, optimizer, given, chosen.span, network);
  for (auto &[name, value] : frame.locals)
    bindSignal(name, value);
  std::vector<std::pair<Span, Field>> arguments;
  for (auto [k, a] : llvm::enumerate(given))
    arguments.push_back(
        {a.value->span, frame.locals.at(a.name ? a.name.text : optimizer.params[k].name.text)});
  // Masked first: what most optimizers make of it is 0 then where there is no synapse.
  if (const std::string &mask = trial.states.list[trial.states.bySymbol.at(t.symbol)].mask;
      !mask.empty()) {
    frame.mask = [there = trial.read(mask)] { return there; };
    t.gradient = ev.masked(frame.mask(), *t.gradient, at);
  }
  frame.locals["w"] = t.value;
  frame.locals["grad"] = accumulated(t, base);
  frame.known = {"w", "grad", "updates"};
  frame.others = true; // a reduction is one over other weights
  frame.reductions = {Axis::Place, Axis::Pre, Axis::Post};
  frame.windowed = t.connection >= 0 && net.connections[t.connection].windowed();
  // Each line counts its updates in one number.
  std::string counter = net.name + "." + learn.name + ".updates";
  StateInit count;
  count.symbol = counter;
  count.role = "counter";
  count.value = [] { return Field::number(0); };
  trial.states.declare(std::move(count));
  if (!update) {
    update = counted(counter, Field::number(1), at);
    Field value = counted(counter, acts.value_or(Field::number(1)), at);
    write(counter, value, value, std::nullopt, at);
  }
  frame.locals["updates"] = *update;

  std::map<std::string, std::string> own; // local name to symbol
  std::map<std::string, Field> old;
  for (const ast::Stmt *s : optimizer.body)
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::State) {
      if (v->isCommon)
        ev.unsupported(v->span, "`common` variables are");
      for (auto &d : v->vars) {
        if (d.initKind == ast::VarDecl::Declarator::Init::Draw)
          ev.unsupported(d.name.span, "a state that starts from a draw, in an optimizer, is");
        own[d.name.text] = base + "." + d.name.text;
        StateInit init = trial.states.beside(t.symbol, own[d.name.text], "optimizer");
        init.value = [e = &ev, value = d.init] {
          Frame empty;
          return value ? e->evaluate(*value, empty) : Field::number(0);
        };
        trial.states.declare(std::move(init));
        Field f = trial.read(own[d.name.text]);
        f.dimension.any = true;
        old[d.name.text] = f;
      }
    }
  Evaluator::Expansion expansion(ev, optimizer, chosen.span, std::move(arguments));
  llvm::SaveAndRestore options(ev.dropZeroFactors, true);
  bool dimensions =
      llvm::any_of(frame.locals, [](auto &local) { return !local.second.dimension.none(); });
  if (dimensions)
    inferDimensions(optimizer, frame, own, old);
  runOptimizer(optimizer, frame, own, old);
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

/// Assigns to `w` and to the states, which begin with their `old` values.
void RuleInstance::runOptimizer(const ast::OptimizerDecl &optimizer, Frame &frame,
                                const std::map<std::string, std::string> &own,
                                const std::map<std::string, Field> &old) {
  for (const ast::Stmt *s : optimizer.body) {
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::State) {
      for (auto &d : v->vars)
        frame.locals[d.name.text] = old.at(d.name.text);
      continue;
    }
    if (ev.execute(*s, frame))
      continue;
    auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
    auto *target = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
    if (!assign)
      ev.refuse(*s, InOptimizer);
    if (!target || (target->name != "w" && !own.count(target->name)))
      ev.fail(Code::NotAssignable, s->span, "an optimizer assigns to `w` and to its own states");
    Field value = ev.evaluate(*assign->value, frame);
    Field &slot = frame.locals[target->name];
    if (!value.constant && value.has(Axis::Sample))
      ev.fail(Code::PerSampleToShared, s->span,
              "a value per sample is assigned to `" + target->name + "`, which has no samples",
              "take one number for the batch: `batch_mean(…)`");
    ev.requireSameDimension(slot, value, s->span,
                            "`" + target->name + "` and what it is given here");
    if (assign->op == ast::AssignOp::Add)
      value = ev.binary(BinaryOp::Add, slot, value, s->span);
    if (assign->op == ast::AssignOp::Sub)
      value = ev.binary(BinaryOp::Sub, slot, value, s->span);
    slot = value;
  }
}

/// A state has the dimension of what is assigned to it. To find it, the body runs once with states
/// that fit everywhere; of that run nothing stays.
void RuleInstance::inferDimensions(const ast::OptimizerDecl &optimizer, Frame frame,
                                   const std::map<std::string, std::string> &own,
                                   std::map<std::string, Field> &old) {
  Block &block = *ev.fields.builder.getInsertionBlock();
  Operation *last = &block.back();
  runOptimizer(optimizer, frame, own, old);
  for (auto &[name, field] : old)
    field.dimension = frame.locals.at(name).dimension;
  while (&block.back() != last)
    block.back().erase();
}

} // namespace apical::sema
