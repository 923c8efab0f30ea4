//===- options.c - the command line of a run ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void apical_run_options_init(apical_run_options *options) {
  memset(options, 0, sizeof *options);
  options->seed = 1;
  options->metrics_every = 100;
  options->save_every = 1;
}

enum {
  SEED,
  THREADS,
  METRICS,
  METRICS_EVERY,
  PROBE,
  SAVE,
  SAVE_EVERY,
  RESUME,
  EPOCHS,
  SET,
  DATA,
  QUIET,
  TEST_EVERY_EPOCH,
  LIST,
  HELP,
  NONE
};

static const struct {
  const char *name;
  int takesValue;
} known[] = {{"--seed", 1},
             {"--threads", 1},
             {"--metrics", 1},
             {"--metrics-every", 1},
             {"--probe", 1},
             {"--save", 1},
             {"--save-every", 1},
             {"--resume", 1},
             {"--epochs", 1},
             {"--set", 1},
             {"--data", 1},
             {"--quiet", 0},
             {"--test-every-epoch", 0},
             {"--list", 0},
             {"--help", 0}};

static int parseCount(const char *name, const char *text, int64_t least, int64_t most, int64_t *out,
                      apical_error *error) {
  char *end;
  errno = 0;
  long long value = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : (end = NULL, 0);
  if (!end || *end || errno || value < least || value > most) {
    apical_fail(error, APICAL_ERROR_USAGE,
                "%s expects a whole number from %lld to %lld, found '%s'", name, (long long)least,
                (long long)most, text);
    return -1;
  }
  *out = value;
  return 1;
}

static int parseSeed(const char *text, uint64_t *out, apical_error *error) {
  char *end;
  errno = 0;
  *out = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : (end = NULL, 0);
  if (end && !*end && !errno)
    return 1;
  apical_fail(error, APICAL_ERROR_USAGE,
              "--seed expects a whole number from 0 to 18446744073709551615, found '%s'", text);
  return -1;
}

static int append(const char *name, const char **list, int *count, const char *value,
                  apical_error *error) {
  if (*count == APICAL_MAX_LIST) {
    apical_fail(error, APICAL_ERROR_USAGE, "%s is given more than %d times", name, APICAL_MAX_LIST);
    return -1;
  }
  list[(*count)++] = value;
  return 1;
}

static int applyOption(int which, const char *value, apical_run_options *o, apical_error *error) {
  const int64_t most = (int64_t)1 << 40;
  const char *name = known[which].name;
  int64_t number = 0;
  int result;
  switch (which) {
  case SEED:
    o->seed_given = 1;
    return parseSeed(value, &o->seed, error);
  case THREADS:
    result = parseCount(name, value, 0, 1024, &number, error);
    o->threads = (int)number;
    return result;
  case METRICS:
    o->metrics = value;
    return 1;
  case METRICS_EVERY:
    return parseCount(name, value, 1, most, &o->metrics_every, error);
  case PROBE:
    o->probe = value;
    return 1;
  case SAVE:
    o->save = value;
    return 1;
  case SAVE_EVERY:
    return parseCount(name, value, 1, most, &o->save_every, error);
  case RESUME:
    o->resume = value;
    return 1;
  case EPOCHS:
    return parseCount(name, value, 1, most, &o->epochs, error);
  case SET:
    return append(name, o->settings, &o->setting_count, value, error);
  case DATA:
    return append(name, o->directories, &o->directory_count, value, error);
  case QUIET:
    o->quiet = 1;
    return 1;
  case TEST_EVERY_EPOCH:
    o->test_every_epoch = 1;
    return 1;
  case LIST:
    o->list = 1;
    return 1;
  default:
    o->help = 1;
    return 1;
  }
}

int apical_parse_option(int argc, char *const *argv, int *index, apical_run_options *options,
                        apical_error *error) {
  const char *text = argv[*index];
  if (strcmp(text, "-h") == 0)
    text = "--help";
  size_t length = strcspn(text, "=");
  int which = 0;
  while (which < NONE &&
         (strlen(known[which].name) != length || memcmp(text, known[which].name, length) != 0))
    ++which;
  if (which == NONE)
    return 0;
  const char *name = known[which].name, *value = NULL;
  if (!known[which].takesValue && text[length]) {
    apical_fail(error, APICAL_ERROR_USAGE, "%s takes no value", name);
    return -1;
  }
  if (known[which].takesValue) {
    if (text[length])
      value = text + length + 1;
    else if (*index + 1 < argc)
      value = argv[++*index];
    if (!value || !*value) {
      apical_fail(error, APICAL_ERROR_USAGE, "%s needs a value; see --help", name);
      return -1;
    }
  }
  ++*index;
  return applyOption(which, value, options, error);
}

const char *apical_option_name(int index) {
  return index >= 0 && index < NONE ? known[index].name : NULL;
}

const char *apical_option_help(void) {
  return "  --set NAME=VALUE     change a parameter; a plain number is in the unit of its default\n"
         "  --seed N             seed of all random numbers (1)\n"
         "  --threads N          threads to use; results do not depend on it (all processors)\n"
         "  --epochs N           passes over the data of every train experiment\n"
         "  --data DIR           look for data files here first; may be repeated\n"
         "  --metrics FILE       write records of the run as JSON lines, - for standard output\n"
         "  --metrics-every N    steps between two records (100)\n"
         "  --probe FILE         write what `probe` lines name as JSON lines, one for each sample\n"
         "  --test-every-epoch   run the tests that follow also after each epoch of training\n"
         "  --save FILE          write checkpoints here; the one before is kept as FILE.prev\n"
         "  --save-every N       epochs between two checkpoints (1)\n"
         "  --resume FILE        go on from a checkpoint\n"
         "  --quiet              print errors only\n"
         "  --list               print parameters, states and experiments\n"
         "  --help               print this\n";
}
