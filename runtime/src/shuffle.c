//===- shuffle.c - the order of the rows in an epoch ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

void apical_shuffle(uint64_t seed, int64_t experiment, int64_t epoch, int64_t *order,
                    int64_t count) {
  uint64_t stream = apical_stream_key(seed, "rows");
  uint32_t key[2] = {(uint32_t)stream, (uint32_t)(stream >> 32)};
  for (int64_t i = 0; i < count; ++i)
    order[i] = i;
  // Fisher-Yates; place i draws from its own counter.
  for (int64_t i = count - 1; i > 0; --i) {
    uint32_t counter[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), (uint32_t)epoch,
                           (uint32_t)experiment};
    uint32_t out[4];
    apical_philox(counter, key, out);
    uint64_t draw = (uint64_t)out[1] << 32 | out[0];
    int64_t j = (int64_t)((unsigned __int128)draw * (uint64_t)(i + 1) >> 64);
    int64_t row = order[i];
    order[i] = order[j];
    order[j] = row;
  }
}
