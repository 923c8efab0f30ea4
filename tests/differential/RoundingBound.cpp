//===- RoundingBound.cpp - how far compiled code may be from the exact step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoundingBound.h"
#include "Accuracy.h"

#include "ir/Random.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

using namespace mlir;
using namespace apical;
using namespace apical::test;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

/// One number and its error. `decided`: see BoundedField.
struct Bounded {
  double x = 0, e = 0;
  bool decided = false;

  double low() const { return x - e; }
  double high() const { return x + e; }
  bool exact() const { return e == 0; }
};

/// Rounds a result once, with the accuracy of the operation.
Bounded rounded(double x, double e, Accuracy accuracy = {1, 0}) {
  if (x == 0 && e == 0 && accuracy.absolute == 0)
    return {0, 0};
  double size = std::abs(x) + e;
  return {x, e + unitRoundoff * (accuracy.relative * size + accuracy.absolute) + 0x1p-149};
}

/// Where every value of the interval goes: `low` and `high` are the ends.
Bounded within(double x, double low, double high) {
  double e = std::max(high - x, x - low);
  return {x, std::isnan(e) ? infinite : e};
}

Bounded multiply(Bounded a, Bounded b) {
  if ((a.exact() && a.x == 0) || (b.exact() && b.x == 0))
    return {0, 0};
  return rounded(a.x * b.x, std::abs(a.x) * b.e + std::abs(b.x) * a.e + a.e * b.e);
}

Bounded divide(Bounded a, Bounded b) {
  if (a.exact() && a.x == 0 && std::abs(b.x) > b.e)
    return {0, 0};
  double quotient = a.x / b.x;
  double e =
      std::abs(b.x) > b.e ? (a.e + std::abs(quotient) * b.e) / (std::abs(b.x) - b.e) : infinite;
  return rounded(quotient, e);
}

/// A function that only rises.
template <typename F> Bounded rising(Operation &op, F f, Bounded a, double least = -infinite) {
  Bounded r = within(f(a.x), f(std::max(a.low(), least)), f(a.high()));
  Bounded result = rounded(r.x, r.e, accuracyOf(op.getName().getStringRef(), std::abs(a.x) + a.e));
  result.e += result.x == 0 && result.e == 0 ? 0 : smallestNormal;
  return result;
}

/// A function whose slope is at most 1, with values from -1 to 1.
template <typename F> Bounded swinging(Operation &op, F f, Bounded a) {
  return rounded(f(a.x), std::min(a.e, 2.0),
                 accuracyOf(op.getName().getStringRef(), std::abs(a.x) + a.e));
}

Bounded power(Operation &op, Bounded a, Bounded b) {
  double x = std::pow(a.x, b.x), low = x, high = x;
  if (a.low() < 0 && !(a.exact() && b.exact()))
    return {x, infinite};
  for (double base : {a.low(), a.high()})
    for (double exponent : {b.low(), b.high()}) {
      low = std::min(low, std::pow(base, exponent));
      high = std::max(high, std::pow(base, exponent));
    }
  Bounded r = within(x, low, high);
  return rounded(r.x, r.e, accuracyOf(op.getName().getStringRef(), a.x));
}

/// True, false, or (an error of 1) either.
Bounded compare(arith::CmpFPredicate predicate, Bounded a, Bounded b) {
  using P = arith::CmpFPredicate;
  bool less = a.x < b.x, equal = a.x == b.x, greater = a.x > b.x;
  double truth = 0;
  switch (predicate) {
  case P::OEQ:
    truth = equal;
    break;
  case P::UNE:
  case P::ONE:
    truth = !equal;
    break;
  case P::OLT:
    truth = less;
    break;
  case P::OLE:
    truth = less || equal;
    break;
  case P::OGT:
    truth = greater;
    break;
  default:
    truth = greater || equal;
  }
  bool known = std::abs(a.x - b.x) > a.e + b.e || (a.exact() && b.exact());
  // An element is its own maximum if no other can be.
  known |= equal && (a.decided || b.decided);
  return {truth, known ? 0.0 : 1.0};
}

