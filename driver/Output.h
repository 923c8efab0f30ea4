//===- Output.h - files that are written whole or not at all ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_OUTPUT_H
#define APICAL_DRIVER_OUTPUT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace apical {

/// A file beside its final place. It takes that place with `keep`; without, it
/// disappears, and what was there before is untouched.
class Output {
public:
  /// Makes an empty file; the error says why it cannot be made.
  static llvm::Expected<Output> create(llvm::StringRef path);
  Output(Output &&other);
  Output(const Output &) = delete;
  ~Output();

  const std::string &temporary() const { return place; }
  llvm::Error write(llvm::StringRef bytes);
  /// Moves the file to its place, with the permissions that are usual for one.
  llvm::Error keep(bool executable = false);

private:
  Output(std::string path, std::string place) : path(path), place(place) {}
  std::string path, place;
};

/// All of it in one.
llvm::Error writeOutput(llvm::StringRef path, llvm::StringRef bytes);

} // namespace apical
#endif
