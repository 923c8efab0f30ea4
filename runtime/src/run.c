//===- run.c - the loop over experiments, epochs and batches ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The instance's position always names the next batch to present, so that a
// run can stop after any step and go on from there. Nothing that is only
// watching (progress, metrics, tests between epochs) may change the states.
//
//===----------------------------------------------------------------------===//
#include "instance.h"
#include "metrics.h"
#include "progress.h"
#include "table.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
  apical_instance *instance;
  const apical_program *program;
  const apical_run_options *options;
  apical_error *error;
  loaded *cache;
  FILE *metrics, *probes;
  progress progress;
  totals window; ///< since the last "step" record
  double started;
  int64_t savedTrial; ///< position of the last checkpoint, to save none twice
  int64_t savedExperiment;
  int unsettled; ///< the experiment whose settling has been warned of, or -1
  double *sizes; ///< of areas in the mean, behind the last step of the experiment `sized`, or -1
  int sized;
} run;

static volatile sig_atomic_t interrupted;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// What the host spent on other things since the process began.
static double apart;
void apical_apart(double spent) { apart += spent; }
static double worked(void) { return seconds() - apart; }

/// The first Ctrl-C ends the run after the step in hand, a second one ends the
/// process. Some senders signal both the process and its group, so what comes
/// at the same moment counts once.
static void interrupt(int number) {
  static volatile double first;
  if (!interrupted) {
    first = seconds();
    interrupted = 1;
  } else if (seconds() - first > 0.5) {
    signal(number, SIG_DFL);
    raise(number);
  }
}

static void addTotals(totals *t, const double *results, int count, int64_t samples) {
  for (int i = 0; i < count; ++i)
    t->sums[i] += results[i];
  t->samples += samples;
  ++t->batches;
}

static void clearTotals(totals *t, int count) {
  for (int i = 0; i < count; ++i)
    t->sums[i] = 0;
  t->samples = t->batches = 0;
}

//===----------------------------------------------------------------------===//
// Records and checkpoints
//===----------------------------------------------------------------------===//

static int writeMetrics(run *r, const char *event, int index, int64_t epoch, const totals *t,
                        const char *status) {
  if (!r->metrics)
    return 0;
  record entry = {.event = event,
                  .experiment = index >= 0 ? &r->program->experiments[index] : NULL,
                  .index = index,
                  .step = r->instance->position.trial,
                  .epoch = epoch,
                  .seed = r->instance->seed,
                  .seconds = seconds() - r->started,
                  .totals = t,
                  .status = status};
  if (writeRecord(r->metrics, &entry) == 0)
    return 0;
  return apical_fail(r->error, APICAL_ERROR_FILE, "cannot write metrics to %s: %s",
                     r->options->metrics, strerror(errno ? errno : EIO));
}

/// What the step just run tells about its samples.
static int writeProbed(run *r, int index, int64_t step, int64_t epoch, const int64_t *rows,
                       int64_t samples) {
  const apical_experiment *e = &r->program->experiments[index];
  if (!r->probes || e->output_count == 0)
    return 0;
  record entry = {.event = "probe",
                  .experiment = e,
                  .index = index,
                  .step = step,
                  .epoch = epoch,
                  .seed = r->instance->seed};
  if (writeProbes(r->probes, &entry, r->instance->outputs, rows, samples) == 0)
    return 0;
  return apical_fail(r->error, APICAL_ERROR_FILE, "cannot write probes to %s: %s",
                     r->options->probe, strerror(errno ? errno : EIO));
}

/// Passes over its data that a training has made; for a test, the last training of its network before it.
static int64_t epochsTrained(const run *r, int index) {
  const apical_experiment *experiments = r->program->experiments;
  for (int i = index + 1; i-- > 0;)
    if (experiments[i].kind == APICAL_TRAIN &&
        strcmp(experiments[i].network, experiments[index].network) == 0)
      return r->instance->epochsDone[i];
  return 0;
}

static int save(run *r) {
  const apical_position *p = &r->instance->position;
  if (!r->options->save ||
      (r->savedTrial == p->trial && r->savedExperiment == p->experiment && p->batch == 0))
    return 0;
  int failed = apical_save(r->instance, r->options->save, r->error);
  if (!failed) {
    r->savedTrial = p->trial;
    r->savedExperiment = p->experiment;
  }
  return failed;
}

//===----------------------------------------------------------------------===//
// Divergence
//===----------------------------------------------------------------------===//

