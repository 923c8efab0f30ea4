//===- Window.h - a window that moves over an area ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution has a synapse for each place of its kernel, and for each tap there.
// Which unit that is, is said here once, for the operations and all that compute them.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_IR_WINDOW_H
#define APICAL_IR_WINDOW_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace apical::ir {

struct Window {
  llvm::SmallVector<int64_t, 3> shape;  ///< of the area
  llvm::SmallVector<int64_t, 3> kernel; ///< units that the window covers
  llvm::SmallVector<int64_t, 3> stride; ///< units between two places
  llvm::SmallVector<int64_t, 3> before; ///< units of the first window that lie outside, in front
  llvm::SmallVector<int64_t, 3> places; ///< at which the window stands
  bool tapsFirst = false;               ///< order of the two axes of what is seen

  /// An area of one row, cut into `places` pieces of `size` units.
  static Window pieces(int64_t places, int64_t size) {
    return {{places, size}, {1, size}, {1, 1}, {0, 0}, {places, 1}, false};
  }

  static int64_t product(llvm::ArrayRef<int64_t> sizes) {
    int64_t all = 1;
    for (int64_t n : sizes)
      all *= n;
    return all;
  }
  int64_t units() const { return product(shape); }
  int64_t taps() const { return product(kernel); }
  int64_t positions() const { return product(places); }

  /// Calls `visit` with a place, a tap and the unit that is there; −1 if it lies beyond the border.
  /// Places in their order, and the taps of each in theirs.
  void forEach(llvm::function_ref<void(int64_t place, int64_t tap, int64_t unit)> visit) const;
};

} // namespace apical::ir

#endif // APICAL_IR_WINDOW_H
