//===- ScalarAdjoint.cpp - derivatives of scalar operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line per operation. Where a derivative is one-sided only, the choice is:
// max(a, b) and min(a, b) pass to b on ties (so max(x, 0) has derivative 0 at
// 0), |x| has derivative 0 at 0, rounding has derivative 0 everywhere. Constants
// that single precision cannot hold are written as code, log(2) and the like:
// they are as exact as whoever evaluates it.
//
//===----------------------------------------------------------------------===//

#include "passes/ScalarAdjoint.h"

#include "ir/ApicalDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

bool apical::isInactive(Operation *op) {
  if (isa<ir::StopOp, ir::IndexOp, arith::ConstantOp, math::FloorOp, math::CeilOp, math::RoundOp,
          math::RoundEvenOp, math::TruncOp>(op))
    return true;
  return llvm::none_of(op->getResultTypes(), llvm::IsaPred<FloatType>) ||
         llvm::none_of(op->getOperandTypes(), llvm::IsaPred<FloatType>);
}

namespace {

/// Short names for scalar arithmetic at one place.
struct Scalar {
  OpBuilder &b;
  Location loc;
  Type type;

  Value num(double value) { return b.create<arith::ConstantOp>(loc, b.getFloatAttr(type, value)); }
  Value add(Value x, Value y) { return b.create<arith::AddFOp>(loc, x, y); }
  Value sub(Value x, Value y) { return b.create<arith::SubFOp>(loc, x, y); }
  Value mul(Value x, Value y) { return b.create<arith::MulFOp>(loc, x, y); }
  Value div(Value x, Value y) { return b.create<arith::DivFOp>(loc, x, y); }
  Value neg(Value x) { return b.create<arith::NegFOp>(loc, x); }
  Value exp(Value x) { return b.create<math::ExpOp>(loc, x); }
  Value log(Value x) { return b.create<math::LogOp>(loc, x); }
  Value sqrt(Value x) { return b.create<math::SqrtOp>(loc, x); }
  Value pow(Value x, Value y) { return b.create<math::PowFOp>(loc, x, y); }
  Value select(Value c, Value x, Value y) { return b.create<arith::SelectOp>(loc, c, x, y); }
  Value cmp(arith::CmpFPredicate p, Value x, Value y) {
    return b.create<arith::CmpFOp>(loc, p, x, y);
  }
  Value greater(Value x, Value y) { return cmp(arith::CmpFPredicate::OGT, x, y); }
  Value less(Value x, Value y) { return cmp(arith::CmpFPredicate::OLT, x, y); }
  template <typename Op> Value make(Value x) { return b.create<Op>(loc, x); }
};

std::optional<double> constantOf(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      return number.getValueAsDouble();
  return std::nullopt;
}

} // namespace