/// The name of a measure as messages have it: 'hidden', or 'hidden' in phase 'settled'.
typedef struct quoted {
  char text[400];
} quoted;

static quoted quote(const apical_measure *m) {
  quoted q;
  if (m->phase[0])
    snprintf(q.text, sizeof q.text, "'%s' in phase '%s'", m->name, m->phase);
  else
    snprintf(q.text, sizeof q.text, "'%s'", m->name);
  return q;
}

/// Fails if a cost or an area is no longer finite. Areas are named first, in
/// the order of the table: the first is where the trouble starts. Says how
/// large it was before.
static int checkFinite(run *r, int index, const table *t, int64_t samples) {
  const apical_experiment *e = &r->program->experiments[index];
  const double *results = r->instance->results;
  const apical_measure *culprit = NULL;
  for (int i = 0; i < e->measure_count; ++i) {
    const apical_measure *m = &e->measures[i];
    if (isfinite(results[i]) || (isShown(m) && m->kind != APICAL_COST))
      continue;
    if (!culprit || (culprit->kind == APICAL_COST && m->kind != APICAL_COST))
      culprit = m;
  }
  if (!culprit) {
    for (int i = 0; i < e->measure_count; ++i)
      r->sizes[i] = results[i] / (double)samples;
    r->sized = index;
    return 0;
  }
  const apical_run_options *o = r->options;
  char before[64] = "";
  if (culprit->kind == APICAL_HEALTH && r->sized == index)
    snprintf(before, sizeof before, ", and had the mean size %.3g a step before",
             r->sizes[culprit - e->measures]);
  // Before anything was learnt it is what the cost compares with.
  int first = culprit->kind == APICAL_COST && r->instance->position.trial == 0;
  // In the first step nothing has been learnt: what relaxes does so by itself.
  int inPhase = culprit->phase[0] && r->instance->position.trial == 0;
  int unlearned = r->instance->position.trial == 0;
  char data[400];
  int64_t row = 0;
  int column = notFinite(t, samples, &row);
  if (column >= 0)
    snprintf(data, sizeof data, "row %lld of column '%s' is not finite: mend the data",
             (long long)row, e->columns[column].name);
  const char *mend =
      column >= 0 ? data
      : first     ? "nothing had been learned yet: look at what the first samples present; a "
                    "class of `one_hot` that is not one of its numbers has no place"
      : inPhase   ? "let its units move less in a tick, run fewer ticks, or start from "
                    "smaller weights"
      : unlearned ? "nothing had been learned yet: look at the data, at what is divided "
                    "by, and at the initial values"
                  : "lower the learning rate, bound the weights or clip the gradient";
  return apical_fail(
      r->error, APICAL_ERROR_DIVERGED,
      "%s: %s %s is no longer finite at step %lld, epoch %lld: it is %s%s; %s%s%s", e->network,
      culprit->kind == APICAL_COST ? "cost" : "area", quote(culprit).text,
      (long long)r->instance->position.trial + 1, (long long)r->instance->position.epoch + 1,
      isnan(results[culprit - e->measures]) ? "not a number" : "beyond 3.4e+38", before, mend,
      o->save ? ". the last good checkpoint, if there was one, is kept: " : "",
      o->save ? o->save : "");
}

/// Warns, once in an experiment, of an area that a phase left before it settled: of the one that moves most.
static void checkSettled(run *r, int index) {
  const apical_experiment *e = &r->program->experiments[index];
  const double *results = r->instance->results;
  int worst = -1;
  for (int i = 0; i < e->measure_count && r->unsettled != index; ++i)
    if (e->measures[i].kind == APICAL_RESIDUAL && results[i] != 0 &&
        (worst < 0 || results[i] > results[worst]))
      worst = i;
  if (worst < 0)
    return;
  r->unsettled = index;
  fprintf(stderr,
          "warning: %s: area %s has not settled at step %lld: it still changes by %.3g a tick; "
          "run more ticks or raise the tolerance\n",
          e->network, quote(&e->measures[worst]).text, (long long)r->instance->position.trial + 1,
          results[worst]);
}

//===----------------------------------------------------------------------===//
// Tests between epochs
//===----------------------------------------------------------------------===//

/// Copies of what a test might change: it must not influence training.
typedef struct backup {
  void **states;
  apical_position position;
} backup;

static int mayChange(const apical_state *s) {
  return s->role == APICAL_LASTING; // rows of item states are only stored while training
}

