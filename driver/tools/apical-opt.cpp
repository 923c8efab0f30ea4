//===- apical-opt.cpp - runs passes on a module of the dialect ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The laboratory of the dialect: reads a module, runs the passes that are named
// on the command line, prints what comes out. The tests of passes use it.
//
//===----------------------------------------------------------------------===//

#include "codegen/Compile.h"
#include "ir/ApicalDialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

namespace {

/// Fails where a training step stores or copies something as large as a weight
/// matrix: a gradient that should have stayed in registers.
struct CheckMemory : mlir::PassWrapper<CheckMemory, mlir::OperationPass<mlir::ModuleOp>> {
  llvm::StringRef getArgument() const final { return "apical-check-memory"; }
  llvm::StringRef getDescription() const final {
    return "fail if a step stores or copies something as large as a weight matrix";
  }
  void getDependentDialects(mlir::DialectRegistry &registry) const final {
    apical::registerCodegen(registry);
  }
  void runOnOperation() final {
    mlir::OwningOpRef<mlir::ModuleOp> module = getOperation().clone();
    for (int threads : {1, 2}) {
      apical::CompileOptions options;
      options.threads = threads;
      auto found = apical::findStoredGradients(*module, options);
      if (!found) {
        getOperation().emitError(llvm::toString(found.takeError()));
        return signalPassFailure();
      }
      for (const std::string &what : *found)
        getOperation().emitError(what);
      if (!found->empty())
        return signalPassFailure();
    }
  }
};

} // namespace

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  apical::registerCodegen(registry);
  registry.insert<apical::ir::ApicalDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  apical::registerApicalPasses();
  mlir::PassRegistration<CheckMemory>();
  mlir::registerCSEPass();
  mlir::registerCanonicalizerPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "optimizer of the apical dialect\n", registry));
}
