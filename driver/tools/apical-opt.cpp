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
#include "codegen/Passes.h"
#include "ir/ApicalDialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  apical::registerCodegen(registry);
  registry.insert<apical::ir::ApicalDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  apical::registerApicalPasses();
  apical::registerCodegenPasses();
  mlir::registerCSEPass();
  mlir::registerCanonicalizerPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "optimizer of the apical dialect\n", registry));
}