Bounded choose(Bounded condition, Bounded yes, Bounded no) {
  Bounded chosen = condition.x != 0 ? yes : no;
  if (condition.exact())
    return {chosen.x, chosen.e};
  return {chosen.x, std::abs(yes.x - no.x) + std::max(yes.e, no.e)};
}

/// A number read as signed or unsigned of this width.
double asUnsigned(double v, unsigned width) { return v < 0 ? v + std::ldexp(1.0, width) : v; }

using Point = ArrayRef<int64_t>;

/// One scalar operation at one point; fails if its error is not known.
FailureOr<Bounded> evaluateScalar(Operation &op, ArrayRef<Bounded> operands, Point point) {
  auto x = [&](unsigned i) { return operands[i]; };
  Bounded r;
  bool known = true;
  auto convert = [&](double v, Type to) {
    r = to.isF32() ? rounded(v, 0) : Bounded{v, 0};
    if (double(float(v)) == v)
      r.e = 0;
  };
  llvm::TypeSwitch<Operation *>(&op)
      .Case<arith::ConstantOp>([&](arith::ConstantOp c) {
        if (auto f = dyn_cast<FloatAttr>(c.getValue()))
          r.x = f.getValueAsDouble();
        else if (auto i = dyn_cast<IntegerAttr>(c.getValue()))
          r.x = i.getType().isInteger(1) ? i.getValue().getZExtValue() : i.getInt();
        else
          known = false;
      })
      .Case<ir::IndexOp>([&](ir::IndexOp i) { r.x = double(point[i.getAxis()]); })
      .Case<ir::StopOp, arith::IndexCastOp, arith::ExtSIOp, arith::ExtFOp>([&](auto) { r = x(0); })
      .Case<arith::AddFOp>([&](auto) {
        // Counters are whole numbers in double precision.
        bool wide = op.getResult(0).getType().isF64();
        double e = x(0).e + x(1).e;
        r = wide ? Bounded{x(0).x + x(1).x, e} : rounded(x(0).x + x(1).x, e);
      })
      .Case<arith::SubFOp>([&](auto) { r = rounded(x(0).x - x(1).x, x(0).e + x(1).e); })
      .Case<arith::MulFOp>([&](auto) { r = multiply(x(0), x(1)); })
      .Case<arith::DivFOp>([&](auto) { r = divide(x(0), x(1)); })
      .Case<arith::NegFOp>([&](auto) { r = {-x(0).x, x(0).e, x(0).decided}; })
      .Case<math::AbsFOp>([&](auto) { r = {std::abs(x(0).x), x(0).e}; })
      .Case<arith::TruncFOp>([&](auto) { r = rounded(x(0).x, x(0).e); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        Bounded a = x(0), b = x(1);
        r = within(std::max(a.x, b.x), std::max(a.low(), b.low()), std::max(a.high(), b.high()));
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        Bounded a = x(0), b = x(1);
        r = within(std::min(a.x, b.x), std::min(a.low(), b.low()), std::min(a.high(), b.high()));
      })
      .Case<arith::CmpFOp>([&](arith::CmpFOp c) { r = compare(c.getPredicate(), x(0), x(1)); })
      .Case<arith::SelectOp>([&](auto) { r = choose(x(0), x(1), x(2)); })
      .Case<arith::AndIOp>([&](auto) {
        Bounded a = x(0), b = x(1);
        bool no = (a.exact() && a.x == 0) || (b.exact() && b.x == 0);
        r = {double(a.x != 0 && b.x != 0), no || (a.exact() && b.exact()) ? 0.0 : 1.0};
      })
      .Case<arith::OrIOp>([&](auto) {
        Bounded a = x(0), b = x(1);
        bool yes = (a.exact() && a.x != 0) || (b.exact() && b.x != 0);
        r = {double(a.x != 0 || b.x != 0), yes || (a.exact() && b.exact()) ? 0.0 : 1.0};
      })
      .Case<arith::SIToFPOp>([&](auto) { convert(x(0).x, op.getResult(0).getType()); })
      .Case<arith::UIToFPOp>([&](auto) {
        convert(asUnsigned(x(0).x, op.getOperand(0).getType().getIntOrFloatBitWidth()),
                op.getResult(0).getType());
      })
      .Case<math::ExpOp>([&](auto) { r = rising(op, [](double v) { return std::exp(v); }, x(0)); })
      .Case<math::LogOp>(
          [&](auto) { r = rising(op, [](double v) { return std::log(v); }, x(0), 0); })
      .Case<math::Log1pOp>(
          [&](auto) { r = rising(op, [](double v) { return std::log1p(v); }, x(0), -1); })
      .Case<math::SqrtOp>(
          [&](auto) { r = rising(op, [](double v) { return std::sqrt(v); }, x(0), 0); })
      .Case<math::TanhOp>(
          [&](auto) { r = rising(op, [](double v) { return std::tanh(v); }, x(0)); })
      .Case<math::FloorOp>([&](auto) {
        r = within(std::floor(x(0).x), std::floor(x(0).low()), std::floor(x(0).high()));
      })
      .Case<math::SinOp>(
          [&](auto) { r = swinging(op, [](double v) { return std::sin(v); }, x(0)); })
      .Case<math::CosOp>(
          [&](auto) { r = swinging(op, [](double v) { return std::cos(v); }, x(0)); })
      .Case<math::PowFOp>([&](auto) { r = power(op, x(0), x(1)); })
      .Default([&](Operation *) { known = false; });
  if (!known)
    return op.emitError() << "no bound is known for the rounding of '" << op.getName() << "'";
  if (std::isnan(r.e))
    r.e = infinite;
  return r;
}