LogicalResult
apical::writeAdjoint(OpBuilder &builder, Operation *op, Value adj,
                     llvm::function_ref<Value(Value)> value,
                     llvm::function_ref<void(unsigned, llvm::function_ref<Value()>)> give) {
  Scalar s{builder, op->getLoc(), adj.getType()};
  auto in = [&](unsigned i) { return value(op->getOperand(i)); };
  auto out = [&] { return value(op->getResult(0)); };
  bool known = true;

  llvm::TypeSwitch<Operation *>(op)
      // Arithmetic.
      .Case<arith::AddFOp>([&](auto) {
        give(0, [&] { return adj; });
        give(1, [&] { return adj; });
      })
      .Case<arith::SubFOp>([&](auto) {
        give(0, [&] { return adj; });
        give(1, [&] { return s.neg(adj); });
      })
      .Case<arith::MulFOp>([&](auto) {
        give(0, [&] { return s.mul(adj, in(1)); });
        give(1, [&] { return s.mul(adj, in(0)); });
      })
      .Case<arith::DivFOp>([&](auto) {
        give(0, [&] { return s.div(adj, in(1)); });
        give(1, [&] { return s.neg(s.div(s.mul(adj, out()), in(1))); });
      })
      .Case<arith::NegFOp>([&](auto) { give(0, [&] { return s.neg(adj); }); })
      .Case<arith::RemFOp>([&](auto) {
        give(0, [&] { return adj; });
        give(1, [&] { return s.neg(s.mul(adj, s.make<math::TruncOp>(s.div(in(0), in(1))))); });
      })
      .Case<math::FmaOp>([&](auto) {
        give(0, [&] { return s.mul(adj, in(1)); });
        give(1, [&] { return s.mul(adj, in(0)); });
        give(2, [&] { return adj; });
      })
      .Case<arith::SelectOp>([&](auto) {
        give(1, [&] { return s.select(in(0), adj, s.num(0)); });
        give(2, [&] { return s.select(in(0), s.num(0), adj); });
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        give(0, [&] { return s.select(s.greater(out(), in(1)), adj, s.num(0)); });
        give(1, [&] { return s.select(s.greater(out(), in(1)), s.num(0), adj); });
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        give(0, [&] { return s.select(s.less(out(), in(1)), adj, s.num(0)); });
        give(1, [&] { return s.select(s.less(out(), in(1)), s.num(0), adj); });
      })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) {
        give(0, [&]() -> Value {
          Type to = op->getOperand(0).getType();
          if (to.getIntOrFloatBitWidth() > adj.getType().getIntOrFloatBitWidth())
            return builder.create<arith::ExtFOp>(s.loc, to, adj);
          return builder.create<arith::TruncFOp>(s.loc, to, adj);
        });
      })
      // Exponentials and powers.
      .Case<math::ExpOp>([&](auto) { give(0, [&] { return s.mul(adj, out()); }); })
      .Case<math::Exp2Op>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.mul(s.log(s.num(2)), out())); }); })
      .Case<math::ExpM1Op>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.add(out(), s.num(1))); }); })
      .Case<math::LogOp>([&](auto) { give(0, [&] { return s.div(adj, in(0)); }); })
      .Case<math::Log2Op>(
          [&](auto) { give(0, [&] { return s.div(adj, s.mul(s.log(s.num(2)), in(0))); }); })
      .Case<math::Log10Op>(
          [&](auto) { give(0, [&] { return s.div(adj, s.mul(s.log(s.num(10)), in(0))); }); })
      .Case<math::Log1pOp>(
          [&](auto) { give(0, [&] { return s.div(adj, s.add(s.num(1), in(0))); }); })
      .Case<math::SqrtOp>([&](auto) { // 0 at 0, so that a norm has a derivative there
        give(0, [&] {
          Value flat = s.cmp(arith::CmpFPredicate::OEQ, out(), s.num(0));
          return s.select(flat, s.num(0), s.div(s.mul(s.num(0.5), adj), out()));
        });
      })
      .Case<math::RsqrtOp>([&](auto) {
        give(0, [&] { return s.mul(s.mul(s.num(-0.5), adj), s.mul(out(), s.mul(out(), out()))); });
      })
      .Case<math::CbrtOp>(
          [&](auto) { give(0, [&] { return s.div(adj, s.mul(s.num(3), s.mul(out(), out()))); }); })
      .Case<math::PowFOp>([&](auto) {
        give(0, [&]() -> Value {
          // A constant exponent is the common case: x^2 must not cost a power.
          if (std::optional<double> exponent = constantOf(op->getOperand(1))) {
            if (*exponent == 0)
              return s.num(0);
            if (*exponent == 1)
              return adj;
            Value scaled = s.mul(adj, s.num(*exponent));
            if (*exponent == 2)
              return s.mul(scaled, in(0));
            return s.mul(scaled, s.pow(in(0), s.num(*exponent - 1)));
          }
          Value power = s.mul(in(1), s.pow(in(0), s.sub(in(1), s.num(1))));
          Value flat = s.cmp(arith::CmpFPredicate::OEQ, in(1), s.num(0));
          return s.mul(adj, s.select(flat, s.num(0), power));
        });
        give(1, [&] {
          Value slope = s.mul(out(), s.log(in(0)));
          return s.select(s.greater(in(0), s.num(0)), s.mul(adj, slope), s.num(0));
        });
      })
      .Case<math::FPowIOp>([&](auto) {
        give(0, [&] {
          Value n = builder.create<arith::SIToFPOp>(s.loc, s.type, in(1));
          Value power = s.mul(n, s.pow(in(0), s.sub(n, s.num(1))));
          Value flat = s.cmp(arith::CmpFPredicate::OEQ, n, s.num(0));
          return s.mul(adj, s.select(flat, s.num(0), power));
        });
      })
      // Signs.
      .Case<math::AbsFOp>([&](auto) {
        give(0, [&] {
          Value below = s.select(s.less(in(0), s.num(0)), s.neg(adj), s.num(0));
          return s.select(s.greater(in(0), s.num(0)), adj, below);
        });
      })
      .Case<math::CopySignOp>([&](auto) {
        give(0, [&] {
          Value from = builder.create<math::CopySignOp>(s.loc, s.num(1), in(0));
          Value to = builder.create<math::CopySignOp>(s.loc, s.num(1), in(1));
          return s.mul(adj, s.mul(from, to));
        });
      })
      // Circular and hyperbolic functions.
      .Case<math::SinOp>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.make<math::CosOp>(in(0))); }); })
      .Case<math::CosOp>(
          [&](auto) { give(0, [&] { return s.neg(s.mul(adj, s.make<math::SinOp>(in(0)))); }); })
      .Case<math::TanOp>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.add(s.num(1), s.mul(out(), out()))); }); })
      .Case<math::AsinOp>([&](auto) {
        give(0, [&] { return s.div(adj, s.sqrt(s.sub(s.num(1), s.mul(in(0), in(0))))); });
      })
      .Case<math::AcosOp>([&](auto) {
        give(0, [&] { return s.neg(s.div(adj, s.sqrt(s.sub(s.num(1), s.mul(in(0), in(0)))))); });
      })
      .Case<math::AtanOp>(
          [&](auto) { give(0, [&] { return s.div(adj, s.add(s.num(1), s.mul(in(0), in(0)))); }); })
      .Case<math::Atan2Op>([&](auto) {
        auto norm = [&] { return s.add(s.mul(in(0), in(0)), s.mul(in(1), in(1))); };
        give(0, [&] { return s.div(s.mul(adj, in(1)), norm()); });
        give(1, [&] { return s.neg(s.div(s.mul(adj, in(0)), norm())); });
      })
      .Case<math::SinhOp>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.make<math::CoshOp>(in(0))); }); })
      .Case<math::CoshOp>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.make<math::SinhOp>(in(0))); }); })
      .Case<math::TanhOp>(
          [&](auto) { give(0, [&] { return s.mul(adj, s.sub(s.num(1), s.mul(out(), out()))); }); })
      .Case<math::ErfOp>([&](auto) {
        give(0, [&] {
          Value bell = s.exp(s.neg(s.mul(in(0), in(0))));
          Value pi = s.make<math::AcosOp>(s.num(-1));
          return s.mul(adj, s.mul(s.div(s.num(2), s.sqrt(pi)), bell));
        });
      })
      .Default([&](Operation *) { known = false; });
  return success(known);
}
