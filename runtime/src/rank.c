//===- rank.c - places of numbers among each other ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 1. Give each number a whole number of 32 bits that is less the greater the
//    number is, equal for zeros of either sign, and the greatest of all for NaN.
// 2. Sort these, together with the places where the numbers stand, digit by digit
//    from the lowest: radix sort, which keeps the order of equals. A digit that all
//    have in common is passed over.
// 3. By the last digit nothing is moved any more: where a number would go is its rank.
//
// A few numbers are compared in pairs instead, which is faster there, and so are
// many if there is no memory to sort them in. Lines are independent of each other,
// so that the bits depend on nothing but the numbers.
//
//===----------------------------------------------------------------------===//
#include "apical/program.h"

#include <stdlib.h>
#include <string.h>

#define FEW 64            ///< numbers, of which pairs are compared
#define WORTH_WAKING 4096 ///< numbers: sorting them takes about ten microseconds
#define DIGIT 8           ///< bits
#define VALUES (1 << DIGIT)
#define DIGITS (32 / DIGIT)
#define OF_NAN UINT32_MAX

struct entry {
  uint32_t key, place;
};

struct lines {
  const float *x;
  float *out;
  int64_t n, step, line_step;
};

static uint32_t keyOf(float x) {
  uint32_t bits;
  float zero = x + 0.0f; // of a negative zero: the positive one
  memcpy(&bits, &zero, sizeof bits);
  uint32_t descending = bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
  return x != x ? OF_NAN : descending;
}

static void comparePairs(const float *x, float *out, int64_t n, int64_t step) {
  for (int64_t i = 0; i < n; ++i) {
    float own = x[i * step];
    int32_t ahead = 0;
    for (int64_t j = 0; j < i; ++j)
      ahead += x[j * step] >= own;
    for (int64_t j = i; j < n; ++j)
      ahead += x[j * step] > own;
    out[i * step] = (float)(1 + ahead);
  }
}

static void sortLine(const float *x, float *out, int64_t n, int64_t step, struct entry *from,
                     struct entry *to) {
  uint32_t next[DIGITS][VALUES] = {{0}};
  for (int64_t i = 0; i < n; ++i) {
    from[i] = (struct entry){keyOf(x[i * step]), (uint32_t)i};
    for (int d = 0; d < DIGITS; ++d)
      ++next[d][from[i].key >> d * DIGIT & (VALUES - 1)];
  }
  for (int d = 0; d < DIGITS; ++d) {
    uint32_t *own = next[d], before = 0;
    int last = d == DIGITS - 1;
    if (!last && own[from[0].key >> d * DIGIT & (VALUES - 1)] == n)
      continue;
    for (int v = 0; v < VALUES; ++v) {
      uint32_t count = own[v];
      own[v] = before;
      before += count;
    }
    for (int64_t i = 0; i < n; ++i) {
      uint32_t at = own[from[i].key >> d * DIGIT & (VALUES - 1)]++;
      if (last)
        out[(int64_t)from[i].place * step] = from[i].key == OF_NAN ? 1 : (float)(1 + at);
      else
        to[at] = from[i];
    }
    struct entry *sorted = to;
    to = from;
    from = sorted;
  }
}

static void rankLines(void *context, int64_t lo, int64_t hi) {
  const struct lines *lines = context;
  int64_t n = lines->n;
  struct entry *memory = n > FEW ? malloc(2 * (size_t)n * sizeof *memory) : NULL;
  for (int64_t line = lo; line < hi; ++line) {
    const float *x = lines->x + line * lines->line_step;
    float *out = lines->out + line * lines->line_step;
    if (memory)
      sortLine(x, out, n, lines->step, memory, memory + n);
    else
      comparePairs(x, out, n, lines->step);
  }
  free(memory);
}

void apical_rank(const float *x, float *out, int64_t n, int64_t step, int64_t lines,
                 int64_t line_step) {
  struct lines all = {x, out, n, step, line_step};
  if (n * lines < WORTH_WAKING)
    rankLines(&all, 0, lines);
  else
    apical_parallel_for(rankLines, &all, lines);
}
