//===- Generator.h - random models as source text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is kept in pieces that can be left out one by one, so that a failure
// can be shrunk; `source` joins them. Everything depends on the seed only.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_GENERATOR_H
#define APICAL_TESTS_DIFFERENTIAL_GENERATOR_H

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace apical::test {

struct AreaPiece {
  std::string name, unit;
  int64_t size = 1;
  bool target = false; ///< has a `given target`
  std::string given;   ///< one more value that the experiment gives
  std::vector<int64_t> shape =
      {}; ///< length, or height, width and channels; empty: a line that no window needs
};

struct ColumnPiece {
  std::string name, area; ///< as wide as this area; labels: one number below its size
  std::string format;     ///< csv, npy, idx
  std::string type;       ///< f32, f64, u8, i16, i32, i64; csv: what its numbers are
  std::string binding;    ///< a statement of the experiments
  bool label = false;
};

struct ModelPieces {
  uint64_t seed = 0;
  std::vector<std::string> definitions, connections, costs, learns, measures;
  std::vector<AreaPiece> areas;
  std::vector<ColumnPiece> columns;
  int64_t batch = 1, ticks = 1;
  bool tests = false;             ///< a `test` follows the `train`
  std::set<std::string> features; ///< what the statistics count

  std::string text; ///< of a model that a file gives, in place of all this

  int64_t sizeOf(const std::string &area) const;
  int64_t widthOf(const ColumnPiece &column) const;
  /// The text, with data files in `folder`.
  std::string source(const std::string &folder) const;
};

ModelPieces generateModel(uint64_t seed);

/// Writes the column's file to `folder`: `rows` rows. False if it cannot.
bool writeColumn(const ModelPieces &model, const ColumnPiece &column, int64_t rows,
                 const std::string &folder);

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_GENERATOR_H
