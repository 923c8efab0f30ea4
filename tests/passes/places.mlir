// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A list of places is a constant of the program, and a loop over it. What is not listed, and what pads the result, is 0.
// RUN: apical-opt %s --apical-lower-to-linalg | FileCheck %s

// CHECK: memref.global "private" constant @[[LIST:places0]] : memref<3xi64> = dense<[0, 41, 119]>
// CHECK-LABEL: func.func @init.body(
// CHECK: %[[MASK:.*]] = memref.alloc() {value = tensor<3x40xf32>}
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: memref.store %[[ZERO]], %[[MASK]]
// CHECK: %[[PLACES:.*]] = memref.get_global @[[LIST]]
// CHECK: scf.for %[[K:.*]] =
// CHECK: memref.load %[[PLACES]][%[[K]]]
// CHECK: %[[POST:.*]] = arith.remui
// CHECK: %[[PRE:.*]] = arith.remui
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: memref.store %[[ONE]], %{{.*}}[%[[PRE]], %[[POST]]]
apical.state @mask : tensor<3x40xf32> role "lasting"
apical.step @init () experiment {kind = "init"} {
  %m = apical.places [0, 41, 119] : tensor<3x40xf32>
  apical.write @mask, %m : tensor<3x40xf32>
}
