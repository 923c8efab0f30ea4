//===- Memory.h - what a model needs at least ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_MEMORY_H
#define APICAL_FRONTEND_SEMA_MEMORY_H

#include "frontend/Elaborate.h"
#include "frontend/sema/Network.h"

namespace apical::sema {

/// Reports a model whose lasting arrays and values of one step cannot be held at once. `batch` is
/// where the size of the batch stands.
void requireMemory(const States &states, ir::StepOp step, int64_t samples, Span batch,
                   const MachineMemory &machine, Diagnostics &diags);

} // namespace apical::sema
#endif
