//===- FuseUpdates.cpp - one pass over a weight and its optimiser's states ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/LiftUtils.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace apical {
#define GEN_PASS_DEF_FUSEUPDATES
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

/// One value per point, in the order of the axes.
static bool isPointwise(LiftOp lift) {
  for (unsigned r = 0; r < lift.getNumResults(); ++r)
    if (lift.getCombiner(r) != "none" || !lift.getResultMap(r).isIdentity())
      return false;
  return !lift.getSizes().empty();
}

/// Whether the code of `producer` can run where `consumer` stands, for all who
/// use its results, and each point of the one is a point of the other.
static bool canJoin(LiftOp producer, LiftOp consumer) {
  if (!isPointwise(producer) || producer.getSizes() != consumer.getSizes())
    return false;
  for (auto [k, input] : llvm::enumerate(consumer.getInputs()))
    if (input.getDefiningOp() == producer && !consumer.getInputMap(k).isIdentity())
      return false;
  for (Operation *user : producer->getUsers())
    if (user != consumer && user->isBeforeInBlock(consumer))
      return false;
  for (Value input : producer.getInputs())
    if (auto read = input.getDefiningOp<ReadOp>())
      for (Operation *op = producer->getNextNode(); op != consumer; op = op->getNextNode())
        if (auto write = dyn_cast<WriteOp>(op); write && write.getState() == read.getState())
          return false;
  return true;
}

/// Both in one, with the results of both that somebody uses.
static LiftOp join(RewriterBase &rewriter, LiftOp producer, LiftOp consumer) {
  SmallVector<unsigned> kept; // results of the producer that others use too
  for (unsigned r = 0; r < producer.getNumResults(); ++r)
    if (llvm::any_of(producer.getResult(r).getUsers(),
                     [&](Operation *user) { return user != consumer; }))
      kept.push_back(r);
  SmallVector<Value> inputs(producer.getInputs());
  SmallVector<AffineMap> maps;
  for (unsigned i = 0; i < inputs.size(); ++i)
    maps.push_back(producer.getInputMap(i));
  for (auto [k, input] : llvm::enumerate(consumer.getInputs()))
    if (input.getDefiningOp() != producer) {
      inputs.push_back(input);
      maps.push_back(consumer.getInputMap(k));
    }
  SmallVector<Type> results;
  SmallVector<Attribute> combiners;
  for (unsigned r : kept) {
    results.push_back(producer.getResult(r).getType());
    combiners.push_back(producer.getCombiners()[r]);
  }
  llvm::append_range(results, consumer.getResultTypes());
  llvm::append_range(combiners, consumer.getCombiners());
  maps.append(results.size(), rewriter.getMultiDimIdentityMap(consumer.getSizes().size()));

  rewriter.setInsertionPoint(consumer);
  auto joined =
      rewriter.create<LiftOp>(rewriter.getFusedLoc({producer.getLoc(), consumer.getLoc()}), results,
                              inputs, consumer.getSizesAttr(), rewriter.getAffineMapArrayAttr(maps),
                              rewriter.getArrayAttr(combiners));
  Block *block = rewriter.createBlock(&joined.getBody());
  IRMapping mapping;
  for (BlockArgument argument : producer.getBlock().getArguments())
    mapping.map(argument, block->addArgument(argument.getType(), argument.getLoc()));
  for (auto [k, argument] : llvm::enumerate(consumer.getBlock().getArguments()))
    if (consumer.getInputs()[k].getDefiningOp() != producer)
      mapping.map(argument, block->addArgument(argument.getType(), argument.getLoc()));
  rewriter.setInsertionPointToStart(block);
  SmallVector<Value> yields;
  for (Operation &op : producer.getBlock().without_terminator())
    rewriter.clone(op, mapping);
  for (unsigned r : kept)
    yields.push_back(mapping.lookup(producer.getYielded()[r]));
  for (auto [k, input] : llvm::enumerate(consumer.getInputs()))
    if (input.getDefiningOp() == producer)
      mapping.map(consumer.getBlock().getArgument(k),
                  mapping.lookup(producer.getYielded()[cast<OpResult>(input).getResultNumber()]));
  for (Operation &op : consumer.getBlock().without_terminator())
    rewriter.clone(op, mapping);
  for (Value value : consumer.getYielded())
    yields.push_back(mapping.lookup(value));
  rewriter.create<YieldOp>(joined.getLoc(), yields);

  for (auto [k, r] : llvm::enumerate(kept))
    rewriter.replaceAllUsesWith(producer.getResult(r), joined.getResult(k));
  rewriter.replaceOp(consumer, joined.getResults().drop_front(kept.size()));
  rewriter.eraseOp(producer);
  pruneLift(rewriter, joined);
  return joined;
}

/// An earlier lift to put together with `consumer`: one that makes an operand of
/// it, or one that reads the same sum.
static LiftOp partner(LiftOp consumer) {
  for (Value input : consumer.getInputs()) {
    auto producer = input.getDefiningOp<LiftOp>();
    if (!producer)
      continue;
    if (canJoin(producer, consumer))
      return producer;
    if (!producer.reduces() || cast<RankedTensorType>(input.getType()).getRank() == 0)
      continue;
    for (Operation *user : input.getUsers())
      if (auto sibling = dyn_cast<LiftOp>(user); sibling && sibling != consumer &&
                                                 sibling->isBeforeInBlock(consumer) &&
                                                 canJoin(sibling, consumer))
        return sibling;
  }
  return nullptr;
}

namespace {

/// Update fusion: a weight's new value and the new values of its optimiser's
/// states are results of one lift, so that the gradient which they share is
/// used once and need not be stored.
///
///   1. Walk the pointwise lifts of each step from the last to the first.
///   2. While an operand of the lift is made by a pointwise lift on the same
///      domain, read point by point, or such a lift reads a sum that this one
///      reads too, and everybody else who uses what the other one makes comes
///      later, put both into one lift with the results of both.
struct FuseUpdatesPass : apical::impl::FuseUpdatesBase<FuseUpdatesPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto step : getOperation().getOps<StepOp>()) {
      SmallVector<LiftOp> lifts(step.getBody().front().getOps<LiftOp>());
      llvm::DenseSet<Operation *> gone;
      for (LiftOp consumer : llvm::reverse(lifts)) {
        if (gone.contains(consumer) || !isPointwise(consumer))
          continue;
        while (LiftOp producer = partner(consumer)) {
          gone.insert(producer);
          consumer = join(rewriter, producer, consumer);
        }
      }
    }
  }
};

} // namespace
