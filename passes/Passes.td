//===- Passes.td - passes on the dialect ---*- tablegen -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES
#define APICAL_PASSES

include "mlir/Pass/PassBase.td"

class ApicalPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::apical::ir::ApicalDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def Differentiate : ApicalPass<"apical-differentiate"> {
  let summary = "replace every apical.vjp by lifts";
}

def Simplify : ApicalPass<"apical-simplify"> {
  let summary = "remove credit that nothing uses, and what is computed twice";
}

def FuseMaps : ApicalPass<"apical-fuse-maps"> {
  let summary = "compute elementwise code where it is used";
}

#endif // APICAL_PASSES
