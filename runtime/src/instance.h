//===- instance.h - what an instance consists of ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_INSTANCE_H
#define APICAL_INSTANCE_H

#include "apical/runtime.h"

/// Sums of what the steps of an epoch reported.
typedef struct totals {
  double *sums; ///< one per measure
  int64_t samples;
  int64_t batches;
} totals;

struct apical_instance {
  const apical_program *program;
  uint64_t seed;
  void **states;
  double *params;
  apical_position position;
  int64_t *epochsDone; ///< per experiment
  totals epoch;        ///< of the epoch in hand, kept over an interruption
  int measures;        ///< the most that an experiment has
  void *scratch;       ///< room for every experiment's needs
  double *results;     ///< of one step
  float **outputs;     ///< of one step, a batch of rows each
  int testsOnly;       ///< a finished run that was resumed
  int owned;           ///< whether the memory, all of it in one piece, is to be freed
};

/// Fails if this processor lacks something that the code needs, which is
/// written as apical_program.processor.
int checkProcessor(const char *needs, apical_error *error);

/// 64-byte aligned, zeroed memory, or null.
void *allocateAligned(int64_t bytes);

/// The error `there is no KIND 'name'`, with the nearest of the names.
int unknownName(const char *kind, const char *name, const char *const *names, int count,
                apical_error *error);

/// Calls the step of an experiment. `results` are the sums of this batch.
void callStep(apical_instance *instance, int experiment, const void *const *columns,
              const int64_t *rows, int64_t samples, int64_t trial, int training, int epochEnd);

/// Fails if a value of column `column` in `data` is no label.
int checkLabels(const apical_column *column, const void *data, int64_t rows, const char *path,
                apical_error *error);

/// Health and residuals are looked at, not reported.
static inline int isShown(const apical_measure *m) {
  return m->kind != APICAL_HEALTH && m->kind != APICAL_RESIDUAL;
}

#endif // APICAL_INSTANCE_H
