// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a window sees is moved by the runtime, to which a constant describes the window: three dimensions, of which the last is as
// long as numbers are next to each other. A convolution is then a product of two matrices: samples and places are one axis.
// RUN: apical-opt %s --apical-lower-to-linalg | FileCheck %s

// CHECK: llvm.mlir.global internal constant @[[PIECES:window.*]](dense<[1, 1, 90, 1, 1, 3, 1, 1, 3, 0, 0, 0, 1, 1, 30, 0,
// CHECK: llvm.mlir.global internal constant @[[KERNEL:window.*]](dense<[1, 5, 6, 1, 3, 3, 1, 1, 1, 0, 1, 1, 1, 5, 6, 0,
//
// CHECK-LABEL: func.func @forward.body(
// CHECK: call @unfold_[[KERNEL]]_{{[0-9_]*}}(%{{.*}}, %[[SEEN:[a-z0-9_]*]],
// CHECK: call @[[PRODUCT:kernel[0-9]*]](%[[SEEN]], %{{.*}}, %[[A:[a-z0-9_]*]],
// CHECK: call @fold_[[PIECES]]_{{[0-9_]*}}(%[[A]], %[[DRIVE:[a-z0-9_]*]],
// CHECK: call @[[POOL:unfold_window_5_6_3_2_2_1_2_2_1_0_0_0_2_3_3_1_[0-9_]*]](%[[DRIVE]], %[[PARTS:[a-z0-9_]*]],
// CHECK: call @[[LARGEST:kernel[0-9]*]](%[[PARTS]],
//
// CHECK: func.func private @[[PRODUCT]](
// CHECK: memref.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : memref<16x32x16xf32> into memref<512x16xf32>
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: tensor<512x16xf32>, tensor<16x16xf32>
//
// Of the four taps of the pool, none is what pads them to 16.
// CHECK: func.func private @[[LARGEST]](
// CHECK: tensor.extract_slice {{.*}} : tensor<16x16x32xf32> to tensor<16x4x32xf32>
// CHECK: linalg.generic
// CHECK: %[[MAX:.*]] = arith.maximumf
// CHECK-NEXT: linalg.yield %[[MAX]]
apical.state @w : tensor<9x3xf32> role "weight"

apical.step @forward (%x : tensor<?x30xf32>) experiment {batch = 6 : i64} {
  %w = apical.read @w : tensor<9x3xf32>
  %seen = apical.unfold %x shape [5, 6, 1] kernel [3, 3, 1] stride [1, 1, 1] before [1, 1, 0] places [5, 6, 1]
      : tensor<?x30xf32> -> tensor<?x30x9xf32>
  %a = apical.lift sizes [-1, 30, 9, 3] ins(%seen, %w : tensor<?x30x9xf32>, tensor<9x3xf32>) outs(tensor<?x30x3xf32>)
      maps [(b, p, t, o) -> (b, p, t), (b, p, t, o) -> (t, o), (b, p, t, o) -> (b, p, o)] combiners ["sum"] {
  ^bb0(%pre: f32, %weight: f32):
    %t = arith.mulf %weight, %pre : f32
    apical.yield %t : f32
  }
  %drive = apical.fold %a shape [30, 3] kernel [1, 3] stride [1, 1] before [0, 0] places [30, 1]
      : tensor<?x30x3xf32> -> tensor<?x90xf32>
  %parts = apical.unfold %drive shape [5, 6, 3] kernel [2, 2, 1] stride [2, 2, 1] before [0, 0, 0] places [2, 3, 3] taps_first
      : tensor<?x90xf32> -> tensor<?x4x18xf32>
  %pooled = apical.lift sizes [-1, 4, 18] ins(%parts : tensor<?x4x18xf32>) outs(tensor<?x18xf32>)
      maps [(b, t, u) -> (b, t, u), (b, t, u) -> (b, u)] combiners ["max"] {
  ^bb0(%v: f32):
    apical.yield %v : f32
  }
  apical.report "pooled" kind "probe", %pooled : tensor<?x18xf32>
}
