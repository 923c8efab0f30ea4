//===- Dimension.h - physical dimensions and units of measure ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_DIMENSION_H
#define APICAL_FRONTEND_SEMA_DIMENSION_H

#include "llvm/ADT/StringRef.h"
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace apical {

/// Exponents of (m, kg, s, A, K, mol, cd), in halves so that `sqrt` stays exact.
/// `any` is the dimension of a literal 0, which fits everywhere.
struct Dimension {
  std::array<int, 7> halves{};
  bool any = false;

  bool operator==(const Dimension &o) const { return halves == o.halves; }
  bool none() const { return any || halves == std::array<int, 7>{}; }
  bool fits(const Dimension &o) const { return any || o.any || *this == o; }
  Dimension times(const Dimension &o, int sign = 1) const;
  /// Nothing if the exponents would not be multiples of one half.
  std::optional<Dimension> power(double exponent) const;
  /// "voltage", "1/s", "m kg/s^2"; "no dimension" if none.
  std::string str() const;
  /// "a voltage", "a number without dimension", "of the dimension 1/s": for sentences.
  std::string kind() const;
};

struct UnitOfMeasure {
  Dimension dimension;
  double scale = 1; ///< SI value of one
};
/// "ms", "mV/ms", "1/ms"; counts (`ticks`, `trials`) have no dimension.
std::optional<UnitOfMeasure> readUnit(llvm::StringRef text);
/// "voltage", "time" … as written after `:`.
std::optional<Dimension> namedDimension(llvm::StringRef name);
/// All of them: for suggestions.
std::vector<std::string> dimensionNames();

} // namespace apical
#endif
