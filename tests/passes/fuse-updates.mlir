// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A weight and its optimiser's states become results of one lift, which alone
// uses the gradient.
// RUN: apical-opt %s --apical-fuse-updates | FileCheck %s

apical.state @w : tensor<4x3xf32> role "weight"
apical.state @v : tensor<4x3xf32> role "optimizer"
apical.state @m : tensor<4x3xf32> role "optimizer"

// Two states that share the gradient and feed the weight: a diamond.
// CHECK-LABEL: @diamond
// CHECK: %[[W:.*]] = apical.read @w
// CHECK: %[[V:.*]] = apical.read @v
// CHECK: %[[M:.*]] = apical.read @m
// CHECK: %[[NEW:.*]]:3 = apical.lift sizes [4, 3] ins({{.*}}) outs(tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>)
// CHECK-NOT: apical.lift
// CHECK: apical.write @m, %[[NEW]]#{{[01]}}
// CHECK: apical.write @v, %[[NEW]]#{{[01]}}
// CHECK: apical.write @w, %[[NEW]]#2
apical.step @diamond () {
  %w = apical.read @w : tensor<4x3xf32>
  %v = apical.read @v : tensor<4x3xf32>
  %m = apical.read @m : tensor<4x3xf32>
  %nm = apical.lift sizes [4, 3] ins(%m, %w : tensor<4x3xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %r = arith.addf %a, %b : f32
    apical.yield %r : f32
  }
  %nv = apical.lift sizes [4, 3] ins(%v, %w : tensor<4x3xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %r = arith.subf %a, %b : f32
    apical.yield %r : f32
  }
  %nw = apical.lift sizes [4, 3] ins(%nm, %nv : tensor<4x3xf32>, tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %r = arith.mulf %a, %b : f32
    apical.yield %r : f32
  }
  apical.write @m, %nm : tensor<4x3xf32>
  apical.write @v, %nv : tensor<4x3xf32>
  apical.write @w, %nw : tensor<4x3xf32>
}

// What only the consumer uses is no result of the joint lift.
// CHECK-LABEL: @chain
// CHECK: %[[NEW:.*]] = apical.lift
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK-NOT: apical.lift
// CHECK: apical.write @w, %[[NEW]]
apical.step @chain () {
  %w = apical.read @w : tensor<4x3xf32>
  %a = apical.lift sizes [4, 3] ins(%w : tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = arith.addf %x, %x : f32
    apical.yield %r : f32
  }
  %b = apical.lift sizes [4, 3] ins(%a : tensor<4x3xf32>) outs(tensor<4x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = arith.mulf %x, %x : f32
    apical.yield %r : f32
  }
  apical.write @w, %b : tensor<4x3xf32>
}

// A transposed reading and the write of a state that the
// producer reads: each keeps the two apart.
// CHECK-LABEL: @apart
// CHECK-COUNT-5: apical.lift
apical.state @s : tensor<3x3xf32> role "lasting"
apical.state @t : tensor<3x3xf32> role "lasting"
apical.step @apart () {
  %s = apical.read @s : tensor<3x3xf32>
  %a = apical.lift sizes [3, 3] ins(%s : tensor<3x3xf32>) outs(tensor<3x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = arith.addf %x, %x : f32
    apical.yield %r : f32
  }
  %b = apical.lift sizes [3, 3] ins(%a : tensor<3x3xf32>) outs(tensor<3x3xf32>)
      maps [(i, j) -> (j, i), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = arith.mulf %x, %x : f32
    apical.yield %r : f32
  }
  %d = apical.lift sizes [3, 3] ins(%a, %b : tensor<3x3xf32>, tensor<3x3xf32>) outs(tensor<3x3xf32>)
      maps [(i, j) -> (j, i), (i, j) -> (j, i), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32, %y: f32):
    %r = arith.subf %x, %y : f32
    apical.yield %r : f32
  }
  %old = apical.lift sizes [3, 3] ins(%s : tensor<3x3xf32>) outs(tensor<3x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = math.tanh %x : f32
    apical.yield %r : f32
  }
  apical.write @s, %d : tensor<3x3xf32>
  %late = apical.lift sizes [3, 3] ins(%old : tensor<3x3xf32>) outs(tensor<3x3xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%x: f32):
    %r = math.exp %x : f32
    apical.yield %r : f32
  }
  apical.write @t, %late : tensor<3x3xf32>
}
