//===- Alignment.h - how two directions lie to each other ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_VERIFY_ALIGNMENT_H
#define APICAL_DRIVER_VERIFY_ALIGNMENT_H

#include "llvm/ADT/ArrayRef.h"

namespace apical {

/// Undefined (NaN) where a direction has no length.
struct Alignment {
  double cosine = 0;
  double angle = 0;     ///< degrees, 0..180
  double normRatio = 0; ///< |direction| / |reference|
  /// Share of the elements that have the same sign, among those where neither is 0.
  double signAgreement = 0;
};

/// `direction` beside `reference`; both of one length. Small angles are exact:
/// they come from the difference of the unit vectors, not from the cosine.
Alignment align(llvm::ArrayRef<double> direction, llvm::ArrayRef<double> reference);

} // namespace apical

#endif
