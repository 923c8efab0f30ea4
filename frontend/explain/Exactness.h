//===- Exactness.h - is a change the exact gradient? ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_EXPLAIN_EXACTNESS_H
#define APICAL_FRONTEND_EXPLAIN_EXACTNESS_H

#include "frontend/explain/Symbolic.h"
#include "frontend/sema/Account.h"

namespace apical::explain {

/// Proves, where it can, that what a learn line adds to `w.grad` is the exact
/// gradient of its cost. A change is exact if it is `grad` itself, or the
/// derivative of the synapse times an exact `error(post)`. That error is exact
/// if every connection from the area towards the cost sends back the
/// derivative of its synapse times an exact error of its own, and nothing else
/// arrives. Products are compared up to order; what is not proved so is
/// approximate.
class Exactness {
public:
  Exactness(const sema::LearnAccount &line) : line(line) { findReach(); }
  /// Empty if exact, else the first thing that stands against it.
  std::string objection(const sema::WeightChange &change);

private:
  void findReach();
  std::string errorObjection(int area);
  /// Factors of the synapse's product with `instead` in the place of `name`,
  /// as the rule writes them; nothing if the synapse is not one product.
  std::optional<std::multiset<std::string>> synapse(const sema::Connection &c,
                                                    llvm::StringRef without) const;

  const sema::LearnAccount &line;
  std::set<int> reach; ///< areas from which the cost can be reached
  std::map<int, std::string> known;
};

} // namespace apical::explain
#endif
