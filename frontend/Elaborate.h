//===- Elaborate.h - from the tree to the dialect ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_ELABORATE_H
#define APICAL_FRONTEND_ELABORATE_H

#include "frontend/Ast.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>

namespace apical {
namespace sema {
struct Account;

/// The memory of the machine that will run the model, and how that computes.
struct MachineMemory {
  double bytes = 0; ///< 0: not known
  /// The interpreter keeps every value of a step, in double precision. Compiled code keeps at least
  /// one at a time, in single precision.
  bool interpreted = false;
};
} // namespace sema

/// What the header of a data file says.
struct ColumnInfo {
  int type = 0; ///< apical_type
  int64_t rows = 0;
  std::vector<int64_t> shape; ///< of one row; empty: one number
  bool found = false;         ///< the file is there, whatever it holds
};

struct ElaborateOptions {
  /// Looks at a data file; false with a message if it cannot be used.
  std::function<bool(llvm::StringRef path, int format, llvm::StringRef field, ColumnInfo &info,
                     std::string &why)>
      probe;
  /// Reads all of it: one number per row.
  std::function<bool(llvm::StringRef path, int format, llvm::StringRef field,
                     std::vector<double> &values, std::string &why)>
      load;
  /// Where the checker notes what it finds out about learning, or null.
  sema::Account *account = nullptr;
  /// Experiments are checked without looking at data: what they bind is taken
  /// as given, and their measures are left out. The steps cannot be run.
  bool withoutData = false;
  /// What does not fit into it is refused.
  sema::MachineMemory memory;
};

/// Checks the model (files[0]; the library follows) and instantiates its rules
/// over its graphs: one `apical.step` per experiment, one that initialises.
/// Null after an error. Requires the dialects `apical`, `arith` and `math`.
mlir::OwningOpRef<mlir::ModuleOp> elaborate(llvm::ArrayRef<ast::File> files, const Sources &sources,
                                            Diagnostics &diags, mlir::MLIRContext &context,
                                            const ElaborateOptions &options);

} // namespace apical
#endif
