// RUN: apical-opt %s -verify-diagnostics -split-input-file

// expected-error @below {{has the unknown role "synapse"; roles are weight, lasting, optimizer, counter, item}}
apical.state @w : tensor<4xf32> role "synapse"

// -----

// expected-error @below {{has a sample axis in the state of type 'tensor<?x4xf32>': what outlives the step has none}}
apical.state @w : tensor<?x4xf32> role "weight"

// -----

// expected-error @below {{has a '?' at axis 1 of column 0 of type 'tensor<?x?xf32>': '?' is the sample axis, which comes first and once}}
apical.step @s (%x: tensor<?x?xf32>) {
}

// -----

// expected-error @below {{has column 0 of type 'tensor<4xf32>': a column is a tensor<?x…>, one row per sample}}
apical.step @s (%x: tensor<4xf32>) {
}

// -----

apical.step @s () {
  // expected-error @below {{names the unknown state 'w'}}
  %w = apical.read @w : tensor<4xf32>
}

// -----

apical.step @s () {
  // expected-error @below {{names the unknown parameter 'rate'}}
  %r = apical.get_param @rate : tensor<f32>
}

// -----

// expected-note @below {{the state is declared here}}
apical.state @w : tensor<4xf32> role "weight"
apical.step @s () {
  // expected-error @below {{has type 'tensor<5xf32>', but state 'w' has 'tensor<4xf32>'}}
  %w = apical.read @w : tensor<5xf32>
}

// -----

apical.state @w : tensor<4xf32> role "weight"
apical.step @s () {
  %w = apical.read @w : tensor<4xf32>
  // expected-note @below {{it is written here}}
  apical.write @w, %w : tensor<4xf32>
  // expected-error @below {{uses the value of state 'w' after it was written}}
  %y = apical.lift sizes [4] ins(%w : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.state @w : tensor<4xf32> role "weight"
apical.step @s () {
  %w = apical.read @w : tensor<4xf32>
  // expected-note @below {{it is first written here}}
  apical.write @w, %w : tensor<4xf32>
  // expected-error @below {{writes state 'w' a second time}}
  apical.write @w, %w : tensor<4xf32>
}

// -----

apical.state @w : tensor<4xf32> role "weight"
apical.step @s () {
  %d = apical.draw "normal" stream "s" : tensor<4xf32>
  // expected-note @below {{it is written here}}
  apical.write @w, %d : tensor<4xf32>
  // expected-error @below {{reads state 'w' after it was written}}
  %w = apical.read @w : tensor<4xf32>
}

// -----

apical.step @s () {
  // expected-error @below {{has the unknown kind "weather"; kinds are samples, trial, epoch, training, epoch_end, rows}}
  %c = apical.clock "weather" : tensor<f32>
}

// -----

apical.step @s () {
  // expected-error @below {{"rows" is a tensor<?xf32>, not a 'tensor<f32>'}}
  %c = apical.clock "rows" : tensor<f32>
}

// -----

apical.step @s () {
  // expected-error @below {{has the unknown distribution "cauchy"; distributions are uniform, normal, orthogonal}}
  %c = apical.draw "cauchy" stream "s" : tensor<4xf32>
}

// -----

apical.step @s () {
  // expected-error @below {{of the distribution "orthogonal" is a matrix, not a 'tensor<?x4xf32>'}}
  %c = apical.draw "orthogonal" stream "s" : tensor<?x4xf32>
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{runs along axis 2 of a 'tensor<?x4xf32>'}}
  %r = apical.rank %x axis 2 : tensor<?x4xf32>
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{runs along the sample axis of a 'tensor<?x4xf32>': samples do not see each other}}
  %r = apical.rank %x axis 0 : tensor<?x4xf32>
}

// -----

apical.step @s () {
  // expected-error @below {{names the place 6 of a 'tensor<2x3xf32>'}}
  %m = apical.places [0, 6] : tensor<2x3xf32>
}

// -----

apical.step @s () {
  // expected-error @below {{has elements without number in a 'tensor<?x3xf32>'}}
  %m = apical.places [0] : tensor<?x3xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{has lists of different lengths}}
  %r = apical.unfold %x shape [3, 4] kernel [3] stride [1, 1] before [0, 0] places [1, 2] : tensor<?x12xf32> -> tensor<?x2x9xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{has no such window: see dimension 1}}
  %r = apical.unfold %x shape [3, 4] kernel [3, 3] stride [1, 0] before [0, 0] places [1, 2] : tensor<?x12xf32> -> tensor<?x2x9xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{has no such window: see dimension 0}}
  %r = apical.unfold %x shape [3, 4] kernel [3, 3] stride [1, 1] before [3, 0] places [1, 2] : tensor<?x12xf32> -> tensor<?x2x9xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{has 12 units, 2 places and 9 taps, and goes between 'tensor<?x12xf32>' and 'tensor<?x9x2xf32>'}}
  %r = apical.unfold %x shape [3, 4] kernel [3, 3] stride [1, 1] before [0, 0] places [1, 2] : tensor<?x12xf32> -> tensor<?x9x2xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{has 9 units, 1 places and 9 taps, and goes between 'tensor<?x12xf32>' and 'tensor<?x1x9xf32>'}}
  %r = apical.unfold %x shape [3, 3] kernel [3, 3] stride [1, 1] before [0, 0] places [1, 1] : tensor<?x12xf32> -> tensor<?x1x9xf32>
}

