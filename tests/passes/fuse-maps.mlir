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

// -----

// What varies over samples and synapses is not stored to be scaled and summed: the body moves into the sum.
// CHECK-LABEL: apical.step @synapses
// CHECK-NOT: tensor<?x3x4xf32>
// CHECK: apical.lift sizes [-1, 3, 4]
// CHECK: math.exp
// CHECK: apical.write @w
apical.state @w : tensor<3x4xf32> role "weight"
apical.step @synapses (%x: tensor<?x3xf32>, %y: tensor<?x4xf32>) {
  %a = apical.clock "samples" : tensor<f32>
  %t = apical.lift sizes [-1, 3, 4] ins(%x, %y : tensor<?x3xf32>, tensor<?x4xf32>) outs(tensor<?x3x4xf32>)
      maps [(b, i, j) -> (b, i), (b, i, j) -> (b, j), (b, i, j) -> (b, i, j)] combiners ["none"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %q : f32
    %e = math.exp %m : f32
    apical.yield %e : f32
  }
  %s = apical.lift sizes [-1, 3, 4] ins(%a, %t : tensor<f32>, tensor<?x3x4xf32>) outs(tensor<3x4xf32>)
      maps [(b, i, j) -> (), (b, i, j) -> (b, i, j), (b, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %q : f32
    apical.yield %m : f32
  }
  apical.write @w, %s : tensor<3x4xf32>
}

// -----

// The weights of which each is perturbed in turn, one copy for each, are not stored: every sample makes them anew.
// CHECK-LABEL: apical.step @in_turn
// CHECK-NOT: outs(tensor<3x4x3x4xf32>)
// CHECK: apical.lift sizes [-1, 3, 4, 3, 4] ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x3xf32>, tensor<3x4xf32>, tensor<3x4xf32>)
// CHECK: arith.select
// CHECK: arith.mulf
apical.state @w : tensor<3x4xf32> role "weight"
apical.step @in_turn (%x: tensor<?x3xf32>) {
  %w = apical.read @w : tensor<3x4xf32>
  %n = apical.lift sizes [3, 4] outs(tensor<3x4xf32>) maps [(i, j) -> (i, j)] combiners ["none"] {
    %p = apical.index 0 : f32
    apical.yield %p : f32
  }
  %m = apical.lift sizes [3, 4, 3, 4] ins(%w, %n : tensor<3x4xf32>, tensor<3x4xf32>) outs(tensor<3x4x3x4xf32>)
      maps [(p, q, i, j) -> (i, j), (p, q, i, j) -> (p, q), (p, q, i, j) -> (p, q, i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %one = arith.constant 1.0 : f32
    %c = arith.cmpf oeq, %b, %one : f32
    %d = arith.addf %a, %one : f32
    %e = arith.select %c, %d, %a : f32
    apical.yield %e : f32
  }
  %y = apical.lift sizes [-1, 3, 4, 3, 4] ins(%x, %m : tensor<?x3xf32>, tensor<3x4x3x4xf32>) outs(tensor<?x3x4x4xf32>)
      maps [(s, p, q, i, j) -> (s, i), (s, p, q, i, j) -> (p, q, i, j), (s, p, q, i, j) -> (s, p, q, j)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %e = arith.mulf %a, %b : f32
    apical.yield %e : f32
  }
  apical.report "y" kind "item", %y : tensor<?x3x4x4xf32>
}
