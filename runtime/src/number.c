//===- number.c - numbers as text, the same in every locale ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

static locale_t plainLocale;
static pthread_once_t plainLocaleOnce = PTHREAD_ONCE_INIT;

static void makePlainLocale(void) { plainLocale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

double apical_parse_number(const char *text, const char **end) {
  pthread_once(&plainLocaleOnce, makePlainLocale);
  char *stop = NULL;
  double value = strtod_l(text, &stop, plainLocale);
  if (end)
    *end = stop;
  return value;
}

char *apical_format_number(char *buffer, size_t size, double value, int digits) {
  pthread_once(&plainLocaleOnce, makePlainLocale);
  locale_t previous = uselocale(plainLocale);
  snprintf(buffer, size, "%.*g", digits, value);
  uselocale(previous);
  return buffer;
}
