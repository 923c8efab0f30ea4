//===- Run.cpp - the run command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "codegen/Compile.h"
#include "codegen/Jit.h"
#include "codegen/interpreter/Interpreter.h"
#include "driver/Commands.h"
#include "driver/InterpretedProgram.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstring>
#include <limits>

using namespace mlir;

namespace apical {
namespace {

double element(const void *column, Type type, int64_t k) {
  auto at = [&]<typename T>(T) { return static_cast<double>(static_cast<const T *>(column)[k]); };
  if (type.isF64())
    return at(double());
  if (type.isF32())
    return at(float());
  switch (type.getIntOrFloatBitWidth()) {
  case 8:
    return at(uint8_t()); // bytes are unsigned
  case 16:
    return at(int16_t());
  case 32:
    return at(int32_t());
  default:
    return at(int64_t());
  }
}

/// Evaluates one step for the runtime: states go to the interpreter and back.
void evaluate(const apical_program &program, ir::StepOp step, const apical_call &call) {
  llvm::StringMap<Field> states;
  llvm::StringSet<> used; // a model of many networks has many states; a step touches one network's
  step.walk([&](Operation *op) {
    if (auto read = dyn_cast<ir::ReadOp>(op))
      used.insert(read.getState());
    if (auto write = dyn_cast<ir::WriteOp>(op))
      used.insert(write.getState());
  });
  for (int s = 0; s < program.state_count; ++s) {
    const apical_state &state = program.states[s];
    if (!used.contains(state.name))
      continue;
    Field f(std::vector<int64_t>(state.shape, state.shape + state.rank));
    std::memcpy(f.data.data(), call.states[s], f.data.size() * sizeof(double));
    states[state.name] = std::move(f);
  }
  std::vector<Field> columns;
  for (auto [k, argument] : llvm::enumerate(step.getBody().front().getArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    std::vector<int64_t> shape(type.getShape().begin(), type.getShape().end());
    shape[0] = call.samples;
    Field f(shape);
    for (int64_t i = 0; i < f.size(); ++i)
      f.data[i] = element(call.columns[k], type.getElementType(), i);
    columns.push_back(std::move(f));
  }
  llvm::StringMap<double> params;
  for (int p = 0; p < program.param_count; ++p)
    params[program.params[p].name] = call.params[p];
  HostClock clock;
  clock.samples = call.samples;
  clock.trial = call.trial;
  clock.epoch = call.epoch;
  clock.training = call.training;
  clock.seed = call.seed;
  if (call.rows)
    clock.rows.assign(call.rows, call.rows + call.samples);
  std::vector<Reported> results;
  Interpreter interpreter(step);
  if (failed(interpreter.run(states, columns, params, clock, results))) {
    // What a step cannot compute is not a number: the runtime stops and says where.
    size_t reports = llvm::count_if(step.getBody().front(), llvm::IsaPred<ir::ReportOp>);
    std::fill_n(call.results, reports, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  for (auto [r, report] : llvm::enumerate(results)) {
    double sum = 0;
    for (double v : report.values)
      sum += v;
    call.results[r] = sum;
  }
  for (int s = 0; s < program.state_count; ++s) {
    if (!used.contains(program.states[s].name))
      continue;
    const Field &f = states[program.states[s].name];
    std::memcpy(call.states[s], f.data.data(), f.data.size() * sizeof(double));
  }
}

} // namespace

static int runInterpreted(ModuleOp module, llvm::StringRef path,
                          const apical_run_options &options) {
  const apical_program *table = nullptr;
  InterpretedProgram program(module, path, [&](ir::StepOp step, const apical_call &call) {
    evaluate(*table, step, call);
  });
  table = program.get();
  return apical_run_program(table, &options);
}

int runModel(ModuleOp module, llvm::StringRef path, const apical_run_options &options,
             const Execution &execution) {
  if (llvm::none_of(module.getOps<ir::StepOp>(),
                    [](ir::StepOp s) { return s.getSymName() != "init"; })) {
    llvm::errs() << "apical: `" << path
                 << "` has no experiment to run: add a `train` or a `test`\n";
    return 1;
  }
  if (execution.interpret)
    return runInterpreted(module, path, options);
  PassManager passes(module.getContext());
  addDialectPasses(passes);
  if (failed(passes.run(module))) {
    llvm::errs()
        << "apical: a defect of the compiler: a pass failed on this model; please report it\n";
    return 1;
  }
  CompileOptions compileOptions;
  compileOptions.cpu = execution.cpu;
  compileOptions.name = llvm::sys::path::filename(path).str();
  auto compiled = compile(module, compileOptions);
  if (!compiled) {
    llvm::errs() << "apical: " << llvm::toString(compiled.takeError()) << "\n";
    return 1;
  }
  auto jit = Jit::load(*compiled);
  if (!jit) {
    llvm::errs() << "apical: " << llvm::toString(jit.takeError()) << "\n";
    return 1;
  }
  return apical_run_program((*jit)->program(), &options);
}

} // namespace apical
