//===- Mask.h - which synapses a connection has ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A connection that lacks some synapses is a dense one with a mask, a state that never changes: 1 where there is a
// synapse, else 0. What is kept for each synapse stays 0 where there is none, so that products with a weight need no
// mask; whatever else is summed over synapses is taken where there are some (`Evaluator::masked`, `reduceWhere`).
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_MASK_H
#define APICAL_FRONTEND_SEMA_MASK_H

#include "frontend/sema/Network.h"

namespace apical::sema {

/// What the arguments of a topology say of its synapses; null if they do not.
struct Wiring {
  const ast::NameExpr *topology = nullptr;
  const ast::Argument *p = nullptr, *fanIn = nullptr, *list = nullptr;
  const ast::Argument *notSelf = nullptr; ///< `self = false`
  static bool isParameter(llvm::StringRef name) {
    return name == "p" || name == "fan_in" || name == "list";
  }
  void take(const ast::Argument &a) {
    (a.name.text == "p" ? p : a.name.text == "fan_in" ? fanIn : list) = &a;
  }
};

/// Decides which synapses the connection has. `frame` is what its arguments see.
void chooseSynapses(Connection &c, const Wiring &wiring, const Network &net, Frame frame,
                    Evaluator &evaluator, States &states, const ReadTable &read);

} // namespace apical::sema
#endif
