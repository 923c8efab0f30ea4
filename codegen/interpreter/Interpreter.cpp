//===- Interpreter.cpp - runs a step as it is written ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/interpreter/Interpreter.h"
#include "apical/program.h"
#include "codegen/interpreter/Scalar.h"
#include "ir/Random.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace apical;
using namespace apical::ir;

Field::Field(std::vector<int64_t> dims, double value) : shape(std::move(dims)) {
  int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  data.assign(count, value);
}

Field Interpreter::make(Type type, double value) const {
  std::vector<int64_t> shape(cast<RankedTensorType>(type).getShape());
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = clock.samples;
  return Field(std::move(shape), value);
}

const Field *Interpreter::valueOf(Value value) const {
  auto found = values.find(value);
  return found == values.end() ? nullptr : &found->second;
}

//===----------------------------------------------------------------------===//
// Domains
//===----------------------------------------------------------------------===//

namespace {

using Array = Eigen::ArrayXd;
using Offsets = std::vector<int64_t>;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Points evaluated at once: long enough for vector code, short enough for the
/// cache.
constexpr int64_t chunkSize = 2048;

/// The domain of a lift, walked in row-major order in chunks.
class Domain {
public:
  Domain(LiftOp lift, int64_t samples) : sizes(lift.getSizes()) {
    for (int64_t &size : sizes)
      if (size == -1)
        size = samples;
    for (int64_t size : sizes)
      count *= size;
  }

  int64_t count = 1;

  /// How far a step along each axis goes in a row-major field read through
  /// `map`.
  std::vector<int64_t> strides(AffineMap map) const {
    std::vector<int64_t> result(sizes.size(), 0);
    int64_t stride = 1;
    for (unsigned axis = map.getNumResults(); axis-- > 0;) {
      result[map.getDimPosition(axis)] = stride;
      stride *= sizes[map.getDimPosition(axis)];
    }
    return result;
  }

  /// Where the points [begin, end) fall in a field with these strides.
  Offsets offsets(const std::vector<int64_t> &strides, int64_t begin, int64_t end) const {
    std::vector<int64_t> point(sizes.size());
    int64_t rest = begin, offset = 0;
    for (unsigned axis = sizes.size(); axis-- > 0;) {
      point[axis] = rest % sizes[axis];
      rest /= sizes[axis];
      offset += point[axis] * strides[axis];
    }
    Offsets result(end - begin);
    for (int64_t &where : result) {
      where = offset;
      for (unsigned axis = sizes.size(); axis-- > 0;) {
        offset += strides[axis];
        if (++point[axis] < sizes[axis])
          break;
        offset -= strides[axis] * sizes[axis];
        point[axis] = 0;
      }
    }
    return result;
  }

