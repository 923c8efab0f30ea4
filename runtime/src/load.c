//===- load.c - reading checkpoints ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is checked before anything is changed. The checks, in order: the
// lengths; the checksum of the header; its JSON; that the tensors fill the
// file without holes or overlaps; that they are this program's; the checksum
// of each; the position. A damaged file is told from another model's.
//
//===----------------------------------------------------------------------===//
#include "checkpoint.h"
#include "header.h"
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_HEADER ((int64_t)100 << 20)
#define MAX_COUNT ((int64_t)1 << 50) ///< of trials, epochs ...

typedef struct reader {
  const char *path;
  char *bytes; ///< the whole file
  int64_t size, headerLength;
  const char *data; ///< behind the header
  header header;
  apical_error *error;
} reader;

static int damaged(reader *r, const char *what) {
  return apical_fail(r->error, APICAL_ERROR_FORMAT,
                     "checkpoint %s is damaged: %s; use another checkpoint, such as %s.prev",
                     r->path, what, r->path);
}

static int readBytes(int file, reader *r) {
  for (int64_t at = 0; at < r->size;) {
    int64_t left = r->size - at;
    ssize_t n = read(file, r->bytes + at, left > 1 << 30 ? 1u << 30 : (size_t)left);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return apical_fail(r->error, APICAL_ERROR_FILE, "cannot read checkpoint %s: %s", r->path,
                         strerror(errno));
    if (n == 0)
      return damaged(r, "it became shorter while it was read");
    at += n;
  }
  return 0;
}

static int readFile(reader *r) {
  int file = open(r->path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    char previous[4096];
    snprintf(previous, sizeof previous, "%s.prev", r->path);
    return apical_fail(r->error, APICAL_ERROR_FILE, "cannot open checkpoint %s: %s%s%s", r->path,
                       strerror(errno), access(previous, R_OK) == 0 ? "; there is " : "",
                       access(previous, R_OK) == 0 ? previous : "");
  }
  struct stat status;
  int failed = 0;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
    failed = apical_fail(r->error, APICAL_ERROR_FILE,
                         "cannot read checkpoint %s: it is not a regular file", r->path);
  if (!failed) {
    r->size = (int64_t)status.st_size;
    r->bytes = malloc(r->size ? (size_t)r->size : 1);
    failed = r->bytes ? readBytes(file, r)
                      : apical_fail(r->error, APICAL_ERROR_MEMORY,
                                    "not enough memory to read checkpoint %s", r->path);
  }
  close(file);
  return failed;
}

/// Finds `value` of the header's checksum without trusting the JSON.
static const char *findChecksum(const char *bytes, int64_t length) {
  static const char key[] = "\"" CHECKSUM_KEY "\":\"";
  int64_t n = (int64_t)sizeof key - 1;
  for (int64_t i = 0; i + n + 8 <= length; ++i)
    if (bytes[i] == '"' && memcmp(bytes + i, key, (size_t)n) == 0)
      return bytes + i + n;
  return NULL;
}

static int checkHeader(reader *r) {
  uint64_t length = 0;
  if (r->size >= 8)
    memcpy(&length, r->bytes, 8);
  if (r->size < 8 || r->bytes[8 < r->size ? 8 : 0] != '{')
    return apical_fail(r->error, APICAL_ERROR_FORMAT,
                       "%s is not a checkpoint: expected a safetensors file, which starts with "
                       "a length and '{'; name a file that --save wrote",
                       r->path);
  if (length > (uint64_t)MAX_HEADER || (int64_t)length > r->size - 8)
    return damaged(r, "its header would be longer than the file");
  r->headerLength = (int64_t)length;
  r->data = r->bytes + 8 + r->headerLength;
  const char *checksum = findChecksum(r->bytes + 8, r->headerLength);
  if (!checksum)
    return apical_fail(r->error, APICAL_ERROR_FORMAT,
                       "checkpoint %s has no checksum: it was not written by apical or is "
                       "damaged; name a file that --save wrote",
                       r->path);
  const Bytef *start = (const Bytef *)r->bytes + 8;
  int64_t before = checksum - (r->bytes + 8);
  uLong sum = crc32_z(crc32(0, NULL, 0), start, (z_size_t)before);
  sum = crc32_z(sum, (const Bytef *)"00000000", 8);
  sum = crc32_z(sum, (const Bytef *)checksum + 8, (z_size_t)(r->headerLength - before - 8));
  char digits[9];
  snprintf(digits, sizeof digits, "%08x", (unsigned)sum);
  if (memcmp(digits, checksum, 8) != 0)
    return damaged(r, "the checksum of its header does not match");
  int failed = parseHeader(r->path, r->bytes + 8, r->headerLength, &r->header, r->error);
  if (failed)
    return failed;
  const char *format = findMetadata(&r->header, "format");
  if (!format || strcmp(format, CHECKPOINT_FORMAT) != 0)
    return apical_fail(r->error, APICAL_ERROR_FORMAT,
                       "checkpoint %s has the format '%s', expected '" CHECKPOINT_FORMAT
                       "'; it was written by another version of apical",
                       r->path, format ? format : "");
  return 0;
}

