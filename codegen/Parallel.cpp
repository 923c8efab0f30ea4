//===- Parallel.cpp - loops that threads share ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every scf.forall becomes a function of a range, called through the runtime's
// apical_parallel_for. Only dimensions of results are split, so that the bits
// do not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace apical {

static constexpr StringLiteral stubPrefix = "__par_";

llvm::Error outlineForalls(ModuleOp module) {
  SmallVector<scf::ForallOp> foralls;
  module.walk([&](scf::ForallOp op) { foralls.push_back(op); });
  for (auto [id, forall] : llvm::enumerate(foralls)) {
    Location loc = forall.getLoc();
    if (forall.getRank() != 1 || forall.getNumResults() != 0)
      return error("a parallel loop still carries values");
    auto lower = getConstantIntValue(forall.getMixedLowerBound()[0]);
    auto upper = getConstantIntValue(forall.getMixedUpperBound()[0]);
    auto step = getConstantIntValue(forall.getMixedStep()[0]);
    if (!lower || *lower != 0 || !upper || !step)
      return error("a parallel loop has no constant range");
    llvm::SetVector<Value> captures;
    getUsedValuesDefinedAbove(forall.getRegion(), captures);
    SmallVector<Value> args;
    SmallVector<Operation *> constants;
    for (Value value : captures) {
      Operation *def = value.getDefiningOp();
      if (def && def->hasTrait<OpTrait::ConstantLike>())
        constants.push_back(def);
      else
        args.push_back(value);
    }
    auto owner = forall->getParentOfType<func::FuncOp>();
    std::string name = (owner.getName() + "_tiles" + Twine(id)).str();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    SmallVector<Type> types = llvm::to_vector(ValueRange(args).getTypes());
    SmallVector<Type> bodyTypes(types), stubTypes(types);
    bodyTypes.append(2, builder.getIndexType());
    stubTypes.push_back(builder.getIndexType());
    auto body = builder.create<func::FuncOp>(loc, name, builder.getFunctionType(bodyTypes, {}));
    auto stub = builder.create<func::FuncOp>(loc, (stubPrefix + name).str(),
                                             builder.getFunctionType(stubTypes, {}));
    body.setPrivate();
    stub.setPrivate();
    for (auto [i, type] : llvm::enumerate(types))
      if (isa<MemRefType>(type))
        body.setArgAttr(i, "llvm.noalias", builder.getUnitAttr());
    Block *entry = body.addEntryBlock();
    OpBuilder inner(entry, entry->end());
    IRMapping map;
    map.map(args, entry->getArguments().take_front(args.size()));
    for (Operation *constant : constants)
      inner.clone(*constant, map);
    for (auto local : forall.getBody()->getOps<memref::AllocaOp>())
      inner.clone(*local, map); // before the loop, or the stack would grow
    Value one = inner.create<arith::ConstantIndexOp>(loc, 1);
    Value width = inner.create<arith::ConstantIndexOp>(loc, *step);
    auto loop = inner.create<scf::ForOp>(loc, entry->getArgument(args.size()),
                                         entry->getArgument(args.size() + 1), one);
    inner.create<func::ReturnOp>(loc);
    OpBuilder in = OpBuilder::atBlockBegin(loop.getBody());
    map.map(forall.getInductionVars()[0],
            in.create<arith::MulIOp>(loc, loop.getInductionVar(), width).getResult());
    for (Operation &op : forall.getBody()->without_terminator())
      if (!isa<memref::AllocaOp>(op))
        in.clone(op, map);
    builder.setInsertionPoint(forall);
    args.push_back(builder.create<arith::ConstantIndexOp>(loc, (*upper + *step - 1) / *step));
    builder.create<func::CallOp>(loc, stub, args);
    forall.erase();
  }
  return llvm::Error::success();
}

/// Fills each stub(captures…, n): pack the captures, call the runtime.
void bindParallelFor(llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  llvm::IRBuilder<> b(context);
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *i64 = b.getInt64Ty();
  std::vector<llvm::Function *> stubs;
  for (llvm::Function &f : module)
    if (f.isDeclaration() && f.getName().starts_with(stubPrefix))
      stubs.push_back(&f);
  for (llvm::Function *stub : stubs) {
    auto runtime =
        module.getOrInsertFunction("apical_parallel_for", b.getVoidTy(), pointer, pointer, i64);
    llvm::Function *body = module.getFunction(stub->getName().drop_front(stubPrefix.size()));
    std::vector<llvm::Type *> types;
    for (llvm::Argument &arg : stub->args())
      types.push_back(arg.getType());
    types.pop_back();
    auto *pack = llvm::StructType::get(context, types);
    auto *thunk = llvm::Function::Create(
        llvm::FunctionType::get(b.getVoidTy(), {pointer, i64, i64}, false),
        llvm::GlobalValue::InternalLinkage, body->getName() + "_thunk", module);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "", thunk));
    std::vector<llvm::Value *> args;
    for (unsigned i = 0; i < types.size(); ++i)
      args.push_back(b.CreateLoad(types[i], b.CreateStructGEP(pack, thunk->getArg(0), i)));
    args.push_back(thunk->getArg(1));
    args.push_back(thunk->getArg(2));
    b.CreateCall(body, args);
    b.CreateRetVoid();
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "", stub));
    llvm::Value *packed = b.CreateAlloca(pack);
    for (unsigned i = 0; i < types.size(); ++i)
      b.CreateStore(stub->getArg(i), b.CreateStructGEP(pack, packed, i));
    b.CreateCall(runtime, {thunk, packed, stub->getArg(types.size())});
    b.CreateRetVoid();
  }
}

} // namespace apical