static int makeBackup(run *r, backup *b) {
  int count = r->program->state_count;
  b->position = r->instance->position;
  b->states = calloc((size_t)count + 1, sizeof *b->states);
  for (int i = 0; b->states && i < count; ++i) {
    const apical_state *s = &r->program->states[i];
    if (!mayChange(s))
      continue;
    b->states[i] = malloc(s->bytes ? (size_t)s->bytes : 1);
    if (!b->states[i])
      return apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory for --test-every-epoch");
    memcpy(b->states[i], r->instance->states[i], (size_t)s->bytes);
  }
  return b->states ? 0
                   : apical_fail(r->error, APICAL_ERROR_MEMORY,
                                 "not enough memory for --test-every-epoch");
}

static void restoreBackup(run *r, backup *b) {
  for (int i = 0; b->states && i < r->program->state_count; ++i) {
    if (b->states[i])
      memcpy(r->instance->states[i], b->states[i], (size_t)r->program->states[i].bytes);
    free(b->states[i]);
  }
  free(b->states);
  r->instance->position = b->position;
}

static int testNow(run *r, int index, int64_t epoch) {
  const apical_experiment *e = &r->program->experiments[index];
  table t;
  totals sums = {.sums = calloc((size_t)e->measure_count + 1, sizeof(double))};
  int failed = openTable(&t, r->program, e, &r->cache, r->options, r->error);
  if (!failed && !sums.sums)
    failed = apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory for a test");
  double start = worked();
  int64_t count = failed || t.order || !e->trials ? (failed ? 0 : batchesPerEpoch(&t)) : e->trials;
  int64_t trial = r->instance->position.trial;
  for (int64_t batch = 0; !failed && !interrupted && batch < count; ++batch) {
    int64_t samples = gatherBatch(&t, batch);
    callStep(r->instance, index, (const void *const *)t.batch, t.batchRows, samples, trial + batch,
             0, batch + 1 == count);
    addTotals(&sums, r->instance->results, e->measure_count, samples);
    failed = writeProbed(r, index, trial, epoch, t.batchRows, samples);
  }
  if (!failed && !interrupted) {
    char what[64];
    snprintf(what, sizeof what, "test after epoch %lld", (long long)epoch);
    printResult(&r->progress, e, what, &sums, worked() - start);
    failed = writeMetrics(r, "test", index, epoch, &sums, NULL);
  }
  closeTable(&t);
  free(sums.sums);
  return failed;
}

/// Runs the test experiments that follow experiment `index` and belong to its
/// network, as a spectator.
static int testBetweenEpochs(run *r, int index, int64_t epoch) {
  backup b = {0};
  int failed = makeBackup(r, &b);
  for (int i = index + 1; !failed && i < r->program->experiment_count; ++i) {
    const apical_experiment *e = &r->program->experiments[i];
    if (e->parent)
      continue;
    if (e->kind != APICAL_TEST)
      break;
    if (strcmp(e->network, r->program->experiments[index].network) == 0)
      failed = testNow(r, i, epoch);
  }
  restoreBackup(r, &b);
  return failed;
}

//===----------------------------------------------------------------------===//
// Experiments
//===----------------------------------------------------------------------===//

/// How long an experiment is.
typedef struct extent {
  int64_t perEpoch; ///< batches in a pass
  int64_t epochs;   ///< passes, the last one perhaps partial
  int64_t last;     ///< batches in the last pass
} extent;

static extent measureExtent(const run *r, const apical_experiment *e, const table *t) {
  extent x = {batchesPerEpoch(t), e->epochs > 0 ? e->epochs : 1, 0};
  if (e->kind == APICAL_TRAIN && !e->trials && !e->parent && r->options->epochs)
    x.epochs = r->options->epochs;
  x.last = x.perEpoch;
  if (e->trials > 0) {
    if (!t->order)
      x.perEpoch = e->trials;
    x.epochs = (e->trials - 1) / x.perEpoch + 1;
    x.last = e->trials - (x.epochs - 1) * x.perEpoch;
  }
  return x;
}