static int byOffset(const void *a, const void *b) {
  const tensor *x = a, *y = b;
  if (x->from != y->from)
    return x->from < y->from ? -1 : 1;
  return (x->to > y->to) - (x->to < y->to);
}

static int checkLayout(reader *r) {
  header *h = &r->header;
  int64_t at = 0;
  if (h->tensorCount)
    qsort(h->tensors, (size_t)h->tensorCount, sizeof *h->tensors, byOffset);
  for (int64_t i = 0; i < h->tensorCount; ++i) {
    if (h->tensors[i].from != at)
      return damaged(r, h->tensors[i].from < at ? "two tensors overlap"
                                                : "there is a hole between its tensors");
    at = h->tensors[i].to;
  }
  int64_t there = r->size - 8 - r->headerLength;
  if (at != there) {
    char text[120];
    snprintf(text, sizeof text, "its tensors need %lld bytes, but %lld are there", (long long)at,
             (long long)there);
    return damaged(r, text);
  }
  return 0;
}

static void appendShape(text *t, int rank, const int64_t *shape) {
  appendText(t, "[");
  for (int i = 0; i < rank; ++i)
    appendText(t, "%s%lld", i ? ", " : "", (long long)shape[i]);
  appendText(t, "]");
}

/// Single and double precision: the interpreter computes in the latter.
static int isReal(int32_t type) { return type == APICAL_F32 || type == APICAL_F64; }

static int sameShape(const apical_state *s, const tensor *t) {
  int convertible = s->type == t->type || (isReal(s->type) && isReal(t->type));
  if (!convertible || s->rank != t->rank)
    return 0;
  for (int i = 0; i < s->rank; ++i)
    if (s->shape[i] != t->shape[i])
      return 0;
  return 1;
}

/// Finds the tensor of each state. The message of a failure lists what is
/// missing, unknown or of another shape.
static int matchStates(reader *r, const apical_program *program, const tensor **found) {
  text t = {0};
  int differences = 0;
  const int most = 8;
  for (int64_t i = 0; i < r->header.tensorCount; ++i) {
    const tensor *tensor = &r->header.tensors[i];
    int s = 0;
    while (s < program->state_count && strcmp(program->states[s].name, tensor->name) != 0)
      ++s;
    if (s == program->state_count) {
      if (differences++ < most)
        appendText(&t, "\n  '%.100s' is not in the program", tensor->name);
      continue;
    }
    if (found[s]) {
      free(t.bytes);
      return damaged(r, "a tensor is there twice");
    }
    found[s] = tensor;
    const apical_state *state = &program->states[s];
    if (sameShape(state, tensor) || differences++ >= most)
      continue;
    appendText(&t, "\n  '%.100s' is %s ", tensor->name, tensorTypeName(tensor->type));
    appendShape(&t, tensor->rank, tensor->shape);
    appendText(&t, ", in the program %s ", tensorTypeName(state->type));
    appendShape(&t, state->rank, state->shape);
  }
  for (int s = 0; s < program->state_count; ++s)
    if (!found[s] && differences++ < most)
      appendText(&t, "\n  '%.100s' is missing", program->states[s].name);
  const char *hash = findMetadata(&r->header, "hash");
  const char *name = findMetadata(&r->header, "program");
  int failed = 0;
  if (t.failed)
    failed = apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory to read %s", r->path);
  else if (differences > most)
    appendText(&t, "\n  and %d more", differences - most);
  if (!failed && differences)
    failed = apical_fail(r->error, APICAL_ERROR_FORMAT,
                         "checkpoint %s belongs to another model (%s); use the program that "
                         "wrote it. what differs:%s",
                         r->path, name ? name : "unknown", t.bytes ? t.bytes : "");
  else if (!failed && (!hash || strcmp(hash, program->hash) != 0))
    failed = apical_fail(r->error, APICAL_ERROR_FORMAT,
                         "checkpoint %s belongs to another model (%s, %s): its tensors have the "
                         "same names and shapes as those of %s (%s), but another meaning; use "
                         "the program that wrote it",
                         r->path, name ? name : "unknown", hash ? hash : "no hash", program->name,
                         program->hash);
  free(t.bytes);
  return failed;
}

