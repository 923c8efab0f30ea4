//===- NumbersTest.cpp - random numbers and numbers as text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"

#include <algorithm>
#include <clocale>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace {

using Words = std::vector<uint32_t>;

Words philox(Words counter, Words key) {
  Words out(4);
  apical_philox(counter.data(), key.data(), out.data());
  return out;
}

// The known answers that the authors publish with their library.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(StreamKey, DependsOnSeedAndName) {
  std::set<uint64_t> keys;
  for (uint64_t seed : {0ull, 1ull, 1ull << 32, ~0ull})
    for (const char *name : {"", "a", "b", "ab", "ba"})
      keys.insert(apical_stream_key(seed, name));
  EXPECT_EQ(keys.size(), 20u);
  EXPECT_EQ(apical_stream_key(3, "a"), apical_stream_key(3, "a"));
}

std::vector<int64_t> shuffled(uint64_t seed, int64_t experiment, int64_t epoch, int64_t n) {
  std::vector<int64_t> order(n);
  apical_shuffle(seed, experiment, epoch, order.data(), n);
  return order;
}

TEST(Shuffle, IsAPermutationForEachEpoch) {
  for (int64_t n : {0, 1, 2, 3, 1000}) {
    auto order = shuffled(1, 0, 0, n);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all);
  }
  std::set<std::vector<int64_t>> orders = {shuffled(1, 0, 0, 100), shuffled(2, 0, 0, 100),
                                           shuffled(1, 1, 0, 100), shuffled(1, 0, 1, 100)};
  EXPECT_EQ(orders.size(), 4u);
  EXPECT_EQ(shuffled(1, 0, 1, 100), shuffled(1, 0, 1, 100));
}

TEST(Shuffle, IsUniform) {
  int counts[6] = {};
  for (int64_t epoch = 0; epoch < 6000; ++epoch) {
    auto order = shuffled(7, 0, epoch, 3);
    ++counts[order[0] * 2 + (order[1] > order[2])];
  }
  for (int count : counts)
    EXPECT_NEAR(count, 1000, 150); // five standard deviations
}

TEST(Number, RoundTripsInEveryLocale) {
  std::string previous = setlocale(LC_ALL, nullptr);
  // Where no such locale is installed the test still covers the C locale.
  for (const char *name : {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"}) {
    setlocale(LC_ALL, name);
    for (double value : {0.1, -1.5e-300, 1e22, 123456.75, 3.0}) {
      char text[64];
      apical_format_number(text, sizeof text, value, 17);
      const char *end;
      EXPECT_EQ(apical_parse_number(text, &end), value) << text;
      EXPECT_EQ(*end, 0);
      EXPECT_EQ(std::string(text).find(','), std::string::npos);
    }
  }
  setlocale(LC_ALL, previous.c_str());
}

} // namespace
