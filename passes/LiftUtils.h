//===- LiftUtils.h - small changes to a lift ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES_LIFTUTILS_H
#define APICAL_PASSES_LIFTUTILS_H

#include "ir/ApicalDialect.h"

#include "mlir/IR/PatternMatch.h"

namespace apical {

/// Removes what the body computes in vain, operands that it does not look at,
/// and operands that are the same value seen through the same map. Returns
/// whether anything changed.
bool pruneLift(mlir::RewriterBase &rewriter, ir::LiftOp lift);

} // namespace apical

#endif // APICAL_PASSES_LIFTUTILS_H
