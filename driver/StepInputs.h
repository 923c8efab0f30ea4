//===- StepInputs.h - what a step reads, for the interpreter ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_STEPINPUTS_H
#define APICAL_DRIVER_STEPINPUTS_H

#include "apical/program.h"
#include "codegen/interpreter/Interpreter.h"

namespace apical {

/// Everything that one evaluation of a step reads, in double precision.
struct StepInputs {
  llvm::StringMap<Field> states;
  std::vector<Field> columns;
  llvm::StringMap<double> params;
  HostClock clock;
};

/// The states that a step reads or writes, by their place in the program: a model
/// of many networks has many, and a step touches those of one.
std::vector<int> touchedStates(const apical_program &program, ir::StepOp step);

/// What `call` gives to `step`: the states that it touches, and the first
/// `samples` rows. The states may be in any type and layout.
StepInputs readInputs(const apical_program &program, const apical_call &call, ir::StepOp step,
                      llvm::ArrayRef<int> touched, int64_t samples);

/// A state as a dense array, row-major.
std::vector<double> readState(const apical_state &state, const void *memory);

} // namespace apical

#endif
