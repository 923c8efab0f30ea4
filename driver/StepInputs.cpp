//===- StepInputs.cpp - what a step reads, for the interpreter ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/StepInputs.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace mlir;

namespace apical {

static double element(const void *column, Type type, int64_t k) {
  auto at = [&]<typename T>(T) { return static_cast<double>(static_cast<const T *>(column)[k]); };
  if (type.isF64())
    return at(double());
  if (type.isF32())
    return at(float());
  switch (type.getIntOrFloatBitWidth()) {
  case 8:
    return at(uint8_t()); // bytes are unsigned
  case 16:
    return at(int16_t());
  case 32:
    return at(int32_t());
  default:
    return at(int64_t());
  }
}

std::vector<double> readState(const apical_state &state, const void *memory) {
  int64_t count = 1;
  for (int k = 0; k < state.rank; ++k)
    count *= state.shape[k];
  std::vector<double> values(count);
  bool dense = state.type == APICAL_F64;
  for (int64_t k = state.rank, size = 1; k-- > 0; size *= state.shape[k])
    dense &= state.stride[k] == size;
  if (dense) {
    std::memcpy(values.data(), memory, count * sizeof(double));
    return values;
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, place = 0;
    for (int k = state.rank; k-- > 0;) {
      place += rest % state.shape[k] * state.stride[k];
      rest /= state.shape[k];
    }
    values[i] = state.type == APICAL_F64 ? static_cast<const double *>(memory)[place]
                                         : static_cast<const float *>(memory)[place];
  }
  return values;
}

std::vector<int> touchedStates(const apical_program &program, ir::StepOp step) {
  llvm::StringSet<> names;
  step.walk([&](Operation *op) {
    if (auto read = dyn_cast<ir::ReadOp>(op))
      names.insert(read.getState());
    if (auto write = dyn_cast<ir::WriteOp>(op))
      names.insert(write.getState());
  });
  std::vector<int> touched;
  for (int s = 0; s < program.state_count; ++s)
    if (names.contains(program.states[s].name))
      touched.push_back(s);
  return touched;
}

StepInputs readInputs(const apical_program &program, const apical_call &call, ir::StepOp step,
                      llvm::ArrayRef<int> touched, int64_t samples) {
  StepInputs inputs;
  for (int s : touched) {
    const apical_state &state = program.states[s];
    Field f;
    f.shape.assign(state.shape, state.shape + state.rank);
    f.data = readState(state, call.states[s]);
    inputs.states[state.name] = std::move(f);
  }
  for (auto [k, argument] : llvm::enumerate(step.getBody().front().getArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    std::vector<int64_t> shape(type.getShape().begin(), type.getShape().end());
    shape[0] = samples;
    Field f(shape);
    for (int64_t i = 0; i < f.size(); ++i)
      f.data[i] = element(call.columns[k], type.getElementType(), i);
    inputs.columns.push_back(std::move(f));
  }
  for (int p = 0; p < program.param_count; ++p)
    inputs.params[program.params[p].name] = call.params[p];
  inputs.clock.samples = samples;
  inputs.clock.trial = call.trial;
  inputs.clock.epoch = call.epoch;
  inputs.clock.training = call.training;
  inputs.clock.epochEnd = call.epoch_end;
  inputs.clock.seed = call.seed;
  if (call.rows)
    inputs.clock.rows.assign(call.rows, call.rows + samples);
  return inputs;
}

} // namespace apical
