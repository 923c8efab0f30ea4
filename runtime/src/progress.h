//===- progress.h - what people see of a run ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_PROGRESS_H
#define APICAL_PROGRESS_H

#include "metrics.h"

typedef struct progress {
  FILE *lines;      ///< results, one line each; null: none
  FILE *bar;        ///< a terminal; null: none
  double lastDrawn; ///< seconds
  int drawn;        ///< a bar is on the screen
} progress;

void openProgress(progress *p, int quiet, int linesToErrors);

/// Redraws the bar, at most ten times a second. `share` of the experiment is
/// done, `left` seconds remain (negative: unknown), `rate` samples/s.
void drawBar(progress *p, const apical_experiment *e, int64_t epoch, int64_t epochs, double share,
             const totals *t, double rate, double left, double now);
void clearBar(progress *p);

/// `classifier  epoch 1/8  loss 0.53  12345 images/s  3.2 s`
void printResult(progress *p, const apical_experiment *e, const char *what, const totals *t,
                 double seconds);

#endif // APICAL_PROGRESS_H
