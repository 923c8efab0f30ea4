//===- runtime.h - what hosts of compiled models call -------------*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The runtime's public functions: threads, random numbers, data files, model
/// instances, checkpoints and the loop that runs a program's experiments. The
/// library needs libc, libm, pthread and zlib, nothing else.
///
/// Functions that can fail return 0 or an `apical_error_kind` and describe the
/// failure in `*error`: one lower-case message that says where, what and how
/// to mend it. Nothing here depends on the locale.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_RUNTIME_H
#define APICAL_RUNTIME_H

#include "apical/program.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APICAL_VERSION "0.1.0"

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

typedef enum apical_error_kind {
  APICAL_OK = 0,
  APICAL_ERROR_ARGUMENT = 1,   ///< a name or value that does not exist or fit
  APICAL_ERROR_USAGE = 2,      ///< a command line that cannot be understood
  APICAL_ERROR_FILE = 3,       ///< cannot find, read or write a file
  APICAL_ERROR_FORMAT = 4,     ///< a file does not hold what it should
  APICAL_ERROR_MEMORY = 5,     ///< the machine has not enough memory
  APICAL_ERROR_DIVERGED = 6,   ///< a cost or an area is no longer finite
  APICAL_ERROR_INTERRUPTED = 7 ///< Ctrl-C, after the step in hand
} apical_error_kind;

typedef struct apical_error {
  int kind; ///< apical_error_kind
  char message[2048];
} apical_error;

