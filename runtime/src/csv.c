//===- csv.c - tables of numbers as text ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first line names the columns; every other line holds one number for
// each, separated by commas. Names and numbers may be in double quotes.
//
//===----------------------------------------------------------------------===//
#include "input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct csv {
  input *in;
  char *text; ///< the whole file and a 0
  const char *at, *end;
  int64_t line;
} csv;

static int readText(csv *c, apical_error *error) {
  int64_t room = c->in->size + 4096, size = 0;
  c->text = NULL;
  for (;;) {
    char *more = realloc(c->text, (size_t)room + 1);
    if (!more) {
      free(c->text);
      return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to read %s", c->in->path);
    }
    c->text = more;
    int64_t got;
    int failed = readSome(c->in, c->text + size, room - size, &got, error);
    if (failed) {
      free(c->text);
      return failed;
    }
    size += got;
    if (size < room)
      break;
    room *= 2;
  }
  c->text[size] = 0;
  c->at = c->text;
  c->end = c->text + size;
  if (size >= 3 && memcmp(c->text, "\xEF\xBB\xBF", 3) == 0)
    c->at += 3;
  c->line = 1;
  return 0;
}

static int atLineEnd(const csv *c) { return c->at == c->end || *c->at == '\n' || *c->at == '\r'; }

static void nextLine(csv *c) {
  if (c->at < c->end && *c->at == '\r')
    ++c->at;
  if (c->at < c->end && *c->at == '\n')
    ++c->at;
  ++c->line;
}

/// The field at the cursor, without blanks and quotes, as [*from, *to).
static int nextField(csv *c, const char **from, const char **to, apical_error *error) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
    ++c->at;
  if (c->at < c->end && *c->at == '"') {
    *from = ++c->at;
    while (c->at < c->end && *c->at != '"' && *c->at != '\n')
      ++c->at;
    if (c->at == c->end || *c->at != '"')
      return apical_fail(error, APICAL_ERROR_FORMAT, "%s line %lld: a quote is not closed",
                         c->in->path, (long long)c->line);
    *to = c->at++;
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
      ++c->at;
    if (!atLineEnd(c) && *c->at != ',')
      return apical_fail(error, APICAL_ERROR_FORMAT,
                         "%s line %lld: expected a comma after the closing quote", c->in->path,
                         (long long)c->line);
    while (*from < *to && (**from == ' ' || **from == '\t'))
      ++*from;
  } else {
    *from = c->at;
    while (!atLineEnd(c) && *c->at != ',')
      ++c->at;
    *to = c->at;
  }
  while (*to > *from && ((*to)[-1] == ' ' || (*to)[-1] == '\t'))
    --*to;
  return 0;
}

static int isField(const char *from, const char *to, const char *name) {
  return strlen(name) == (size_t)(to - from) && memcmp(from, name, (size_t)(to - from)) == 0;
}

/// Reads the names; `*chosen` becomes the column of `field`.
static int readNames(csv *c, const char *field, int64_t *columns, int64_t *chosen,
                     apical_error *error) {
  char names[512] = "";
  size_t used = 0;
  *columns = 0;
  *chosen = -1;
  for (;;) {
    const char *from, *to;
    int failed = nextField(c, &from, &to, error);
    if (failed)
      return failed;
    if (from == to)
      return apical_fail(error, APICAL_ERROR_FORMAT,
                         "%s line 1: column %lld has no name; expected a line of column names",
                         c->in->path, (long long)*columns + 1);
    if (memchr(from, 0, (size_t)(to - from)))
      return apical_fail(error, APICAL_ERROR_FORMAT, "%s is not a text file", c->in->path);
    if (*field && isField(from, to, field)) {
      if (*chosen >= 0)
        return apical_fail(error, APICAL_ERROR_FORMAT, "%s has two columns named '%s'", c->in->path,
                           field);
      *chosen = *columns;
    }
    if (used + (size_t)(to - from) + 8 < sizeof names) {
      if (used) {
        memcpy(names + used, ", ", 2);
        used += 2;
      }
      memcpy(names + used, from, (size_t)(to - from));
      used += (size_t)(to - from);
      names[used] = 0;
    }
    ++*columns;
    if (atLineEnd(c))
      break;
    ++c->at;
  }
  nextLine(c);
  if (*field && *chosen < 0)
    return apical_fail(error, APICAL_ERROR_FORMAT, "%s has no column '%s'; its columns are %s",
                       c->in->path, field, names);
  return 0;
}

