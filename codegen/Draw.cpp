//===- Draw.cpp - random numbers as linalg on tensors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block of Philox gives the numbers of four neighbouring elements. Where no
// block straddles two rows, the blocks of a row are computed side by side, one
// result per word, and then interleaved. Where halves of blocks do not, the same is
// done of halves, and else each element computes its block and takes one word of it.
//
//===----------------------------------------------------------------------===//

#include "codegen/Draw.h"

#include "ir/Random.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace apical {
namespace {

using Kind = utils::IteratorType;

/// Scalar code of one point.
struct Scalars {
  OpBuilder &b;
  Location loc;

  Value word(int64_t v) { return b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(v)); }
  Value number(double v) { return b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(v)); }
  Value add(Value x, Value y) {
    return isa<FloatType>(x.getType()) ? b.create<arith::AddFOp>(loc, x, y).getResult()
                                       : b.create<arith::AddIOp>(loc, x, y).getResult();
  }
  Value mul(Value x, Value y) {
    return isa<FloatType>(x.getType()) ? b.create<arith::MulFOp>(loc, x, y).getResult()
                                       : b.create<arith::MulIOp>(loc, x, y).getResult();
  }
  Value sub(Value x, Value y) { return b.create<arith::SubFOp>(loc, x, y); }
  Value fma(Value x, Value y, Value z) { return b.create<math::FmaOp>(loc, x, y, z); }
  Value absolute(Value x) { return b.create<math::AbsFOp>(loc, x); }
  Value mix(Value x, Value y) { return b.create<arith::XOrIOp>(loc, x, y); }
  Value low(Value x) { return b.create<arith::AndIOp>(loc, x, word(0xFFFFFFFFll)); }
  Value shift(Value x, int64_t by) { return b.create<arith::ShRUIOp>(loc, x, word(by)); }
  Value high(Value x) { return shift(x, 32); }
  Value is(Value x, int64_t v) {
    return b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, x, word(v));
  }
  Value select(Value c, Value x, Value y) { return b.create<arith::SelectOp>(loc, c, x, y); }
  Value index(unsigned loop) {
    return b.create<arith::IndexCastOp>(loc, b.getI64Type(), b.create<linalg::IndexOp>(loc, loop));
  }

  /// Philox4x32-10 with its words in 64-bit lanes: one multiplication each.
  SmallVector<Value> philox(Value block, Value trial, Value key) {
    SmallVector<Value> c{low(block), high(block), low(trial), high(trial)};
    Value k0 = low(key), k1 = high(key);
    Value m0 = word(0xD2511F53ll), m1 = word(0xCD9E8D57ll);
    Value w0 = word(0x9E3779B9ll), w1 = word(0xBB67AE85ll);
    for (int round = 0; round < 10; ++round) {
      Value p = mul(low(c[0]), m0), q = mul(low(c[2]), m1);
      c = {mix(mix(high(q), low(c[1])), k0), low(q), mix(mix(high(p), low(c[3])), k1), low(p)};
      k0 = low(add(k0, w0));
      k1 = low(add(k1, w1));
    }
    return c;
  }

  /// A word as a number in (0, 1).
  Value uniform(Value x) {
    Value bits = b.create<arith::TruncIOp>(loc, b.getI32Type(), shift(x, 9));
    Value f = b.create<arith::SIToFPOp>(loc, b.getF32Type(), bits);
    return mul(add(f, number(0.5)), number(0x1p-23));
  }

  /// sin(2 pi x) for |x| <= 1/4, to single precision.
  Value sineOfQuarter(Value x) {
    Value z = mul(x, x), sum = number(39.71110305082919);
    for (double c : {-76.57501878244055, 81.60223252742703, -41.341677501627665, 6.283185273906349})
      sum = fma(sum, z, number(c));
    return mul(sum, x);
  }

  Value radius(Value u) { // of Box and Muller
    return b.create<math::SqrtOp>(loc, mul(b.create<math::LogOp>(loc, u), number(-2)));
  }
  /// The angle 2 pi u as q = u - 1/2, which turns both signs.
  Value cosine(Value u) {
    Value q = absolute(sub(u, number(0.5)));
    return sineOfQuarter(sub(q, number(0.25)));
  }
  Value sine(Value u) {
    Value q = sub(number(0.5), u);
    Value folded = sub(number(0.25), absolute(sub(absolute(q), number(0.25))));
    return sineOfQuarter(b.create<math::CopySignOp>(loc, folded, q));
  }
};

