//===- program.h - what generated code and its host agree on ------*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The one contract between compiled models and the runtime. A compiled model
/// is a constant `apical_program`: tables of states, parameters, data sources
/// and experiments, and one function per experiment that evaluates one trial
/// of one batch. The same tables come out of the JIT, an object file and the
/// interpreter, so one training loop (run.c) serves all of them.
///
/// All arrays are row-major. A state may be padded: element (i, j) lives at
/// `i * stride[0] + j * stride[1]`; bytes outside the logical shape are zero
/// and stay zero.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_PROGRAM_H
#define APICAL_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Changes whenever a struct below changes.
#define APICAL_ABI_VERSION 4

typedef enum apical_type {
  APICAL_F32 = 0,
  APICAL_F64 = 1,
  APICAL_U8 = 2,
  APICAL_I8 = 3,
  APICAL_I16 = 4,
  APICAL_I32 = 5,
  APICAL_I64 = 6,
} apical_type;

typedef enum apical_role {
  APICAL_WEIGHT = 0,    ///< changed by learn lines (or fixed); part of the model
  APICAL_LASTING = 1,   ///< a `lasting` state
  APICAL_OPTIMIZER = 2, ///< state of a learn line's optimiser
  APICAL_COUNTER = 3,   ///< updates of a learn line (one number)
  APICAL_ITEM = 4,      ///< an `item` state: one per row of the data
} apical_role;

/// One persistent array of the model. Everything here is saved.
typedef struct apical_state {
  const char *name; ///< "classifier.image_hidden.w"
  int32_t role;     ///< apical_role
  int32_t type;     ///< apical_type
  int32_t rank;
  const int64_t *shape;  ///< logical sizes, `rank` of them
  const int64_t *stride; ///< elements between neighbours, `rank` of them
  int64_t bytes;         ///< memory to provide, 64-byte aligned, zero-filled
} apical_state;

/// A `param` of the source; --set changes it before a run.
typedef struct apical_param {
  const char *name;
  double value;     ///< default, in SI units
  const char *unit; ///< unit the default was written in, "" if none
  double scale;     ///< SI value of one such unit; 1 if none
} apical_param;

typedef enum apical_format {
  APICAL_IDX = 0, ///< plain or gzipped
  APICAL_NPY = 1,
  APICAL_CSV = 2,
  APICAL_ROWS = 3, ///< no file: the rows of an item state, see apical_column.item
} apical_format;

/// One column of a table: a file, and what the program was compiled for. Or
/// what an item state holds for the rows of the batch, which the host looks up.
typedef struct apical_column {
  const char *name;  ///< "images"
  const char *path;  ///< as written in the source; see apical_data_find
  const char *field; ///< column name inside a CSV file, "" otherwise
  int32_t format;    ///< apical_format
  int32_t type;      ///< apical_type of an element
  int64_t elements;  ///< elements per row
  int64_t limit;     ///< labels: values must lie in 0..limit-1; 0: unchecked
  int32_t item;      ///< 1 + the index of the item state; 0: none, but a file
} apical_column;

/// A number that a step reports: the sum over the valid samples of the batch.
/// The runtime divides by the number of samples seen.
typedef enum apical_measure_kind {
  APICAL_COST = 0,     ///< a declared cost; must stay finite while training
  APICAL_MEASURE = 1,  ///< `measure NAME = e`
  APICAL_HEALTH = 2,   ///< the mean |value| of area `name`; infinite or NaN if it diverged
  APICAL_WHOLE = 3,    ///< as APICAL_MEASURE, but one number per batch, averaged over batches
  APICAL_RESIDUAL = 4, ///< 0 once `name` has settled, else by how much it still changes a tick
} apical_measure_kind;

typedef struct apical_measure {
  const char *name;
  int32_t kind; ///< apical_measure_kind
  double scale; ///< SI value of the unit to report in; 1 if none
  const char *unit;
  const char *phase; ///< behind which the area `name` was looked at; "": the trial
} apical_measure;

/// What a step tells about each sample: `probe NAME = e`; or what an item state
/// holds from now on, which the host stores while training.
typedef struct apical_output {
  const char *name; ///< "label.rate"
  int64_t elements; ///< per sample
  int32_t item;     ///< 1 + the index of the item state; 0: none, but a probe
} apical_output;

