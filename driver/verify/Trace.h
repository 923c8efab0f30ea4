//===- Trace.h - what is measured while a model trains ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_VERIFY_TRACE_H
#define APICAL_DRIVER_VERIFY_TRACE_H

#include "driver/verify/Alignment.h"
#include "driver/verify/GradientCheck.h"
#include "frontend/sema/Account.h"
#include "llvm/Support/raw_ostream.h"

namespace apical {

/// One array of weights of one learn line, step after step.
struct WeightTrace {
  std::string connection, weight; ///< "image_hidden", "w"
  std::string symbol;             ///< of the state; connections may share one
  bool updated = false;           ///< does the rule change it?
  std::vector<Alignment> at;      ///< one per measured step
  std::optional<GradientCheck> check;
};

/// One learn line in one training experiment.
struct LineTrace {
  std::string network, line, text;
  bool hasCost = true;
  std::vector<int64_t> steps; ///< trials from the experiment's start, counted from 0
  std::vector<WeightTrace> weights;
  /// Was every gradient zero where it was checked? Then no angle means anything.
  bool vanishes() const;
};

struct Trace {
  std::string model;
  uint64_t seed = 0;
  std::vector<LineTrace> lines;
  /// The model uses `stop`, which a difference does not respect.
  bool stops = false;
  /// Is every gradient what differences of its cost say?
  bool sound() const;
};

void printText(const Trace &trace, llvm::raw_ostream &os);
void printJson(const Trace &trace, llvm::raw_ostream &os);

} // namespace apical

#endif
