//===- npy.c - NumPy array files ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Magic, version, header length, and a header that is a Python dictionary
// with exactly the keys descr, fortran_order and shape.
//
//===----------------------------------------------------------------------===//
#include "input.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER (1 << 20)

typedef struct cursor {
  const char *at, *end;
} cursor;

static void skipSpace(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
    ++c->at;
}

static int take(cursor *c, const char *text) {
  skipSpace(c);
  size_t length = strlen(text);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, text, length) != 0)
    return 0;
  c->at += length;
  return 1;
}

static int takeString(cursor *c, char *out, size_t size) {
  skipSpace(c);
  if (c->at >= c->end || (*c->at != '\'' && *c->at != '"'))
    return 0;
  char quote = *c->at++;
  size_t length = 0;
  while (c->at < c->end && *c->at != quote) {
    if (length + 1 >= size || *c->at == '\\')
      return 0;
    out[length++] = *c->at++;
  }
  if (c->at >= c->end)
    return 0;
  ++c->at;
  out[length] = 0;
  return 1;
}

static int takeCount(cursor *c, int64_t *value) {
  skipSpace(c);
  if (c->at >= c->end || *c->at < '0' || *c->at > '9')
    return 0;
  *value = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at)
    if (__builtin_mul_overflow(*value, (int64_t)10, value) ||
        __builtin_add_overflow(*value, (int64_t)(*c->at - '0'), value))
      return 0;
  return 1;
}

/// Returns 0, -1 for what cannot be parsed, -2 for more dimensions than fit.
static int takeShape(cursor *c, apical_data_info *info) {
  if (!take(c, "("))
    return -1;
  info->rank = 0;
  while (!take(c, ")")) {
    int64_t size;
    if (!takeCount(c, &size))
      return -1;
    if (info->rank == APICAL_MAX_RANK)
      return -2;
    info->shape[info->rank++] = size;
    if (!take(c, ",")) {
      if (!take(c, ")"))
        return -1;
      return info->rank == 1 ? -1 : 0; // (5) is a number, not a tuple
    }
  }
  return 0;
}

static int typeOfDescription(const char *text) {
  static const struct {
    const char *text;
    int type;
  } known[] = {{"<f4", APICAL_F32}, {"<f8", APICAL_F64}, {"|u1", APICAL_U8},  {"|b1", APICAL_U8},
               {"|i1", APICAL_I8},  {"<i2", APICAL_I16}, {"<i4", APICAL_I32}, {"<i8", APICAL_I64}};
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i)
    if (strcmp(text, known[i].text) == 0)
      return known[i].type;
  return -1;
}

static int parseHeader(input *in, const char *text, int64_t length, apical_data_info *info,
                       apical_error *error) {
  cursor c = {text, text + length};
  char key[32], type[32];
  int hasType = 0, hasOrder = 0, hasShape = 0, fortran = 0, bad = !take(&c, "{");
  while (!bad && !take(&c, "}")) {
    if (!takeString(&c, key, sizeof key) || !take(&c, ":")) {
      bad = 1;
    } else if (strcmp(key, "descr") == 0 && !hasType) {
      hasType = 1;
      skipSpace(&c);
      if (c.at < c.end && *c.at == '[')
        return apical_fail(error, APICAL_ERROR_FORMAT,
                           "%s holds records; save each field to a file of its own", in->path);
      bad = !takeString(&c, type, sizeof type);
    } else if (strcmp(key, "fortran_order") == 0 && !hasOrder) {
      hasOrder = 1;
      fortran = take(&c, "True");
      bad = !fortran && !take(&c, "False");
    } else if (strcmp(key, "shape") == 0 && !hasShape) {
      hasShape = 1;
      int result = takeShape(&c, info);
      if (result == -2)
        return apical_fail(error, APICAL_ERROR_FORMAT,
                           "%s has more than %d dimensions; reshape the data", in->path,
                           APICAL_MAX_RANK);
      bad = result != 0;
    } else {
      bad = 1;
    }
    if (!bad && !take(&c, ",")) {
      bad = !take(&c, "}");
      break;
    }
  }
  skipSpace(&c);
  if (bad || !hasType || !hasOrder || !hasShape || c.at != c.end)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s has a damaged NumPy header: expected a dictionary with descr, "
                       "fortran_order and shape; save the array again with numpy.save",
                       in->path);
  info->type = typeOfDescription(type);
  if (info->type < 0)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s holds elements of type '%s', expected one of <f4 <f8 |u1 |b1 <i2 "
                       "<i4 <i8; convert the array with astype and save it again",
                       in->path, type);
  if (fortran && info->rank > 1)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is stored column by column (fortran_order); save "
                       "numpy.ascontiguousarray of it",
                       in->path);
  if (info->rank == 0)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s holds a single number, expected an array with one entry per row",
                       in->path);
  return completeInfo(in->path, info, error);
}

int readNpy(input *in, apical_data_info *info, void **data, apical_error *error) {
  unsigned char start[12];
  int64_t got;
  int failed = readSome(in, start, 8, &got, error);
  if (failed)
    return failed;
  if (got < 8 || memcmp(start, "\x93NUMPY", 6) != 0)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is not a NumPy file: expected it to start with 93 NUMPY; it looks "
                       "like %s",
                       in->path, guessFormat(start, got));
  if (start[6] < 1 || start[6] > 3)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is a NumPy file of version %d.%d, expected 1, 2 or 3", in->path,
                       start[6], start[7]);
  int width = start[6] == 1 ? 2 : 4;
  if ((failed = readAll(in, start + 8, width, "the header length", error)))
    return failed;
  int64_t length = start[8] | start[9] << 8;
  if (width == 4)
    length |= (int64_t)start[10] << 16 | (int64_t)start[11] << 24;
  if (length > MAX_HEADER)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s claims a NumPy header of %lld bytes, more than %d; the file is damaged",
                       in->path, (long long)length, MAX_HEADER);
  char *text = malloc((size_t)length + 1);
  if (!text)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to read %s", in->path);
  failed = readAll(in, text, length, "the header", error);
  if (!failed)
    failed = parseHeader(in, text, length, info, error);
  free(text);
  if (failed || !data)
    return failed;
  return readElements(in, info, data, error);
}
