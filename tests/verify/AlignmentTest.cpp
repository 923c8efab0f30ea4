//===- AlignmentTest.cpp - angles between directions ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/verify/Alignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace apical;

using Vector = std::vector<double>;

TEST(Alignment, KnownAngles) {
  EXPECT_NEAR(align(Vector{1, 0}, Vector{0, 5}).angle, 90, 1e-12);
  EXPECT_NEAR(align(Vector{1, 1}, Vector{0, 2}).angle, 45, 1e-12);
  EXPECT_EQ(align(Vector{1, 2, 3}, Vector{1, 2, 3}).angle, 0);
  EXPECT_NEAR(align(Vector{1, 2, 3}, Vector{-2, -4, -6}).angle, 180, 1e-12);
}

// The cosine of so small an angle is 1 in double precision.
TEST(Alignment, SmallAnglesAreNotLost) {
  EXPECT_NEAR(align(Vector{1, 1e-10}, Vector{1, 0}).angle, 1e-10 * 180 / M_PI, 1e-18);
}

// Squares of these numbers are 0 and infinite in double precision.
TEST(Alignment, AnyScale) {
  EXPECT_NEAR(align(Vector{1e-200, 1e-200}, Vector{0, 1e200}).angle, 45, 1e-12);
}

TEST(Alignment, LengthsAndSigns) {
  Alignment a = align(Vector{3, -4, 0, 0}, Vector{0.6, 0.8, 0, 0});
  EXPECT_NEAR(a.normRatio, 5, 1e-15);
  EXPECT_NEAR(a.cosine, -0.28, 1e-15);
  EXPECT_EQ(a.signAgreement, 0.5); // zeros are counted on no side
}

TEST(Alignment, UndefinedWithoutLength) {
  EXPECT_TRUE(std::isnan(align(Vector{0, 0}, Vector{1, 0}).angle));
  EXPECT_TRUE(std::isnan(align(Vector{1, 0}, Vector{0, 0}).normRatio));
  EXPECT_EQ(align(Vector{0, 0}, Vector{1, 0}).normRatio, 0);
}
