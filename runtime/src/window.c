//===- window.c - what a window sees of an area, and back ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers that follow each other in what is seen of the area are moved as one run: a row
// of the kernel, or a row of places if taps come first. A run that stands half beyond
// the border is cut. Lines are independent of each other and each is summed in one
// order, so that the bits do not depend on threads.
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

/// Made anew for each way to move a run, which is then part of the loops.
#define SPECIALISED static inline __attribute__((always_inline))

/// Moves `runs` of `count` numbers each: those of a run are `step` apart in the area and next to each other in
/// what is seen, and the runs follow each other there at steps of their own.
struct sweep {
  int64_t area, seen; ///< where the first run begins
  int64_t runs, area_step, seen_step;
  int64_t count, step;
};

SPECIALISED void look(const float *restrict area, float *restrict seen, const struct sweep *s,
                      int64_t count, int64_t step) {
  for (int64_t r = 0; r < s->runs; ++r)
    for (int64_t i = 0; i < count; ++i)
      seen[s->seen + r * s->seen_step + i] = area[s->area + r * s->area_step + i * step];
}

SPECIALISED void leave(const float *restrict seen, float *restrict area, const struct sweep *s,
                       int64_t count, int64_t step) {
  for (int64_t r = 0; r < s->runs; ++r)
    for (int64_t i = 0; i < count; ++i)
      area[s->area + r * s->area_step + i * step] += seen[s->seen + r * s->seen_step + i];
}

typedef void (*move)(const float *restrict from, float *restrict to, const struct sweep *s,
                     int64_t count, int64_t step);

/// Most runs are short: the lengths of usual kernels and channels get code of their own.
SPECIALISED void moveRuns(const float *from, float *to, move run, const struct sweep *s) {
  if (s->step != 1) {
    run(from, to, s, s->count, s->step);
    return;
  }
  switch (s->count) {
  case 3:
    run(from, to, s, 3, 1);
    break;
  case 4:
    run(from, to, s, 4, 1);
    break;
  case 5:
    run(from, to, s, 5, 1);
    break;
  case 6:
    run(from, to, s, 6, 1);
    break;
  case 8:
    run(from, to, s, 8, 1);
    break;
  case 16:
    run(from, to, s, 16, 1);
    break;
  default:
    run(from, to, s, s->count, 1);
  }
}

/// A run of which a part may lie in front of a row of the area, whose length is `size`, or behind it.
SPECIALISED void moveInside(const float *from, float *to, move run, struct sweep s, int64_t first,
                            int64_t size) {
  int64_t skip = first < 0 ? (-first + s.step - 1) / s.step : 0;
  int64_t fit = first < size ? (size - first + s.step - 1) / s.step : 0;
  if (fit > s.count)
    fit = s.count;
  if (skip >= fit)
    return;
  s.area += skip * s.step;
  s.seen += skip;
  s.count = fit - skip;
  s.runs = 1;
  run(from, to, &s, s.count, s.step);
}

/// Rows of what is seen are places, along which the kernel's last row moves: runs are rows of the kernel.
SPECIALISED void walkPlaces(const float *from, float *to, const apical_window *w, move run) {
  const int64_t *n = w->shape, *k = w->kernel, *p = w->places;
  int64_t stride = w->stride[2], before = w->before[2];
  // Places at which the kernel's last dimension lies inside.
  int64_t lo = (before + stride - 1) / stride, hi = n[2] - k[2] + before;
  hi = hi < 0 ? 0 : hi / stride + 1;
  hi = hi > p[2] ? p[2] : hi;
  lo = lo > hi ? hi : lo;
  for (int64_t p0 = 0; p0 < p[0]; ++p0)
    for (int64_t p1 = 0; p1 < p[1]; ++p1)
      for (int64_t k0 = 0; k0 < k[0]; ++k0)
        for (int64_t k1 = 0; k1 < k[1]; ++k1) {
          int64_t y = p0 * w->stride[0] - w->before[0] + k0;
          int64_t x = p1 * w->stride[1] - w->before[1] + k1;
          if (y < 0 || y >= n[0] || x < 0 || x >= n[1])
            continue;
          int64_t row = (y * n[1] + x) * n[2], taps = (k0 * k[1] + k1) * k[2];
          int64_t place = (p0 * p[1] + p1) * p[2];
          struct sweep s = {row + lo * stride - before,
                            (place + lo) * w->row + taps,
                            hi - lo,
                            stride,
                            w->row,
                            k[2],
                            1};
          moveRuns(from, to, run, &s);
          for (int64_t edge = 0; edge < p[2] - (hi - lo); ++edge) {
            int64_t p2 = edge < lo ? edge : edge + (hi - lo);
            int64_t first = p2 * stride - before;
            s.area = row + first;
            s.seen = (place + p2) * w->row + taps;
            moveInside(from, to, run, s, first, n[2]);
          }
        }
}

/// Rows of what is seen are taps, which look at all places: runs are rows of places.
SPECIALISED void walkTaps(const float *from, float *to, const apical_window *w, move run) {
  const int64_t *n = w->shape, *k = w->kernel, *p = w->places;
  int64_t tap = 0;
  for (int64_t k0 = 0; k0 < k[0]; ++k0)
    for (int64_t k1 = 0; k1 < k[1]; ++k1)
      for (int64_t k2 = 0; k2 < k[2]; ++k2, ++tap)
        for (int64_t p0 = 0; p0 < p[0]; ++p0) {
          int64_t y = p0 * w->stride[0] - w->before[0] + k0;
          if (y < 0 || y >= n[0])
            continue;
          int64_t first = k2 - w->before[2], last = first + (p[2] - 1) * w->stride[2];
          int64_t seen = tap * w->row + p0 * p[1] * p[2];
          // Places at which the kernel's second dimension lies inside.
          int64_t off = k1 - w->before[1], stride = w->stride[1];
          int64_t lo = off < 0 ? (-off + stride - 1) / stride : 0;
          int64_t hi = off < n[1] ? (n[1] - off + stride - 1) / stride : 0;
          hi = hi > p[1] ? p[1] : hi;
          struct sweep s = {(y * n[1] + lo * stride + off) * n[2] + first,
                            seen + lo * p[2],
                            hi > lo ? hi - lo : 0,
                            stride * n[2],
                            p[2],
                            p[2],
                            w->stride[2]};
          if (first >= 0 && last < n[2]) {
            moveRuns(from, to, run, &s);
            continue;
          }
          for (int64_t p1 = lo; p1 < hi; ++p1) {
            s.area = (y * n[1] + p1 * stride + off) * n[2] + first;
            s.seen = seen + p1 * p[2];
            moveInside(from, to, run, s, first, n[2]);
          }
        }
}

SPECIALISED void walk(const float *from, float *to, const apical_window *w, move run) {
  if (w->taps_first)
    walkTaps(from, to, w, run);
  else
    walkPlaces(from, to, w, run);
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
