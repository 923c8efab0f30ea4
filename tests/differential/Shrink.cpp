//===- Shrink.cpp - the smallest model that fails ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Case.h"

using namespace apical::test;

ModelPieces apical::test::shrink(const ModelPieces &model, const CaseOptions &options,
                                 Outcome::Kind kind) {
  ModelPieces best = model;
  auto fails = [&](const ModelPieces &candidate) {
    Statistics ignored;
    return runCase(candidate, options, ignored).kind == kind;
  };
  auto attempt = [&](const ModelPieces &candidate) {
    if (!fails(candidate))
      return false;
    best = candidate;
    return true;
  };
  for (bool smaller = true; smaller;) {
    smaller = false;
    // Leave pieces out, from the last to the first.
    auto leaveOut = [&](auto member) {
      for (size_t k = (best.*member).size(); k-- > 0;) {
        ModelPieces candidate = best;
        (candidate.*member).erase((candidate.*member).begin() + int64_t(k));
        smaller |= attempt(candidate);
      }
    };
    leaveOut(&ModelPieces::measures);
    leaveOut(&ModelPieces::learns);
    leaveOut(&ModelPieces::costs);
    leaveOut(&ModelPieces::connections);
    leaveOut(&ModelPieces::columns);
    leaveOut(&ModelPieces::areas);
    leaveOut(&ModelPieces::definitions);
    for (size_t k = 0; k < best.areas.size(); ++k) {
      ModelPieces candidate = best;
      AreaPiece &area = candidate.areas[k];
      if (area.unit != "source" && area.unit != "linear_unit") {
        area.unit = "linear_unit";
        smaller |= attempt(candidate);
      }
      for (size_t d = 0; d < best.areas[k].shape.size(); ++d) {
        candidate = best;
        int64_t &n = candidate.areas[k].shape[d];
        candidate.areas[k].size = candidate.areas[k].size / n * (n - 1);
        smaller |= --n > 0 && attempt(candidate);
      }
      if (!best.areas[k].shape.empty())
        continue;
      for (int64_t size : {int64_t(1), best.areas[k].size / 2, best.areas[k].size - 1})
        if (size > 0 && size < best.areas[k].size) {
          candidate = best;
          candidate.areas[k].size = size;
          if (attempt(candidate)) {
            smaller = true;
            break;
          }
        }
    }
    for (int64_t batch : {int64_t(1), best.batch / 2})
      if (batch > 0 && batch < best.batch) {
        ModelPieces candidate = best;
        candidate.batch = batch;
        smaller |= attempt(candidate);
      }
    if (best.tests) {
      ModelPieces candidate = best;
      candidate.tests = false;
      smaller |= attempt(candidate);
    }
  }
  return best;
}
