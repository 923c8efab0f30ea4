//===- Lifts.cpp - a lift as linalg on tensors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Lifts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace apical {

using Kind = utils::IteratorType;

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
  auto type = cast<MemRefType>(memory.getType());
  Value place = k.create<bufferization::ToTensorOp>(
      loc, RankedTensorType::get(type.getShape(), type.getElementType()), memory, true, true);
  Value turned = emitTranspose(k, loc, values.lookup(lift.getInputs()[rows]), place, 16);
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
    ins.push_back(value);
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
        for (auto [m, r] : llvm::enumerate(members))
          yields.push_back(padding.finish(in, lift, r, map.lookup(lift.getYielded()[r]),
                                          args[ins.size() + m], loopOfAxis, count));
        in.create<linalg::YieldOp>(at, yields);
      });
  for (auto [m, r] : llvm::enumerate(members))
    made[r] = generic.getResult(m);
  bool transposes = llvm::any_of(lift.getInputs(), [&](Value v) { return transposed.contains(v); });
  tiles.choose(generic, lift, root, transposes);
}

} // namespace apical
