// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime ranks: all lines of the first axis besides in one call, and one call for each member of further axes. What
// pads the result is zero.
// RUN: apical-opt %s --apical-lower-to-linalg | FileCheck %s

// A line of 20 numbers for each sample, in rows of 32; then all of 3 by 40 numbers along 3.
// CHECK: func.func private @[[OVER_PRE:rank_3[_0-9]*]](%[[X:.*]]: memref<16x16x48xf32>, %[[OUT:.*]]: memref<16x16x48xf32>, %[[SAMPLES:.*]]: index)
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[SAMPLES]]
// CHECK: scf.for %[[POST:.*]] =
// CHECK: %[[POINTER:.*]] = llvm.inttoptr
// CHECK: llvm.call @apical_rank(%[[POINTER]], %{{.*}}, %{{.*}}, %{{.*}}, %[[COUNT]], %{{.*}})
// CHECK: func.func private @[[OVER_UNITS:rank_20[_0-9]*]](%[[X:.*]]: memref<16x32xf32>, %[[OUT:.*]]: memref<16x32xf32>, %[[SAMPLES:.*]]: index)
// CHECK-NOT: scf.for
// CHECK: arith.constant 20 : i64
// CHECK: llvm.call @apical_rank(
// CHECK: llvm.func @apical_rank(!llvm.ptr, !llvm.ptr, i64, i64, i64, i64)
//
// CHECK-LABEL: func.func @places.body(
// CHECK: %[[NUMBERS:.*]] = memref.alloc() {value = tensor<?x20xf32>}
// CHECK: %[[RANKS:.*]] = memref.alloc() {value = tensor<?x20xf32>}
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: memref.store %[[ZERO]], %[[RANKS]]
// CHECK: call @[[OVER_UNITS]](%[[NUMBERS]], %[[RANKS]], %{{.*}})
// CHECK: call @[[OVER_PRE]](
apical.step @places (%x : tensor<?x20xf32>, %y : tensor<?x3x40xf32>) experiment {batch = 6 : i64} {
  %r = apical.rank %x axis 1 : tensor<?x20xf32>
  apical.report "x" kind "probe", %r : tensor<?x20xf32>
  %s = apical.rank %y axis 1 : tensor<?x3x40xf32>
  apical.report "y" kind "probe", %s : tensor<?x3x40xf32>
}
