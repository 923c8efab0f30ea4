//===- InterpretedProgram.h - a module as a program that the interpreter runs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_INTERPRETEDPROGRAM_H
#define APICAL_DRIVER_INTERPRETEDPROGRAM_H

#include "apical/program.h"
#include "ir/ApicalDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace apical {

/// The tables of `apical_program` for a module whose steps are called through
/// `evaluate`: states are dense and in double precision. Lives as long as the
/// program is used.
class InterpretedProgram {
public:
  using Evaluate = std::function<void(ir::StepOp step, const apical_call &call)>;
  InterpretedProgram(mlir::ModuleOp module, llvm::StringRef path, Evaluate evaluate);
  const apical_program *get() const { return &program; }

private:
  struct Context {
    ir::StepOp step;
    Evaluate *evaluate;
  };
  const char *text(llvm::StringRef s);
  void addState(ir::StateOp op);
  void addStep(ir::StepOp op);

  Evaluate evaluate;
  std::deque<std::string> texts; // addresses stay valid
  std::deque<std::vector<int64_t>> sizes;
  std::deque<std::vector<apical_column>> columns;
  std::deque<std::vector<apical_measure>> measures;
  std::deque<Context> contexts;
  std::vector<apical_state> states;
  std::vector<apical_param> params;
  std::vector<apical_experiment> experiments;
  apical_program program{};
};

} // namespace apical
#endif
