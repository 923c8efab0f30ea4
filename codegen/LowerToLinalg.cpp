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
//===----------------------------------------------------------------------===//

#include "codegen/Draw.h"
#include "codegen/Lifts.h"
#include "codegen/Pipeline.h"
#include "codegen/RuntimeCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
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

class StepLowering {
public:
  StepLowering(StepPlan &plan, ModuleOp source, ModuleOp kernels, const Machine &machine,
               llvm::StringMap<std::string> &known)
      : plan(plan), step(plan.step), source(source), kernels(kernels), known(known),
        layout(plan.batch), grouping(plan.step), padding(layout),
        tiles(plan.step, machine, layout, grouping), lifts(machine, layout, padding, tiles),
        b(kernels.getContext()), loc(step.getLoc()), runtime(kernels, layout, b, loc) {}

  llvm::Error run() {
    openFunction();
    llvm::Expected<std::vector<int>> order = grouping.arrange();
    if (!order)
      return order.takeError();
    for (int n : *order)
      if (auto failed = emit(grouping.nodes[n]))
        return failed;
    for (auto [write, value] : grouping.copies) {
      copy(bufferOf(value), states.lookup(write.getState()));
      plan.copied.push_back(write);
    }
    b.create<func::ReturnOp>(loc);
    return llvm::Error::success();
  }

private:
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
    if (auto it = grouping.inPlace.find(value); it != grouping.inPlace.end())
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
    if (type.getShape() != from.getShape())
      clear(target);
    SmallVector<scf::ForOp> nest;
    SmallVector<Value> point = loopsOver(from.getShape(), nest);
    Value element = b.create<memref::LoadOp>(loc, memory, point);
    b.create<memref::StoreOp>(loc, convert(b, loc, element), target, point);
    b.setInsertionPointAfter(nest.front());
  }

  void clear(Value memory) {
    auto type = cast<MemRefType>(memory.getType());
    SmallVector<scf::ForOp> nest;
    SmallVector<Value> point = loopsOver(type.getShape(), nest);
    Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type.getElementType()));
    b.create<memref::StoreOp>(loc, zero, memory, point);
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
    if (auto window = dyn_cast<ir::WindowOp>(root))
      return emitWindow(window), llvm::Error::success();
    if (auto listed = dyn_cast<ir::PlacesOp>(root))
      return emitPlaces(listed), llvm::Error::success();
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
    DenseMap<Operation *, unsigned> ownMemory;
    llvm::DenseSet<Operation *> overPlaces;
    auto turn = [&](Operation *op, unsigned operand) {
      ownMemory[op] = actual.size();
      ArrayRef<int64_t> sizes = typeOf(op->getOperand(operand)).getShape();
      actual.push_back(allocate(RankedTensorType::get({sizes[1], sizes[0]}, b.getF32Type())));
    };
    for (Operation *op : node.ops) {
      auto lift = dyn_cast<ir::LiftOp>(op);
      if (!lift)
        continue;
      // What else the kernel holds sees samples and places one by one.
      bool alone = !lift.getResultMap(0).isFunctionOfDim(0) || op == root;
      if (alone && llvm::all_of(lift.getInputs(), [&](Value v) { return slot.count(v); }) &&
          lifts.sweepsPlaces(lift)) {
        overPlaces.insert(op);
        if (std::optional<unsigned> weights = lifts.turnedWeights(lift)) {
          turn(op, *weights);
        } else if (op != root) {
          ownMemory[op] = actual.size();
          actual.push_back(allocate(typeOf(lift.getResult(0))));
        }
      } else if (lifts.contractsRows(lift)) {
        turn(op, lifts.rowsOperand(lift));
      }
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
      auto it = ownMemory.find(op);
      if (overPlaces.contains(op)) {
        made = {lifts.emitOverPlaces(
            k, lift, values, it == ownMemory.end() ? Value() : entry->getArgument(it->second),
            op == root ? out[0] : Value())};
        values[lift.getResult(0)] = made[0];
        continue;
      }
      if (it != ownMemory.end()) {
        made = {lifts.emitContractedRows(k, lift, values, entry->getArgument(it->second), count,
                                         op == root ? out[0] : Value())};
        values[lift.getResult(0)] = made[0];
        continue;
      }
      made = lifts.emit(k, lift, values, out, count, op == root);
      if (grouping.drawsNoise(op))
        for (Value value : made)
          tiles.chooseForNoise(value.getDefiningOp<linalg::GenericOp>(), lift, op == root);
      for (auto [result, value] : llvm::zip(lift.getResults(), made))
        values[result] = value;
    }
    for (auto [s, value] : llvm::zip(outSlot, made)) {
      auto store = k.create<bufferization::MaterializeInDestinationOp>(
          loc, TypeRange{}, value, lifts.inShapeOf(k, entry->getArgument(s), value));
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
      padding.setNullRows(draw.getValue());
    if (root && type.getRank())
      made.getDefiningOp()->setAttr("tile",
                                    b.getDenseI64ArrayAttr(drawTile(type.getShape(), false)));
    return made;
  }

  void emitOrthogonal(ir::DrawOp draw);
  void emitRank(ir::RankOp rank);
  void emitPlaces(ir::PlacesOp listed);
  void emitWindow(ir::WindowOp window);

  StepPlan &plan;
  ir::StepOp step;
  ModuleOp source, kernels;
  llvm::StringMap<std::string> &known;
  Layout layout;
  Grouping grouping;
  Padding padding;
  Tiles tiles;
  Lifts lifts;
  OpBuilder b;
  Location loc;
  RuntimeCalls runtime;
  DenseMap<Value, Value> buffers;
  llvm::StringMap<Value> states;
  Value results, samples, seed, trial;
  DenseMap<Operation *, Value> outputs; ///< of probes
};

