//===- Grouping.h - what becomes a kernel ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is one lift, or a lift with the sums and the noise that feed it alone.
// Kernels run after what they read, and a new value of a state replaces the old
// one in its place if all readers of the old one can run before.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_GROUPING_H
#define APICAL_CODEGEN_GROUPING_H

#include "ir/ApicalDialect.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Error.h"

namespace apical {

/// What becomes one kernel, or one thing that the step function does itself.
struct Node {
  llvm::SmallVector<mlir::Operation *> ops; ///< the last one is the root
  llvm::SetVector<int> after;
};

class Grouping {
public:
  explicit Grouping(ir::StepOp step);

  /// Orders the nodes: after what they use, and a state's new value after all
  /// readers of the old one. Where that is impossible the new value waits in a
  /// temporary and is copied at the end. An error if the step has a cycle.
  llvm::Expected<std::vector<int>> arrange();

  /// What is computed in the kernel of `root` before it.
  llvm::ArrayRef<mlir::Operation *> feeders(mlir::Operation *root) const;
  bool drawsNoise(mlir::Operation *op) const;

  std::vector<Node> nodes;
  /// Found by `arrange`: the states that values replace in place, and what is copied.
  llvm::DenseMap<mlir::Value, llvm::StringRef> inPlace;
  llvm::SmallVector<std::pair<ir::WriteOp, mlir::Value>> copies;

private:
  ir::LiftOp userOfNoise(mlir::Operation *op);
  bool sumsOverRows(ir::LiftOp lift, mlir::AffineMap map);
  ir::LiftOp consumerOf(ir::LiftOp lift);
  llvm::SmallVector<int> readersOf(llvm::StringRef state);
  bool fitsInPlace(ir::LiftOp lift, mlir::Value value, llvm::StringRef state);
  std::optional<std::vector<int>> sorted();

  ir::StepOp step;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Operation *>> pending;
  llvm::DenseMap<mlir::Operation *, int> nodeOf;
};

} // namespace apical

#endif // APICAL_CODEGEN_GROUPING_H
