//===- instance.c - a model in memory: states, parameters, first values ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *allocateAligned(int64_t bytes) {
  const int64_t hugePage = 2 << 20;
  if (bytes < 0 || bytes > INT64_MAX - hugePage)
    return NULL;
  int64_t unit = bytes >= 2 * hugePage ? hugePage : 64;
  int64_t size = (bytes + unit - 1) / unit * unit;
  void *memory = aligned_alloc((size_t)unit, size ? (size_t)size : 64);
  if (!memory)
    return NULL;
  if (unit == hugePage)
    (void)madvise(memory, (size_t)size, MADV_HUGEPAGE); // a wish, not a need
  memset(memory, 0, size ? (size_t)size : 64);
  return memory;
}

int64_t apical_state_elements(const apical_state *state) {
  int64_t elements = 1;
  for (int i = 0; i < state->rank; ++i)
    elements *= state->shape[i];
  return elements;
}

static int initialise(apical_instance *instance) {
  const apical_program *program = instance->program;
  apical_call call = {.states = instance->states,
                      .params = instance->params,
                      .scratch = instance->scratch,
                      .results = instance->results,
                      .seed = instance->seed};
  if (program->init)
    program->init(&call, program->init_context);
  return 0;
}

/// The next `count * size` bytes behind `base`, or null while only sizes are
/// of interest. A size beyond all memory stays in `used` as INT64_MAX.
typedef struct block {
  char *base;
  int64_t used;
} block;

static void *take(block *b, int64_t count, int64_t size) {
  int64_t bytes, start = b->used;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      __builtin_add_overflow(bytes, start + 63, &bytes)) {
    b->used = INT64_MAX - 64;
    return NULL;
  }
  b->used = bytes / 64 * 64;
  return b->base ? b->base + start : NULL;
}

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/// Gives every part of an instance its place: the instance itself first, the
/// states last.
static void layOut(apical_instance *instance, const apical_program *program, block *b) {
  int64_t scratch = program->init_scratch, measures = 0, outputs = 0;
  for (int i = 0; i < program->experiment_count; ++i) {
    const apical_experiment *e = &program->experiments[i];
    scratch = most(scratch, e->scratch);
    measures = most(measures, e->measure_count);
    outputs = most(outputs, e->output_count);
  }
  take(b, 1, sizeof *instance);
  instance->measures = (int)measures;
  instance->states = take(b, program->state_count, sizeof *instance->states);
  instance->params = take(b, program->param_count, sizeof *instance->params);
  instance->epochsDone = take(b, program->experiment_count, sizeof *instance->epochsDone);
  instance->epoch.sums = take(b, measures, sizeof *instance->epoch.sums);
  instance->results = take(b, measures, sizeof *instance->results);
  instance->outputs = take(b, outputs, sizeof *instance->outputs);
  instance->scratch = take(b, scratch, 1);
  for (int k = 0; k < outputs; ++k) {
    int64_t elements = 0;
    for (int i = 0; i < program->experiment_count; ++i) {
      const apical_experiment *e = &program->experiments[i];
      if (k < e->output_count)
        elements = most(elements, e->outputs[k].elements * e->batch);
    }
    void *memory = take(b, elements, sizeof(float));
    if (instance->outputs)
      instance->outputs[k] = memory;
  }
  for (int i = 0; i < program->state_count; ++i) {
    void *memory = take(b, program->states[i].bytes, 1);
    if (instance->states)
      instance->states[i] = memory;
  }
}

int64_t apical_instance_size(const apical_program *program) {
  apical_instance local = {0};
  block b = {0};
  layOut(&local, program, &b);
  return b.used;
}

int apical_instance_place(const apical_program *program, uint64_t seed, void *memory,
                          apical_instance **out, apical_error *error) {
  *out = NULL;
  if (program->abi != APICAL_ABI_VERSION)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "the model was compiled for version %d of the runtime interface, this "
                       "runtime has version %d; compile the model again",
                       (int)program->abi, APICAL_ABI_VERSION);
  int failed = checkProcessor(program->processor, error);
  if (failed)
    return failed;
  if (!memory || (uintptr_t)memory % 64)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "the memory for the model must be aligned to 64 bytes");
  memset(memory, 0, (size_t)apical_instance_size(program));
  apical_instance *instance = memory;
  block b = {memory, 0};
  layOut(instance, program, &b);
  instance->program = program;
  instance->seed = seed;
  for (int i = 0; i < program->param_count; ++i)
    instance->params[i] = program->params[i].value;
  *out = instance;
  return initialise(instance);
}

