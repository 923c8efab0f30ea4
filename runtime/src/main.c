//===- main.c - main of built executables ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "instance.h"

#include <string.h>

static int exitCode(const apical_error *error) {
  switch (error->kind) {
  case APICAL_OK:
    return 0;
  case APICAL_ERROR_USAGE:
    return 2;
  case APICAL_ERROR_INTERRUPTED:
    return 130;
  default:
    return 1;
  }
}

static int unknownOption(const char *program, const char *text, apical_error *error) {
  const char *names[64];
  char name[64];
  int count = 0;
  while (count < 64 && (names[count] = apical_option_name(count)))
    ++count;
  snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
  unknownName("option", name, names, count, error);
  size_t used = strlen(error->message);
  snprintf(error->message + used, sizeof error->message - used, "; see %s --help", program);
  return error->kind = APICAL_ERROR_USAGE;
}

static int report(const apical_error *error) {
  fprintf(stderr, "%s: %s\n", error->kind == APICAL_ERROR_INTERRUPTED ? "note" : "error",
          error->message);
  return exitCode(error);
}

int apical_run_program(const apical_program *program, const apical_run_options *options) {
  apical_error error = {0};
  apical_instance *instance;
  if (apical_start(program, options, &instance, &error))
    return report(&error);
  int failed = apical_run(instance, options, &error);
  apical_instance_destroy(instance);
  return failed ? report(&error) : 0;
}

int apical_main(int argc, char **argv, const apical_program *program) {
  apical_run_options options;
  apical_error error = {0};
  const char *name = argc > 0 && argv[0] ? argv[0] : "model";
  apical_run_options_init(&options);
  for (int i = 1; i < argc;) {
    int result = apical_parse_option(argc, argv, &i, &options, &error);
    if (result == 0)
      unknownOption(name, argv[i], &error);
    if (result <= 0)
      return report(&error);
  }
  if (options.directory_count < APICAL_MAX_LIST) // where a model would look beside itself
    options.directories[options.directory_count++] = ".";
  if (options.help) {
    printf("usage: %s [options]\n\nruns the experiments of %s.\n\n%s", name, program->name,
           apical_option_help());
    return fflush(stdout) == 0 ? 0 : 1;
  }
  if (options.list) {
    apical_list(program, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
  }
  return apical_run_program(program, &options);
}

int apical_main_for(int argc, char **argv, const apical_program *const *programs) {
  apical_error ignored;
  while (programs[1] && checkProcessor((*programs)->processor, &ignored))
    ++programs;
  return apical_main(argc, argv, *programs);
}
