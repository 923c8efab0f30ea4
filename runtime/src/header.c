//===- header.c - parser for the header of a safetensors file ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The grammar has a fixed depth, so there is no recursion to exhaust:
//
//   header   = { (string : tensor | "__metadata__" : { string : string, ... }), ... }
//   tensor   = { "dtype": string, "shape": [count, ...], "data_offsets": [count, count] }
//
//===----------------------------------------------------------------------===//
#include "header.h"

#include <stdlib.h>
#include <string.h>

typedef struct parser {
  const char *path, *start, *at, *end;
  apical_error *error;
} parser;

static int damaged(parser *p, const char *expected) {
  return apical_fail(p->error, APICAL_ERROR_FORMAT,
                     "%s is damaged: expected %s at byte %lld of the header; use another "
                     "checkpoint, such as %s.prev",
                     p->path, expected, (long long)(p->at - p->start), p->path);
}

static int outOfMemory(parser *p) {
  return apical_fail(p->error, APICAL_ERROR_MEMORY, "not enough memory to read %s", p->path);
}

static void skipSpace(parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
    ++p->at;
}

static int take(parser *p, char c) {
  skipSpace(p);
  if (p->at == p->end || *p->at != c)
    return 0;
  ++p->at;
  return 1;
}

static int hexDigit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// Reads \uXXXX (the cursor is behind the u) as UTF-8. No surrogates: names of
/// a program do not need them.
static char *takeCodePoint(parser *p, char *out) {
  int code = 0;
  if (p->end - p->at < 4)
    return NULL;
  for (int i = 0; i < 4; ++i) {
    int digit = hexDigit(*p->at++);
    if (digit < 0)
      return NULL;
    code = code << 4 | digit;
  }
  if (code == 0 || (code >= 0xD800 && code < 0xE000))
    return NULL;
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xC0 | code >> 6);
    *out++ = (char)(0x80 | (code & 63));
  } else {
    *out++ = (char)(0xE0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 63));
    *out++ = (char)(0x80 | (code & 63));
  }
  return out;
}

static int takeString(parser *p, char **out) {
  *out = NULL;
  if (!take(p, '"'))
    return damaged(p, "a string");
  const char *close = p->at;
  while (close < p->end && *close != '"')
    close += *close == '\\' ? 2 : 1;
  if (close >= p->end)
    return damaged(p, "the end of a string");
  char *string = malloc((size_t)(close - p->at) + 1), *to = string;
  if (!string)
    return outOfMemory(p);
  while (p->at < close) {
    char c = *p->at++;
    if ((unsigned char)c < 32) {
      free(string);
      return damaged(p, "no control character");
    }
    if (c != '\\') {
      *to++ = c;
      continue;
    }
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    c = *p->at++;
    const char *found = c ? strchr(from, c) : NULL;
    char *next = found ? to + 1 : c == 'u' ? takeCodePoint(p, to) : NULL;
    if (!next) {
      free(string);
      return damaged(p, "an escape sequence");
    }
    if (found)
      *to = into[found - from];
    to = next;
  }
  p->at = close + 1;
  *to = 0;
  *out = string;
  return 0;
}

static int takeCount(parser *p, int64_t *value) {
  skipSpace(p);
  if (p->at == p->end || *p->at < '0' || *p->at > '9')
    return damaged(p, "a number");
  *value = 0;
  for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; ++p->at)
    if (__builtin_mul_overflow(*value, (int64_t)10, value) ||
        __builtin_add_overflow(*value, (int64_t)(*p->at - '0'), value))
      return damaged(p, "a number of a possible size");
  return 0;
}

static int takeCounts(parser *p, int64_t *out, int most, int32_t *count) {
  if (!take(p, '['))
    return damaged(p, "a list");
  *count = 0;
  if (take(p, ']'))
    return 0;
  do {
    if (*count == most)
      return damaged(p, "a shorter list");
    int failed = takeCount(p, &out[(*count)++]);
    if (failed)
      return failed;
  } while (take(p, ','));
  return take(p, ']') ? 0 : damaged(p, "the end of a list");
}

static const char *const typeNames[] = {"F32", "F64", "U8", "I8", "I16", "I32", "I64"};

const char *tensorTypeName(int32_t type) { return typeNames[type]; }

static int typeOfName(const char *name) {
  for (int i = 0; i <= APICAL_I64; ++i)
    if (strcmp(name, typeNames[i]) == 0)
      return i;
  return -1;
}

/// Makes room for one more element in an array that doubles.
static void *grow(void *array, int64_t count, size_t size) {
  if (count & (count - 1))
    return array;
  return realloc(array, (size_t)(count ? 2 * count : 1) * size);
}

