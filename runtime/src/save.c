//===- save.c - writing checkpoints ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file is written beside its place, flushed to the disk and then renamed,
// so that at every moment a whole checkpoint is there.
//
//===----------------------------------------------------------------------===//
#include "checkpoint.h"
#include "header.h"
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "checkpoints are written as they are in memory, which must be little-endian"
#endif

static int64_t stateBytes(const apical_state *s) {
  return apical_state_elements(s) * apical_type_size(s->type);
}

static void appendPair(text *t, const char *key, const char *name, const char *value) {
  char whole[1024];
  snprintf(whole, sizeof whole, "%s%s", key, name);
  appendText(t, ",");
  appendQuoted(t, whole);
  appendText(t, ":");
  appendQuoted(t, value);
}

static void appendMetadata(text *t, const apical_instance *instance) {
  const apical_program *program = instance->program;
  char number[64];
  appendText(t, "\"__metadata__\":{\"" CHECKSUM_KEY "\":\"00000000\"");
  appendPair(t, "format", "", CHECKPOINT_FORMAT);
  appendPair(t, "apical", "", APICAL_VERSION);
  appendPair(t, "program", "", program->name);
  appendPair(t, "hash", "", program->hash);
  snprintf(number, sizeof number, "%llu", (unsigned long long)instance->seed);
  appendPair(t, "seed", "", number);
  const apical_position *p = &instance->position;
  const struct {
    const char *key;
    int64_t value;
  } counts[] = {{"experiment", p->experiment},
                {"epoch", p->epoch},
                {"batch", p->batch},
                {"trial", p->trial},
                {"epoch_samples", instance->epoch.samples},
                {"epoch_batches", instance->epoch.batches}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
    snprintf(number, sizeof number, "%lld", (long long)counts[i].value);
    appendPair(t, counts[i].key, "", number);
  }
  for (int i = 0; i < program->experiment_count; ++i) {
    char index[16];
    snprintf(index, sizeof index, "%d", i);
    snprintf(number, sizeof number, "%lld", (long long)instance->epochsDone[i]);
    appendPair(t, "epochs_done:", index, number);
  }
  for (int i = 0; i < instance->measures; ++i) {
    char index[16];
    snprintf(index, sizeof index, "%d", i);
    appendPair(t, "epoch_sum:", index,
               apical_format_number(number, sizeof number, instance->epoch.sums[i], 17));
  }
  for (int i = 0; i < program->param_count; ++i)
    appendPair(t, "param:", program->params[i].name,
               apical_format_number(number, sizeof number, instance->params[i], 17));
  for (int i = 0; i < program->state_count; ++i) {
    snprintf(number, sizeof number, "%08x", (unsigned)apical_state_checksum(instance, i));
    appendPair(t, "crc32:", program->states[i].name, number);
  }
  appendText(t, "}");
}

/// Wide elements first, so that each array is aligned to its elements.
static void orderStates(const apical_program *program, int *order) {
  int n = 0;
  for (int64_t size = 8; size; size /= 2)
    for (int i = 0; i < program->state_count; ++i)
      if (apical_type_size(program->states[i].type) == size)
        order[n++] = i;
}

static void makeHeader(const apical_instance *instance, const int *order, text *t) {
  const apical_program *program = instance->program;
  int64_t offset = 0;
  appendText(t, "{");
  appendMetadata(t, instance);
  for (int i = 0; i < program->state_count; ++i) {
    const apical_state *s = &program->states[order[i]];
    appendText(t, ",");
    appendQuoted(t, s->name);
    appendText(t, ":{\"dtype\":\"%s\",\"shape\":[", tensorTypeName(s->type));
    for (int d = 0; d < s->rank; ++d)
      appendText(t, "%s%lld", d ? "," : "", (long long)s->shape[d]);
    appendText(t, "],\"data_offsets\":[%lld,%lld]}", (long long)offset,
               (long long)(offset + stateBytes(s)));
    offset += stateBytes(s);
  }
  appendText(t, "}");
  while (!t->failed && t->length % 8)
    appendText(t, " ");
  char *place = t->failed ? NULL : strstr(t->bytes, CHECKSUM_KEY);
  if (!place)
    return;
  uLong sum = crc32_z(crc32(0, NULL, 0), (const Bytef *)t->bytes, t->length);
  char digits[9];
  snprintf(digits, sizeof digits, "%08x", (unsigned)sum);
  memcpy(place + strlen(CHECKSUM_KEY) + 3, digits, 8);
}

