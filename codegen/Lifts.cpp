//===- Lifts.cpp - a lift as linalg on tensors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Lifts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace apical {

using Kind = utils::IteratorType;

/// Memory that nothing else of the kernel aliases, as a tensor.
static Value tensorOf(OpBuilder &k, Location loc, Value memory, bool written) {
  auto type = cast<MemRefType>(memory.getType());
  return k.create<bufferization::ToTensorOp>(
      loc, RankedTensorType::get(type.getShape(), type.getElementType()), memory, true, written);
}

/// Memory with samples and places as one axis.
static Value withRows(OpBuilder &k, Value memory) {
  return k.create<memref::CollapseShapeOp>(memory.getLoc(), memory,
                                           ArrayRef<ReassociationIndices>{{0, 1}, {2}});
}

bool Lifts::contractsRows(ir::LiftOp lift) const {
  if (layout.paddedBatch < 16 || lift.getNumResults() != 1 || lift.getInputs().size() != 2 ||
      lift.getSizes().size() != 3 || !isSampleAxis(lift.getSizes()[0]) || !lift.isContraction())
    return false;
  AffineMap result = lift.getResultMap(0);
  if (result.getNumResults() != 2 || result.getDimPosition(0) != 0)
    return false;
  unsigned n = result.getDimPosition(1), sum = 3 - n;
  auto is = [&](unsigned operand, unsigned first) {
    AffineMap map = lift.getInputMap(operand);
    return map.getNumResults() == 2 && map.getDimPosition(0) == first &&
           map.getDimPosition(1) == sum;
  };
  return (is(0, 0) && is(1, n)) || (is(1, 0) && is(0, n));
}

unsigned Lifts::rowsOperand(ir::LiftOp lift) const {
  return lift.getInputMap(0).getDimPosition(0) == 0 ? 0 : 1;
}

Value Lifts::emitTranspose(OpBuilder &k, Location loc, Value from, Value to, int64_t tile) {
  MLIRContext *context = k.getContext();
  AffineExpr m = getAffineDimExpr(0, context), n = getAffineDimExpr(1, context);
  auto generic = k.create<linalg::GenericOp>(
      loc, to.getType(), from, to,
      ArrayRef<AffineMap>{AffineMap::get(2, 0, {n, m}, context),
                          AffineMap::get(2, 0, {m, n}, context)},
      SmallVector<Kind>(2, Kind::parallel),
      [](OpBuilder &in, Location at, ValueRange args) { in.create<linalg::YieldOp>(at, args[0]); });
  generic->setAttr("tile", k.getDenseI64ArrayAttr({tile, tile}));
  if (machine.parallel && cast<ShapedType>(to.getType()).getNumElements() >= 1 << 17)
    generic->setAttr("par", k.getDenseI64ArrayAttr({0, tile}));
  return generic.getResult(0);
}

Value Lifts::emitContractedRows(OpBuilder &k, ir::LiftOp lift, DenseMap<Value, Value> &values,
                                Value memory, Value count, Value destination) {
  Location loc = lift.getLoc();
  MLIRContext *context = k.getContext();
  unsigned rows = rowsOperand(lift), n = lift.getResultMap(0).getDimPosition(1), sum = 3 - n;
  Value turned = emitTranspose(k, loc, values.lookup(lift.getInputs()[rows]),
                               tensorOf(k, loc, memory, true), 16);
  Value weights = values.lookup(lift.getInputs()[1 - rows]);
  RankedTensorType result = layout.tensor(typeOf(lift.getResult(0)));
  Value out = k.create<tensor::EmptyOp>(
      loc, ArrayRef<int64_t>{result.getDimSize(1), result.getDimSize(0)}, k.getF32Type());
  out = k.create<linalg::FillOp>(loc, number(k, loc, 0), out).getResult(0);
  SmallVector<unsigned> loopOfAxis(3);
  loopOfAxis[n] = 0;
  loopOfAxis[0] = 1;
  loopOfAxis[sum] = 2;
  AffineExpr i = getAffineDimExpr(0, context), s = getAffineDimExpr(1, context),
             c = getAffineDimExpr(2, context);
  auto generic = k.create<linalg::GenericOp>(
      loc, out.getType(), ValueRange{weights, turned}, out,
      ArrayRef<AffineMap>{AffineMap::get(3, 0, {i, c}, context),
                          AffineMap::get(3, 0, {c, s}, context),
                          AffineMap::get(3, 0, {i, s}, context)},
      ArrayRef<Kind>{Kind::parallel, Kind::parallel, Kind::reduction},
      [&](OpBuilder &in, Location at, ValueRange args) {
        Value product = in.create<arith::MulFOp>(at, args[0], args[1]);
        in.create<linalg::YieldOp>(
            at, padding.finish(in, lift, 0, product, args[2], loopOfAxis, count));
      });
  generic->setAttr("ktile", k.getI64IntegerAttr(4));
  if (destination)
    return emitTranspose(k, loc, generic.getResult(0), destination, 16);
  transposed.insert(lift.getResult(0));
  return generic.getResult(0);
}

