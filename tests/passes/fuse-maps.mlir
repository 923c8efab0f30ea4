// RUN: apical-opt %s --apical-fuse-maps -split-input-file | FileCheck %s

// A map moves into its only user, coordinates and transposed reads included.
// CHECK-LABEL: apical.step @chain
// CHECK-NEXT: apical.draw
// CHECK-NEXT: apical.lift sizes [4, 3] ins(%{{.*}} : tensor<3x4xf32>) outs(tensor<4xf32>)
// CHECK-SAME: maps [(d0, d1) -> (d1, d0), (d0, d1) -> (d0)] combiners ["sum"]
// CHECK: apical.index 1
// CHECK: math.exp
// CHECK-NOT: apical.lift
apical.state @y : tensor<4xf32> role "lasting"
apical.step @chain () {
  %x = apical.draw "normal" stream "x" : tensor<3x4xf32>
  %m = apical.lift sizes [3, 4] ins(%x : tensor<3x4xf32>) outs(tensor<3x4xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32):
    %i = apical.index 0 : f32
    %t = arith.mulf %a, %i : f32
    apical.yield %t : f32
  }
  %y = apical.lift sizes [4, 3] ins(%m : tensor<3x4xf32>) outs(tensor<4xf32>)
      maps [(i, j) -> (j, i), (i, j) -> (i)] combiners ["sum"] {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  apical.write @y, %y : tensor<4xf32>
}

// -----

// A contraction stays a sum of products of two fields.
// CHECK-LABEL: apical.step @contraction
// CHECK-COUNT-2: apical.lift
apical.state @y : tensor<4xf32> role "lasting"
apical.step @contraction () {
  %x = apical.draw "normal" stream "x" : tensor<3x4xf32>
  %u = apical.draw "normal" stream "u" : tensor<3x4xf32>
  %m = apical.lift sizes [3, 4] ins(%x : tensor<3x4xf32>) outs(tensor<3x4xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  %y = apical.lift sizes [3, 4] ins(%m, %u : tensor<3x4xf32>, tensor<3x4xf32>) outs(tensor<4xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (j)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %t = arith.mulf %a, %b : f32
    apical.yield %t : f32
  }
  apical.write @y, %y : tensor<4xf32>
}

// -----

// The old value of a state does not travel past the write.
// CHECK-LABEL: apical.step @linear
// CHECK: math.exp
// CHECK: apical.write @w
// CHECK: apical.lift
// CHECK: apical.write @v
apical.state @w : tensor<4xf32> role "weight"
apical.state @v : tensor<4xf32> role "weight"
apical.step @linear () {
  %w = apical.read @w : tensor<4xf32>
  %u = apical.draw "normal" stream "u" : tensor<4xf32>
  %m = apical.lift sizes [4] ins(%w : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  apical.write @w, %u : tensor<4xf32>
  %y = apical.lift sizes [4] ins(%m : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = arith.negf %a : f32
    apical.yield %t : f32
  }
  apical.write @v, %y : tensor<4xf32>
}
