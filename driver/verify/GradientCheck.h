//===- GradientCheck.h - a gradient against central differences ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_VERIFY_GRADIENTCHECK_H
#define APICAL_DRIVER_VERIFY_GRADIENTCHECK_H

#include "driver/StepInputs.h"

namespace apical {

struct GradientCheck {
  unsigned compared = 0; ///< elements
  unsigned kinks = 0;    ///< elements left out: the cost has a kink within reach
  double greatest = 0;   ///< largest element of the gradient
  double error = 0;      ///< largest difference, relative to `greatest`
  bool zero = false;     ///< both gradients are 0 within rounding
  bool failed = false;   ///< the interpreter could not compute the step, or the error is too large
};

/// Is what a step writes to a state the derivative of what it reports? The step
/// is evaluated by the reference interpreter, and again with single weights
/// moved, up and down, by two widths, which are extrapolated.
class GradientOracle {
public:
  /// `step` must outlive the object; nothing is changed.
  GradientOracle(ir::StepOp step, StepInputs inputs);
  ~GradientOracle();
  /// Compares `descent`, which holds −d(mean of `report` over the samples)/d`weight`,
  /// at `elements` places: where it is largest, and at others spread over the weights. Where
  /// `there`, unless empty, is 0, there is no weight.
  GradientCheck check(llvm::StringRef weight, llvm::StringRef descent, llvm::StringRef report,
                      unsigned elements, llvm::ArrayRef<double> there = {});

private:
  std::optional<double> mean(ir::StepOp step, llvm::StringMap<Field> states,
                             llvm::StringRef report) const;
  ir::StepOp costOnly(llvm::StringRef report);

  ir::StepOp step;
  StepInputs inputs;
  llvm::StringMap<Field> after;
  bool computed = false;
  llvm::StringMap<ir::StepOp> reduced; ///< the step without what its cost does not need
};

} // namespace apical

#endif
