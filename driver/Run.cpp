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
#include "driver/StepInputs.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstring>
#include <limits>

using namespace mlir;

namespace apical {
namespace {

/// Evaluates one step for the runtime: states go to the interpreter and back.
void evaluate(const apical_program &program, ir::StepOp step, const apical_call &call) {
  StepInputs inputs = readInputs(program, call, step, call.samples);
  std::vector<Reported> results;
  Interpreter interpreter(step);
  if (failed(
          interpreter.run(inputs.states, inputs.columns, inputs.params, inputs.clock, results))) {
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
  for (int s = 0; s < program.state_count; ++s)
    if (auto it = inputs.states.find(program.states[s].name); it != inputs.states.end())
      std::memcpy(call.states[s], it->second.data.data(), it->second.data.size() * sizeof(double));
}

} // namespace

static int runInterpreted(ModuleOp module, llvm::StringRef path, Host host) {
  const apical_program *table = nullptr;
  InterpretedProgram program(module, path, [&](ir::StepOp step, const apical_call &call) {
    evaluate(*table, step, call);
  });
  table = program.get();
  return host(*table);
}

int withProgram(ModuleOp module, llvm::StringRef path, const Execution &execution, Host host) {
  if (llvm::none_of(module.getOps<ir::StepOp>(),
                    [](ir::StepOp s) { return s.getSymName() != "init"; })) {
    llvm::errs() << "apical: `" << path
                 << "` has no experiment to run: add a `train` or a `test`\n";
    return 1;
  }
  if (execution.interpret)
    return runInterpreted(module, path, host);
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
  return host(*(*jit)->program());
}

int runModel(ModuleOp module, llvm::StringRef path, const apical_run_options &options,
             const Execution &execution) {
  return withProgram(module, path, execution, [&](const apical_program &program) {
    return apical_run_program(&program, &options);
  });
}

} // namespace apical