linalg::GenericOp pointwise(OpBuilder &b, Location loc, ValueRange ins, ArrayRef<AffineMap> inMaps,
                            ValueRange outs,
                            llvm::function_ref<SmallVector<Value>(Scalars &, ValueRange)> body) {
  unsigned rank = cast<ShapedType>(outs[0].getType()).getRank();
  SmallVector<AffineMap> maps(inMaps);
  maps.append(outs.size(), b.getMultiDimIdentityMap(rank));
  return b.create<linalg::GenericOp>(loc, outs.getTypes(), ins, outs, maps,
                                     SmallVector<Kind>(rank, Kind::parallel),
                                     [&](OpBuilder &in, Location at, ValueRange args) {
                                       Scalars s{in, at};
                                       in.create<linalg::YieldOp>(at, body(s, args));
                                     });
}

Value emptyLike(OpBuilder &b, Location loc, Value tensor) {
  return b.create<tensor::EmptyOp>(loc, cast<ShapedType>(tensor.getType()).getShape(),
                                   b.getF32Type());
}

} // namespace

Value emitStreamKey(OpBuilder &b, Location loc, Value seed, StringRef stream) {
  Scalars s{b, loc};
  auto fold = [&](Value x, int64_t by) { return s.mix(x, s.shift(x, by)); };
  Value x = s.mix(seed, s.word((int64_t)ir::streamHash(stream)));
  for (int round = 0; round < 2; ++round) {
    x = s.add(x, s.word((int64_t)0x9E3779B97F4A7C15u));
    x = s.mul(fold(x, 30), s.word((int64_t)0xBF58476D1CE4E5B9u));
    x = s.mul(fold(x, 27), s.word((int64_t)0x94D049BB133111EBu));
    x = fold(x, 31);
  }
  return x;
}

SmallVector<int64_t> drawTile(ArrayRef<int64_t> shape, bool everyStep) {
  // A block per lane: those of 64 numbers keep a processor busy, and more code
  // takes long to compile. Tiles must fit; 16 columns are four lanes, so that a row
  // which only they divide is better taken whole, while it is short: where it is
  // drawn in every step, since other numbers of lanes are slow to compile.
  SmallVector<int64_t> tile(shape.size(), 1);
  for (int64_t columns : {16, 32, 64})
    if (!tile.empty() && shape.back() % columns == 0)
      tile.back() = columns;
  if (!tile.empty() && everyStep && tile.back() == 16 && shape.back() <= 128)
    tile.back() = shape.back();
  if (shape.size() > 1)
    for (int64_t rows = 1; rows * tile.back() <= 32 && shape[shape.size() - 2] % rows == 0;
         rows *= 2)
      tile[shape.size() - 2] = rows;
  return tile;
}

