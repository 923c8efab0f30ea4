//===- ForwardMode.h - forward-mode derivatives of lifts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES_FORWARDMODE_H
#define APICAL_PASSES_FORWARDMODE_H

#include "ir/ApicalDialect.h"

namespace apical {

/// Replaces one apical.jvp by lifts:
///
///   1. Every input has its displacement as tangent.
///   2. Walk the lifts before the jvp forwards. A result of a lift that has an
///      operand with a tangent gets a tangent lift over the same domain, in
///      whose body each scalar operation hands on what it hands back in reverse
///      mode (ScalarAdjoint.h), operand by operand. A sum sums tangents; a
///      maximum sums those of the elements that attain it. What reaches an
///      input adds to its displacement; held values hand nothing on.
///   3. The result for an output is its tangent, or zeros if it has none.
mlir::LogicalResult pushForward(ir::JvpOp jvp);

} // namespace apical

#endif // APICAL_PASSES_FORWARDMODE_H