/// Fills `error` (which may be null) and returns `kind`. The format is that of
/// printf, for integers, strings and `%g`.
int apical_fail(apical_error *error, int kind, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

//===----------------------------------------------------------------------===//
// Numbers as text, the same in every locale
//===----------------------------------------------------------------------===//

/// Parses a decimal number at `text`, as strtod in the C locale does. `*end`
/// is `text` if there is none.
double apical_parse_number(const char *text, const char **end);

/// Writes `value` with up to `digits` significant digits (17: exactly), as
/// "%.*g" in the C locale. Returns `buffer`.
char *apical_format_number(char *buffer, size_t size, double value, int digits);

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// Number of processors that this process may use, at least 1.
int apical_processors(void);

/// Number of threads that later calls of apical_parallel_for use; 0 chooses
/// the number of processors. Threads start at the first loop that needs them.
/// Not to be called while a loop runs.
void apical_set_threads(int threads);
int apical_threads(void);

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

/// Philox4x32-10: 128 random bits as a pure function of counter and key.
void apical_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/// The key of the stream `name` under `seed`.
uint64_t apical_stream_key(uint64_t seed, const char *name);

/// Fills order[0..count-1] with a permutation that depends on nothing but
/// seed, experiment, epoch and count.
void apical_shuffle(uint64_t seed, int64_t experiment, int64_t epoch, int64_t *order,
                    int64_t count);

//===----------------------------------------------------------------------===//
// Data files
//===----------------------------------------------------------------------===//

#define APICAL_MAX_RANK 8

typedef struct apical_data_info {
  int32_t type;                   ///< apical_type of an element
  int32_t rank;                   ///< of the whole file, rows included: 1..8
  int64_t shape[APICAL_MAX_RANK]; ///< shape[0] == rows
  int64_t rows;
  int64_t elements; ///< elements per row, the product of shape[1..]
} apical_data_info;

/// Bytes of one element of an apical_type, 0 for an unknown one.
int64_t apical_type_size(int32_t type);
/// Element i of an array of an apical_type.
double apical_number_at(const void *data, int32_t type, int64_t i);
/// "f32", "u8" ...
const char *apical_type_name(int32_t type);

/// Finds the file that a program calls `path` and writes its place to `out`.
/// An absolute path stands for itself; another is tried under each of the
/// `directory_count` directories in turn, then under $APICAL_DATA, ./data,
/// $XDG_DATA_HOME/apical (~/.local/share/apical), /usr/local/share/datasets
/// and /usr/share/datasets. In each place `path.gz` is tried after `path`.
/// The message of a failure lists the places.
int apical_data_find(const char *path, const char *const *directories, int directory_count,
                     char *out, size_t size, apical_error *error);

/// What the file holds. Reads the header only, except for CSV.
/// `format` is an apical_format. In a CSV file `field` selects one column,
/// "" all of them (rank 2). A selected column of whole numbers that fit is
/// APICAL_I32, everything else in a CSV file is APICAL_F64.
int apical_data_probe(const char *path, int32_t format, const char *field, apical_data_info *info,
                      apical_error *error);

/// Reads the whole file (or CSV column) into new memory at `*data`, rows
/// contiguous, native byte order; release it with free(). `info` may be null.
int apical_data_load(const char *path, int32_t format, const char *field, void **data,
                     apical_data_info *info, apical_error *error);

//===----------------------------------------------------------------------===//
// Instances
//===----------------------------------------------------------------------===//

/// Where a run stands: the next batch to present is number `batch` of pass
/// `epoch` of experiment `experiment` (== experiment_count when finished).
typedef struct apical_position {
  int64_t experiment;
  int64_t epoch;
  int64_t batch;
  int64_t trial; ///< training and simulation trials presented so far
} apical_position;

/// A program with memory for its states. Not safe for use by two threads at
/// once; different instances are independent.
typedef struct apical_instance apical_instance;

/// Makes an instance and gives every state its first value. `threads` is as
/// for apical_set_threads.
int apical_instance_create(const apical_program *program, uint64_t seed, int threads,
                           apical_instance **instance, apical_error *error);
void apical_instance_destroy(apical_instance *instance);

/// The same in memory of the caller's: apical_instance_size bytes, aligned to
/// 64, which stay his. Destroying is then not necessary.
int64_t apical_instance_size(const apical_program *program);
int apical_instance_place(const apical_program *program, uint64_t seed, void *memory,
                          apical_instance **instance, apical_error *error);

/// Zeroes the states, gives them their first values again under `seed` and
/// the present parameters, and moves to the start of the run.
int apical_instance_reset(apical_instance *instance, uint64_t seed, apical_error *error);

const apical_program *apical_instance_program(const apical_instance *instance);
uint64_t apical_instance_seed(const apical_instance *instance);
apical_position apical_instance_position(const apical_instance *instance);

/// Index of the parameter or state `name`, or -1 with a message that suggests
/// the nearest name.
int apical_find_param(const apical_program *program, const char *name, apical_error *error);
int apical_find_state(const apical_program *program, const char *name, apical_error *error);

/// Parameters, in SI units. A new value holds from the next trial on.
int apical_get_param(const apical_instance *instance, const char *name, double *value,
                     apical_error *error);
int apical_set_param(apical_instance *instance, const char *name, double value,
                     apical_error *error);

/// Sets "name=value" or "name=value unit"; a plain number and the unit in
/// which the source wrote the default are understood.
int apical_set_param_text(apical_instance *instance, const char *text, apical_error *error);

/// Understands such a text without setting anything: index and value in SI
/// units of the parameter that it names.
int apical_parse_setting(const apical_program *program, const char *text, int *index, double *value,
                         apical_error *error);

/// Logical elements of a state: the product of its shape.
int64_t apical_state_elements(const apical_state *state);
/// The state's memory, in its own type and padded layout.
void *apical_state_memory(apical_instance *instance, int state);
/// Copies a state to or from dense row-major memory, `elements` long, which
/// must be the state's number of elements. Reading converts from, writing to
/// the state's type; writing keeps the padding zero.
int apical_read_state(const apical_instance *instance, int state, double *out, int64_t elements,
                      apical_error *error);
int apical_write_state(apical_instance *instance, int state, const double *in, int64_t elements,
                       apical_error *error);
int apical_read_state_float(const apical_instance *instance, int state, float *out,
                            int64_t elements, apical_error *error);
int apical_write_state_float(apical_instance *instance, int state, const float *in,
                             int64_t elements, apical_error *error);
/// The same in the state's own type, bit for bit; `bytes` is elements * size.
int apical_read_state_raw(const apical_instance *instance, int state, void *out, int64_t bytes,
                          apical_error *error);
int apical_write_state_raw(apical_instance *instance, int state, const void *in, int64_t bytes,
                           apical_error *error);
/// CRC-32 of the dense little-endian elements, independent of the layout.
uint32_t apical_state_checksum(const apical_instance *instance, int state);

/// One call of an experiment's step on the caller's own rows, for hosts that
/// bring their own data. `columns` are in the order of the experiment's
/// columns with `samples` <= batch rows each; `results` has one place per
/// measure, sums as in program.h. Training steps count as trials. Labels out
/// of range are an error before anything runs. A column that is null counts as
/// zeros, for labels that only a cost reads. A full batch is read in place.
int apical_step_once(apical_instance *instance, int experiment, const void *const *columns,
                     const int64_t *rows, int64_t samples, int training, double *results,
                     apical_error *error);

/// What output number `output` of the experiment that ran last said of each
/// sample: rows of its `elements` numbers, until the next step.
const float *apical_instance_output(const apical_instance *instance, int output);

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

/// Writes all states, parameters and the position to a safetensors file. The
/// file appears whole or not at all; what was there becomes `path.prev`.
int apical_save(const apical_instance *instance, const char *path, apical_error *error);

/// Reads what apical_save wrote. The instance changes only if all of the file
/// is sound and belongs to this program. Numbers are converted where one of
/// the two computes in single and the other in double precision.
int apical_load(apical_instance *instance, const char *path, apical_error *error);

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

#define APICAL_MAX_LIST 256

/// An array in memory that takes the place of a data file. It is borrowed and
/// not copied: rows contiguous, native byte order.
typedef struct apical_array {
  const char *path;  ///< the file as the source names it
  const char *field; ///< the column of a CSV file, "" otherwise
  const void *data;
  apical_data_info info;
} apical_array;

/// Describes an array of `rank` sizes, rows first; path and field are borrowed.
int apical_array_init(apical_array *array, const char *path, const char *field, int32_t type,
                      int rank, const int64_t *shape, const void *data, apical_error *error);

/// The one of `count` arrays that takes the place of a column, or null.
const apical_array *apical_find_array(const apical_array *arrays, int count, const char *path,
                                      const char *field);

/// What to do in a run. Strings are borrowed: they must outlive the run.
typedef struct apical_run_options {
  uint64_t seed;         ///< --seed N (1)
  int seed_given;        ///< whether --seed was there
  int threads;           ///< --threads N (0: number of processors)
  const char *metrics;   ///< --metrics FILE, "-": standard output, or null
  int64_t metrics_every; ///< --metrics-every N (100)
  const char *probe;     ///< --probe FILE, "-": standard output, or null
  const char *save;      ///< --save FILE or null
  int64_t save_every;    ///< --save-every N epochs (1)
  const char *resume;    ///< --resume FILE or null
  int64_t epochs;        ///< --epochs N, 0: as the program says
  int quiet;             ///< --quiet
  int test_every_epoch;  ///< --test-every-epoch
  int list;              ///< --list
  int help;              ///< --help
  int setting_count;     ///< --set name=value
  const char *settings[APICAL_MAX_LIST];
  int directory_count; ///< --data DIR; hosts append the source's folder
  const char *directories[APICAL_MAX_LIST];
  int array_count; ///< only for programs that embed a model
  const apical_array *arrays;
} apical_run_options;

/// Defaults.
void apical_run_options_init(apical_run_options *options);

/// Understands one option at argv[*index] (`--name value` or `--name=value`)
/// and moves *index behind it. Returns 1 if it was one of the options above,
/// 0 if it is none of them (left alone), -1 if it is but cannot be used.
int apical_parse_option(int argc, char *const *argv, int *index, apical_run_options *options,
                        apical_error *error);

/// The name of option number `index`, "--seed"; null behind the last one.
const char *apical_option_name(int index);

/// The lines of --help about these options.
const char *apical_option_help(void);

/// Prints parameters, states and experiments.
void apical_list(const apical_program *program, FILE *out);

/// Makes an instance as the options say: seed, --set, --resume.
int apical_start(const apical_program *program, const apical_run_options *options,
                 apical_instance **instance, apical_error *error);

/// Runs the experiments from the instance's position on. SIGINT ends the run
/// after the step in hand, with APICAL_ERROR_INTERRUPTED.
int apical_run(apical_instance *instance, const apical_run_options *options, apical_error *error);

/// Seconds of a run that its host spent on something else, as compiling a step: they count in no rate that is printed.
void apical_apart(double seconds);

/// apical_start and apical_run; prints errors to stderr. Returns the exit code
/// of the process: 0, 1 for errors of the user's, 2 for usage, 130 for Ctrl-C.
int apical_run_program(const apical_program *program, const apical_run_options *options);

/// `main` of built executables.
int apical_main(int argc, char **argv, const apical_program *program);
/// The same with the first of several programs that this processor can run, or the last of them; a
/// NULL ends the list.
int apical_main_for(int argc, char **argv, const apical_program *const *programs);

#ifdef __cplusplus
}
#endif
#endif // APICAL_RUNTIME_H
