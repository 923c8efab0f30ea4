//===- SplitSums.cpp - sums of products become contractions ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/Builders.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SmallBitVector.h"

namespace apical {
#define GEN_PASS_DEF_SPLITSUMS
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

namespace {

/// A tensor, and which axes of the lift's domain it has, in its order.
struct Part {
  Value tensor;
  SmallVector<unsigned> axes;
};

/// Takes one summing lift apart:
///
///   a * c ± b * c  =  (a ± b) * c           one product instead of two
///   sum(a ± b)  =  sum(a) ± sum(b)          the sums run side by side
///   sum(k * a)  =  k * sum(a), sum(a) / k   if k is the same at every term
///   sum(a * b)  =  a contraction            if a and b each lack an axis; what
///                                           they are made of is computed before
///
/// Nothing is done unless all of the body can be taken apart in this way.
class Splitter {
public:
  explicit Splitter(LiftOp lift)
      : lift(lift), builder(lift), loc(lift.getLoc()), rank(lift.getSizes().size()),
        reduced(rank, true) {
    for (unsigned axis : dimensions(lift.getResultMap(0)))
      reduced.reset(axis);
  }

  bool run() {
    factorOut();
    Value body = lift.getYielded()[0];
    auto args = lift.getBlock().getArguments();
    if (lift.isContraction() && llvm::none_of(args, [&](Value arg) { return outside(arg); }))
      return false; // nothing to gain
    if (!splits(body))
      return false;
    Part part = sum(body);
    AffineMap map = lift.getResultMap(0);
    auto type = cast<RankedTensorType>(lift.getResult(0).getType());
    Value result = part.tensor;
    if (part.axes != dimensions(map))
      result = over(dimensions(map), {part}, type,
                    [](OpBuilder &, Location, ValueRange args) { return args[0]; });
    lift.getResult(0).replaceAllUsesWith(result);
    lift.erase();
    return true;
  }

private:
  using Axes = llvm::SmallBitVector;

  static SmallVector<unsigned> dimensions(AffineMap map) {
    SmallVector<unsigned> result;
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      result.push_back(map.getDimPosition(i));
    return result;
  }
  static SmallVector<unsigned> list(const Axes &axes) {
    return SmallVector<unsigned>(axes.set_bits_begin(), axes.set_bits_end());
  }

  void factorOut() {
    for (Operation &op : llvm::make_early_inc_range(lift.getBlock())) {
      if (!isa<arith::AddFOp, arith::SubFOp>(op))
        continue;
      auto x = op.getOperand(0).getDefiningOp<arith::MulFOp>();
      auto y = op.getOperand(1).getDefiningOp<arith::MulFOp>();
      for (unsigned i = 0; x && y && i < 4; ++i) {
        Value common = x.getOperand(i / 2), a = x.getOperand(1 - i / 2),
              b = y.getOperand(1 - i % 2);
        Axes both = axesOf(a);
        both |= axesOf(b);
        if (common != y.getOperand(i % 2) || both.all())
          continue;
        OpBuilder in(&op);
        Value rest =
            in.create(op.getLoc(), op.getName().getIdentifier(), {a, b}, op.getResultTypes())
                ->getResult(0);
        op.getResult(0).replaceAllUsesWith(in.create<arith::MulFOp>(op.getLoc(), rest, common));
        op.erase();
        break;
      }
    }
  }

  const Axes &axesOf(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    Axes axes(rank);
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      for (unsigned axis : dimensions(lift.getInputMap(arg.getArgNumber())))
        axes.set(axis);
    } else {
      Operation *op = value.getDefiningOp();
      if (auto index = dyn_cast<IndexOp>(op))
        axes.set(index.getAxis());
      for (Value operand : op->getOperands())
        axes |= axesOf(operand);
    }
    return known[value] = axes;
  }
  bool outside(Value value) { return !axesOf(value).anyCommon(reduced); }
  bool coversSum(const Axes &axes) const { return !reduced.test(axes); }

  bool splits(Value value) {
    Operation *op = value.getDefiningOp();
    if (op && isa<arith::AddFOp, arith::SubFOp>(op))
      return splits(op->getOperand(0)) && splits(op->getOperand(1));
    if (op && isa<arith::NegFOp>(op))
      return splits(op->getOperand(0));
    if (op && isa<arith::DivFOp>(op) && outside(op->getOperand(1)))
      return splits(op->getOperand(0));
    if (op && isa<arith::MulFOp>(op)) {
      Value a = op->getOperand(0), b = op->getOperand(1);
      if (outside(a) || outside(b))
        return splits(outside(a) ? b : a);
      Axes both = axesOf(a);
      both |= axesOf(b);
      if (a != b && !axesOf(a).all() && !axesOf(b).all() && coversSum(both))
        return true;
    }
    return coversSum(axesOf(value)) && !axesOf(value).all();
  }

