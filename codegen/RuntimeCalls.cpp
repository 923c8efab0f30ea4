//===- RuntimeCalls.cpp - what the runtime computes of a step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/RuntimeCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace apical {

/// States and temporaries begin at their first element.
static SmallVector<int64_t> stridesOf(Value memory) {
  return getStridesAndOffset(cast<MemRefType>(memory.getType())).first;
}

static Value pointerTo(OpBuilder &k, Location loc, Value memory, Value offset = {}) {
  Value address = k.create<memref::ExtractAlignedPointerAsIndexOp>(loc, memory);
  if (offset) {
    Value width = k.create<arith::ConstantIndexOp>(loc, sizeof(float));
    address = k.create<arith::AddIOp>(loc, address, k.create<arith::MulIOp>(loc, offset, width));
  }
  return k.create<LLVM::IntToPtrOp>(loc, LLVM::LLVMPointerType::get(k.getContext()),
                                    k.create<arith::IndexCastOp>(loc, k.getI64Type(), address));
}

static Value whole(OpBuilder &k, Location loc, int64_t number) {
  return k.create<arith::ConstantOp>(loc, k.getI64IntegerAttr(number));
}

static std::string named(StringRef what, ArrayRef<int64_t> numbers) {
  std::string name = what.str();
  for (int64_t n : numbers)
    name += "_" + std::to_string(n);
  return name;
}

void RuntimeCalls::declare(StringRef name, unsigned pointers, unsigned numbers) {
  if (kernels.lookupSymbol(name))
    return;
  OpBuilder top(kernels.getBodyRegion());
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(kernels.getContext()));
  types.append(numbers, top.getI64Type());
  auto nothing = LLVM::LLVMVoidType::get(kernels.getContext());
  top.create<LLVM::LLVMFuncOp>(kernels.getLoc(), name, LLVM::LLVMFunctionType::get(nothing, types));
}

void RuntimeCalls::overLines(std::string name, Value from, Value to, ArrayRef<Line> axes,
                             Value samples, Call call) {
  for (const Line &axis : axes)
    name += named("", {isSampleAxis(axis.size) ? layout.batch : axis.size, axis.from, axis.to});
  if (!kernels.lookupSymbol(name)) {
    OpBuilder top(kernels.getBodyRegion());
    auto function = top.create<func::FuncOp>(
        loc, name, top.getFunctionType({from.getType(), to.getType(), top.getIndexType()}, {}));
    function.setPrivate();
    OpBuilder k = OpBuilder::atBlockEnd(function.addEntryBlock());
    auto index = [&](int64_t v) { return k.create<arith::ConstantIndexOp>(loc, v).getResult(); };
    Value lines = whole(k, loc, 1), offsets[2] = {index(0), index(0)};
    if (!axes.empty())
      lines = isSampleAxis(axes[0].size)
                  ? k.create<arith::IndexCastOp>(loc, k.getI64Type(), function.getArgument(2))
                        .getResult()
                  : whole(k, loc, axes[0].size);
    OpBuilder::InsertPoint end;
    for (const Line &axis : axes.drop_front(axes.empty() ? 0 : 1)) {
      auto loop = k.create<scf::ForOp>(loc, index(0), index(axis.size), index(1));
      if (!end.isSet()) {
        k.setInsertionPointAfter(loop);
        end = k.saveInsertionPoint();
      }
      k.setInsertionPointToStart(loop.getBody());
      for (auto [offset, stride] :
           {std::pair(&offsets[0], axis.from), std::pair(&offsets[1], axis.to)})
        *offset = k.create<arith::AddIOp>(
            loc, *offset, k.create<arith::MulIOp>(loc, loop.getInductionVar(), index(stride)));
    }
    Value pointers[2] = {pointerTo(k, loc, function.getArgument(0), offsets[0]),
                         pointerTo(k, loc, function.getArgument(1), offsets[1])};
    call(k, pointers, lines);
    if (end.isSet())
      k.restoreInsertionPoint(end);
    k.create<func::ReturnOp>(loc);
  }
  step.create<func::CallOp>(loc, name, TypeRange{}, ValueRange{from, to, samples});
}

void RuntimeCalls::orthogonal(Value memory, RankedTensorType matrix, Value key, Value when) {
  constexpr StringRef runtime = "apical_orthogonal";
  declare(runtime, 1, 7);
  auto type = cast<MemRefType>(memory.getType());
  Type i64 = step.getI64Type();
  int64_t numbers[] = {matrix.getDimSize(0), matrix.getDimSize(1), type.getDimSize(0),
                       type.getDimSize(1), stridesOf(memory)[0]};
  std::string name = named("orthogonal", numbers);
  if (!kernels.lookupSymbol(name)) {
    OpBuilder top(kernels.getBodyRegion());
    auto function = top.create<func::FuncOp>(loc, name, top.getFunctionType({type, i64, i64}, {}));
    function.setPrivate();
    OpBuilder k = OpBuilder::atBlockEnd(function.addEntryBlock());
    SmallVector<Value> args{pointerTo(k, loc, function.getArgument(0))};
    for (int64_t v : numbers)
      args.push_back(whole(k, loc, v));
    args.append({function.getArgument(1), function.getArgument(2)});
    k.create<LLVM::CallOp>(loc, TypeRange{}, runtime, args);
    k.create<func::ReturnOp>(loc);
  }
  step.create<func::CallOp>(loc, name, TypeRange{}, ValueRange{memory, key, when});
}

