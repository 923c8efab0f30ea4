//===- progress.c - what people see of a run ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void openProgress(progress *p, int quiet, int linesToErrors) {
  memset(p, 0, sizeof *p);
  if (quiet)
    return;
  p->lines = linesToErrors ? stderr : stdout;
  if (isatty(STDERR_FILENO))
    p->bar = stderr;
}

/// What the samples are called: rows of the first column.
static const char *sampleName(const apical_experiment *e) {
  return e->column_count ? e->columns[0].name : "trials";
}

static int formatMeasures(char *out, size_t size, const apical_experiment *e, const totals *t) {
  size_t used = 0;
  out[0] = 0;
  for (int i = 0; i < e->measure_count; ++i) {
    const apical_measure *m = &e->measures[i];
    char number[64];
    if (!isShown(m))
      continue;
    apical_format_number(number, sizeof number, measureValue(e, i, t), 4);
    int n = snprintf(out + used, size - used, "%s%s %s%s%s", used ? "  " : "", m->name, number,
                     m->unit && *m->unit ? " " : "", m->unit ? m->unit : "");
    if (n < 0 || used + (size_t)n >= size)
      break;
    used += (size_t)n;
  }
  return (int)used;
}

void drawBar(progress *p, const apical_experiment *e, int64_t epoch, int64_t epochs, double share,
             const totals *t, double rate, double left, double now) {
  if (!p->bar || (p->drawn && now - p->lastDrawn < 0.1))
    return;
  struct winsize window;
  int width =
      ioctl(fileno(p->bar), TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1 : 79;
  char measures[400], bar[24], line[1024], remaining[48] = "";
  formatMeasures(measures, sizeof measures, e, t);
  int cells = (int)sizeof bar - 4, full = (int)(share * cells);
  full = full < 0 ? 0 : full > cells ? cells : full;
  memset(bar, '#', (size_t)full);
  memset(bar + full, '-', (size_t)(cells - full));
  bar[cells] = 0;
  if (left >= 0 && left < 1e7) {
    long long s = (long long)(left + 0.5);
    if (s >= 3600)
      snprintf(remaining, sizeof remaining, "  %lld:%02lld:%02lld left", s / 3600, s / 60 % 60,
               s % 60);
    else
      snprintf(remaining, sizeof remaining, "  %lld:%02lld left", s / 60, s % 60);
  }
  snprintf(line, sizeof line, "%s %s %lld/%lld [%s]%s  %lld %s/s  %s", e->network,
           e->kind == APICAL_TEST ? "test" : "epoch", (long long)epoch, (long long)epochs, bar,
           remaining, (long long)rate, sampleName(e), measures);
  fprintf(p->bar, "\r\033[K%.*s", width, line);
  fflush(p->bar);
  p->drawn = 1;
  p->lastDrawn = now;
}

void clearBar(progress *p) {
  if (!p->drawn)
    return;
  fputs("\r\033[K", p->bar);
  fflush(p->bar);
  p->drawn = 0;
}

void printResult(progress *p, const apical_experiment *e, const char *what, const totals *t,
                 double seconds) {
  clearBar(p);
  if (!p->lines)
    return;
  char measures[2000];
  formatMeasures(measures, sizeof measures, e, t);
  long long tenths = (long long)(seconds * 10 + 0.5);
  long long rate = seconds > 0 ? (long long)((double)t->samples / seconds) : 0;
  fprintf(p->lines, "%s  %s%s%s  %lld %s/s  %lld.%lld s\n", e->network, what, *measures ? "  " : "",
          measures, rate, sampleName(e), tenths / 10, tenths % 10);
  fflush(p->lines);
}