  Array coordinates(unsigned axis, int64_t begin, int64_t end) const {
    int64_t inner = 1;
    for (unsigned a = axis + 1; a < sizes.size(); ++a)
      inner *= sizes[a];
    Array result(end - begin);
    for (int64_t i = begin; i < end; ++i)
      result[i - begin] = static_cast<double>(i / inner % sizes[axis]);
    return result;
  }

private:
  SmallVector<int64_t> sizes;
};

Array gather(const Field &field, const Offsets &offsets) {
  Array result(static_cast<Eigen::Index>(offsets.size()));
  for (size_t i = 0; i < offsets.size(); ++i)
    result[static_cast<Eigen::Index>(i)] = field.data[offsets[i]];
  return result;
}

using Scalars = llvm::DenseMap<Value, Dual>;

/// Runs the body of `lift` at the points [begin, end). If `direction` is an
/// argument's number, that argument has tangent 1; `tangents` gives those of the arguments that have others.
FailureOr<Scalars> runBody(LiftOp lift, const Domain &domain, ArrayRef<const Field *> inputs,
                           int64_t begin, int64_t end, std::optional<unsigned> direction,
                           ArrayRef<const Field *> tangents = {}) {
  Scalars scalars;
  for (unsigned i = 0; i < inputs.size(); ++i) {
    Dual &argument = scalars[lift.getBlock().getArgument(i)];
    argument.value =
        gather(*inputs[i], domain.offsets(domain.strides(lift.getInputMap(i)), begin, end));
    if (direction == i)
      argument.tangent = Array::Ones(end - begin);
    if (!tangents.empty() && tangents[i])
      argument.tangent =
          gather(*tangents[i], domain.offsets(domain.strides(lift.getInputMap(i)), begin, end));
  }
  for (Operation &op : lift.getBlock().without_terminator()) {
    FailureOr<Dual> result = evaluateScalar(
        op, end - begin, [&](Value v) -> const Dual & { return scalars.find(v)->second; },
        [&](unsigned axis) { return domain.coordinates(axis, begin, end); });
    if (failed(result))
      return failure();
    scalars[op.getResult(0)] = std::move(*result);
  }
  return scalars;
}

/// A field of rank 2 as a matrix whose rows are the domain's axis `rows`.
std::optional<Matrix> asMatrix(const Field &field, AffineMap map, unsigned rows) {
  if (map.getNumResults() != 2)
    return std::nullopt;
  Eigen::Map<const Matrix> matrix(field.data.data(), field.shape[0], field.shape[1]);
  if (map.getDimPosition(0) == rows)
    return Matrix(matrix);
  return Matrix(matrix.transpose());
}

/// result += sum of a * b over the one axis of a three-dimensional domain that
/// `to` lacks; false if this is not such a product of matrices.
bool multiply(const Field &a, AffineMap aMap, const Field &b, AffineMap bMap, Field &result,
              AffineMap to) {
  if (to.getNumDims() != 3 || to.getNumResults() != 2 || aMap.getNumResults() != 2 ||
      bMap.getNumResults() != 2)
    return false;
  unsigned row = to.getDimPosition(0), column = to.getDimPosition(1);
  auto has = [](AffineMap map, unsigned axis) { return map.isFunctionOfDim(axis); };
  if (has(aMap, column) && has(bMap, row) && !has(aMap, row) && !has(bMap, column))
    return multiply(b, bMap, a, aMap, result, to);
  if (!has(aMap, row) || has(aMap, column) || !has(bMap, column) || has(bMap, row))
    return false;
  unsigned inner = 3 - row - column;
  Eigen::Map<Matrix> target(result.data.data(), result.shape[0], result.shape[1]);
  target.noalias() += *asMatrix(a, aMap, row) * *asMatrix(b, bMap, inner);
  return true;
}

} // namespace

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::evaluate(LiftOp lift) {
  SmallVector<const Field *> inputs;
  for (Value input : lift.getInputs())
    inputs.push_back(&values.find(input)->second);
  std::vector<Field> results;
  for (unsigned r = 0; r < lift.getNumResults(); ++r) {
    StringRef combiner = lift.getCombiner(r);
    double start = combiner == "max"   ? -std::numeric_limits<double>::infinity()
                   : combiner == "min" ? std::numeric_limits<double>::infinity()
                                       : 0.0;
    results.push_back(make(lift.getResult(r).getType(), start));
  }

  bool done =
      lift.isContraction() && multiply(*inputs[0], lift.getInputMap(0), *inputs[1],
                                       lift.getInputMap(1), results[0], lift.getResultMap(0));
  Domain domain(lift, clock.samples);
  for (int64_t begin = 0; !done && begin < domain.count; begin += chunkSize) {
    int64_t end = std::min(begin + chunkSize, domain.count);
    FailureOr<Scalars> scalars = runBody(lift, domain, inputs, begin, end, std::nullopt);
    if (failed(scalars))
      return failure();
    for (unsigned r = 0; r < results.size(); ++r) {
      Offsets offsets = domain.offsets(domain.strides(lift.getResultMap(r)), begin, end);
      const Array &yielded = scalars->find(lift.getYielded()[r])->second.value;
      StringRef combiner = lift.getCombiner(r);
      for (size_t i = 0; i < offsets.size(); ++i) {
        double &to = results[r].data[offsets[i]];
        double value = yielded[static_cast<Eigen::Index>(i)];
        if (combiner == "sum")
          to += value;
        else if (combiner == "none")
          to = value;
        else if (std::isnan(value) || (combiner == "max" ? value > to : value < to))
          to = value;
      }
    }
  }
  for (unsigned r = 0; r < results.size(); ++r)
    values[lift.getResult(r)] = std::move(results[r]);
  return success();
}