void RuntimeCalls::rank(Value from, Value to, RankedTensorType field, unsigned axis,
                        Value samples) {
  constexpr StringRef runtime = "apical_rank";
  declare(runtime, 2, 4);
  SmallVector<int64_t> strides = stridesOf(to);
  SmallVector<Line> others;
  for (auto [d, size] : llvm::enumerate(field.getShape()))
    if (d != axis)
      others.push_back({size, strides[d], strides[d]});
  int64_t size = field.getDimSize(axis), stride = strides[axis];
  overLines(named("rank", {size, stride}), from, to, others, samples,
            [&](OpBuilder &k, ValueRange pointers, Value lines) {
              SmallVector<Value> args(pointers);
              args.append({whole(k, loc, size), whole(k, loc, stride), lines,
                           whole(k, loc, others.empty() ? 0 : others[0].from)});
              k.create<LLVM::CallOp>(loc, TypeRange{}, runtime, args);
            });
}

/// The same window as three dimensions, the last of which is as long as numbers are next to each other.
static ir::Window inThreeDimensions(ir::Window w) {
  for (auto [list, fill] :
       {std::pair(&w.shape, 1), std::pair(&w.kernel, 1), std::pair(&w.stride, 1),
        std::pair(&w.before, 0), std::pair(&w.places, 1)})
    list->insert(list->begin(), 3 - list->size(), fill);
  for (int merges = 0; merges < 2 && !w.tapsFirst && w.kernel[2] == w.shape[2] && w.places[2] == 1;
       ++merges) {
    int64_t inner = w.shape[2];
    for (auto [list, fill] : {std::pair(&w.shape, 1), std::pair(&w.kernel, 1),
                              std::pair(&w.stride, 1), std::pair(&w.before, 0)})
      *list = {fill, (*list)[0], (*list)[1] * inner};
    w.places = {1, w.places[0], w.places[1]};
  }
  return w;
}

void RuntimeCalls::window(Value from, Value to, RankedTensorType result, const ir::Window &given,
                          bool unfolds, Value samples) {
  StringRef runtime = unfolds ? "apical_unfold" : "apical_fold";
  declare(runtime, 3, 4);
  Value area = unfolds ? from : to, seen = unfolds ? to : from;
  SmallVector<int64_t> fromSteps = stridesOf(from), toSteps = stridesOf(to);
  auto areaType = cast<MemRefType>(area.getType()), seenType = cast<MemRefType>(seen.getType());
  unsigned leading = areaType.getRank() - 1;
  ir::Window w = inThreeDimensions(given);
  SmallVector<int64_t> numbers;
  for (auto *list : {&w.shape, &w.kernel, &w.stride, &w.before, &w.places})
    numbers.append(list->begin(), list->end());
  numbers.append({w.tapsFirst, seenType.getDimSize(leading), stridesOf(seen)[leading],
                  areaType.getShape().back()});
  SmallVector<Line> lines;
  for (unsigned d = 0; d < leading; ++d)
    lines.push_back({result.getDimSize(d), fromSteps[d], toSteps[d]});
  bool bySamples = leading && isSampleAxis(lines[0].size);
  int64_t padded = leading ? layout.paddedSize(bySamples ? -1 : lines[0].size) : 1;
  std::string described = named("window", numbers);
  auto count = static_cast<int64_t>(numbers.size());
  if (!kernels.lookupSymbol(described)) {
    OpBuilder top(kernels.getBodyRegion());
    Type i64 = top.getI64Type();
    top.create<LLVM::GlobalOp>(
        loc, LLVM::LLVMArrayType::get(i64, numbers.size()), true, LLVM::Linkage::Internal,
        described,
        DenseIntElementsAttr::get(RankedTensorType::get({count}, i64), ArrayRef<int64_t>(numbers)));
  }
  overLines((unfolds ? "unfold_" : "fold_") + described, from, to, lines, samples,
            [&](OpBuilder &k, ValueRange pointers, Value there) {
              SmallVector<Value> args(pointers);
              args.push_back(k.create<LLVM::AddressOfOp>(
                  loc, LLVM::LLVMPointerType::get(k.getContext()), described));
              args.push_back(there);
              for (int64_t v : {padded, leading ? lines[0].from : 0, leading ? lines[0].to : 0})
                args.push_back(whole(k, loc, v));
              k.create<LLVM::CallOp>(loc, TypeRange{}, runtime, args);
            });
}

} // namespace apical