static int outOfMemory(const apical_program *program, int64_t size, apical_error *error) {
  int largest = 0;
  int64_t states = 0;
  for (int i = 0; i < program->state_count; ++i)
    states += program->states[i].bytes;
  if (states < size / 2) // the rest is what a step computes for its samples
    return apical_fail(
        error, APICAL_ERROR_MEMORY,
        "not enough memory for one trial of a batch: it needs %lld bytes beside %lld for "
        "the weights and states; choose a smaller batch",
        (long long)(size - states), (long long)states);
  for (int i = 1; i < program->state_count; ++i)
    if (program->states[i].bytes > program->states[largest].bytes)
      largest = i;
  return apical_fail(error, APICAL_ERROR_MEMORY,
                     "not enough memory for the model: it needs %lld bytes, '%s' alone %lld of "
                     "them; make the model or the batch smaller",
                     (long long)size, program->states[largest].name,
                     (long long)program->states[largest].bytes);
}

int apical_instance_create(const apical_program *program, uint64_t seed, int threads,
                           apical_instance **out, apical_error *error) {
  int64_t size = apical_instance_size(program);
  void *memory = allocateAligned(size);
  *out = NULL;
  if (!memory)
    return outOfMemory(program, size, error);
  apical_set_threads(threads);
  int failed = apical_instance_place(program, seed, memory, out, error);
  if (failed)
    free(memory);
  else
    (*out)->owned = 1;
  return failed;
}

void apical_instance_destroy(apical_instance *instance) {
  if (instance && instance->owned)
    free(instance);
}

int apical_instance_reset(apical_instance *instance, uint64_t seed, apical_error *error) {
  (void)error;
  const apical_program *program = instance->program;
  for (int i = 0; i < program->state_count; ++i)
    memset(instance->states[i], 0, (size_t)program->states[i].bytes);
  memset(&instance->position, 0, sizeof instance->position);
  memset(instance->epochsDone, 0, (size_t)program->experiment_count * sizeof *instance->epochsDone);
  memset(instance->epoch.sums, 0, (size_t)instance->measures * sizeof *instance->epoch.sums);
  instance->epoch.samples = instance->epoch.batches = 0;
  instance->testsOnly = 0;
  instance->seed = seed;
  return initialise(instance);
}

const apical_program *apical_instance_program(const apical_instance *instance) {
  return instance->program;
}
uint64_t apical_instance_seed(const apical_instance *instance) { return instance->seed; }
const float *apical_instance_output(const apical_instance *instance, int output) {
  return instance->outputs[output];
}
apical_position apical_instance_position(const apical_instance *instance) {
  return instance->position;
}

/// Copies between row `row` of an item state and `elements` numbers.
static void copyRow(const apical_state *s, void *state, int64_t row, float *numbers,
                    int64_t elements, int store) {
  int64_t step = s->rank > 1 ? s->stride[1] : 1, at = row * s->stride[0];
  for (int64_t j = 0; j < elements; ++j, at += step) {
    float *single = (float *)state + at;
    double *wide = (double *)state + at;
    if (s->type == APICAL_F64 && store)
      *wide = numbers[j];
    else if (s->type == APICAL_F64)
      numbers[j] = (float)*wide;
    else if (store)
      *single = numbers[j];
    else
      numbers[j] = *single;
  }
}

/// Fills the columns that are rows of item states.
static void bringItems(apical_instance *instance, const apical_experiment *e,
                       const void *const *columns, const int64_t *rows) {
  for (int c = 0; c < e->column_count; ++c) {
    const apical_column *column = &e->columns[c];
    for (int64_t i = 0; column->item && i < e->batch; ++i)
      copyRow(&instance->program->states[column->item - 1], instance->states[column->item - 1],
              rows[i], (float *)columns[c] + i * column->elements, column->elements, 0);
  }
}

/// Stores what the step made of them.
static void takeItems(apical_instance *instance, const apical_experiment *e, const int64_t *rows,
                      int64_t samples) {
  for (int k = 0; k < e->output_count; ++k) {
    const apical_output *output = &e->outputs[k];
    for (int64_t i = 0; output->item && i < samples; ++i)
      copyRow(&instance->program->states[output->item - 1], instance->states[output->item - 1],
              rows[i], instance->outputs[k] + i * output->elements, output->elements, 1);
  }
}

void callStep(apical_instance *instance, int experiment, const void *const *columns,
              const int64_t *rows, int64_t samples, int64_t trial, int training, int epochEnd) {
  const apical_experiment *e = &instance->program->experiments[experiment];
  for (int i = 0; i < e->measure_count; ++i)
    instance->results[i] = 0;
  apical_call call = {.states = instance->states,
                      .columns = columns,
                      .params = instance->params,
                      .results = instance->results,
                      .outputs = instance->outputs,
                      .scratch = instance->scratch,
                      .rows = rows,
                      .samples = samples,
                      .seed = instance->seed,
                      .trial = trial,
                      .epoch = instance->position.experiment == experiment
                                   ? instance->position.epoch
                                   : instance->epochsDone[experiment],
                      .training = training,
                      .epoch_end = epochEnd};
  bringItems(instance, e, columns, rows);
  e->step(&call, e->context);
  if (training)
    takeItems(instance, e, rows, samples);
}

