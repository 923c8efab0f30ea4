//===- Scalar.cpp - scalar code of a lift on arrays of points ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/interpreter/Scalar.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using Array = Eigen::ArrayXd;

namespace {

/// Computes the result of one operation; tangents only where an operand has one.
class Evaluation {
public:
  Evaluation(int64_t points, SmallVector<const apical::Dual *> operands)
      : points(points), operands(std::move(operands)) {}

  apical::Dual result;

  const Array &x(unsigned i) const { return operands[i]->value; }

  void value(Array array) { result.value = std::move(array); }

  /// Adds slope * tangent of operand i, if it has one.
  template <typename Slope> void slope(unsigned i, Slope makeSlope) {
    if (!operands[i]->active())
      return;
    Array term = makeSlope() * operands[i]->tangent;
    if (result.active())
      result.tangent += term;
    else
      result.tangent = std::move(term);
  }

  /// An elementwise function and its derivative.
  template <typename F, typename D> void unary(F f, D derivative) {
    value(x(0).unaryExpr(f));
    slope(0, [&] { return Array(x(0).unaryExpr(derivative)); });
  }

  /// The tangent of operand 1 where `first` holds, else that of operand 2.
  void choose(const Eigen::Array<bool, Eigen::Dynamic, 1> &first, unsigned one, unsigned two) {
    Array zero = Array::Zero(points);
    if (!operands[one]->active() && !operands[two]->active())
      return;
    const Array &a = operands[one]->active() ? operands[one]->tangent : zero;
    const Array &b = operands[two]->active() ? operands[two]->tangent : zero;
    result.tangent = first.select(a, b);
  }

  int64_t points;

private:
  SmallVector<const apical::Dual *> operands;
};

unsigned widthOf(Type type) { return type.isIndex() ? 64 : type.getIntOrFloatBitWidth(); }

/// The number that the low `width` bits of v are when read as signed, as
/// unsigned; i1 is held as 0 or 1.
double asSigned(double v, unsigned width) {
  double range = std::ldexp(1.0, width);
  v -= range * std::floor(v / range);
  return v >= range / 2 ? v - range : v;
}
double asUnsigned(double v, unsigned width) {
  double range = std::ldexp(1.0, width);
  return v - range * std::floor(v / range);
}
double wrapped(double v, unsigned width) {
  return width == 1 ? asUnsigned(v, 1) : asSigned(v, width);
}

double compare(arith::CmpFPredicate predicate, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse:
    return false;
  case arith::CmpFPredicate::OEQ:
    return a == b;
  case arith::CmpFPredicate::OGT:
    return a > b;
  case arith::CmpFPredicate::OGE:
    return a >= b;
  case arith::CmpFPredicate::OLT:
    return a < b;
  case arith::CmpFPredicate::OLE:
    return a <= b;
  case arith::CmpFPredicate::ONE:
    return !unordered && a != b;
  case arith::CmpFPredicate::ORD:
    return !unordered;
  case arith::CmpFPredicate::UEQ:
    return unordered || a == b;
  case arith::CmpFPredicate::UGT:
    return unordered || a > b;
  case arith::CmpFPredicate::UGE:
    return unordered || a >= b;
  case arith::CmpFPredicate::ULT:
    return unordered || a < b;
  case arith::CmpFPredicate::ULE:
    return unordered || a <= b;
  case arith::CmpFPredicate::UNE:
    return a != b;
  case arith::CmpFPredicate::UNO:
    return unordered;
  case arith::CmpFPredicate::AlwaysTrue:
    return true;
  }
  llvm_unreachable("every predicate is listed");
}

double compare(arith::CmpIPredicate predicate, double a, double b, unsigned width) {
  double sa = asSigned(a, width), sb = asSigned(b, width);
  double ua = asUnsigned(a, width), ub = asUnsigned(b, width);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return ua == ub;
  case arith::CmpIPredicate::ne:
    return ua != ub;
  case arith::CmpIPredicate::slt:
    return sa < sb;
  case arith::CmpIPredicate::sle:
    return sa <= sb;
  case arith::CmpIPredicate::sgt:
    return sa > sb;
  case arith::CmpIPredicate::sge:
    return sa >= sb;
  case arith::CmpIPredicate::ult:
    return ua < ub;
  case arith::CmpIPredicate::ule:
    return ua <= ub;
  case arith::CmpIPredicate::ugt:
    return ua > ub;
  case arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  llvm_unreachable("every predicate is listed");
}

