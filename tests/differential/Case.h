//===- Case.h - one model, compiled and interpreted ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model goes from its text through the whole compiler, for every processor
// and number of threads. Every step starts, in all programs and in the
// interpreter, from the same states: those that the first program reached. So
// each step is compared by itself, and what holds of the first values and of
// every step holds of the run.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_CASE_H
#define APICAL_TESTS_DIFFERENTIAL_CASE_H

#include "Generator.h"

#include <map>
#include <memory>
#include <optional>

namespace apical::test {

/// What the comparisons saw, so that a test of nothing is noticed.
struct Statistics {
  std::map<std::string, int64_t> features; ///< models in which each occurred
  int64_t models = 0, steps = 0, compilations = 0;
  int64_t elements = 0; ///< numbers compared with the interpreter
  int64_t tight = 0;    ///< those whose bound is below a thousandth of their array's size
  int64_t weights = 0, changed = 0; ///< elements of weights, and those that a step changed
  int64_t idle = 0;                 ///< models in which no step changed any weight
  int64_t beyond = 0;               ///< models cut short: a number left single precision's range
  double greatest = 0;              ///< the largest difference in units of its bound
  double seconds[5] = {}; ///< front end, code generation, interpreter, bounds, compiled code

  void add(const Statistics &other);
  void print() const;
};

struct CaseOptions {
  std::vector<std::string> processors; ///< as for --cpu; what this machine can run
  bool serial = false; ///< also without parallel loops; else those loops, by one thread and by two
  int64_t steps = 3;
  uint64_t seed = 1;
  /// Changes the compiled step on purpose: number of the change, or none.
  std::optional<uint64_t> mutation;
  std::string dataFolder;      ///< of a model that a file gives
  std::string *dump = nullptr; ///< receives the kernels of the last compilation
};

/// Those of `processors` that this machine can run.
std::vector<std::string> runnableProcessors();
/// Baseline, AVX2 and AVX-512 code: what every model is compiled for.
inline const char *const processors[] = {"x86-64", "x86-64-v3", "x86-64-v4"};

struct Outcome {
  /// Equivalent: a mutant that, exactly evaluated, changes no array by a thousandth of its size.
  enum Kind { Same, Different, Rejected, Equivalent } kind = Same;
  std::string message; ///< what differs, or the compiler's diagnostics
};

/// Writes the model and its data to a temporary folder, compiles and compares.
Outcome runCase(const ModelPieces &model, const CaseOptions &options, Statistics &statistics);

/// The smallest model found that fails in the same way.
ModelPieces shrink(const ModelPieces &model, const CaseOptions &options, Outcome::Kind kind);

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_CASE_H
