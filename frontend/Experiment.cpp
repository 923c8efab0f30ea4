//===- Experiment.cpp - one experiment as one step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Experiment.h"
#include "frontend/sema/Account.h"
#include "frontend/sema/Generic.h"
#include "frontend/sema/Memory.h"
#include "frontend/sema/Statements.h"

using namespace mlir;

namespace apical {
using namespace sema;

Experiment::Experiment(Laboratory &lab, const ast::ExperimentDecl &decl, const Network &net,
                       bool nested)
    : train(decl.experimentKind == ast::ExperimentKind::Train), lab(lab), ev(lab.ev),
      diags(lab.diags), decl(decl), net(net), builder(ev.fields.builder), nested(nested),
      tables(ev, diags, lab.options), trial(net, ev, lab.states), batch(train ? 1 : 100),
      batchAt(decl.span) {
  if (decl.experimentKind == ast::ExperimentKind::Simulate)
    ev.unsupported(decl.span, "`simulate` is");
  if (decl.alias)
    ev.unsupported(decl.alias.span, "a name for the source of an experiment is");
  if (!lab.options.withoutData && decl.source)
    columns = tables.columnsOf(*decl.source);
  readOptions();
}

[[noreturn]] static void failTwice(Diagnostics &diags, const ast::Name &name, Span first,
                                   llvm::StringRef done) {
  diags.error(Code::DefinedTwice, name.span, "`" + name.text + "` is " + done + " twice")
      .label(first, "first " + done + " here");
  throw Reported();
}

void Experiment::readOptions() {
  std::map<std::string, Span> given;
  for (auto &o : decl.options) {
    Frame empty;
    if (auto [other, fresh] = given.emplace(o.name.text, o.name.span); !fresh)
      failTwice(diags, o.name, other->second, "given");
    if (o.name.text == "batch") {
      batchAt = o.value->span;
      batch = ev.evaluateSize(*o.value, empty, 1, "`batch`");
    } else if (o.name.text == "epochs" && train)
      epochs = ev.evaluateSize(*o.value, empty, 1, "`epochs`");
    else if (o.name.text == "trials")
      trials = ev.evaluateSize(*o.value, empty, 1, "`trials`");
    else if (o.name.text == "trial")
      ticks = ev.evaluateTicks(*o.value, empty, 1, "the length of a trial in ticks");
    else if (o.name.text == "precision")
      checkPrecision(*o.value);
    else
      wrongOption(o);
  }
  if (!decl.source && !trials)
    ev.fail(Code::BadOption, decl.span, "an experiment without data has no end",
            "say how long it is: `, trials = 1000`");
}

void Experiment::wrongOption(const ast::Argument &o) {
  const std::string &name = o.name.text;
  if (name == "epochs")
    ev.fail(Code::BadOption, o.name.span, "a `test` passes once over its data",
            "`epochs` belongs to `train`; `trials` is how many batches a test presents");
  if (llvm::is_contained({"episodes", "time", "dt", "method", "reset", "active"}, name))
    ev.unsupported(o.name.span, "the option `" + name + "` is");
  std::vector<std::string> options{"batch", "trials", "trial", "precision"};
  if (train)
    options.push_back("epochs");
  std::string near = nearest(name, options);
  ev.fail(Code::BadOption, o.name.span, "an experiment has no option `" + name + "`",
          !near.empty() ? "did you mean `" + near + "`?"
                        : "it has " + quoted(options) +
                              "; what concerns learning stands in the network's `learn` line");
}

/// `single`, as compiled code computes; the interpreter computes in double precision.
void Experiment::checkPrecision(const ast::Expr &e) {
  std::string precision = ast::toString(e);
  if (precision == "double") {
    diags
        .error(Code::NotSupported, e.span, "compiled code in double precision is not supported yet")
        .hint("`apical run --interpret` computes everything in double precision");
    throw Reported();
  }
  if (precision != "single")
    ev.fail(Code::BadOption, e.span, "`precision` is `single` or `double`");
}

/// Every read of a weight stands before its update.
static void moveWritesLast(ir::StepOp step) {
  llvm::SmallVector<Operation *> writes;
  for (Operation &op : step.getBody().front())
    if (llvm::isa<ir::WriteOp>(op))
      writes.push_back(&op);
  for (Operation *w : writes)
    w->moveBefore(&step.getBody().front(), step.getBody().front().end());
}

/// Elementwise values that turned out to be read only inside a reduction.
static void eraseUnused(ir::StepOp step) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(step.getBody().front())))
    if (op.use_empty() && llvm::isa<ir::LiftOp, ir::ReadOp, ir::VjpOp, ir::JvpOp, ir::ClockOp,
                                    ir::GetParamOp, ir::DrawOp, ir::RankOp, ir::WindowOp>(op))
      op.erase();
}

