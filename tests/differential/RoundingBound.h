//===- RoundingBound.h - how far compiled code may be from the exact step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A running error analysis (Higham, Accuracy and Stability of Numerical
// Algorithms, 2nd ed., section 3.3): every number x of a step, evaluated in
// double precision, is carried with e such that what single precision code
// computes in its place lies within x ± e, whatever the order of its sums and
// whether it fuses multiplications with additions. Inputs are exact. With
// u = 2^-24 (Accuracy.h):
//
//   x + y     e = ex + ey + u |x + y|, likewise x - y
//   x * y     e = |x| ey + |y| ex + ex ey + u |x y|
//   x / y     e = (ex + |x / y| ey) / (|y| - ey) + u |x / y|
//   f(x)      e = the largest |f(x ± ex) - f(x)| + u (r |f(x)| + a), where r
//             and a are the function's own accuracy; every f here is monotone,
//             or has a slope of at most 1 (sin, cos)
//   max, min  from the ends of the intervals, no rounding
//   x < y     known where the intervals are disjoint; where they are not, a
//             choice between a and b has e = |a - b| + max(ea, eb)
//   rank      e = how many of the others may stand on the other side
//   sum of n  e = sum of the ei + γ (sum of the |xi| + ei), γ = (n - 1) u /
//             (1 - (n - 1) u): each term passes at most n - 1 additions
//   unfold    moves numbers with their errors; beyond the border is an exact 0
//   fold      a sum of n, at each unit over the windows that meet there
//
// These are worst cases, not estimates: an element outside its bound is wrong.
// The analysis runs on the step that is compiled, that is, after the passes;
// what it bounds is compared with the interpreter, which knows no pass.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_ROUNDINGBOUND_H
#define APICAL_TESTS_DIFFERENTIAL_ROUNDINGBOUND_H

#include "codegen/interpreter/Interpreter.h"

namespace apical::test {

/// A field of numbers, each with the greatest error that it may have.
struct BoundedField {
  std::vector<int64_t> shape;
  std::vector<double> value, error;
  /// Of a maximum or a minimum: whether rounding cannot change which element
  /// it is. Empty for every other field.
  std::vector<char> decided;
};

class RoundingBound {
public:
  explicit RoundingBound(ir::StepOp step) : step(step) {}

  /// Analyses one run from exact states and columns. Afterwards `states` holds
  /// a bound for each state that the step writes, `reports` one number for
  /// each report: the sum over the samples, as the runtime receives it.
  mlir::LogicalResult run(const llvm::StringMap<Field> &before, llvm::ArrayRef<Field> columns,
                          const llvm::StringMap<double> &params, const HostClock &clock);

  llvm::StringMap<BoundedField> states;
  std::vector<std::pair<double, double>> reports; ///< value and error
  bool beyond = false; ///< is some number, or may it be, too large for single precision?

private:
  BoundedField make(mlir::Type type) const;
  mlir::LogicalResult evaluate(ir::LiftOp lift);
  void evaluate(ir::DrawOp draw);
  void evaluate(ir::RankOp rank);
  void evaluate(ir::UnfoldOp unfolding);
  void evaluate(ir::FoldOp folding);

  ir::StepOp step;
  HostClock clock;
  llvm::DenseMap<mlir::Value, BoundedField> values;
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_ROUNDINGBOUND_H