/// Runs an experiment that stands in another, between two trials of that. It
/// has its own samples, and its trials count among all trials.
static int runInside(run *r, int index) {
  const apical_experiment *e = &r->program->experiments[index];
  apical_instance *instance = r->instance;
  int learning = e->kind != APICAL_TEST;
  table t;
  totals sums = {.sums = calloc((size_t)e->measure_count + 1, sizeof(double))};
  int failed = openTable(&t, r->program, e, &r->cache, r->options, r->error);
  if (!failed && !sums.sums)
    failed = apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory for an experiment");
  extent x = {0};
  if (!failed)
    x = measureExtent(r, e, &t);
  double start = worked();
  int64_t presented = 0;
  for (int64_t epoch = 0; !failed && epoch < x.epochs; ++epoch) {
    if (t.order && e->shuffle && learning)
      apical_shuffle(instance->seed, index, instance->epochsDone[index], t.order, t.rows);
    int64_t batches = epoch + 1 == x.epochs ? x.last : x.perEpoch;
    clearTotals(&sums, e->measure_count);
    for (int64_t batch = 0; !failed && batch < batches; ++batch) {
      int64_t samples = gatherBatch(&t, batch), trial = instance->position.trial;
      callStep(instance, index, (const void *const *)t.batch, t.batchRows, samples,
               learning ? trial : trial + presented, learning, batch + 1 == x.perEpoch);
      ++presented;
      failed = learning ? checkFinite(r, index, &t, samples) : 0;
      instance->position.trial += learning;
      addTotals(&sums, instance->results, e->measure_count, samples);
      if (!failed && !learning)
        failed = writeProbed(r, index, trial, -1, t.batchRows, samples);
    }
    if (!failed)
      ++instance->epochsDone[index];
  }
  if (!failed) {
    printResult(&r->progress, e, learning ? "inside: epoch" : "inside: test", &sums,
                worked() - start);
    failed = writeMetrics(r, learning ? "epoch" : "test", index,
                          learning ? instance->epochsDone[index] : -1, &sums, NULL);
  }
  closeTable(&t);
  free(sums.sums);
  return failed;
}

/// What stands in experiment `index` and is due after the batch that it has just seen.
static int runDue(run *r, int index, const extent *x) {
  const apical_position *p = &r->instance->position;
  int64_t done = p->epoch * x->perEpoch + p->batch;
  int64_t passes = p->batch == x->perEpoch ? p->epoch + 1 : 0;
  for (int i = 0; i < r->program->experiment_count; ++i) {
    const apical_experiment *e = &r->program->experiments[i];
    if (e->parent != index + 1)
      continue;
    if (e->every ? done % e->every : !passes || passes % e->every_epochs)
      continue;
    int failed = runInside(r, i);
    if (failed)
      return failed;
  }
  return 0;
}

static int presentBatch(run *r, int index, table *t, int64_t trialOffset, int epochEnd) {
  apical_instance *instance = r->instance;
  const apical_experiment *e = t->experiment;
  apical_position *p = &instance->position;
  int learning = e->kind != APICAL_TEST;
  int64_t samples = gatherBatch(t, p->batch);
  callStep(instance, index, (const void *const *)t->batch, t->batchRows, samples,
           p->trial + trialOffset, learning, epochEnd);
  int failed = learning ? checkFinite(r, index, t, samples) : 0;
  if (learning && !failed)
    checkSettled(r, index);
  if (failed)
    return failed;
  addTotals(&instance->epoch, instance->results, e->measure_count, samples);
  ++p->batch;
  if (learning)
    ++p->trial;
  failed = writeProbed(r, index, p->trial, learning ? p->epoch : epochsTrained(r, index),
                       t->batchRows, samples);
  if (failed || !learning)
    return failed;
  if (!r->metrics)
    return 0;
  addTotals(&r->window, instance->results, e->measure_count, samples);
  if (p->trial % r->options->metrics_every != 0)
    return 0;
  failed = writeMetrics(r, "step", index, p->epoch, &r->window, NULL);
  clearTotals(&r->window, instance->measures);
  return failed;
}

static int stopHere(run *r, const apical_experiment *e, const extent *x) {
  int failed = save(r);
  if (failed)
    return failed;
  const apical_position *p = &r->instance->position;
  const char *file = r->options->save;
  return apical_fail(r->error, APICAL_ERROR_INTERRUPTED,
                     "stopped in %s, %s %lld of %lld, after batch %lld of %lld%s%s", e->network,
                     e->kind == APICAL_TEST ? "test pass" : "epoch", (long long)p->epoch + 1,
                     (long long)x->epochs, (long long)p->batch, (long long)x->perEpoch,
                     file ? "; go on with --resume " : "; nothing is saved without --save FILE",
                     file ? file : "");
}

