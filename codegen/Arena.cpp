//===- Arena.cpp - bufferization, and one piece of memory for all temporaries ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every memref.alloc of the step gets a constant place in the scratch memory,
// by live range, largest first, first fit.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace apical {

llvm::Error bufferize(ModuleOp kernels) {
  IRRewriter rewriter(kernels.getContext());
  if (failed(bufferization::eliminateEmptyTensors(rewriter, kernels)))
    return error("temporaries of a kernel cannot be removed");
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.allowReturnAllocsFromLoops = true;
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
  if (failed(bufferization::runOneShotModuleBufferize(kernels, options)))
    return error("a kernel cannot be put into memory");
  return cleanUp(kernels);
}

namespace {
struct Item {
  memref::AllocOp alloc;
  int first, last;
  int64_t size, offset = 0;
};
} // namespace

/// The positions of the first and the last use, through views and casts.
static Item liveRange(memref::AllocOp alloc, Block &block, DenseMap<Operation *, int> &position) {
  MemRefType type = alloc.getType();
  int64_t bytes = type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
  Item item{alloc, INT_MAX, -1, (bytes + 63) / 64 * 64};
  SmallVector<Value> work{alloc.getResult()};
  DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (Operation *user : value.getUsers()) {
      int at = position[block.findAncestorOpInBlock(*user)];
      if (!isa<ViewLikeOpInterface>(user)) {
        item.first = std::min(item.first, at);
        item.last = std::max(item.last, at);
      }
      for (Value result : user->getResults())
        if (isa<MemRefType>(result.getType()))
          work.push_back(result);
    }
  }
  return item;
}

llvm::Expected<int64_t> planArena(func::FuncOp function) {
  // A temporary of a kernel is small: it lives on the stack.
  bool step = function->hasAttr("apical.step");
  SmallVector<memref::AllocOp> allocs;
  function.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
  OpBuilder builder(function.getContext());
  if (!step) {
    for (memref::AllocOp alloc : allocs) {
      builder.setInsertionPointToStart(&function.front());
      auto local = builder.create<memref::AllocaOp>(alloc.getLoc(), alloc.getType(),
                                                    builder.getI64IntegerAttr(64));
      alloc.replaceAllUsesWith(local.getResult());
      alloc.erase();
    }
    return 0;
  }
  Block &block = function.front();
  DenseMap<Operation *, int> position;
  for (Operation &op : block)
    position[&op] = position.size();
  std::vector<Item> items;
  for (memref::AllocOp alloc : allocs)
    items.push_back(liveRange(alloc, block, position));
  std::vector<Item *> bySize, placed;
  for (Item &item : items)
    bySize.push_back(&item);
  llvm::stable_sort(bySize, [](Item *a, Item *b) { return a->size > b->size; });
  int64_t total = 64;
  for (Item *item : bySize) {
    std::vector<Item *> live;
    for (Item *other : placed)
      if (other->first <= item->last && item->first <= other->last)
        live.push_back(other);
    llvm::stable_sort(live, [](Item *a, Item *b) { return a->offset < b->offset; });
    for (Item *other : live) {
      if (item->offset + item->size <= other->offset)
        break;
      item->offset = std::max(item->offset, other->offset + other->size);
    }
    total = std::max(total, item->offset + item->size);
    placed.push_back(item);
  }
  function.insertArgument(function.getNumArguments(), MemRefType::get({total}, builder.getI8Type()),
                          {}, function.getLoc());
  Value arena = function.getArguments().back();
  for (Item &item : items) {
    Location loc = item.alloc.getLoc();
    builder.setInsertionPoint(item.alloc);
    Value offset = builder.create<arith::ConstantIndexOp>(loc, item.offset);
    Value view =
        builder.create<memref::ViewOp>(loc, item.alloc.getType(), arena, offset, ValueRange{});
    item.alloc.replaceAllUsesWith(view);
    item.alloc.erase();
  }
  return total;
}

} // namespace apical