/// Collects the terms of one element of a result.
struct Reduction {
  double sum = 0, error = 0, size = 0;
  int64_t count = 0;
  Bounded best{-infinite, 0};    ///< the greatest term
  double high = -infinite;       ///< the greatest that any may be
  double low = -infinite;        ///< the least that the greatest can be
  double secondHigh = -infinite; ///< the greatest that any but the greatest may be

  void add(Bounded term) {
    sum += term.x;
    error += term.e;
    size += std::abs(term.x) + term.e;
    count += term.x != 0 || term.e != 0;
  }
  void takeGreater(Bounded term) {
    if (term.x > best.x) {
      secondHigh = std::max(secondHigh, best.high());
      best = term;
    } else {
      secondHigh = std::max(secondHigh, term.high());
    }
    high = std::max(high, term.high());
    low = std::max(low, term.low());
  }
  Bounded total() const {
    double passes = count > 1 ? static_cast<double>(count - 1) * unitRoundoff : 0;
    return {sum, error + passes / (1 - passes) * size};
  }
  Bounded greatest() const {
    Bounded r = within(best.x, low, high);
    r.decided = secondHigh < best.low();
    return r;
  }
};

/// Calls `visit` with each unit of a window's areas, and what of the `count` numbers that it sees stands for it.
void alongWindow(const ir::Window &window, size_t count,
                 llvm::function_ref<void(int64_t unit, int64_t at)> visit) {
  int64_t each = window.positions() * window.taps();
  window.forEach([&](int64_t place, int64_t tap, int64_t unit) {
    int64_t at = window.tapsFirst ? tap * window.positions() + place : place * window.taps() + tap;
    for (int64_t line = 0; unit >= 0 && line * each < int64_t(count); ++line)
      visit(line * window.units() + unit, line * each + at);
  });
}

} // namespace