//===----------------------------------------------------------------------===//
// Names and parameters
//===----------------------------------------------------------------------===//

/// Edit distance, or a large number if it is out of the question.
static int distance(const char *a, const char *b) {
  enum { most = 63 };
  size_t m = strlen(a), n = strlen(b);
  if (m > most || n > most)
    return most;
  int row[most + 1];
  for (size_t j = 0; j <= n; ++j)
    row[j] = (int)j;
  for (size_t i = 1; i <= m; ++i) {
    int corner = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= n; ++j) {
      int replace = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      row[j] = replace < best ? replace : best;
    }
  }
  return row[n];
}

int unknownName(const char *kind, const char *name, const char *const *names, int count,
                apical_error *error) {
  const char *nearest = NULL;
  int least = (int)strlen(name) / 3 + 2;
  for (int i = 0; i < count; ++i) {
    int d = distance(name, names[i]);
    if (d < least) {
      least = d;
      nearest = names[i];
    }
  }
  if (nearest)
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "there is no %s '%s'; did you mean '%s'?",
                       kind, name, nearest);
  char list[1024] = "";
  size_t used = 0;
  for (int i = 0; i < count && used + strlen(names[i]) + 8 < sizeof list; ++i)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
  if (!count)
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "there is no %s '%s'; the program has none",
                       kind, name);
  return apical_fail(error, APICAL_ERROR_ARGUMENT, "there is no %s '%s'; there are: %s", kind, name,
                     list);
}

int apical_find_param(const apical_program *program, const char *name, apical_error *error) {
  for (int i = 0; i < program->param_count; ++i)
    if (strcmp(program->params[i].name, name) == 0)
      return i;
  const char **names = calloc((size_t)program->param_count + 1, sizeof *names);
  for (int i = 0; names && i < program->param_count; ++i)
    names[i] = program->params[i].name;
  unknownName("parameter", name, names, names ? program->param_count : 0, error);
  free(names);
  return -1;
}

int apical_find_state(const apical_program *program, const char *name, apical_error *error) {
  for (int i = 0; i < program->state_count; ++i)
    if (strcmp(program->states[i].name, name) == 0)
      return i;
  const char **names = calloc((size_t)program->state_count + 1, sizeof *names);
  for (int i = 0; names && i < program->state_count; ++i)
    names[i] = program->states[i].name;
  unknownName("state", name, names, names ? program->state_count : 0, error);
  free(names);
  return -1;
}

int apical_get_param(const apical_instance *instance, const char *name, double *value,
                     apical_error *error) {
  int index = apical_find_param(instance->program, name, error);
  if (index < 0)
    return APICAL_ERROR_ARGUMENT;
  *value = instance->params[index];
  return 0;
}

int apical_set_param(apical_instance *instance, const char *name, double value,
                     apical_error *error) {
  int index = apical_find_param(instance->program, name, error);
  if (index < 0)
    return APICAL_ERROR_ARGUMENT;
  if (!isfinite(value))
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "parameter '%s' must be a finite number",
                       name);
  instance->params[index] = value;
  return 0;
}

int apical_parse_setting(const apical_program *program, const char *text, int *index, double *value,
                         apical_error *error) {
  char name[256];
  const char *equals = strchr(text, '=');
  if (!equals || equals == text || (size_t)(equals - text) >= sizeof name)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "cannot understand --set '%s'; write --set name=value", text);
  memcpy(name, text, (size_t)(equals - text));
  name[equals - text] = 0;
  *index = apical_find_param(program, name, error);
  if (*index < 0)
    return APICAL_ERROR_ARGUMENT;
  const apical_param *param = &program->params[*index];
  const char *unit;
  double number = apical_parse_number(equals + 1, &unit);
  int hasNumber = unit != equals + 1;
  while (*unit == ' ')
    ++unit;
  if (!hasNumber || !isfinite(number) || (*unit && strcmp(unit, param->unit) != 0))
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "cannot set '%s' to '%s'; expected a number%s%s", name, equals + 1,
                       *param->unit ? ", alone or followed by its unit " : " without a unit",
                       param->unit);
  *value = number * param->scale;
  return 0;
}

int apical_set_param_text(apical_instance *instance, const char *text, apical_error *error) {
  int index;
  double value;
  int failed = apical_parse_setting(instance->program, text, &index, &value, error);
  if (!failed)
    instance->params[index] = value;
  return failed;
}
