// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 36 columns are two vectors of 16 and four columns. These are computed apart, with lanes that are inputs: in the
// drive each lane sums its own of them, in the gradient the columns become rows. Half a vector is still narrow, more
// is not: forty-one columns are computed as three vectors.
// RUN: sed s/COLUMNS/36/g %s | apical-opt --apical-lower-to-linalg | FileCheck %s --check-prefix=NARROW
// RUN: sed s/COLUMNS/40/g %s | apical-opt --apical-lower-to-linalg | FileCheck %s --check-prefix=HALF
// RUN: sed s/COLUMNS/41/g %s | apical-opt --apical-lower-to-linalg | FileCheck %s --check-prefix=WIDE

// NARROW: tensor.extract_slice %[[W:.*]][0, 0] [512, 32] [1, 1]
// NARROW: linalg.generic {{.*}} outs({{.*}} : tensor<64x32xf32>)
// NARROW: tensor.extract_slice %[[W]][0, 32] [512, 4] [1, 1]
// NARROW: linalg.generic {{.*}} ins({{.*}} : tensor<512x4xf32>) outs({{.*}} : tensor<4x512xf32>)
// NARROW: linalg.generic {{.*}} ins({{.*}} : tensor<64x32x16xf32>, tensor<4x32x16xf32>) outs({{.*}} : tensor<64x4x16xf32>) attrs = {{.*}}lanes
// NARROW: linalg.generic {{.*}} ins({{.*}} : tensor<64x4x16xf32>) outs({{.*}} : tensor<64x4xf32>)
// NARROW: linalg.generic {{.*}} outs({{.*}} : tensor<64x16xf32>)
// NARROW: %[[COLUMN:.*]] = linalg.index 1
// NARROW: arith.addi %[[COLUMN]], %c32
//
// NARROW: linalg.generic {{.*}} outs({{.*}} : tensor<512x32xf32>)
// NARROW: linalg.generic {{.*}} ins({{.*}} : tensor<64x4xf32>, tensor<64x512xf32>) outs({{.*}} : tensor<4x512xf32>)
// NARROW: linalg.generic {{.*}} ins({{.*}} : tensor<16x512xf32>) outs({{.*}} : tensor<512x16xf32>)
//
// HALF: tensor<64x8x16xf32>
// WIDE-NOT: tensor.extract_slice
apical.state @w : tensor<512xCOLUMNSxf32> role "weight"
apical.step @train (%x : tensor<?x512xf32>) experiment {batch = 64 : i64} {
  %w = apical.read @w : tensor<512xCOLUMNSxf32>
  %drive = apical.lift sizes [-1, 512, COLUMNS] ins(%x, %w : tensor<?x512xf32>, tensor<512xCOLUMNSxf32>)
      outs(tensor<?xCOLUMNSxf32>) maps [(b, i, j) -> (b, i), (b, i, j) -> (i, j), (b, i, j) -> (b, j)] combiners ["sum"] {
  ^bb0(%pre: f32, %weight: f32):
    %m = arith.mulf %weight, %pre : f32
    apical.yield %m : f32
  }
  %y = apical.lift sizes [-1, COLUMNS] ins(%drive : tensor<?xCOLUMNSxf32>) outs(tensor<?xCOLUMNSxf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b, j)] combiners ["none"] {
  ^bb0(%d: f32):
    %place = apical.index 1 : f32
    %sum = arith.addf %d, %place : f32
    apical.yield %sum : f32
  }
  %gradient = apical.lift sizes [-1, 512, COLUMNS] ins(%x, %y : tensor<?x512xf32>, tensor<?xCOLUMNSxf32>)
      outs(tensor<512xCOLUMNSxf32>) maps [(b, i, j) -> (b, i), (b, i, j) -> (b, j), (b, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%pre: f32, %post: f32):
    %m = arith.mulf %pre, %post : f32
    apical.yield %m : f32
  }
  %next = apical.lift sizes [512, COLUMNS] ins(%w, %gradient : tensor<512xCOLUMNSxf32>, tensor<512xCOLUMNSxf32>)
      outs(tensor<512xCOLUMNSxf32>) maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%old: f32, %g: f32):
    %d = arith.subf %old, %g : f32
    apical.yield %d : f32
  }
  apical.write @w, %next : tensor<512xCOLUMNSxf32>
}
