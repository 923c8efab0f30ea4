//===- Windows.h - where the kernel of a convolution stands ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_WINDOWS_H
#define APICAL_FRONTEND_SEMA_WINDOWS_H

#include "frontend/sema/Network.h"

namespace apical::sema {

/// The first two sizes of an area are those of its space, the third its channels; one size is a line.
struct Space {
  llvm::SmallVector<int64_t, 2> size;
  int64_t channels = 1;
  explicit Space(const Area &area);
  std::string str() const; ///< "28 x 28", "14 x 14 x 6"
};

/// `kernel = 5` or `kernel = [5, 3]`, and `stride` alike: of a window, in units of space.
struct WindowSize {
  llvm::SmallVector<int64_t, 2> kernel, stride; ///< empty: not given
  Span at;
};

/// A size for each dimension of space: one number for all, or a list.
llvm::SmallVector<int64_t, 2> sizesOf(const ast::Expr &e, size_t dimensions, Frame &frame,
                                      llvm::StringRef what, Evaluator &ev);

/// Sets the window and the channels of a convolution, local connection or pool between two areas. The border of
/// zeros is what makes their sizes meet, half of it in front; a pool has none.
void placeWindow(Connection &c, const WindowSize &size, const Area &from, const Area &to,
                 llvm::StringRef kind, Evaluator &ev);

/// The size of a window that was placed.
WindowSize sizeOf(const Connection &c);

} // namespace apical::sema
#endif
