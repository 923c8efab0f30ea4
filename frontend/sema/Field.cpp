//===- Field.cpp - values over samples, units and synapses ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Field.h"
#include "ir/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include <map>

namespace apical::sema {

Field Field::number(double value, Dimension dimension) {
  Field f;
  f.constant = value;
  f.dimension = dimension;
  f.dimension.any = value == 0 && dimension.none();
  return f;
}

void Field::needs(unsigned capability, Span at, bool backwards) {
  capabilities |= capability;
  for (const CapabilityRead &r : reads)
    if (r.capability == capability && r.at.file == at.file && r.at.begin == at.begin &&
        r.at.end == at.end)
      return;
  reads.push_back({capability, at, backwards});
}

void Field::inherit(const Field &other) {
  capabilities |= other.capabilities;
  readsForwardWeight |= other.readsForwardWeight;
  for (const CapabilityRead &r : other.reads)
    needs(r.capability, r.at, r.backwards);
}

int64_t Field::size(Axis axis) const {
  auto type = mlir::cast<mlir::RankedTensorType>(tensor.getType());
  for (auto [position, a] : llvm::enumerate(axes))
    if (a == axis)
      return type.getDimSize(position);
  return 1;
}

std::shared_ptr<const Field> Field::maskOfBoth(const Field &a, const Field &b) {
  if ((a.mask || a.constant == 0.0) && (b.mask || b.constant == 0.0))
    return a.mask ? a.mask : b.mask;
  return nullptr;
}

Field Field::as(Axis from, Axis to) const {
  Field f = *this;
  for (Axis &a : f.axes)
    if (a == from)
      a = to;
  if (mask && mask->has(from)) // that is said of the synapses of one connection
    f.mask = nullptr;
  return f;
}

std::string describe(const Field &f) {
  std::string text;
  for (Axis a : f.axes) {
    if (a == Axis::Sample)
      continue;
    text += (text.empty() ? "" : " x ") + std::to_string(f.size(a));
  }
  if (text.empty())
    return f.has(Axis::Sample) ? "one number per sample" : "one number";
  text = text == "1" ? "an array of one number" : text + " numbers";
  return text + (f.has(Axis::Sample) ? " per sample" : "");
}

std::optional<Axis> FieldBuilder::conflict(llvm::ArrayRef<Field> fields) {
  std::map<Axis, int64_t> sizes;
  for (const Field &f : fields)
    for (Axis a : f.axes)
      if (!f.constant && sizes.try_emplace(a, f.size(a)).first->second != f.size(a))
        return a;
  return std::nullopt;
}

static Extent unionOf(llvm::ArrayRef<Field> fields,
                      llvm::ArrayRef<std::pair<Axis, int64_t>> more = {}) {
  std::map<Axis, int64_t> sizes(more.begin(), more.end());
  for (const Field &f : fields)
    for (Axis a : f.axes)
      if (!f.constant)
        sizes.try_emplace(a, f.size(a));
  return Extent(sizes.begin(), sizes.end());
}

Field FieldBuilder::lift(mlir::Location loc, llvm::ArrayRef<Field> inputs,
                         llvm::ArrayRef<std::pair<Axis, int64_t>> domain,
                         llvm::ArrayRef<Axis> reduced, llvm::StringRef combiner, const Body &body) {
  mlir::MLIRContext *context = builder.getContext();
  auto f32 = builder.getF32Type();
  llvm::SmallVector<int64_t> sizes;
  for (auto [axis, size] : domain)
    sizes.push_back(mlir::ShapedType::isDynamic(size) ? -1 : size);
  auto mapOf = [&](llvm::ArrayRef<Axis> axes) {
    llvm::SmallVector<mlir::AffineExpr> results;
    for (Axis a : axes)
      for (auto [position, d] : llvm::enumerate(domain))
        if (d.first == a)
          results.push_back(mlir::getAffineDimExpr(position, context));
    return mlir::AffineMap::get(domain.size(), 0, results, context);
  };
  Field result;
  llvm::SmallVector<int64_t> shape;
  bool reduces = false;
  for (auto [axis, size] : domain) {
    if (llvm::is_contained(reduced, axis)) {
      reduces = true;
      continue;
    }
    result.axes.push_back(axis);
    shape.push_back(size);
  }
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<mlir::AffineMap> maps;
  for (const Field &f : inputs) {
    result.inherit(f);
    if (f.constant)
      continue;
    operands.push_back(f.tensor);
    maps.push_back(mapOf(f.axes));
  }
  maps.push_back(mapOf(result.axes));
  llvm::StringRef kind = reduces ? combiner : "none";
  auto op = builder.create<ir::LiftOp>(
      loc, mlir::TypeRange{mlir::RankedTensorType::get(shape, f32)}, operands,
      builder.getDenseI64ArrayAttr(sizes), builder.getAffineMapArrayAttr(maps),
      builder.getStrArrayAttr({kind}));
  mlir::Block &block = op.getBody().emplaceBlock();
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockBegin(&block);
  llvm::SmallVector<mlir::Value> args;
  for (const Field &f : inputs) {
    if (f.constant) {
      args.push_back(
          inner.create<mlir::arith::ConstantOp>(loc, inner.getF32FloatAttr(*f.constant)));
      continue;
    }
    mlir::Type type = mlir::cast<mlir::RankedTensorType>(f.tensor.getType()).getElementType();
    mlir::Value arg = block.addArgument(type, loc);
    // Columns of bytes are unsigned in every format that has them.
    if (type.isInteger(8))
      arg = inner.create<mlir::arith::UIToFPOp>(loc, f32, arg);
    else if (type.isInteger())
      arg = inner.create<mlir::arith::SIToFPOp>(loc, f32, arg);
    else if (type.isF64())
      arg = inner.create<mlir::arith::TruncFOp>(loc, f32, arg);
    args.push_back(arg);
  }
  inner.create<ir::YieldOp>(loc, mlir::ValueRange{body(inner, loc, args)});
  result.tensor = op.getResult(0);
  return result;
}

Field FieldBuilder::map(mlir::Location loc, llvm::ArrayRef<Field> inputs, const Body &body) {
  return lift(loc, inputs, unionOf(inputs), {}, "none", body);
}

Field FieldBuilder::reduce(mlir::Location loc, const Field &field, llvm::ArrayRef<Axis> over,
                           llvm::StringRef combiner) {
  if (llvm::none_of(over, [&](Axis a) { return !field.constant && field.has(a); }))
    return field;
  Field result;
  auto producer = field.tensor.getDefiningOp<ir::LiftOp>();
  bool fresh = !field.variable && producer && producer->use_empty() &&
               producer->getNumResults() == 1 &&
               mlir::cast<mlir::StringAttr>(producer.getCombiners()[0]).getValue() == "none";
  if (!fresh) {
    result =
        lift(loc, {field}, unionOf({field}), over, combiner,
             [](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> a) { return a[0]; });
  } else {
    // The same body, collected into a smaller result.
    llvm::SmallVector<mlir::AffineExpr> kept;
    llvm::SmallVector<int64_t> shape;
    for (auto [position, axis] : llvm::enumerate(field.axes)) {
      if (llvm::is_contained(over, axis))
        continue;
      kept.push_back(mlir::getAffineDimExpr(position, builder.getContext()));
      shape.push_back(field.size(axis));
      result.axes.push_back(axis);
    }
    llvm::SmallVector<mlir::AffineMap> maps(llvm::map_range(
        producer.getMaps().getAsValueRange<mlir::AffineMapAttr>(), [](auto m) { return m; }));
    maps.back() = mlir::AffineMap::get(field.axes.size(), 0, kept, builder.getContext());
    auto op = builder.create<ir::LiftOp>(
        loc, mlir::TypeRange{mlir::RankedTensorType::get(shape, builder.getF32Type())},
        producer.getInputs(), producer.getSizesAttr(), builder.getAffineMapArrayAttr(maps),
        builder.getStrArrayAttr({combiner}));
    // Cloned, not moved: the elementwise value may be read again. If it is not, it is dead code.
    mlir::IRMapping mapping;
    producer.getBody().cloneInto(&op.getBody(), mapping);
    result.tensor = op.getResult(0);
  }
  result.dimension = field.dimension;
  result.inherit(field);
  return result;
}

Field FieldBuilder::broadcast(mlir::Location loc, const Field &field,
                              llvm::ArrayRef<std::pair<Axis, int64_t>> extent) {
  Extent whole = unionOf({field}, extent);
  if (!field.constant && field.axes.size() == whole.size())
    return field;
  Field result =
      lift(loc, {field}, whole, {}, "none",
           [](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> a) { return a[0]; });
  result.dimension = field.dimension;
  return result;
}

Field FieldBuilder::rank(mlir::Location loc, const Field &field, Axis axis) {
  Field numbers = field;
  if (!mlir::cast<mlir::RankedTensorType>(field.tensor.getType()).getElementType().isF32())
    numbers =
        map(loc, {field}, // a column of the data, in the type of the file
            [](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> a) { return a[0]; });
  Field result;
  result.axes = field.axes;
  result.inherit(field);
  int64_t position = llvm::find(field.axes, axis) - field.axes.begin();
  result.tensor = builder.create<ir::RankOp>(loc, numbers.tensor.getType(), numbers.tensor,
                                             builder.getI64IntegerAttr(position));
  return result;
}

Field FieldBuilder::inOrder(mlir::Location loc, const Field &field, llvm::ArrayRef<Axis> last) {
  auto type = mlir::cast<mlir::RankedTensorType>(field.tensor.getType());
  if (type.getElementType().isF32() &&
      llvm::ArrayRef<Axis>(field.axes).take_back(last.size()) == last)
    return field;
  return map(loc, {field},
             [](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> a) { return a[0]; });
}

Field FieldBuilder::unfold(mlir::Location loc, const Field &field, const ir::Window &window,
                           Axis place, Axis tap) {
  Field f = inOrder(loc, field, {Axis::Unit});
  f.dimension = field.dimension;
  f.tensor = ir::unfold(builder, loc, f.tensor, window);
  f.axes.pop_back();
  f.axes.append(window.tapsFirst ? std::initializer_list<Axis>{tap, place}
                                 : std::initializer_list<Axis>{place, tap});
  f.variable = f.signal = false;
  return f;
}

Field FieldBuilder::fold(mlir::Location loc, const Field &field, const ir::Window &window,
                         Axis place, Axis tap) {
  Field f = inOrder(loc, field, {place, tap});
  f.dimension = field.dimension;
  f.tensor = ir::fold(builder, loc, f.tensor, window);
  f.axes.pop_back_n(2);
  f.axes.push_back(Axis::Unit);
  f.variable = f.signal = false;
  return f;
}

Field FieldBuilder::index(mlir::Location loc, Axis axis, int64_t size) {
  return lift(loc, {}, {{axis, size}}, {}, "none",
              [](mlir::OpBuilder &b, mlir::Location l, llvm::ArrayRef<mlir::Value>) -> mlir::Value {
                return b.create<ir::IndexOp>(l, b.getF32Type(), b.getI64IntegerAttr(0));
              });
}

} // namespace apical::sema