void Experiment::elaborate(ir::StepOp into) {
  step = into;
  stepName = step.getSymName().str();
  trial.account = lab.options.account;
  trial.items = [&](const Area &area, const State &state) { return items(area, state); };
  collectLets();
  for (const ast::Stmt *s : decl.body)
    statement(*s);
  bool settles = llvm::any_of(net.areas, [](const Area &area) {
    return llvm::any_of(area.states, [](const State &s) { return s.life == State::Life::Reset; });
  });
  if (train && ticks == 1 && settles && lab.options.account && lab.options.account->ticks)
    ticks = lab.options.account->ticks;
  trial.announce(decl.span, ticks);
  present();
  emitMeasures();
  emitProbes();
  if (diags.hasErrors() || !namesKnown())
    throw Reported();
  moveWritesLast(step);
  eraseUnused(step);
  requireMemory(lab.states, step, batch, batchAt, lab.options.memory, diags);
  step.setExperimentAttr(attributes());
}

/// Also in what nothing reads.
bool Experiment::namesKnown() {
  std::vector<std::string> names;
  for (auto &c : columns)
    names.push_back(c.name);
  return lab.options.withoutData || checkUnread(decl, names, ev.globals, diags);
}

void Experiment::statement(const ast::Stmt &s) {
  if (auto *m = llvm::dyn_cast<ast::MeasureStmt>(&s)) {
    addMeasure(*m);
  } else if (auto *on = llvm::dyn_cast<ast::OnStmt>(&s)) {
    if (nested || !train)
      ev.unsupported(s.span, "an experiment in an experiment that is no outermost `train` is");
    addInside(*on);
  } else if (auto *p = llvm::dyn_cast<ast::ProbeStmt>(&s)) {
    if (!lab.options.withoutData)
      probes.push_back(p);
  } else if (llvm::isa<ast::PhaseDecl, ast::ForStmt>(s)) {
    if (lab.options.withoutData)
      bindAll(s.span);
    else
      phases.push_back(const_cast<ast::Stmt *>(&s));
  } else if (auto *v = llvm::dyn_cast<ast::VarDecl>(&s); !v || v->varKind != ast::VarKind::Let) {
    bind(s);
  }
}

void Experiment::addInside(const ast::OnStmt &on) {
  Frame none;
  auto *number = llvm::dyn_cast_or_null<ast::NumberExpr>(on.every);
  if (!on.every)
    ev.unsupported(on.span, "an experiment on an event is");
  llvm::StringRef unit = number ? llvm::StringRef(number->unit) : "";
  bool epochs = unit == "epoch" || unit == "epochs";
  if (!unit.empty() && unit != "trial" && unit != "trials" && !epochs)
    ev.unsupported(on.every->span, "an experiment every so many `" + number->unit + "` is");
  int64_t every = number && !number->unit.empty()
                      ? static_cast<int64_t>(number->value)
                      : ev.evaluateSize(*on.every, none, 1, "the number of trials");
  if (every < 1)
    ev.fail(Code::BadSize, on.every->span,
            std::string("an experiment runs every ") + (epochs ? "epoch" : "trial") + " at most");
  if (epochs && !decl.source)
    ev.fail(Code::BadOption, on.every->span,
            "an experiment without data has no epochs; say how many `trials` lie between");
  for (const ast::Stmt *s : on.body) {
    auto *experiment = llvm::dyn_cast<ast::ExperimentDecl>(s);
    if (!experiment)
      ev.unsupported(s->span, "this statement in an experiment is");
    inside.push_back({experiment, every, epochs});
  }
}

/// Each line of the metrics has every key once.
void Experiment::requireFree(const ast::Name &measure) {
  requireFreeKey(measure, "measure", ev);
  const Cost *cost = net.cost(measure.text);
  if (!cost)
    return;
  diags
      .error(Code::DefinedTwice, measure.span,
             "`" + measure.text + "` is a cost, which is reported under this name")
      .label(cost->decl->name.span, "the cost")
      .hint("give the measure another name, or leave it out: costs are measured in any case");
  throw Reported();
}

void Experiment::addMeasure(const ast::MeasureStmt &m) {
  for (auto *other : measures)
    if (other->name.text == m.name.text)
      failTwice(diags, m.name, other->name.span, "defined");
  requireFree(m.name);
  if (!lab.options.withoutData)
    measures.push_back(&m);
}

void Experiment::present() {
  ast::LearnDecl nothing;
  Learn none{&nothing, stepName};
  shaped = std::make_unique<RuleInstance>(trial, none);
  if (phases.empty()) {
    trial.run();
    if (train) {
      trial.learn();
      keepItems();
    }
    reportNetwork();
    return;
  }
  shaped->present(phases, dataFrame().resolve);
  auto end = shaped->lastPhase();
  if (train && !end)
    ev.fail(Code::PhaseNotThere, decl.span,
            "nothing is learned from here: all that is presented are members of a loop",
            "a trial ends with the last phase that stands outside loops");
  if (train) {
    trial.shape(*shaped, shaped->presented(), *end->ended);
    trial.learn();
    keepItems();
  } else if (end) {
    trial.conclude(*end);
  }
  if (end)
    reportNetwork();
}

