// RUN: apical-opt %s --apical-differentiate -verify-diagnostics

apical.step @s (%x: tensor<?x4xf32>) {
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    // expected-note @below {{it stands between the inputs and the outputs; put apical.stop around it if no derivative is meant}}
    %t = math.acosh %a : f32
    apical.yield %t : f32
  }
  // expected-error @below {{cannot differentiate 'math.acosh'}}
  %e = apical.vjp of(%y seeds %y : tensor<?x4xf32>) wrt(%x : tensor<?x4xf32>) -> (tensor<?x4xf32>)
}
