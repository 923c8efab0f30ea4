//===- compiled_in.c - a model as a part of a C program ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "exclusive_or.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static alignas(EXCLUSIVE_OR_ALIGNMENT) unsigned char memory[EXCLUSIVE_OR_SIZE];
static alignas(EXCLUSIVE_OR_ALIGNMENT) unsigned char other[EXCLUSIVE_OR_SIZE];

static int report(const exclusive_or_error *error) {
  fprintf(stderr, "%s\n", error->message);
  return 1;
}

int main(int argc, char **argv) {
  static const int32_t first[] = {0, 0, 1, 1}, second[] = {0, 1, 0, 1}, answer[] = {0, 1, 1, 0};
  if (argc != 2) {
    fputs("usage: compiled_in CHECKPOINT\n", stderr);
    return 2;
  }
  exclusive_or *model, *copy;
  exclusive_or_error error;
  double measures[EXCLUSIVE_OR_XOR_STEP_MEASURES];
  if (exclusive_or_init(1, memory, &model, &error) || exclusive_or_set(model, "rate", 0.4, &error))
    return report(&error);
  for (int k = 0; k < 500; ++k)
    if (exclusive_or_xor_step(model, 4, first, second, answer, measures, &error))
      return report(&error);

  // Another model, with other first values, takes over what was learned.
  if (exclusive_or_save(model, argv[1], &error) || exclusive_or_init(2, other, &copy, &error) ||
      exclusive_or_load(copy, argv[1], &error))
    return report(&error);
  float there[EXCLUSIVE_OR_STATE_xor_hidden_label_w_COUNT], here[sizeof there / sizeof *there];
  int state = EXCLUSIVE_OR_STATE_xor_hidden_label_w;
  if (exclusive_or_read(model, state, there, sizeof there / sizeof *there, &error) ||
      exclusive_or_read(copy, state, here, sizeof here / sizeof *here, &error))
    return report(&error);
  if (memcmp(there, here, sizeof there) != 0)
    return fputs("the copy has other weights\n", stderr), 1;

  const float *rate;
  if (exclusive_or_xor_infer(copy, 4, first, second, NULL, &rate, NULL, &error))
    return report(&error);
  for (int row = 0; row < 4; ++row) {
    printf("%d xor %d: %d\n", first[row], second[row], rate[2 * row + 1] > 0.5F);
    if ((rate[2 * row + 1] > 0.5F) != answer[row])
      return 1;
  }
  return 0;
}