static int checkData(reader *r, const apical_program *program, const tensor **found) {
  for (int s = 0; s < program->state_count; ++s) {
    char key[1024], digits[9], message[256];
    snprintf(key, sizeof key, "crc32:%s", program->states[s].name);
    const char *expected = findMetadata(&r->header, key);
    uLong sum = crc32_z(crc32(0, NULL, 0), (const Bytef *)r->data + found[s]->from,
                        (z_size_t)(found[s]->to - found[s]->from));
    snprintf(digits, sizeof digits, "%08x", (unsigned)sum);
    if (!expected || strcmp(expected, digits) != 0) {
      snprintf(message, sizeof message, "the checksum of '%.150s' does not match",
               program->states[s].name);
      return damaged(r, message);
    }
  }
  return 0;
}

static int readCount(reader *r, const char *key, int64_t *out) {
  const char *value = findMetadata(&r->header, key);
  char message[128];
  int64_t n = 0;
  int bad = !value || !*value;
  for (const char *at = value; !bad && *at; ++at) {
    bad = *at < '0' || *at > '9' || n > MAX_COUNT;
    n = bad ? 0 : 10 * n + (*at - '0');
  }
  if (bad || n > MAX_COUNT) {
    snprintf(message, sizeof message, "its '%.60s' is not a number", key);
    return damaged(r, message);
  }
  *out = n;
  return 0;
}

static int readSeed(reader *r, uint64_t *seed) {
  const char *value = findMetadata(&r->header, "seed");
  if (!value || *value < '0' || *value > '9')
    return damaged(r, "it has no seed");
  char *end;
  errno = 0;
  *seed = strtoull(value, &end, 10);
  return *end || errno ? damaged(r, "its seed is not a number") : 0;
}

static int readNumber(reader *r, const char *key, const char *name, double *out) {
  char whole[1024], message[256];
  snprintf(whole, sizeof whole, "%s%s", key, name);
  const char *value = findMetadata(&r->header, whole), *end = value;
  if (value)
    *out = apical_parse_number(value, &end);
  if (!value || end == value || *end) {
    snprintf(message, sizeof message, "its '%.120s' is not a number", whole);
    return damaged(r, message);
  }
  return 0;
}

/// What the metadata say about the run; applied when all is well.
typedef struct progress {
  apical_position position;
  uint64_t seed;
  int64_t samples, batches;
  int64_t *epochsDone;
  double *sums, *params;
} progress;

