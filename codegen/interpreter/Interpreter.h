//===- Interpreter.h - runs a step as it is written ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle for everything else: executes apical.step in double precision,
// one operation after the other, before any pass. It shares no code with the
// passes. In particular apical.vjp is not expanded by the differentiation
// pass: each lift's derivative is taken forward, with dual numbers, point by
// point.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_INTERPRETER_INTERPRETER_H
#define APICAL_CODEGEN_INTERPRETER_INTERPRETER_H

#include "ir/ApicalDialect.h"

#include "llvm/ADT/StringMap.h"

#include <string>
#include <vector>

namespace apical {

/// A field: row-major, with the sample axis at its actual size.
struct Field {
  std::vector<int64_t> shape;
  std::vector<double> data;

  Field() = default;
  explicit Field(std::vector<int64_t> shape, double value = 0);
  int64_t size() const { return static_cast<int64_t>(data.size()); }
};

/// What the host supplies to one step.
struct HostClock {
  int64_t samples = 0; ///< valid samples of this batch: the size of every `?`
  int64_t trial = 0;
  int64_t epoch = 0;
  bool training = true;
  bool epochEnd = false; ///< the last trial of a pass over the data
  uint64_t seed = 0;
  std::vector<double> rows; ///< the data index of each sample; counted from 0 if empty
};

/// What one apical.report says.
struct Reported {
  std::string name;
  std::string kind;
  std::vector<double> values; ///< one per sample, or one if the kind is "whole"
};

class Interpreter {
public:
  explicit Interpreter(ir::StepOp step) : step(step) {}

  /// Runs the step once. `states` holds every state that the step reads and
  /// receives what it writes; a parameter that is not in `params` has its
  /// declared value. Columns hold the elements of the data as numbers.
  /// On failure a diagnostic was emitted at the operation that failed, and no
  /// state has changed.
  mlir::LogicalResult run(llvm::StringMap<Field> &states, llvm::ArrayRef<Field> columns,
                          const llvm::StringMap<double> &params, const HostClock &clock,
                          std::vector<Reported> &results);

  /// The value that a result of an operation of the step had in the last run,
  /// or nullptr. For tests that look inside.
  const Field *valueOf(mlir::Value value) const;

private:
  mlir::LogicalResult evaluate(mlir::Operation &op);
  mlir::LogicalResult evaluate(ir::LiftOp lift);
  mlir::LogicalResult evaluate(ir::VjpOp vjp);
  mlir::LogicalResult evaluate(ir::JvpOp jvp);
  void evaluate(ir::DrawOp draw);
  void evaluate(ir::RankOp rank);
  void evaluate(ir::WindowOp window);
  Field make(mlir::Type type, double value = 0) const;

  ir::StepOp step;
  HostClock clock;
  llvm::DenseMap<mlir::Value, Field> values;
};

} // namespace apical

#endif // APICAL_CODEGEN_INTERPRETER_INTERPRETER_H
