//===- window.c - what a window sees of an area, and back ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers that follow each other in the area and in what is seen of it are moved as
// one run: along the last dimension of the kernel, or along the places there if taps
// come first and places are next to each other. A run that stands half beyond the
// border is cut. Lines are independent of each other and each is summed in one order,
// so that the bits do not depend on threads.
//
//===----------------------------------------------------------------------===//
#include "apical/program.h"

#include <string.h>

#define WORTH_WAKING (1 << 15) ///< numbers: moving them takes about ten microseconds

struct lines {
  const float *from;
  float *to;
  const apical_window *window;
  int64_t lines, from_step, to_step;
};

/// Made anew for each way to move a run, which is then part of the loop.
#define SPECIALISED static inline __attribute__((always_inline))

/// A run of `count` numbers, `step` apart in the area: from `area` on there, and from `seen` on in what is seen.
typedef void (*move)(const float *from, float *to, int64_t area, int64_t seen, int64_t count,
                     int64_t step);

SPECIALISED void lookAt(const float *from, float *to, int64_t count, int64_t step) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i * step];
}

SPECIALISED void addTo(const float *from, float *to, int64_t count, int64_t step) {
  for (int64_t i = 0; i < count; ++i)
    to[i * step] += from[i];
}

/// Most runs are short: the lengths of usual kernels and channels get code of their own.
#define FOR_LENGTH(run, from, to)                                                                  \
  if (step != 1)                                                                                   \
    run(from, to, count, step);                                                                    \
  else                                                                                             \
    switch (count) {                                                                               \
    case 3: run(from, to, 3, 1); break;                                                            \
    case 4: run(from, to, 4, 1); break;                                                            \
    case 5: run(from, to, 5, 1); break;                                                            \
    case 6: run(from, to, 6, 1); break;                                                            \
    case 8: run(from, to, 8, 1); break;                                                            \
    case 16: run(from, to, 16, 1); break;                                                          \
    default: run(from, to, count, 1);                                                              \
    }

SPECIALISED void look(const float *area, float *seen, int64_t in_area, int64_t in_seen,
                      int64_t count, int64_t step) {
  const float *restrict from = area + in_area;
  float *restrict to = seen + in_seen;
  FOR_LENGTH(lookAt, from, to)
}

SPECIALISED void leave(const float *seen, float *area, int64_t in_area, int64_t in_seen,
                       int64_t count, int64_t step) {
  const float *restrict from = seen + in_seen;
  float *restrict to = area + in_area;
  FOR_LENGTH(addTo, from, to)
}

/// A run along the last dimension, where it meets the area: `first` may lie in front of it, and the end behind.
SPECIALISED void meet(const float *from, float *to, move run, int64_t row_of_area, int64_t size,
                        int64_t first, int64_t step, int64_t seen, int64_t count) {
  int64_t skip = first < 0 ? (-first + step - 1) / step : 0;
  int64_t fit = first < size ? (size - first + step - 1) / step : 0;
  if (fit > count)
    fit = count;
  if (skip < fit)
    run(from, to, row_of_area + first + skip * step, seen + skip, fit - skip, step);
}

/// Each row of the kernel at each place, or each row of places at each tap.
SPECIALISED void walk(const float *from, float *to, const apical_window *w, move run) {
  const int64_t *n = w->shape, *k = w->kernel, *p = w->places;
  const int64_t *outer = w->taps_first ? k : p, *inner = w->taps_first ? p : k;
  int64_t row = 0;
  for (int64_t a0 = 0; a0 < outer[0]; ++a0)
    for (int64_t a1 = 0; a1 < outer[1]; ++a1)
      for (int64_t a2 = 0; a2 < outer[2]; ++a2, ++row)
        for (int64_t b0 = 0; b0 < inner[0]; ++b0) {
          int64_t y = (w->taps_first ? b0 : a0) * w->stride[0] - w->before[0] +
                      (w->taps_first ? a0 : b0);
          if (y < 0 || y >= n[0])
            continue;
          for (int64_t b1 = 0; b1 < inner[1]; ++b1) {
            int64_t x = (w->taps_first ? b1 : a1) * w->stride[1] - w->before[1] +
                        (w->taps_first ? a1 : b1);
            if (x < 0 || x >= n[1])
              continue;
            int64_t first = w->taps_first ? a2 - w->before[2] : a2 * w->stride[2] - w->before[2];
            meet(from, to, run, (y * n[1] + x) * n[2], n[2], first,
                 w->taps_first ? w->stride[2] : 1, row * w->row + (b0 * inner[1] + b1) * inner[2],
                 inner[2]);
          }
        }
}

static int64_t product(const int64_t *sizes) { return sizes[0] * sizes[1] * sizes[2]; }

/// Does the window look beyond the border, or do rows of what is seen have a rest?
static int leavesGaps(const apical_window *w) {
  int64_t rows = w->taps_first ? product(w->kernel) : product(w->places);
  int64_t columns = w->taps_first ? product(w->places) : product(w->kernel);
  int gaps = rows < w->rows || columns < w->row;
  for (int d = 0; d < 3; ++d)
    gaps |= w->before[d] > 0 ||
            (w->places[d] - 1) * w->stride[d] - w->before[d] + w->kernel[d] > w->shape[d];
  return gaps;
}

static void unfoldLines(void *context, int64_t lo, int64_t hi) {
  const struct lines *all = context;
  const apical_window *w = all->window;
  int gaps = leavesGaps(w);
  for (int64_t line = lo; line < hi; ++line) {
    float *seen = all->to + line * all->to_step;
    if (gaps || line >= all->lines)
      memset(seen, 0, (size_t)(w->rows * w->row) * sizeof *seen);
    if (line < all->lines)
      walk(all->from + line * all->from_step, seen, w, look);
  }
}

static void foldLines(void *context, int64_t lo, int64_t hi) {
  const struct lines *all = context;
  for (int64_t line = lo; line < hi; ++line) {
    float *area = all->to + line * all->to_step;
    memset(area, 0, (size_t)all->window->area * sizeof *area);
    if (line < all->lines)
      walk(all->from + line * all->from_step, area, all->window, leave);
  }
}

static void forLines(void (*one)(void *, int64_t, int64_t), struct lines *all, int64_t padded) {
  if (padded * product(all->window->kernel) * product(all->window->places) < WORTH_WAKING)
    one(all, 0, padded);
  else
    apical_parallel_for(one, all, padded);
}

void apical_unfold(const float *areas, float *seen, const apical_window *window, int64_t lines,
                   int64_t padded_lines, int64_t area_step, int64_t seen_step) {
  struct lines all = {areas, seen, window, lines, area_step, seen_step};
  forLines(unfoldLines, &all, padded_lines);
}

void apical_fold(const float *seen, float *areas, const apical_window *window, int64_t lines,
                 int64_t padded_lines, int64_t seen_step, int64_t area_step) {
  struct lines all = {seen, areas, window, lines, seen_step, area_step};
  forLines(foldLines, &all, padded_lines);
}
