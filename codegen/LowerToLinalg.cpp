//===- LowerToLinalg.cpp - steps become kernels ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step becomes one function on pointers that allocates the temporaries and
// calls kernels. A kernel is a function on non-aliasing memrefs that holds one
// lift, or a lift with the sums that feed it alone, as linalg on tensors. Equal
// kernels are one function, so compile time does not grow with depth.
//
// Padding: everything in memory is zero outside the logical sizes of the unit
// axes. A body is analysed with "operands are zero there"; where the result is
// not provably zero it is masked, and so are the terms of a reduction. Invalid
// rows of the sample axis may hold anything, until something reduces them.
//
//===----------------------------------------------------------------------===//

#include "codegen/Draw.h"
#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace apical {
namespace {

using Kind = utils::IteratorType;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
/// A lift says −1, a tensor type ShapedType::kDynamic.
bool isSampleAxis(int64_t size) { return size < 0; }
bool isScalar(Value value) { return typeOf(value).getRank() == 0; }

/// True if a value can be infinite or NaN: then zero times the value need not
/// be zero. `argIsWild(k)` says so of operand k.
bool mayBlowUp(Value value, llvm::function_ref<bool(unsigned)> argIsWild) {
  if (auto arg = dyn_cast<BlockArgument>(value))
    return argIsWild(arg.getArgNumber());
  Operation *def = value.getDefiningOp();
  if (matchPattern(value, m_Constant()))
    return false;
  if (isa<arith::DivFOp, math::LogOp, math::Log1pOp, math::Log2Op, math::RsqrtOp, math::PowFOp,
          math::SqrtOp, math::ExpOp>(def))
    return true;
  return llvm::any_of(def->getOperands(), [&](Value v) { return mayBlowUp(v, argIsWild); });
}

/// Is `value`, computed in the body of `lift`, zero wherever the point lies
/// outside the logical size of `axis`? `argIsNull(k)` says so of operand k, and
/// `argIsWild(k)` whether that may be infinite or NaN there.
bool isNull(Value value, llvm::function_ref<bool(unsigned)> argIsNull,
            llvm::function_ref<bool(unsigned)> argIsWild) {
  auto null = [&](Value v) { return isNull(v, argIsNull, argIsWild); };
  auto tame = [&](Value v) { return !mayBlowUp(v, argIsWild); };
  if (auto arg = dyn_cast<BlockArgument>(value))
    return argIsNull(arg.getArgNumber());
  Operation *def = value.getDefiningOp();
  if (matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero()))
    return true;
  if (isa<arith::MulFOp>(def)) {
    Value a = def->getOperand(0), b = def->getOperand(1);
    return (null(a) && tame(b)) || (null(b) && tame(a));
  }
  if (isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp, arith::NegFOp, math::TanhOp, math::SinOp, math::AbsFOp, math::SqrtOp,
          math::AtanOp, math::ErfOp, arith::SIToFPOp, arith::UIToFPOp, arith::ExtFOp,
          arith::TruncFOp, ir::StopOp>(def))
    return llvm::all_of(def->getOperands(), null);
  if (auto select = dyn_cast<arith::SelectOp>(def))
    return null(select.getTrueValue()) && null(select.getFalseValue());
  return false;
}

/// What becomes one kernel, or one thing that the step function does itself.
struct Node {
  SmallVector<Operation *> ops; ///< the last one is the root
  SetVector<int> after;
};

class StepLowering {
public:
  StepLowering(StepPlan &plan, ModuleOp source, ModuleOp kernels, const Machine &machine,
               llvm::StringMap<std::string> &known)
      : plan(plan), step(plan.step), source(source), kernels(kernels), machine(machine),
        known(known), layout(plan.batch), b(kernels.getContext()), loc(step.getLoc()) {}

  llvm::Error run() {
    makeNodes();
    openFunction();
    llvm::Expected<std::vector<int>> order = arrange();
    if (!order)
      return order.takeError();
    for (int n : *order)
      if (auto failed = emit(nodes[n]))
        return failed;
    for (auto [write, value] : copies)
      copy(bufferOf(value), states.lookup(write.getState()));
    b.create<func::ReturnOp>(loc);
    return llvm::Error::success();
  }

private:
  //===--- what becomes a kernel -------------------------------------------===//

  /// Noise that one lift alone uses: it is drawn point by point where the lift
  /// computes, or block by block of the rows that a contraction sums over.
  ir::LiftOp userOfNoise(Operation *op) {
    if (op->getNumResults() != 1 || !op->getResult(0).hasOneUse())
      return {};
    OpOperand &use = *op->getResult(0).use_begin();
    auto user = dyn_cast<ir::LiftOp>(use.getOwner());
    if (!user)
      return {};
    AffineMap map = user.getInputMap(use.getOperandNumber());
    if (auto draw = dyn_cast<ir::DrawOp>(op)) // what is drawn as a whole needs memory
      return draw.getDistribution() != "orthogonal" && !user.reduces() && map.isIdentity() &&
                     map.getNumDims() > 0
                 ? user
                 : ir::LiftOp();
    auto lift = cast<ir::LiftOp>(op);
    if (!drawsNoise(op) || lift.reduces() || lift.getSizes().size() != 2 ||
        isSampleAxis(lift.getSizes()[0]))
      return {};
    return sumsOverRows(user, map) ? user : ir::LiftOp();
  }

  /// result(b, j) = sum over i of x(b, i) * w(i, j), where w is read by `map`.
  bool sumsOverRows(ir::LiftOp lift, AffineMap map) {
    if (!lift.isContraction() || lift.getSizes().size() != 3 || map.getNumResults() != 2)
      return false;
    AffineMap result = lift.getResultMap(0);
    return result.getNumResults() == 2 && isSampleAxis(lift.getSizes()[0]) &&
           result.getDimPosition(0) == 0 && map.getDimPosition(1) == result.getDimPosition(1) &&
           !result.isFunctionOfDim(map.getDimPosition(0));
  }

  bool drawsNoise(Operation *op) {
    return llvm::any_of(pending.lookup(op), llvm::IsaPred<ir::DrawOp>);
  }

  /// A sum that one lift alone uses, at the place where it computes: the sum
  /// can stay in registers.
  ir::LiftOp consumerOf(ir::LiftOp lift) {
    if (drawsNoise(lift) || lift.getNumResults() != 1 || !lift.reduces() ||
        isScalar(lift.getResult(0)))
      return {};
    Value result = lift.getResult(0);
    if (!result.hasOneUse())
      return {};
    auto user = dyn_cast<ir::LiftOp>(*result.user_begin());
    if (!user || user.reduces())
      return {};
    AffineMap map = user.getInputMap(result.use_begin()->getOperandNumber());
    for (unsigned r = 0; r < user.getNumResults(); ++r)
      if (user.getResultMap(r) != user.getResultMap(0))
        return {};
    if (map != user.getResultMap(0) || map.getNumResults() != user.getSizes().size())
      return {};
    return user;
  }

