//===- from_c.c - compiles, trains and asks a model from C ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/compiler.h"

#include <stdio.h>

static int report(const apical_error *error) {
  fprintf(stderr, "%s\n", error->message);
  return 1;
}

/// The number of the first experiment of a kind.
static int find(const apical_program *program, apical_experiment_kind kind) {
  for (int i = 0; i < program->experiment_count; ++i)
    if (program->experiments[i].kind == (int32_t)kind)
      return i;
  return -1;
}

static int train(apical_instance *instance, const char *checkpoint) {
  static const int32_t first[] = {0, 0, 1, 1}, second[] = {0, 1, 0, 1}, answer[] = {0, 1, 1, 0};
  const void *columns[] = {first, second, answer}, *questions[] = {first, second, NULL};
  const apical_program *program = apical_instance_program(instance);
  apical_error error = {0};
  double measures[16];
  int training = find(program, APICAL_TRAIN), test = find(program, APICAL_TEST);
  for (int k = 0; k < 500; ++k)
    if (apical_step_once(instance, training, columns, NULL, 4, 1, measures, &error))
      return report(&error);
  printf("%s at the end: %g\n", program->experiments[training].measures[0].name, measures[0] / 4);
  if (apical_save(instance, checkpoint, &error) || apical_load(instance, checkpoint, &error))
    return report(&error);
  if (apical_step_once(instance, test, questions, NULL, 4, 0, NULL, &error))
    return report(&error);
  const float *rate = apical_instance_output(instance, 0);
  for (int row = 0; row < 4; ++row) {
    printf("%d xor %d: %d\n", first[row], second[row], rate[2 * row + 1] > 0.5F);
    if ((rate[2 * row + 1] > 0.5F) != answer[row])
      return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: from_c MODEL CHECKPOINT\n", stderr);
    return 2;
  }
  apical_compilation *compilation = apical_compile_file(argv[1], NULL);
  const apical_program *program = apical_compilation_program(compilation);
  fputs(apical_compilation_diagnostics(compilation, APICAL_TEXT), stderr);
  apical_instance *instance = NULL;
  apical_error error = {0};
  int status = 1;
  if (program)
    status = apical_instance_create(program, /*seed=*/1, /*threads=*/1, &instance, &error)
                 ? report(&error)
                 : train(instance, argv[2]);
  apical_instance_destroy(instance);
  apical_compilation_destroy(compilation);
  return status;
}