bool Lifts::sweepsPlaces(ir::LiftOp lift) const {
  if (lift.getNumResults() != 1 || lift.getInputs().size() != 2 || lift.getSizes().size() != 4 ||
      !isSampleAxis(lift.getSizes()[0]) || layout.paddedBatch == 1 || !lift.isContraction())
    return false;
  bool null = false, tame = true;
  unsigned swept = 0;
  for (unsigned i = 0; i < 3; ++i) {
    AffineMap map = i < 2 ? lift.getInputMap(i) : lift.getResultMap(0);
    bool rows = map.isFunctionOfDim(0);
    if (rows != map.isFunctionOfDim(1) || map.getNumResults() != (rows ? 3 : 2) ||
        (rows && (map.getDimPosition(0) != 0 || map.getDimPosition(1) != 1)))
      return false;
    swept += rows;
    if (i < 2 && rows) {
      null |= padding.hasNullRows(lift.getInputs()[i]);
      tame &= !padding.hasWildRows(lift.getInputs()[i]);
    }
  }
  return swept == 2 && null && tame;
}

std::optional<unsigned> Lifts::turnedWeights(ir::LiftOp lift) const {
  AffineMap result = lift.getResultMap(0);
  if (!result.isFunctionOfDim(0))
    return std::nullopt;
  unsigned weights = lift.getInputMap(0).isFunctionOfDim(0) ? 1 : 0;
  bool across = lift.getInputMap(weights).getDimPosition(1) != result.getDimPosition(2);
  return across ? std::optional(weights) : std::nullopt;
}

Value Lifts::inShapeOf(OpBuilder &k, Value memory, Value result) const {
  if (cast<ShapedType>(memory.getType()).getRank() == cast<ShapedType>(result.getType()).getRank())
    return memory;
  return withRows(k, memory);
}

/// A tensor that is memory, with samples and places as one axis.
static Value rowsOf(OpBuilder &k, Value tensor, bool written) {
  Value memory = tensor.getDefiningOp<bufferization::ToTensorOp>().getMemref();
  return tensorOf(k, tensor.getLoc(), withRows(k, memory), written);
}

Value Lifts::emitOverPlaces(OpBuilder &k, ir::LiftOp lift, DenseMap<Value, Value> &values,
                            Value memory, Value destination) {
  Location loc = lift.getLoc();
  MLIRContext *context = k.getContext();
  AffineMap result = lift.getResultMap(0);
  bool rows = result.isFunctionOfDim(0);
  std::optional<unsigned> across = turnedWeights(lift);
  // The factor that varies along the rows of the tile comes first.
  AffineExpr i = getAffineDimExpr(0, context), j = getAffineDimExpr(1, context),
             c = getAffineDimExpr(2, context);
  unsigned first =
      rows ? (lift.getInputMap(0).isFunctionOfDim(0) ? 0 : 1)
           : (lift.getInputMap(0).getDimPosition(2) == result.getDimPosition(0) ? 0 : 1);
  auto operand = [&](unsigned n) {
    Value value = values.lookup(lift.getInputs()[n]);
    return lift.getInputMap(n).isFunctionOfDim(0) ? rowsOf(k, value, false) : value;
  };
  Value a = operand(first), b = operand(1 - first);
  Value place = memory ? tensorOf(k, loc, memory, true) : Value();
  if (across)
    b = emitTranspose(k, loc, b, place, 16);
  SmallVector<AffineMap> maps{
      AffineMap::get(3, 0, rows ? ArrayRef<AffineExpr>{i, c} : ArrayRef<AffineExpr>{c, i}, context),
      AffineMap::get(3, 0, {c, j}, context), AffineMap::get(3, 0, {i, j}, context)};
  Value target = rows ? rowsOf(k, destination, true) : destination ? destination : place;
  auto fill = k.create<linalg::FillOp>(loc, number(k, loc, 0), target);
  Value out = fill.getResult(0);
  auto generic = k.create<linalg::GenericOp>(
      loc, out.getType(), ValueRange{a, b}, out, maps,
      ArrayRef<Kind>{Kind::parallel, Kind::parallel, Kind::reduction},
      [&](OpBuilder &in, Location at, ValueRange args) {
        Value product = in.create<arith::MulFOp>(at, args[0], args[1]);
        in.create<linalg::YieldOp>(at, in.create<arith::AddFOp>(at, args[2], product).getResult());
      });
  if (rows)
    padding.setNullRows(lift.getResult(0));
  tiles.choose(generic, lift, true, false);
  if (!rows)
    tiles.sumInBlocks(generic, fill);
  return generic.getResult(0);
}

