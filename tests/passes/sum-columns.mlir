// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One number of a large matrix is made of one number of each column, so that columns can be walked side by side. Of a small
// one, of samples, or of one row there is nothing to gain.
// RUN: apical-opt %s --apical-sum-columns | FileCheck %s

// CHECK-LABEL: apical.step @greatest
// CHECK: %[[COLUMNS:.*]] = apical.lift sizes [300, 200] ins(%[[W:.*]] : tensor<300x200xf32>) outs(tensor<200xf32>)
// CHECK-SAME: maps [(d0, d1) -> (d0, d1), (d0, d1) -> (d1)] combiners ["max"]
// CHECK: math.absf
// CHECK: %[[MAX:.*]] = apical.lift sizes [200] ins(%[[COLUMNS]] : tensor<200xf32>) outs(tensor<f32>)
// CHECK-SAME: maps [(d0) -> (d0), (d0) -> ()] combiners ["max"]
// CHECK-NOT: math.absf
// CHECK: apical.report "w" kind "whole", %[[MAX]]
apical.state @w : tensor<300x200xf32> role "weight"
apical.state @v : tensor<30x20xf32> role "weight"
apical.state @u : tensor<1x20000xf32> role "weight"
apical.step @greatest () {
  %w = apical.read @w : tensor<300x200xf32>
  %m = apical.lift sizes [300, 200] ins(%w : tensor<300x200xf32>) outs(tensor<f32>)
      maps [(i, j) -> (i, j), (i, j) -> ()] combiners ["max"] {
  ^bb0(%a: f32):
    %s = math.absf %a : f32
    apical.yield %s : f32
  }
  apical.report "w" kind "whole", %m : tensor<f32>
}

// CHECK-LABEL: apical.step @small
// CHECK: apical.lift sizes [30, 20] {{.*}} outs(tensor<f32>)
// CHECK: apical.lift sizes [1, 20000] {{.*}} outs(tensor<f32>)
// CHECK: apical.lift sizes [-1, 20000] {{.*}} outs(tensor<f32>)
apical.step @small (%x : tensor<?x20000xf32>) {
  %v = apical.read @v : tensor<30x20xf32>
  %a = apical.lift sizes [30, 20] ins(%v : tensor<30x20xf32>) outs(tensor<f32>)
      maps [(i, j) -> (i, j), (i, j) -> ()] combiners ["sum"] {
  ^bb0(%t: f32):
    apical.yield %t : f32
  }
  %u = apical.read @u : tensor<1x20000xf32>
  %b = apical.lift sizes [1, 20000] ins(%u : tensor<1x20000xf32>) outs(tensor<f32>)
      maps [(i, j) -> (i, j), (i, j) -> ()] combiners ["sum"] {
  ^bb0(%t: f32):
    apical.yield %t : f32
  }
  %c = apical.lift sizes [-1, 20000] ins(%x : tensor<?x20000xf32>) outs(tensor<f32>)
      maps [(i, j) -> (i, j), (i, j) -> ()] combiners ["sum"] {
  ^bb0(%t: f32):
    apical.yield %t : f32
  }
  apical.report "a" kind "whole", %a : tensor<f32>
  apical.report "b" kind "whole", %b : tensor<f32>
  apical.report "c" kind "whole", %c : tensor<f32>
}
