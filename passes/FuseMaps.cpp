//===- FuseMaps.cpp - elementwise fusion ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/LiftUtils.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"

namespace apical {
#define GEN_PASS_DEF_FUSEMAPS
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

/// Moving the code of `producer` to `consumer` must not carry the use of a
/// state's old value across the write of that state.
static bool crossesWrite(LiftOp producer, LiftOp consumer) {
  for (Value input : producer.getInputs()) {
    auto read = input.getDefiningOp<ReadOp>();
    if (!read)
      continue;
    for (Operation *op = producer->getNextNode(); op != consumer; op = op->getNextNode())
      if (auto write = dyn_cast<WriteOp>(op); write && write.getState() == read.getState())
        return true;
  }
  return false;
}

/// One number for each two synapses, as when each is perturbed in turn: the square of what the weights take.
static bool hasPairsOfSynapses(LiftOp lift) {
  auto type = cast<RankedTensorType>(lift.getResult(0).getType());
  return type.hasStaticShape() && type.getRank() >= 4;
}

/// The producer of operand k if its code can move into `consumer`.
static LiftOp fusibleProducer(LiftOp consumer, unsigned k) {
  auto producer = consumer.getInputs()[k].getDefiningOp<LiftOp>();
  if (!producer || producer->getBlock() != consumer->getBlock() || producer.getNumResults() != 1 ||
      producer.reduces() || !producer->hasOneUse())
    return nullptr;
  // Each point of the producer belongs to one point of the consumer, or there are too many to be stored.
  AffineMap map = consumer.getInputMap(k);
  if (!map.isPermutation() && !(map.isProjectedPermutation() && hasPairsOfSynapses(producer)))
    return nullptr;
  return crossesWrite(producer, consumer) ? nullptr : producer;
}

/// Replaces operand k of `consumer` by the code that makes it.
static void fuse(LiftOp producer, LiftOp consumer, unsigned k) {
  // consumer point -> point of the producer's result -> producer point
  AffineMap toProducer =
      inversePermutation(producer.getResultMap(0)).compose(consumer.getInputMap(k));
  unsigned numInputs = consumer.getInputs().size();
  SmallVector<Value> inputs(consumer.getInputs());
  SmallVector<AffineMap> maps;
  for (unsigned i = 0; i < numInputs; ++i)
    maps.push_back(consumer.getInputMap(i));
  Block &block = consumer.getBlock();
  IRMapping mapping;
  for (auto [i, input] : llvm::enumerate(producer.getInputs())) {
    inputs.push_back(input);
    maps.push_back(producer.getInputMap(i).compose(toProducer));
    BlockArgument from = producer.getBlock().getArgument(i);
    mapping.map(from, block.addArgument(from.getType(), from.getLoc()));
  }
  for (unsigned r = 0; r < consumer.getNumResults(); ++r)
    maps.push_back(consumer.getResultMap(r));

  OpBuilder builder(&block, block.begin());
  for (Operation &op : producer.getBlock().without_terminator()) {
    Operation *clone = builder.clone(op, mapping);
    if (auto index = dyn_cast<IndexOp>(clone))
      index.setAxis(toProducer.getDimPosition(index.getAxis()));
  }
  block.getArgument(k).replaceAllUsesWith(mapping.lookup(producer.getYielded()[0]));
  consumer->setOperands(inputs);
  consumer.setMapsAttr(builder.getAffineMapArrayAttr(maps));
  IRRewriter rewriter(consumer.getContext());
  pruneLift(rewriter, consumer);
  producer.erase();
}

namespace {

/// Elementwise fusion.
///
///   1. Walk the lifts of each step from the last to the first.
///   2. While an operand of the lift is the only use of a lift without
///      reduction, and each point of the one belongs to one point of the other,
///      move the producer's code into the body.
///   3. Never into a contraction along a row: the sum of products of two fields
///      stays what the code generator has a fast path for. A factor that varies
///      over three axes is no field of a fast path, and must not be stored.
///   4. One of pairs of synapses is made where it is used, even more than once.
struct FuseMapsPass : apical::impl::FuseMapsBase<FuseMapsPass> {
  void runOnOperation() override {
    for (auto step : getOperation().getOps<StepOp>()) {
      SmallVector<LiftOp> lifts(step.getBody().front().getOps<LiftOp>());
      llvm::DenseSet<Operation *> fused;
      for (LiftOp consumer : llvm::reverse(lifts))
        if (!fused.contains(consumer))
          fuseInto(consumer, fused);
    }
  }

  static void fuseInto(LiftOp consumer, llvm::DenseSet<Operation *> &fused) {
    for (unsigned k = 0; k < consumer.getInputs().size();) {
      bool row = consumer.isContraction() && consumer.getSizes().size() < 3;
      LiftOp producer = row ? nullptr : fusibleProducer(consumer, k);
      if (!producer) {
        ++k;
        continue;
      }
      fused.insert(producer);
      fuse(producer, consumer, k);
      k = 0;
    }
  }
};

} // namespace

void apical::addDialectPasses(OpPassManager &passes) {
  passes.addPass(createDifferentiate());
  passes.addPass(createSimplify());
  passes.addPass(createFuseMaps());
  passes.addPass(createSplitSums()); // finds whole bodies, and leaves maps to fuse
  passes.addPass(createFuseMaps());
  passes.addPass(createFuseUpdates());
  passes.addPass(createSimplify());
  passes.addPass(createRedraw()); // after the last that merges equal operations
  passes.addPass(createFuseMaps());
  passes.addPass(createSumColumns());
}
