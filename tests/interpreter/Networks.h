//===- Networks.h - random networks as steps of the dialect ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_INTERPRETER_NETWORKS_H
#define APICAL_TESTS_INTERPRETER_NETWORKS_H

#include "codegen/interpreter/Interpreter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <random>

namespace apical::test {

/// A module with one step `grad`: it reads states, computes a cost from the
/// column, and writes the derivative of the summed cost by state `p` to state
/// `p.d`, taken by one apical.vjp.
struct Network {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> parameters;
  llvm::StringMap<Field> states;
  std::vector<Field> columns;
  int64_t samples = 0;

  ir::StepOp step() { return *module->getOps<ir::StepOp>().begin(); }

  /// One run on `values`; fails the test if the interpreter does.
  std::vector<Reported> run(llvm::StringMap<Field> &values);

  /// The summed cost.
  double cost(llvm::StringMap<Field> &values);
};

/// A context with the dialects that the tests need.
mlir::MLIRContext &context();

/// One to three layers with random sizes, units, biases, normalisations and
/// costs; what it contains depends on `seed` only.
Network randomNetwork(unsigned seed);

/// |a - b| relative to the greatest element.
double distance(const Field &a, const Field &b);

} // namespace apical::test

#endif // APICAL_TESTS_INTERPRETER_NETWORKS_H
