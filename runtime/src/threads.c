//===- threads.c - a pool of threads for loops of fixed split ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One loop runs at a time. Its range is cut into one part per thread, and each
// thread takes its own part first, piece by piece, so that what a processor has
// in its cache is used there again in the next loop; then it helps with the
// parts of others. A thread that is late, because its processor is busy with
// something else, is not waited for: only pieces that have been begun are. A
// worker that has nothing to do spins for a moment, because a network's step
// is a rapid series of loops, and then sleeps. A loop inside a loop, or beside
// a loop of another host thread, runs on its caller alone. The results are the
// same in all cases, since a loop's body may not depend on the split.
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 1024
#define SPINS 4000
#define PIECES 8 ///< of a part: how finely others can help

/// What is left of one thread's part. Alone on its cache lines.
struct part {
  _Alignas(128) atomic_int_fast64_t next;
  int64_t end, piece;
};

static struct {
  pthread_mutex_t owner; ///< held for the length of a loop
  pthread_mutex_t lock;  ///< guards the sleepers
  pthread_cond_t wake, done;
  atomic_uint_fast64_t generation; ///< of the loop that workers should run
  atomic_int open;                 ///< the loop may be entered
  atomic_int inside;               ///< workers in the loop
  atomic_int sleepers;
  atomic_int waiting; ///< the caller sleeps on `done`
  void (*fn)(void *, int64_t, int64_t);
  void *context;
  struct part *parts; ///< one per thread
  atomic_int wanted;  ///< threads asked for, 0: not yet
  int running;        ///< workers there are
  int stop;
  int spins;
  pthread_t *workers;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static _Thread_local int insideLoop;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/// Takes pieces of the parts, the own one first, until none is left.
static void runParts(int own, int parts) {
  for (int k = 0; k < parts; ++k) {
    struct part *part = &pool.parts[(own + k) % parts];
    for (;;) {
      int64_t lo = atomic_fetch_add(&part->next, part->piece);
      if (lo >= part->end)
        break;
      pool.fn(pool.context, lo, lo + part->piece < part->end ? lo + part->piece : part->end);
    }
  }
}

static void openLoop(void (*fn)(void *, int64_t, int64_t), void *context, int64_t count) {
  int parts = pool.running + 1;
  pool.fn = fn;
  pool.context = context;
  for (int k = 0; k < parts; ++k) {
    int64_t lo = (int64_t)((__int128)count * k / parts);
    int64_t hi = (int64_t)((__int128)count * (k + 1) / parts);
    atomic_store(&pool.parts[k].next, lo);
    pool.parts[k].end = hi;
    pool.parts[k].piece = (hi - lo + PIECES - 1) / PIECES;
    if (!pool.parts[k].piece)
      pool.parts[k].piece = 1;
  }
  atomic_store(&pool.open, 1);
}

/// A worker that comes after the loop has been closed must not touch it: either
/// it sees that, or the caller sees the worker inside and waits.
static void visitLoop(int own) {
  atomic_fetch_add(&pool.inside, 1);
  if (atomic_load(&pool.open))
    runParts(own, pool.running + 1);
  if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.waiting)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.lock);
  }
}

static void *work(void *argument) {
  int part = (int)(intptr_t)argument;
  uint_fast64_t seen = 0;
  insideLoop = 1;
  for (;;) {
    for (int i = 0; i < pool.spins && atomic_load(&pool.generation) == seen; ++i)
      relax();
    if (atomic_load(&pool.generation) == seen) {
      pthread_mutex_lock(&pool.lock);
      atomic_fetch_add(&pool.sleepers, 1);
      while (atomic_load(&pool.generation) == seen)
        pthread_cond_wait(&pool.wake, &pool.lock);
      atomic_fetch_sub(&pool.sleepers, 1);
      pthread_mutex_unlock(&pool.lock);
    }
    seen = atomic_load(&pool.generation);
    if (pool.stop)
      return NULL;
    visitLoop(part);
  }
}

/// Lets the workers see what has been written to the pool.
static void announce(void) {
  atomic_fetch_add(&pool.generation, 1);
  if (atomic_load(&pool.sleepers)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
}

static void releasePool(void) {
  free(pool.workers);
  free(pool.parts);
  pool.workers = NULL;
  pool.parts = NULL;
}

static void stopWorkers(void) {
  if (!pool.running)
    return;
  pool.stop = 1;
  announce();
  for (int i = 0; i < pool.running; ++i)
    pthread_join(pool.workers[i], NULL);
  pool.running = 0;
  pool.stop = 0;
  releasePool();
}

/// A forked child has none of the workers; its first loop starts new ones.
static void forgetWorkers(void) {
  pthread_mutex_init(&pool.owner, NULL);
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pthread_cond_init(&pool.done, NULL);
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.waiting, 0);
  atomic_store(&pool.inside, 0);
  atomic_store(&pool.open, 0);
  releasePool();
  pool.running = 0;
}

static void watchForks(void) { (void)pthread_atfork(NULL, NULL, forgetWorkers); }

static void startWorkers(int count) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watchForks);
  // Workers of an earlier pool are gone: those to come have seen nothing.
  atomic_store(&pool.generation, 0);
  pool.workers = malloc((size_t)count * sizeof *pool.workers);
  pool.parts = aligned_alloc(128, ((size_t)count + 1) * sizeof *pool.parts);
  if (!pool.workers || !pool.parts) {
    releasePool();
    pool.wanted = 1;
    return;
  }
  // Spinning helps only while every thread has a processor.
  pool.spins = count + 1 <= apical_processors() ? SPINS : 0;
  int started = 0;
  while (started < count &&
         pthread_create(&pool.workers[started], NULL, work, (void *)(intptr_t)(started + 1)) == 0)
    ++started;
  pool.running = started;
  pool.wanted = started + 1; // fewer if the system has no more to give
  if (!started)
    releasePool();
}

int apical_processors(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}

void apical_set_threads(int threads) {
  if (threads <= 0)
    threads = apical_processors();
  if (threads > MAX_THREADS)
    threads = MAX_THREADS;
  pthread_mutex_lock(&pool.owner);
  if (pool.running && pool.running + 1 != threads)
    stopWorkers();
  pool.wanted = threads;
  pthread_mutex_unlock(&pool.owner);
}

int apical_threads(void) {
  if (!pool.wanted)
    apical_set_threads(0);
  return pool.wanted;
}

void apical_parallel_for(void (*fn)(void *, int64_t, int64_t), void *context, int64_t count) {
  if (count <= 0)
    return;
  if (count == 1 || insideLoop || apical_threads() == 1 ||
      pthread_mutex_trylock(&pool.owner) != 0) {
    fn(context, 0, count);
    return;
  }
  if (!pool.running)
    startWorkers(pool.wanted - 1);
  if (!pool.running) {
    pthread_mutex_unlock(&pool.owner);
    fn(context, 0, count);
    return;
  }
  openLoop(fn, context, count);
  announce();
  insideLoop = 1;
  runParts(0, pool.running + 1);
  insideLoop = 0;
  atomic_store(&pool.open, 0);
  for (int i = 0; i < pool.spins && atomic_load(&pool.inside); ++i)
    relax();
  if (atomic_load(&pool.inside)) {
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.waiting, 1);
    while (atomic_load(&pool.inside))
      pthread_cond_wait(&pool.done, &pool.lock);
    atomic_store(&pool.waiting, 0);
    pthread_mutex_unlock(&pool.lock);
  }
  pthread_mutex_unlock(&pool.owner);
}
