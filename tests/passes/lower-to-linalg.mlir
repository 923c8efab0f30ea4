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
// CHECK-SAME: order = array<i64: 1, 0, 2>
// CHECK: func.func private @[[REDUCE]](
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
//
// A product walks along the columns outermost, so that a panel of the weights stays in the cache; what is no sum walks as
// the rows lie in memory.
// CHECK: func.func private @{{.*}}(
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
// CHECK-SAME: attrs = {tile =
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
apical.step @twice (%x : tensor<?x64xf32>) experiment {batch = 16 : i64} {
  %y = apical.lift sizes [-1, 64] ins(%x : tensor<?x64xf32>) outs(tensor<?x64xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32):
    %p = arith.addf %a, %a : f32
    apical.yield %p : f32
  }
  apical.report "y" kind "probe", %y : tensor<?x64xf32>
}
