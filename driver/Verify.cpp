//===- Verify.cpp - the verify command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "codegen/Description.h"
#include "driver/Commands.h"
#include "driver/Engine.h"
#include "driver/Session.h"
#include "driver/StepInputs.h"
#include "driver/verify/Trace.h"
#include "frontend/explain/Symbolic.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <deque>

using namespace mlir;

namespace apical {
namespace {

constexpr int64_t checkedSamples = 8;  ///< differences need many evaluations: a small batch will do
constexpr unsigned checkedWeights = 4; ///< of every array

/// Stands between the runtime and the step of one experiment.
struct Probe {
  const apical_program *program = nullptr;
  const apical_experiment *original = nullptr;
  ir::StepOp step; ///< before any pass, for the interpreter
  int64_t steps = 0, every = 1, done = 0;
  std::vector<std::pair<LineTrace *, const sema::LearnAccount *>> lines;
};

const sema::WeightChange *changeOf(const sema::LearnAccount &account, const WeightTrace &w) {
  for (const sema::WeightChange &c : account.changes)
    if (c.symbol == w.symbol)
      return &c;
  return nullptr;
}

std::vector<double> stateOf(const Probe &probe, const apical_call &call, llvm::StringRef name) {
  for (int s = 0; s < probe.program->state_count; ++s)
    if (name == probe.program->states[s].name)
      return readState(probe.program->states[s], call.states[s]);
  return {};
}

/// The gradients that are to be compared with, at the weights and on rows of the first batch.
void checkGradients(const Probe &probe, const apical_call &call) {
  GradientOracle oracle(probe.step, readInputs(*probe.program, call, probe.step,
                                               touchedStates(*probe.program, probe.step),
                                               std::min(call.samples, checkedSamples)));
  for (auto [trace, account] : probe.lines)
    for (WeightTrace &w : trace->weights) {
      const sema::WeightChange *change = changeOf(*account, w);
      if (!w.updated || !change || change->descent.empty())
        continue;
      std::string mask = change->bias || change->connection < 0
                             ? ""
                             : account->network->connections[change->connection].mask;
      w.check = oracle.check(change->symbol, change->descent, account->report, checkedWeights,
                             mask.empty() ? std::vector<double>() : stateOf(probe, call, mask));
    }
}

void measure(const Probe &probe, const apical_call &call) {
  for (auto [trace, account] : probe.lines) {
    if (!trace->hasCost)
      continue;
    trace->steps.push_back(probe.done);
    for (WeightTrace &w : trace->weights)
      if (w.updated)
        if (const sema::WeightChange *change = changeOf(*account, w))
          w.at.push_back(align(stateOf(probe, call, change->direction),
                               stateOf(probe, call, change->descent)));
  }
}

void presentAndMeasure(const apical_call *call, void *data) {
  auto &probe = *static_cast<Probe *>(data);
  if (probe.done == 0)
    checkGradients(probe, *call);
  probe.original->step(call, probe.original->context);
  if (probe.done % probe.every == 0 || probe.done + 1 == probe.steps)
    measure(probe, *call);
  ++probe.done;
}

/// One trace per learn line, with the weights of its scope in the order of the network.
LineTrace traceOf(const sema::LearnAccount &account, const Sources &sources) {
  LineTrace trace;
  trace.network = account.network->name;
  trace.line = account.name;
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(sources.text(account.decl->span), words, " \t\r\n");
  trace.text = llvm::join(words, " ");
  trace.hasCost = !account.costParameter.empty();
  for (int k : account.plastic) {
    const sema::Connection &c = account.network->connections[k];
    for (const sema::Weight &weight : c.weights) {
      if (llvm::any_of(trace.weights, [&](auto &w) { return w.symbol == weight.symbol; }))
        continue;
      WeightTrace &w = trace.weights.emplace_back();
      w.connection = c.name;
      w.symbol = weight.symbol;
      w.weight = llvm::StringRef(weight.symbol).rsplit('.').second.str();
      const sema::WeightChange *change = changeOf(account, w);
      w.updated = change && !change->terms.empty();
    }
  }
  return trace;
}

bool usesStop(const ast::File &model) {
  bool found = false;
  for (const ast::Stmt *s : model.body)
    if (llvm::isa<ast::NetworkDecl, ast::UnitDecl, ast::SynapseDecl, ast::FnDecl>(s))
      explain::walk(*s,
                    [&](const ast::Expr &e) { found |= explain::callOf(e, "stop") != nullptr; });
  return found;
}

} // namespace

int verifyCommand(Invocation &invocation) {
  Session session(invocation.folders);
  sema::Account account;
  account.keepDirections = true;
  account.ticks = invocation.ticks;
  auto module = loadModule(session, invocation, &account);
  if (!module)
    return 1;
  if (account.lines.empty())
    return fail("nothing in `" + invocation.file +
                "` learns: add a `learn` line to a network, and a `train`");
  OwningOpRef<ModuleOp> plain = module->clone();
  std::vector<ir::StepOp> steps;
  for (auto step : plain->getOps<ir::StepOp>())
    if (!runsOnce(step))
      steps.push_back(step);
  Trace trace;
  trace.model = invocation.file;
  trace.seed = invocation.run.seed;
  trace.stops = usesStop(session.files[0]);
  std::deque<LineTrace> lines; // addresses stay valid
  auto engine =
      makeEngine(*module, llvm::sys::path::filename(invocation.file), executionOf(invocation));
  if (!engine)
    return fail(llvm::toString(engine.takeError()));
  const apical_program &program = *(*engine)->program();
  apical_program probed = program;
  std::vector<apical_experiment> experiments(program.experiments,
                                             program.experiments + program.experiment_count);
  std::deque<Probe> probes;
  for (auto [k, e] : llvm::enumerate(experiments)) {
    e.trials = e.kind == APICAL_TEST
                   ? 1 // keeps its place: the order of rows depends on it
                   : std::min(invocation.steps, e.trials ? e.trials : invocation.steps);
    if (e.kind == APICAL_TEST)
      continue;
    Probe &probe = probes.emplace_back();
    probe.program = &probed;
    probe.original = &program.experiments[k];
    probe.step = steps[k];
    probe.steps = e.trials;
    probe.every = invocation.every;
    for (const sema::LearnAccount &line : account.lines)
      if (line.network->name == e.network)
        probe.lines.push_back({&lines.emplace_back(traceOf(line, session.sources)), &line});
    e.step = presentAndMeasure;
    e.context = &probe;
  }
  probed.experiments = experiments.data();
  addModelFolders(session, invocation);
  invocation.run.quiet = 1;
  int status = apical_run_program(&probed, &invocation.run);
  if (status != 0 && llvm::none_of(lines, [](auto &line) { return !line.steps.empty(); }))
    return status;
  trace.lines.assign(lines.begin(), lines.end());
  (invocation.format == "json" ? printJson : printText)(trace, llvm::outs());
  if (!trace.sound() && !trace.stops && status == 0)
    return fail("a gradient is not what differences of its cost say: a defect of the compiler; "
                "please report it");
  return status;
}

} // namespace apical