static int finishEpoch(run *r, int index, const extent *x, double spent) {
  apical_instance *instance = r->instance;
  apical_position *p = &instance->position;
  const apical_experiment *e = &r->program->experiments[index];
  char what[96];
  int test = e->kind == APICAL_TEST;
  if (x->epochs > 1 || !test)
    snprintf(what, sizeof what, "%s %lld/%lld", test ? "test" : "epoch", (long long)p->epoch + 1,
             (long long)x->epochs);
  else
    snprintf(what, sizeof what, "test");
  printResult(&r->progress, e, what, &instance->epoch, spent);
  int64_t epoch = ++p->epoch;
  p->batch = 0;
  instance->epochsDone[index] = epoch;
  int failed = writeMetrics(r, test ? "test" : "epoch", index,
                            test ? epochsTrained(r, index) : epoch, &instance->epoch, NULL);
  clearTotals(&instance->epoch, instance->measures);
  clearTotals(&r->window, instance->measures);
  if (failed || test)
    return failed;
  if (epoch % r->options->save_every == 0 && epoch < x->epochs && (failed = save(r)))
    return failed;
  if (r->options->test_every_epoch && e->kind == APICAL_TRAIN && epoch < x->epochs)
    return testBetweenEpochs(r, index, epoch);
  return 0;
}

static int runEpoch(run *r, int index, table *t, const extent *x) {
  apical_position *p = &r->instance->position;
  const apical_experiment *e = t->experiment;
  int64_t batches = p->epoch + 1 == x->epochs ? x->last : x->perEpoch;
  int64_t first = p->batch;
  double start = worked();
  if (t->order && e->shuffle && e->kind != APICAL_TEST)
    apical_shuffle(r->instance->seed, index, p->epoch, t->order, t->rows);
  int64_t before = r->instance->epoch.samples;
  while (p->batch < batches) {
    if (interrupted)
      return stopHere(r, e, x);
    int64_t offset = e->kind == APICAL_TEST ? p->epoch * x->perEpoch + p->batch : 0;
    int failed = presentBatch(r, index, t, offset, p->batch + 1 == x->perEpoch);
    if (!failed)
      failed = runDue(r, index, x);
    if (failed)
      return failed;
    if (!r->progress.bar)
      continue;
    double now = seconds(), spent = worked() - start;
    double done = (double)p->epoch * (double)x->perEpoch + (double)p->batch;
    double all = (double)(x->epochs - 1) * (double)x->perEpoch + (double)x->last;
    double perBatch = spent / (double)(p->batch - first);
    drawBar(&r->progress, e, p->epoch + 1, x->epochs, done / all, &r->instance->epoch,
            spent > 0 ? (double)(r->instance->epoch.samples - before) / spent : 0,
            (all - done) * perBatch, now);
  }
  return finishEpoch(r, index, x, worked() - start);
}

static int runExperiment(run *r, int index) {
  const apical_experiment *e = &r->program->experiments[index];
  apical_position *p = &r->instance->position;
  table t;
  int failed = openTable(&t, r->program, e, &r->cache, r->options, r->error);
  if (!failed) {
    extent x = measureExtent(r, e, &t);
    if (p->batch > x.perEpoch)
      failed = apical_fail(r->error, APICAL_ERROR_ARGUMENT,
                           "cannot go on at batch %lld: an epoch of %s has %lld; resume with the "
                           "data of the interrupted run",
                           (long long)p->batch, e->network, (long long)x.perEpoch);
    while (!failed && p->epoch < x.epochs)
      failed = runEpoch(r, index, &t, &x);
  }
  closeTable(&t);
  if (failed)
    return failed;
  *p = (apical_position){p->experiment + 1, 0, 0, p->trial};
  clearTotals(&r->instance->epoch, r->instance->measures);
  return 0;
}

static int runAll(run *r) {
  apical_instance *instance = r->instance;
  apical_position *p = &instance->position;
  int testsOnly = instance->testsOnly;
  if (testsOnly) {
    p->experiment = 0;
    if (r->progress.lines)
      fprintf(r->progress.lines, "the checkpoint is of a finished run: only its tests are run "
                                 "(--epochs N trains on)\n");
  }
  while (p->experiment < r->program->experiment_count) {
    int index = (int)p->experiment;
    const apical_experiment *e = &r->program->experiments[index];
    if (e->parent || (testsOnly && e->kind != APICAL_TEST)) {
      ++p->experiment;
      continue;
    }
    int failed = runExperiment(r, index);
    // A run of tests only that was stopped is still a finished run.
    if (testsOnly && failed)
      *p = (apical_position){r->program->experiment_count, 0, 0, p->trial};
    if (failed)
      return failed;
    // Training is dear: keep it before the tests begin.
    if (r->program->experiments[index].kind != APICAL_TEST && (failed = save(r)))
      return failed;
  }
  instance->testsOnly = 1;
  return save(r);
}

