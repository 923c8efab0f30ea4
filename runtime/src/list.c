//===- list.c - what a program consists of, as text ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"
#include "instance.h"

static void listState(const apical_state *s, FILE *out) {
  static const char *const roles[] = {"weight", "lasting", "optimizer", "counter", "item"};
  fprintf(out, "  %s  %s[", s->name, apical_type_name(s->type));
  for (int i = 0; i < s->rank; ++i)
    fprintf(out, "%s%lld", i ? ", " : "", (long long)s->shape[i]);
  fprintf(out, "]  %s\n", s->role >= 0 && s->role <= APICAL_ITEM ? roles[s->role] : "unknown");
}

static void listExperiment(const apical_experiment *e, FILE *out) {
  static const char *const kinds[] = {"train", "test", "simulate"};
  fprintf(out, "  %s %s", kinds[e->kind], e->network);
  if (*e->source)
    fprintf(out, " on %s", e->source);
  fprintf(out, ", batch = %lld", (long long)e->batch);
  if (e->trials)
    fprintf(out, ", trials = %lld", (long long)e->trials);
  else if (e->epochs)
    fprintf(out, ", epochs = %lld", (long long)e->epochs);
  int first = 1;
  for (int i = 0; i < e->measure_count; ++i)
    if (isShown(&e->measures[i])) {
      fprintf(out, "%s%s", first ? "  measures " : ", ", e->measures[i].name);
      first = 0;
    }
  fputs("\n", out);
}

void apical_list(const apical_program *program, FILE *out) {
  fputs("parameters\n", out);
  for (int i = 0; i < program->param_count; ++i) {
    const apical_param *p = &program->params[i];
    char number[64];
    apical_format_number(number, sizeof number, p->value / (p->scale != 0 ? p->scale : 1), 10);
    fprintf(out, "  %s = %s%s%s\n", p->name, number, *p->unit ? " " : "", p->unit);
  }
  fputs("states\n", out);
  for (int i = 0; i < program->state_count; ++i)
    listState(&program->states[i], out);
  fputs("experiments\n", out);
  for (int i = 0; i < program->experiment_count; ++i)
    listExperiment(&program->experiments[i], out);
}
