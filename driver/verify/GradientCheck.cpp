//===- GradientCheck.cpp - a gradient against central differences ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/verify/GradientCheck.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace apical {

GradientOracle::GradientOracle(ir::StepOp step, StepInputs given)
    : step(step), inputs(std::move(given)), after(inputs.states) {
  std::vector<Reported> reports;
  Interpreter interpreter(step);
  computed =
      succeeded(interpreter.run(after, inputs.columns, inputs.params, inputs.clock, reports));
}

GradientOracle::~GradientOracle() {
  for (auto &entry : reduced)
    entry.second.erase();
}

/// A copy of the step that reports the cost and does nothing else.
ir::StepOp GradientOracle::costOnly(llvm::StringRef report) {
  if (auto it = reduced.find(report); it != reduced.end())
    return it->second;
  OpBuilder builder(step);
  auto copy = cast<ir::StepOp>(builder.clone(*step));
  copy.setSymName((step.getSymName() + ".cost." + report).str());
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(copy.getBody().front()))) {
    auto reported = dyn_cast<ir::ReportOp>(op);
    bool wanted = reported && reported.getName() == report;
    if (!wanted && op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
  }
  return reduced[report] = copy;
}

std::optional<double> GradientOracle::mean(ir::StepOp of, llvm::StringMap<Field> states,
                                           llvm::StringRef report) const {
  std::vector<Reported> reports;
  Interpreter interpreter(of);
  if (failed(interpreter.run(states, inputs.columns, inputs.params, inputs.clock, reports)))
    return std::nullopt;
  for (const Reported &r : reports)
    if (r.name == report)
      return std::accumulate(r.values.begin(), r.values.end(), 0.) /
             static_cast<double>(inputs.clock.samples);
  return std::nullopt;
}

GradientCheck GradientOracle::check(llvm::StringRef weight, llvm::StringRef descent,
                                    llvm::StringRef report, unsigned elements,
                                    llvm::ArrayRef<double> there) {
  GradientCheck result;
  auto gradient = after.find(descent), moved = inputs.states.find(weight);
  if (!computed || gradient == after.end() || moved == inputs.states.end()) {
    result.failed = true;
    return result;
  }
  const std::vector<double> &g = gradient->second.data;
  std::vector<size_t> all;
  for (size_t k = 0; k < g.size(); ++k)
    if (there.empty() || there[k] != 0)
      all.push_back(k);
  if (all.empty()) {
    result.zero = true;
    return result;
  }
  std::vector<size_t> places{*std::max_element(
      all.begin(), all.end(), [&](size_t a, size_t b) { return std::abs(g[a]) < std::abs(g[b]); })};
  result.greatest = std::abs(g[places[0]]);
  size_t count = std::min<size_t>(elements, all.size());
  for (size_t k = 1; k < count; ++k)
    places.push_back(all[k * all.size() / count]);
  ir::StepOp cost = costOnly(report);
  double worst = 0, size = 0;
  for (size_t place : places) {
    auto at = [&](double by) {
      llvm::StringMap<Field> states = inputs.states;
      states[weight].data[place] += by;
      std::optional<double> value = mean(cost, std::move(states), report);
      result.failed |= !value;
      size = std::max(size, std::abs(value.value_or(0)));
      return value.value_or(0);
    };
    double here = at(0);
    auto slopes = [&](double width) { // to the left and to the right
      return std::make_pair((here - at(-width)) / width, (at(width) - here) / width);
    };
    auto [left, right] = slopes(2e-4);
    auto [nearLeft, nearRight] = slopes(1e-4);
    double wide = (left + right) / 2, narrow = (nearLeft + nearRight) / 2;
    if (result.failed)
      return result;
    // Beside a kink the slope depends on the width, by more than the square of the width times a
    // third derivative. Upon it the two sides differ by as much at half the width, where on a
    // curve they come together: twice the one less the other is the jump, whatever the curve.
    double allowed = 1e-6 * std::max(result.greatest, std::abs(narrow)) + 1e-9;
    double jump = 2 * (nearRight - nearLeft) - (right - left);
    if (std::abs(narrow - wide) > allowed || std::abs(jump) > allowed) {
      ++result.kinks;
      continue;
    }
    ++result.compared;
    worst = std::max(worst, std::abs(-g[place] - (narrow + (narrow - wide) / 3)));
  }
  // Extrapolation leaves errors of the fourth power of the width, far below 1e-6 of the gradient; rounding in
  // the cost, some hundred units of 1e-16 of its size, is divided by the width of 1e-4.
  double rounding = 1e-10 * std::max(size, 1e-3);
  result.error = result.greatest > 0 ? worst / result.greatest : worst > 0 ? HUGE_VAL : 0;
  result.failed = worst > 1e-6 * result.greatest + rounding;
  result.zero = result.greatest <= rounding && !result.failed;
  if (result.zero)
    result.error = 0;
  return result;
}

} // namespace apical
