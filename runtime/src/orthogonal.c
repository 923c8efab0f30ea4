//===- orthogonal.c - random orthogonal matrices ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 1. Draw the matrix that `normal` would draw: element e of the flattened shape
//    is lane e mod 4 of block e div 4 (ir/Random.h).
// 2. Its shorter side counts vectors. Take each in turn, subtract what it has of
//    those before it, twice, so that rounding leaves nothing, and give it length
//    1. This is the QR decomposition with a positive diagonal, and so the matrix
//    is uniformly distributed among all orthogonal ones.
// 3. Round to single precision.
//
// In double precision and in one thread: the same bits for whoever calls.
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double normal_of(int64_t element, uint64_t key, uint64_t trial) {
  uint64_t block = (uint64_t)element / 4;
  uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)trial,
                         (uint32_t)(trial >> 32)};
  uint32_t halves[2] = {(uint32_t)key, (uint32_t)(key >> 32)}, words[4];
  apical_philox(counter, halves, words);
  int lane = (int)(element % 4), pair = lane & 2;
  double radius = sqrt(-2 * log(((words[pair] >> 9) + 0.5) * 0x1p-23));
  double angle = 2 * 3.14159265358979323846 * (((words[pair + 1] >> 9) + 0.5) * 0x1p-23);
  return radius * (lane & 1 ? sin(angle) : cos(angle));
}

/// Four partial sums, which the compiler may keep in one register.
static double dot(const double *a, const double *b, int64_t n) {
  double sums[4] = {0, 0, 0, 0};
  int64_t k = 0;
  for (; k + 4 <= n; k += 4)
    for (int i = 0; i < 4; ++i)
      sums[i] += a[k + i] * b[k + i];
  for (; k < n; ++k)
    sums[0] += a[k] * b[k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void apical_orthogonal(float *out, int64_t rows, int64_t columns, int64_t padded_rows,
                       int64_t padded_columns, int64_t stride, uint64_t key, uint64_t trial) {
  for (int64_t r = 0; r < padded_rows; ++r)
    memset(out + r * stride, 0, (size_t)padded_columns * sizeof *out);
  int by_row = rows < columns;
  int64_t count = by_row ? rows : columns, length = by_row ? columns : rows;
  double *q = malloc((size_t)count * (size_t)length * sizeof *q);
  if (!q) { // the run says that its values are no longer finite
    out[0] = NAN;
    return;
  }
  for (int64_t v = 0; v < count; ++v) {
    double *own = q + v * length;
    for (int64_t k = 0; k < length; ++k)
      own[k] = normal_of(by_row ? v * columns + k : k * columns + v, key, trial);
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t u = 0; u < v; ++u) {
        const double *other = q + u * length;
        double part = dot(own, other, length);
        for (int64_t k = 0; k < length; ++k)
          own[k] -= part * other[k];
      }
    double size = sqrt(dot(own, own, length));
    for (int64_t k = 0; k < length; ++k)
      own[k] /= size;
    for (int64_t k = 0; k < length; ++k)
      out[by_row ? v * stride + k : k * stride + v] = (float)own[k];
  }
  free(q);
}
