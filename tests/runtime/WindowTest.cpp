//===- WindowTest.cpp - what a window sees of an area, and back ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/program.h"
#include "apical/runtime.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

using Numbers = std::vector<float>;
constexpr float dirt = 1e30f; ///< what memory holds before

int64_t all(const int64_t *sizes) { return sizes[0] * sizes[1] * sizes[2]; }

struct Case {
  const char *name;
  apical_window w;
};

/// Rows, the length of a row and of an area as long as need be, or longer by what pads them.
apical_window window(std::vector<int64_t> shape, std::vector<int64_t> kernel,
                     std::vector<int64_t> stride, std::vector<int64_t> before,
                     std::vector<int64_t> places, bool tapsFirst = false, int64_t rest = 0) {
  apical_window w = {};
  for (int d = 0; d < 3; ++d) {
    w.shape[d] = shape[d];
    w.kernel[d] = kernel[d];
    w.stride[d] = stride[d];
    w.before[d] = before[d];
    w.places[d] = places[d];
  }
  w.taps_first = tapsFirst;
  w.rows = (tapsFirst ? all(w.kernel) : all(w.places)) + rest;
  w.row = (tapsFirst ? all(w.places) : all(w.kernel)) + 2 * rest;
  w.area = all(w.shape) + 3 * rest;
  return w;
}

std::vector<Case> cases() {
  std::vector<Case> list;
  for (bool tapsFirst : {false, true})
    for (int64_t rest : {0, 3}) {
      auto add = [&](const char *name, auto... sizes) {
        list.push_back({name, window(sizes..., tapsFirst, rest)});
      };
      using List = std::vector<int64_t>;
      add("one number", List{1, 1, 1}, List{1, 1, 1}, List{1, 1, 1}, List{0, 0, 0}, List{1, 1, 1});
      add("a line", List{1, 1, 20}, List{1, 1, 3}, List{1, 1, 1}, List{0, 0, 0}, List{1, 1, 18});
      add("a line in steps", List{1, 1, 20}, List{1, 1, 5}, List{1, 1, 3}, List{0, 0, 2},
          List{1, 1, 7});
      add("an image", List{1, 7, 9}, List{1, 3, 5}, List{1, 1, 1}, List{0, 0, 0}, List{1, 5, 5});
      add("a border", List{1, 7, 9}, List{1, 3, 4}, List{1, 1, 1}, List{0, 1, 1}, List{1, 7, 9});
      add("the widest border", List{1, 3, 4}, List{1, 3, 2}, List{1, 1, 1}, List{0, 2, 1},
          List{1, 5, 5});
      add("a border behind only", List{1, 8, 8}, List{1, 3, 3}, List{1, 2, 2}, List{0, 0, 0},
          List{1, 4, 4});
      add("a kernel larger than the area", List{1, 2, 3}, List{1, 5, 7}, List{1, 1, 1},
          List{0, 2, 3}, List{1, 2, 3});
      add("all channels", List{6, 5, 3}, List{3, 2, 3}, List{2, 1, 1}, List{1, 0, 0},
          List{3, 4, 1});
      add("one channel at a time", List{6, 7, 3}, List{2, 3, 1}, List{2, 2, 1}, List{0, 0, 0},
          List{3, 3, 3});
      add("steps over units that nobody sees", List{9, 9, 2}, List{2, 2, 1}, List{4, 4, 1},
          List{0, 0, 0}, List{2, 2, 2});
      add("three dimensions with a border", List{4, 5, 6}, List{3, 3, 3}, List{2, 1, 2},
          List{1, 2, 1}, List{2, 7, 3});
      add("runs long enough to be copied", List{5, 6, 16}, List{3, 2, 16}, List{1, 1, 1},
          List{1, 0, 0}, List{5, 5, 1});
    }
  return list;
}

/// Where the number for a place and a tap is in what is seen, each of three dimensions, row by row.
int64_t seenAt(const apical_window &w, const int64_t *place, const int64_t *tap) {
  int64_t p = (place[0] * w.places[1] + place[1]) * w.places[2] + place[2];
  int64_t t = (tap[0] * w.kernel[1] + tap[1]) * w.kernel[2] + tap[2];
  return w.taps_first ? t * w.row + p : p * w.row + t;
}

/// As it is defined: tap t at place p meets the number at p * stride - before + t of each dimension, if there is one.
template <typename Visit> void each(const apical_window &w, Visit visit) {
  int64_t p[3], t[3];
  for (p[0] = 0; p[0] < w.places[0]; ++p[0])
    for (p[1] = 0; p[1] < w.places[1]; ++p[1])
      for (p[2] = 0; p[2] < w.places[2]; ++p[2])
        for (t[0] = 0; t[0] < w.kernel[0]; ++t[0])
          for (t[1] = 0; t[1] < w.kernel[1]; ++t[1])
            for (t[2] = 0; t[2] < w.kernel[2]; ++t[2]) {
              int64_t unit = 0;
              for (int d = 0; d < 3; ++d) {
                int64_t at = p[d] * w.stride[d] - w.before[d] + t[d];
                bool inside = unit >= 0 && at >= 0 && at < w.shape[d];
                unit = inside ? unit * w.shape[d] + at : -1;
              }
              if (unit >= 0)
                visit(seenAt(w, p, t), unit);
            }
}

