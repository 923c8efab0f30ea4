//===- Alignment.cpp - how two directions lie to each other ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/verify/Alignment.h"
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

namespace apical {

static double norm(llvm::ArrayRef<double> v) {
  double greatest = 0, sum = 0; // scaled: squares of tiny numbers vanish
  for (double x : v)
    greatest = std::max(greatest, std::abs(x));
  if (greatest == 0)
    return 0;
  for (double x : v)
    sum += (x / greatest) * (x / greatest);
  return greatest * std::sqrt(sum);
}

Alignment align(llvm::ArrayRef<double> direction, llvm::ArrayRef<double> reference) {
  assert(direction.size() == reference.size());
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  double a = norm(direction), b = norm(reference);
  Alignment result{undefined, undefined, b > 0 ? a / b : undefined, undefined};
  if (!(a > 0) || !(b > 0))
    return result;
  double difference = 0, sum = 0, product = 0;
  int64_t same = 0, both = 0;
  for (size_t k = 0; k < direction.size(); ++k) {
    double x = direction[k] / a, y = reference[k] / b;
    difference += (x - y) * (x - y);
    sum += (x + y) * (x + y);
    product += x * y;
    both += x != 0 && y != 0;
    same += (x > 0 && y > 0) || (x < 0 && y < 0);
  }
  result.angle = 2 * std::atan2(std::sqrt(difference), std::sqrt(sum)) * 180 / M_PI;
  result.cosine = std::min(1., std::max(-1., product));
  result.signAgreement = both ? static_cast<double>(same) / static_cast<double>(both) : undefined;
  return result;
}

} // namespace apical