void Experiment::emitMeasures() {
  for (auto *m : measures) {
    Frame frame = afterTrial();
    Field value = ev.evaluate(*m->value, frame);
    if (!value.perSample())
      ev.fail(Code::ShapeMismatch, m->value->span,
              "a measure is one number per sample, and this is " + describe(value),
              "reduce it with `sum` or `mean`");
    emitReport(m->name.text, "measure", value, m->span);
  }
}

void Experiment::emitProbes() {
  std::map<std::string, Span> named;
  for (auto *p : probes)
    for (const ast::Expr *e : p->values) {
      Frame frame = afterTrial();
      Field value = ev.evaluate(*e, frame);
      if (!value.constant && value.has(Axis::Component)) {
        if (value.has(Axis::Unit) && value.size(Axis::Unit) > 1)
          ev.unsupported(e->span, "a probe of the components of several units is");
        value = ev.fields.reduce(ev.location(e->span), value, {Axis::Unit})
                    .as(Axis::Component, Axis::Unit);
      }
      ast::Name name = p->name.text.empty() ? ast::Name{ast::toString(*e), e->span} : p->name;
      requireFreeKey(name, "probe", ev);
      if (auto [other, fresh] = named.emplace(name.text, name.span); !fresh)
        failTwice(diags, name, other->second, "defined");
      emitProbe(name.text, value, e->span);
    }
}

void Experiment::emitReport(llvm::StringRef name, llvm::StringRef kind, const Field &value,
                            Span at) {
  Field v = ev.fields.broadcast(ev.location(at), value, {{Axis::Sample, ShapedType::kDynamic}});
  builder.create<ir::ReportOp>(ev.location(at), builder.getStringAttr(name),
                               builder.getStringAttr(kind), v.tensor);
}

void Experiment::emitProbe(llvm::StringRef name, const Field &value, Span at) {
  llvm::SmallVector<std::pair<Axis, int64_t>> axes{{Axis::Sample, ShapedType::kDynamic}};
  if (!value.constant && value.has(Axis::Unit))
    axes.push_back({Axis::Unit, value.size(Axis::Unit)});
  Field v = ev.fields.broadcast(ev.location(at), value, axes);
  builder.create<ir::ReportOp>(ev.location(at), builder.getStringAttr(name),
                               builder.getStringAttr("probe"), v.tensor);
}

void Experiment::reportNetwork() {
  for (auto &c : net.costs)
    emitReport(c.name, "cost", trial.costs.at(c.name), c.decl->span);
  if (!train)
    return;
  for (int a : net.order) {
    const Area &area = net.areas[a];
    if (area.inputs.empty())
      continue;
    Field rate = *trial.variable(a, area.mainOutput);
    emitReport(area.name, "health", ev.meanSize(rate, decl.span), decl.span);
  }
}

DictionaryAttr Experiment::attributes() {
  llvm::SmallVector<Attribute> columns;
  for (auto &[c, type, elements] : tables.used)
    columns.push_back(builder.getDictionaryAttr({
        builder.getNamedAttr("name", builder.getStringAttr(c->name)),
        builder.getNamedAttr("path", builder.getStringAttr(c->path)),
        builder.getNamedAttr("field", builder.getStringAttr(c->field)),
        builder.getNamedAttr("format", builder.getI64IntegerAttr(c->format)),
        builder.getNamedAttr("type", builder.getI64IntegerAttr(type)),
        builder.getNamedAttr("elements", builder.getI64IntegerAttr(elements)),
        builder.getNamedAttr("limit", builder.getI64IntegerAttr(limitOf(c->name))),
    }));
  return builder.getDictionaryAttr({
      builder.getNamedAttr("kind", builder.getStringAttr(train ? "train" : "test")),
      builder.getNamedAttr("network", builder.getStringAttr(net.name)),
      builder.getNamedAttr("source",
                           builder.getStringAttr(decl.source ? ast::toString(*decl.source) : "")),
      builder.getNamedAttr("batch", builder.getI64IntegerAttr(batch)),
      builder.getNamedAttr("epochs", builder.getI64IntegerAttr(epochs)),
      builder.getNamedAttr("trials", builder.getI64IntegerAttr(trials)),
      builder.getNamedAttr("shuffle", builder.getI64IntegerAttr(train)),
      builder.getNamedAttr("columns", builder.getArrayAttr(columns)),
  });
}

/// `one_hot(labels, 10)`: the labels must lie in 0..9.
int64_t Experiment::limitOf(llvm::StringRef column) {
  for (const ast::Stmt *s : decl.body)
    if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(s))
      if (auto *call = llvm::dyn_cast<ast::CallExpr>(assign->value)) {
        auto *callee = llvm::dyn_cast<ast::NameExpr>(call->callee);
        auto *arg =
            call->args.size() == 2 ? llvm::dyn_cast<ast::NameExpr>(call->args[0].value) : nullptr;
        Frame empty;
        if (callee && callee->name == "one_hot" && arg && arg->name == column)
          return ev.evaluateSize(*call->args[1].value, empty, 1, "the number of classes");
      }
  return 0;
}

} // namespace apical