  Part sum(Value value) {
    Operation *op = value.getDefiningOp();
    auto apply = [&](ArrayRef<Part> parts) {
      return combine(parts, [&](OpBuilder &b, Location at, ValueRange args) -> Value {
        return b.create(at, op->getName().getIdentifier(), args, op->getResultTypes())
            ->getResult(0);
      });
    };
    if (op && isa<arith::AddFOp, arith::SubFOp>(op))
      return apply({sum(op->getOperand(0)), sum(op->getOperand(1))});
    if (op && isa<arith::NegFOp>(op))
      return apply({sum(op->getOperand(0))});
    if (op && isa<arith::DivFOp>(op) && outside(op->getOperand(1)))
      return apply({sum(op->getOperand(0)), field(op->getOperand(1))});
    if (op && isa<arith::MulFOp>(op)) {
      Value a = op->getOperand(0), b = op->getOperand(1);
      if (outside(a))
        return apply({field(a), sum(b)});
      if (outside(b))
        return apply({sum(a), field(b)});
      Axes both = axesOf(a);
      both |= axesOf(b);
      if (a != b && !axesOf(a).all() && !axesOf(b).all() && coversSum(both))
        return reduce({field(a), field(b)}, both,
                      [](OpBuilder &in, Location at, ValueRange args) -> Value {
                        return in.create<arith::MulFOp>(at, args[0], args[1]);
                      });
    }
    return reduce({field(value)}, axesOf(value),
                  [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  }

  /// The value of a scalar of the body at every point that it depends on.
  Part field(Value value) {
    if (auto arg = dyn_cast<BlockArgument>(value))
      if (cast<RankedTensorType>(lift.getInputs()[arg.getArgNumber()].getType())
              .getElementType()
              .isF32())
        return {lift.getInputs()[arg.getArgNumber()],
                dimensions(lift.getInputMap(arg.getArgNumber()))};
    SmallVector<unsigned> axes = list(axesOf(value));
    SmallVector<Value> inputs(lift.getInputs());
    SmallVector<Part> parts;
    SmallVector<Operation *> code = slice(value);
    SmallVector<BlockArgument> args;
    for (BlockArgument arg : lift.getBlock().getArguments())
      if (arg == value || llvm::any_of(code, [&](Operation *op) {
            return llvm::is_contained(op->getOperands(), arg);
          })) {
        args.push_back(arg);
        parts.push_back(
            {inputs[arg.getArgNumber()], dimensions(lift.getInputMap(arg.getArgNumber()))});
      }
    Value made = over(axes, parts, {}, [&](OpBuilder &b, Location, ValueRange given) {
      IRMapping map;
      for (auto [arg, to] : llvm::zip(args, given))
        map.map(arg, to);
      for (Operation *op : code) {
        Operation *clone = b.clone(*op, map);
        if (auto index = dyn_cast<IndexOp>(clone))
          index.setAxis(llvm::find(axes, index.getAxis()) - axes.begin());
      }
      return map.lookup(value);
    });
    return {made, axes};
  }

  /// The operations of the body that `value` needs, in order.
  SmallVector<Operation *> slice(Value value) {
    llvm::DenseSet<Operation *> needed;
    SmallVector<Value> work{value};
    while (!work.empty())
      if (Operation *op = work.pop_back_val().getDefiningOp(); op && needed.insert(op).second)
        llvm::append_range(work, op->getOperands());
    SmallVector<Operation *> code;
    for (Operation &op : lift.getBlock().without_terminator())
      if (needed.contains(&op))
        code.push_back(&op);
    return code;
  }

  Part combine(ArrayRef<Part> parts, ScalarBuilder body) {
    Axes all(rank);
    for (const Part &part : parts)
      for (unsigned axis : part.axes)
        all.set(axis);
    return {over(list(all), parts, {}, body), list(all)};
  }

  Part reduce(ArrayRef<Part> parts, const Axes &axes, ScalarBuilder body) {
    Axes kept = axes;
    kept.reset(reduced);
    SmallVector<unsigned> result;
    for (unsigned axis : dimensions(lift.getResultMap(0))) // in the order of the result
      if (kept.test(axis))
        result.push_back(axis);
    return {emit(list(axes), parts, result, "sum", {}, body), result};
  }

  Value over(ArrayRef<unsigned> axes, ArrayRef<Part> parts, RankedTensorType type,
             ScalarBuilder body) {
    return emit(axes, parts, axes, "none", type, body);
  }

  /// A lift over `domain` (ascending unless it only repeats) with results over `kept`.
  Value emit(ArrayRef<unsigned> domain, ArrayRef<Part> parts, ArrayRef<unsigned> kept,
             StringRef combiner, RankedTensorType type, ScalarBuilder body) {
    MLIRContext *context = builder.getContext();
    SmallVector<unsigned> order(domain);
    llvm::sort(order);
    SmallVector<int64_t> sizes;
    for (unsigned axis : order)
      sizes.push_back(lift.getSizes()[axis]);
    auto mapOf = [&](ArrayRef<unsigned> axes) {
      SmallVector<unsigned> positions;
      for (unsigned axis : axes)
        positions.push_back(llvm::find(order, axis) - order.begin());
      return axesMap(context, order.size(), positions);
    };
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (const Part &part : parts) {
      inputs.push_back(part.tensor);
      maps.push_back(mapOf(part.axes));
    }
    AffineMap result = mapOf(kept);
    maps.push_back(result);
    if (!type)
      type = fieldType(context, sizes, result);
    return ir::lift(builder, loc, inputs, sizes, maps, {combiner}, TypeRange(type),
                    [&](OpBuilder &b, Location at, ValueRange args) {
                      return SmallVector<Value>{body(b, at, args)};
                    });
  }

  LiftOp lift;
  OpBuilder builder;
  Location loc;
  unsigned rank;
  Axes reduced;
  llvm::DenseMap<Value, Axes> known;
};

/// Sums of products become contractions: see Splitter. Only where it pays: in a
/// domain of three axes or more, and where the body is more than one product.
struct SplitSumsPass : apical::impl::SplitSumsBase<SplitSumsPass> {
  void runOnOperation() override {
    for (auto step : getOperation().getOps<StepOp>())
      for (LiftOp lift : llvm::make_early_inc_range(step.getBody().front().getOps<LiftOp>()))
        if (lift.getNumResults() == 1 && lift.getCombiner(0) == "sum" && lift.getSizes().size() > 2)
          Splitter(lift).run();
  }
};

} // namespace
