//===- Accuracy.h - how exact single precision code must be ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a compiled function may differ from the exact one, at an argument that
// is exactly a single precision number. FunctionsTest.cpp holds the code of
// every processor to this table; RoundingBound.cpp builds on it.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_ACCURACY_H
#define APICAL_TESTS_DIFFERENTIAL_ACCURACY_H

#include "llvm/ADT/StringRef.h"

#include <cmath>

namespace apical::test {

/// Rounding to nearest in single precision: |fl(x) - x| <= unitRoundoff |x|.
constexpr double unitRoundoff = 0x1p-24;
/// Below this, results may be flushed to zero.
constexpr double smallestNormal = 0x1p-126;

/// |computed - exact| <= unitRoundoff (relative |exact| + absolute).
struct Accuracy {
  double relative, absolute;
};

/// The functions that code generation approximates or takes from the
/// mathematics library, by the name of their operation. `x` is the argument.
inline Accuracy accuracyOf(llvm::StringRef op, double x) {
  if (op == "math.exp")
    return {4, 0};
  if (op == "math.log")
    return {4, 0};
  if (op == "math.log1p")
    return {8, 0};
  if (op == "math.tanh")
    return {8, 0};
  if (op == "math.powf")
    return {4, 0};
  // The argument is reduced by a rounded multiple of pi / 2.
  if (op == "math.sin" || op == "math.cos")
    return {4, 4 * std::max(1.0, std::abs(x))};
  // Correctly rounded: + - * / and the square root.
  return {1, 0};
}

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_ACCURACY_H
