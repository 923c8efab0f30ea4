//===- state.c - states as dense arrays ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A state's memory may be padded. Everything outside the runtime sees dense
// row-major arrays, so that files and hosts do not depend on the layout.
//
//===----------------------------------------------------------------------===//
#include "instance.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/// What to do with `n` elements at `memory`, `stride` bytes apart, of which
/// the first is element `at` of the dense array.
typedef void (*rowVisitor)(void *context, char *memory, int64_t stride, int64_t n, int64_t at);

static void eachRow(const apical_state *state, void *memory, rowVisitor visit, void *context) {
  int64_t size = apical_type_size(state->type), elements = apical_state_elements(state);
  int last = state->rank - 1;
  int64_t n = state->rank ? state->shape[last] : 1;
  int64_t stride = state->rank ? state->stride[last] * size : size;
  for (int64_t at = 0; at < elements; at += n) {
    int64_t row = at / n, offset = 0;
    for (int i = last - 1; i >= 0; --i) {
      offset += row % state->shape[i] * state->stride[i];
      row /= state->shape[i];
    }
    visit(context, (char *)memory + offset * size, stride, n, at);
  }
}

typedef struct copy {
  int32_t type;
  int64_t size;
  void *dense;
} copy;

static void copyOut(void *context, char *memory, int64_t stride, int64_t n, int64_t at) {
  copy *c = context;
  char *dense = (char *)c->dense + at * c->size;
  if (stride == c->size) {
    memcpy(dense, memory, (size_t)(n * c->size));
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    memcpy(dense + i * c->size, memory + i * stride, (size_t)c->size);
}

static void copyIn(void *context, char *memory, int64_t stride, int64_t n, int64_t at) {
  copy *c = context;
  const char *dense = (const char *)c->dense + at * c->size;
  if (stride == c->size) {
    memcpy(memory, dense, (size_t)(n * c->size));
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    memcpy(memory + i * stride, dense + i * c->size, (size_t)c->size);
}

// One conversion for each type of state and of buffer.
#define CONVERT(HERE, THERE)                                                                       \
  static void from_##HERE##_##THERE(void *context, char *memory, int64_t stride, int64_t n,        \
                                    int64_t at) {                                                  \
    THERE *out = (THERE *)((copy *)context)->dense + at;                                           \
    for (int64_t i = 0; i < n; ++i)                                                                \
      out[i] = (THERE) * (HERE *)(memory + i * stride);                                            \
  }                                                                                                \
  static void to_##HERE##_##THERE(void *context, char *memory, int64_t stride, int64_t n,          \
                                  int64_t at) {                                                    \
    const THERE *in = (const THERE *)((copy *)context)->dense + at;                                \
    for (int64_t i = 0; i < n; ++i)                                                                \
      *(HERE *)(memory + i * stride) = (HERE)in[i];                                                \
  }
#define CONVERT_BOTH(HERE) CONVERT(HERE, double) CONVERT(HERE, float)
CONVERT_BOTH(float)
CONVERT_BOTH(double)
CONVERT_BOTH(uint8_t)
CONVERT_BOTH(int8_t)
CONVERT_BOTH(int16_t)
CONVERT_BOTH(int32_t)
CONVERT_BOTH(int64_t)

// In the order of apical_type.
#define TABLE(DIRECTION, THERE)                                                                    \
  {DIRECTION##_float_##THERE,  DIRECTION##_double_##THERE,  DIRECTION##_uint8_t_##THERE,           \
   DIRECTION##_int8_t_##THERE, DIRECTION##_int16_t_##THERE, DIRECTION##_int32_t_##THERE,           \
   DIRECTION##_int64_t_##THERE}
static const rowVisitor readDouble[] = TABLE(from, double);
static const rowVisitor readFloat[] = TABLE(from, float);
static const rowVisitor writeDouble[] = TABLE(to, double);
static const rowVisitor writeFloat[] = TABLE(to, float);

static int transfer(const apical_instance *instance, int index, const void *dense, int64_t elements,
                    const rowVisitor *visitors, rowVisitor raw, apical_error *error) {
  if (index < 0 || index >= instance->program->state_count)
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "there is no state number %d", index);
  const apical_state *state = &instance->program->states[index];
  int64_t size = apical_type_size(state->type), there = apical_state_elements(state);
  int64_t unit = raw ? size : 1;
  if (elements != there * unit)
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "state '%s' has %lld %s, not %lld",
                       state->name, (long long)(there * unit), raw ? "bytes" : "elements",
                       (long long)elements);
  copy c = {state->type, size, (void *)(uintptr_t)dense};
  eachRow(state, instance->states[index], raw ? raw : visitors[state->type], &c);
  return 0;
}

int apical_read_state(const apical_instance *instance, int state, double *out, int64_t elements,
                      apical_error *error) {
  return transfer(instance, state, out, elements, readDouble, NULL, error);
}
int apical_write_state(apical_instance *instance, int state, const double *in, int64_t elements,
                       apical_error *error) {
  return transfer(instance, state, in, elements, writeDouble, NULL, error);
}
int apical_read_state_float(const apical_instance *instance, int state, float *out,
                            int64_t elements, apical_error *error) {
  return transfer(instance, state, out, elements, readFloat, NULL, error);
}
int apical_write_state_float(apical_instance *instance, int state, const float *in,
                             int64_t elements, apical_error *error) {
  return transfer(instance, state, in, elements, writeFloat, NULL, error);
}
int apical_read_state_raw(const apical_instance *instance, int state, void *out, int64_t bytes,
                          apical_error *error) {
  return transfer(instance, state, out, bytes, NULL, copyOut, error);
}
int apical_write_state_raw(apical_instance *instance, int state, const void *in, int64_t bytes,
                           apical_error *error) {
  return transfer(instance, state, in, bytes, NULL, copyIn, error);
}

void *apical_state_memory(apical_instance *instance, int state) { return instance->states[state]; }

static void addToChecksum(void *context, char *memory, int64_t stride, int64_t n, int64_t at) {
  (void)at;
  copy *c = context;
  uLong *sum = c->dense;
  if (stride == c->size) {
    *sum = crc32_z(*sum, (const Bytef *)memory, (z_size_t)(n * c->size));
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    *sum = crc32_z(*sum, (const Bytef *)memory + i * stride, (z_size_t)c->size);
}

uint32_t apical_state_checksum(const apical_instance *instance, int index) {
  const apical_state *state = &instance->program->states[index];
  uLong sum = crc32(0, NULL, 0);
  copy c = {state->type, apical_type_size(state->type), &sum};
  eachRow(state, instance->states[index], addToChecksum, &c);
  return (uint32_t)sum;
}