Value emitDraw(OpBuilder &b, ir::DrawOp draw, Value destination, const DrawInputs &inputs) {
  Location loc = draw.getLoc();
  auto logical = cast<RankedTensorType>(draw.getValue().getType());
  auto padded = cast<RankedTensorType>(destination.getType());
  unsigned rank = logical.getRank();
  bool normal = draw.getDistribution() == "normal";
  // Element number of the row's start, and what lies in memory beyond the draw.
  auto rowStart = [&](Scalars &s) {
    Value row = s.word(0);
    for (unsigned d = 0; d + 1 < rank; ++d) {
      if (d)
        row = s.mul(row, s.word(logical.getDimSize(d)));
      row = s.add(row, s.index(d));
    }
    return row;
  };
  auto masked = [&](OpBuilder &in, Location at, Value value) {
    for (unsigned d = 0; d < rank; ++d) {
      bool samples = logical.isDynamicDim(d);
      if (!samples && logical.getDimSize(d) == padded.getDimSize(d))
        continue;
      Value bound =
          samples ? inputs.count : in.create<arith::ConstantIndexOp>(at, logical.getDimSize(d));
      Value inside = in.create<arith::CmpIOp>(at, arith::CmpIPredicate::ult,
                                              in.create<linalg::IndexOp>(at, d), bound);
      Value zero = in.create<arith::ConstantOp>(at, in.getF32FloatAttr(0));
      value = in.create<arith::SelectOp>(at, inside, value, zero);
    }
    return value;
  };

  int64_t columns = rank ? logical.getShape().back() : 1;
  if (rank == 0 || logical.isDynamicDim(rank - 1) || (rank > 1 && columns % 2) ||
      padded.getShape().back() % 16) {
    auto generic = pointwise(b, loc, {}, {}, destination, [&](Scalars &s, ValueRange) {
      Value element = s.word(0);
      if (rank)
        element = s.add(s.mul(rowStart(s), s.word(rank > 1 ? columns : 0)), s.index(rank - 1));
      auto w = s.philox(s.shift(element, 2), inputs.trial, inputs.key);
      Value lane = s.b.create<arith::AndIOp>(loc, element, s.word(3));
      Value second = s.select(s.is(lane, 2), w[2], w[3]);
      if (normal) {
        Value late = s.b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::uge, lane, s.word(2));
        Value odd = s.is(s.b.create<arith::AndIOp>(loc, lane, s.word(1)), 1);
        Value u = s.uniform(s.select(late, w[2], w[0])), v = s.uniform(s.select(late, w[3], w[1]));
        Value value = s.mul(s.radius(u), s.select(odd, s.sine(v), s.cosine(v)));
        return SmallVector<Value>{masked(s.b, loc, value)};
      }
      Value first = s.select(s.is(lane, 0), w[0], s.select(s.is(lane, 1), w[1], second));
      return SmallVector<Value>{masked(s.b, loc, s.uniform(first))};
    });
    return generic.getResult(0);
  }

  // Numbers that are made together: those of a block, or of a half.
  int64_t together = rank > 1 && columns % 4 ? 2 : 4;
  SmallVector<int64_t> groups(padded.getShape());
  groups.back() /= together;
  SmallVector<Value> places;
  for (int64_t number = 0; number < together; ++number)
    places.push_back(b.create<tensor::EmptyOp>(loc, groups, b.getF32Type()));
  auto numbers = pointwise(b, loc, {}, {}, places, [&](Scalars &s, ValueRange) {
    Value block = s.index(rank - 1);
    if (rank > 1)
      block = s.add(s.mul(rowStart(s), s.word(columns / together)), block);
    Value late;
    if (together == 2) {
      late = s.is(s.b.create<arith::AndIOp>(loc, block, s.word(1)), 1);
      block = s.shift(block, 1);
    }
    SmallVector<Value> u = s.philox(block, inputs.trial, inputs.key);
    if (together == 2)
      u = {s.select(late, u[2], u[0]), s.select(late, u[3], u[1])};
    for (Value &word : u)
      word = s.uniform(word);
    for (int64_t pair = 0; normal && pair < together; pair += 2) {
      Value r = s.radius(u[pair]), angle = u[pair + 1];
      u[pair] = s.mul(r, s.cosine(angle));
      u[pair + 1] = s.mul(r, s.sine(angle));
    }
    return u;
  });
  SmallVector<AffineExpr> at;
  for (unsigned d = 0; d < rank; ++d)
    at.push_back(d + 1 < rank ? b.getAffineDimExpr(d) : b.getAffineDimExpr(d).floorDiv(together));
  bool pads = logical.getShape() != padded.getShape();
  auto joined =
      pointwise(b, loc, numbers.getResults(),
                SmallVector<AffineMap>(together, AffineMap::get(rank, 0, at, b.getContext())),
                pads ? emptyLike(b, loc, destination) : destination, [&](Scalars &s, ValueRange w) {
                  Value lane =
                      s.b.create<arith::AndIOp>(s.loc, s.index(rank - 1), s.word(together - 1));
                  Value value = w[together - 1];
                  for (int64_t k = together - 2; k >= 0; --k)
                    value = s.select(s.is(lane, k), w[k], value);
                  return SmallVector<Value>{value};
                });
  joined->setAttr("interleave", b.getUnitAttr()); // see Vectorize.cpp
  if (!pads)
    return joined.getResult(0);
  auto result = pointwise(
      b, loc, joined.getResults(), b.getMultiDimIdentityMap(rank), destination,
      [&](Scalars &s, ValueRange args) { return SmallVector<Value>{masked(s.b, s.loc, args[0])}; });
  return result.getResult(0);
}

} // namespace apical