static int takeMember(parser *p, tensor *t, int *seen) {
  char *key;
  int failed = takeString(p, &key);
  if (failed)
    return failed;
  int which = strcmp(key, "dtype") == 0          ? 1
              : strcmp(key, "shape") == 0        ? 2
              : strcmp(key, "data_offsets") == 0 ? 4
                                                 : 0;
  free(key);
  if (!which || *seen & which)
    return damaged(p, "dtype, shape and data_offsets once each");
  *seen |= which;
  if (!take(p, ':'))
    return damaged(p, "a colon");
  if (which == 1) {
    char *name;
    if ((failed = takeString(p, &name)))
      return failed;
    t->type = typeOfName(name);
    free(name);
    return t->type < 0 ? damaged(p, "one of the types F32 F64 U8 I8 I16 I32 I64") : 0;
  }
  if (which == 2)
    return takeCounts(p, t->shape, TENSOR_RANK, &t->rank);
  int64_t offsets[2];
  int32_t count;
  if ((failed = takeCounts(p, offsets, 2, &count)))
    return failed;
  if (count != 2 || offsets[0] > offsets[1])
    return damaged(p, "two rising offsets");
  t->from = offsets[0];
  t->to = offsets[1];
  return 0;
}

static int takeTensor(parser *p, tensor *t) {
  int seen = 0;
  if (!take(p, '{'))
    return damaged(p, "the description of a tensor");
  do {
    int failed = takeMember(p, t, &seen);
    if (failed)
      return failed;
  } while (take(p, ','));
  if (!take(p, '}') || seen != 7)
    return damaged(p, "dtype, shape and data_offsets");
  int64_t bytes = apical_type_size(t->type);
  int overflow = 0;
  for (int i = 0; i < t->rank; ++i)
    overflow |= __builtin_mul_overflow(bytes, t->shape[i], &bytes);
  if (overflow || bytes != t->to - t->from)
    return apical_fail(p->error, APICAL_ERROR_FORMAT,
                       "%s is damaged: the shape of '%s' does not fit its %lld bytes; use "
                       "another checkpoint, such as %s.prev",
                       p->path, t->name, (long long)(t->to - t->from), p->path);
  return 0;
}

static int takeMetadata(parser *p, header *h) {
  if (!take(p, '{'))
    return damaged(p, "the metadata");
  if (take(p, '}'))
    return 0;
  do {
    entry *more = grow(h->metadata, h->metadataCount, sizeof *more);
    if (!more)
      return outOfMemory(p);
    h->metadata = more;
    entry *e = &more[h->metadataCount++];
    e->value = NULL;
    int failed = takeString(p, &e->key);
    if (!failed && !take(p, ':'))
      failed = damaged(p, "a colon");
    if (!failed)
      failed = takeString(p, &e->value);
    if (failed)
      return failed;
  } while (take(p, ','));
  return take(p, '}') ? 0 : damaged(p, "the end of the metadata");
}

static int takeEntry(parser *p, header *h) {
  char *name;
  int failed = takeString(p, &name);
  if (failed)
    return failed;
  if (!take(p, ':')) {
    free(name);
    return damaged(p, "a colon");
  }
  if (strcmp(name, "__metadata__") == 0) {
    free(name);
    if (h->metadata)
      return damaged(p, "the metadata once");
    return takeMetadata(p, h);
  }
  tensor *more = grow(h->tensors, h->tensorCount, sizeof *more);
  if (!more) {
    free(name);
    return outOfMemory(p);
  }
  h->tensors = more;
  tensor *t = &more[h->tensorCount++];
  memset(t, 0, sizeof *t);
  t->name = name;
  return takeTensor(p, t);
}

int parseHeader(const char *path, const char *bytes, int64_t length, header *out,
                apical_error *error) {
  parser p = {path, bytes, bytes, bytes + length, error};
  memset(out, 0, sizeof *out);
  if (!take(&p, '{'))
    return damaged(&p, "the start of a JSON header");
  if (!take(&p, '}')) {
    do {
      int failed = takeEntry(&p, out);
      if (failed)
        return failed;
    } while (take(&p, ','));
    if (!take(&p, '}'))
      return damaged(&p, "the end of the header");
  }
  skipSpace(&p);
  return p.at == p.end ? 0 : damaged(&p, "nothing more");
}

void freeHeader(header *h) {
  for (int64_t i = 0; i < h->tensorCount; ++i)
    free(h->tensors[i].name);
  for (int64_t i = 0; i < h->metadataCount; ++i) {
    free(h->metadata[i].key);
    free(h->metadata[i].value);
  }
  free(h->tensors);
  free(h->metadata);
  memset(h, 0, sizeof *h);
}

const char *findMetadata(const header *h, const char *key) {
  for (int64_t i = 0; i < h->metadataCount; ++i)
    if (strcmp(h->metadata[i].key, key) == 0)
      return h->metadata[i].value;
  return NULL;
}
