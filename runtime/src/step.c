//===- step.c - one step on the caller's own rows ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int checkLabels(const apical_column *column, const void *data, int64_t rows, const char *path,
                apical_error *error) {
  if (column->limit <= 0)
    return 0;
  for (int64_t i = 0; i < rows * column->elements; ++i) {
    double value = apical_number_at(data, column->type, i);
    if (value >= 0 && value < (double)column->limit && value == floor(value))
      continue;
    char text[32];
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "row %lld of column '%s' is %s, expected a label from 0 to %lld (%s); "
                       "mend the data or give the area that it labels more units",
                       (long long)(i / column->elements), column->name,
                       apical_format_number(text, sizeof text, value, 10),
                       (long long)column->limit - 1, path);
  }
  return 0;
}

/// The rows of a batch as a step reads them: `batch` of them, of which those
/// past `samples` repeat the others. Memory is needed only if there are fewer.
typedef struct rowsOfBatch {
  const void **columns;
  void **padded; ///< per column, null if the caller's memory serves
  int64_t *order;
  int count;
} rowsOfBatch;

static void freeRows(rowsOfBatch *r) {
  for (int c = 0; r->padded && c < r->count; ++c)
    free(r->padded[c]);
  free(r->columns);
  free(r->padded);
  free(r->order);
}

static int fillColumn(rowsOfBatch *r, int c, const apical_experiment *e, const void *data,
                      int64_t samples, apical_error *error) {
  const apical_column *column = &e->columns[c];
  int64_t size = column->elements * apical_type_size(column->type);
  if (data) {
    int failed = checkLabels(column, data, samples, "the caller's data", error);
    if (failed)
      return failed;
    r->columns[c] = data;
    if (samples == e->batch)
      return 0;
  }
  char *memory = allocateAligned(size * e->batch);
  if (!memory)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a batch");
  for (int64_t i = 0; data && i < e->batch; ++i)
    memcpy(memory + i * size, (const char *)data + i % samples * size, (size_t)size);
  r->columns[c] = r->padded[c] = memory;
  return 0;
}

static int makeRows(rowsOfBatch *r, const apical_experiment *e, const void *const *columns,
                    const int64_t *rows, int64_t samples, apical_error *error) {
  *r = (rowsOfBatch){.columns = calloc((size_t)e->column_count + 1, sizeof *r->columns),
                     .padded = calloc((size_t)e->column_count + 1, sizeof *r->padded),
                     .order = calloc((size_t)e->batch, sizeof *r->order),
                     .count = e->column_count};
  if (!r->columns || !r->padded || !r->order)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a batch");
  for (int64_t i = 0; i < e->batch; ++i)
    r->order[i] = rows ? rows[i % samples] : i % samples;
  for (int c = 0; c < e->column_count; ++c) {
    const void *data = e->columns[c].item ? NULL : columns[c]; // the host looks items up
    int failed = fillColumn(r, c, e, data, samples, error);
    if (failed)
      return failed;
  }
  return 0;
}

int apical_step_once(apical_instance *instance, int experiment, const void *const *columns,
                     const int64_t *rows, int64_t samples, int training, double *results,
                     apical_error *error) {
  const apical_program *program = instance->program;
  if (experiment < 0 || experiment >= program->experiment_count)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "there is no experiment number %d; the program has %d", experiment,
                       (int)program->experiment_count);
  const apical_experiment *e = &program->experiments[experiment];
  if (samples < 1 || samples > e->batch)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "a batch of %lld samples does not fit: expected 1 to %lld",
                       (long long)samples, (long long)e->batch);
  for (int c = 0; c < e->column_count; ++c)
    for (int64_t i = 0; e->columns[c].item && rows && i < samples; ++i)
      if (rows[i] < 0 || rows[i] >= program->states[e->columns[c].item - 1].shape[0])
        return apical_fail(error, APICAL_ERROR_ARGUMENT, "there is no row %lld: '%s' has %lld rows",
                           (long long)rows[i], e->columns[c].name,
                           (long long)program->states[e->columns[c].item - 1].shape[0]);
  rowsOfBatch batch;
  int failed = makeRows(&batch, e, columns, rows, samples, error);
  if (!failed) {
    callStep(instance, experiment, batch.columns, batch.order, samples, instance->position.trial,
             training, 0);
    if (training)
      ++instance->position.trial;
    for (int i = 0; results && i < e->measure_count; ++i)
      results[i] = instance->results[i];
  }
  freeRows(&batch);
  return failed;
}
