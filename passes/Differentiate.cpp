//===- Differentiate.cpp - reverse-mode derivatives of lifts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/Builders.h"
#include "passes/ForwardMode.h"
#include "passes/LiftUtils.h"
#include "passes/Passes.h"
#include "passes/ScalarAdjoint.h"

#include "mlir/IR/IRMapping.h"

namespace apical {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

namespace {

/// Replaces one apical.vjp by lifts.
///
///   1. Mark as active every value that depends on one of the inputs. Inputs
///      and held values are cuts: nothing passes through them. Values of reads,
///      draws, clocks and parameters are leaves.
///   2. Give every output its seed as cotangent.
///   3. Walk the lifts before the vjp backwards. For each operand of a lift
///      that is an input or active, and if a result of the lift has a
///      cotangent, write the adjoint lift (adjointOf) and add it to the
///      operand's cotangent. What a window sees goes back by its transpose.
///   4. The result for an input is its cotangent, or zeros if none arrived.
class Derivative {
public:
  explicit Derivative(VjpOp vjp) : vjp(vjp), builder(vjp) {}

  LogicalResult run() {
    markActive();
    for (auto [output, seed] : llvm::zip(vjp.getOutputs(), vjp.getSeeds()))
      if (reaches(output) && splatValue(seed) != 0.0)
        accumulate(output, seed);

    SmallVector<Operation *> tape;
    for (Operation &op : llvm::make_range(vjp->getBlock()->begin(), vjp->getIterator()))
      if (isa<LiftOp, WindowOp>(op))
        tape.push_back(&op);
    for (Operation *op : llvm::reverse(tape)) {
      if (auto lift = dyn_cast<LiftOp>(op); lift && failed(pullBack(lift)))
        return failure();
      if (auto window = dyn_cast<WindowOp>(op))
        pullBack(window);
    }

    for (auto [input, result] : llvm::zip(vjp.getInputs(), vjp.getCotangents())) {
      Value cotangent = cotangents.lookup(input);
      if (!cotangent)
        cotangent = splat(builder, vjp.getLoc(), cast<RankedTensorType>(input.getType()), 0.0);
      result.replaceAllUsesWith(cotangent);
    }
    vjp.erase();
    return success();
  }

private:
  /// An input, or something that depends on one.
  bool reaches(Value value) const { return inputs.contains(value) || active.contains(value); }

  void markActive() {
    inputs.insert(vjp.getInputs().begin(), vjp.getInputs().end());
    held.insert(vjp.getHeld().begin(), vjp.getHeld().end());
    for (Operation &op : llvm::make_range(vjp->getBlock()->begin(), vjp->getIterator())) {
      if (!isa<LiftOp, WindowOp>(op) ||
          llvm::none_of(op.getOperands(), [&](Value v) { return reaches(v); }))
        continue;
      for (Value result : op.getResults())
        if (!inputs.contains(result) && !held.contains(result))
          active.insert(result);
    }
  }

  void accumulate(Value value, Value contribution) {
    Value &cotangent = cotangents[value];
    cotangent = cotangent ? addFields(builder, contribution.getLoc(), cotangent, contribution)
                          : contribution;
  }

  void pullBack(WindowOp op) {
    Value cotangent = cotangents.lookup(op.getValue());
    if (cotangent && active.contains(op.getValue()) && reaches(op.getOperand()))
      accumulate(op.getOperand(), op.transposed(builder, cotangent));
  }

  LogicalResult pullBack(LiftOp lift) {
    // A cut keeps its cotangent: it is not passed on to what the cut is made of.
    SmallVector<unsigned> results;
    for (auto [r, result] : llvm::enumerate(lift.getResults()))
      if (active.contains(result) && cotangents.lookup(result))
        results.push_back(r);
    if (results.empty())
      return success();
    for (auto [k, input] : llvm::enumerate(lift.getInputs())) {
      if (!reaches(input))
        continue;
      FailureOr<Value> contribution = adjointOf(lift, k, results);
      if (failed(contribution))
        return failure();
      if (*contribution)
        accumulate(input, *contribution);
    }
    return success();
  }

  /// The scalars of the body that depend on argument k.
  llvm::DenseSet<Value> activeScalars(LiftOp lift, unsigned k) {
    llvm::DenseSet<Value> scalars;
    scalars.insert(lift.getBlock().getArgument(k));
    for (Operation &op : lift.getBlock().without_terminator())
      if (!isInactive(&op) &&
          llvm::any_of(op.getOperands(), [&](Value v) { return scalars.contains(v); }))
        scalars.insert(op.getResults().begin(), op.getResults().end());
    return scalars;
  }

