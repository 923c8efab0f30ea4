//===- Networks.cpp - random networks as steps of the dialect ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Networks.h"

#include "ir/Builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace apical;
using namespace apical::ir;
using namespace apical::test;

MLIRContext &apical::test::context() {
  static MLIRContext context;
  context.loadDialect<ApicalDialect, arith::ArithDialect, math::MathDialect>();
  return context;
}

double apical::test::distance(const Field &a, const Field &b) {
  EXPECT_EQ(a.shape, b.shape);
  double greatest = 0, difference = 0;
  for (size_t i = 0; i < a.data.size() && i < b.data.size(); ++i) {
    greatest = std::max({greatest, std::abs(a.data[i]), std::abs(b.data[i])});
    difference = std::max(difference, std::abs(a.data[i] - b.data[i]));
  }
  return greatest == 0 ? 0 : difference / greatest;
}

std::vector<Reported> Network::run(llvm::StringMap<Field> &values) {
  HostClock clock;
  clock.samples = samples;
  clock.seed = 7;
  std::vector<Reported> results;
  Interpreter interpreter(step());
  EXPECT_TRUE(succeeded(interpreter.run(values, columns, {}, clock, results)));
  return results;
}

double Network::cost(llvm::StringMap<Field> &values) {
  double sum = 0;
  for (const Reported &reported : run(values))
    for (double value : reported.values)
      sum += value;
  return sum;
}

namespace {

/// Builds one network, drawing every choice from one generator.
class NetworkBuilder {
public:
  explicit NetworkBuilder(unsigned seed)
      : random(seed), b(&context()), loc(UnknownLoc::get(&context())) {}

  Network build() {
    network.module = ModuleOp::create(loc);
    network.samples = pick(1, 5);
    b.setInsertionPointToEnd(network.module->getBody());
    auto step = b.create<StepOp>(loc, "grad", DictionaryAttr());
    Block *block = b.createBlock(&step.getBody());
    int64_t size = pick(1, 6);
    Value rate = block->addArgument(type({-1, size}), loc);
    network.columns.push_back(randomField({network.samples, size}));

    for (int64_t layer = 0, layers = pick(1, 3); layer < layers; ++layer) {
      int64_t next = pick(1, 7);
      rate = unit(drive(rate, size, next, layer), next);
      size = next;
      if (pick(0, 3) == 0)
        rate = normalise(rate, size);
    }
    Value cost = total(rate, size);
    b.create<ReportOp>(loc, "cost", "cost", cost);
    Value one = splat(b, loc, type({-1}), 1.0);
    auto vjp = b.create<VjpOp>(loc, TypeRange(ValueRange(reads)), ValueRange(cost), ValueRange(one),
                               reads, ValueRange());
    for (auto [name, cotangent] : llvm::zip(network.parameters, vjp.getCotangents()))
      b.create<WriteOp>(loc, name + ".d", cotangent);
    return std::move(network);
  }

private:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  RankedTensorType type(SmallVector<int64_t> shape) {
    for (int64_t &size : shape)
      if (size == -1)
        size = ShapedType::kDynamic;
    return RankedTensorType::get(shape, b.getF32Type());
  }

  Field randomField(std::vector<int64_t> shape) {
    Field field(std::move(shape));
    std::normal_distribution<double> normal(0, 0.7);
    for (double &value : field.data)
      value = normal(random);
    return field;
  }

  Value parameter(const std::string &name, SmallVector<int64_t> shape) {
    OpBuilder::InsertionGuard guard(b);
    network.parameters.push_back(name);
    std::vector<int64_t> dims(shape.begin(), shape.end());
    network.states[name] = randomField(dims);
    network.states[name + ".d"] = Field(dims);
    b.setInsertionPointToStart(network.module->getBody());
    b.create<StateOp>(loc, name, type(shape), "weight");
    b.create<StateOp>(loc, name + ".d", type(shape), "lasting");
    b.setInsertionPointToEnd(&network.step().getBody().front());
    reads.push_back(b.create<ReadOp>(loc, type(shape), name));
    return reads.back();
  }

  AffineMap axes(unsigned count, SmallVector<unsigned> which) {
    return axesMap(&context(), count, which);
  }

  Value drive(Value pre, int64_t from, int64_t to, int64_t layer) {
    std::string name = "w" + std::to_string(layer);
    bool transposed = pick(0, 1);
    SmallVector<int64_t> shape{from, to};
    SmallVector<unsigned> at{1, 2};
    if (transposed) {
      std::swap(shape[0], shape[1]);
      std::swap(at[0], at[1]);
    }
    Value w = parameter(name, shape);
    bool bent = pick(0, 3) == 0; // a synapse that is not a product
    Value drive =
        lift(b, loc, {pre, w}, {-1, from, to}, {axes(3, {0, 1}), axes(3, at), axes(3, {0, 2})},
             {"sum"}, type({-1, to}), [&](OpBuilder &b, Location l, ValueRange x) {
               Value t = b.create<arith::MulFOp>(l, x[1], x[0]);
               if (bent)
                 t = b.create<math::SinOp>(l, t);
               return SmallVector<Value>{t};
             });
    if (pick(0, 1)) {
      Value bias = parameter("b" + std::to_string(layer), {to});
      drive =
          lift(b, loc, {drive, bias}, {-1, to}, {axes(2, {0, 1}), axes(2, {1}), axes(2, {0, 1})},
               {"none"}, type({-1, to}), [](OpBuilder &b, Location l, ValueRange x) {
                 return SmallVector<Value>{b.create<arith::AddFOp>(l, x[0], x[1])};
               });
    }
    return drive;
  }

