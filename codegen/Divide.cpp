//===- Divide.cpp - small integers divided by a constant ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Images come as bytes and are divided by 255. A division takes ten times as
// long as x·h + x·l, where h + l is 1/c to twice the precision; for numbers of
// at most 16 bits we can look whether that gives the same bits for all of them.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

#include <bit>
#include <cmath>

using namespace mlir;

namespace apical {
namespace {

/// 1 / c as a sum of two numbers.
struct Inverse {
  explicit Inverse(float c) : high(1 / c), low(1.0 / c - high) {}
  float of(float x) const { return std::fma(x, high, x * low); }
  float high, low;
};

/// How many bits the integer behind `x` has, and whether one is its sign; none if `x` is no such number.
std::optional<std::pair<unsigned, bool>> integerBehind(Value x) {
  Operation *def = x.getDefiningOp();
  if (!x.getType().isF32() || !isa_and_nonnull<arith::UIToFPOp, arith::SIToFPOp>(def))
    return std::nullopt;
  return std::pair(def->getOperand(0).getType().getIntOrFloatBitWidth(), isa<arith::SIToFPOp>(def));
}

bool givesTheSame(Inverse inverse, float c, unsigned bits, bool isSigned) {
  int64_t count = int64_t(1) << bits, first = isSigned ? -count / 2 : 0;
  for (int64_t i = first; i < first + count; ++i)
    if (float x = i; std::bit_cast<uint32_t>(x / c) != std::bit_cast<uint32_t>(inverse.of(x)))
      return false;
  return true;
}

} // namespace

void divideByProducts(ModuleOp kernels, const Machine &machine) {
  if (!machine.fused)
    return;
  SmallVector<arith::DivFOp> divisions;
  kernels.walk([&](arith::DivFOp op) { divisions.push_back(op); });
  IRRewriter rewriter(kernels.getContext());
  for (arith::DivFOp op : divisions) {
    auto integer = integerBehind(op.getLhs());
    FloatAttr divisor;
    if (!integer || integer->first > 16 || !matchPattern(op.getRhs(), m_Constant(&divisor)))
      continue;
    float c = divisor.getValue().convertToFloat();
    Inverse inverse(c);
    if (!givesTheSame(inverse, c, integer->first, integer->second))
      continue;
    rewriter.setInsertionPoint(op);
    auto number = [&](float v) -> Value {
      return rewriter.create<arith::ConstantOp>(op.getLoc(), rewriter.getF32FloatAttr(v));
    };
    Value small = rewriter.create<arith::MulFOp>(op.getLoc(), op.getLhs(), number(inverse.low));
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, op.getLhs(), number(inverse.high), small);
  }
}

} // namespace apical