  /// The contribution of `results` of the lift to the cotangent of operand k,
  /// or nothing if they do not depend on it: a lift over the same domain.
  ///
  ///   1. Its operands are those of the primal lift, the primal results, and
  ///      the cotangents of the results.
  ///   2. The body starts as a clone of the primal code, in which a value that
  ///      the primal lift yields to a result without reduction is taken from
  ///      that result (a tanh is not computed again for 1 - y * y).
  ///   3. A yielded value has the cotangent of its result as adjoint: as it is
  ///      for "sum" and "none"; for "max" and "min" where the value equals the
  ///      result, and 0 elsewhere (elements that tie receive it all).
  ///   4. The operations of the body are walked backwards (ScalarAdjoint.h).
  ///   5. The adjoint of argument k is yielded and summed over the axes that
  ///      operand k lacks. What turned out not to be needed is pruned.
  FailureOr<Value> adjointOf(LiftOp lift, unsigned k, ArrayRef<unsigned> results) {
    llvm::DenseSet<Value> scalars = activeScalars(lift, k);
    Block &primal = lift.getBlock();
    if (llvm::none_of(results, [&](unsigned r) { return scalars.contains(lift.getYielded()[r]); }))
      return Value();

    unsigned numInputs = lift.getInputs().size(), numResults = lift.getNumResults();
    SmallVector<Value> operands(lift.getInputs());
    SmallVector<AffineMap> maps;
    for (unsigned i = 0; i < numInputs + numResults; ++i)
      maps.push_back(lift.getInputMap(i));
    llvm::append_range(operands, lift.getResults());
    for (unsigned r : results) {
      operands.push_back(cotangents.lookup(lift.getResult(r)));
      maps.push_back(lift.getResultMap(r));
    }
    AffineMap target = lift.getInputMap(k);
    maps.push_back(target);
    StringRef combiner = target.getNumResults() < lift.getSizes().size() ? "sum" : "none";

    Operation *failedOn = nullptr;
    auto body = [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
      IRMapping mapping;
      for (unsigned i = 0; i < numInputs; ++i)
        mapping.map(primal.getArgument(i), args[i]);
      SmallVector<Value> yielded;
      for (Operation &op : primal.without_terminator())
        b.clone(op, mapping);
      for (Value value : lift.getYielded())
        yielded.push_back(mapping.lookup(value));
      for (unsigned r = 0; r < numResults; ++r) {
        Operation *source = lift.getYielded()[r].getDefiningOp();
        if (lift.getCombiner(r) != "none" || !source || isInactive(source))
          continue;
        mapping.map(lift.getYielded()[r], args[numInputs + r]);
        yielded[r].replaceAllUsesWith(args[numInputs + r]);
      }

      llvm::DenseMap<Value, Value> adjoints;
      auto give = [&](Value to, Value contribution) {
        Value &adjoint = adjoints[to];
        adjoint = adjoint ? b.create<arith::AddFOp>(contribution.getLoc(), adjoint, contribution)
                          : contribution;
      };
      for (auto [i, r] : llvm::enumerate(results)) {
        Value to = lift.getYielded()[r];
        if (!scalars.contains(to))
          continue;
        Value cotangent = args[numInputs + numResults + i];
        if (lift.getCombiner(r) == "max" || lift.getCombiner(r) == "min") {
          Value chosen = b.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, yielded[r],
                                                 args[numInputs + r]);
          Value zero = b.create<arith::ConstantOp>(loc, b.getFloatAttr(cotangent.getType(), 0));
          cotangent = b.create<arith::SelectOp>(loc, chosen, cotangent, zero);
        }
        give(to, cotangent);
      }
      for (Operation &op : llvm::reverse(primal.without_terminator())) {
        if (op.getNumResults() != 1 || !scalars.contains(op.getResult(0)) || isInactive(&op))
          continue;
        Value adjoint = adjoints.lookup(op.getResult(0));
        if (!adjoint)
          continue;
        auto value = [&](Value v) { return mapping.lookup(v); };
        auto giveOperand = [&](unsigned i, llvm::function_ref<Value()> contribution) {
          if (scalars.contains(op.getOperand(i)))
            give(op.getOperand(i), contribution());
        };
        if (failed(writeAdjoint(b, &op, adjoint, value, giveOperand)) && !failedOn)
          failedOn = &op;
      }
      Value adjoint = adjoints.lookup(primal.getArgument(k));
      if (!adjoint)
        adjoint = b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(0));
      return {adjoint};
    };
    LiftOp adjoint = liftOp(builder, lift.getLoc(), operands, lift.getSizes(), maps, {combiner},
                            TypeRange(lift.getInputs()[k].getType()), body);
    if (failedOn) {
      InFlightDiagnostic error = vjp.emitOpError()
                                 << "cannot differentiate '" << failedOn->getName() << "'";
      error.attachNote(failedOn->getLoc()) << "it stands between the inputs and the outputs; put "
                                              "apical.stop around it if no derivative is meant";
      return failure();
    }
    pruneLift(builder, adjoint);
    return adjoint.getResult(0);
  }

  VjpOp vjp;
  IRRewriter builder;
  llvm::DenseSet<Value> inputs, held, active;
  llvm::DenseMap<Value, Value> cotangents;
};

/// Replaces every apical.vjp and apical.jvp by lifts.
///
///   1. Take those of each step in program order, so that a derivative of a
///      derivative finds lifts.
///   2. Replace each (Derivative, pushForward).
struct DifferentiatePass : apical::impl::DifferentiateBase<DifferentiatePass> {
  void runOnOperation() override {
    for (auto step : getOperation().getOps<StepOp>())
      for (Operation &op : llvm::make_early_inc_range(step.getBody().front())) {
        if (auto vjp = dyn_cast<VjpOp>(op); vjp && failed(Derivative(vjp).run()))
          return signalPassFailure();
        else if (auto jvp = dyn_cast<JvpOp>(op); jvp && failed(pushForward(jvp)))
          return signalPassFailure();
      }
  }
};

} // namespace
