//===- table.c - the data of an experiment in memory ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "table.h"
#include "instance.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int loadOnce(loaded **cache, const char *path, const apical_column *column, loaded **out,
                    apical_error *error) {
  for (loaded *l = *cache; l; l = l->next)
    if (strcmp(l->path, path) == 0 && l->format == column->format &&
        strcmp(l->field, column->field) == 0) {
      *out = l;
      return 0;
    }
  loaded *l = calloc(1, sizeof *l);
  if (!l || !(l->path = strdup(path)) || !(l->field = strdup(column->field))) {
    if (l)
      free(l->path);
    free(l);
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to read %s", path);
  }
  l->format = column->format;
  int failed = apical_data_load(path, column->format, column->field, &l->data, &l->info, error);
  if (failed) {
    free(l->path);
    free(l->field);
    free(l);
    return failed;
  }
  l->next = *cache;
  *cache = *out = l;
  return 0;
}

void freeLoaded(loaded *cache) {
  while (cache) {
    loaded *next = cache->next;
    free(cache->path);
    free(cache->field);
    free(cache->data);
    free(cache);
    cache = next;
  }
}

/// What a column holds: an array that the host has bound, or a file.
static int findData(const apical_column *column, loaded **cache, const apical_run_options *options,
                    char *path, const void **data, apical_data_info *info, apical_error *error) {
  const apical_array *array =
      apical_find_array(options->arrays, options->array_count, column->path, column->field);
  if (array) {
    snprintf(path, PATH_MAX, "%s, in memory", array->path);
    *data = array->data;
    *info = array->info;
    return 0;
  }
  loaded *l;
  int failed = apical_data_find(column->path, options->directories, options->directory_count, path,
                                PATH_MAX, error);
  if (failed || (failed = loadOnce(cache, path, column, &l, error)))
    return failed;
  *data = l->data;
  *info = l->info;
  return 0;
}

static int openColumn(table *t, const apical_program *program, int index, loaded **cache,
                      const apical_run_options *options, apical_error *error) {
  const apical_experiment *e = t->experiment;
  const apical_column *column = &e->columns[index];
  char path[PATH_MAX];
  const void *data = NULL;
  apical_data_info info = {.type = APICAL_F32, .elements = column->elements};
  int failed = 0;
  if (column->item) {
    info.rows = program->states[column->item - 1].shape[0];
    snprintf(path, sizeof path, "compiled for that many");
  } else {
    failed = findData(column, cache, options, path, &data, &info, error);
  }
  if (failed)
    return failed;
  if (info.type != column->type || info.elements != column->elements)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "column '%s' of %s has rows of %lld %s, but the program was compiled for "
                       "%lld %s (%s); compile it again with these data",
                       column->name, e->source, (long long)info.elements,
                       apical_type_name(info.type), (long long)column->elements,
                       apical_type_name(column->type), path);
  if (info.rows == 0)
    return apical_fail(error, APICAL_ERROR_FORMAT, "column '%s' of %s has no rows (%s)",
                       column->name, e->source, path);
  if (index && info.rows != t->rows)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "column '%s' of %s has %lld rows, but column '%s' has %lld; name files "
                       "that belong together (%s)",
                       column->name, e->source, (long long)info.rows, e->columns[0].name,
                       (long long)t->rows, path);
  t->rows = info.rows;
  t->data[index] = data;
  t->rowBytes[index] = column->elements * apical_type_size(column->type);
  if (data && (failed = checkLabels(column, data, info.rows, path, error)))
    return failed;
  int64_t bytes;
  if (!__builtin_mul_overflow(t->rowBytes[index], e->batch, &bytes))
    t->batch[index] = allocateAligned(bytes);
  return t->batch[index] ? 0
                         : apical_fail(error, APICAL_ERROR_MEMORY,
                                       "not enough memory for a batch of %lld rows of '%s'; "
                                       "choose a smaller batch",
                                       (long long)e->batch, column->name);
}

int openTable(table *t, const apical_program *program, const apical_experiment *e, loaded **cache,
              const apical_run_options *options, apical_error *error) {
  memset(t, 0, sizeof *t);
  t->experiment = e;
  size_t count = (size_t)e->column_count + 1;
  if (e->batch < 1)
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "a batch of %lld rows cannot be presented",
                       (long long)e->batch);
  t->data = calloc(count, sizeof *t->data);
  t->batch = calloc(count, sizeof *t->batch);
  t->rowBytes = calloc(count, sizeof *t->rowBytes);
  t->batchRows = calloc((size_t)e->batch, sizeof *t->batchRows);
  if (!t->data || !t->batch || !t->rowBytes || !t->batchRows)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a batch");
  for (int i = 0; i < e->column_count; ++i) {
    int failed = openColumn(t, program, i, cache, options, error);
    if (failed)
      return failed;
  }
  if (!e->column_count)
    return 0;
  t->order = malloc((size_t)t->rows * sizeof *t->order);
  if (!t->order)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to order %lld rows",
                       (long long)t->rows);
  for (int64_t i = 0; i < t->rows; ++i)
    t->order[i] = i;
  return 0;
}

void closeTable(table *t) {
  for (int i = 0; t->batch && i < t->experiment->column_count; ++i)
    free(t->batch[i]);
  free(t->data);
  free(t->batch);
  free(t->rowBytes);
  free(t->order);
  free(t->batchRows);
  memset(t, 0, sizeof *t);
}

int64_t batchesPerEpoch(const table *t) {
  return t->order ? (t->rows - 1) / t->experiment->batch + 1 : 1;
}

int notFinite(const table *t, int64_t samples, int64_t *row) {
  for (int c = 0; c < t->experiment->column_count; ++c) {
    const apical_column *column = &t->experiment->columns[c];
    if (column->type != APICAL_F32 && column->type != APICAL_F64)
      continue;
    for (int64_t i = 0; t->data[c] && i < samples * column->elements; ++i)
      if (!isfinite(column->type == APICAL_F32 ? ((const float *)t->batch[c])[i]
                                               : ((const double *)t->batch[c])[i])) {
        *row = t->batchRows[i / column->elements];
        return c;
      }
  }
  return -1;
}

int64_t gatherBatch(table *t, int64_t batch) {
  const apical_experiment *e = t->experiment;
  int64_t first = batch * e->batch, samples = e->batch;
  if (t->order && samples > t->rows - first)
    samples = t->rows - first;
  for (int64_t i = 0; i < e->batch; ++i)
    t->batchRows[i] = t->order ? t->order[first + i % samples] : i;
  for (int c = 0; c < e->column_count; ++c) {
    size_t bytes = (size_t)t->rowBytes[c];
    for (int64_t i = 0; t->data[c] && i < e->batch; ++i)
      memcpy((char *)t->batch[c] + (size_t)i * bytes,
             (const char *)t->data[c] + (size_t)t->batchRows[i] * bytes, bytes);
  }
  return samples;
}
