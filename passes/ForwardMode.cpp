//===- ForwardMode.cpp - forward-mode derivatives of lifts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/ForwardMode.h"

#include "ir/Builders.h"
#include "passes/LiftUtils.h"
#include "passes/ScalarAdjoint.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace apical;
using namespace apical::ir;

namespace {

class Pushing {
public:
  explicit Pushing(JvpOp jvp) : jvp(jvp), builder(jvp) {}

  LogicalResult run() {
    held.insert(jvp.getHeld().begin(), jvp.getHeld().end());
    SmallVector<Operation *> tape;
    for (Operation &op : llvm::make_range(jvp->getBlock()->begin(), jvp->getIterator()))
      if (isa<LiftOp, WindowOp>(op))
        tape.push_back(&op);
    for (auto [input, displacement] : llvm::zip(jvp.getInputs(), jvp.getDisplacements()))
      add(input, displacement);
    for (Operation *op : tape) {
      if (auto window = dyn_cast<WindowOp>(op))
        push(window);
      auto lift = dyn_cast<LiftOp>(op);
      for (unsigned r = 0; lift && r < lift.getNumResults(); ++r) {
        if (held.contains(lift.getResult(r)))
          continue;
        FailureOr<Value> tangent = tangentOf(lift, r);
        if (failed(tangent))
          return failure();
        if (*tangent)
          add(lift.getResult(r), *tangent);
      }
    }
    for (auto [output, result] : llvm::zip(jvp.getOutputs(), jvp.getTangents())) {
      Value tangent = tangents.lookup(output);
      if (!tangent)
        tangent = splat(builder, jvp.getLoc(), cast<RankedTensorType>(output.getType()), 0.0);
      result.replaceAllUsesWith(tangent);
    }
    jvp.erase();
    return success();
  }

private:
  void add(Value value, Value contribution) {
    Value &tangent = tangents[value];
    tangent =
        tangent ? addFields(builder, contribution.getLoc(), tangent, contribution) : contribution;
  }

  /// What a window sees is linear in what there is.
  void push(WindowOp op) {
    if (Value tangent = tangents.lookup(op.getOperand()); tangent && !held.contains(op.getValue()))
      add(op.getValue(), op.again(builder, tangent));
  }

  /// The tangent of result r; nothing if it depends on no operand that has one. Its operands are those of
  /// the primal lift, the primal result, and the tangents.
  FailureOr<Value> tangentOf(LiftOp lift, unsigned r) {
    Block &primal = lift.getBlock();
    llvm::DenseSet<Value> scalars; // that have a tangent
    SmallVector<unsigned> moving;
    for (auto [k, input] : llvm::enumerate(lift.getInputs()))
      if (tangents.contains(input)) {
        moving.push_back(k);
        scalars.insert(primal.getArgument(k));
      }
    for (Operation &op : primal.without_terminator())
      if (!isInactive(&op) &&
          llvm::any_of(op.getOperands(), [&](Value v) { return scalars.contains(v); }))
        scalars.insert(op.getResults().begin(), op.getResults().end());
    Value yielded = lift.getYielded()[r];
    if (!scalars.contains(yielded))
      return Value();

    unsigned numInputs = lift.getInputs().size();
    SmallVector<Value> operands(lift.getInputs());
    operands.push_back(lift.getResult(r));
    for (unsigned k : moving)
      operands.push_back(tangents.lookup(lift.getInputs()[k]));
    SmallVector<AffineMap> maps;
    for (unsigned i = 0; i < numInputs; ++i)
      maps.push_back(lift.getInputMap(i));
    maps.push_back(lift.getResultMap(r));
    for (unsigned k : moving)
      maps.push_back(lift.getInputMap(k));
    maps.push_back(lift.getResultMap(r));
    StringRef combiner = lift.getCombiner(r);
    bool chooses = combiner == "max" || combiner == "min";

    Operation *failedOn = nullptr;
    auto body = [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
      IRMapping mapping;
      for (unsigned i = 0; i < numInputs; ++i)
        mapping.map(primal.getArgument(i), args[i]);
      for (Operation &op : primal.without_terminator())
        b.clone(op, mapping);
      auto value = [&](Value v) { return mapping.lookup(v); };
      llvm::DenseMap<Value, Value> moved;
      for (auto [i, k] : llvm::enumerate(moving))
        moved[primal.getArgument(k)] = args[numInputs + 1 + i];
      for (Operation &op : primal.without_terminator()) {
        if (op.getNumResults() != 1 || !scalars.contains(op.getResult(0)) || isInactive(&op))
          continue;
        Value sum;
        for (auto [k, operand] : llvm::enumerate(op.getOperands())) {
          Value by = moved.lookup(operand);
          if (!by)
            continue;
          auto give = [&, k = k](unsigned i, llvm::function_ref<Value()> contribution) {
            if (i != k)
              return;
            Value more = contribution();
            sum = sum ? b.create<arith::AddFOp>(more.getLoc(), sum, more) : more;
          };
          if (failed(writeAdjoint(b, &op, by, value, give)) && !failedOn)
            failedOn = &op;
        }
        if (sum)
          moved[op.getResult(0)] = sum;
      }
      Value zero = b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(0)),
            tangent = moved.lookup(yielded);
      if (!tangent)
        return {zero};
      if (chooses) {
        Value chosen = b.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, value(yielded),
                                               args[numInputs]);
        tangent = b.create<arith::SelectOp>(loc, chosen, tangent, zero);
      }
      return {tangent};
    };
    LiftOp tangent = liftOp(builder, lift.getLoc(), operands, lift.getSizes(), maps,
                            {chooses ? StringRef("sum") : combiner},
                            TypeRange(lift.getResult(r).getType()), body);
    if (failedOn) {
      InFlightDiagnostic error = jvp.emitOpError()
                                 << "cannot differentiate '" << failedOn->getName() << "'";
      error.attachNote(failedOn->getLoc()) << "it stands between the inputs and the outputs; put "
                                              "apical.stop around it if no derivative is meant";
      return failure();
    }
    pruneLift(builder, tangent);
    return tangent.getResult(0);
  }

  JvpOp jvp;
  IRRewriter builder;
  llvm::DenseSet<Value> held;
  llvm::DenseMap<Value, Value> tangents;
};

} // namespace

LogicalResult apical::pushForward(JvpOp jvp) { return Pushing(jvp).run(); }