  void makeNodes() {
    for (Operation &op : step.getBody().front()) {
      ir::LiftOp user;
      if (isa<ir::DrawOp, ir::LiftOp>(op))
        user = userOfNoise(&op);
      if (auto lift = dyn_cast<ir::LiftOp>(op); lift && !user)
        user = consumerOf(lift);
      if (user) {
        SmallVector<Operation *> members = pending.lookup(&op);
        members.push_back(&op);
        pending[user].append(members);
        continue;
      }
      if (isa<ir::ReadOp, ir::GetParamOp, ir::ClockOp>(op))
        continue;
      Node node;
      node.ops = pending.lookup(&op);
      node.ops.push_back(&op);
      for (Operation *member : node.ops)
        nodeOf[member] = nodes.size();
      nodes.push_back(std::move(node));
    }
  }

  /// Orders the nodes: after what they use, and a state's new value after all
  /// readers of the old one. Where that is impossible the new value waits in a
  /// temporary and is copied at the end.
  llvm::Expected<std::vector<int>> arrange() {
    for (auto [n, node] : llvm::enumerate(nodes))
      for (Operation *op : node.ops)
        for (Value operand : op->getOperands())
          if (Operation *def = operand.getDefiningOp())
            if (auto it = nodeOf.find(def); it != nodeOf.end() && it->second != (int)n)
              node.after.insert(it->second);
    for (Operation &op : llvm::make_early_inc_range(step.getBody().front())) {
      auto write = dyn_cast<ir::WriteOp>(op);
      if (!write)
        continue;
      Value value = write.getValue();
      auto lift = value.getDefiningOp<ir::LiftOp>();
      if (lift && !inPlace.count(value) && fitsInPlace(lift, value, write.getState())) {
        int writer = nodeOf[lift];
        auto before = nodes[writer].after;
        for (int reader : readersOf(write.getState()))
          if (reader != writer)
            nodes[writer].after.insert(reader);
        if (sorted()) {
          inPlace[value] = write.getState();
          continue;
        }
        nodes[writer].after = before;
      }
      copies.push_back({write, value});
      plan.copied.push_back(write);
    }
    auto order = sorted();
    if (!order)
      return error("step '" + step.getSymName() + "' computes a value from itself");
    return *order;
  }

  SmallVector<int> readersOf(StringRef state) {
    SmallVector<int> list;
    for (auto read : step.getBody().front().getOps<ir::ReadOp>())
      if (read.getState() == state)
        for (Operation *user : read.getValue().getUsers())
          if (!isa<ir::WriteOp>(user))
            list.push_back(nodeOf[user]);
    return list;
  }

  /// The kernel may read the old value only at the element that it replaces.
  bool fitsInPlace(ir::LiftOp lift, Value value, StringRef state) {
    unsigned r = cast<OpResult>(value).getResultNumber();
    for (Operation *op : nodes[nodeOf[lift]].ops)
      for (OpOperand &operand : op->getOpOperands())
        if (auto read = operand.get().getDefiningOp<ir::ReadOp>();
            read && read.getState() == state && !isScalar(read.getValue()))
          if (op != lift || lift.reduces() ||
              lift.getInputMap(operand.getOperandNumber()) != lift.getResultMap(r))
            return false;
    // A state that another result of this kernel replaces must not be the same.
    return true;
  }

  std::optional<std::vector<int>> sorted() {
    std::vector<int> order;
    std::vector<bool> done(nodes.size());
    while (order.size() < nodes.size()) {
      bool moved = false;
      for (size_t n = 0; n < nodes.size(); ++n)
        if (!done[n] && llvm::all_of(nodes[n].after, [&](int k) { return done[k]; })) {
          done[n] = moved = true;
          order.push_back(n);
        }
      if (!moved)
        return std::nullopt;
    }
    return order;
  }

  //===--- the step function -----------------------------------------------===//

  void openFunction() {
    SmallVector<Type> types;
    auto f64 = b.getF64Type();
    Type i64 = b.getI64Type();
    Block &block = step.getBody().front();
    for (auto state : source.getOps<ir::StateOp>())
      types.push_back(layout.memref(cast<RankedTensorType>(state.getType())));
    for (Value column : block.getArguments()) {
      SmallVector<int64_t> shape(typeOf(column).getShape());
      shape[0] = plan.batch;
      types.push_back(MemRefType::get(shape, signless(typeOf(column).getElementType())));
    }
    for (auto param : source.getOps<ir::ParamOp>())
      (void)param, types.push_back(f64);
    for (auto report : block.getOps<ir::ReportOp>()) {
      if (!report.deliversRows()) {
        plan.reports.push_back(report);
        continue;
      }
      plan.probes.push_back(report);
      SmallVector<int64_t> shape(typeOf(report.getValue()).getShape());
      shape[0] = plan.batch;
      types.push_back(MemRefType::get(shape, b.getF32Type()));
    }
    types.push_back(MemRefType::get({std::max<int64_t>(1, plan.reports.size())}, f64));
    types.push_back(MemRefType::get({plan.batch}, i64));
    types.append(6, i64); // samples, seed, trial, epoch, training, epoch_end
    b.setInsertionPointToEnd(kernels.getBody());
    plan.body = (step.getSymName() + ".body").str();
    auto function = b.create<func::FuncOp>(loc, plan.body, b.getFunctionType(types, {}));
    function->setAttr("apical.step", b.getUnitAttr());
    Block *entry = function.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    unsigned k = 0;
    for (auto state : source.getOps<ir::StateOp>())
      states[state.getSymName()] = entry->getArgument(k++);
    SmallVector<Value> columns;
    for (Value column : block.getArguments())
      (void)column, columns.push_back(entry->getArgument(k++));
    llvm::StringMap<Value> params;
    for (auto param : source.getOps<ir::ParamOp>())
      params[param.getSymName()] = entry->getArgument(k++);
    for (ir::ReportOp probe : plan.probes)
      outputs[probe] = entry->getArgument(k++);
    results = entry->getArgument(k++);
    Value rows = entry->getArgument(k++);
    Value count = entry->getArgument(k++);
    samples = b.create<arith::IndexCastOp>(loc, b.getIndexType(), count);
    seed = entry->getArgument(k++);
    trial = entry->getArgument(k++);
    llvm::StringMap<Value> clocks;
    clocks["samples"] = count;
    clocks["trial"] = trial;
    clocks["epoch"] = entry->getArgument(k++);
    clocks["training"] = entry->getArgument(k++);
    clocks["epoch_end"] = entry->getArgument(k++);
    Type f32 = b.getF32Type();
    for (auto [value, memory] : llvm::zip(block.getArguments(), columns))
      loadColumn(value, memory, [](OpBuilder &, Location, Value x) { return x; });
    for (Operation &op : block) {
      if (auto read = dyn_cast<ir::ReadOp>(op))
        buffers[read.getValue()] = states.lookup(read.getState());
      else if (auto get = dyn_cast<ir::GetParamOp>(op))
        store(b.create<arith::TruncFOp>(loc, f32, params.lookup(get.getParam())), get.getValue());
      else if (auto clock = dyn_cast<ir::ClockOp>(op)) {
        if (clock.getWhich() == "rows")
          loadColumn(clock.getValue(), rows, [](OpBuilder &builder, Location at, Value x) -> Value {
            return builder.create<arith::SIToFPOp>(at, builder.getF32Type(), x);
          });
        else
          store(b.create<arith::SIToFPOp>(loc, f32, clocks.lookup(clock.getWhich())),
                clock.getValue());
      }
    }
  }

