//===- table.h - the data of an experiment in memory ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_TABLE_H
#define APICAL_TABLE_H

#include "apical/runtime.h"

/// One file, read once however many experiments use it.
typedef struct loaded {
  char *path, *field;
  int32_t format;
  apical_data_info info;
  void *data;
  struct loaded *next;
} loaded;

/// The columns of one experiment and the buffers of one batch.
typedef struct table {
  const apical_experiment *experiment;
  int64_t rows;       ///< 0 without data
  void const **data;  ///< per column, whole, borrowed from the cache; null for item states
  void **batch;       ///< per column, room for a batch
  int64_t *rowBytes;  ///< per column
  int64_t *order;     ///< rows in the order of this epoch, null without data
  int64_t *batchRows; ///< indices of the rows of the batch
} table;

/// Finds, reads and checks the columns. Release with closeTable, also after a
/// failure.
int openTable(table *t, const apical_program *program, const apical_experiment *experiment,
              loaded **cache, const apical_run_options *options, apical_error *error);
void closeTable(table *t);
void freeLoaded(loaded *cache);

/// Batches in a pass over the data; 1 without data.
int64_t batchesPerEpoch(const table *t);

/// The first value among `samples` rows of the batch that is not finite: the number of its column, and its row; else −1.
int notFinite(const table *t, int64_t samples, int64_t *row);

/// Fills the buffers with batch number `batch` of the pass. Returns the number
/// of valid rows; the others repeat them.
int64_t gatherBatch(table *t, int64_t batch);

#endif // APICAL_TABLE_H
