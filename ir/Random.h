//===- Random.h - what apical.draw yields, exactly ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definition that the code generator and the interpreter share. A draw is a
// function of (seed, stream, trial, element) and nothing else:
//
//   key      = streamKey(seed, stream), low word first
//   counter  = (block low, block high, trial low, trial high); trial is 0
//              unless the draw is made anew in every trial
//   element e of the flattened logical shape is lane e mod 4 of block e div 4
//   uniform  : lane i is ((w_i >> 9) + 0.5) * 2^-23, inside (0, 1)
//   normal   : Box-Muller on the uniforms (u0, u1) for lanes 0 and 1, and on
//              (u2, u3) for lanes 2 and 3:
//              sqrt(-2 ln u0) * cos(2 pi u1), sqrt(-2 ln u0) * sin(2 pi u1)
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_IR_RANDOM_H
#define APICAL_IR_RANDOM_H

#include "llvm/ADT/StringRef.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace apical::ir {

/// FNV-1a: a name as a number.
inline uint64_t streamHash(llvm::StringRef stream) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (char c : stream)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

constexpr uint64_t splitmix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// The key of a stream: two rounds, so that neighbouring seeds share nothing.
inline uint64_t streamKey(uint64_t seed, llvm::StringRef stream) {
  return splitmix64(splitmix64(seed ^ streamHash(stream)));
}

/// Philox4x32-10 (Salmon et al., SC 2011).
constexpr std::array<uint32_t, 4> philox(uint64_t block, uint64_t trial, uint64_t key) {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = static_cast<uint32_t>(trial), c3 = static_cast<uint32_t>(trial >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xD2511F53u) * c0, b = uint64_t(0xCD9E8D57u) * c2;
    c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(b);
    c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

constexpr double uniformOf(uint32_t word) { return ((word >> 9) + 0.5) * 0x1p-23; }

/// The four elements of one block.
inline std::array<double, 4> drawBlock(bool normal, uint64_t block, uint64_t trial, uint64_t key) {
  std::array<double, 4> lanes;
  std::array<uint32_t, 4> words = philox(block, trial, key);
  for (int i = 0; i < 4; ++i)
    lanes[i] = uniformOf(words[i]);
  if (normal)
    for (int i = 0; i < 4; i += 2) {
      double radius = std::sqrt(-2 * std::log(lanes[i]));
      double angle = 2 * std::numbers::pi * lanes[i + 1];
      lanes[i] = radius * std::cos(angle);
      lanes[i + 1] = radius * std::sin(angle);
    }
  return lanes;
}

} // namespace apical::ir

#endif // APICAL_IR_RANDOM_H
