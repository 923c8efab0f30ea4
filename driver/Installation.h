//===- Installation.h - what lies beside this program ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_INSTALLATION_H
#define APICAL_DRIVER_INSTALLATION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace apical {

/// Finds "share/apical/std" or the like in the tree, built or installed, that
/// holds the program or the shared library which this code is part of; "" if it
/// is not there. The tree may be anywhere.
std::string findInstalled(llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace apical
#endif
