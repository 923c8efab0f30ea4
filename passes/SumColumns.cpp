//===- SumColumns.cpp - a number made of a matrix is made of columns first ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/Builders.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace apical {
#define GEN_PASS_DEF_SUMCOLUMNS
#include "passes/Passes.h.inc"
} // namespace apical

using namespace mlir;
using namespace apical;
using namespace apical::ir;

namespace {

struct SumColumnsPass : apical::impl::SumColumnsBase<SumColumnsPass> {
  void runOnOperation() override {
    for (auto step : getOperation().getOps<StepOp>())
      for (LiftOp lift : llvm::make_early_inc_range(step.getBody().front().getOps<LiftOp>()))
        if (isWhole(lift))
          split(lift);
  }

  /// Less is quick in any order.
  static constexpr int64_t large = 1 << 14;

  static bool isWhole(LiftOp lift) {
    ArrayRef<int64_t> sizes = lift.getSizes();
    return lift.getNumResults() == 1 && lift.getResultMap(0).getNumResults() == 0 &&
           sizes.size() == 2 && sizes[0] > 1 && sizes[1] >= 16 && sizes[0] * sizes[1] >= large;
  }

  static void split(LiftOp lift) {
    OpBuilder builder(lift);
    MLIRContext *context = builder.getContext();
    AffineMap column = axesMap(context, 2, {1});
    SmallVector<AffineMap> maps;
    for (unsigned i = 0; i < lift.getInputs().size(); ++i)
      maps.push_back(lift.getInputMap(i));
    maps.push_back(column);
    auto columns = builder.create<LiftOp>(
        lift.getLoc(), TypeRange{fieldType(context, lift.getSizes(), column)}, lift.getInputs(),
        lift.getSizesAttr(), builder.getAffineMapArrayAttr(maps), lift.getCombinersAttr());
    IRMapping mapping;
    lift.getBody().cloneInto(&columns.getBody(), mapping);
    Value whole =
        ir::lift(builder, lift.getLoc(), columns.getResults(), {lift.getSizes()[1]},
                 {axesMap(context, 1, {0}), axesMap(context, 1, {})}, {lift.getCombiner(0)},
                 TypeRange(lift.getResult(0).getType()),
                 [](OpBuilder &, Location, ValueRange args) { return SmallVector<Value>(args); });
    lift.getResult(0).replaceAllUsesWith(whole);
    lift.erase();
  }
};

} // namespace
