// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel becomes loops over tiles that fit into the registers of the processor, sums innermost: of 16 columns 4 rows for
// AVX2, 8 for AVX-512.
// RUN: apical-opt %s --apical-lower-to-linalg --apical-tile | FileCheck %s
// RUN: apical-opt %s --apical-lower-to-linalg=cpu=x86-64-v4 --apical-tile=cpu=x86-64-v4 | FileCheck %s --check-prefix=WIDE

// CHECK: func.func private @kernel1(
// CHECK: scf.for {{.*}} step %c4{{.*}} -> (tensor<16x16xf32>)
// CHECK: scf.for {{.*}} -> (tensor<4x16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x16xf32>)
// WIDE: func.func private @kernel1(
// WIDE: scf.for {{.*}} step %c8{{.*}} -> (tensor<16x16xf32>)
// WIDE: linalg.generic {{.*}} outs(%{{.*}} : tensor<8x16xf32>)
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