/// Everything that one evaluation of a step reads and writes.
typedef struct apical_call {
  void *const *states;        ///< in the order of apical_program.states
  const void *const *columns; ///< batch rows, contiguous, in the order of the
                              ///< experiment's columns; room for `batch` rows.
                              ///< Rows past `samples` repeat valid rows
  const double *params;       ///< in the order of apical_program.params
  double *results;            ///< in the order of the experiment's measures
  float *const *outputs;      ///< in the order of the experiment's outputs, room
                              ///< for `batch` rows each, dense
  void *scratch;              ///< 64-byte aligned, `scratch` bytes, arbitrary
  const int64_t *rows;        ///< index in the data of each row of the batch
  int64_t samples;            ///< valid rows, 1..batch
  uint64_t seed;
  int64_t trial;     ///< trials since the start of this run, checkpoints included
  int64_t epoch;     ///< epochs finished in this experiment
  int64_t training;  ///< 1 while learn lines act
  int64_t epoch_end; ///< 1 in the last trial of a pass over the data
} apical_call;

/// Evaluates one trial. `context` is the experiment's.
typedef void (*apical_step)(const apical_call *call, void *context);

typedef enum apical_experiment_kind {
  APICAL_TRAIN = 0,
  APICAL_TEST = 1,
  APICAL_SIMULATE = 2,
} apical_experiment_kind;

typedef struct apical_experiment {
  int32_t kind;        ///< apical_experiment_kind
  const char *network; ///< "classifier"
  const char *source;  ///< the table as written, "" without data
  int64_t batch;
  int64_t epochs;  ///< passes over the data, if `trials` is 0
  int64_t trials;  ///< batches to present; 0: as many as the epochs hold
  int64_t shuffle; ///< 1: rows in a new random order every epoch
  int32_t column_count;
  const apical_column *columns; ///< only the columns that the step reads
  int32_t measure_count;
  const apical_measure *measures;
  int32_t output_count;
  const apical_output *outputs;
  apical_step step;
  void *context;
  int64_t scratch;      ///< bytes
  int32_t parent;       ///< 1 + the index of the experiment that it stands in; 0: none
  int64_t every;        ///< trials of the parent between two runs of it, or
  int64_t every_epochs; ///< whole passes of the parent, if `every` is 0
} apical_experiment;

typedef struct apical_program {
  int32_t abi;      ///< APICAL_ABI_VERSION
  const char *name; ///< file name of the source without folder
  const char *hash; ///< identifies the model: names and shapes of all states
  /// What the code needs of the processor, separated by blanks: a level of the
  /// architecture ("x86-64-v3") or features ("avx2 fma"); "" for nothing.
  const char *processor;
  int32_t state_count;
  const apical_state *states;
  int32_t param_count;
  const apical_param *params;
  int32_t experiment_count;
  const apical_experiment *experiments;
  apical_step init; ///< gives every state its first value from `seed`
  void *init_context;
  int64_t init_scratch;
} apical_program;

/// Calls fn(context, lo, hi) for ranges that make up 0..count, shared among the threads.
/// Provided by the runtime, as are the two below; generated code imports no other
/// symbols, besides functions of the C mathematics library.
void apical_parallel_for(void (*fn)(void *context, int64_t lo, int64_t hi), void *context,
                         int64_t count);

/// Writes a random matrix whose rows, or columns if these are fewer, are orthonormal, in rows of
/// `stride` numbers; sets what pads it to zero. A function of sizes, key and trial.
void apical_orthogonal(float *out, int64_t rows, int64_t columns, int64_t padded_rows,
                       int64_t padded_columns, int64_t stride, uint64_t key, uint64_t trial);

/// Writes the place of each of `n` numbers, `step` apart, among them: 1 for the largest; of equals, the
/// first comes first; a NaN has 1 and takes no place. Does so for `lines` of them, `line_step` apart.
void apical_rank(const float *x, float *out, int64_t n, int64_t step, int64_t lines,
                 int64_t line_step);

/// A window of `kernel` numbers that stands at `places` of an area of `shape`, `stride` numbers apart, first
/// `before` numbers in front of it; sizes of three dimensions, the last of which is contiguous.
typedef struct apical_window {
  int64_t shape[3], kernel[3], stride[3], before[3], places[3];
  int64_t taps_first; ///< what is seen has a row for each tap, else for each place
  int64_t rows;       ///< of what is seen, with those that pad it
  int64_t row;        ///< numbers from one row to the next, with those that pad it
  int64_t area;       ///< numbers of an area, with those that pad it
} apical_window;

/// Writes what the window sees of each of `lines` areas, `area_step` numbers apart, into `seen`, `seen_step`
/// apart; 0 beyond their borders, in what pads the rows, and for further lines up to `padded_lines`.
void apical_unfold(const float *areas, float *seen, const apical_window *window, int64_t lines,
                   int64_t padded_lines, int64_t area_step, int64_t seen_step);

/// Writes into each number of the areas the sum of what is seen there, always in one order; 0 where nothing is, in
/// what pads the areas, and for further lines.
void apical_fold(const float *seen, float *areas, const apical_window *window, int64_t lines,
                 int64_t padded_lines, int64_t seen_step, int64_t area_step);

#ifdef __cplusplus
}
#endif
#endif // APICAL_PROGRAM_H
