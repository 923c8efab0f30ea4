//===- Arithmetic.cpp - operators, functions and reductions of fields ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Evaluator.h"
#include "ir/ApicalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;

namespace apical::sema {

using Values = llvm::ArrayRef<Value>;

static Value constant(OpBuilder &b, Location loc, double v) {
  return b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(v));
}
static Value compare(OpBuilder &b, Location loc, arith::CmpFPredicate p, Value x, Value y) {
  return b.create<arith::CmpFOp>(loc, p, x, y);
}
static Value truth(OpBuilder &b, Location loc, Value bit) {
  return b.create<arith::SelectOp>(loc, bit, constant(b, loc, 1), constant(b, loc, 0));
}
static Value isTrue(OpBuilder &b, Location loc, Value x) {
  return compare(b, loc, arith::CmpFPredicate::UNE, x, constant(b, loc, 0));
}

static arith::CmpFPredicate predicate(ast::BinaryOp op) {
  switch (op) {
  case ast::BinaryOp::Eq:
    return arith::CmpFPredicate::OEQ;
  case ast::BinaryOp::Ne:
    return arith::CmpFPredicate::UNE;
  case ast::BinaryOp::Lt:
    return arith::CmpFPredicate::OLT;
  case ast::BinaryOp::Le:
    return arith::CmpFPredicate::OLE;
  case ast::BinaryOp::Gt:
    return arith::CmpFPredicate::OGT;
  default:
    return arith::CmpFPredicate::OGE;
  }
}

static double fold(ast::BinaryOp op, double a, double b) {
  switch (op) {
  case ast::BinaryOp::Pow:
    return std::pow(a, b);
  case ast::BinaryOp::Mul:
    return a * b;
  case ast::BinaryOp::Div:
    return a / b;
  case ast::BinaryOp::Add:
    return a + b;
  case ast::BinaryOp::Sub:
    return a - b;
  case ast::BinaryOp::Eq:
    return a == b;
  case ast::BinaryOp::Ne:
    return a != b;
  case ast::BinaryOp::Lt:
    return a < b;
  case ast::BinaryOp::Le:
    return a <= b;
  case ast::BinaryOp::Gt:
    return a > b;
  case ast::BinaryOp::Ge:
    return a >= b;
  case ast::BinaryOp::And:
    return a != 0 && b != 0;
  case ast::BinaryOp::Or:
    return a != 0 || b != 0;
  case ast::BinaryOp::Range:
    break;
  }
  return 0;
}

static Value emitBinary(ast::BinaryOp op, OpBuilder &b, Location l, Value x, Value y,
                        std::optional<double> exponent) {
  switch (op) {
  case ast::BinaryOp::Mul:
    return b.create<arith::MulFOp>(l, x, y);
  case ast::BinaryOp::Div:
    return b.create<arith::DivFOp>(l, x, y);
  case ast::BinaryOp::Add:
    return b.create<arith::AddFOp>(l, x, y);
  case ast::BinaryOp::Sub:
    return b.create<arith::SubFOp>(l, x, y);
  case ast::BinaryOp::And:
    return truth(b, l, b.create<arith::AndIOp>(l, isTrue(b, l, x), isTrue(b, l, y)));
  case ast::BinaryOp::Or:
    return truth(b, l, b.create<arith::OrIOp>(l, isTrue(b, l, x), isTrue(b, l, y)));
  case ast::BinaryOp::Pow:
    if (exponent && *exponent == 2)
      return b.create<arith::MulFOp>(l, x, x);
    if (exponent && *exponent == 0.5)
      return b.create<math::SqrtOp>(l, x);
    return b.create<math::PowFOp>(l, x, y);
  default:
    return truth(b, l, compare(b, l, predicate(op), x, y));
  }
}

Field Evaluator::besideNone(const std::shared_ptr<const Field> &mask, const Field &x, Span at) {
  return select(*mask, x, Field::number(1, x.dimension), at);
}

