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
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"

using namespace mlir;

namespace apical {
namespace {

struct Interpreted : Engine {
  InterpretedProgram tables;
  Interpreted(ModuleOp module, llvm::StringRef name) : tables(module, name) {}
  const apical_program *program() const override { return tables.get(); }
};

struct Native : Engine {
  std::unique_ptr<Jit> jit;
  explicit Native(std::unique_ptr<Jit> jit) : jit(std::move(jit)) {}
  const apical_program *program() const override { return jit->program(); }
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
  auto compiled = compile(module, options);
  if (!compiled)
    return compiled.takeError();
  auto jit = Jit::load(*compiled);
  if (!jit)
    return jit.takeError();
  if (options.stopwatch)
    options.stopwatch->lap("link");
  return std::make_unique<Native>(std::move(*jit));
}

} // namespace apical
