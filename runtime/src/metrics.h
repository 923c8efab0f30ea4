//===- metrics.h - records of a run as JSON lines ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_METRICS_H
#define APICAL_METRICS_H

#include "instance.h"

/// One record; absent counts are negative.
typedef struct record {
  const char *event;
  const apical_experiment *experiment; ///< null for "end"
  int64_t index, step, epoch;
  uint64_t seed;
  double seconds;
  const totals *totals; ///< null: no measures
  const char *status;   ///< of "end"
} record;

/// The mean of measure `index` in the unit that it is reported in.
double measureValue(const apical_experiment *e, int index, const totals *t);

/// Writes one line. Returns 0, or -1 with errno set.
int writeRecord(FILE *out, const record *r);

/// Writes what a step tells about each sample of its batch: one line per sample, with its row in the data.
int writeProbes(FILE *out, const record *r, float *const *outputs, const int64_t *rows,
                int64_t samples);

#endif // APICAL_METRICS_H