Field Evaluator::binary(ast::BinaryOp op, const Field &left, const Field &right, Span at) {
  using ast::BinaryOp;
  Field a = left, b = right;
  if (auto mask = a.mask ? a.mask : b.mask; op == BinaryOp::Div && mask && !b.constant)
    b = besideNone(mask, b, at);
  if (op == BinaryOp::Pow && a.mask && !(b.constant && *b.constant >= 1))
    a = besideNone(a.mask, a, at);
  if (op == BinaryOp::Range)
    fail(Code::WrongType, at, "a range is not a value",
         "ranges stand in `for` and in families of areas");
  requireFit(a, b, at, "operands");
  Dimension d;
  switch (op) {
  case BinaryOp::Mul:
    d = a.dimension.times(b.dimension);
    break;
  case BinaryOp::Div:
    d = a.dimension.times(b.dimension, -1);
    break;
  case BinaryOp::Pow: {
    requireDimension(b, {}, at, "an exponent");
    if (!a.dimension.none()) {
      auto power = b.constant ? a.dimension.power(*b.constant) : std::nullopt;
      if (!power)
        fail(Code::DimensionMismatch, at, "a power of a quantity needs a constant exponent");
      d = *power;
    }
    break;
  }
  case BinaryOp::And:
  case BinaryOp::Or:
    break;
  default:
    requireSameDimension(a, b, at, "operands");
    if (op == BinaryOp::Add || op == BinaryOp::Sub)
      d = a.dimension.any ? b.dimension : a.dimension;
  }
  Field result;
  if (a.constant && b.constant) {
    result = Field::number(fold(op, *a.constant, *b.constant), d);
  } else if (dropZeroFactors && op == BinaryOp::Mul && (a.constant == 0.0 || b.constant == 0.0)) {
    result = Field::number(0, d);
  } else if (dropZeroFactors && (op == BinaryOp::Add || op == BinaryOp::Sub) && b.constant == 0.0) {
    result = a;
    result.dimension = d;
  } else if (dropZeroFactors && op == BinaryOp::Add && a.constant == 0.0) {
    result = b;
    result.dimension = d;
  } else {
    result = fields.map(location(at), {a, b}, [&](OpBuilder &builder, Location l, Values v) {
      return emitBinary(op, builder, l, v[0], v[1], b.constant);
    });
    result.dimension = d;
  }
  if (op == BinaryOp::Mul)
    result.mask = a.mask ? a.mask : b.mask;
  else if (op == BinaryOp::Add || op == BinaryOp::Sub)
    result.mask = Field::maskOfBoth(a, b);
  else if ((op == BinaryOp::Div && b.constant != 0.0) || op == BinaryOp::Pow)
    result.mask = a.mask;
  result.total = (op == BinaryOp::Mul || op == BinaryOp::Div) &&
                 ((a.total && b.constant) || (op == BinaryOp::Mul && a.constant && b.total));
  return result;
}

static Value emitUnary(llvm::StringRef f, OpBuilder &b, Location l, Value x) {
  auto k = [&](double v) { return constant(b, l, v); };
  if (f == "-")
    return b.create<arith::NegFOp>(l, x);
  if (f == "not")
    return b.create<arith::SelectOp>(l, isTrue(b, l, x), k(0), k(1));
  if (f == "exp")
    return b.create<math::ExpOp>(l, x);
  if (f == "log")
    return b.create<math::LogOp>(l, x);
  if (f == "sqrt")
    return b.create<math::SqrtOp>(l, x);
  if (f == "sin")
    return b.create<math::SinOp>(l, x);
  if (f == "cos")
    return b.create<math::CosOp>(l, x);
  if (f == "tanh")
    return b.create<math::TanhOp>(l, x);
  if (f == "floor")
    return b.create<math::FloorOp>(l, x);
  if (f == "sign")
    return b.create<arith::SubFOp>(l,
                                   truth(b, l, compare(b, l, arith::CmpFPredicate::OGT, x, k(0))),
                                   truth(b, l, compare(b, l, arith::CmpFPredicate::OLT, x, k(0))));
  if (f == "abs")
    return b.create<math::AbsFOp>(l, x);
  // |x| as max(x, -x) has a derivative of -1 at 0, which makes softplus and logistic exact there.
  Value magnitude = b.create<arith::MaximumFOp>(l, x, b.create<arith::NegFOp>(l, x));
  Value small = b.create<math::ExpOp>(l, b.create<arith::NegFOp>(l, magnitude)); // never overflows
  if (f == "softplus")
    return b.create<arith::AddFOp>(l, b.create<arith::MaximumFOp>(l, x, k(0)),
                                   b.create<math::Log1pOp>(l, small));
  // logistic; at 0 it is `above` that has the right derivative
  Value below = b.create<arith::DivFOp>(l, k(1), b.create<arith::AddFOp>(l, k(1), small));
  Value above = b.create<arith::MulFOp>(l, small, below);
  return b.create<arith::SelectOp>(l, compare(b, l, arith::CmpFPredicate::OGT, x, k(0)), below,
                                   above);
}

static double foldUnary(llvm::StringRef f, double x) {
  if (f == "-")
    return -x;
  if (f == "not")
    return x == 0;
  if (f == "exp")
    return std::exp(x);
  if (f == "log")
    return std::log(x);
  if (f == "sqrt")
    return std::sqrt(x);
  if (f == "sin")
    return std::sin(x);
  if (f == "cos")
    return std::cos(x);
  if (f == "tanh")
    return std::tanh(x);
  if (f == "floor")
    return std::floor(x);
  if (f == "sign")
    return (x > 0) - (x < 0);
  if (f == "abs")
    return std::abs(x);
  if (f == "softplus")
    return std::max(x, 0.) + std::log1p(std::exp(-std::abs(x)));
  return 1 / (1 + std::exp(-x));
}

