//===- FakeProgram.h - a program written by hand ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_TESTS_RUNTIME_FAKEPROGRAM_H
#define APICAL_TESTS_RUNTIME_FAKEPROGRAM_H

#include "TestFiles.h"

#include <vector>

namespace apical::test {

/// Linear regression from three numbers to one, written as the compiler would:
/// train 4 epochs, then test. One state is padded in its rows, one has a
/// stride. The weights depend on everything that a resumed run must get right:
/// the order of rows, the trial, the epoch, the seed and a lasting state.
struct FakeProgram {
  explicit FakeProgram(const Folder &folder, int rows = 103);
  FakeProgram(const FakeProgram &) = delete;

  std::vector<apical_state> states;
  std::vector<apical_param> params;
  std::vector<apical_column> columns;
  std::vector<apical_measure> measures;
  std::vector<apical_experiment> experiments;
  apical_program program;

  /// Calls raise(SIGINT) in this training trial, if not negative.
  int64_t interruptAt = -1;
  /// Makes the area "hidden" and the cost NaN from this trial on.
  int64_t divergeAt = -1;

private:
  std::string x, y;
};

/// Every state's bytes, padding included.
std::vector<std::string> memoryOf(apical_instance *instance);

} // namespace apical::test

#endif // APICAL_TESTS_RUNTIME_FAKEPROGRAM_H
