//===- Passes.h - passes on the dialect ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes from the dialect to the dialect. Each runs on a module and can be run
// alone by apical-opt; addDialectPasses is the order that the compiler uses.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES_PASSES_H
#define APICAL_PASSES_PASSES_H

#include "ir/ApicalDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace apical {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

/// Differentiate, simplify, fuse: what is left is lifts, each worth a loop.
void addDialectPasses(mlir::OpPassManager &passes);

} // namespace apical

#endif // APICAL_PASSES_PASSES_H
