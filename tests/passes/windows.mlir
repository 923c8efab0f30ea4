// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a window sees is linear in what there is: backwards goes its transpose, forwards the same window.
// RUN: apical-opt %s --apical-differentiate -split-input-file | FileCheck %s
// RUN: apical-opt %s --apical-differentiate -split-input-file | FileCheck %s --check-prefix=GONE
// GONE-NOT: apical.vjp
// GONE-NOT: apical.jvp

// Of twice what is seen: the cotangent of the sight, then its fold over the same window.
// CHECK-LABEL: apical.step @unfold_back
// CHECK: apical.unfold %arg0 shape [3, 4] kernel [2, 3] stride [1, 2] before [1, 0] places [4, 2] : tensor<?x12xf32> -> tensor<?x8x6xf32>
// CHECK: %[[DRAW:.*]] = apical.draw
// CHECK: %[[SEED:.*]] = apical.lift {{.*}}ins(%[[DRAW]]
// CHECK: %[[BACK:.*]] = apical.fold %[[SEED]] shape [3, 4] kernel [2, 3] stride [1, 2] before [1, 0] places [4, 2] : tensor<?x8x6xf32> -> tensor<?x12xf32>
// CHECK: apical.report "e" kind "probe", %[[BACK]]
apical.step @unfold_back (%x: tensor<?x12xf32>) {
  %seen = apical.unfold %x shape [3, 4] kernel [2, 3] stride [1, 2] before [1, 0] places [4, 2] : tensor<?x12xf32> -> tensor<?x8x6xf32>
  %e = apical.draw "normal" stream "e" : tensor<?x8x6xf32>
  %y = apical.lift sizes [-1, 8, 6] ins(%seen : tensor<?x8x6xf32>) outs(tensor<?x8x6xf32>)
      maps [(b, p, t) -> (b, p, t), (b, p, t) -> (b, p, t)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = arith.addf %a, %a : f32
    apical.yield %t : f32
  }
  %ex = apical.vjp of(%y seeds %e : tensor<?x8x6xf32>) wrt(%x : tensor<?x12xf32>) -> (tensor<?x12xf32>)
  apical.report "e" kind "probe", %ex : tensor<?x12xf32>
}

// -----

// CHECK-LABEL: apical.step @fold_back
// CHECK: apical.fold %arg0
// CHECK: %[[DRAW:.*]] = apical.draw
// CHECK: %[[BACK:.*]] = apical.unfold %[[DRAW]] shape [6] kernel [2] stride [2] before [0] places [3] taps_first : tensor<?x6xf32> -> tensor<?x2x3xf32>
// CHECK: apical.report "e" kind "probe", %[[BACK]]
apical.step @fold_back (%x: tensor<?x2x3xf32>) {
  %left = apical.fold %x shape [6] kernel [2] stride [2] before [0] places [3] taps_first : tensor<?x2x3xf32> -> tensor<?x6xf32>
  %e = apical.draw "normal" stream "e" : tensor<?x6xf32>
  %ex = apical.vjp of(%left seeds %e : tensor<?x6xf32>) wrt(%x : tensor<?x2x3xf32>) -> (tensor<?x2x3xf32>)
  apical.report "e" kind "probe", %ex : tensor<?x2x3xf32>
}

// -----

// Two windows over one area: what comes back of both is added.
// CHECK-LABEL: apical.step @seen_twice
// CHECK: %[[ONE:.*]] = apical.fold %{{.*}} shape [6] kernel [2]
// CHECK: %[[TWO:.*]] = apical.fold %{{.*}} shape [6] kernel [3]
// CHECK: apical.lift {{.*}}ins(%[[ONE]], %[[TWO]] :
// CHECK: arith.addf
apical.step @seen_twice (%x: tensor<?x6xf32>) {
  %a = apical.unfold %x shape [6] kernel [3] stride [1] before [0] places [4] : tensor<?x6xf32> -> tensor<?x4x3xf32>
  %b = apical.unfold %x shape [6] kernel [2] stride [2] before [0] places [3] : tensor<?x6xf32> -> tensor<?x3x2xf32>
  %e = apical.draw "normal" stream "e" : tensor<?x4x3xf32>
  %f = apical.draw "normal" stream "f" : tensor<?x3x2xf32>
  %ex = apical.vjp of(%a, %b seeds %e, %f : tensor<?x4x3xf32>, tensor<?x3x2xf32>) wrt(%x : tensor<?x6xf32>) -> (tensor<?x6xf32>)
  apical.report "e" kind "probe", %ex : tensor<?x6xf32>
}

// -----

// What is held passes nothing on: zeros, and no fold.
// CHECK-LABEL: apical.step @held
// CHECK: apical.unfold
// CHECK-NOT: apical.fold
// CHECK: arith.constant 0.000000e+00
apical.step @held (%x: tensor<?x6xf32>) {
  %a = apical.unfold %x shape [6] kernel [3] stride [1] before [0] places [4] : tensor<?x6xf32> -> tensor<?x4x3xf32>
  %y = apical.lift sizes [-1, 4, 3] ins(%a : tensor<?x4x3xf32>) outs(tensor<?x4x3xf32>)
      maps [(b, p, t) -> (b, p, t), (b, p, t) -> (b, p, t)] combiners ["none"] {
  ^bb0(%v: f32):
    apical.yield %v : f32
  }
  %e = apical.draw "normal" stream "e" : tensor<?x4x3xf32>
  %ex = apical.vjp of(%y seeds %e : tensor<?x4x3xf32>) wrt(%x : tensor<?x6xf32>) held(%a : tensor<?x4x3xf32>) -> (tensor<?x6xf32>)
  apical.report "e" kind "probe", %ex : tensor<?x6xf32>
}

// -----

// CHECK-LABEL: apical.step @forwards
// CHECK: %[[V:.*]] = apical.draw
// CHECK: %[[SEEN:.*]] = apical.unfold %[[V]] shape [6] kernel [3] stride [1] before [1] places [6]
// CHECK: %[[BACK:.*]] = apical.fold %[[SEEN]] shape [6] kernel [3] stride [1] before [1] places [6]
// CHECK: apical.report "t" kind "probe", %[[BACK]]
apical.step @forwards (%x: tensor<?x6xf32>) {
  %a = apical.unfold %x shape [6] kernel [3] stride [1] before [1] places [6] : tensor<?x6xf32> -> tensor<?x6x3xf32>
  %y = apical.fold %a shape [6] kernel [3] stride [1] before [1] places [6] : tensor<?x6x3xf32> -> tensor<?x6xf32>
  %v = apical.draw "normal" stream "v" : tensor<?x6xf32>
  %t = apical.jvp of(%y : tensor<?x6xf32>) along(%x by %v : tensor<?x6xf32>) -> (tensor<?x6xf32>)
  apical.report "t" kind "probe", %t : tensor<?x6xf32>
}