Field Evaluator::unary(llvm::StringRef f, const Field &x, Span at) {
  Dimension d;
  if (f == "-" || f == "abs")
    d = x.dimension;
  else if (f == "sqrt") {
    auto half = x.dimension.power(0.5);
    if (!half)
      fail(Code::DimensionMismatch, at,
           "the square root of " + x.dimension.str() + " has no dimension");
    d = *half;
  } else if (f != "sign" && f != "not")
    requireDimension(x, {}, at, "the argument of `" + f.str() + "`");
  if (x.constant)
    return Field::number(foldUnary(f, *x.constant), d);
  std::string name = f.str();
  bool singular = f == "log" || f == "sqrt";
  Field y = x.mask && singular ? besideNone(x.mask, x, at) : x;
  Field r = fields.map(location(at), {y}, [name](OpBuilder &b, Location l, Values v) {
    return emitUnary(name, b, l, v[0]);
  });
  if (foldUnary(f, 0) == 0)
    r.mask = y.mask;
  r.dimension = d;
  return r;
}

Field Evaluator::barrier(const Field &x, Span at) {
  if (x.constant)
    return x;
  Field r = fields.map(location(at), {x}, [](OpBuilder &b, Location l, Values v) -> Value {
    return b.create<ir::StopOp>(l, v[0].getType(), v[0]);
  });
  r.mask = x.mask;
  r.dimension = x.dimension;
  return r;
}

Field Evaluator::select(const Field &c, const Field &yes, const Field &no, Span at) {
  requireFit(c, yes, at, "condition and value");
  requireFit(c, no, at, "condition and value");
  requireFit(yes, no, at, "values");
  requireSameDimension(yes, no, at, "the two values");
  if (c.constant)
    return *c.constant ? yes : no;
  Field r = fields.map(location(at), {c, yes, no}, [](OpBuilder &b, Location l, Values v) -> Value {
    return b.create<arith::SelectOp>(l, isTrue(b, l, v[0]), v[1], v[2]);
  });
  r.dimension = yes.dimension.any ? no.dimension : yes.dimension;
  r.mask = Field::maskOfBoth(yes, no);
  return r;
}

Field Evaluator::meanSize(const Field &x, Span at) {
  Field sizes = unary("abs", x, at);
  llvm::SmallVector<Axis, 3> elements = sizes.axes;
  llvm::erase(elements, Axis::Sample);
  return elements.empty() ? sizes : reduce("mean", sizes, elements, at);
}

Field Evaluator::reduce(llvm::StringRef f, const Field &x, llvm::ArrayRef<Axis> over, Span at) {
  using ast::BinaryOp;
  int64_t count = 1;
  for (Axis a : over)
    if (!x.constant && x.has(a))
      count *= x.size(a);
  Location loc = location(at);
  auto negate = [&](const Field &y) { return unary("-", y, at); };
  if (f == "sum")
    return fields.reduce(loc, x, over);
  if (f == "mean")
    return binary(BinaryOp::Div, fields.reduce(loc, x, over), Field::number(count), at);
  if (f == "max")
    return fields.reduce(loc, x, over, "max");
  if (f == "min")
    return negate(fields.reduce(loc, negate(x), over, "max"));
  if (f == "norm")
    return unary("sqrt", fields.reduce(loc, binary(BinaryOp::Mul, x, x, at), over), at);
  if (f == "logsumexp" || f == "softmax") {
    requireDimension(x, {}, at, "the argument of `" + f.str() + "`");
    Field top = barrier(fields.reduce(loc, x, over, "max"), at);
    Field total = fields.reduce(loc, unary("exp", binary(BinaryOp::Sub, x, top, at), at), over);
    Field logarithm = binary(BinaryOp::Add, unary("log", total, at), top, at);
    return f == "logsumexp" ? logarithm : unary("exp", binary(BinaryOp::Sub, x, logarithm, at), at);
  }
  if (f == "cumsum" || f == "rank") {
    if (over.size() != 1)
      fail(Code::NeedsOver, at,
           "`" + f + "` runs along one axis: write `over = pre` or `over = post`");
    if (x.constant || !x.has(over[0]))
      fail(Code::ShapeMismatch, at,
           "`" + f + "` needs a value that differs along its axis, and this is " + describe(x));
    if (f == "rank")
      return fields.rank(loc, x, over[0]);
    // Each element beside every element along the axis, which goes by the name of another axis meanwhile.
    Axis other = over[0] == Axis::Unit ? Axis::Post : Axis::Unit;
    Field every = x.as(over[0], other), place = fields.index(loc, over[0], count),
          everyPlace = fields.index(loc, other, count);
    return fields.reduce(
        loc, select(binary(BinaryOp::Le, everyPlace, place, at), every, Field::number(0), at),
        {other});
  }
  // argmax: the first of the largest.
  if (over.size() != 1 || x.constant || !x.has(over[0]))
    return Field::number(0);
  Field top = fields.reduce(loc, x, over, "max");
  Field place = fields.index(loc, over[0], count);
  Field candidate = select(binary(BinaryOp::Ge, x, top, at), place, Field::number(count), at);
  return negate(fields.reduce(loc, negate(candidate), over, "max"));
}

