//===- DrawTest.cpp - draws are what ir/Random.h says ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Networks.h"

#include "ir/Random.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace apical;
using namespace apical::test;

// The known answers that come with the generator.
TEST(Draw, PhiloxKnownAnswers) {
  EXPECT_EQ(ir::philox(0, 0, 0),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(ir::philox(~0ull, ~0ull, ~0ull),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(ir::philox(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

static std::vector<double> draw(const std::string &op, int64_t samples, int64_t trial,
                                uint64_t seed) {
  std::string text = "apical.state @d : tensor<4096xf32> role \"lasting\"\n"
                     "apical.step @s () {\n  %d = apical.draw " +
                     op + " : tensor<4096xf32>\n  apical.write @d, %d : tensor<4096xf32>\n}\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context());
  EXPECT_TRUE(module);
  HostClock clock;
  clock.samples = samples;
  clock.trial = trial;
  clock.seed = seed;
  llvm::StringMap<Field> states;
  std::vector<Reported> results;
  Interpreter interpreter(*module->getOps<ir::StepOp>().begin());
  EXPECT_TRUE(succeeded(interpreter.run(states, {}, {}, clock, results)));
  return states["d"].data;
}

static std::pair<double, double> moments(const std::vector<double> &values) {
  double mean = 0, square = 0;
  for (double value : values) {
    mean += value / values.size();
    square += value * value / values.size();
  }
  return {mean, square - mean * mean};
}

TEST(Draw, Moments) {
  auto [mean, variance] = moments(draw("\"normal\" stream \"a\"", 1, 0, 1));
  EXPECT_NEAR(mean, 0, 4 / 64.0);
  EXPECT_NEAR(variance, 1, 0.1);
  auto [half, twelfth] = moments(draw("\"uniform\" stream \"a\"", 1, 0, 1));
  EXPECT_NEAR(half, 0.5, 0.02);
  EXPECT_NEAR(twelfth, 1 / 12.0, 0.01);
}

TEST(Draw, DependsOnSeedStreamAndTrialOnlyWhereItSaysSo) {
  std::string plain = "\"uniform\" stream \"a\"", anew = plain + " per_trial";
  EXPECT_EQ(draw(plain, 1, 0, 1), draw(plain, 2, 5, 1));
  EXPECT_NE(draw(plain, 1, 0, 1), draw(plain, 1, 0, 2));
  EXPECT_NE(draw(plain, 1, 0, 1), draw("\"uniform\" stream \"b\"", 1, 0, 1));
  EXPECT_EQ(draw(anew, 1, 5, 1), draw(anew, 1, 5, 1));
  EXPECT_NE(draw(anew, 1, 5, 1), draw(anew, 1, 6, 1));
}