  void store(Value number, Value value) {
    b.create<memref::StoreOp>(loc, number, bufferOf(value), ValueRange{});
  }

  /// The memory of a value; a temporary is made when it is first asked for.
  Value bufferOf(Value value) {
    Value &buffer = buffers[value];
    if (buffer)
      return buffer;
    if (auto it = inPlace.find(value); it != inPlace.end())
      return buffer = states.lookup(it->second);
    return buffer = allocate(typeOf(value));
  }

  Value allocate(RankedTensorType field) {
    MemRefType type = layout.memref(field), whole = layout.allocation(field);
    auto alloc = b.create<memref::AllocOp>(loc, whole);
    alloc->setAttr("value", TypeAttr::get(field)); // see checkMemory
    Value buffer = alloc;
    if (type != whole) {
      SmallVector<OpFoldResult> offset(type.getRank(), b.getIndexAttr(0)),
          stride(type.getRank(), b.getIndexAttr(1)), size;
      for (int64_t n : type.getShape())
        size.push_back(b.getIndexAttr(n));
      buffer = b.create<memref::SubViewOp>(loc, type, buffer, offset, size, stride);
    }
    return buffer;
  }

  SmallVector<Value> loopsOver(ArrayRef<int64_t> sizes, SmallVector<scf::ForOp> &loops) {
    SmallVector<Value> point;
    Value zero = b.create<arith::ConstantIndexOp>(loc, 0);
    Value one = b.create<arith::ConstantIndexOp>(loc, 1);
    for (int64_t n : sizes) {
      auto loop = b.create<scf::ForOp>(loc, zero, b.create<arith::ConstantIndexOp>(loc, n), one);
      loops.push_back(loop);
      point.push_back(loop.getInductionVar());
      b.setInsertionPointToStart(loop.getBody());
    }
    return point;
  }

