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
#include <limits>

using namespace mlir;
using namespace apical;
using namespace apical::test;

static constexpr unsigned networks = 200;

/// A derivative found by differences, and how far it may be from the exact one.
struct Slope {
  double value, error;
};

/// Central differences at widths h, h/2, h/4 and h/8, extrapolated to zero width (Richardson: each column of
/// the table removes one more even power of h). The error has two parts: what the last column still changed,
/// and rounding. The cost passes through at most some 100 roundings (three layers, sums of at most 7, unit
/// codes), each at most u = 2^-53 of numbers as large as `size`; differences divide that by h / 8. Wide steps
/// keep rounding small, narrow ones stay away from the kinks of a maximum: the width with the least error.
static Slope differences(llvm::function_ref<double(double)> cost, double size) {
  Slope best{0, std::numeric_limits<double>::infinity()};
  for (double width : {0.32, 0.08, 0.02, 0.005, 1e-3, 1e-4}) {
    double row[4];
    for (int k = 0; k < 4; ++k) {
      double h = width / (1 << k);
      row[k] = (cost(h) - cost(-h)) / (2 * h);
    }
    double last = 0;
    for (int column = 1; column < 4; ++column) {
      last = row[3];
      double factor = std::pow(4.0, column);
      for (int k = 3; k >= column; --k)
        row[k] = (factor * row[k] - row[k - 1]) / (factor - 1);
    }
    double error = std::abs(row[3] - last) + 100 * 0x1p-53 * size / (width / 8);
    if (error < best.error)
      best = {row[3], error};
    if (error < 1e-8 * std::abs(best.value))
      break;
  }
  return best;
}

// Every single element of every parameter, relative to itself; those that are exactly zero within the error
// of the differences.
TEST(Gradient, AgreesWithCentralDifferences) {
  unsigned elements = 0, nonZero = 0;
  for (unsigned seed = 0; seed < networks; ++seed) {
    Network network = randomNetwork(seed);
    ASSERT_TRUE(succeeded(verify(*network.module)));
    llvm::StringMap<Field> after = network.states;
    double size = 1;
    for (const Reported &reported : network.run(after))
      for (double value : reported.values)
        size += std::abs(value);
    for (const std::string &name : network.parameters)
      for (int64_t i = 0; i < after[name + ".d"].size(); ++i) {
        double gradient = after[name + ".d"].data[i];
        Slope slope = differences(
            [&](double by) {
              llvm::StringMap<Field> states = network.states;
              states[name].data[i] += by;
              return network.cost(states);
            },
            size);
        ++elements;
        nonZero += gradient != 0;
        if (gradient == 0) // the differences must be able to tell
          EXPECT_LE(slope.error, 1e-8 * size);
        EXPECT_LE(std::abs(gradient - slope.value),
                  gradient == 0 ? slope.error
                                : 1e-6 * std::abs(gradient) + std::min(slope.error, 1e-10 * size))
            << "network " << seed << ", " << name << ", element " << i << ": " << gradient;
      }
  }
  // A test that compares nothing, or only zeros, proves nothing. What is zero is so for a reason: units
  // that are off, or a maximum that another unit has.
  EXPECT_GE(elements, 30 * networks);
  EXPECT_GE(nonZero, elements * 3 / 4);
}

static void expectSameGradients(llvm::function_ref<void(PassManager &)> addPasses,
                                double bound = 1e-12) {
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
      EXPECT_LE(distance(actual[name + ".d"], expected[name + ".d"]), bound)
          << "network " << seed << ", state " << name;
      nonZero += llvm::any_of(actual[name + ".d"].data, [](double v) { return v != 0; });
    }
  }
  EXPECT_GE(nonZero, networks);
}

TEST(Gradient, DifferentiationPassAgreesWithDualNumbers) {
  expectSameGradients([](PassManager &passes) { passes.addPass(createDifferentiate()); });
}

// Constant expressions, as 2 / sqrt(acos(-1)), are folded in the type of the program: half a unit in the last place of
// single precision for each of up to three operations, 2^-24, and one more where their result is squared.
TEST(Gradient, SimplificationAndFusionChangeNothing) {
  expectSameGradients([](PassManager &passes) { addDialectPasses(passes); }, 0x1p-22);
}

// Forwards along the parameters themselves, the cost moves by the sum of gradient times parameter: two derivations of
// one number, in the interpreter and in the lifts that the pass writes.
TEST(Gradient, ForwardsIsTheTransposeOfBackwards) {
  unsigned nonZero = 0;
  for (unsigned seed = 0; seed < networks; ++seed) {
    Network network = randomNetwork(seed);
    llvm::StringMap<Field> after = network.states;
    network.run(after);
    double expected = 0, size = 0;
    for (const std::string &name : network.parameters)
      for (int64_t i = 0; i < after[name + ".d"].size(); ++i) {
        double term = after[name + ".d"].data[i] * network.states[name].data[i];
        expected += term;
        size += std::abs(term);
      }
    auto vjp = *network.step().getBody().front().getOps<ir::VjpOp>().begin();
    OpBuilder b(vjp);
    Value cost = vjp.getOutputs()[0];
    auto jvp = b.create<ir::JvpOp>(vjp.getLoc(), TypeRange(cost.getType()), cost, vjp.getInputs(),
                                   vjp.getInputs(), ValueRange());
    b.create<ir::ReportOp>(vjp.getLoc(), "moved", "cost", jvp.getTangents()[0]);
    ASSERT_TRUE(succeeded(verify(*network.module)));
    auto moved = [&] {
      double sum = 0;
      llvm::StringMap<Field> states = network.states;
      for (const Reported &reported : network.run(states))
        for (double value : reported.values)
          sum += reported.name == "moved" ? value : 0;
      return sum;
    };
    EXPECT_NEAR(moved(), expected, 1e-12 * size) << "network " << seed;
    PassManager passes(&context());
    passes.addPass(createDifferentiate());
    ASSERT_TRUE(succeeded(passes.run(*network.module)));
    EXPECT_NEAR(moved(), expected, 1e-12 * size) << "network " << seed;
    nonZero += expected != 0;
  }
  EXPECT_GE(nonZero, networks * 3 / 4);
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