/// What a window sees of an area (`unfolds`), or the sum at each unit of what it leaves there.
static void throughWindow(const Window &window, const Field &from, Field &to, bool unfolds) {
  int64_t seen = window.positions() * window.taps(), units = window.units();
  window.forEach([&](int64_t place, int64_t tap, int64_t unit) {
    if (unit < 0)
      return;
    int64_t at = window.tapsFirst ? tap * window.positions() + place : place * window.taps() + tap;
    for (int64_t line = 0; line * units < (unfolds ? from : to).size(); ++line) {
      if (unfolds)
        to.data[line * seen + at] = from.data[line * units + unit];
      else
        to.data[line * units + unit] += from.data[line * seen + at];
    }
  });
}

/// The tape is the step itself: its lifts are walked backwards, and each
/// contributes cotangent times the derivative of its body at every point.
LogicalResult Interpreter::evaluate(VjpOp vjp) {
  llvm::DenseSet<Value> cuts(vjp.getHeld().begin(), vjp.getHeld().end());
  cuts.insert(vjp.getInputs().begin(), vjp.getInputs().end());
  llvm::DenseSet<Value> dependent(vjp.getInputs().begin(), vjp.getInputs().end());
  auto before = llvm::make_range(vjp->getBlock()->begin(), vjp->getIterator());
  SmallVector<Operation *> tape;
  for (Operation &op : before) {
    bool depends = llvm::any_of(op.getOperands(), [&](Value v) { return dependent.contains(v); });
    if (!depends || op.getNumResults() == 0)
      continue;
    tape.push_back(&op);
    for (Value result : op.getResults())
      if (!cuts.contains(result))
        dependent.insert(result);
  }

  llvm::DenseMap<Value, Field> cotangents;
  auto add = [&](Value to, const Field &contribution) {
    auto [place, isNew] = cotangents.try_emplace(to, contribution);
    if (!isNew)
      for (size_t i = 0; i < contribution.data.size(); ++i)
        place->second.data[i] += contribution.data[i];
  };
  for (auto [output, seed] : llvm::zip(vjp.getOutputs(), vjp.getSeeds()))
    if (dependent.contains(output))
      add(output, values.find(seed)->second);

  for (Operation *op : llvm::reverse(tape)) {
    SmallVector<unsigned> results;
    for (auto [r, result] : llvm::enumerate(op->getResults()))
      if (!cuts.contains(result) && cotangents.contains(result))
        results.push_back(r);
    if (results.empty() || isa<RankOp>(op)) // ranks change in jumps only
      continue;
    if (auto window = dyn_cast<WindowOp>(op)) {
      Field contribution = make(window.getOperand().getType());
      throughWindow(window.getWindow(), cotangents[window.getValue()], contribution,
                    !window.unfolds());
      add(window.getOperand(), contribution);
      continue;
    }
    auto lift = dyn_cast<LiftOp>(op);
    if (!lift) {
      InFlightDiagnostic error = vjp.emitOpError()
                                 << "the interpreter takes no derivative of '" << op->getName()
                                 << "'; differentiate the module first";
      error.attachNote(op->getLoc()) << "it stands here";
      return failure();
    }
    SmallVector<const Field *> inputs;
    for (Value input : lift.getInputs())
      inputs.push_back(&values.find(input)->second);
    Domain domain(lift, clock.samples);
    for (auto [k, input] : llvm::enumerate(lift.getInputs())) {
      if (!dependent.contains(input))
        continue;
      Field contribution = make(input.getType());
      if (lift.isContraction() &&
          multiply(*inputs[1 - k], lift.getInputMap(1 - k), cotangents[lift.getResult(0)],
                   lift.getResultMap(0), contribution, lift.getInputMap(k))) {
        add(input, contribution);
        continue;
      }
      bool passes = false; // else a barrier stands between this operand and the results
      for (int64_t begin = 0; begin < domain.count; begin += chunkSize) {
        int64_t end = std::min(begin + chunkSize, domain.count);
        FailureOr<Scalars> scalars = runBody(lift, domain, inputs, begin, end, unsigned(k));
        if (failed(scalars))
          return failure();
        Offsets to = domain.offsets(domain.strides(lift.getInputMap(k)), begin, end);
        for (unsigned r : results) {
          const Dual &yielded = scalars->find(lift.getYielded()[r])->second;
          if (!yielded.active())
            continue;
          passes = true;
          Value result = lift.getResult(r);
          Offsets from = domain.offsets(domain.strides(lift.getResultMap(r)), begin, end);
          const Field &cotangent = cotangents[result], &primal = values.find(result)->second;
          bool selects = lift.getCombiner(r) == "max" || lift.getCombiner(r) == "min";
          for (size_t i = 0; i < to.size(); ++i) {
            auto at = static_cast<Eigen::Index>(i);
            if (!selects || yielded.value[at] == primal.data[from[i]])
              contribution.data[to[i]] += cotangent.data[from[i]] * yielded.tangent[at];
          }
        }
      }
      if (passes)
        add(input, contribution);
    }
  }
  for (auto [input, result] : llvm::zip(vjp.getInputs(), vjp.getCotangents())) {
    auto found = cotangents.find(input);
    values[result] = found == cotangents.end() ? make(input.getType()) : found->second;
  }
  return success();
}

