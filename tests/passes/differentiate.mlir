// RUN: apical-opt %s --apical-differentiate -split-input-file | FileCheck %s

// The adjoints of a dense connection are contractions themselves.
// CHECK-LABEL: apical.step @contraction
// CHECK-DAG: %[[W:.*]] = apical.read @w
// CHECK-DAG: %[[E:.*]] = apical.draw
// CHECK: apical.lift sizes [-1, 4, 3] ins(%arg0, %[[W]]
// The weight's: x times cotangent, summed over samples.
// CHECK: apical.lift sizes [-1, 4, 3] ins({{.*}} : tensor<?x4xf32>, tensor<?x3xf32>) outs(tensor<4x3xf32>)
// CHECK-SAME: combiners ["sum"]
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[B]], %[[A]] : f32
// CHECK-NEXT: apical.yield %[[P]]
// CHECK-NOT: apical.vjp
apical.state @w : tensor<4x3xf32> role "weight"
apical.step @contraction (%x: tensor<?x4xf32>) {
  %w = apical.read @w : tensor<4x3xf32>
  %e = apical.draw "normal" stream "e" : tensor<?x3xf32>
  %y = apical.lift sizes [-1, 4, 3] ins(%x, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(tensor<?x3xf32>)
      maps [(b, i, j) -> (b, i), (b, i, j) -> (i, j), (b, i, j) -> (b, j)] combiners ["sum"] {
  ^bb0(%pre: f32, %weight: f32):
    %t = arith.mulf %weight, %pre : f32
    apical.yield %t : f32
  }
  %ew = apical.vjp of(%y seeds %e : tensor<?x3xf32>) wrt(%w : tensor<4x3xf32>) -> (tensor<4x3xf32>)
  apical.write @w, %ew : tensor<4x3xf32>
}

// -----

// 1 - y * y is made from the result; the tanh is not computed again.
// CHECK-LABEL: apical.step @from_result
// CHECK: %[[Y:.*]] = apical.lift
// CHECK: math.tanh
// CHECK: apical.lift sizes [4] ins(%[[Y]], {{.*}} : tensor<4xf32>, tensor<4xf32>)
// CHECK-NOT: math.tanh
// CHECK: apical.write
apical.state @x : tensor<4xf32> role "weight"
apical.step @from_result () {
  %x = apical.read @x : tensor<4xf32>
  %e = apical.draw "normal" stream "e" : tensor<4xf32>
  %y = apical.lift sizes [4] ins(%x : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = math.tanh %a : f32
    apical.yield %t : f32
  }
  %ex = apical.vjp of(%y seeds %e : tensor<4xf32>) wrt(%x : tensor<4xf32>) -> (tensor<4xf32>)
  apical.write @x, %ex : tensor<4xf32>
}

// -----

// Nothing passes through a barrier, a held value, or another input.
// CHECK-LABEL: apical.step @cuts
// CHECK-COUNT-2: math.exp
// CHECK-NOT: math.exp
// The input that the output depends on through the other input only: zeros.
// CHECK: apical.lift sizes [4] outs(tensor<4xf32>)
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK: apical.write @x
apical.state @x : tensor<4xf32> role "weight"
apical.step @cuts () {
  %x = apical.read @x : tensor<4xf32>
  %e = apical.draw "normal" stream "e" : tensor<4xf32>
  %m = apical.lift sizes [4] ins(%x : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    apical.yield %t : f32
  }
  %y = apical.lift sizes [4] ins(%m, %x : tensor<4xf32>, tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32, %b: f32):
    %s = apical.stop %b : f32
    %t = math.exp %s : f32
    %u = arith.addf %a, %t : f32
    apical.yield %u : f32
  }
  %ex, %em = apical.vjp of(%y seeds %e : tensor<4xf32>) wrt(%x, %m : tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  apical.write @x, %ex : tensor<4xf32>
}

// -----

// A maximum passes its cotangent to the elements that equal it.
// CHECK-LABEL: apical.step @peak
// CHECK: %[[M:.*]] = apical.lift sizes [-1, 4]
// CHECK: apical.lift sizes [-1, 4] ins(%arg0, %[[M]], {{.*}}) outs(tensor<?x4xf32>)
// CHECK: %[[C:.*]] = arith.cmpf oeq
// CHECK: arith.select %[[C]]
apical.step @peak (%x: tensor<?x4xf32>) {
  %e = apical.draw "normal" stream "e" : tensor<?xf32>
  %m = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b)] combiners ["max"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
  %ex = apical.vjp of(%m seeds %e : tensor<?xf32>) wrt(%x : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  %s = apical.lift sizes [-1, 4] ins(%ex : tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
  apical.report "s" kind "measure", %s : tensor<?xf32>
}

// -----

// Forwards: a product hands on both of its factors' tangents, and a displaced value also what reaches it from before.
// CHECK-LABEL: apical.step @forwards
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>)
// CHECK: %[[S:.*]] = apical.lift sizes [-1, 4] ins(%[[X]] : tensor<?x4xf32>)
// CHECK: %[[T:.*]] = apical.lift sizes [-1, 4] ins(%[[X]], %[[V:.*]] : tensor<?x4xf32>, tensor<?x4xf32>)
// CHECK: %[[A:.*]] = arith.mulf
// CHECK: %[[B:.*]] = arith.mulf
// CHECK: arith.addf %[[A]], %[[B]]
// CHECK: apical.lift sizes [-1, 4] ins({{.*}}%[[T]]
// CHECK: arith.addf
// CHECK-NOT: jvp
apical.step @forwards (%x: tensor<?x4xf32>) {
  %v = apical.draw "normal" stream "v" : tensor<?x4xf32>
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    %p = arith.mulf %a, %a : f32
    apical.yield %p : f32
  }
  %ty = apical.jvp of(%y : tensor<?x4xf32>) along(%x, %y by %v, %v : tensor<?x4xf32>, tensor<?x4xf32>)
      -> (tensor<?x4xf32>)
  %s = apical.lift sizes [-1, 4] ins(%ty : tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b)] combiners ["sum"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
  apical.report "s" kind "measure", %s : tensor<?xf32>
}