static int parseField(csv *c, const char *from, const char *to, double *value,
                      apical_error *error) {
  char text[64];
  size_t length = (size_t)(to - from);
  const char *stop = text;
  if (length && length < sizeof text) {
    memcpy(text, from, length);
    text[length] = 0;
    *value = apical_parse_number(text, &stop);
  }
  if (length == 0 || length >= sizeof text || stop != text + length)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s line %lld: expected a number, found '%.*s'%s", c->in->path,
                       (long long)c->line, (int)(length > 40 ? 40 : length), from,
                       memchr(from, ';', length) ? "; separate the columns by commas" : "");
  return 0;
}

typedef struct numbers {
  double *values;
  int64_t count, room;
} numbers;

static int append(numbers *n, double value) {
  if (n->count == n->room) {
    int64_t room = n->room ? 2 * n->room : 1024;
    double *more = realloc(n->values, (size_t)room * sizeof *more);
    if (!more)
      return 0;
    n->values = more;
    n->room = room;
  }
  n->values[n->count++] = value;
  return 1;
}

static int readRows(csv *c, int64_t columns, int64_t chosen, numbers *n, int64_t *rows,
                    apical_error *error) {
  *rows = 0;
  while (c->at < c->end) {
    if (atLineEnd(c)) { // an empty line
      nextLine(c);
      continue;
    }
    int64_t column = 0;
    for (;; ++c->at) {
      const char *from, *to;
      double value;
      int failed = nextField(c, &from, &to, error);
      if (failed)
        return failed;
      if (column < columns && (chosen < 0 || column == chosen)) {
        if ((failed = parseField(c, from, to, &value, error)))
          return failed;
        if (!append(n, value))
          return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory to read %s",
                             c->in->path);
      }
      ++column;
      if (atLineEnd(c))
        break;
    }
    if (column != columns)
      return apical_fail(error, APICAL_ERROR_FORMAT,
                         "%s line %lld has %lld columns, but line 1 names %lld", c->in->path,
                         (long long)c->line, (long long)column, (long long)columns);
    nextLine(c);
    ++*rows;
  }
  return 0;
}

/// Narrows the values to int32 in place if all of them are whole numbers.
static int narrow(numbers *n) {
  for (int64_t i = 0; i < n->count; ++i)
    if (!(fabs(n->values[i]) <= INT32_MAX) || n->values[i] != floor(n->values[i]))
      return 0;
  char *bytes = (char *)n->values;
  for (int64_t i = 0; i < n->count; ++i) {
    int32_t whole = (int32_t)n->values[i];
    memcpy(bytes + i * (int64_t)sizeof whole, &whole, sizeof whole);
  }
  return 1;
}

int readCsv(input *in, const char *field, apical_data_info *info, void **data,
            apical_error *error) {
  csv c = {.in = in};
  numbers n = {0};
  int64_t columns, chosen, rows;
  int failed = readText(&c, error);
  if (failed)
    return failed;
  if (c.at == c.end)
    failed =
        apical_fail(error, APICAL_ERROR_FORMAT,
                    "%s is empty; expected a line of column names and rows of numbers", in->path);
  if (!failed)
    failed = readNames(&c, field ? field : "", &columns, &chosen, error);
  if (!failed)
    failed = readRows(&c, columns, chosen, &n, &rows, error);
  free(c.text);
  if (failed) {
    free(n.values);
    return failed;
  }
  info->type = chosen >= 0 && narrow(&n) ? APICAL_I32 : APICAL_F64;
  info->rank = chosen >= 0 ? 1 : 2;
  info->shape[0] = rows;
  info->shape[1] = chosen >= 0 ? 1 : columns;
  if ((failed = completeInfo(in->path, info, error)) || !data) {
    free(n.values);
    return failed;
  }
  *data = n.values ? n.values : malloc(1);
  return *data ? 0 : apical_fail(error, APICAL_ERROR_MEMORY, "out of memory");
}