/// The lifts before are walked forwards once more, this time with tangents.
LogicalResult Interpreter::evaluate(JvpOp jvp) {
  llvm::DenseSet<Value> cuts(jvp.getHeld().begin(), jvp.getHeld().end());
  llvm::DenseMap<Value, Field> moved;
  auto add = [&](Value to, const Field &contribution) {
    auto [place, isNew] = moved.try_emplace(to, contribution);
    for (size_t i = 0; !isNew && i < contribution.data.size(); ++i)
      place->second.data[i] += contribution.data[i];
  };
  for (auto [input, displacement] : llvm::zip(jvp.getInputs(), jvp.getDisplacements()))
    add(input, values.find(displacement)->second);
  llvm::DenseSet<Operation *> between; // and before: what the outputs are made of
  SmallVector<Value> work(jvp.getOutputs());
  while (!work.empty())
    if (Operation *op = work.pop_back_val().getDefiningOp(); op && between.insert(op).second)
      work.append(op->operand_begin(), op->operand_end());
  for (Operation &op : llvm::make_range(jvp->getBlock()->begin(), jvp->getIterator())) {
    if (!between.contains(&op) || isa<RankOp>(op) ||
        llvm::none_of(op.getOperands(), [&](Value v) { return moved.contains(v); }) ||
        llvm::all_of(op.getResults(), [&](Value v) { return cuts.contains(v); }))
      continue;
    if (auto window = dyn_cast<WindowOp>(&op)) {
      Field tangent = make(window.getValue().getType());
      throughWindow(window.getWindow(), moved.find(window.getOperand())->second, tangent,
                    window.unfolds());
      add(window.getValue(), tangent);
      continue;
    }
    auto lift = dyn_cast<LiftOp>(op);
    if (!lift) {
      InFlightDiagnostic error = jvp.emitOpError()
                                 << "the interpreter takes no derivative of '" << op.getName()
                                 << "'; differentiate the module first";
      error.attachNote(op.getLoc()) << "it stands here";
      return failure();
    }
    SmallVector<const Field *> inputs, tangents;
    for (Value input : lift.getInputs()) {
      inputs.push_back(&values.find(input)->second);
      auto tangent = moved.find(input);
      tangents.push_back(tangent == moved.end() ? nullptr : &tangent->second);
    }
    std::vector<Field> results;
    for (Value result : lift.getResults())
      results.push_back(make(result.getType()));
    SmallVector<bool> passes(results.size(), false);
    Domain domain(lift, clock.samples);
    for (int64_t begin = 0; begin < domain.count; begin += chunkSize) {
      int64_t end = std::min(begin + chunkSize, domain.count);
      FailureOr<Scalars> scalars =
          runBody(lift, domain, inputs, begin, end, std::nullopt, tangents);
      if (failed(scalars))
        return failure();
      for (unsigned r = 0; r < results.size(); ++r) {
        const Dual &yielded = scalars->find(lift.getYielded()[r])->second;
        if (!yielded.active())
          continue;
        passes[r] = true;
        const Field &primal = values.find(lift.getResult(r))->second;
        bool selects = lift.getCombiner(r) == "max" || lift.getCombiner(r) == "min";
        Offsets to = domain.offsets(domain.strides(lift.getResultMap(r)), begin, end);
        for (size_t i = 0; i < to.size(); ++i) {
          auto at = static_cast<Eigen::Index>(i);
          if (!selects || yielded.value[at] == primal.data[to[i]])
            results[r].data[to[i]] += yielded.tangent[at];
        }
      }
    }
    for (unsigned r = 0; r < results.size(); ++r)
      if (passes[r] && !cuts.contains(lift.getResult(r)))
        add(lift.getResult(r), results[r]);
  }
  for (auto [output, result] : llvm::zip(jvp.getOutputs(), jvp.getTangents())) {
    auto found = moved.find(output);
    values[result] = found == moved.end() ? make(output.getType()) : found->second;
  }
  return success();
}