  /// Data are contiguous and have `batch` rows: copies them into a padded field.
  void loadColumn(Value value, Value memory,
                  llvm::function_ref<Value(OpBuilder &, Location, Value)> convert) {
    if (value.use_empty())
      return;
    auto from = cast<MemRefType>(memory.getType());
    if (layout.memref(typeOf(value)) == from) { // nothing to pad
      buffers[value] = memory;
      return;
    }
    Value target = bufferOf(value);
    auto type = cast<MemRefType>(target.getType());
    SmallVector<scf::ForOp> nest;
    if (type.getShape() != from.getShape()) {
      SmallVector<Value> point = loopsOver(type.getShape(), nest);
      Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type.getElementType()));
      b.create<memref::StoreOp>(loc, zero, target, point);
      b.setInsertionPointAfter(nest.front());
    }
    nest.clear();
    SmallVector<Value> point = loopsOver(from.getShape(), nest);
    Value element = b.create<memref::LoadOp>(loc, memory, point);
    b.create<memref::StoreOp>(loc, convert(b, loc, element), target, point);
    b.setInsertionPointAfter(nest.front());
  }

  void copy(Value from, Value to) {
    auto type = cast<MemRefType>(to.getType());
    SmallVector<scf::ForOp> nest;
    if (type.getRank() == 0) {
      b.create<memref::StoreOp>(loc, b.create<memref::LoadOp>(loc, from, ValueRange{}), to,
                                ValueRange{});
      return;
    }
    SmallVector<Value> point = loopsOver(type.getShape(), nest);
    b.create<memref::StoreOp>(loc, b.create<memref::LoadOp>(loc, from, point), to, point);
    b.setInsertionPointAfter(nest.front());
  }

  /// The logical elements of a field, dense, for the host.
  void emitProbe(ir::ReportOp probe) {
    Value from = bufferOf(probe.getValue()), to = outputs.lookup(probe);
    SmallVector<scf::ForOp> nest;
    SmallVector<Value> point = loopsOver(cast<MemRefType>(to.getType()).getShape(), nest);
    b.create<memref::StoreOp>(loc, b.create<memref::LoadOp>(loc, from, point), to, point);
    b.setInsertionPointAfter(nest.front());
  }

  void emitReport(ir::ReportOp report) {
    if (report.deliversRows())
      return emitProbe(report);
    unsigned k = llvm::find(plan.reports, report) - plan.reports.begin();
    Value buffer = bufferOf(report.getValue()), sum;
    Type f64 = b.getF64Type();
    if (isScalar(report.getValue())) {
      Value x = b.create<memref::LoadOp>(loc, buffer, ValueRange{});
      sum = b.create<arith::ExtFOp>(loc, f64, x);
    } else {
      Value zero = b.create<arith::ConstantIndexOp>(loc, 0);
      Value one = b.create<arith::ConstantIndexOp>(loc, 1);
      Value start = b.create<arith::ConstantOp>(loc, b.getF64FloatAttr(0));
      auto loop = b.create<scf::ForOp>(
          loc, zero, samples, one, ValueRange{start},
          [&](OpBuilder &in, Location at, Value i, ValueRange sums) {
            Value x = in.create<memref::LoadOp>(at, buffer, ValueRange{i});
            Value y = in.create<arith::ExtFOp>(at, f64, x);
            in.create<scf::YieldOp>(at, in.create<arith::AddFOp>(at, sums[0], y).getResult());
          });
      sum = loop.getResult(0);
    }
    Value at = b.create<arith::ConstantIndexOp>(loc, k);
    b.create<memref::StoreOp>(loc, sum, results, ValueRange{at});
  }

  //===--- kernels ---------------------------------------------------------===//

  llvm::Error emit(Node &node) {
    Operation *root = node.ops.back();
    if (auto report = dyn_cast<ir::ReportOp>(root))
      return emitReport(report), llvm::Error::success();
    if (isa<ir::WriteOp>(root))
      return llvm::Error::success();
    if (auto rank = dyn_cast<ir::RankOp>(root))
      return emitRank(rank), llvm::Error::success();
    if (!isa<ir::LiftOp, ir::DrawOp>(root))
      return error("operation '" + root->getName().getStringRef() +
                   "' cannot be compiled; run the differentiation pass first");
    if (auto draw = dyn_cast<ir::DrawOp>(root); draw && draw.getDistribution() == "orthogonal")
      return emitOrthogonal(draw), llvm::Error::success();
    // Inputs, outputs, and a function that takes them.
    SetVector<Value> inputs;
    SmallVector<Value> outputs(root->getResults());
    for (Operation *op : node.ops)
      for (Value operand : op->getOperands())
        if (!llvm::is_contained(node.ops, operand.getDefiningOp()))
          inputs.insert(operand);
    SmallVector<Value> actual, in(inputs.begin(), inputs.end());
    SmallVector<Type> types;
    DenseMap<Value, unsigned> slot; // input value -> argument
    SmallVector<unsigned> outSlot;
    for (Value input : in) {
      Value memory = bufferOf(input);
      bool shared = !isScalar(input) &&
                    llvm::any_of(outputs, [&](Value output) { return bufferOf(output) == memory; });
      if (shared)
        continue;
      auto it = llvm::find(actual, memory);
      slot[input] = it - actual.begin();
      if (it == actual.end())
        actual.push_back(memory);
    }
    DenseMap<Operation *, unsigned> transposedSlot;
    for (Operation *op : node.ops)
      if (auto lift = dyn_cast<ir::LiftOp>(op); lift && contractsRows(lift)) {
        transposedSlot[op] = actual.size();
        ArrayRef<int64_t> sizes = typeOf(lift.getInputs()[rowsOperand(lift)]).getShape();
        actual.push_back(allocate(RankedTensorType::get({sizes[1], sizes[0]}, b.getF32Type())));
      }
    for (Value output : outputs) {
      outSlot.push_back(actual.size());
      actual.push_back(bufferOf(output));
      for (Value input : in)
        if (!slot.count(input) && bufferOf(input) == actual.back())
          slot[input] = outSlot.back();
    }
    for (Value memory : actual)
      types.push_back(memory.getType());
    types.push_back(b.getIndexType());
    actual.push_back(samples);
    for (Operation *op : node.ops)
      if (auto draw = dyn_cast<ir::DrawOp>(op)) {
        types.append(2, b.getI64Type());
        actual.push_back(emitStreamKey(b, loc, seed, draw.getStream()));
        actual.push_back(
            draw.getPerTrial() ? trial : b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(0)));
      }
    auto function = func::FuncOp::create(loc, "kernel", b.getFunctionType(types, {}));
    Block *entry = function.addEntryBlock();
    OpBuilder k(entry, entry->end());
    for (auto [i, type] : llvm::enumerate(types))
      if (isa<MemRefType>(type))
        function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    DenseMap<Value, Value> values;
    DenseMap<unsigned, Value> tensors;
    for (Value input : in) {
      unsigned s = slot[input];
      Value arg = entry->getArgument(s);
      if (isScalar(input)) {
        values[input] = k.create<memref::LoadOp>(loc, arg, ValueRange{});
        continue;
      }
      bool written = llvm::is_contained(outSlot, s);
      Value &tensor = tensors[s];
      if (!tensor)
        tensor = k.create<bufferization::ToTensorOp>(loc, layout.tensor(typeOf(input)), arg, true,
                                                     written);
      values[input] = tensor;
    }
    SmallVector<Value> destinations;
    for (unsigned s : outSlot) {
      Value &tensor = tensors[s];
      if (!tensor) {
        auto type = cast<MemRefType>(types[s]);
        tensor = k.create<bufferization::ToTensorOp>(
            loc, RankedTensorType::get(type.getShape(), type.getElementType()),
            entry->getArgument(s), true, true);
      }
      destinations.push_back(tensor);
    }
    Value count = entry->getArgument(outSlot.empty() ? 0 : outSlot.back() + 1);
    SmallVector<Value> made;
    unsigned nextDraw = outSlot.back() + 2;
    for (Operation *op : node.ops) {
      SmallVector<Value> out = op == root ? destinations : SmallVector<Value>();
      if (auto draw = dyn_cast<ir::DrawOp>(op)) {
        made = {drawHere(k, draw, out.empty() ? Value() : out[0], count,
                         entry->getArgument(nextDraw), entry->getArgument(nextDraw + 1))};
        nextDraw += 2;
        values[draw.getValue()] = made[0];
        continue;
      }
      auto lift = cast<ir::LiftOp>(op);
      if (auto it = transposedSlot.find(op); it != transposedSlot.end()) {
        made = {emitContractedRows(k, lift, values, entry->getArgument(it->second), count)};
        if (op == root)
          made = {emitTranspose(k, made[0], out[0], 16)};
        else
          transposed.insert(lift.getResult(0));
        values[lift.getResult(0)] = made[0];
        continue;
      }
      made = emitLift(k, lift, values, out, count, op == root);
      if (drawsNoise(op))
        for (Value value : made)
          scheduleNoise(value.getDefiningOp<linalg::GenericOp>(), lift, op == root);
      for (auto [result, value] : llvm::zip(lift.getResults(), made))
        values[result] = value;
    }
    for (auto [s, value] : llvm::zip(outSlot, made)) {
      auto store = k.create<bufferization::MaterializeInDestinationOp>(loc, TypeRange{}, value,
                                                                       entry->getArgument(s));
      store.setRestrict(true);
      store.setWritable(true);
    }
    k.create<func::ReturnOp>(loc);
    std::string text;
    llvm::raw_string_ostream stream(text);
    function->print(stream, OpPrintingFlags().useLocalScope());
    std::string &name = known[text];
    if (name.empty()) {
      name = "kernel" + std::to_string(known.size());
      function.setName(name);
      function.setPrivate();
      kernels.push_back(function);
    } else {
      function->destroy();
    }
    b.create<func::CallOp>(loc, name, TypeRange{}, actual);
    return llvm::Error::success();
  }

  Value drawHere(OpBuilder &k, ir::DrawOp draw, Value place, Value count, Value key, Value when) {
    RankedTensorType type = layout.tensor(typeOf(draw.getValue()));
    bool root = bool(place);
    if (!root)
      place = k.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
    Value made = emitDraw(k, draw, place, {key, when, count});
    if (!draw.getValue().getType().hasStaticShape())
      nullRows.insert(draw.getValue());
    if (root && type.getRank())
      made.getDefiningOp()->setAttr("tile",
                                    b.getDenseI64ArrayAttr(drawTile(type.getShape(), false)));
    return made;
  }

  /// Pointwise code over noise is tiled as the noise is made best, unless a sum
  /// in the same kernel says otherwise. A contraction over noise takes its rows
  /// block by block, so that only a block is ever in memory.
  void scheduleNoise(linalg::GenericOp generic, ir::LiftOp lift, bool root) {
    SmallVector<int64_t> sizes = generic.getStaticLoopRanges();
    if (!lift.reduces()) {
      bool sums = llvm::any_of(pending.lookup(lift), llvm::IsaPred<ir::LiftOp>);
      if (!root || !sums)
        generic->setAttr(root ? "tile" : "panel",
                         b.getDenseI64ArrayAttr(drawTile(sizes, !runsOnce(step))));
      return;
    }
    int64_t rows = sizes.back(), block = 16;
    for (int64_t size = 16; size <= std::min<int64_t>(128, rows / 2); size += 16)
      if (rows % size == 0)
        block = size;
    generic->setAttr("block", b.getI64IntegerAttr(block));
    generic->removeAttr("par"); // or each thread draws all of it
    Operation *fill = generic.getDpsInitOperand(0)->get().getDefiningOp();
    fill->setAttr("tile", b.getDenseI64ArrayAttr({1, std::min<int64_t>(16, sizes[1])}));
  }

  bool padsAxis(int64_t size) { return isSampleAxis(size) || layout.paddedSize(size) != size; }

  Value inside(OpBuilder &k, unsigned loop, int64_t size, Value count) {
    Value index = k.create<linalg::IndexOp>(loc, loop);
    Value bound =
        isSampleAxis(size) ? count : k.create<arith::ConstantIndexOp>(loc, size).getResult();
    return k.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, index, bound);
  }

  Value number(OpBuilder &k, double value) {
    return k.create<arith::ConstantOp>(loc, k.getF32FloatAttr(value));
  }

  /// result(b, i) = sum over k of rows(b, k) * w(i, k): both operands are
  /// contiguous along the sum. The samples become the vector dimension instead:
  /// rows are transposed once, and the result in registers.
  bool contractsRows(ir::LiftOp lift) {
    if (layout.paddedBatch < 16 || lift.getNumResults() != 1 || lift.getInputs().size() != 2 ||
        lift.getSizes().size() != 3 || !isSampleAxis(lift.getSizes()[0]) || !lift.isContraction())
      return false;
    AffineMap result = lift.getResultMap(0);
    if (result.getNumResults() != 2 || result.getDimPosition(0) != 0)
      return false;
    unsigned n = result.getDimPosition(1), sum = 3 - n;
    auto is = [&](unsigned operand, unsigned first) {
      AffineMap map = lift.getInputMap(operand);
      return map.getNumResults() == 2 && map.getDimPosition(0) == first &&
             map.getDimPosition(1) == sum;
    };
    return (is(0, 0) && is(1, n)) || (is(1, 0) && is(0, n));
  }
  unsigned rowsOperand(ir::LiftOp lift) {
    return lift.getInputMap(0).getDimPosition(0) == 0 ? 0 : 1;
  }

  Value emitTranspose(OpBuilder &k, Value from, Value to, int64_t tile) {
    MLIRContext *context = b.getContext();
    AffineExpr m = getAffineDimExpr(0, context), n = getAffineDimExpr(1, context);
    auto generic = k.create<linalg::GenericOp>(
        loc, to.getType(), from, to,
        ArrayRef<AffineMap>{AffineMap::get(2, 0, {n, m}, context),
                            AffineMap::get(2, 0, {m, n}, context)},
        SmallVector<Kind>(2, Kind::parallel), [](OpBuilder &in, Location at, ValueRange args) {
          in.create<linalg::YieldOp>(at, args[0]);
        });
    generic->setAttr("tile", b.getDenseI64ArrayAttr({tile, tile}));
    if (machine.parallel && cast<ShapedType>(to.getType()).getNumElements() >= 1 << 17)
      generic->setAttr("par", b.getDenseI64ArrayAttr({0, tile}));
    return generic.getResult(0);
  }

  /// The contraction, as a field [i, b].
  Value emitContractedRows(OpBuilder &k, ir::LiftOp lift, DenseMap<Value, Value> &values,
                           Value memory, Value count) {
    MLIRContext *context = b.getContext();
    unsigned rows = rowsOperand(lift), n = lift.getResultMap(0).getDimPosition(1), sum = 3 - n;
    auto type = cast<MemRefType>(memory.getType());
    Value place = k.create<bufferization::ToTensorOp>(
        loc, RankedTensorType::get(type.getShape(), type.getElementType()), memory, true, true);
    Value turned = emitTranspose(k, values.lookup(lift.getInputs()[rows]), place, 16);
    Value weights = values.lookup(lift.getInputs()[1 - rows]);
    RankedTensorType result = layout.tensor(typeOf(lift.getResult(0)));
    Value out = k.create<tensor::EmptyOp>(
        loc, ArrayRef<int64_t>{result.getDimSize(1), result.getDimSize(0)}, k.getF32Type());
    out = k.create<linalg::FillOp>(loc, number(k, 0), out).getResult(0);
    SmallVector<unsigned> loopOfAxis(3);
    loopOfAxis[n] = 0;
    loopOfAxis[0] = 1;
    loopOfAxis[sum] = 2;
    AffineExpr i = getAffineDimExpr(0, context), s = getAffineDimExpr(1, context),
               c = getAffineDimExpr(2, context);
    auto generic = k.create<linalg::GenericOp>(
        loc, out.getType(), ValueRange{weights, turned}, out,
        ArrayRef<AffineMap>{AffineMap::get(3, 0, {i, c}, context),
                            AffineMap::get(3, 0, {c, s}, context),
                            AffineMap::get(3, 0, {i, s}, context)},
        ArrayRef<Kind>{Kind::parallel, Kind::parallel, Kind::reduction},
        [&](OpBuilder &in, Location at, ValueRange args) {
          Value product = in.create<arith::MulFOp>(at, args[0], args[1]);
          in.create<linalg::YieldOp>(at, finish(in, lift, 0, product, args[2], loopOfAxis, count));
        });
    generic->setAttr("ktile", b.getI64IntegerAttr(4));
    return generic.getResult(0);
  }

  /// One generic for all results that keep the same axes.
  SmallVector<Value> emitLift(OpBuilder &k, ir::LiftOp lift, DenseMap<Value, Value> &values,
                              ArrayRef<Value> destinations, Value count, bool root) {
    SmallVector<Value> made(lift.getNumResults());
    for (unsigned r = 0; r < lift.getNumResults(); ++r) {
      if (made[r])
        continue;
      auto axes = [&](unsigned q) {
        llvm::SmallBitVector used(lift.getSizes().size());
        for (AffineExpr e : lift.getResultMap(q).getResults())
          used.set(cast<AffineDimExpr>(e).getPosition());
        return used;
      };
      SmallVector<unsigned> members;
      for (unsigned q = r; q < lift.getNumResults(); ++q)
        if (!made[q] && axes(q) == axes(r))
          members.push_back(q);
      emitGeneric(k, lift, members, values, destinations, count, root, made);
    }
    return made;
  }

  void emitGeneric(OpBuilder &k, ir::LiftOp lift, ArrayRef<unsigned> members,
                   DenseMap<Value, Value> &values, ArrayRef<Value> destinations, Value count,
                   bool root, SmallVector<Value> &made) {
    MLIRContext *context = b.getContext();
    unsigned rank = lift.getSizes().size();
    // Loops: the axes of the result in its order, then what is reduced.
    SmallVector<unsigned> axisOfLoop, loopOfAxis(rank, ~0u);
    for (AffineExpr e : lift.getResultMap(members[0]).getResults())
      axisOfLoop.push_back(cast<AffineDimExpr>(e).getPosition());
    unsigned parallel = axisOfLoop.size();
    for (unsigned axis = 0; axis < rank; ++axis)
      if (!llvm::is_contained(axisOfLoop, axis))
        axisOfLoop.push_back(axis);
    // A sum over rows adds whole vectors: its loop is the outer one.
    bool sumsRows = rank == 2 && parallel == 1 && !lift.getInputs().empty() &&
                    llvm::all_of(lift.getInputs(), [&](Value input) {
                      AffineMap map = lift.getInputMap(llvm::find(lift.getInputs(), input) -
                                                       lift.getInputs().begin());
                      return map.getNumResults() == 0 ||
                             map.getDimPosition(map.getNumResults() - 1) == axisOfLoop[0];
                    });
    if (sumsRows)
      std::swap(axisOfLoop[0], axisOfLoop[1]);
    for (auto [loop, axis] : llvm::enumerate(axisOfLoop))
      loopOfAxis[axis] = loop;
    auto remap = [&](AffineMap map) {
      SmallVector<AffineExpr> exprs;
      for (AffineExpr e : map.getResults())
        exprs.push_back(
            getAffineDimExpr(loopOfAxis[cast<AffineDimExpr>(e).getPosition()], context));
      return AffineMap::get(rank, 0, exprs, context);
    };
    SmallVector<Value> ins, outs;
    SmallVector<unsigned> inOperand;
    SmallVector<AffineMap> maps;
    SmallVector<Value> scalarOf(lift.getInputs().size());
    SmallVector<int> outOf(lift.getInputs().size(), -1);
    llvm::SmallBitVector covered(rank);
    auto cover = [&](AffineMap map) {
      for (AffineExpr e : map.getResults())
        covered.set(cast<AffineDimExpr>(e).getPosition());
    };
    bool reduces = parallel < rank;
    for (auto [i, input] : llvm::enumerate(lift.getInputs())) {
      Value value = values.lookup(input);
      if (isScalar(input)) {
        scalarOf[i] = value.getType().isF32() || !isa<TensorType>(value.getType())
                          ? value
                          : k.create<tensor::ExtractOp>(loc, value, ValueRange{}).getResult();
        continue;
      }
      // The old value of what is written in place is the output's own element.
      if (!reduces && !destinations.empty())
        for (auto [m, r] : llvm::enumerate(members))
          if (destinations[r] == value && lift.getInputMap(i) == lift.getResultMap(r))
            outOf[i] = m;
      if (outOf[i] >= 0)
        continue;
      ins.push_back(value);
      inOperand.push_back(i);
      AffineMap map = lift.getInputMap(i);
      if (transposed.contains(input))
        map = AffineMap::get(rank, 0, {map.getResult(1), map.getResult(0)}, context);
      maps.push_back(remap(map));
      cover(maps.back());
    }
    for (unsigned r : members) {
      AffineMap map = remap(lift.getResultMap(r));
      cover(map);
    }
    unsigned real = ins.size();
    for (unsigned loop = 0; loop < rank; ++loop)
      if (!covered.test(loop)) {
        int64_t size = layout.paddedSize(lift.getSizes()[axisOfLoop[loop]]);
        ins.push_back(k.create<tensor::EmptyOp>(loc, ArrayRef<int64_t>{size}, k.getF32Type()));
        maps.push_back(AffineMap::get(rank, 0, getAffineDimExpr(loop, context)));
      }
    for (unsigned r : members) {
      RankedTensorType type = layout.tensor(typeOf(lift.getResult(r)));
      Value out = destinations.empty()
                      ? k.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType())
                      : destinations[r];
      if (reduces) {
        StringRef combiner = lift.getCombiner(r);
        double identity = combiner == "max"   ? -std::numeric_limits<double>::infinity()
                          : combiner == "min" ? std::numeric_limits<double>::infinity()
                                              : 0.0;
        auto fill = k.create<linalg::FillOp>(loc, number(k, identity), out);
        out = fill.getResult(0);
      }
      outs.push_back(out);
      maps.push_back(remap(lift.getResultMap(r)));
    }
    SmallVector<Kind> kinds(parallel, Kind::parallel);
    kinds.resize(rank, Kind::reduction);
    if (sumsRows)
      std::swap(kinds[0], kinds[1]);
    auto generic = k.create<linalg::GenericOp>(
        loc, ValueRange(outs).getTypes(), ins, outs, maps, kinds,
        [&](OpBuilder &in, Location at, ValueRange args) {
          IRMapping map;
          for (auto [i, operand] : llvm::enumerate(inOperand))
            map.map(lift.getBlock().getArgument(operand), args[i]);
          for (unsigned i = 0; i < scalarOf.size(); ++i) {
            if (scalarOf[i])
              map.map(lift.getBlock().getArgument(i), scalarOf[i]);
            if (outOf[i] >= 0)
              map.map(lift.getBlock().getArgument(i), args[ins.size() + outOf[i]]);
          }
          for (Operation &op : lift.getBlock().without_terminator())
            cloneScalar(in, op, map, loopOfAxis);
          // The factor that varies along the rows of the tile comes first: the
          // other order accumulates the transposed tile and shuffles it back.
          if (lift.isContraction() && parallel >= 2 && real == 2) {
            unsigned row = parallel - 2;
            auto product = map.lookup(lift.getYielded()[0]).getDefiningOp<arith::MulFOp>();
            if (product && product.getLhs() == args[1] && product.getRhs() == args[0] &&
                maps[0].isFunctionOfDim(row))
              product->setOperands({args[0], args[1]});
            else if (product && product.getLhs() == args[0] && product.getRhs() == args[1] &&
                     maps[1].isFunctionOfDim(row))
              product->setOperands({args[1], args[0]});
          }
          SmallVector<Value> yields;
          for (auto [m, r] : llvm::enumerate(members))
            yields.push_back(finish(in, lift, r, map.lookup(lift.getYielded()[r]),
                                    args[ins.size() + m], loopOfAxis, count));
          in.create<linalg::YieldOp>(at, yields);
        });
    for (auto [m, r] : llvm::enumerate(members))
      made[r] = generic.getResult(m);
    annotate(generic, lift, root);
  }

  void cloneScalar(OpBuilder &in, Operation &op, IRMapping &map, ArrayRef<unsigned> loopOfAxis) {
    if (auto index = dyn_cast<ir::IndexOp>(op)) {
      Value i = in.create<linalg::IndexOp>(loc, loopOfAxis[index.getAxis()]);
      Value n = in.create<arith::IndexCastOp>(loc, in.getI32Type(), i);
      map.map(index.getResult(), in.create<arith::SIToFPOp>(loc, in.getF32Type(), n).getResult());
    } else if (auto stop = dyn_cast<ir::StopOp>(op)) {
      map.map(stop.getResult(), map.lookupOrDefault(stop.getOperand()));
    } else {
      in.clone(op, map);
    }
  }

  /// A contraction over the samples stays a pure sum of products if one factor
  /// is zero on invalid rows; where that factor is made, the mask costs nothing.
  /// A factor that is not finite there must be zero itself.
  /// What a connection conducts is zero where its input is: the mask may stand there.
  bool feedsContraction(Value value, bool wild) {
    auto maker = value.getDefiningOp<ir::LiftOp>();
    return maker && !maker.reduces() && meetsContraction(value, wild, true);
  }
  bool meetsContraction(Value value, bool wild, bool conducted) {
    return llvm::any_of(value.getUses(), [&](OpOperand &use) {
      auto user = dyn_cast<ir::LiftOp>(use.getOwner());
      if (!user || !user.isContraction() || user.getSizes().empty() ||
          !isSampleAxis(user.getSizes()[0]))
        return false;
      if (user.getResultMap(0).isFunctionOfDim(0))
        return conducted && meetsContraction(user.getResult(0), false, false);
      return wild || llvm::none_of(user.getInputs(), [&](Value v) { return nullRows.contains(v); });
    });
  }

  /// Masks one contribution where it must not count, and combines it.
  Value finish(OpBuilder &in, ir::LiftOp lift, unsigned r, Value term, Value old,
               ArrayRef<unsigned> loopOfAxis, Value count) {
    StringRef combiner = lift.getCombiner(r);
    Value yielded = lift.getYielded()[r], result = lift.getResult(r);
    bool usesSamples = false;
    for (unsigned i = 0; i < lift.getInputs().size(); ++i)
      usesSamples |= !lift.getSizes().empty() && isSampleAxis(lift.getSizes()[0]) &&
                     lift.getInputMap(i).isFunctionOfDim(0);
    // Padding of units is zero, so never wild; invalid rows can be anything.
    auto wildRow = [&](unsigned i) { return wildRows.contains(lift.getInputs()[i]); };
    auto never = [](unsigned) { return false; };
    bool wild = mayBlowUp(yielded, wildRow);
    auto nullOutside = [&](unsigned axis) {
      bool isSample = isSampleAxis(lift.getSizes()[axis]);
      auto argIsNull = [&](unsigned i) {
        return lift.getInputMap(i).isFunctionOfDim(axis) &&
               (!isSample || nullRows.contains(lift.getInputs()[i]));
      };
      return isSample ? isNull(yielded, argIsNull, wildRow) : isNull(yielded, argIsNull, never);
    };
    AffineMap map = lift.getResultMap(r);
    for (auto [axis, size] : llvm::enumerate(lift.getSizes())) {
      if (!padsAxis(size))
        continue;
      bool isSample = isSampleAxis(size), null = nullOutside(axis);
      if (map.isFunctionOfDim(axis)) {
        bool mask = !null && (!isSample || !usesSamples || feedsContraction(result, wild));
        if (mask)
          term = in.create<arith::SelectOp>(loc, inside(in, loopOfAxis[axis], size, count), term,
                                            number(in, 0));
        // A maximum that masks its own axis may leave -inf where all was null.
        if (isSample && (null || mask) && (combiner == "none" || combiner == "sum"))
          nullRows.insert(result);
        else if (isSample && wild)
          wildRows.insert(result);
      }
    }
    for (auto [axis, size] : llvm::enumerate(lift.getSizes())) {
      if (!padsAxis(size) || map.isFunctionOfDim(axis))
        continue;
      if (combiner == "sum" && nullOutside(axis))
        continue;
      double identity = combiner == "max"   ? -std::numeric_limits<double>::infinity()
                        : combiner == "min" ? std::numeric_limits<double>::infinity()
                                            : 0.0;
      term = in.create<arith::SelectOp>(loc, inside(in, loopOfAxis[axis], size, count), term,
                                        number(in, identity));
    }
    if (map.getNumResults() == lift.getSizes().size())
      return term;
    if (combiner == "max")
      return in.create<arith::MaximumFOp>(loc, old, term);
    if (combiner == "min")
      return in.create<arith::MinimumFOp>(loc, old, term);
    return in.create<arith::AddFOp>(loc, old, term);
  }

  /// How a generic is tiled; see Schedule.cpp.
  void annotate(linalg::GenericOp generic, ir::LiftOp lift, bool root) {
    unsigned parallel = generic.getNumParallelLoops(), reduced = generic.getNumReductionLoops();
    if (parallel == 0) {
      generic->setAttr("scalar", b.getUnitAttr());
      return;
    }
    if (reduced)
      // What is summed per tile is unrolled: little of it where the tile is two-dimensional already.
      generic->setAttr(
          "ktile", b.getI64IntegerAttr(lift.isContraction() || reduced + parallel > 2 ? 4 : 16));
    if (!root)
      return;
    SmallVector<int64_t> sizes = generic.getStaticLoopRanges(), tile(sizes.size(), 0);
    SmallVector<unsigned> loops;
    for (auto [d, kind] : llvm::enumerate(generic.getIteratorTypesArray()))
      if (kind == Kind::parallel) {
        loops.push_back(d);
        tile[d] = 1;
      }
    unsigned last = loops.back(), outer = loops.front();
    tile[last] =
        sizes[last] % machine.cols == 0 ? machine.cols : std::min<int64_t>(16, sizes[last]);
    if (parallel == 1 && reduced && last == 0) // sums along the rows
      tile[last] = std::min<int64_t>(8, sizes[last]);
    if (parallel > 1) {
      unsigned row = loops[parallel - 2];
      tile[row] = std::min(machine.rows, sizes[row]);
      if (llvm::any_of(lift.getInputs(), [&](Value v) { return transposed.contains(v); }))
        tile[last] = tile[row] = 16; // transposed in registers
    }
    generic->setAttr("tile", b.getDenseI64ArrayAttr(tile));
    int64_t work = 1;
    for (int64_t n : sizes)
      work *= n;
    // Column panels outermost while the rows are samples: the panel of the
    // weights stays in the cache. Weights themselves are walked in order.
    bool samplesFirst = !lift.getSizes().empty() && isSampleAxis(lift.getSizes()[0]) &&
                        lift.getResultMap(0).isFunctionOfDim(0);
    bool members = parallel == 3 && reduced && loops[2] == 2; // of each sample
    if (((parallel == 2 && loops[1] == 1) || members) && samplesFirst) {
      outer = last;
      SmallVector<int64_t> order{last};
      for (unsigned d = 0; d < sizes.size(); ++d)
        if (d != last)
          order.push_back(d);
      generic->setAttr("order", b.getDenseI64ArrayAttr(order));
    }
    // Multiply-adds of the contractions that are made in the tiles.
    int64_t sums = lift.isContraction() ? work : 0;
    for (Operation *member : pending.lookup(lift))
      if (auto sum = dyn_cast<ir::LiftOp>(member); sum && sum.isContraction()) {
        int64_t points = 1;
        for (int64_t n : sum.getSizes())
          points *= layout.paddedSize(n);
        sums += points;
      }
    // About ten microseconds: less is not worth waking anybody. One point of a
    // map reads and writes memory, which costs as much as several multiply-adds.
    bool splits = std::max(sums, work * (reduced || lift.getInputs().empty() ? 1 : 8)) >= 1 << 20 &&
                  sizes[outer] > tile[outer];
    // Wide tiles and a narrow rest, where that is worth a second piece of code.
    bool alone = !(machine.parallel && splits && outer == last);
    if (sums >= 1 << 20 && alone && !drawsNoise(lift) && sizes[last] > machine.cols &&
        tile[last] == 16 && tile[last] < machine.cols &&
        tile != SmallVector<int64_t>(sizes.size(), 16)) {
      tile[last] = machine.cols;
      generic->setAttr("tile", b.getDenseI64ArrayAttr(tile));
    }
    if (splits) {
      SmallVector<int64_t> par(sizes.size(), 0);
      par[outer] = tile[outer];
      generic->setAttr("par", b.getDenseI64ArrayAttr(par));
    }
  }

  void emitOrthogonal(ir::DrawOp draw);
  void emitRank(ir::RankOp rank);

  StepPlan &plan;
  ir::StepOp step;
  ModuleOp source, kernels;
  const Machine &machine;
  llvm::StringMap<std::string> &known;
  Layout layout;
  OpBuilder b;
  Location loc;
  std::vector<Node> nodes;
  DenseMap<Operation *, SmallVector<Operation *>> pending;
  DenseMap<Operation *, int> nodeOf;
  DenseMap<Value, Value> buffers;
  DenseMap<Value, StringRef> inPlace;
  SmallVector<std::pair<ir::WriteOp, Value>> copies;
  llvm::StringMap<Value> states;
  DenseSet<Value> nullRows, transposed;
  DenseSet<Value> wildRows; ///< values whose invalid rows may be infinite or NaN
  Value results, samples, seed, trial;
  DenseMap<Operation *, Value> outputs; ///< of probes
};

