//===- Builders.cpp - short ways to make operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/Builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace apical::ir;

LiftOp apical::ir::liftOp(OpBuilder &builder, Location loc, ValueRange inputs,
                          ArrayRef<int64_t> sizes, ArrayRef<AffineMap> maps,
                          ArrayRef<StringRef> combiners, TypeRange results, BodyBuilder body) {
  auto op = builder.create<LiftOp>(loc, results, inputs, builder.getDenseI64ArrayAttr(sizes),
                                   builder.getAffineMapArrayAttr(maps),
                                   builder.getStrArrayAttr(combiners));
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types;
  for (Value input : inputs)
    types.push_back(bodyType(cast<RankedTensorType>(input.getType()).getElementType()));
  Block *block =
      builder.createBlock(&op.getBody(), {}, types, SmallVector<Location>(types.size(), loc));
  builder.create<YieldOp>(loc, body(builder, loc, block->getArguments()));
  return op;
}

Value apical::ir::lift(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<int64_t> sizes,
                       ArrayRef<AffineMap> maps, ArrayRef<StringRef> combiners, TypeRange results,
                       BodyBuilder body) {
  return liftOp(builder, loc, inputs, sizes, maps, combiners, results, body).getResult(0);
}

AffineMap apical::ir::axesMap(MLIRContext *context, unsigned numAxes, ArrayRef<unsigned> axes) {
  return AffineMap::getMultiDimMapWithTargets(numAxes, axes, context);
}

SmallVector<int64_t> apical::ir::domainSizes(RankedTensorType type) {
  SmallVector<int64_t> sizes(type.getShape());
  for (int64_t &size : sizes)
    if (ShapedType::isDynamic(size))
      size = -1;
  return sizes;
}

RankedTensorType apical::ir::fieldType(MLIRContext *context, ArrayRef<int64_t> sizes,
                                       AffineMap map) {
  SmallVector<int64_t> shape;
  for (AffineExpr expr : map.getResults()) {
    int64_t size = sizes[cast<AffineDimExpr>(expr).getPosition()];
    shape.push_back(size == -1 ? ShapedType::kDynamic : size);
  }
  return RankedTensorType::get(shape, Float32Type::get(context));
}

Value apical::ir::pointwise(OpBuilder &builder, Location loc, ValueRange inputs,
                            RankedTensorType type, ScalarBuilder body) {
  MLIRContext *context = builder.getContext();
  unsigned rank = type.getRank();
  AffineMap all = builder.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps;
  for (Value input : inputs) {
    bool number = cast<RankedTensorType>(input.getType()).getRank() == 0;
    maps.push_back(number ? AffineMap::get(rank, 0, context) : all);
  }
  maps.push_back(all);
  return lift(builder, loc, inputs, domainSizes(type), maps, {"none"}, TypeRange(type),
              [&](OpBuilder &b, Location l, ValueRange args) {
                return SmallVector<Value>{body(b, l, args)};
              });
}

Value apical::ir::unfold(OpBuilder &builder, Location loc, Value field, const Window &window) {
  auto type = cast<RankedTensorType>(field.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({window.tapsFirst ? window.taps() : window.positions(),
                window.tapsFirst ? window.positions() : window.taps()});
  return builder.create<UnfoldOp>(loc, RankedTensorType::get(shape, type.getElementType()), field,
                                  window.shape, window.kernel, window.stride, window.before,
                                  window.places, window.tapsFirst);
}

Value apical::ir::fold(OpBuilder &builder, Location loc, Value field, const Window &window) {
  auto type = cast<RankedTensorType>(field.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back(2));
  shape.push_back(window.units());
  return builder.create<FoldOp>(loc, RankedTensorType::get(shape, type.getElementType()), field,
                                window.shape, window.kernel, window.stride, window.before,
                                window.places, window.tapsFirst);
}

Window WindowOp::getWindow() {
  if (auto unfolding = dyn_cast<UnfoldOp>(getOperation()))
    return unfolding.getWindow();
  return cast<FoldOp>(getOperation()).getWindow();
}

Value WindowOp::again(OpBuilder &builder, Value field) {
  return (unfolds() ? unfold : fold)(builder, getLoc(), field, getWindow());
}

Value WindowOp::transposed(OpBuilder &builder, Value field) {
  return (unfolds() ? fold : unfold)(builder, getLoc(), field, getWindow());
}

Value apical::ir::splat(OpBuilder &builder, Location loc, RankedTensorType type, double value) {
  return pointwise(builder, loc, {}, type, [&](OpBuilder &b, Location l, ValueRange) -> Value {
    return b.create<arith::ConstantOp>(l, b.getF32FloatAttr(value));
  });
}

Value apical::ir::addFields(OpBuilder &builder, Location loc, Value a, Value b) {
  auto type = cast<RankedTensorType>(a.getType());
  return pointwise(builder, loc, {a, b}, type,
                   [](OpBuilder &b, Location l, ValueRange args) -> Value {
                     return b.create<arith::AddFOp>(l, args[0], args[1]);
                   });
}

std::optional<double> apical::ir::splatValue(Value field) {
  auto op = field.getDefiningOp<LiftOp>();
  if (!op || op.getNumResults() != 1 || op.reduces())
    return std::nullopt;
  auto constant = op.getYielded()[0].getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (auto value = dyn_cast<FloatAttr>(constant.getValue()))
    return value.getValueAsDouble();
  return std::nullopt;
}
