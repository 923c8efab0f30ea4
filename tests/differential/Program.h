//===- Program.h - a compiled model with memory ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_PROGRAM_H
#define APICAL_TESTS_DIFFERENTIAL_PROGRAM_H

#include "apical/runtime.h"
#include "codegen/Jit.h"
#include "codegen/interpreter/Interpreter.h"

#include "llvm/ADT/STLExtras.h"

#include <cstring>

namespace apical::test {

/// Elements of a state in program order: element i of the dense array is at
/// offset i of the result.
inline std::vector<int64_t> offsets(const apical_state &state) {
  std::vector<int64_t> result{0};
  for (int axis = 0; axis < state.rank; ++axis) {
    std::vector<int64_t> next;
    for (int64_t base : result)
      for (int64_t i = 0; i < state.shape[axis]; ++i)
        next.push_back(base + i * state.stride[axis]);
    result = std::move(next);
  }
  return result;
}

/// A compiled model with memory.
class Program {
public:
  Program(std::string name, std::shared_ptr<Jit> code, int threads)
      : name(std::move(name)), threads(threads), jit(std::move(code)), table(*jit->program()) {
    for (int s = 0; s < table.state_count; ++s) {
      memory.push_back(allocate(table.states[s].bytes));
      places.push_back(offsets(table.states[s]));
    }
  }
  ~Program() {
    for (void *m : memory)
      std::free(m);
  }
  Program(const Program &) = delete;

  Field read(int s) const {
    const apical_state &state = table.states[s];
    Field field(std::vector<int64_t>(state.shape, state.shape + state.rank));
    for (size_t i = 0; i < places[s].size(); ++i)
      field.data[i] = state.type == APICAL_F64
                          ? static_cast<const double *>(memory[s])[places[s][i]]
                          : static_cast<const float *>(memory[s])[places[s][i]];
    return field;
  }
  void write(int s, const Field &field) {
    for (size_t i = 0; i < places[s].size(); ++i)
      if (table.states[s].type == APICAL_F64)
        static_cast<double *>(memory[s])[places[s][i]] = field.data[i];
      else
        static_cast<float *>(memory[s])[places[s][i]] = static_cast<float>(field.data[i]);
  }

  /// Nothing outside the logical sizes may be other than zero.
  bool paddingIsZero(int s) const {
    const apical_state &state = table.states[s];
    size_t size = state.type == APICAL_F64 ? 8 : 4;
    std::vector<char> bytes(static_cast<const char *>(memory[s]),
                            static_cast<const char *>(memory[s]) + state.bytes);
    for (int64_t place : places[s])
      std::memset(&bytes[static_cast<size_t>(place) * size], 0, size);
    return llvm::all_of(bytes, [](char c) { return c == 0; });
  }

  bool sameBits(const Program &other) const {
    for (int s = 0; s < table.state_count; ++s)
      if (std::memcmp(memory[s], other.memory[s], static_cast<size_t>(table.states[s].bytes)) != 0)
        return false;
    return results == other.results;
  }

  void call(apical_step step, void *context, int64_t scratchBytes, apical_call arguments,
            size_t measures) {
    void *scratch = allocate(scratchBytes);
    std::memset(scratch, 0xff, static_cast<size_t>(scratchBytes)); // NaN: nothing may rely on it
    results.assign(measures, 0);
    results.reserve(measures + 1);
    std::vector<double> params;
    for (int p = 0; p < table.param_count; ++p)
      params.push_back(table.params[p].value);
    arguments.states = memory.data();
    arguments.params = params.data();
    arguments.results = results.data();
    arguments.scratch = scratch;
    apical_set_threads(threads);
    step(&arguments, context);
    std::free(scratch);
  }

  std::string name;
  int threads;
  std::shared_ptr<Jit> jit;
  const apical_program &table;
  std::vector<void *> memory;
  std::vector<std::vector<int64_t>> places;
  std::vector<double> results;

private:
  static void *allocate(int64_t bytes) {
    auto size = static_cast<size_t>((bytes + 64) / 64 * 64);
    void *m = std::aligned_alloc(64, size);
    std::memset(m, 0, size);
    return m;
  }
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_PROGRAM_H