static int writeBytes(int file, const void *bytes, int64_t size) {
  for (const char *at = bytes; size;) {
    ssize_t n = write(file, at, size > 1 << 30 ? 1u << 30 : (size_t)size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      if (n == 0)
        errno = ENOSPC;
      return -1;
    }
    at += n;
    size -= n;
  }
  return 0;
}

static int writeStates(int file, const apical_instance *instance, const int *order,
                       apical_error *error) {
  const apical_program *program = instance->program;
  for (int i = 0; i < program->state_count; ++i) {
    int64_t bytes = stateBytes(&program->states[order[i]]);
    void *dense = malloc(bytes ? (size_t)bytes : 1);
    if (!dense)
      return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to save '%s'",
                         program->states[order[i]].name);
    int failed = apical_read_state_raw(instance, order[i], dense, bytes, error);
    if (!failed && writeBytes(file, dense, bytes) != 0)
      failed = -1;
    int number = errno;
    free(dense);
    errno = number;
    if (failed)
      return failed;
  }
  return 0;
}

/// Returns 0, an error that has been described, or -1 with errno set.
static int writeFile(const char *path, const apical_instance *instance, apical_error *error) {
  text t = {0};
  int *order = calloc((size_t)instance->program->state_count + 1, sizeof *order);
  int failed = 0, file = -1;
  if (order) {
    orderStates(instance->program, order);
    makeHeader(instance, order, &t);
  }
  if (!order || t.failed)
    failed = apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to save a checkpoint");
  if (!failed && (file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
    failed = -1;
  uint64_t length = t.length;
  if (!failed &&
      (writeBytes(file, &length, 8) != 0 || writeBytes(file, t.bytes, (int64_t)t.length) != 0))
    failed = -1;
  if (!failed)
    failed = writeStates(file, instance, order, error);
  if (!failed && fsync(file) != 0)
    failed = -1;
  int number = errno;
  if (file >= 0 && close(file) != 0 && !failed) {
    failed = -1;
    number = errno;
  }
  free(order);
  free(t.bytes);
  errno = number;
  return failed;
}

/// Makes the present file at `path`, if there is one, also reachable as
/// `path.prev`. It stays in its place until the new one is renamed over it.
static int keepPrevious(const char *path) {
  char link1[PATH_MAX], previous[PATH_MAX];
  if (access(path, F_OK) != 0)
    return 0;
  snprintf(link1, sizeof link1, "%s.prev.%ld", path, (long)getpid());
  snprintf(previous, sizeof previous, "%s.prev", path);
  unlink(link1);
  if (link(path, link1) != 0) // a file system without hard links
    return rename(path, previous);
  int result = rename(link1, previous);
  int number = errno;
  unlink(link1);
  errno = number;
  return result;
}

static void syncFolder(const char *path) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return;
  (void)fsync(folder); // not every file system can; the file itself is safe
  close(folder);
}

int apical_save(const apical_instance *instance, const char *path, apical_error *error) {
  char target[PATH_MAX], temporary[PATH_MAX];
  // Through a symbolic link, the file that it names is replaced.
  if (!realpath(path, target))
    snprintf(target, sizeof target, "%s", path);
  if (strlen(path) + 40 > sizeof target || strlen(target) + 40 > sizeof temporary)
    return apical_fail(error, APICAL_ERROR_FILE, "cannot save: the path %.80s... is too long",
                       path);
  struct stat status;
  if (stat(target, &status) == 0 && !S_ISREG(status.st_mode))
    return apical_fail(error, APICAL_ERROR_FILE,
                       "cannot save to %s: it is not a regular file; name another", path);
  snprintf(temporary, sizeof temporary, "%.*s.tmp.%ld", (int)(sizeof temporary - 32), target,
           (long)getpid());
  int failed = writeFile(temporary, instance, error);
  if (!failed && (keepPrevious(target) != 0 || rename(temporary, target) != 0))
    failed = -1;
  if (failed) {
    int number = errno;
    unlink(temporary);
    if (failed > 0)
      return failed;
    const char *hint = number == ENOSPC || number == EDQUOT || number == EFBIG
                           ? "make room and run again"
                       : number == ENOENT ? "make its folder first"
                                          : "choose another place";
    return apical_fail(error, APICAL_ERROR_FILE,
                       "cannot save the checkpoint %s: %s; %s. an earlier checkpoint there is "
                       "unchanged",
                       path, strerror(number), hint);
  }
  syncFolder(target);
  return 0;
}