void Interpreter::evaluate(DrawOp draw) {
  Field field = make(draw.getValue().getType());
  uint64_t key = streamKey(clock.seed, draw.getStream());
  uint64_t trial = draw.getPerTrial() ? static_cast<uint64_t>(clock.trial) : 0;
  if (draw.getDistribution() == "orthogonal") { // the numbers that native code has
    llvm::ArrayRef<int64_t> shape = cast<RankedTensorType>(draw.getValue().getType()).getShape();
    std::vector<float> matrix(static_cast<size_t>(field.size()));
    apical_orthogonal(matrix.data(), shape[0], shape[1], shape[0], shape[1], shape[1], key, trial);
    for (int64_t e = 0; e < field.size(); ++e)
      field.data[e] = matrix[static_cast<size_t>(e)];
    values[draw.getValue()] = std::move(field);
    return;
  }
  bool normal = draw.getDistribution() == "normal";
  for (int64_t block = 0; 4 * block < field.size(); ++block) {
    std::array<double, 4> lanes = drawBlock(normal, block, trial, key);
    for (int64_t e = 4 * block; e < std::min(4 * block + 4, field.size()); ++e)
      field.data[e] = lanes[e % 4];
  }
  values[draw.getValue()] = std::move(field);
}

void Interpreter::evaluate(RankOp rank) {
  const Field &field = values.find(rank.getOperand())->second;
  Field result(field.shape, 1);
  auto axis = field.shape.begin() + rank.getAxis();
  int64_t inner = std::accumulate(axis + 1, field.shape.end(), int64_t(1), std::multiplies<>());
  std::vector<int64_t> order;
  for (int64_t first = 0; first < field.size(); ++first) {
    if (first / inner % *axis)
      continue;
    order.clear();
    for (int64_t i = 0; i < *axis; ++i)
      if (!std::isnan(field.data[first + i * inner]))
        order.push_back(first + i * inner);
    llvm::stable_sort(order, [&](int64_t a, int64_t b) { return field.data[a] > field.data[b]; });
    for (auto [before, at] : llvm::enumerate(order))
      result.data[at] = static_cast<double>(before + 1);
  }
  values[rank.getValue()] = std::move(result);
}

void Interpreter::evaluate(WindowOp window) {
  Field result = make(window.getValue().getType());
  throughWindow(window.getWindow(), values.find(window.getOperand())->second, result,
                window.unfolds());
  values[window.getValue()] = std::move(result);
}