/// Where the elements of memory stand. States and temporaries begin at their first element.
static SmallVector<int64_t> stridesOf(Value memory) {
  return getStridesAndOffset(cast<MemRefType>(memory.getType())).first;
}

/// Lets kernels call a function of the runtime, with pointers first and then whole numbers.
static void declareRuntime(ModuleOp kernels, StringRef name, unsigned pointers, unsigned numbers) {
  if (kernels.lookupSymbol(name))
    return;
  OpBuilder top(kernels.getBodyRegion());
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(kernels.getContext()));
  types.append(numbers, top.getI64Type());
  auto nothing = LLVM::LLVMVoidType::get(kernels.getContext());
  top.create<LLVM::LLVMFuncOp>(kernels.getLoc(), name, LLVM::LLVMFunctionType::get(nothing, types));
}

/// A matrix that is drawn as a whole is made by the runtime, through a function that takes the memory as an argument: the
/// pointer of a view inside the step would be that of what it looks into.
void StepLowering::emitOrthogonal(ir::DrawOp draw) {
  constexpr StringRef name = "apical_orthogonal";
  Value memory = bufferOf(draw.getValue());
  auto type = cast<MemRefType>(memory.getType());
  SmallVector<int64_t> strides = stridesOf(memory);
  ArrayRef<int64_t> logical = typeOf(draw.getValue()).getShape();
  Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(b.getContext());
  declareRuntime(kernels, name, 1, 7);
  std::string maker =
      ("orthogonal_" + Twine(logical[0]) + "_" + Twine(logical[1]) + "_" +
       Twine(type.getDimSize(0)) + "_" + Twine(type.getDimSize(1)) + "_" + Twine(strides[0]))
          .str();
  if (!kernels.lookupSymbol(maker)) {
    OpBuilder top(kernels.getBodyRegion());
    auto function = top.create<func::FuncOp>(loc, maker, top.getFunctionType({type, i64, i64}, {}));
    function.setPrivate();
    OpBuilder k = OpBuilder::atBlockEnd(function.addEntryBlock());
    Value address = k.create<arith::IndexCastOp>(
        loc, i64, k.create<memref::ExtractAlignedPointerAsIndexOp>(loc, function.getArgument(0)));
    SmallVector<Value> args{k.create<LLVM::IntToPtrOp>(loc, pointer, address)};
    for (int64_t v : {logical[0], logical[1], type.getDimSize(0), type.getDimSize(1), strides[0]})
      args.push_back(k.create<arith::ConstantOp>(loc, k.getI64IntegerAttr(v)));
    args.append({function.getArgument(1), function.getArgument(2)});
    k.create<LLVM::CallOp>(loc, TypeRange{}, name, args);
    k.create<func::ReturnOp>(loc);
  }
  Value key = emitStreamKey(b, loc, seed, draw.getStream());
  Value when = draw.getPerTrial()
                   ? trial
                   : b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(0)).getResult();
  b.create<func::CallOp>(loc, maker, TypeRange{}, ValueRange{memory, key, when});
}