BoundedField RoundingBound::make(Type type) const {
  BoundedField field;
  field.shape.assign(cast<RankedTensorType>(type).getShape().begin(),
                     cast<RankedTensorType>(type).getShape().end());
  int64_t count = 1;
  for (int64_t &size : field.shape) {
    if (ShapedType::isDynamic(size))
      size = clock.samples;
    count *= size;
  }
  field.value.assign(count, 0);
  field.error.assign(count, 0);
  return field;
}

LogicalResult RoundingBound::evaluate(ir::LiftOp lift) {
  SmallVector<int64_t> sizes(lift.getSizes());
  int64_t count = 1;
  for (int64_t &size : sizes) {
    if (size == -1)
      size = clock.samples;
    count *= size;
  }
  unsigned rank = sizes.size();
  auto strides = [&](AffineMap map) {
    SmallVector<int64_t> result(rank, 0);
    int64_t stride = 1;
    for (unsigned axis = map.getNumResults(); axis-- > 0;) {
      result[map.getDimPosition(axis)] = stride;
      stride *= sizes[map.getDimPosition(axis)];
    }
    return result;
  };
  auto offset = [&](ArrayRef<int64_t> stride, Point point) {
    return std::inner_product(point.begin(), point.end(), stride.begin(), int64_t(0));
  };
  SmallVector<SmallVector<int64_t>> from, to;
  SmallVector<const BoundedField *> inputs;
  for (auto [k, input] : llvm::enumerate(lift.getInputs())) {
    from.push_back(strides(lift.getInputMap(k)));
    inputs.push_back(&values.find(input)->second);
  }
  std::vector<std::vector<Reduction>> results;
  std::vector<BoundedField> fields;
  for (unsigned r = 0; r < lift.getNumResults(); ++r) {
    to.push_back(strides(lift.getResultMap(r)));
    fields.push_back(make(lift.getResult(r).getType()));
    results.emplace_back(lift.getCombiner(r) == "none" ? 0 : fields[r].value.size());
  }
  // Every value of the body has a slot.
  Block &body = lift.getBlock();
  llvm::DenseMap<Value, unsigned> slots;
  for (Value argument : body.getArguments())
    slots.try_emplace(argument, slots.size());
  SmallVector<Operation *> ops;
  SmallVector<SmallVector<unsigned, 3>> operandSlots;
  for (Operation &op : body.without_terminator()) {
    ops.push_back(&op);
    operandSlots.emplace_back();
    for (Value operand : op.getOperands())
      operandSlots.back().push_back(slots.lookup(operand));
    slots.try_emplace(op.getResult(0), slots.size());
  }
  SmallVector<unsigned> yielded;
  for (Value value : lift.getYielded())
    yielded.push_back(slots.lookup(value));
  std::vector<Bounded> scalars(slots.size());
  SmallVector<int64_t> point(rank, 0);
  for (int64_t at = 0; at < count; ++at) {
    for (unsigned k = 0; k < inputs.size(); ++k) {
      int64_t o = offset(from[k], point);
      scalars[k] = {inputs[k]->value[o], inputs[k]->error[o],
                    !inputs[k]->decided.empty() && inputs[k]->decided[o]};
    }
    unsigned next = inputs.size();
    for (auto [op, operands] : llvm::zip(ops, operandSlots)) {
      SmallVector<Bounded, 3> given;
      for (unsigned slot : operands)
        given.push_back(scalars[slot]);
      FailureOr<Bounded> result = evaluateScalar(*op, given, point);
      if (failed(result))
        return failure();
      scalars[next++] = *result;
    }
    for (unsigned r = 0; r < results.size(); ++r) {
      Bounded term = scalars[yielded[r]];
      int64_t o = offset(to[r], point);
      StringRef combiner = lift.getCombiner(r);
      if (combiner == "none") {
        fields[r].value[o] = term.x;
        fields[r].error[o] = term.e;
      } else if (combiner == "sum") {
        results[r][o].add(term);
      } else {
        results[r][o].takeGreater(combiner == "min" ? Bounded{-term.x, term.e} : term);
      }
    }
    for (unsigned axis = rank; axis-- > 0;) {
      if (++point[axis] < sizes[axis])
        break;
      point[axis] = 0;
    }
  }
  for (unsigned r = 0; r < results.size(); ++r) {
    bool selects = lift.getCombiner(r) == "max" || lift.getCombiner(r) == "min";
    if (selects)
      fields[r].decided.resize(results[r].size());
    for (size_t o = 0; o < results[r].size(); ++o) {
      Bounded total = selects ? results[r][o].greatest() : results[r][o].total();
      fields[r].value[o] = lift.getCombiner(r) == "min" ? -total.x : total.x;
      fields[r].error[o] = total.e;
      if (selects)
        fields[r].decided[o] = total.decided;
      beyond |= std::isfinite(total.x) &&
                std::abs(total.x) > static_cast<double>(std::numeric_limits<float>::max());
    }
    values[lift.getResult(r)] = std::move(fields[r]);
  }
  return success();
}

