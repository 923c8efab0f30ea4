// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles become vectors: the sum of a tile stays in registers while the loop over its terms runs.
// RUN: apical-opt %s --apical-lower-to-linalg --apical-tile --apical-vectorize | FileCheck %s

// CHECK: func.func private @kernel1(
// CHECK: scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}) -> (vector<4x16xf32>)
// CHECK: vector.transfer_read
// CHECK: vector.contract {{.*}} %[[SUM]]
// CHECK: vector.transfer_write
// CHECK-NOT: linalg.generic
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
