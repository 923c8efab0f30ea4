//===- Padding.cpp - what lies outside the logical sizes ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Padding.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace apical {
namespace {

/// True if a value can be infinite or NaN: then zero times the value need not
/// be zero. `argIsWild(k)` says so of operand k.
bool mayBlowUp(Value value, llvm::function_ref<bool(unsigned)> argIsWild) {
  if (auto arg = dyn_cast<BlockArgument>(value))
    return argIsWild(arg.getArgNumber());
  Operation *def = value.getDefiningOp();
  if (matchPattern(value, m_Constant()))
    return false;
  if (isa<arith::DivFOp, math::LogOp, math::Log1pOp, math::Log2Op, math::RsqrtOp, math::PowFOp,
          math::SqrtOp, math::ExpOp>(def))
    return true;
  return llvm::any_of(def->getOperands(), [&](Value v) { return mayBlowUp(v, argIsWild); });
}

/// Is `value`, computed in the body of `lift`, zero wherever the point lies
/// outside the logical size of `axis`? `argIsNull(k)` says so of operand k, and
/// `argIsWild(k)` whether that may be infinite or NaN there.
bool isNull(Value value, llvm::function_ref<bool(unsigned)> argIsNull,
            llvm::function_ref<bool(unsigned)> argIsWild) {
  auto null = [&](Value v) { return isNull(v, argIsNull, argIsWild); };
  auto tame = [&](Value v) { return !mayBlowUp(v, argIsWild); };
  if (auto arg = dyn_cast<BlockArgument>(value))
    return argIsNull(arg.getArgNumber());
  Operation *def = value.getDefiningOp();
  if (matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero()))
    return true;
  if (isa<arith::MulFOp>(def)) {
    Value a = def->getOperand(0), b = def->getOperand(1);
    return (null(a) && tame(b)) || (null(b) && tame(a));
  }
  if (isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp, arith::NegFOp, math::TanhOp, math::SinOp, math::AbsFOp, math::SqrtOp,
          math::AtanOp, math::ErfOp, arith::SIToFPOp, arith::UIToFPOp, arith::ExtFOp,
          arith::TruncFOp, ir::StopOp>(def))
    return llvm::all_of(def->getOperands(), null);
  if (auto select = dyn_cast<arith::SelectOp>(def))
    return null(select.getTrueValue()) && null(select.getFalseValue());
  return false;
}

} // namespace

double identityOf(StringRef combiner) {
  return combiner == "max"   ? -std::numeric_limits<double>::infinity()
         : combiner == "min" ? std::numeric_limits<double>::infinity()
                             : 0.0;
}

bool Padding::padsAxis(int64_t size) {
  return isSampleAxis(size) || layout.paddedSize(size) != size;
}

Value Padding::inside(OpBuilder &k, Location loc, unsigned loop, int64_t size, Value count) {
  Value index = k.create<linalg::IndexOp>(loc, loop);
  Value bound =
      isSampleAxis(size) ? count : k.create<arith::ConstantIndexOp>(loc, size).getResult();
  return k.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, index, bound);
}

/// A contraction over the samples stays a pure sum of products if one factor
/// is zero on invalid rows; where that factor is made, the mask costs nothing.
/// A factor that is not finite there must be zero itself.
/// What a connection conducts is zero where its input is: the mask may stand there.
bool Padding::feedsContraction(Value value, bool wild) {
  auto maker = value.getDefiningOp<ir::LiftOp>();
  return maker && !maker.reduces() && meetsContraction(value, wild, true);
}
bool Padding::meetsContraction(Value value, bool wild, bool conducted) {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    auto user = dyn_cast<ir::LiftOp>(use.getOwner());
    if (!user || !user.isContraction() || user.getSizes().empty() ||
        !isSampleAxis(user.getSizes()[0]))
      return false;
    if (user.getResultMap(0).isFunctionOfDim(0))
      return conducted && meetsContraction(user.getResult(0), false, false);
    return wild || llvm::none_of(user.getInputs(), [&](Value v) { return nullRows.contains(v); });
  });
}

/// Masks one contribution where it must not count, and combines it.
Value Padding::finish(OpBuilder &in, ir::LiftOp lift, unsigned r, Value term, Value old,
                      ArrayRef<unsigned> loopOfAxis, Value count, const llvm::SmallBitVector &cut) {
  Location loc = lift.getLoc();
  StringRef combiner = lift.getCombiner(r);
  Value yielded = lift.getYielded()[r], result = lift.getResult(r);
  bool usesSamples = false;
  for (unsigned i = 0; i < lift.getInputs().size(); ++i)
    usesSamples |= !lift.getSizes().empty() && isSampleAxis(lift.getSizes()[0]) &&
                   lift.getInputMap(i).isFunctionOfDim(0);
  // Padding of units is zero, so never wild; invalid rows can be anything.
  auto wildRow = [&](unsigned i) { return wildRows.contains(lift.getInputs()[i]); };
  auto never = [](unsigned) { return false; };
  bool wild = mayBlowUp(yielded, wildRow);
  auto nullOutside = [&](unsigned axis) {
    bool isSample = isSampleAxis(lift.getSizes()[axis]);
    auto argIsNull = [&](unsigned i) {
      return lift.getInputMap(i).isFunctionOfDim(axis) &&
             (!isSample || nullRows.contains(lift.getInputs()[i]));
    };
    return isSample ? isNull(yielded, argIsNull, wildRow) : isNull(yielded, argIsNull, never);
  };
  AffineMap map = lift.getResultMap(r);
  for (auto [axis, size] : llvm::enumerate(lift.getSizes())) {
    if (!padsAxis(size))
      continue;
    bool isSample = isSampleAxis(size), null = nullOutside(axis);
    if (map.isFunctionOfDim(axis)) {
      bool mask = !null && (!isSample || !usesSamples || feedsContraction(result, wild));
      if (mask)
        term = in.create<arith::SelectOp>(loc, inside(in, loc, loopOfAxis[axis], size, count), term,
                                          number(in, loc, 0));
      // A maximum that masks its own axis may leave -inf where all was null.
      if (isSample && (null || mask) && (combiner == "none" || combiner == "sum"))
        nullRows.insert(result);
      else if (isSample && wild)
        wildRows.insert(result);
    }
  }
  for (auto [axis, size] : llvm::enumerate(lift.getSizes())) {
    if (!padsAxis(size) || map.isFunctionOfDim(axis) || (!cut.empty() && cut.test(axis)))
      continue;
    if (combiner == "sum" && nullOutside(axis))
      continue;
    term = in.create<arith::SelectOp>(loc, inside(in, loc, loopOfAxis[axis], size, count), term,
                                      number(in, loc, identityOf(combiner)));
  }
  if (map.getNumResults() == lift.getSizes().size())
    return term;
  if (combiner == "max")
    return in.create<arith::MaximumFOp>(loc, old, term);
  if (combiner == "min")
    return in.create<arith::MinimumFOp>(loc, old, term);
  return in.create<arith::AddFOp>(loc, old, term);
}

} // namespace apical
