//===- Engine.cpp - a module that can be run ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Engine.h"
#include "apical/runtime.h"
#include "codegen/Compile.h"
#include "codegen/Jit.h"
#include "driver/InterpretedProgram.h"
#include "ir/ApicalDialect.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <utility>

using namespace mlir;

namespace apical {
namespace {

struct Interpreted : Engine {
  InterpretedProgram tables;
  Interpreted(ModuleOp module, llvm::StringRef name) : tables(module, name) {}
  const apical_program *program() const override { return tables.get(); }
};

/// Generated code. Of a model with several experiments only the first one's step
/// is compiled at once; the first call of another step compiles the rest.
class Native : public Engine {
public:
  Native(ModuleOp module, CompileOptions options) : module(module), options(std::move(options)) {}
  ~Native() override { free(scratch); }

  llvm::Error compileFirst(bool all) {
    bool found = false;
    for (auto step : module.getOps<ir::StepOp>())
      if (!all && usesNetwork(step) && std::exchange(found, true))
        step->setAttr(laterAttribute, UnitAttr::get(module.getContext()));
    if (auto failed = load(first))
      return failed;
    table = *first->program();
    experiments.assign(table.experiments, table.experiments + table.experiment_count);
    late.resize(experiments.size());
    for (auto [k, experiment] : llvm::enumerate(experiments))
      if (!experiment.step) {
        late[k] = {this, k};
        experiment.step = callLate;
        experiment.context = &late[k];
      }
    table.experiments = experiments.data();
    return llvm::Error::success();
  }
  const apical_program *program() const override { return &table; }

private:
  struct Late {
    Native *engine;
    size_t experiment;
  };

  /// Which the step that makes the first values does not.
  static bool usesNetwork(ir::StepOp step) {
    DictionaryAttr experiment = step.getExperimentAttr();
    return experiment && experiment.contains("network");
  }

  llvm::Error load(std::unique_ptr<Jit> &jit) {
    auto compiled = compile(module, options);
    if (!compiled)
      return compiled.takeError();
    auto loaded = Jit::load(*compiled, options);
    if (!loaded)
      return loaded.takeError();
    jit = std::move(*loaded);
    return llvm::Error::success();
  }

  /// A defect of the compiler alone can make this fail.
  void compileRest() {
    for (auto step : module.getOps<ir::StepOp>())
      if (step->hasAttr(laterAttribute))
        step->removeAttr(laterAttribute);
      else
        step->setAttr(laterAttribute, UnitAttr::get(module.getContext()));
    options.stopwatch = nullptr;
    if (auto failed = load(rest)) {
      llvm::errs() << "apical: error: " << llvm::toString(std::move(failed)) << "\n";
      exit(1);
    }
    int64_t bytes = 64;
    for (int k = 0; k < table.experiment_count; ++k)
      bytes = std::max(bytes, rest->program()->experiments[k].scratch);
    scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!scratch) {
      llvm::errs() << "apical: error: out of memory\n";
      exit(1);
    }
  }

  static void callLate(const apical_call *call, void *context) {
    auto *self = static_cast<Late *>(context);
    Native &engine = *self->engine;
    if (!engine.rest) {
      auto begin = std::chrono::steady_clock::now();
      engine.compileRest();
      apical_apart(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    const apical_experiment &real = engine.rest->program()->experiments[self->experiment];
    apical_call here = *call;
    here.scratch = engine.scratch;
    real.step(&here, real.context);
  }

  ModuleOp module;
  CompileOptions options;
  std::unique_ptr<Jit> first, rest;
  apical_program table{};
  std::vector<apical_experiment> experiments;
  std::vector<Late> late;
  void *scratch = nullptr;
};

} // namespace

llvm::Error runDialectPasses(ModuleOp module) {
  PassManager passes(module.getContext());
  addDialectPasses(passes);
  if (succeeded(passes.run(module)))
    return llvm::Error::success();
  return llvm::createStringError(
      "a defect of the compiler: a pass failed on this model; please report it");
}

llvm::Expected<std::unique_ptr<Engine>> makeEngine(ModuleOp module, llvm::StringRef name,
                                                   const Execution &execution) {
  if (execution.interpret)
    return std::make_unique<Interpreted>(module, name);
  if (auto failed = runDialectPasses(module))
    return failed;
  CompileOptions options;
  options.stopwatch = execution.stopwatch;
  options.threads = execution.threads > 0 ? execution.threads : apical_processors();
  if (options.stopwatch)
    options.stopwatch->lap("dialect");
  options.cpu = execution.cpu;
  options.name = name.str();
  options.parts = execution.lazy && apical_processors() > 1 ? 2 : 1;
  auto engine = std::make_unique<Native>(module, options);
  if (auto failed = engine->compileFirst(!execution.lazy))
    return failed;
  if (options.stopwatch)
    options.stopwatch->lap("link");
  return engine;
}

} // namespace apical
