//===- text.c - text that grows ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "header.h"

#include <stdarg.h>
#include <stdlib.h>

void appendText(text *t, const char *format, ...) {
  for (;;) {
    va_list arguments;
    va_start(arguments, format);
    size_t left = t->room - t->length;
    int n = vsnprintf(t->bytes ? t->bytes + t->length : NULL, left, format, arguments);
    va_end(arguments);
    if (t->failed || n < 0)
      return;
    if ((size_t)n < left) {
      t->length += (size_t)n;
      return;
    }
    size_t room = 2 * t->room + (size_t)n + 256;
    char *more = realloc(t->bytes, room);
    if (!more) {
      t->failed = 1;
      return;
    }
    t->bytes = more;
    t->room = room;
  }
}

void appendQuoted(text *t, const char *string) {
  appendText(t, "\"");
  for (; *string; ++string) {
    unsigned char c = (unsigned char)*string;
    if (c == '"' || c == '\\')
      appendText(t, "\\%c", c);
    else if (c < 32)
      appendText(t, "\\u%04x", c);
    else
      appendText(t, "%c", c);
  }
  appendText(t, "\"");
}