/// Whole numbers, whose sums are exact in any order.
Numbers wholeNumbers(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Numbers x(n);
  for (float &v : x)
    v = float(int(random() % 201)) - 100;
  return x;
}

TEST(Window, UnfoldsAsItIsDefined) {
  for (const Case &c : cases()) {
    const apical_window &w = c.w;
    const int64_t lines = 3, padded = 5, areaStep = w.area + 2, seenStep = w.rows * w.row + 4;
    Numbers areas = wholeNumbers(size_t(lines * areaStep), 1);
    Numbers seen(size_t(padded * seenStep), dirt), wanted = seen;
    for (int64_t line = 0; line < padded; ++line) {
      std::fill_n(wanted.begin() + line * seenStep, w.rows * w.row, 0.0f);
      if (line < lines)
        each(w, [&](int64_t at, int64_t unit) {
          wanted[line * seenStep + at] = areas[line * areaStep + unit];
        });
    }
    // What has neither border nor rest is written number by number: nothing has to be cleared before.
    apical_unfold(areas.data(), seen.data(), &w, lines, padded, areaStep, seenStep);
    EXPECT_EQ(seen, wanted) << c.name << (w.taps_first ? ", taps first" : "");
  }
}

TEST(Window, FoldsAsItIsDefined) {
  for (const Case &c : cases()) {
    const apical_window &w = c.w;
    const int64_t lines = 3, padded = 5, areaStep = w.area + 2, seenStep = w.rows * w.row + 4;
    Numbers seen = wholeNumbers(size_t(lines * seenStep), 2);
    Numbers areas(size_t(padded * areaStep), dirt), wanted = areas;
    for (int64_t line = 0; line < padded; ++line) {
      std::fill_n(wanted.begin() + line * areaStep, w.area, 0.0f);
      if (line < lines)
        each(w, [&](int64_t at, int64_t unit) {
          wanted[line * areaStep + unit] += seen[line * seenStep + at];
        });
    }
    apical_fold(seen.data(), areas.data(), &w, lines, padded, seenStep, areaStep);
    EXPECT_EQ(areas, wanted) << c.name << (w.taps_first ? ", taps first" : "");
  }
}

TEST(Window, NoLinesAtAll) {
  apical_window w = window({1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 4, 4});
  Numbers seen(size_t(2 * w.rows * w.row), dirt), areas(size_t(2 * w.area), dirt);
  apical_unfold(nullptr, seen.data(), &w, 0, 2, w.area, w.rows * w.row);
  apical_fold(nullptr, areas.data(), &w, 0, 2, w.rows * w.row, w.area);
  EXPECT_EQ(seen, Numbers(seen.size(), 0.0f));
  EXPECT_EQ(areas, Numbers(areas.size(), 0.0f));
  apical_unfold(nullptr, nullptr, &w, 0, 0, w.area, w.rows * w.row);
  apical_fold(nullptr, nullptr, &w, 0, 0, w.rows * w.row, w.area);
}

/// Sums of numbers that are not whole depend on their order, which is that of the rows of what is seen.
TEST(Window, ThreadsShareLinesAndDoNotChangeBits) {
  for (bool tapsFirst : {false, true}) {
    apical_window w = window({12, 12, 4}, {3, 3, 4}, {1, 1, 1}, {1, 1, 0}, {12, 12, 1}, tapsFirst);
    const int64_t lines = 50, padded = 64, step = w.rows * w.row;
    Numbers areas(size_t(lines * w.area)), seen(size_t(padded * step)),
        back(size_t(padded * w.area));
    std::mt19937 random(3);
    for (float &v : areas)
      v = float(random()) / 4e9f - 0.5f;
    Numbers firstSeen, firstBack, inOrder(size_t(w.area));
    for (int threads : {1, 2, 3}) {
      apical_set_threads(threads);
      apical_unfold(areas.data(), seen.data(), &w, lines, padded, w.area, step);
      for (int64_t line = 0; line < lines; ++line) // so that what adds up to a number differs
        for (int64_t i = 0; i < step; ++i)
          seen[line * step + i] *= 1 + float(i % 97) / 89;
      apical_fold(seen.data(), back.data(), &w, lines, padded, step, w.area);
      if (threads == 1) {
        firstSeen = seen;
        firstBack = back;
      }
      EXPECT_EQ(seen, firstSeen);
      EXPECT_EQ(back, firstBack);
    }
    // All that is summed in a number, in the order in which it lies.
    std::vector<int64_t> unitAt(size_t(step), -1);
    each(w, [&](int64_t at, int64_t unit) { unitAt[at] = unit; });
    for (int64_t at = 0; at < step; ++at)
      if (unitAt[at] >= 0)
        inOrder[unitAt[at]] += firstSeen[at];
    EXPECT_EQ(inOrder, Numbers(firstBack.begin(), firstBack.begin() + w.area));
  }
  apical_set_threads(0);
}

} // namespace
