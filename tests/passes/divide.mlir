// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes are divided by a constant as x * high + x * low, with the same bits for all 256 of them. Not by one whose inverse has
// no such parts, not numbers that need not be integers, and not where the processor rounds between product and sum.
// RUN: apical-opt %s --apical-lower-to-linalg=cpu=x86-64-v3 | FileCheck %s --check-prefixes=ALL,FUSED
// RUN: apical-opt %s --apical-lower-to-linalg=cpu=x86-64 | FileCheck %s --check-prefixes=ALL,APART

// ALL: linalg.generic
// FUSED: %[[X:.*]] = arith.uitofp
// FUSED: %[[LOW:.*]] = arith.mulf %[[X]], %{{.*}}
// FUSED: math.fma %[[X]], %{{.*}}, %[[LOW]]
// APART: arith.divf
apical.step @bytes (%x : tensor<?x16xi8>) experiment {batch = 16 : i64} {
  %y = apical.lift sizes [-1, 16] ins(%x : tensor<?x16xi8>) outs(tensor<?x16xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: i8):
    %n = arith.uitofp %a : i8 to f32
    %c = arith.constant 255.0 : f32
    %q = arith.divf %n, %c : f32
    apical.yield %q : f32
  }
  apical.report "y" kind "probe", %y : tensor<?x16xf32>
}

// ALL: linalg.generic
// ALL: arith.uitofp
// ALL: arith.divf
apical.step @far (%x : tensor<?x16xi8>) experiment {batch = 16 : i64} {
  %y = apical.lift sizes [-1, 16] ins(%x : tensor<?x16xi8>) outs(tensor<?x16xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: i8):
    %n = arith.uitofp %a : i8 to f32
    %c = arith.constant 3.0e+38 : f32
    %q = arith.divf %n, %c : f32
    apical.yield %q : f32
  }
  apical.report "y" kind "probe", %y : tensor<?x16xf32>
}

// ALL: linalg.generic
// ALL: arith.divf
apical.step @reals (%x : tensor<?x16xf32>) experiment {batch = 16 : i64} {
  %y = apical.lift sizes [-1, 16] ins(%x : tensor<?x16xf32>) outs(tensor<?x16xf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%a: f32):
    %c = arith.constant 255.0 : f32
    %q = arith.divf %a, %c : f32
    apical.yield %q : f32
  }
  apical.report "y" kind "probe", %y : tensor<?x16xf32>
}
