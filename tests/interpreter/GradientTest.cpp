//===- GradientTest.cpp - derivatives, three ways ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Central differences of the interpreter's cost, the interpreter's own vjp
// (dual numbers), and the lifts that the differentiation pass writes, run by
// the interpreter, must agree.
//
//===----------------------------------------------------------------------===//

#include "Networks.h"

#include "passes/Passes.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace apical;
using namespace apical::test;

static constexpr unsigned networks = 200;

/// Derivative of the cost by every element of state `name`: central differences
/// at two widths, extrapolated.
static Field centralDifferences(Network &network, const std::string &name, bool &smooth) {
  Field result(network.states[name].shape);
  for (int64_t i = 0; i < result.size(); ++i) {
    auto slope = [&](double width) {
      llvm::StringMap<Field> moved = network.states;
      moved[name].data[i] += width;
      double above = network.cost(moved);
      moved = network.states;
      moved[name].data[i] -= width;
      return (above - network.cost(moved)) / (2 * width);
    };
    double wide = slope(2e-4), narrow = slope(1e-4);
    result.data[i] = narrow + (narrow - wide) / 3;
    // A kink of a maximum within reach: the difference says nothing there.
    if (std::abs(narrow - wide) > 1e-4 * (1 + std::abs(narrow)))
      smooth = false;
  }
  return result;
}

TEST(Gradient, AgreesWithCentralDifferences) {
  unsigned parameters = 0, compared = 0, nonZero = 0;
  for (unsigned seed = 0; seed < networks; ++seed) {
    Network network = randomNetwork(seed);
    ASSERT_TRUE(succeeded(verify(*network.module)));
    llvm::StringMap<Field> after = network.states;
    network.run(after);
    for (const std::string &name : network.parameters) {
      ++parameters;
      bool smooth = true;
      Field expected = centralDifferences(network, name, smooth);
      if (!smooth)
        continue;
      const Field &gradient = after[name + ".d"];
      double greatest = 0;
      for (double value : gradient.data)
        greatest = std::max(greatest, std::abs(value));
      if (greatest > 1e-3) {
        EXPECT_LE(distance(gradient, expected), 1e-6) << "network " << seed << ", state " << name;
        ++nonZero;
      } else {
        for (int64_t i = 0; i < expected.size(); ++i)
          EXPECT_NEAR(gradient.data[i], expected.data[i], 1e-8)
              << "network " << seed << ", state " << name;
      }
      ++compared;
    }
  }
  // A test that compares nothing, or only zeros, proves nothing.
  EXPECT_EQ(compared, parameters);
  EXPECT_GE(compared, 2 * networks);
  EXPECT_GE(nonZero, compared * 3 / 4);
}

static void expectSameGradients(llvm::function_ref<void(PassManager &)> addPasses) {
  unsigned nonZero = 0;
  for (unsigned seed = 0; seed < networks; ++seed) {
    Network network = randomNetwork(seed);
    llvm::StringMap<Field> expected = network.states;
    network.run(expected);
    PassManager passes(&context());
    addPasses(passes);
    ASSERT_TRUE(succeeded(passes.run(*network.module)));
    ASSERT_TRUE(network.step().getBody().front().getOps<ir::VjpOp>().empty());
    llvm::StringMap<Field> actual = network.states;
    network.run(actual);
    for (const std::string &name : network.parameters) {
      EXPECT_LE(distance(actual[name + ".d"], expected[name + ".d"]), 1e-12)
          << "network " << seed << ", state " << name;
      nonZero += llvm::any_of(actual[name + ".d"].data, [](double v) { return v != 0; });
    }
  }
  EXPECT_GE(nonZero, networks);
}

TEST(Gradient, DifferentiationPassAgreesWithDualNumbers) {
  expectSameGradients([](PassManager &passes) { passes.addPass(createDifferentiate()); });
}

TEST(Gradient, SimplificationAndFusionChangeNothing) {
  expectSameGradients([](PassManager &passes) { addDialectPasses(passes); });
}

// d/dx of d/dx x^3 tanh x, elementwise.
static const char *secondDerivative = R"(
apical.state @x : tensor<4xf32> role "weight"
apical.state @d1 : tensor<4xf32> role "lasting"
apical.state @d2 : tensor<4xf32> role "lasting"
apical.step @s () {
  %x = apical.read @x : tensor<4xf32>
  %y = apical.lift sizes [4] ins(%x : tensor<4xf32>) outs(tensor<4xf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%a: f32):
    %three = arith.constant 3.0 : f32
    %p = math.powf %a, %three : f32
    %t = math.tanh %a : f32
    %q = arith.mulf %p, %t : f32
    apical.yield %q : f32
  }
  %one = apical.lift sizes [4] outs(tensor<4xf32>) maps [(i) -> (i)] combiners ["none"] {
    %o = arith.constant 1.0 : f32
    apical.yield %o : f32
  }
  %d1 = apical.vjp of(%y seeds %one : tensor<4xf32>) wrt(%x : tensor<4xf32>) -> (tensor<4xf32>)
  %d2 = apical.vjp of(%d1 seeds %one : tensor<4xf32>) wrt(%x : tensor<4xf32>) -> (tensor<4xf32>)
  apical.write @d1, %d1 : tensor<4xf32>
  apical.write @d2, %d2 : tensor<4xf32>
}
)";

TEST(Gradient, SecondDerivative) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(secondDerivative, &context());
  ASSERT_TRUE(module);
  PassManager passes(&context());
  addDialectPasses(passes);
  ASSERT_TRUE(succeeded(passes.run(*module)));
  llvm::StringMap<Field> states;
  states["x"] = Field({4});
  states["x"].data = {0.3, -0.7, 1.1, 2.0};
  std::vector<Reported> results;
  Interpreter interpreter(*module->getOps<ir::StepOp>().begin());
  ASSERT_TRUE(succeeded(interpreter.run(states, {}, {}, {}, results)));
  for (int i = 0; i < 4; ++i) {
    double x = states["x"].data[i], t = std::tanh(x), s = 1 - t * t;
    EXPECT_NEAR(states["d1"].data[i], 3 * x * x * t + x * x * x * s, 1e-12);
    EXPECT_NEAR(states["d2"].data[i], 6 * x * t + 6 * x * x * s - 2 * x * x * x * t * s, 1e-12);
  }
}
