//===- processor.c - whether this processor can run a program ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled code that meets an instruction which the processor does not know is
// killed by a signal. So a program says what it needs, and that is asked first.
//
//===----------------------------------------------------------------------===//
#include "instance.h"

#include <string.h>

#if defined(__x86_64__)

/// 1, 0, or -1 for a feature that cannot be asked for: what the code
/// generator uses of those comes with the others.
static int supports(const char *name, size_t length) {
#define ASK(FEATURE)                                                                               \
  if (length == sizeof FEATURE - 1 && memcmp(name, FEATURE, length) == 0)                          \
    return __builtin_cpu_supports(FEATURE) != 0;
  ASK("x86-64-v2")
  ASK("x86-64-v3")
  ASK("x86-64-v4")
  ASK("sse3")
  ASK("ssse3")
  ASK("sse4.1")
  ASK("sse4.2")
  ASK("popcnt")
  ASK("avx")
  ASK("avx2")
  ASK("fma")
  ASK("bmi")
  ASK("bmi2")
  ASK("avx512f")
  ASK("avx512cd")
  ASK("avx512bw")
  ASK("avx512dq")
  ASK("avx512vl")
  ASK("avx512vbmi")
  ASK("avx512ifma")
  ASK("avx512vpopcntdq")
  ASK("avx512vbmi2")
  ASK("avx512bitalg")
  ASK("avx512vnni")
  ASK("avx512bf16")
  ASK("sse4a")
  ASK("fma4")
  ASK("xop")
#undef ASK
  return -1;
}

#else

static int supports(const char *name, size_t length) {
  (void)name;
  (void)length;
  return -1;
}

#endif

int checkProcessor(const char *needs, apical_error *error) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  for (const char *at = needs; at && *at;) {
    size_t length = strcspn(at, " ");
    if (supports(at, length) == 0)
      return apical_fail(error, APICAL_ERROR_ARGUMENT,
                         "this program was built for processors with %.*s, which this one lacks; "
                         "build it again with another --cpu, such as x86-64",
                         (int)length, at);
    at += length + (at[length] == ' ');
  }
  return 0;
}