// -----

apical.step @s (%x: tensor<?x12xf32>) {
  // expected-error @below {{makes two axes of the last one, and goes from 'tensor<?x12xf32>' to 'tensor<?x18xf32>'}}
  %r = apical.unfold %x shape [3, 4] kernel [3, 3] stride [1, 1] before [0, 0] places [1, 2] : tensor<?x12xf32> -> tensor<?x18xf32>
}

// -----

apical.step @s (%x: tensor<?x2x9xf32>) {
  // expected-error @below {{makes two axes of the last one, and goes from 'tensor<7x12xf32>' to 'tensor<?x2x9xf32>'}}
  %r = apical.fold %x shape [3, 4] kernel [3, 3] stride [1, 1] before [0, 0] places [1, 2] : tensor<?x2x9xf32> -> tensor<7x12xf32>
}

// -----

apical.step @s (%x: tensor<?x2x9xf32>) {
  // expected-error @below {{has 12 units, 2 places and 9 taps, and goes between 'tensor<?x12xf32>' and 'tensor<?x2x9xf32>'}}
  %r = apical.fold %x shape [3, 4] kernel [3, 3] stride [1, 1] before [0, 0] places [1, 2] taps_first : tensor<?x2x9xf32> -> tensor<?x12xf32>
}

// -----

apical.step @s () {
  %c = apical.clock "trial" : tensor<f32>
  // expected-error @below {{has the unknown kind "loss"; kinds are cost, measure, health, whole, residual}}
  apical.report "c" kind "loss", %c : tensor<f32>
}

// -----

apical.step @s () {
  %c = apical.clock "trial" : tensor<f32>
  // expected-error @below {{of kind "cost" takes a tensor<?xf32>, not a 'tensor<f32>'}}
  apical.report "c" kind "cost", %c : tensor<f32>
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has the sample axis at position 1 of its domain; it comes first and once}}
  %y = apical.lift sizes [4, -1] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(i, b) -> (b, i), (i, b) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has 1 maps for 2 operands and results}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has operand 0 of type 'tensor<?x4xf32>', whose axis 1 does not have the size of axis 1 of the domain, 5}}
  %y = apical.lift sizes [-1, 5] ins(%x : tensor<?x4xf32>) outs(tensor<?x5xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has a map for operand 0 that is not a projected permutation}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i + 1), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{reduces axes into result 0, which needs the combiner sum, max or min}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{reduces no axis into result 0, so its combiner is none, not sum}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["sum"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xui8>) {
  // expected-error @below {{has body argument 0 of type 'f32', but operand 0 gives 'i8'}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xui8>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has a body with something else than arith, math, apical.index and apical.stop: 'apical.clock'}}
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    // expected-note @below {{it stands here}}
    %c = apical.clock "trial" : tensor<f32>
    apical.yield %a : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    %c = arith.constant 1 : i32
    // expected-error @below {{yields 'i32' for result 0, which collects 'f32'}}
    apical.yield %c : i32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  %y = apical.lift sizes [-1, 4] ins(%x : tensor<?x4xf32>) outs(tensor<?x4xf32>)
      maps [(b, i) -> (b, i), (b, i) -> (b, i)] combiners ["none"] {
  ^bb0(%a: f32):
    // expected-error @below {{names axis 2 of a domain that has 2}}
    %c = apical.index 2 : f32
    apical.yield %c : f32
  }
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has a cotangent of type 'tensor<4xf32>' for input 0 of type 'tensor<?x4xf32>'}}
  %e = apical.vjp of(%x seeds %x : tensor<?x4xf32>) wrt(%x : tensor<?x4xf32>) -> (tensor<4xf32>)
}

// -----

apical.step @s (%x: tensor<?x4xf32>) {
  // expected-error @below {{has a tangent of type 'tensor<4xf32>' for output 0 of type 'tensor<?x4xf32>'}}
  %t = apical.jvp of(%x : tensor<?x4xf32>) along(%x by %x : tensor<?x4xf32>) -> (tensor<4xf32>)
}
