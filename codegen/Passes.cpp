//===- Passes.cpp - the phases of code generation as passes ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Passes.h"
#include "codegen/Pipeline.h"

#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace apical {
namespace {

/// What all of them share: a processor to generate code for.
template <typename Phase> struct CodegenPass : PassWrapper<Phase, OperationPass<ModuleOp>> {
  using Base = CodegenPass;

  CodegenPass() = default;
  CodegenPass(const CodegenPass &other) : PassWrapper<Phase, OperationPass<ModuleOp>>(other) {}

  void getDependentDialects(DialectRegistry &registry) const final { registerCodegen(registry); }

  void runOnOperation() final {
    Machine machine;
    machine.parallel = threads != 1;
    llvm::Error failed = selectTarget(cpu, machine).takeError();
    if (!failed)
      failed = static_cast<Phase *>(this)->run(this->getOperation(), machine);
    if (failed) {
      this->getOperation().emitError(llvm::toString(std::move(failed)));
      this->signalPassFailure();
    }
  }

  Pass::Option<std::string> cpu{*this, "cpu", llvm::cl::desc("processor, as in `apical emit`"),
                                llvm::cl::init("x86-64-v3")};
  Pass::Option<int> threads{*this, "threads", llvm::cl::desc("1: no parallel loops"),
                            llvm::cl::init(1)};
};

struct LowerToLinalgPass : CodegenPass<LowerToLinalgPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLinalgPass)
  StringRef getArgument() const final { return "apical-lower-to-linalg"; }
  StringRef getDescription() const final {
    return "steps become functions on padded memory, and kernels of linalg on tensors";
  }
  llvm::Error run(ModuleOp module, const Machine &machine) {
    OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
    std::vector<StepPlan> plans;
    if (auto failed = lowerToLinalg(module, *kernels, machine, plans))
      return failed;
    module.getBodyRegion().takeBody(kernels->getBodyRegion());
    return llvm::Error::success();
  }
};

struct TilePass : CodegenPass<TilePass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TilePass)
  StringRef getArgument() const final { return "apical-tile"; }
  StringRef getDescription() const final {
    return "kernels become loops over tiles that fit into registers";
  }
  llvm::Error run(ModuleOp module, const Machine &machine) {
    for (auto function : llvm::to_vector(module.getOps<func::FuncOp>()))
      if (auto failed = schedule(function, machine))
        return failed;
    return cleanUp(module);
  }
};

struct VectorizePass : CodegenPass<VectorizePass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VectorizePass)
  StringRef getArgument() const final { return "apical-vectorize"; }
  StringRef getDescription() const final { return "tiles become vectors"; }
  llvm::Error run(ModuleOp module, const Machine &) {
    for (auto function : module.getOps<func::FuncOp>())
      vectorizeTiles(function);
    return cleanUp(module);
  }
};

struct CheckMemoryPass : CodegenPass<CheckMemoryPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckMemoryPass)
  StringRef getArgument() const final { return "apical-check-memory"; }
  StringRef getDescription() const final {
    return "fail if a step stores or copies something as large as a weight matrix";
  }
  llvm::Error run(ModuleOp module, const Machine &) {
    CompileOptions options;
    options.cpu = cpu;
    OwningOpRef<ModuleOp> copy = module.clone();
    for (int split : {1, 2}) {
      options.threads = split;
      auto found = findStoredGradients(*copy, options);
      if (!found)
        return found.takeError();
      for (const std::string &what : *found)
        module.emitError(what);
      if (!found->empty())
        return error("update fusion has left this in memory");
    }
    return llvm::Error::success();
  }
};

} // namespace

void registerCodegenPasses() {
  PassRegistration<LowerToLinalgPass>();
  PassRegistration<TilePass>();
  PassRegistration<VectorizePass>();
  PassRegistration<CheckMemoryPass>();
}

} // namespace apical
