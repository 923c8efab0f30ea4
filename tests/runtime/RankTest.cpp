//===- RankTest.cpp - places of numbers among each other ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/program.h"
#include "apical/runtime.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using Numbers = std::vector<float>;
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Numbers ranks(const Numbers &x) {
  Numbers out(x.size(), -1);
  apical_rank(x.data(), out.data(), int64_t(x.size()), 1, 1, 0);
  return out;
}

/// As it is defined: one more than those that are greater, or equal and before.
Numbers defined(const Numbers &x) {
  Numbers out(x.size(), 1);
  for (size_t i = 0; i < x.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j)
      out[i] += x[j] > x[i] || (x[j] == x[i] && j < i);
  return out;
}

/// The same numbers among so many of the least that they are sorted, not compared in pairs.
Numbers amongMany(Numbers x) {
  size_t n = x.size();
  x.resize(300, -infinity);
  Numbers out = ranks(x);
  out.resize(n);
  return out;
}

TEST(Rank, FollowsTheDefinition) {
  EXPECT_EQ(ranks({3, -1, 7, 0}), (Numbers{2, 4, 1, 3}));
  EXPECT_EQ(ranks({5}), Numbers{1});
  EXPECT_EQ(ranks({1, 2}), (Numbers{2, 1}));
  EXPECT_EQ(ranks({}), Numbers{});
}

TEST(Rank, OfEqualsTheFirstComesFirst) {
  Numbers x = {2, 2, 3, 2, 0.0f, -0.0f, 0.0f}, wanted = {2, 3, 1, 4, 5, 6, 7};
  EXPECT_EQ(ranks(x), wanted);
  EXPECT_EQ(amongMany(x), wanted);
  std::vector<float> same(1000, -0.25f), inOrder(1000);
  for (size_t i = 0; i < 1000; ++i)
    inOrder[i] = float(i + 1);
  EXPECT_EQ(ranks(same), inOrder);
}

TEST(Rank, InfinitiesAndTheSmallestNumbersHaveTheirPlaces) {
  float least = std::numeric_limits<float>::denorm_min();
  Numbers x = {-infinity, least, infinity, -least, 0, 1e38f, -1e38f, infinity};
  Numbers wanted = {8, 4, 1, 6, 5, 3, 7, 2};
  EXPECT_EQ(ranks(x), wanted);
  EXPECT_EQ(amongMany(x), wanted);
}

TEST(Rank, NaNTakesNoPlace) {
  Numbers x = {1, nan, 3, std::copysign(nan, -1.0f), 2}, wanted = {3, 1, 1, 1, 2};
  EXPECT_EQ(ranks(x), wanted);
  EXPECT_EQ(amongMany(x), wanted);
}

TEST(Rank, OfAnySizeAndAnyNumbers) {
  std::mt19937 random(1);
  for (size_t n : {2, 3, 15, 16, 17, 63, 64, 65, 66, 255, 256, 257, 1000, 3001})
    for (bool few : {false, true}) { // values, so that many are equal
      Numbers x(n);
      for (float &v : x) {
        uint32_t bits = uint32_t(random());
        if (few)
          v = float(int(bits % 7)) - 3;
        else
          __builtin_memcpy(&v, &bits, sizeof v); // infinities and NaN are among them
      }
      EXPECT_EQ(ranks(x), defined(x)) << n;
    }
}

TEST(Rank, LinesMayLieAcrossAndThreadsShareThem) {
  constexpr int64_t n = 100, lines = 300;
  std::mt19937 random(2);
  Numbers rows(n * lines), columns(n * lines), made(n * lines), across(n * lines);
  for (int64_t line = 0; line < lines; ++line)
    for (int64_t i = 0; i < n; ++i)
      rows[line * n + i] = columns[i * lines + line] = float(random() % 50);
  for (int threads : {1, 3}) {
    apical_set_threads(threads);
    apical_rank(rows.data(), made.data(), n, 1, lines, n);
    apical_rank(columns.data(), across.data(), n, lines, lines, 1);
    for (int64_t line = 0; line < lines; ++line) {
      Numbers wanted = defined({rows.begin() + line * n, rows.begin() + (line + 1) * n});
      for (int64_t i = 0; i < n; ++i) {
        ASSERT_EQ(made[line * n + i], wanted[i]);
        ASSERT_EQ(across[i * lines + line], wanted[i]);
      }
    }
  }
  apical_set_threads(0);
}

} // namespace
