//===- Peak.cpp - what one core can do at best ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Twelve independent accumulators hide the latency of four cycles on two units.
//
//===----------------------------------------------------------------------===//

#include "bench/Peak.h"

#include <chrono>
#include <cstring>
#include <immintrin.h>

namespace apical {
namespace {

constexpr int accumulators = 12;
constexpr long rounds = 100000;

/// The factor keeps sums finite; the empty assembly keeps them in registers and
/// stops the compiler from computing them in advance.
#define APICAL_PEAK(NAME, TARGET, VECTOR, SET, STEP)                                               \
  __attribute__((target(TARGET))) void NAME() {                                                    \
    VECTOR sum[accumulators], x = SET(0.999f), y = SET(0.001f);                                    \
    for (VECTOR & s : sum)                                                                         \
      s = y;                                                                                       \
    for (long i = 0; i < rounds; ++i)                                                              \
      _Pragma("clang loop unroll(full)") for (VECTOR & s : sum) {                                  \
        s = STEP;                                                                                  \
        __asm__ volatile("" : "+v"(s));                                                            \
      }                                                                                            \
  }

APICAL_PEAK(widest, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps(s, x, y))
APICAL_PEAK(wide, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps(s, x, y))
APICAL_PEAK(narrow, "sse2", __m128, _mm_set1_ps, _mm_add_ps(_mm_mul_ps(s, x), y))

} // namespace

double multiplyAddPeak(const char *cpu, double seconds) {
  using Clock = std::chrono::steady_clock;
  bool native = !std::strcmp(cpu, "native"), v4 = native || !std::strcmp(cpu, "x86-64-v4");
  bool v3 = v4 || !std::strcmp(cpu, "x86-64-v3");
  void (*run)() = narrow;
  int lanes = 4;
  if (v4 && __builtin_cpu_supports("avx512f"))
    run = widest, lanes = 16;
  else if (v3 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    run = wide, lanes = 8;
  double best = 1e30;
  for (auto end = Clock::now() + std::chrono::duration<double>(seconds); Clock::now() < end;) {
    auto start = Clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return 2.0 * lanes * accumulators * rounds / best;
}

} // namespace apical
