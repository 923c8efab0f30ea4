// RUN: apical-opt %s | apical-opt | FileCheck %s
// RUN: apical-opt %s --mlir-print-op-generic | apical-opt | FileCheck %s

// CHECK: apical.state @net.w : tensor<4x3xf32> role "weight"
apical.state @net.w : tensor<4x3xf32> role "weight"
// CHECK: apical.param @rate = 1.000000e-01
apical.param @rate = 0.1 {unit = "ms", scale = 1.0e-3}

// CHECK-LABEL: apical.step @train0 (%arg0: tensor<?x4xui8>, %arg1: tensor<?xi8>) experiment {batch = 8 : i64} {
apical.step @train0 (%images: tensor<?x4xui8>, %labels: tensor<?xi8>) experiment {batch = 8} {
  // CHECK: apical.read @net.w : tensor<4x3xf32>
  %w = apical.read @net.w : tensor<4x3xf32>
  // CHECK: apical.get_param @rate : tensor<f32>
  %rate = apical.get_param @rate : tensor<f32>
  // CHECK: apical.clock "samples" : tensor<f32>
  %n = apical.clock "samples" : tensor<f32>
  // CHECK: apical.draw "normal" stream "noise" per_trial : tensor<?x3xf32>
  %xi = apical.draw "normal" stream "noise" per_trial : tensor<?x3xf32>
  // CHECK: apical.draw "uniform" stream "w" : tensor<4x3xf32>
  %u = apical.draw "uniform" stream "w" : tensor<4x3xf32>
  // CHECK: apical.draw "orthogonal" stream "q" : tensor<4x3xf32>
  %q = apical.draw "orthogonal" stream "q" : tensor<4x3xf32>
  // CHECK: apical.lift sizes [-1, 4] ins(%arg0 : tensor<?x4xui8>) outs(tensor<?x4xf32>)
  // CHECK-SAME: maps [(d0, d1) -> (d0, d1), (d0, d1) -> (d0, d1)] combiners ["none"] {
  // CHECK: ^bb0(%{{.*}}: i8):
  %x = apical.lift sizes [-1, 4] ins(%images : tensor<?x4xui8>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%pixel: i8):
    %f = arith.uitofp %pixel : i8 to f32
    apical.yield %f : f32
  }
  // CHECK: apical.lift sizes [-1, 4, 3] ins(%{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4x3xf32>) outs(tensor<?x3xf32>)
  // CHECK-SAME: combiners ["sum"] {
  %y = apical.lift sizes [-1, 4, 3] ins(%x, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(tensor<?x3xf32>)
      maps [(b, i, j) -> (b, i), (b, i, j) -> (i, j), (b, i, j) -> (b, j)] combiners ["sum"] {
  ^bb0(%pre: f32, %weight: f32):
    %t = arith.mulf %weight, %pre : f32
    apical.yield %t : f32
  }
  // CHECK: apical.rank %{{.*}} axis 1 : tensor<?x3xf32>
  %r = apical.rank %y axis 1 : tensor<?x3xf32>
  // CHECK: apical.places [0, 3] : tensor<2x3xf32>
  %listed = apical.places [0, 3] : tensor<2x3xf32>
  // What a window sees of a line with a border of one, and what it leaves there; then taps first.
  // CHECK: apical.unfold %{{.*}} shape [4] kernel [3] stride [1] before [1] places [4] : tensor<?x4xf32> -> tensor<?x4x3xf32>
  %seen = apical.unfold %x shape [4] kernel [3] stride [1] before [1] places [4] : tensor<?x4xf32> -> tensor<?x4x3xf32>
  // CHECK: apical.fold %{{.*}} shape [4] kernel [3] stride [1] before [1] places [4] : tensor<?x4x3xf32> -> tensor<?x4xf32>
  %left = apical.fold %seen shape [4] kernel [3] stride [1] before [1] places [4] : tensor<?x4x3xf32> -> tensor<?x4xf32>
  // CHECK: apical.unfold %{{.*}} shape [2, 2] kernel [1, 2] stride [2, 1] before [0, 0] places [1, 1] taps_first : tensor<?x4xf32> -> tensor<?x2x1xf32>
  %first = apical.unfold %x shape [2, 2] kernel [1, 2] stride [2, 1] before [0, 0] places [1, 1] taps_first : tensor<?x4xf32> -> tensor<?x2x1xf32>
  // A domain without inputs, a coordinate, a barrier, two results.
  // CHECK: apical.lift sizes [-1, 3] outs(tensor<?xf32>, tensor<3xf32>)
  // CHECK-SAME: combiners ["sum", "max"] {
  // CHECK: apical.index 1 : f32
  // CHECK: apical.stop
  %c, %m = apical.lift sizes [-1, 3] outs(tensor<?xf32>, tensor<3xf32>)
      maps [(b, j) -> (b), (b, j) -> (j)] combiners ["sum", "max"] {
    %j = apical.index 1 : f32
    %s = apical.stop %j : f32
    apical.yield %j, %s : f32, f32
  }
  // CHECK: apical.report "cost" kind "cost", %{{.*}} : tensor<?xf32>
  apical.report "cost" kind "cost", %c : tensor<?xf32>
  // CHECK: apical.vjp of(%[[Y:.*]] seeds %[[Y]] : tensor<?x3xf32>) wrt(%{{.*}}, %{{.*}} : tensor<4x3xf32>, tensor<?x4xf32>) held(%{{.*}} : tensor<?x3xf32>) -> (tensor<4x3xf32>, tensor<?x4xf32>)
  %ew, %ex = apical.vjp of(%y seeds %y : tensor<?x3xf32>) wrt(%w, %x : tensor<4x3xf32>, tensor<?x4xf32>)
      held(%xi : tensor<?x3xf32>) -> (tensor<4x3xf32>, tensor<?x4xf32>)
  // CHECK: apical.jvp of(%[[Y]] : tensor<?x3xf32>) along(%[[W:.*]], %[[X:.*]] by %[[W]], %[[X]] : tensor<4x3xf32>, tensor<?x4xf32>) held(%{{.*}} : tensor<?x3xf32>) -> tensor<?x3xf32>
  %ty = apical.jvp of(%y : tensor<?x3xf32>) along(%w, %x by %w, %x : tensor<4x3xf32>, tensor<?x4xf32>)
      held(%xi : tensor<?x3xf32>) -> (tensor<?x3xf32>)
  // CHECK: apical.write @net.w, %{{.*}} : tensor<4x3xf32>
  apical.write @net.w, %ew : tensor<4x3xf32>
}