/// An operation of a body, for one point.
static void cloneScalar(OpBuilder &in, Operation &op, IRMapping &map,
                        ArrayRef<unsigned> loopOfAxis) {
  Location loc = op.getLoc();
  if (auto index = dyn_cast<ir::IndexOp>(op)) {
    Value i = in.create<linalg::IndexOp>(loc, loopOfAxis[index.getAxis()]);
    Value n = in.create<arith::IndexCastOp>(loc, in.getI32Type(), i);
    map.map(index.getResult(), in.create<arith::SIToFPOp>(loc, in.getF32Type(), n).getResult());
  } else if (auto stop = dyn_cast<ir::StopOp>(op)) {
    map.map(stop.getResult(), map.lookupOrDefault(stop.getOperand()));
  } else {
    in.clone(op, map);
  }
}

/// Does a value of the body depend on an operand that has axes?
static bool readsFields(Value yielded, ir::LiftOp lift) {
  SmallVector<Value> work{yielded};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(v)) {
      if (lift.getInputMap(argument.getArgNumber()).getNumResults() > 0)
        return true;
    } else {
      work.append(v.getDefiningOp()->operand_begin(), v.getDefiningOp()->operand_end());
    }
  }
  return false;
}

SmallVector<Value> Lifts::emit(OpBuilder &k, ir::LiftOp lift, DenseMap<Value, Value> &values,
                               ArrayRef<Value> destinations, Value count, bool root) {
  SmallVector<Value> made(lift.getNumResults());
  for (unsigned r = 0; r < lift.getNumResults(); ++r) {
    if (made[r])
      continue;
    auto axes = [&](unsigned q) {
      llvm::SmallBitVector used(lift.getSizes().size());
      for (AffineExpr e : lift.getResultMap(q).getResults())
        used.set(cast<AffineDimExpr>(e).getPosition());
      return used;
    };
    SmallVector<unsigned> members;
    for (unsigned q = r; q < lift.getNumResults(); ++q)
      if (!made[q] && axes(q) == axes(r))
        members.push_back(q);
    emitGeneric(k, lift, members, values, destinations, count, root, made);
  }
  return made;
}

/// Axes that are summed, and contiguous for no operand: what pads them is left
/// out, which is most of a few elements.
llvm::SmallBitVector Lifts::shortSums(ir::LiftOp lift, unsigned result) const {
  ArrayRef<int64_t> sizes = lift.getSizes();
  llvm::SmallBitVector cut(sizes.size());
  for (unsigned axis = 0; axis < sizes.size(); ++axis) {
    if (isSampleAxis(sizes[axis]) || layout.paddedSize(sizes[axis]) == sizes[axis] ||
        lift.getResultMap(result).isFunctionOfDim(axis))
      continue;
    bool covered = false, apart = true;
    for (auto [i, input] : llvm::enumerate(lift.getInputs())) {
      AffineMap map = lift.getInputMap(i);
      if (!map.isFunctionOfDim(axis))
        continue;
      covered = true;
      apart &= map.getDimPosition(map.getNumResults() - 1) != axis && !transposed.contains(input);
    }
    if (covered && apart)
      cut.set(axis);
  }
  return cut;
}