double maximum(double a, double b) {
  return std::isnan(a) ? a : std::isnan(b) ? b : std::max(a, b);
}
double minimum(double a, double b) {
  return std::isnan(a) ? a : std::isnan(b) ? b : std::min(a, b);
}

} // namespace

FailureOr<apical::Dual> apical::evaluateScalar(Operation &op, int64_t points,
                                               llvm::function_ref<const Dual &(Value)> operand,
                                               llvm::function_ref<Array(unsigned)> coordinates) {
  SmallVector<const Dual *> operands;
  for (Value value : op.getOperands())
    operands.push_back(&operand(value));
  Evaluation e(points, operands);
  auto x = [&](unsigned i) -> const Array & { return e.x(i); };
  auto y = [&]() -> const Array & { return e.result.value; };
  auto binary = [&](auto f) { return Array(x(0).binaryExpr(x(1), f)); };
  unsigned width = op.getNumOperands() && op.getOperand(0).getType().isIntOrIndexOrFloat()
                       ? widthOf(op.getOperand(0).getType())
                       : 0;
  unsigned resultWidth = op.getNumResults() == 1 && op.getResult(0).getType().isIntOrIndexOrFloat()
                             ? widthOf(op.getResult(0).getType())
                             : 0;
  bool known = true;

  auto ternaryFma = [&](auto) {
    e.value(x(0) * x(1) + x(2));
    e.slope(0, [&] { return x(1); });
    e.slope(1, [&] { return x(0); });
    e.slope(2, [&] { return Array(Array::Ones(points)); });
  };
  auto integers = [&](auto f) {
    e.value(binary([&](double a, double b) {
      return wrapped(static_cast<double>(f(static_cast<int64_t>(a), static_cast<int64_t>(b))),
                     resultWidth);
    }));
  };
  auto identity = [&](auto) {
    e.value(x(0));
    e.slope(0, [&] { return Array(Array::Ones(points)); });
  };

  llvm::TypeSwitch<Operation *>(&op)
      .Case<ir::StopOp>([&](auto) { e.value(x(0)); })
      .Case<ir::IndexOp>([&](ir::IndexOp index) { e.value(coordinates(index.getAxis())); })
      .Case<arith::ConstantOp>([&](arith::ConstantOp constant) {
        double number = 0;
        if (auto f = dyn_cast<FloatAttr>(constant.getValue()))
          number = f.getValueAsDouble();
        else if (auto i = dyn_cast<IntegerAttr>(constant.getValue()))
          number =
              wrapped(static_cast<double>(i.getValue().getSExtValue()), i.getValue().getBitWidth());
        else
          known = false;
        e.value(Array::Constant(points, number));
      })
      // Arithmetic.
      .Case<arith::AddFOp>([&](auto) {
        e.value(x(0) + x(1));
        e.slope(0, [&] { return Array(Array::Ones(points)); });
        e.slope(1, [&] { return Array(Array::Ones(points)); });
      })
      .Case<arith::SubFOp>([&](auto) {
        e.value(x(0) - x(1));
        e.slope(0, [&] { return Array(Array::Ones(points)); });
        e.slope(1, [&] { return Array(Array::Constant(points, -1)); });
      })
      .Case<arith::MulFOp>([&](auto) {
        e.value(x(0) * x(1));
        e.slope(0, [&] { return x(1); });
        e.slope(1, [&] { return x(0); });
      })
      .Case<arith::DivFOp>([&](auto) {
        e.value(x(0) / x(1));
        e.slope(0, [&] { return Array(1 / x(1)); });
        e.slope(1, [&] { return Array(-x(0) / (x(1) * x(1))); });
      })
      .Case<arith::RemFOp>([&](auto) {
        e.value(binary([](double a, double b) { return std::fmod(a, b); }));
        e.slope(0, [&] { return Array(Array::Ones(points)); });
        e.slope(1, [&] { return binary([](double a, double b) { return -std::trunc(a / b); }); });
      })
      .Case<arith::NegFOp>([&](auto) {
        e.value(-x(0));
        e.slope(0, [&] { return Array(Array::Constant(points, -1)); });
      })
      .Case<math::FmaOp>(ternaryFma)
      .Case<arith::ExtFOp, arith::TruncFOp>(identity)
      .Case<arith::SelectOp>([&](auto) {
        Eigen::Array<bool, Eigen::Dynamic, 1> first = x(0) != 0;
        e.value(first.select(x(1), x(2)));
        e.choose(first, 1, 2);
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        e.value(binary(maximum));
        e.choose(x(0) > x(1), 0, 1);
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        e.value(binary(minimum));
        e.choose(x(0) < x(1), 0, 1);
      })
      // Comparisons, conversions, integers: no derivative.
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) {
        e.value(binary([&](double a, double b) { return compare(cmp.getPredicate(), a, b); }));
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) {
        e.value(
            binary([&](double a, double b) { return compare(cmp.getPredicate(), a, b, width); }));
      })
      .Case<arith::SIToFPOp>(
          [&](auto) { e.value(x(0).unaryExpr([&](double a) { return asSigned(a, width); })); })
      .Case<arith::UIToFPOp, arith::ExtUIOp, arith::IndexCastUIOp>(
          [&](auto) { e.value(x(0).unaryExpr([&](double a) { return asUnsigned(a, width); })); })
      .Case<arith::ExtSIOp, arith::IndexCastOp>(
          [&](auto) { e.value(x(0).unaryExpr([&](double a) { return asSigned(a, width); })); })
      .Case<arith::TruncIOp>(
          [&](auto) { e.value(x(0).unaryExpr([&](double a) { return wrapped(a, resultWidth); })); })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([&](auto) {
        e.value(x(0).unaryExpr([&](double a) { return wrapped(std::trunc(a), resultWidth); }));
      })
      .Case<arith::AddIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a + b; }); })
      .Case<arith::SubIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a - b; }); })
      .Case<arith::MulIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a * b; }); })
      .Case<arith::AndIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a & b; }); })
      .Case<arith::OrIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a | b; }); })
      .Case<arith::XOrIOp>([&](auto) { integers([](int64_t a, int64_t b) { return a ^ b; }); })
      // Rounding: derivative 0.
      .Case<math::FloorOp>([&](auto) { e.value(x(0).floor()); })
      .Case<math::CeilOp>([&](auto) { e.value(x(0).ceil()); })
      .Case<math::RoundOp>([&](auto) { e.value(x(0).round()); })
      .Case<math::RoundEvenOp>([&](auto) { e.value(x(0).rint()); })
      .Case<math::TruncOp>(
          [&](auto) { e.value(x(0).unaryExpr([](double a) { return std::trunc(a); })); })
      // Functions.
      .Case<math::ExpOp>([&](auto) {
        e.value(x(0).exp());
        e.slope(0, [&] { return y(); });
      })
      .Case<math::Exp2Op>([&](auto) {
        e.unary([](double a) { return std::exp2(a); },
                [](double a) { return std::numbers::ln2 * std::exp2(a); });
      })
      .Case<math::ExpM1Op>([&](auto) {
        e.unary([](double a) { return std::expm1(a); }, [](double a) { return std::exp(a); });
      })
      .Case<math::LogOp>([&](auto) {
        e.unary([](double a) { return std::log(a); }, [](double a) { return 1 / a; });
      })
      .Case<math::Log2Op>([&](auto) {
        e.unary([](double a) { return std::log2(a); },
                [](double a) { return 1 / (a * std::numbers::ln2); });
      })
      .Case<math::Log10Op>([&](auto) {
        e.unary([](double a) { return std::log10(a); },
                [](double a) { return 1 / (a * std::numbers::ln10); });
      })
      .Case<math::Log1pOp>([&](auto) {
        e.unary([](double a) { return std::log1p(a); }, [](double a) { return 1 / (1 + a); });
      })
      .Case<math::SqrtOp>([&](auto) {
        e.unary([](double a) { return std::sqrt(a); },
                [](double a) { return a == 0 ? 0 : 1 / (2 * std::sqrt(a)); });
      })
      .Case<math::RsqrtOp>([&](auto) {
        e.unary([](double a) { return 1 / std::sqrt(a); },
                [](double a) { return -1 / (2 * a * std::sqrt(a)); });
      })
      .Case<math::CbrtOp>([&](auto) {
        e.unary([](double a) { return std::cbrt(a); },
                [](double a) { return 1 / (3 * std::cbrt(a) * std::cbrt(a)); });
      })
      .Case<math::PowFOp>([&](auto) {
        e.value(binary([](double a, double b) { return std::pow(a, b); }));
        e.slope(0, [&] {
          return binary([](double a, double b) { return b == 0 ? 0 : b * std::pow(a, b - 1); });
        });
        e.slope(1, [&] {
          return binary(
              [](double a, double b) { return a > 0 ? std::pow(a, b) * std::log(a) : 0; });
        });
      })
      .Case<math::FPowIOp>([&](auto) {
        e.value(binary([](double a, double b) { return std::pow(a, b); }));
        e.slope(0, [&] {
          return binary([](double a, double b) { return b == 0 ? 0 : b * std::pow(a, b - 1); });
        });
      })
      .Case<math::AbsFOp>([&](auto) {
        e.unary([](double a) { return std::abs(a); },
                [](double a) { return a > 0   ? 1.0
                                      : a < 0 ? -1.0
                                              : 0.0; });
      })
      .Case<math::CopySignOp>([&](auto) {
        e.value(binary([](double a, double b) { return std::copysign(a, b); }));
        e.slope(0, [&] {
          return binary(
              [](double a, double b) { return std::signbit(a) == std::signbit(b) ? 1.0 : -1.0; });
        });
      })
      .Case<math::SinOp>([&](auto) {
        e.unary([](double a) { return std::sin(a); }, [](double a) { return std::cos(a); });
      })
      .Case<math::CosOp>([&](auto) {
        e.unary([](double a) { return std::cos(a); }, [](double a) { return -std::sin(a); });
      })
      .Case<math::TanOp>([&](auto) {
        e.unary([](double a) { return std::tan(a); },
                [](double a) { return 1 / (std::cos(a) * std::cos(a)); });
      })
      .Case<math::AsinOp>([&](auto) {
        e.unary([](double a) { return std::asin(a); },
                [](double a) { return 1 / std::sqrt(1 - a * a); });
      })
      .Case<math::AcosOp>([&](auto) {
        e.unary([](double a) { return std::acos(a); },
                [](double a) { return -1 / std::sqrt(1 - a * a); });
      })
      .Case<math::AtanOp>([&](auto) {
        e.unary([](double a) { return std::atan(a); }, [](double a) { return 1 / (1 + a * a); });
      })
      .Case<math::Atan2Op>([&](auto) {
        e.value(binary([](double a, double b) { return std::atan2(a, b); }));
        e.slope(0, [&] { return Array(x(1) / (x(0).square() + x(1).square())); });
        e.slope(1, [&] { return Array(-x(0) / (x(0).square() + x(1).square())); });
      })
      .Case<math::SinhOp>([&](auto) {
        e.unary([](double a) { return std::sinh(a); }, [](double a) { return std::cosh(a); });
      })
      .Case<math::CoshOp>([&](auto) {
        e.unary([](double a) { return std::cosh(a); }, [](double a) { return std::sinh(a); });
      })
      .Case<math::TanhOp>([&](auto) {
        e.unary([](double a) { return std::tanh(a); },
                [](double a) { return 1 / (std::cosh(a) * std::cosh(a)); });
      })
      .Case<math::ErfOp>([&](auto) {
        e.unary([](double a) { return std::erf(a); },
                [](double a) { return 2 * std::numbers::inv_sqrtpi * std::exp(-a * a); });
      })
      .Default([&](Operation *) { known = false; });
  if (!known)
    return op.emitError() << "the interpreter does not know '" << op.getName() << "'";
  return std::move(e.result);
}
