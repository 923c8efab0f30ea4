//===- Library.h - what std/ declares, read from its text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The generator draws rules, optimizers, units and synapses from the library's
// own text: what is added there is generated from then on, or named by the
// coverage test.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_LIBRARY_H
#define APICAL_TESTS_DIFFERENTIAL_LIBRARY_H

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace apical::test {

struct Declaration {
  std::string kind, name;
  std::string body;                                            ///< between its braces
  std::vector<std::pair<std::string, std::string>> parameters; ///< with defaults; empty: none
  std::set<std::string> declared;                              ///< inputs, states, … and parameters
  std::set<std::string> inputs, givens;                        ///< of a unit
  bool population = false; ///< a rule that says it reads other units or synapses

  bool has(const std::string &word) const; ///< stands in the body
  /// Variables of units that a rule reads or writes and does not declare itself.
  std::set<std::string> needs() const;
  bool takesCost() const { return !parameters.empty() && parameters[0].first == "C"; }
  /// Some phase runs for a number of ticks: for networks that settle.
  bool settles() const;
  bool callsUnits() const; ///< a rule that uses units as functions, which must not remember
  bool wantsChain() const; ///< each area feeds one other
  bool wantsLoop() const;  ///< every connection has one back: none from an input
  bool addsInRuns() const; ///< to gradients, tick by tick
  bool triesSynapses() const { return has("in synapses"); } ///< one by one
  bool pushesUnits() const; ///< asks what moves with its areas' inputs, which wires must not end at
  bool pushesWeights()
      const; ///< with its connections' weights: one for each synapse, which no other shares
  bool allowsWindows() const; ///< asks for no synapse one by one, nor for all of a unit in front
  bool wantsMatrices() const; ///< starts weights as what only a matrix can be
  bool hasState() const;
  bool answersAtOnce() const; ///< the output of a unit reads an input of the same tick
};

/// All of the library, in the order of the files' names; read once.
const std::vector<Declaration> &library();
std::vector<const Declaration *> libraryOf(const std::string &kind);

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_LIBRARY_H