static int readProgress(reader *r, const apical_instance *instance, progress *p) {
  const apical_program *program = instance->program;
  int failed = 0;
  if ((failed = readSeed(r, &p->seed)) ||
      (failed = readCount(r, "experiment", &p->position.experiment)) ||
      (failed = readCount(r, "epoch", &p->position.epoch)) ||
      (failed = readCount(r, "batch", &p->position.batch)) ||
      (failed = readCount(r, "trial", &p->position.trial)) ||
      (failed = readCount(r, "epoch_samples", &p->samples)) ||
      (failed = readCount(r, "epoch_batches", &p->batches)))
    return failed;
  char index[64], key[1024];
  for (int i = 0; i < program->param_count; ++i) {
    // A parameter that the source has gained since keeps its value.
    p->params[i] = instance->params[i];
    snprintf(key, sizeof key, "param:%s", program->params[i].name);
    if (findMetadata(&r->header, key) &&
        (failed = readNumber(r, "param:", program->params[i].name, &p->params[i])))
      return failed;
  }
  // The experiments may have been edited since: a model is still the same if
  // its states are, and then the position counts for as much as is known.
  for (int i = 0; i < program->experiment_count; ++i) {
    snprintf(index, sizeof index, "epochs_done:%d", i);
    if (findMetadata(&r->header, index) && (failed = readCount(r, index, &p->epochsDone[i])))
      return failed;
  }
  for (int i = 0; i < instance->measures; ++i) {
    snprintf(index, sizeof index, "%d", i);
    snprintf(key, sizeof key, "epoch_sum:%d", i);
    if (findMetadata(&r->header, key) && (failed = readNumber(r, "epoch_sum:", index, &p->sums[i])))
      return failed;
  }
  if (p->position.experiment > program->experiment_count)
    p->position = (apical_position){program->experiment_count, 0, 0, p->position.trial};
  return 0;
}

static int writeState(reader *r, apical_instance *instance, int index, const tensor *t) {
  const apical_state *state = &instance->program->states[index];
  int64_t elements = apical_state_elements(state), bytes = t->to - t->from;
  if (t->type == state->type)
    return apical_write_state_raw(instance, index, r->data + t->from, bytes, r->error);
  // The bytes in the file are not aligned to the elements.
  void *numbers = malloc(bytes ? (size_t)bytes : 1);
  if (!numbers)
    return apical_fail(r->error, APICAL_ERROR_MEMORY, "not enough memory to read %s", r->path);
  memcpy(numbers, r->data + t->from, (size_t)bytes);
  int failed = t->type == APICAL_F64
                   ? apical_write_state(instance, index, numbers, elements, r->error)
                   : apical_write_state_float(instance, index, numbers, elements, r->error);
  free(numbers);
  return failed;
}

static int apply(reader *r, apical_instance *instance, const tensor **found, const progress *p) {
  const apical_program *program = instance->program;
  for (int s = 0; s < program->state_count; ++s) {
    int failed = writeState(r, instance, s, found[s]);
    if (failed)
      return failed;
  }
  instance->seed = p->seed;
  instance->position = p->position;
  instance->epoch.samples = p->samples;
  instance->epoch.batches = p->batches;
  for (int i = 0; i < program->param_count; ++i)
    instance->params[i] = p->params[i];
  for (int i = 0; i < program->experiment_count; ++i)
    instance->epochsDone[i] = p->epochsDone[i];
  for (int i = 0; i < instance->measures; ++i)
    instance->epoch.sums[i] = p->sums[i];
  instance->testsOnly = p->position.experiment == program->experiment_count;
  return 0;
}

int apical_load(apical_instance *instance, const char *path, apical_error *error) {
  const apical_program *program = instance->program;
  reader r = {.path = path, .error = error};
  progress p = {0};
  const tensor **found = calloc((size_t)program->state_count + 1, sizeof *found);
  p.epochsDone = calloc((size_t)program->experiment_count + 1, sizeof *p.epochsDone);
  p.sums = calloc((size_t)instance->measures + 1, sizeof *p.sums);
  p.params = calloc((size_t)program->param_count + 1, sizeof *p.params);
  int failed = 0;
  if (!found || !p.epochsDone || !p.sums || !p.params)
    failed = apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to read %s", path);
  if (!failed && !(failed = readFile(&r)) && !(failed = checkHeader(&r)) &&
      !(failed = checkLayout(&r)) && !(failed = matchStates(&r, program, found)) &&
      !(failed = checkData(&r, program, found)) && !(failed = readProgress(&r, instance, &p)))
    failed = apply(&r, instance, found, &p);
  freeHeader(&r.header);
  free(r.bytes);
  free(found);
  free(p.epochsDone);
  free(p.sums);
  free(p.params);
  return failed;
}