Field Evaluator::masked(const Field &mask, const Field &x, Span at) {
  if (x.mask)
    return x;
  Field r = select(mask, x, Field::number(0), at);
  r.mask = std::make_shared<Field>(mask);
  return r;
}

Field Evaluator::reduceWhere(const Field &mask, llvm::StringRef f, const Field &x,
                             llvm::ArrayRef<Axis> over, Span at) {
  using ast::BinaryOp;
  auto varies = [&](Axis a) { return !x.constant && x.has(a); };
  if (llvm::none_of(over, varies))
    return reduce(f, x, over, at);
  // What is the same for several synapses counts once, if one of them is there.
  llvm::SmallVector<Axis, 2> same;
  for (Axis a : over)
    if (!varies(a) && mask.has(a))
      same.push_back(a);
  Location loc = location(at);
  Field there = fields.reduce(loc, mask, same, "max");
  auto elsewhere = [&](double v) { return select(there, x, Field::number(v, x.dimension), at); };
  auto orOfNone = [&](const Field &r, double v) {
    return select(fields.reduce(loc, there, over, "max"), r, Field::number(v, r.dimension), at);
  };
  if (f == "norm") { // its derivative at 0 is infinite
    Field y = same.empty() ? masked(mask, x, at) : elsewhere(0);
    Field square = fields.reduce(loc, binary(BinaryOp::Mul, y, y, at), over);
    return orOfNone(unary("sqrt", orOfNone(square, 1), at), 0);
  }
  if (f == "sum" || f == "cumsum")
    return reduce(f, same.empty() ? masked(mask, x, at) : elsewhere(0), over, at);
  if (f == "mean") {
    Field count = orOfNone(fields.reduce(loc, there, over), 1);
    return binary(BinaryOp::Div, fields.reduce(loc, elsewhere(0), over), count, at);
  }
  if (f == "max")
    return orOfNone(fields.reduce(loc, elsewhere(-HUGE_VAL), over, "max"), 0);
  if (f == "min")
    return orOfNone(reduce(f, elsewhere(HUGE_VAL), over, at), 0);
  if (f == "logsumexp" || f == "softmax") {
    requireDimension(x, {}, at, "the argument of `" + f.str() + "`");
    Field y = elsewhere(-HUGE_VAL);
    Field top = barrier(orOfNone(fields.reduce(loc, y, over, "max"), 0), at);
    Field total = fields.reduce(loc, unary("exp", binary(BinaryOp::Sub, y, top, at), at), over);
    Field logarithm = binary(BinaryOp::Add, unary("log", orOfNone(total, 1), at), top, at);
    return f == "logsumexp" ? logarithm : unary("exp", binary(BinaryOp::Sub, y, logarithm, at), at);
  }
  return reduce(f, elsewhere(-HUGE_VAL), over, at); // rank and argmax: behind all others
}

Field Evaluator::clock(llvm::StringRef which, Span at) {
  Field f;
  OpBuilder &b = fields.builder;
  bool rows = which == "rows";
  auto type = RankedTensorType::get(rows ? llvm::ArrayRef<int64_t>{ShapedType::kDynamic}
                                         : llvm::ArrayRef<int64_t>{},
                                    b.getF32Type());
  if (rows)
    f.axes.push_back(Axis::Sample);
  f.tensor = b.create<ir::ClockOp>(location(at), type, b.getStringAttr(which));
  return f;
}

Field Evaluator::withoutSamples(const Field &value, ast::AssignOp op, llvm::StringRef name,
                                Span at) {
  if (op == ast::AssignOp::Set && !value.constant && value.has(Axis::Sample))
    fail(Code::PerSampleToShared, at,
         "a value per sample is assigned to `" + name + "`, which has no samples",
         "use `+=`, which averages over the batch, or an explicit `batch_mean`");
  return averageOverSamples(value, at);
}

Field Evaluator::averageOverSamples(const Field &x, Span at) {
  if (x.constant || !x.has(Axis::Sample))
    return x;
  Field sum = fields.reduce(location(at), x, {Axis::Sample});
  Field share = binary(ast::BinaryOp::Div, Field::number(1), clock("samples", at), at);
  Field r = binary(ast::BinaryOp::Mul, sum, share, at);
  r.dimension = x.dimension;
  return r;
}

} // namespace apical::sema
