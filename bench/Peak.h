//===- Peak.h - what one core can do at best ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_BENCH_PEAK_H
#define APICAL_BENCH_PEAK_H

namespace apical {

/// Floating-point operations per second of one core that only multiplies and
/// adds registers in single precision, with the widest vectors that `cpu`
/// (native, x86-64-v4, x86-64-v3, x86-64) and this machine have. A fused
/// multiply-add counts as two. The best of `seconds` of short runs.
double multiplyAddPeak(const char *cpu, double seconds);

} // namespace apical

#endif // APICAL_BENCH_PEAK_H