/// The operand without what pads such axes.
Value Lifts::cutOff(OpBuilder &k, Value value, ir::LiftOp lift, unsigned operand,
                    const llvm::SmallBitVector &cut) const {
  AffineMap map = lift.getInputMap(operand);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> offset(type.getRank(), k.getIndexAttr(0)),
      stride(type.getRank(), k.getIndexAttr(1)), sizes;
  bool shorter = false;
  for (unsigned d = 0; d < type.getRank(); ++d) {
    bool cuts = cut.test(map.getDimPosition(d));
    shorter |= cuts;
    sizes.push_back(
        k.getIndexAttr(cuts ? lift.getSizes()[map.getDimPosition(d)] : type.getDimSize(d)));
  }
  return shorter ? k.create<tensor::ExtractSliceOp>(lift.getLoc(), value, offset, sizes, stride)
                 : value;
}

void Lifts::emitGeneric(OpBuilder &k, ir::LiftOp lift, ArrayRef<unsigned> members,
                        DenseMap<Value, Value> &values, ArrayRef<Value> destinations, Value count,
                        bool root, SmallVector<Value> &made) {
  Location loc = lift.getLoc();
  MLIRContext *context = k.getContext();
  unsigned rank = lift.getSizes().size();
  // Loops: the axes of the result in its order, then what is reduced.
  SmallVector<unsigned> axisOfLoop, loopOfAxis(rank, ~0u);
  for (AffineExpr e : lift.getResultMap(members[0]).getResults())
    axisOfLoop.push_back(cast<AffineDimExpr>(e).getPosition());
  unsigned parallel = axisOfLoop.size();
  for (unsigned axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axisOfLoop, axis))
      axisOfLoop.push_back(axis);
  // A sum over rows adds whole vectors: its loop is the outer one.
  bool sumsRows = rank == 2 && parallel == 1 && !lift.getInputs().empty() &&
                  llvm::all_of(lift.getInputs(), [&](Value input) {
                    AffineMap map = lift.getInputMap(llvm::find(lift.getInputs(), input) -
                                                     lift.getInputs().begin());
                    return map.getNumResults() == 0 ||
                           map.getDimPosition(map.getNumResults() - 1) == axisOfLoop[0];
                  });
  if (sumsRows)
    std::swap(axisOfLoop[0], axisOfLoop[1]);
  for (auto [loop, axis] : llvm::enumerate(axisOfLoop))
    loopOfAxis[axis] = loop;
  auto remap = [&](AffineMap map) {
    SmallVector<AffineExpr> exprs;
    for (AffineExpr e : map.getResults())
      exprs.push_back(getAffineDimExpr(loopOfAxis[cast<AffineDimExpr>(e).getPosition()], context));
    return AffineMap::get(rank, 0, exprs, context);
  };
  SmallVector<Value> ins, outs;
  SmallVector<unsigned> inOperand;
  SmallVector<AffineMap> maps;
  SmallVector<Value> scalarOf(lift.getInputs().size());
  SmallVector<int> outOf(lift.getInputs().size(), -1);
  llvm::SmallBitVector covered(rank);
  auto cover = [&](AffineMap map) {
    for (AffineExpr e : map.getResults())
      covered.set(cast<AffineDimExpr>(e).getPosition());
  };
  bool reduces = parallel < rank;
  llvm::SmallBitVector cut = shortSums(lift, members[0]);
  for (auto [i, input] : llvm::enumerate(lift.getInputs())) {
    Value value = values.lookup(input);
    if (isScalar(input)) {
      scalarOf[i] = value.getType().isF32() || !isa<TensorType>(value.getType())
                        ? value
                        : k.create<tensor::ExtractOp>(loc, value, ValueRange{}).getResult();
      continue;
    }
    // The old value of what is written in place is the output's own element.
    if (!reduces && !destinations.empty())
      for (auto [m, r] : llvm::enumerate(members))
        if (destinations[r] == value && lift.getInputMap(i) == lift.getResultMap(r))
          outOf[i] = m;
    if (outOf[i] >= 0)
      continue;
    ins.push_back(cutOff(k, value, lift, i, cut));
    inOperand.push_back(i);
    AffineMap map = lift.getInputMap(i);
    if (transposed.contains(input))
      map = AffineMap::get(rank, 0, {map.getResult(1), map.getResult(0)}, context);
    maps.push_back(remap(map));
    cover(maps.back());
  }
  for (unsigned r : members) {
    AffineMap map = remap(lift.getResultMap(r));
    cover(map);
  }
  unsigned real = ins.size();
  for (unsigned loop = 0; loop < rank; ++loop)
    if (!covered.test(loop)) {
      int64_t size = layout.paddedSize(lift.getSizes()[axisOfLoop[loop]]);
      ins.push_back(k.create<tensor::EmptyOp>(loc, ArrayRef<int64_t>{size}, k.getF32Type()));
      maps.push_back(AffineMap::get(rank, 0, getAffineDimExpr(loop, context)));
    }
  for (unsigned r : members) {
    RankedTensorType type = layout.tensor(typeOf(lift.getResult(r)));
    Value out = destinations.empty()
                    ? k.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType())
                    : destinations[r];
    if (reduces) {
      double identity = identityOf(lift.getCombiner(r));
      auto fill = k.create<linalg::FillOp>(loc, number(k, loc, identity), out);
      out = fill.getResult(0);
    }
    outs.push_back(out);
    maps.push_back(remap(lift.getResultMap(r)));
  }
  SmallVector<Kind> kinds(parallel, Kind::parallel);
  kinds.resize(rank, Kind::reduction);
  if (sumsRows)
    std::swap(kinds[0], kinds[1]);
  auto generic = k.create<linalg::GenericOp>(
      loc, ValueRange(outs).getTypes(), ins, outs, maps, kinds,
      [&](OpBuilder &in, Location at, ValueRange args) {
        IRMapping map;
        for (auto [i, operand] : llvm::enumerate(inOperand))
          map.map(lift.getBlock().getArgument(operand), args[i]);
        for (unsigned i = 0; i < scalarOf.size(); ++i) {
          if (scalarOf[i])
            map.map(lift.getBlock().getArgument(i), scalarOf[i]);
          if (outOf[i] >= 0)
            map.map(lift.getBlock().getArgument(i), args[ins.size() + outOf[i]]);
        }
        for (Operation &op : lift.getBlock().without_terminator())
          cloneScalar(in, op, map, loopOfAxis);
        // The factor that varies along the rows of the tile comes first: the
        // other order accumulates the transposed tile and shuffles it back.
        if (lift.isContraction() && parallel >= 2 && real == 2) {
          unsigned row = parallel - 2;
          auto product = map.lookup(lift.getYielded()[0]).getDefiningOp<arith::MulFOp>();
          if (product && product.getLhs() == args[1] && product.getRhs() == args[0] &&
              maps[0].isFunctionOfDim(row))
            product->setOperands({args[0], args[1]});
          else if (product && product.getLhs() == args[0] && product.getRhs() == args[1] &&
                   maps[1].isFunctionOfDim(row))
            product->setOperands({args[1], args[0]});
        }
        SmallVector<Value> yields;
        for (auto [m, r] : llvm::enumerate(members)) {
          Value term = map.lookup(lift.getYielded()[r]);
          // MLIR makes a vector over all loops of what is read, and reduces no other: of a number or the index of
          // the last loop, the index of the first makes one. The condition always holds.
          if (reduces && rank > 1 && !readsFields(lift.getYielded()[r], lift)) {
            int64_t size = layout.paddedSize(lift.getSizes()[axisOfLoop[0]]);
            Value all = in.create<arith::ConstantIndexOp>(at, size);
            Value first = in.create<linalg::IndexOp>(at, 0);
            Value always = in.create<arith::CmpIOp>(at, arith::CmpIPredicate::ult, first, all);
            term = in.create<arith::SelectOp>(at, always, term,
                                              number(in, at, identityOf(lift.getCombiner(r))));
          }
          yields.push_back(
              padding.finish(in, lift, r, term, args[ins.size() + m], loopOfAxis, count, cut));
        }
        in.create<linalg::YieldOp>(at, yields);
      });
  for (auto [m, r] : llvm::enumerate(members))
    made[r] = generic.getResult(m);
  bool transposes = llvm::any_of(lift.getInputs(), [&](Value v) { return transposed.contains(v); });
  tiles.choose(generic, lift, root, transposes);
  if (lift.isContraction() && parallel == 2 && rank == 3)
    generic->setAttr("columns", k.getI64IntegerAttr(lift.getSizes()[axisOfLoop[1]]));
  if (cut.any()) { // what is summed per tile must go into it
    int64_t size = generic.getStaticLoopRanges().back(), piece = 4;
    while (size % piece)
      --piece;
    generic->setAttr("ktile", k.getI64IntegerAttr(piece));
  }
}

} // namespace apical
