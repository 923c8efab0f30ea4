// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step becomes a function on memory that calls one kernel for each lift. Arrays are laid out there: units and samples are
// padded to 16, and what is outside is zero, so that no kernel needs a tail; the caller's rows are copied into such a place.
// RUN: apical-opt %s --apical-lower-to-linalg | FileCheck %s
// RUN: not apical-opt %s --apical-lower-to-linalg=cpu=z80 2>&1 | FileCheck %s --check-prefix=CPU

// CHECK-LABEL: func.func @forward.body(
// CHECK-SAME: %[[W:.*]]: memref<32x16xf32>, %[[ROWS:.*]]: memref<6x20xf32>
// CHECK: %[[X:.*]] = memref.alloc() {{.*}} : memref<16x32xf32>
// CHECK: memref.load %[[ROWS]]
// CHECK: memref.store %{{.*}}, %[[X]]
// CHECK: %[[Y:.*]] = memref.alloc() {{.*}} : memref<16x16xf32>
// CHECK: call @[[PRODUCT:.*]](%[[X]], %[[W]], %[[Y]], %[[SAMPLES:[^)]*]])
// CHECK: %[[SUM:.*]] = memref.alloc() {{.*}} : memref<16xf32>
// CHECK: call @[[REDUCE:.*]](%[[Y]], %[[SUM]], %[[SAMPLES]])
//
// Of the samples only those that there are count for a report.
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[SAMPLES]]
// CHECK: memref.load %[[SUM]]
//
// CHECK: func.func private @[[PRODUCT]](
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: tensor<16x32xf32>, tensor<32x16xf32>
// CHECK: func.func private @[[REDUCE]](
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
//
// CPU: z80
apical.state @w : tensor<20x5xf32> role "weight"
apical.step @forward (%x : tensor<?x20xf32>) experiment {batch = 6 : i64} {
  %w = apical.read @w : tensor<20x5xf32>
  %y = apical.lift sizes [-1, 5, 20] ins(%x, %w : tensor<?x20xf32>, tensor<20x5xf32>) outs(tensor<?x5xf32>)
      maps [(i, j, k) -> (i, k), (i, j, k) -> (k, j), (i, j, k) -> (i, j)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    apical.yield %p : f32
  }
  %s = apical.lift sizes [-1, 5] ins(%y : tensor<?x5xf32>) outs(tensor<?xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i)] combiners ["sum"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
  apical.report "out" kind "measure", %s : tensor<?xf32>
}
