//===- Arena.cpp - bufferization, and one piece of memory for all temporaries ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every memref.alloc of the step gets a constant place in the scratch memory,
// by live range, largest first, first fit. A kernel's small temporaries live on
// the stack; what is larger becomes a temporary of the steps that call it.
//
//===----------------------------------------------------------------------===//

#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include <map>

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

static int64_t bytesOf(MemRefType type) {
  return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
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
  Item item{alloc, INT_MAX, -1, (bytesOf(alloc.getType()) + 63) / 64 * 64};
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

/// A kernel with large temporaries takes memory for them as arguments.
void moveBigTemporaries(ModuleOp kernels) {
  constexpr int64_t limit = 4096;
  DenseMap<StringAttr, SmallVector<Type>> moved;
  for (auto function : kernels.getOps<func::FuncOp>()) {
    if (function->hasAttr("apical.step"))
      continue;
    SmallVector<memref::AllocOp> allocs;
    function.walk([&](memref::AllocOp alloc) {
      // Threads must not share it.
      if (bytesOf(alloc.getType()) > limit && !alloc->getParentOfType<scf::ForallOp>())
        allocs.push_back(alloc);
    });
    for (memref::AllocOp alloc : allocs) {
      auto attributes = DictionaryAttr::get(kernels.getContext(),
                                            {{StringAttr::get(kernels.getContext(), "llvm.noalias"),
                                              UnitAttr::get(kernels.getContext())}});
      function.insertArgument(function.getNumArguments(), alloc.getType(), attributes,
                              alloc.getLoc());
      alloc.replaceAllUsesWith(function.getArguments().back());
      moved[function.getSymNameAttr()].push_back(alloc.getType());
      alloc.erase();
    }
  }
  kernels.walk([&](func::CallOp call) {
    auto it = moved.find(call.getCalleeAttr().getAttr());
    if (it == moved.end())
      return;
    OpBuilder builder(call);
    SmallVector<Value> operands(call.getOperands());
    for (Type type : it->second)
      operands.push_back(builder.create<memref::AllocOp>(call.getLoc(), cast<MemRefType>(type)));
    call->setOperands(operands);
  });
}

static std::string shapeOf(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + (size < 0 ? "?" : std::to_string(size));
  return text;
}

std::vector<std::string> checkMemory(ModuleOp source, ModuleOp kernels, ArrayRef<StepPlan> plans) {
  // Shapes of matrices of weights, logical and as they lie in memory.
  std::map<std::string, std::string> weights;
  std::vector<std::string> found;
  for (auto state : source.getOps<ir::StateOp>()) {
    auto type = cast<RankedTensorType>(state.getType());
    if (state.getRole() != "weight" || type.getRank() < 2)
      continue;
    weights[shapeOf(type.getShape())] = state.getSymName().str();
    SmallVector<int64_t> reversed(llvm::reverse(type.getShape()));
    weights.insert({shapeOf(reversed), state.getSymName().str()});
    weights.insert({shapeOf(Layout(1).allocation(type).getShape()), state.getSymName().str()});
  }
  for (const StepPlan &plan : plans) {
    if (runsOnce(plan.step))
      continue;
    std::string step = "step '" + ir::StepOp(plan.step).getSymName().str() + "' ";
    for (ir::WriteOp write : plan.copied)
      if (cast<RankedTensorType>(write.getValue().getType()).getRank() > 1)
        found.push_back(step + "copies the new value of '" + write.getState().str() + "'");
    auto function = kernels.lookupSymbol<func::FuncOp>(plan.body);
    function.walk([&](memref::AllocOp alloc) {
      auto value = alloc->getAttrOfType<TypeAttr>("value");
      auto shape = shapeOf(cast<ShapedType>(value ? value.getValue() : alloc.getType()).getShape());
      if (auto it = weights.find(shape); it != weights.end())
        found.push_back(step + "stores " + shape + ", as large as '" + it->second + "'");
    });
  }
  for (auto function : kernels.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      if (isa<memref::CopyOp>(op))
        found.push_back("kernel '" + function.getName().str() + "' copies memory");
      if (isa<memref::AllocOp>(op) && op->getParentOfType<LoopLikeOpInterface>() &&
          !op->getParentOfType<scf::ForallOp>())
        found.push_back("kernel '" + function.getName().str() + "' allocates in a loop");
    });
  return found;
}

llvm::Expected<int64_t> planArena(func::FuncOp function) {
  bool step = function->hasAttr("apical.step");
  SmallVector<memref::AllocOp> allocs;
  function.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
  OpBuilder builder(function.getContext());
  if (!step) {
    for (memref::AllocOp alloc : allocs) {
      // Each thread has its own; outlining moves it out of the thread's loop.
      auto forall = alloc->getParentOfType<scf::ForallOp>();
      builder.setInsertionPointToStart(forall ? forall.getBody() : &function.front());
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
