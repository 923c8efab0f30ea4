//===- LiftUtils.cpp - small changes to a lift ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/LiftUtils.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;

bool apical::pruneLift(RewriterBase &rewriter, ir::LiftOp lift) {
  bool changed = false;
  Block &block = lift.getBlock();
  for (Operation *op = block.back().getPrevNode(), *before; op; op = before) {
    before = op->getPrevNode();
    if (isOpTriviallyDead(op)) {
      rewriter.eraseOp(op);
      changed = true;
    }
  }

  unsigned numInputs = lift.getInputs().size();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  llvm::BitVector erased(numInputs);
  SmallVector<unsigned> kept;
  for (unsigned i = 0; i < numInputs; ++i) {
    BlockArgument argument = block.getArgument(i);
    Value input = lift.getInputs()[i];
    AffineMap map = lift.getInputMap(i);
    if (!argument.use_empty()) {
      auto *same = llvm::find_if(kept, [&](unsigned k) {
        return lift.getInputs()[k] == input && lift.getInputMap(k) == map;
      });
      if (same == kept.end()) {
        kept.push_back(i);
        inputs.push_back(input);
        maps.push_back(map);
        continue;
      }
      rewriter.replaceAllUsesWith(argument, block.getArgument(*same));
    }
    erased.set(i);
  }
  if (erased.none())
    return changed;
  for (unsigned r = 0; r < lift.getNumResults(); ++r)
    maps.push_back(lift.getResultMap(r));
  rewriter.modifyOpInPlace(lift, [&] {
    block.eraseArguments(erased);
    lift->setOperands(inputs);
    lift.setMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
  return true;
}