void StepLowering::emitOrthogonal(ir::DrawOp draw) {
  Value key = emitStreamKey(b, loc, seed, draw.getStream());
  Value when = draw.getPerTrial()
                   ? trial
                   : b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(0)).getResult();
  runtime.orthogonal(bufferOf(draw.getValue()), typeOf(draw.getValue()), key, when);
}

/// What pads the result is zero, rows of samples that are not there too.
void StepLowering::emitRank(ir::RankOp rank) {
  Value from = bufferOf(rank.getOperand()), to = bufferOf(rank.getValue());
  clear(to);
  if (!typeOf(rank.getValue()).hasStaticShape())
    padding.setNullRows(rank.getValue());
  runtime.rank(from, to, typeOf(rank.getValue()), rank.getAxis(), samples);
}

/// The list is a constant of the program.
void StepLowering::emitPlaces(ir::PlacesOp listed) {
  Value to = bufferOf(listed.getValue());
  clear(to);
  ArrayRef<int64_t> places = listed.getPlaces(), sizes = typeOf(listed.getValue()).getShape();
  if (places.empty())
    return;
  OpBuilder top(kernels.getBodyRegion());
  int64_t count = static_cast<int64_t>(places.size());
  std::string name;
  for (int k = 0; name.empty() || kernels.lookupSymbol(name); ++k)
    name = "places" + std::to_string(k);
  auto type = MemRefType::get({count}, b.getI64Type());
  auto numbers = DenseElementsAttr::get(RankedTensorType::get({count}, b.getI64Type()), places);
  top.create<memref::GlobalOp>(loc, name, b.getStringAttr("private"), type, numbers,
                               /*constant=*/true, IntegerAttr());
  auto index = [&](int64_t v) { return b.create<arith::ConstantIndexOp>(loc, v).getResult(); };
  Value list = b.create<memref::GetGlobalOp>(loc, type, name);
  auto loop = b.create<scf::ForOp>(loc, index(0), index(count), index(1));
  b.setInsertionPointToStart(loop.getBody());
  Value k = b.create<memref::LoadOp>(loc, list, loop.getInductionVar());
  Value place = b.create<arith::IndexCastOp>(loc, b.getIndexType(), k);
  SmallVector<Value> at(sizes.size());
  for (size_t axis = sizes.size(); axis-- > 0;) {
    at[axis] = b.create<arith::RemUIOp>(loc, place, index(sizes[axis]));
    place = b.create<arith::DivUIOp>(loc, place, index(sizes[axis]));
  }
  Value one = b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(1));
  b.create<memref::StoreOp>(loc, one, to, at);
  b.setInsertionPointAfter(loop);
}

void StepLowering::emitWindow(ir::WindowOp window) {
  Value result = window.getValue(), from = bufferOf(window.getOperand()), to = bufferOf(result);
  if (typeOf(result).getRank() > (window.unfolds() ? 3 : 2)) // else the runtime clears what pads it
    clear(to);
  if (!typeOf(result).hasStaticShape())
    padding.setNullRows(result);
  runtime.window(from, to, typeOf(result), window.getWindow(), window.unfolds(), samples);
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
  divideByProducts(kernels, machine);
  for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
    takeRestApart(kernel, machine);
  return llvm::Error::success();
}

} // namespace apical
