//===- Session.h - one compilation: from a file to a module ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_SESSION_H
#define APICAL_DRIVER_SESSION_H

#include "apical/runtime.h"
#include "frontend/Ast.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace apical {
namespace sema {
struct Account;
}

/// Owns everything that a compilation needs. Errors are in `diags`.
class Session {
public:
  explicit Session(std::vector<std::string> dataFolders);
  /// Reads the model and the library that it uses; false after an error.
  bool load(llvm::StringRef path);
  /// The same for a text; `name` stands for its file in messages.
  bool loadText(llvm::StringRef text, llvm::StringRef name);
  /// Checks and elaborates; null after an error. `account` and `withoutData` are as in
  /// ElaborateOptions.
  mlir::OwningOpRef<mlir::ModuleOp> elaborate(sema::Account *account = nullptr,
                                              bool withoutData = false);

  Sources sources;
  Diagnostics diags{sources};
  ast::Ast ast;
  std::vector<ast::File> files; ///< the model first
  mlir::MLIRContext context;
  std::vector<std::string> dataFolders;
  bool interpreted = false;            ///< by the reference interpreter, which needs more memory
  bool forThisMachine = true;          ///< so that the model must fit into its memory
  llvm::ArrayRef<apical_array> arrays; ///< which take the place of data files

private:
  bool read(const std::string &path);
  bool loadLibrary();
};

} // namespace apical
#endif
