// RUN: apical-opt %s --apical-split-sums -split-input-file | FileCheck %s

// A scaled difference of products is two contractions and elementwise code.
// CHECK-LABEL: apical.step @difference
// CHECK: %[[UP:.*]] = apical.lift sizes [-1, 4, 3] ins(%[[A:.*]], %[[B:.*]] : tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
// CHECK-SAME: maps [(d0, d1, d2) -> (d0, d1), (d0, d1, d2) -> (d0, d2), (d0, d1, d2) -> (d1, d2)] combiners ["sum"]
// CHECK: %[[DOWN:.*]] = apical.lift sizes [-1, 4, 3] ins(%[[E:.*]], %[[C:.*]] : tensor<?x4xf32>, tensor<?x3xf32>)
// CHECK: %[[DIFFERENCE:.*]] = apical.lift sizes [4, 3] ins(%[[UP]], %[[DOWN]] : {{.*}} combiners ["none"]
// CHECK: arith.subf
// CHECK: apical.lift sizes [4, 3] ins(%[[DIFFERENCE]], %{{.*}} combiners ["none"]
// CHECK: arith.divf
apical.state @w : tensor<4x3xf32> role "weight"
apical.step @difference () {
  %a = apical.draw "normal" stream "a" : tensor<?x4xf32>
  %b = apical.draw "normal" stream "b" : tensor<?x3xf32>
  %c = apical.draw "normal" stream "c" : tensor<?x3xf32>
  %e = apical.draw "normal" stream "e" : tensor<?x4xf32>
  %w = apical.lift sizes [-1, 4, 3] ins(%a, %b, %e, %c : tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
      maps [(s, i, j) -> (s, i), (s, i, j) -> (s, j), (s, i, j) -> (s, i), (s, i, j) -> (s, j), (s, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%x: f32, %y: f32, %o: f32, %z: f32):
    %two = arith.constant 2.0 : f32
    %u = arith.mulf %x, %y : f32
    %v = arith.mulf %o, %z : f32
    %d = arith.subf %u, %v : f32
    %h = arith.divf %d, %two : f32
    apical.yield %h : f32
  }
  apical.write @w, %w : tensor<4x3xf32>
}

// -----

// A factor that both products have is taken out first: one contraction of the difference.
// CHECK-LABEL: apical.step @common
// CHECK: %[[B:.*]] = apical.draw "normal" stream "b"
// CHECK: %[[C:.*]] = apical.draw "normal" stream "c"
// CHECK: %[[DIFFERENCE:.*]] = apical.lift sizes [-1, 3] ins(%[[B]], %[[C]] : {{.*}} combiners ["none"]
// CHECK: arith.subf
// CHECK: %[[SUM:.*]] = apical.lift sizes [-1, 4, 3] ins(%[[DIFFERENCE]], %{{.*}} : tensor<?x3xf32>, tensor<?x4xf32>) outs(tensor<4x3xf32>)
// CHECK-NOT: sizes [-1, 4, 3]
// CHECK: apical.lift sizes [4, 3] ins(%[[SUM]]
// CHECK: arith.divf
apical.state @w : tensor<4x3xf32> role "weight"
apical.step @common () {
  %a = apical.draw "normal" stream "a" : tensor<?x4xf32>
  %b = apical.draw "normal" stream "b" : tensor<?x3xf32>
  %c = apical.draw "normal" stream "c" : tensor<?x3xf32>
  %w = apical.lift sizes [-1, 4, 3] ins(%a, %b, %c : tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
      maps [(s, i, j) -> (s, i), (s, i, j) -> (s, j), (s, i, j) -> (s, j), (s, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %two = arith.constant 2.0 : f32
    %u = arith.mulf %x, %y : f32
    %v = arith.mulf %x, %z : f32
    %d = arith.subf %u, %v : f32
    %h = arith.divf %d, %two : f32
    apical.yield %h : f32
  }
  apical.write @w, %w : tensor<4x3xf32>
}

// -----

// A factor without the summed axis is applied to the sum; what a factor is made of is computed before.
// CHECK-LABEL: apical.step @factors
// CHECK: %[[SUM:.*]] = apical.lift sizes [-1] ins(%[[G:.*]] : tensor<?xf32>) outs(tensor<f32>)
// CHECK: apical.lift sizes [4, 3] ins(%[[SUM]], %{{.*}} : tensor<f32>, tensor<4x3xf32>)
// CHECK: %[[GX:.*]] = apical.lift sizes [-1, 4] ins(%[[G]], %{{.*}} : tensor<?xf32>, tensor<?x4xf32>) outs(tensor<?x4xf32>)
// CHECK: apical.lift sizes [-1, 4, 3] ins(%[[GX]], %{{.*}} : tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
apical.state @w : tensor<4x3xf32> role "weight"
apical.state @v : tensor<4x3xf32> role "weight"
apical.step @factors () {
  %g = apical.draw "normal" stream "g" : tensor<?xf32>
  %xi = apical.draw "normal" stream "xi" : tensor<4x3xf32>
  %a = apical.draw "normal" stream "a" : tensor<?x4xf32>
  %b = apical.draw "normal" stream "b" : tensor<?x3xf32>
  %w = apical.lift sizes [-1, 4, 3] ins(%g, %xi : tensor<?xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(s, i, j) -> (s), (s, i, j) -> (i, j), (s, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%x: f32, %y: f32):
    %u = arith.mulf %x, %y : f32
    apical.yield %u : f32
  }
  %v = apical.lift sizes [-1, 4, 3] ins(%g, %a, %b : tensor<?xf32>, tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
      maps [(s, i, j) -> (s), (s, i, j) -> (s, i), (s, i, j) -> (s, j), (s, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %u = arith.mulf %x, %y : f32
    %t = arith.mulf %u, %z : f32
    apical.yield %t : f32
  }
  apical.write @w, %w : tensor<4x3xf32>
  apical.write @v, %v : tensor<4x3xf32>
}

// -----

// What cannot be taken apart stays: the exponential needs both factors at once.
// CHECK-LABEL: apical.step @whole
// CHECK-COUNT-1: apical.lift
// CHECK-NOT: apical.lift
apical.state @w : tensor<4x3xf32> role "weight"
apical.step @whole () {
  %a = apical.draw "normal" stream "a" : tensor<?x4xf32>
  %b = apical.draw "normal" stream "b" : tensor<?x3xf32>
  %w = apical.lift sizes [-1, 4, 3] ins(%a, %b : tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
      maps [(s, i, j) -> (s, i), (s, i, j) -> (s, j), (s, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%x: f32, %y: f32):
    %u = arith.addf %x, %y : f32
    %e = math.exp %u : f32
    apical.yield %e : f32
  }
  apical.write @w, %w : tensor<4x3xf32>
}