/// The runtime ranks the lines of the first axis that there is besides, in a loop over further axes, and in a function of
/// its own as above. What pads the result is zero, rows of samples that are not there too.
void StepLowering::emitRank(ir::RankOp rank) {
  constexpr StringRef name = "apical_rank";
  Value from = bufferOf(rank.getOperand()), to = bufferOf(rank.getValue());
  auto type = cast<MemRefType>(to.getType());
  ArrayRef<int64_t> logical = typeOf(rank.getValue()).getShape();
  SmallVector<int64_t> strides = stridesOf(to);
  SmallVector<scf::ForOp> nest;
  SmallVector<Value> point = loopsOver(type.getShape(), nest);
  b.create<memref::StoreOp>(loc, number(b, 0), to, point);
  b.setInsertionPointAfter(nest.front());
  if (!typeOf(rank.getValue()).hasStaticShape())
    nullRows.insert(rank.getValue());
  unsigned axis = rank.getAxis();
  declareRuntime(kernels, name, 2, 4);
  std::string maker = ("rank_" + Twine(axis)).str();
  for (auto [size, stride] : llvm::zip(logical, strides))
    maker +=
        ("_" + Twine(ShapedType::isDynamic(size) ? plan.batch : size) + "_" + Twine(stride)).str();
  if (!kernels.lookupSymbol(maker)) {
    Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(b.getContext());
    OpBuilder top(kernels.getBodyRegion());
    auto function = top.create<func::FuncOp>(
        loc, maker, top.getFunctionType({from.getType(), type, top.getIndexType()}, {}));
    function.setPrivate();
    OpBuilder k = OpBuilder::atBlockEnd(function.addEntryBlock());
    auto constant = [&](int64_t v) { return k.create<arith::ConstantIndexOp>(loc, v).getResult(); };
    Value lines = constant(1), lineStep = constant(0), offset = constant(0);
    bool first = true;
    OpBuilder::InsertPoint end;
    for (unsigned d = 0; d < logical.size(); ++d) {
      if (d == axis)
        continue;
      if (first) {
        lines = ShapedType::isDynamic(logical[d]) ? function.getArgument(2) : constant(logical[d]);
        lineStep = constant(strides[d]);
        first = false;
        continue;
      }
      auto loop = k.create<scf::ForOp>(loc, constant(0), constant(logical[d]), constant(1));
      if (!end.isSet()) {
        k.setInsertionPointAfter(loop);
        end = k.saveInsertionPoint();
      }
      k.setInsertionPointToStart(loop.getBody());
      Value by = k.create<arith::MulIOp>(loc, loop.getInductionVar(), constant(strides[d]));
      offset = k.create<arith::AddIOp>(loc, offset, by);
    }
    Value bytes = k.create<arith::MulIOp>(loc, offset, constant(sizeof(float)));
    SmallVector<Value> args;
    for (Value memory : function.getArguments().take_front(2)) {
      Value address = k.create<arith::AddIOp>(
          loc, k.create<memref::ExtractAlignedPointerAsIndexOp>(loc, memory), bytes);
      args.push_back(k.create<LLVM::IntToPtrOp>(loc, pointer,
                                                k.create<arith::IndexCastOp>(loc, i64, address)));
    }
    for (Value v : {constant(logical[axis]), constant(strides[axis]), lines, lineStep})
      args.push_back(k.create<arith::IndexCastOp>(loc, i64, v));
    k.create<LLVM::CallOp>(loc, TypeRange{}, name, args);
    if (end.isSet())
      k.restoreInsertionPoint(end);
    k.create<func::ReturnOp>(loc);
  }
  b.create<func::CallOp>(loc, maker, TypeRange{}, ValueRange{from, to, samples});
}

} // namespace

llvm::Error lowerToLinalg(ModuleOp source, ModuleOp kernels, const Machine &machine,
                          std::vector<StepPlan> &plans) {
  llvm::StringMap<std::string> known;
  for (auto step : source.getOps<ir::StepOp>()) {
    if (step->hasAttr(laterAttribute))
      continue;
    StepPlan plan;
    plan.step = step;
    if (DictionaryAttr e = step.getExperimentAttr())
      if (auto batch = e.getAs<IntegerAttr>("batch"))
        plan.batch = batch.getInt();
    if (plan.batch < 1)
      return error("step '" + step.getSymName() + "' has batch " + Twine(plan.batch) +
                   "; a batch holds at least one sample");
    if (auto failed = StepLowering(plan, source, kernels, machine, known).run())
      return failed;
    plans.push_back(std::move(plan));
  }
  return llvm::Error::success();
}

} // namespace apical
