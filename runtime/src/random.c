//===- random.c - Philox4x32-10 and stream keys ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

void apical_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    uint64_t a = (uint64_t)0xD2511F53u * c0;
    uint64_t b = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

uint64_t apical_stream_key(uint64_t seed, const char *name) {
  uint64_t hash = 0xCBF29CE484222325u; // FNV-1a
  for (; *name; ++name)
    hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
  uint32_t counter[4] = {(uint32_t)hash, (uint32_t)(hash >> 32), 0, 0};
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  uint32_t out[4];
  apical_philox(counter, key, out);
  return (uint64_t)out[1] << 32 | out[0];
}
