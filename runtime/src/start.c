//===- start.c - an instance as the command line wants it ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "instance.h"

/// With --epochs beyond what was trained, a run goes back to the first train
/// experiment that is now too short.
static void extendTraining(apical_instance *instance, int64_t epochs) {
  const apical_program *program = instance->program;
  for (int i = 0; i < program->experiment_count && i < instance->position.experiment; ++i) {
    const apical_experiment *e = &program->experiments[i];
    if (e->kind != APICAL_TRAIN || e->parent || e->trials || instance->epochsDone[i] >= epochs)
      continue;
    instance->position = (apical_position){i, instance->epochsDone[i], 0, instance->position.trial};
    instance->epoch.samples = instance->epoch.batches = 0;
    for (int m = 0; m < instance->measures; ++m)
      instance->epoch.sums[m] = 0;
    instance->testsOnly = 0;
    return;
  }
}

static int applySettings(apical_instance *instance, const apical_run_options *options,
                         apical_error *error) {
  for (int i = 0; i < options->setting_count; ++i) {
    int failed = apical_set_param_text(instance, options->settings[i], error);
    if (failed)
      return failed;
  }
  return 0;
}

static int resume(apical_instance *instance, const apical_run_options *options,
                  apical_error *error) {
  int failed = apical_load(instance, options->resume, error);
  if (failed)
    return failed;
  if (options->seed_given && options->seed != instance->seed)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "checkpoint %s is of a run with seed %llu, not %llu; leave out --seed to "
                       "go on with it",
                       options->resume, (unsigned long long)instance->seed,
                       (unsigned long long)options->seed);
  // What the command line sets counts for more than what was saved.
  if ((failed = applySettings(instance, options, error)))
    return failed;
  if (options->epochs)
    extendTraining(instance, options->epochs);
  return 0;
}

int apical_start(const apical_program *program, const apical_run_options *options,
                 apical_instance **out, apical_error *error) {
  apical_instance *instance;
  int failed = apical_instance_create(program, options->seed, options->threads, &instance, error);
  *out = NULL;
  if (failed)
    return failed;
  if (options->setting_count) {
    // First values may depend on the parameters.
    failed = applySettings(instance, options, error);
    if (!failed)
      failed = apical_instance_reset(instance, options->seed, error);
  }
  if (!failed && options->resume)
    failed = resume(instance, options, error);
  if (failed) {
    apical_instance_destroy(instance);
    return failed;
  }
  *out = instance;
  return 0;
}
