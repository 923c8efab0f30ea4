//===- pch.cpp - the owner of the precompiled header ----------------------===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Holds nothing: CMake attaches a precompiled header to a target with a source.