LogicalResult Interpreter::evaluate(Operation &op) {
  if (auto lift = dyn_cast<LiftOp>(op))
    return evaluate(lift);
  if (auto vjp = dyn_cast<VjpOp>(op))
    return evaluate(vjp);
  if (auto jvp = dyn_cast<JvpOp>(op))
    return evaluate(jvp);
  if (auto draw = dyn_cast<DrawOp>(op)) {
    evaluate(draw);
    return success();
  }
  if (auto rank = dyn_cast<RankOp>(op)) {
    evaluate(rank);
    return success();
  }
  if (auto listed = dyn_cast<PlacesOp>(op)) {
    Field field = make(listed.getValue().getType());
    for (int64_t place : listed.getPlaces())
      field.data[place] = 1;
    values[listed.getValue()] = std::move(field);
    return success();
  }
  if (auto window = dyn_cast<WindowOp>(&op)) {
    evaluate(window);
    return success();
  }
  if (auto host = dyn_cast<ClockOp>(op)) {
    Field field = make(host.getValue().getType());
    StringRef which = host.getWhich();
    if (which == "rows") {
      for (int64_t i = 0; i < field.size(); ++i)
        field.data[i] = clock.rows.empty() ? static_cast<double>(i) : clock.rows[i];
    } else {
      field.data[0] = which == "samples"     ? static_cast<double>(clock.samples)
                      : which == "trial"     ? static_cast<double>(clock.trial)
                      : which == "epoch"     ? static_cast<double>(clock.epoch)
                      : which == "epoch_end" ? static_cast<double>(clock.epochEnd)
                                             : static_cast<double>(clock.training);
    }
    values[host.getValue()] = std::move(field);
    return success();
  }
  return op.emitError() << "the interpreter does not know '" << op.getName() << "'";
}

LogicalResult Interpreter::run(llvm::StringMap<Field> &states, ArrayRef<Field> columns,
                               const llvm::StringMap<double> &params, const HostClock &host,
                               std::vector<Reported> &results) {
  values.clear();
  clock = host;
  Block &block = step.getBody().front();
  if (columns.size() != block.getNumArguments())
    return step.emitOpError() << "takes " << block.getNumArguments() << " columns, but "
                              << columns.size() << " are given";
  if (!clock.rows.empty() && static_cast<int64_t>(clock.rows.size()) != clock.samples)
    return step.emitOpError() << "runs on " << clock.samples << " samples, but "
                              << clock.rows.size() << " row numbers are given";
  for (auto [argument, column] : llvm::zip(block.getArguments(), columns)) {
    if (column.shape != make(argument.getType()).shape)
      return step.emitOpError() << "has a column " << argument.getArgNumber() << " of type "
                                << argument.getType() << ", which the data given does not fit";
    values[argument] = column;
  }

  std::vector<Reported> reported;
  llvm::StringMap<Field> written;
  for (Operation &op : block) {
    if (auto read = dyn_cast<ReadOp>(op)) {
      auto state = states.find(read.getState());
      if (state == states.end())
        return read.emitOpError() << "reads state '" << read.getState() << "', which has no value";
      if (state->second.shape != make(read.getValue().getType()).shape)
        return read.emitOpError() << "reads state '" << read.getState()
                                  << "', whose value has another shape";
      values[read.getValue()] = state->second;
    } else if (auto write = dyn_cast<WriteOp>(op)) {
      written[write.getState()] = values.find(write.getValue())->second;
    } else if (auto get = dyn_cast<GetParamOp>(op)) {
      auto given = params.find(get.getParam());
      double value = 0;
      if (given != params.end())
        value = given->second;
      else if (auto declared =
                   SymbolTable::lookupNearestSymbolFrom<ParamOp>(get, get.getParamAttr()))
        value = declared.getValue().convertToDouble();
      values[get.getValue()] = make(get.getValue().getType(), value);
    } else if (auto report = dyn_cast<ReportOp>(op)) {
      reported.push_back({report.getName().str(), report.getKind().str(),
                          values.find(report.getValue())->second.data});
    } else if (failed(evaluate(op))) {
      return failure();
    }
  }
  for (auto &[name, field] : written)
    states[name] = std::move(field);
  for (Reported &report : reported)
    results.push_back(std::move(report));
  return success();
}