/// Uniform numbers are exact: 24 bits. A normal one is r cos(a), r = sqrt(-2
/// ln u), a = 2 pi v, with a rounding of the constant and one of the product in
/// a, that of the logarithm and one more (scaling by 2 is exact) in r.
void RoundingBound::evaluate(ir::DrawOp draw) {
  BoundedField field = make(draw.getValue().getType());
  uint64_t key = ir::streamKey(clock.seed, draw.getStream());
  uint64_t trial = draw.getPerTrial() ? static_cast<uint64_t>(clock.trial) : 0;
  bool normal = draw.getDistribution() == "normal";
  int64_t size = static_cast<int64_t>(field.value.size());
  for (int64_t block = 0; 4 * block < size; ++block) {
    std::array<double, 4> uniforms = ir::drawBlock(false, block, trial, key);
    std::array<double, 4> lanes = ir::drawBlock(normal, block, trial, key);
    for (int64_t e = 4 * block; e < std::min(4 * block + 4, size); ++e) {
      field.value[e] = lanes[e % 4];
      if (!normal)
        continue;
      double logarithm = std::log(uniforms[e % 4 / 2 * 2]);
      double radius = std::sqrt(-2 * logarithm);
      double angle = 2 * std::numbers::pi * uniforms[e % 4 / 2 * 2 + 1];
      Accuracy log = accuracyOf("math.log", 0), turn = accuracyOf("math.cos", angle);
      // A relative error halves in the root; it is first order in u here.
      double radiusError = unitRoundoff * radius * (log.relative / 2 + 1.01);
      double swing = unitRoundoff * (2.01 * angle + turn.relative + turn.absolute);
      field.error[e] = radiusError + radius * swing + unitRoundoff * std::abs(lanes[e % 4]) +
                       radiusError * swing;
    }
  }
  values[draw.getValue()] = std::move(field);
}

void RoundingBound::evaluate(ir::RankOp rank) {
  const BoundedField &field = values.find(rank.getOperand())->second;
  BoundedField result = make(rank.getValue().getType());
  auto axis = field.shape.begin() + rank.getAxis();
  int64_t inner = std::accumulate(axis + 1, field.shape.end(), int64_t(1), std::multiplies<>());
  auto at = [&](int64_t k) {
    return Bounded{field.value[k], field.error[k], !field.decided.empty() && field.decided[k]};
  };
  for (int64_t own = 0; own < int64_t(field.value.size()); ++own) {
    int64_t place = own / inner % *axis, first = own - place * inner;
    result.value[own] = 1;
    for (int64_t i = 0; i < *axis; ++i) {
      Bounded ahead = compare(i < place ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT,
                              at(first + i * inner), at(own));
      result.value[own] += i != place && ahead.x != 0;
      result.error[own] += i != place && !ahead.exact();
    }
  }
  values[rank.getValue()] = std::move(result);
}

