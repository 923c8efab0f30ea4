// RUN: apical-opt %s --apical-simplify -split-input-file | FileCheck %s

// Credit that nothing uses is not computed, nor what only it needed.
// CHECK-LABEL: apical.step @dead
// CHECK-NOT: apical.lift
// CHECK-NOT: apical.draw
// CHECK: }
apical.step @dead (%x: tensor<?x4xf32>) {
  %e = apical.draw "normal" stream "e" : tensor<?x4xf32>
  %y = apical.lift sizes [-1, 4] ins(%x, %e : tensor<?x4xf32>, tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %t = arith.mulf %a, %b : f32
    apical.yield %t : f32
  }
}

// -----

// Adding zeros is nothing, the same thing is computed once, and an operand that
// the body does not look at is not read.
// CHECK-LABEL: apical.step @zeros
// CHECK-NEXT: %[[Y:.*]] = apical.lift sizes [-1, 4] ins(%arg0 : tensor<?x4xf32>) outs(tensor<?xf32>)
// CHECK: math.exp
// CHECK-NOT: apical.lift
// CHECK: apical.report "a" kind "measure", %[[Y]]
// CHECK-NEXT: apical.report "b" kind "measure", %[[Y]]
apical.step @zeros (%x: tensor<?x4xf32>) {
  %zero = apical.lift sizes [-1] outs(tensor<?xf32>) maps [(b) -> (b)] combiners ["none"] {
    %c = arith.constant 0.0 : f32
    apical.yield %c : f32
  }
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  %again = apical.lift sizes [-1, 4] ins(%x, %x : tensor<?x4xf32>, tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i), (b, i) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  %sum = apical.lift sizes [-1] ins(%y, %zero : tensor<?xf32>, tensor<?xf32>) outs(tensor<?xf32>)
      maps [(b) -> (b), (b) -> (b), (b) -> (b)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %t = arith.addf %a, %b : f32
    apical.yield %t : f32
  }
  apical.report "a" kind "measure", %sum : tensor<?xf32>
  apical.report "b" kind "measure", %again : tensor<?xf32>
}
