//===- Draws.cpp - random numbers and their densities ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Every distribution is made of the two that the dialect has, `uniform` on (0, 1) and `normal` with
/// mean 0 and deviation 1. What was drawn is remembered with its parameters, so that `log_prob` of it
/// is an expression of these like any other.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Evaluator.h"
#include "ir/ApicalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/SaveAndRestore.h"

#include <cmath>

using namespace mlir;

namespace apical::sema {

using ast::BinaryOp;
using Values = llvm::ArrayRef<Value>;

bool isDistribution(llvm::StringRef name) {
  static const char *const words[] = {"normal", "uniform", "bernoulli",  "poisson", "categorical",
                                      "choice", "wald",    "orthogonal", "identity"};
  return llvm::is_contained(words, name);
}

Field Evaluator::draw(llvm::StringRef distribution, Frame &frame, Span at) {
  if (frame.stream.empty())
    fail(Code::NotSupported, at, "a draw in the middle of an expression is not supported yet",
         "give it a name first: `let n ~ " + distribution +
             "(…)`, or `x ~ …` for a whole variable; then read `n`");
  llvm::SmallVector<int64_t> shape;
  Field unit;
  for (auto [axis, size] : frame.drawExtent) {
    shape.push_back(size);
    unit.axes.push_back(axis);
  }
  OpBuilder &b = fields.builder;
  std::string stream = frame.stream + (frame.draws++ ? "#" + std::to_string(frame.draws) : "");
  auto op = b.create<ir::DrawOp>(location(at), RankedTensorType::get(shape, b.getF32Type()),
                                 b.getStringAttr(distribution), b.getStringAttr(stream),
                                 frame.drawEachTrial ? b.getUnitAttr() : UnitAttr());
  unit.tensor = op.getValue();
  return unit;
}

void Evaluator::requireMatrix(const Frame &frame, Span at, llvm::StringRef what) {
  if (frame.drawExtent.size() != 2 || frame.drawExtent[0].first != Axis::Pre)
    fail(Code::ShapeMismatch, at, "`" + what + "` is a matrix, and there is none here",
         "it initialises the weights of a dense connection");
  if (!frame.mask)
    return;
  Diagnostic &d = diags.error(Code::ShapeMismatch, at,
                              "`" + what.str() +
                                  "` is a matrix with a number for each two units, and not all "
                                  "are joined here");
  if (frame.subject && frame.subject->file != at.file) // a rule of the library
    d.label(*frame.subject, "not all of these units");
  d.hint("draw each weight, as `w ~ normal(0, 1 / sqrt(fan_in))`");
  throw Reported();
}

Field Evaluator::defaultWeight(Frame &frame, Span at) {
  double in = *frame.locals.at("fan_in").constant, out = *frame.locals.at("fan_out").constant;
  Field doubled = binary(BinaryOp::Mul, draw("uniform", frame, at), Field::number(2), at);
  Field centred = binary(BinaryOp::Sub, doubled, Field::number(1), at);
  Field initial = binary(BinaryOp::Mul, centred, Field::number(std::sqrt(6 / (in + out))), at);
  initial.dimension.any = true; // in the unit of whatever the weights turn out to be
  return initial;
}

std::optional<Field> Evaluator::callDistribution(llvm::StringRef name, const ast::CallExpr &e,
                                                 Frame &frame) {
  auto arg = [&](size_t k) { return evaluate(*e.args[k].value, frame); };
  if (name == "log_prob") {
    requireArguments(name, e, 1, 1);
    return logProbability(arg(0), e.span);
  }
  size_t least = name == "uniform" || name == "normal" ? 2 : 1;
  if (!isDistribution(name) || name == "wald" || name == "identity")
    return std::nullopt;
  if (name == "orthogonal") {
    requireArguments(name, e, 0, 0);
    requireMatrix(frame, e.span, name);
    return draw(name, frame, e.span);
  }
  requireArguments(name, e, least, name == "choice" ? 1000 : least);
  if (name == "choice") { // each with the same probability
    double count = static_cast<double>(e.args.size());
    Field unit = draw("uniform", frame, e.span), chosen = arg(e.args.size() - 1);
    for (size_t k = e.args.size() - 1; k-- > 0;) {
      Field below = Field::number(static_cast<double>(k + 1) / count);
      chosen = select(binary(BinaryOp::Lt, unit, below, e.span), arg(k), chosen, e.span);
    }
    return chosen;
  }
  std::vector<Field> parameters;
  for (size_t k = 0; k < least; ++k)
    parameters.push_back(arg(k));
  const Field &first = parameters[0], &second = parameters.back();
  llvm::SaveAndRestore extent(frame.drawExtent, frame.drawExtent);
  if (frame.drawForEach && name != "categorical") // which is one for all of its parameters
    for (const Field &p : parameters)
      for (Axis axis : p.axes)
        if (!p.constant &&
            llvm::none_of(frame.drawExtent, [&](auto &known) { return known.first == axis; }))
          frame.drawExtent.push_back({axis, p.size(axis)});
  Field drawn;
  if (name == "uniform" || name == "normal") {
    Field unit = draw(name, frame, e.span);
    Field width = name == "uniform" ? binary(BinaryOp::Sub, second, first, e.span) : second;
    drawn = binary(BinaryOp::Add, first, binary(BinaryOp::Mul, width, unit, e.span), e.span);
  } else if (name == "bernoulli") {
    drawn = binary(BinaryOp::Lt, draw("uniform", frame, e.span), first, e.span);
  } else if (name == "poisson") {
    drawn = poisson(first, frame, e.span);
  } else {
    drawn = categorical(first, frame, e.span);
  }
  if (drawn.tensor)
    densities[drawn.tensor] = {name.str(), drawn.axes, std::move(parameters)};
  return drawn;
}

/// The draw itself is a constant; the parameters are not.
Field Evaluator::logProbability(const Field &x, Span at) {
  auto it = x.constant ? densities.end() : densities.find(x.tensor);
  if (it == densities.end())
    fail(Code::WrongType, at, "`log_prob` takes what was drawn, and this was not",
         "a draw is declared with `~`: `let x ~ normal(0, 1)`");
  const Density &density = it->second;
  if (density.law == "poisson")
    unsupported(at, "`log_prob` of a `poisson` draw is");
  auto parameter =
      [&](size_t k) { // read where x is: its units may be those of one end of a synapse
        Field f = density.parameters[k];
        for (auto [drawn, here] : llvm::zip(density.axes, x.axes))
          f = f.as(drawn, here);
        return f;
      };
  auto op = [&](BinaryOp o, const Field &a, const Field &b) { return binary(o, a, b, at); };
  auto log = [&](Field f) { // in SI units
    f.dimension = {};
    return unary("log", f, at);
  };
  Field value = barrier(x, at), first = parameter(0), result;
  if (density.law == "normal") {
    Field distance = op(BinaryOp::Div, op(BinaryOp::Sub, value, first), parameter(1));
    Field square = op(BinaryOp::Mul, op(BinaryOp::Mul, distance, distance), Field::number(-0.5));
    result = op(BinaryOp::Sub, op(BinaryOp::Sub, square, log(parameter(1))),
                Field::number(std::log(2 * M_PI) / 2));
  } else if (density.law == "uniform") {
    result = unary("-", log(op(BinaryOp::Sub, parameter(1), first)), at);
  } else if (density.law == "bernoulli") {
    result = log(select(value, first, op(BinaryOp::Sub, Field::number(1), first), at));
  } else { // categorical: of the one unit that was chosen, one number for the area
    llvm::SmallVector<Axis, 1> units;
    for (Axis axis : x.axes)
      if (axis != Axis::Sample)
        units.push_back(axis);
    Field chosen = op(BinaryOp::Mul, value, first);
    result =
        log(op(BinaryOp::Div, reduce("sum", chosen, units, at), reduce("sum", first, units, at)));
  }
  return result;
}

/// Up to a mean of 12 by inversion: how many partial sums of the probabilities lie below a uniform
/// number, of which the 40th differs from 1 by less than 1e-10. Above, the expansion of the inverse
/// about a normal number (Giles 2016), whose distribution differs from the exact one by less than
/// 5e-4 in total variation.
Field Evaluator::poisson(const Field &mean, Frame &frame, Span at) {
  constexpr int terms = 40;
  constexpr double most = 12;
  requireDimension(mean, {}, at, "the mean of `poisson`");
  bool small = !mean.constant || *mean.constant <= most;
  bool large = !mean.constant || *mean.constant > most;
  std::vector<Field> inputs{mean};
  if (small)
    inputs.push_back(draw("uniform", frame, at));
  if (large)
    inputs.push_back(draw("normal", frame, at));
  return fields.map(location(at), inputs, [=](OpBuilder &b, Location l, Values v) -> Value {
    auto k = [&](double x) -> Value {
      return b.create<arith::ConstantOp>(l, b.getF32FloatAttr(x));
    };
    auto mul = [&](Value x, Value y) -> Value { return b.create<arith::MulFOp>(l, x, y); };
    auto add = [&](Value x, Value y) -> Value { return b.create<arith::AddFOp>(l, x, y); };
    Value counted, expanded;
    if (small) {
      Value probability = b.create<math::ExpOp>(l, b.create<arith::NegFOp>(l, v[0]));
      Value below = probability;
      counted = k(0);
      for (int n = 1; n <= terms; ++n) {
        Value above = b.create<arith::CmpFOp>(l, arith::CmpFPredicate::OGT, v[1], below);
        counted = add(counted, b.create<arith::SelectOp>(l, above, k(1), k(0)));
        probability = mul(probability, mul(v[0], k(1. / n)));
        below = add(below, probability);
      }
    }
    if (large) {
      Value z = v.back(), root = b.create<math::SqrtOp>(l, v[0]), square = mul(z, z);
      Value third = mul(mul(z, add(square, k(2))), k(-1. / 72));
      expanded = add(add(v[0], mul(root, z)), mul(add(square, k(2)), k(1. / 6)));
      expanded = add(expanded, b.create<arith::DivFOp>(l, third, root));
      expanded = b.create<arith::MaximumFOp>(l, b.create<math::FloorOp>(l, expanded), k(0));
    }
    Value drawn = small ? counted : expanded;
    if (small && large) {
      Value few = b.create<arith::CmpFOp>(l, arith::CmpFPredicate::OLE, v[0], k(most));
      drawn = b.create<arith::SelectOp>(l, few, counted, expanded);
    }
    return b.create<ir::StopOp>(l, drawn.getType(), drawn); // a constant for derivatives
  });
}

/// One unit of the area is 1, the others 0, each with its share of the sum: the first to fire of
/// clocks that run at these rates.
Field Evaluator::categorical(const Field &p, Frame &frame, Span at) {
  using ast::BinaryOp;
  if (p.constant || !p.has(Axis::Unit))
    fail(Code::ShapeMismatch, at,
         "`categorical` draws one of the units of an area, and this is " + describe(p));
  requireDimension(p, {}, at, "the probability of `categorical`");
  Field time = binary(BinaryOp::Div, unary("log", draw("uniform", frame, at), at), p, at);
  Field first = reduce("argmax", time, {Axis::Unit}, at);
  return barrier(
      binary(BinaryOp::Eq, fields.index(location(at), Axis::Unit, p.size(Axis::Unit)), first, at),
      at);
}

} // namespace apical::sema
