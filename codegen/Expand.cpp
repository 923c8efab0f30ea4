//===- Expand.cpp - what a processor lacks ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The polynomials of elementary functions ask for fused multiply-adds and for
// floor. Where the processor has no instruction for them, LLVM would call the
// mathematics library once per lane. A product and a sum, and a conversion to
// integers and back, serve as well: the accuracy of every function is tested
// for every processor.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"

namespace apical {

/// Of 32-bit numbers. From 2^23 on every number is whole; NaN stays itself.
static llvm::Value *floorByIntegers(llvm::IRBuilder<> &b, llvm::Value *x) {
  llvm::Type *type = x->getType(), *whole = type->getWithNewType(b.getInt32Ty());
  llvm::Value *truncated = b.CreateSIToFP(b.CreateFPToSI(x, whole), type);
  llvm::Value *less = b.CreateFSub(truncated, llvm::ConstantFP::get(type, 1));
  llvm::Value *floor = b.CreateSelect(b.CreateFCmpOGT(truncated, x), less, truncated);
  llvm::Value *size = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  return b.CreateSelect(b.CreateFCmpOLT(size, llvm::ConstantFP::get(type, 0x1p23)), floor, x);
}

void expandMissing(llvm::Module &module, const llvm::TargetMachine &target) {
  const llvm::MCSubtargetInfo &processor = *target.getMCSubtargetInfo();
  bool fused = processor.checkFeatures("+fma"), rounds = processor.checkFeatures("+sse4.1");
  llvm::SmallVector<llvm::IntrinsicInst *> calls;
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction))
        calls.push_back(call);
  for (llvm::IntrinsicInst *call : calls) {
    llvm::IRBuilder<> b(call);
    llvm::Value *made = nullptr;
    if (call->getIntrinsicID() == llvm::Intrinsic::fma && !fused)
      made = b.CreateFAdd(b.CreateFMul(call->getArgOperand(0), call->getArgOperand(1)),
                          call->getArgOperand(2));
    else if (call->getIntrinsicID() == llvm::Intrinsic::floor && !rounds &&
             call->getType()->getScalarType()->isFloatTy())
      made = floorByIntegers(b, call->getArgOperand(0));
    if (!made)
      continue;
    call->replaceAllUsesWith(made);
    call->eraseFromParent();
  }
}

} // namespace apical