  Value unit(Value drive, int64_t size) {
    int64_t kind = pick(0, 11);
    return pointwise(
        b, loc, drive, type({-1, size}), [&](OpBuilder &b, Location l, ValueRange x) -> Value {
          auto num = [&](double v) -> Value {
            return b.create<arith::ConstantOp>(l, b.getF32FloatAttr(static_cast<float>(v)));
          };
          Value v = x[0];
          switch (kind) {
          case 0:
            return b.create<math::TanhOp>(l, v);
          case 1: { // 1 / (1 + exp(-v))
            Value e = b.create<math::ExpOp>(l, b.create<arith::NegFOp>(l, v));
            return b.create<arith::DivFOp>(l, num(1), b.create<arith::AddFOp>(l, num(1), e));
          }
          case 2:
            return b.create<arith::MaximumFOp>(l, v, num(0));
          case 3: // softplus
            return b.create<math::Log1pOp>(l, b.create<math::ExpOp>(l, v));
          case 4: // exponential linear
          {
            Value above = b.create<arith::CmpFOp>(l, arith::CmpFPredicate::OGT, v, num(0));
            return b.create<arith::SelectOp>(l, above, v, b.create<math::ExpM1Op>(l, v));
          }
          case 5:
            return b.create<math::SqrtOp>(l, b.create<math::FmaOp>(l, v, v, num(0.5)));
          case 6:
            return b.create<arith::SubFOp>(l, b.create<math::AtanOp>(l, v),
                                           b.create<math::CosOp>(l, v));
          case 7:
            return b.create<math::PowFOp>(l, v, num(2));
          case 8: // |v| - max(v, -v) / 2, with a barrier that must not count
          {
            Value both = b.create<arith::MaximumFOp>(l, v, b.create<arith::NegFOp>(l, v));
            Value half = b.create<arith::MulFOp>(l, both, num(0.5));
            return b.create<arith::SubFOp>(l, b.create<math::AbsFOp>(l, v), half);
          }
          case 9: // whose derivatives have constants that single precision cannot hold
            return b.create<arith::AddFOp>(
                l, b.create<math::ErfOp>(l, v),
                b.create<math::Exp2Op>(l, b.create<arith::MulFOp>(l, v, num(-0.5))));
          case 10: {
            Value positive = b.create<math::FmaOp>(l, v, v, num(0.5));
            return b.create<arith::SubFOp>(l, b.create<math::Log2Op>(l, positive),
                                           b.create<math::Log10Op>(l, positive));
          }
          default:
            return v;
          }
        });
  }

  /// x - max x - log(sum(exp(x - max x))) over the units of a sample.
  Value normalise(Value x, int64_t size) {
    AffineMap all = axes(2, {0, 1}), each = axes(2, {0});
    Value peak = lift(b, loc, x, {-1, size}, {all, each}, {"max"}, type({-1}),
                      [](OpBuilder &, Location, ValueRange x) { return SmallVector<Value>{x[0]}; });
    Value sum = lift(b, loc, {x, peak}, {-1, size}, {all, each, each}, {"sum"}, type({-1}),
                     [](OpBuilder &b, Location l, ValueRange x) {
                       Value d = b.create<arith::SubFOp>(l, x[0], x[1]);
                       return SmallVector<Value>{b.create<math::ExpOp>(l, d)};
                     });
    return lift(b, loc, {x, peak, sum}, {-1, size}, {all, each, each, all}, {"none"},
                type({-1, size}), [](OpBuilder &b, Location l, ValueRange x) {
                  Value d = b.create<arith::SubFOp>(l, x[0], x[1]);
                  return SmallVector<Value>{
                      b.create<arith::SubFOp>(l, d, b.create<math::LogOp>(l, x[2]))};
                });
  }

  Value total(Value rate, int64_t size) {
    int64_t kind = pick(0, 2);
    Value noise = b.create<DrawOp>(loc, type({-1, size}), "normal", "target", true);
    StringRef combiner = kind == 2 ? "max" : "sum";
    return lift(b, loc, {rate, noise}, {-1, size}, {axes(2, {0, 1}), axes(2, {0, 1}), axes(2, {0})},
                {combiner}, type({-1}), [&](OpBuilder &b, Location l, ValueRange x) {
                  Value d = b.create<arith::SubFOp>(l, x[0], x[1]);
                  Value square = b.create<arith::MulFOp>(l, d, d);
                  if (kind == 0)
                    return SmallVector<Value>{square};
                  return SmallVector<Value>{b.create<arith::MulFOp>(l, x[0], x[1])};
                });
  }

  std::mt19937 random;
  OpBuilder b;
  Location loc;
  Network network;
  SmallVector<Value> reads;
};

} // namespace

Network apical::test::randomNetwork(unsigned seed) {
  Network network = NetworkBuilder(seed).build();
  return network;
}
