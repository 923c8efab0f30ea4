//===- metrics.c - records of a run as JSON lines ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "metrics.h"

#include <errno.h>
#include <math.h>

double measureValue(const apical_experiment *e, int index, const totals *t) {
  const apical_measure *m = &e->measures[index];
  int64_t count = m->kind == APICAL_WHOLE ? t->batches : t->samples;
  double scale = m->scale != 0 ? m->scale : 1;
  return count ? t->sums[index] / (double)count / scale : NAN;
}

static void writeString(FILE *out, const char *text) {
  putc('"', out);
  for (; *text; ++text) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      putc('\\', out);
    if (c < 32)
      fprintf(out, "\\u%04x", c);
    else
      putc(c, out);
  }
  putc('"', out);
}

static void writeNumber(FILE *out, double value, int digits) {
  char text[64];
  fputs(isfinite(value) ? apical_format_number(text, sizeof text, value, digits) : "null", out);
}

/// What all records begin with.
static void writeHead(FILE *out, const record *r) {
  fprintf(out, "{\"event\":\"%s\"", r->event);
  if (r->experiment) {
    fputs(",\"network\":", out);
    writeString(out, r->experiment->network);
    fprintf(out, ",\"experiment\":%lld", (long long)r->index);
  }
  fprintf(out, ",\"seed\":%llu,\"step\":%lld", (unsigned long long)r->seed, (long long)r->step);
  if (r->epoch >= 0)
    fprintf(out, ",\"epoch\":%lld", (long long)r->epoch);
}

static int finish(FILE *out) { return fflush(out) != 0 || ferror(out) ? -1 : 0; }

int writeProbes(FILE *out, const record *r, float *const *outputs, const int64_t *rows,
                int64_t samples) {
  errno = 0;
  for (int64_t s = 0; s < samples; ++s) {
    writeHead(out, r);
    fprintf(out, ",\"row\":%lld", (long long)rows[s]);
    for (int i = 0; i < r->experiment->output_count; ++i) {
      const apical_output *o = &r->experiment->outputs[i];
      if (o->item) // a state that the data keep, not a probe
        continue;
      putc(',', out);
      writeString(out, o->name);
      fputs(o->elements == 1 ? ":" : ":[", out);
      for (int64_t k = 0; k < o->elements; ++k) {
        if (k)
          putc(',', out);
        writeNumber(out, outputs[i][s * o->elements + k], 9);
      }
      if (o->elements != 1)
        putc(']', out);
    }
    fputs("}\n", out);
  }
  return finish(out);
}

int writeRecord(FILE *out, const record *r) {
  errno = 0;
  writeHead(out, r);
  fputs(",\"seconds\":", out);
  writeNumber(out, r->seconds, 6);
  if (r->status) {
    fputs(",\"status\":", out);
    writeString(out, r->status);
  }
  for (int i = 0; r->totals && i < r->experiment->measure_count; ++i) {
    if (!isShown(&r->experiment->measures[i]))
      continue;
    putc(',', out);
    writeString(out, r->experiment->measures[i].name);
    putc(':', out);
    writeNumber(out, measureValue(r->experiment, i, r->totals), 9);
  }
  fputs("}\n", out);
  return finish(out);
}