void RoundingBound::evaluate(ir::UnfoldOp unfolding) {
  const BoundedField &field = values.find(unfolding.getOperand())->second;
  BoundedField seen = make(unfolding.getValue().getType());
  if (!field.decided.empty())
    seen.decided.resize(seen.value.size());
  alongWindow(unfolding.getWindow(), seen.value.size(), [&](int64_t unit, int64_t at) {
    seen.value[at] = field.value[unit];
    seen.error[at] = field.error[unit];
    if (!field.decided.empty())
      seen.decided[at] = field.decided[unit];
  });
  values[unfolding.getValue()] = std::move(seen);
}

void RoundingBound::evaluate(ir::FoldOp folding) {
  const BoundedField &seen = values.find(folding.getOperand())->second;
  BoundedField field = make(folding.getValue().getType());
  std::vector<Reduction> sums(field.value.size());
  alongWindow(folding.getWindow(), seen.value.size(),
              [&](int64_t unit, int64_t at) { sums[unit].add({seen.value[at], seen.error[at]}); });
  for (size_t unit = 0; unit < sums.size(); ++unit) {
    Bounded total = sums[unit].total();
    field.value[unit] = total.x;
    field.error[unit] = total.e;
  }
  values[folding.getValue()] = std::move(field);
}

LogicalResult RoundingBound::run(const llvm::StringMap<Field> &before, ArrayRef<Field> columns,
                                 const llvm::StringMap<double> &params, const HostClock &host) {
  values.clear();
  states.clear();
  reports.clear();
  beyond = false;
  clock = host;
  auto scalar = [&](Value value, double number) {
    BoundedField field = make(value.getType());
    field.value[0] = number;
    field.error[0] = double(float(number)) == number ? 0 : rounded(number, 0).e;
    values[value] = std::move(field);
  };
  auto exact = [&](Value value, const Field &given) {
    BoundedField field = make(value.getType());
    field.value = given.data;
    values[value] = std::move(field);
  };
  Block &block = step.getBody().front();
  for (auto [argument, column] : llvm::zip(block.getArguments(), columns))
    exact(argument, column);
  for (Operation &op : block) {
    LogicalResult known = success();
    llvm::TypeSwitch<Operation *>(&op)
        .Case<ir::LiftOp>([&](auto lift) { known = evaluate(lift); })
        .Case<ir::DrawOp>([&](auto draw) { evaluate(draw); })
        .Case<ir::RankOp, ir::UnfoldOp, ir::FoldOp>([&](auto o) { evaluate(o); })
        .Case<ir::ReadOp>(
            [&](auto read) { exact(read.getValue(), before.find(read.getState())->second); })
        .Case<ir::GetParamOp>(
            [&](auto get) { scalar(get.getValue(), params.find(get.getParam())->second); })
        .Case<ir::ClockOp>([&](auto c) {
          StringRef which = c.getWhich();
          if (which == "rows") {
            Field rows({clock.samples});
            rows.data = clock.rows;
            return exact(c.getValue(), rows);
          }
          scalar(c.getValue(), which == "samples"     ? clock.samples
                               : which == "trial"     ? clock.trial
                               : which == "epoch"     ? clock.epoch
                               : which == "epoch_end" ? clock.epochEnd
                                                      : clock.training);
        })
        .Case<ir::WriteOp>([&](auto write) { states[write.getState()] = values[write.getValue()]; })
        .Case<ir::ReportOp>([&](auto report) {
          const BoundedField &field = values[report.getValue()];
          // Summed by the host in double precision.
          reports.push_back({std::accumulate(field.value.begin(), field.value.end(), 0.0),
                             std::accumulate(field.error.begin(), field.error.end(), 0.0)});
        })
        .Default([&](Operation *o) {
          known = o->emitError() << "no bound is known for '" << o->getName() << "'";
        });
    if (failed(known))
      return failure();
  }
  return success();
}
