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

static double elementAt(const void *data, int32_t type, int64_t i) {
  switch (type) {
  case APICAL_F32:
    return ((const float *)data)[i];
  case APICAL_F64:
    return ((const double *)data)[i];
  case APICAL_U8:
    return ((const uint8_t *)data)[i];
  case APICAL_I8:
    return ((const int8_t *)data)[i];
  case APICAL_I16:
    return ((const int16_t *)data)[i];
  case APICAL_I32:
    return ((const int32_t *)data)[i];
  default:
    return (double)((const int64_t *)data)[i];
  }
}

int checkLabels(const apical_column *column, const void *data, int64_t rows, const char *path,
                apical_error *error) {
  if (column->limit <= 0)
    return 0;
  for (int64_t i = 0; i < rows * column->elements; ++i) {
    double value = elementAt(data, column->type, i);
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
  int count = e->column_count, failed = 0;
  void **padded = calloc((size_t)count + 1, sizeof *padded);
  int64_t *order = calloc((size_t)e->batch, sizeof *order);
  if (!padded || !order)
    failed = apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a batch");
  for (int64_t i = 0; !failed && i < e->batch; ++i)
    order[i] = rows ? rows[i % samples] : i % samples;
  // The caller has `samples` rows; the step reads `batch` of them.
  for (int c = 0; !failed && c < count; ++c) {
    const apical_column *column = &e->columns[c];
    int64_t size = column->elements * apical_type_size(column->type);
    if ((failed = checkLabels(column, columns[c], samples, "the caller's data", error)))
      break;
    padded[c] = allocateAligned(size * e->batch);
    if (!padded[c])
      failed = apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a batch");
    for (int64_t i = 0; !failed && i < e->batch; ++i)
      memcpy((char *)padded[c] + i * size, (const char *)columns[c] + i % samples * size,
             (size_t)size);
  }
  if (!failed) {
    callStep(instance, experiment, (const void *const *)padded, order, samples,
             instance->position.trial, training);
    if (training)
      ++instance->position.trial;
    for (int i = 0; results && i < e->measure_count; ++i)
      results[i] = instance->results[i];
  }
  for (int c = 0; padded && c < count; ++c)
    free(padded[c]);
  free(padded);
  free(order);
  return failed;
}
