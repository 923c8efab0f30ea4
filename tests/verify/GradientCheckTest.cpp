//===- GradientCheckTest.cpp - the check accepts gradients and nothing else ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/verify/GradientCheck.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace apical;

namespace {

// cost[s] = sum over j of tanh(w[j] * x[s, j])^2; FACTOR turns its derivative into what is written.
const char *const text = R"(
apical.state @w : tensor<3xf32> role "weight"
apical.state @descent : tensor<3xf32> role "lasting"
apical.step @s (%x: tensor<?x3xf32>) {
  %w = apical.read @w : tensor<3xf32>
  %c = apical.lift sizes [-1, 3] ins(%w, %x : tensor<3xf32>, tensor<?x3xf32>) outs(tensor<?xf32>)
      maps [(s, j) -> (j), (s, j) -> (s, j), (s, j) -> (s)] combiners ["sum"] {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    %t = math.tanh %p : f32
    %q = arith.mulf %t, %t : f32
    apical.yield %q : f32
  }
  %ones = apical.lift sizes [-1] outs(tensor<?xf32>) maps [(s) -> (s)] combiners ["none"] {
    %one = arith.constant 1.0 : f32
    apical.yield %one : f32
  }
  %g = apical.vjp of(%c seeds %ones : tensor<?xf32>) wrt(%w : tensor<3xf32>) -> (tensor<3xf32>)
  %d = apical.lift sizes [3] ins(%g : tensor<3xf32>) outs(tensor<3xf32>)
      maps [(j) -> (j), (j) -> (j)] combiners ["none"] {
  ^bb0(%a: f32):
    %k = arith.constant FACTOR : f32
    %m = arith.mulf %a, %k : f32
    apical.yield %m : f32
  }
  apical.report "c" kind "measure", %c : tensor<?xf32>
  apical.write @descent, %d : tensor<3xf32>
}
)";

GradientCheck check(double factor) {
  static MLIRContext *context = [] {
    auto *c = new MLIRContext(MLIRContext::Threading::DISABLED);
    c->loadDialect<ir::ApicalDialect, arith::ArithDialect, math::MathDialect>();
    return c;
  }();
  std::string source = text;
  source.replace(source.find("FACTOR"), 6, std::to_string(factor));
  auto module = parseSourceString<ModuleOp>(source, context);
  EXPECT_TRUE(module);
  StepInputs inputs;
  inputs.clock.samples = 2;
  inputs.states["w"] = Field({3});
  inputs.states["w"].data = {0.3, -0.5, 0.9};
  inputs.states["descent"] = Field({3});
  inputs.columns.push_back(Field({2, 3}));
  inputs.columns[0].data = {1, 2, -1, 0.5, -0.3, 0.7};
  GradientOracle oracle(*module->getOps<ir::StepOp>().begin(), inputs);
  return oracle.check("w", "descent", "c", 3);
}

} // namespace

// The mean over two samples: half the sum.
TEST(GradientCheck, AcceptsTheGradient) {
  GradientCheck c = check(-0.5);
  EXPECT_FALSE(c.failed);
  EXPECT_EQ(c.compared, 3u);
  EXPECT_EQ(c.kinks, 0u);
  EXPECT_GT(c.greatest, 0.1);
  EXPECT_LE(c.error, 1e-9);
}

TEST(GradientCheck, RefusesMutants) {
  EXPECT_TRUE(check(0.5).failed);      // uphill
  EXPECT_TRUE(check(-1).failed);       // the sum instead of the mean
  EXPECT_TRUE(check(-0.50001).failed); // a little too long
  EXPECT_TRUE(check(0).failed);        // nothing
  EXPECT_NEAR(check(-1).error, 0.5, 1e-6);
}