static int openRecords(run *r, const char *what, const char *path, FILE **file) {
  if (!path)
    return 0;
  if (strcmp(path, "-") == 0) {
    *file = stdout;
    return 0;
  }
  *file = fopen(path, r->options->resume ? "a" : "w");
  return *file ? 0
               : apical_fail(r->error, APICAL_ERROR_FILE, "cannot write %s to %s: %s", what, path,
                             strerror(errno));
}

static int openProbes(run *r) {
  int probed = 0;
  for (int i = 0; i < r->program->experiment_count; ++i)
    for (int k = 0; k < r->program->experiments[i].output_count; ++k)
      probed += !r->program->experiments[i].outputs[k].item;
  if (r->options->probe && !probed)
    return apical_fail(r->error, APICAL_ERROR_ARGUMENT,
                       "--probe has nothing to write: no experiment of the model has a line such "
                       "as `probe hidden.rate`");
  return openRecords(r, "probes", r->options->probe, &r->probes);
}

static int closeRecords(run *r, const char *what, const char *path, FILE *file) {
  if (!file || file == stdout || fclose(file) == 0)
    return 0;
  return apical_fail(r->error, APICAL_ERROR_FILE, "cannot write %s to %s: %s", what, path,
                     strerror(errno));
}

/// Whether checkpoints can be written is found out before the training, not after its first epoch.
static int checkFolder(run *r) {
  const char *path = r->options->save;
  const char *slash = path ? strrchr(path, '/') : NULL;
  if (!slash)
    return 0;
  char *folder = strdup(path);
  if (!folder)
    return apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory for a run");
  folder[slash == path ? 1 : slash - path] = 0;
  int there = access(folder, F_OK) == 0;
  int number = errno;
  free(folder);
  return there ? 0
               : apical_fail(r->error, APICAL_ERROR_FILE,
                             "cannot save the checkpoint %s: %s; make its folder first", path,
                             strerror(number));
}

int apical_run(apical_instance *instance, const apical_run_options *options, apical_error *error) {
  apical_error local;
  run r = {.instance = instance,
           .program = instance->program,
           .options = options,
           .error = error ? error : &local,
           .started = seconds(),
           .savedTrial = -1,
           .unsettled = -1,
           .sized = -1};
  int toStdout = (options->metrics && strcmp(options->metrics, "-") == 0) ||
                 (options->probe && strcmp(options->probe, "-") == 0);
  openProgress(&r.progress, options->quiet, toStdout);
  r.window.sums = calloc((size_t)instance->measures + 1, sizeof *r.window.sums);
  r.sizes = calloc((size_t)instance->measures + 1, sizeof *r.sizes);
  if (!r.window.sums || !r.sizes) {
    free(r.window.sums);
    free(r.sizes);
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for a run");
  }
  struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART}, before;
  struct sigaction ignore = {.sa_handler = SIG_IGN}, beforeSize;
  interrupted = 0;
  sigaction(SIGINT, &action, &before);
  sigaction(SIGXFSZ, &ignore, &beforeSize); // a file too large is an error of write()
  int failed = openRecords(&r, "metrics", options->metrics, &r.metrics);
  if (!failed)
    failed = openProbes(&r);
  if (!failed)
    failed = checkFolder(&r);
  if (!failed)
    failed = runAll(&r);
  clearBar(&r.progress);
  apical_error first = *r.error; // the first failure is the one to report
  int result = 0;
  const apical_position *p = &instance->position; // where the run ended
  int last = (int)p->experiment < r.program->experiment_count ? (int)p->experiment
                                                              : r.program->experiment_count - 1;
  if (r.metrics)
    result = writeMetrics(&r, "end", last, last < 0 ? -1 : epochsTrained(&r, last), NULL,
                          !failed                              ? "finished"
                          : failed == APICAL_ERROR_INTERRUPTED ? "interrupted"
                                                               : "failed");
  int closed = closeRecords(&r, "metrics", options->metrics, r.metrics);
  int closedProbes = closeRecords(&r, "probes", options->probe, r.probes);
  if (failed)
    *r.error = first;
  else
    failed = result ? result : closed ? closed : closedProbes;
  sigaction(SIGINT, &before, NULL);
  sigaction(SIGXFSZ, &beforeSize, NULL);
  freeLoaded(r.cache);
  free(r.window.sums);
  free(r.sizes);
  return failed;
}
