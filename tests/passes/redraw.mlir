// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Noise of a weight's size is drawn again by each that uses it.
// RUN: apical-opt %s --apical-redraw | FileCheck %s

apical.state @w : tensor<4x3xf32> role "weight"
apical.state @u : tensor<4x3xf32> role "lasting"

// The noisy weight of a contraction and the noise of an update: one chain each,
// and the results that are not wanted are not computed.
// CHECK-LABEL: @twice
// CHECK: %[[W:.*]] = apical.read @w
// CHECK: %[[A:.*]] = apical.draw "normal" stream "xi" per_trial
// CHECK: %[[NOISY:.*]] = apical.lift sizes [4, 3] ins(%{{.*}}, %{{.*}} : {{.*}}) outs(tensor<4x3xf32>)
// CHECK: arith.addf
// CHECK: apical.lift sizes [-1, 4, 3] ins(%[[NOISY]]
// CHECK: %[[B:.*]] = apical.draw "normal" stream "xi" per_trial
// CHECK: %[[NOISE:.*]] = apical.lift sizes [4, 3] ins(%[[B]] : {{.*}}) outs(tensor<4x3xf32>)
// CHECK-NOT: arith.addf
// CHECK: apical.lift sizes [4, 3] ins(%[[W]], %[[NOISE]]
apical.step @twice (%x: tensor<?x4xf32>) {
  %w = apical.read @w : tensor<4x3xf32>
  %xi = apical.draw "normal" stream "xi" per_trial : tensor<4x3xf32>
  %both:2 = apical.lift sizes [4, 3] ins(%xi, %w : tensor<4x3xf32>, tensor<4x3xf32>)
      outs(tensor<4x3xf32>, tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none", "none"] {
  ^bb0(%a: f32, %b: f32):
    %two = arith.constant 2.0 : f32
    %n = arith.mulf %a, %two : f32
    %s = arith.addf %b, %n : f32
    apical.yield %n, %s : f32, f32
  }
  %y = apical.lift sizes [-1, 4, 3] ins(%both#1, %x : tensor<4x3xf32>, tensor<?x4xf32>) outs(tensor<?x3xf32>)
      maps [(b, i, j) -> (i, j), (b, i, j) -> (b, i), (b, i, j) -> (b, j)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    apical.yield %p : f32
  }
  %c = apical.lift sizes [-1, 3] ins(%y : tensor<?x3xf32>) outs(tensor<?xf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
  apical.report "c" kind "cost", %c : tensor<?xf32>
  %new = apical.lift sizes [4, 3] ins(%w, %both#0 : tensor<4x3xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %r = arith.subf %a, %b : f32
    apical.yield %r : f32
  }
  apical.write @w, %new : tensor<4x3xf32>
}

// Noise per sample and vectors of noise are small: they are kept. So is what
// reads a state whose write lies between.
// CHECK-LABEL: @kept
// CHECK-COUNT-3: apical.draw
// CHECK-NOT: apical.draw
apical.step @kept () {
  %w = apical.read @w : tensor<4x3xf32>
  %s = apical.draw "normal" stream "s" per_trial : tensor<?x3xf32>
  %v = apical.draw "normal" stream "v" per_trial : tensor<3xf32>
  %m = apical.draw "normal" stream "m" per_trial : tensor<4x3xf32>
  %sum = apical.lift sizes [-1, 3] ins(%s, %s, %v, %v : tensor<?x3xf32>, tensor<?x3xf32>, tensor<3xf32>, tensor<3xf32>)
      outs(tensor<?xf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b, j), (b, j) -> (j), (b, j) -> (j), (b, j) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.mulf %c, %d : f32
    %r = arith.addf %p, %q : f32
    apical.yield %r : f32
  }
  apical.report "sum" kind "cost", %sum : tensor<?xf32>
  %noisy = apical.lift sizes [4, 3] ins(%m, %w : tensor<4x3xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %r = arith.addf %a, %b : f32
    apical.yield %r : f32
  }
  apical.write @w, %noisy : tensor<4x3xf32>
  %late = apical.lift sizes [4, 3] ins(%noisy : tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32):
    %r = math.tanh %a : f32
    apical.yield %r : f32
  }
  apical.write @u, %late : tensor<4x3xf32>
}
