//===- ApicalOps.cpp - syntax and verification of the operations ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ir/ApicalDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace apical::ir;

#include "ir/ApicalDialect.cpp.inc"

void ApicalDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "ir/ApicalOps.cpp.inc"
      >();
}

Type apical::ir::bodyType(Type elementType) {
  if (auto integer = dyn_cast<IntegerType>(elementType))
    return IntegerType::get(integer.getContext(), integer.getWidth());
  return elementType;
}

//===----------------------------------------------------------------------===//
// Pieces shared by the verifiers
//===----------------------------------------------------------------------===//

/// `?` is the sample axis: it comes first, and only once.
static LogicalResult verifySampleAxis(Operation *op, Type type, const Twine &what) {
  auto shaped = cast<ShapedType>(type);
  for (int64_t axis = 1; axis < shaped.getRank(); ++axis)
    if (shaped.isDynamicDim(axis))
      return op->emitOpError() << "has a '?' at axis " << axis << " of " << what << " of type "
                               << type << ": '?' is the sample axis, which comes first and once";
  return success();
}

static LogicalResult verifyStaticShape(Operation *op, Type type, const Twine &what) {
  if (cast<ShapedType>(type).hasStaticShape())
    return success();
  return op->emitOpError() << "has a sample axis in " << what << " of type " << type
                           << ": what outlives the step has none";
}

//===----------------------------------------------------------------------===//
// Module level
//===----------------------------------------------------------------------===//

LogicalResult StateOp::verify() {
  bool known = llvm::StringSwitch<bool>(getRole())
                   .Cases("weight", "lasting", "optimizer", "counter", "item", true)
                   .Default(false);
  if (!known)
    return emitOpError() << "has the unknown role \"" << getRole()
                         << "\"; roles are weight, lasting, optimizer, counter, item";
  return verifyStaticShape(*this, getType(), "the state");
}

ParseResult StepOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("experiment"))) {
    DictionaryAttr experiment;
    if (parser.parseAttribute(experiment, getExperimentAttrName(result.name), result.attributes))
      return failure();
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  if (body->empty())
    body->emplaceBlock();
  return success();
}

void StepOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer,
                        [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ')';
  if (DictionaryAttr experiment = getExperimentAttr())
    printer << " experiment " << experiment;
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getSymNameAttrName(), getExperimentAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// Symbols exist and have the right type, and states are linear: one write per
/// state, and nothing read from it is used afterwards.
LogicalResult StepOp::verifyRegions() {
  for (BlockArgument column : getBody().getArguments()) {
    auto type = dyn_cast<RankedTensorType>(column.getType());
    if (!type || type.getRank() == 0 || !type.isDynamicDim(0))
      return emitOpError() << "has column " << column.getArgNumber() << " of type "
                           << column.getType() << ": a column is a tensor<?x…>, one row per sample";
    if (failed(verifySampleAxis(*this, type, "column " + Twine(column.getArgNumber()))))
      return failure();
  }

  Operation *module = (*this)->getParentWithTrait<OpTrait::SymbolTable>();
  if (!module)
    return emitOpError("stands outside of a module, so that its states cannot be found");
  SymbolTable symbols(module);

  auto verifyState = [&](Operation *op, StringRef name, Type type) -> LogicalResult {
    auto state = symbols.lookup<StateOp>(name);
    if (!state)
      return op->emitOpError() << "names the unknown state '" << name << "'";
    if (state.getType() == type)
      return success();
    InFlightDiagnostic error = op->emitOpError() << "has type " << type << ", but state '" << name
                                                 << "' has " << state.getType();
    error.attachNote(state.getLoc()) << "the state is declared here";
    return error;
  };

  llvm::StringMap<WriteOp> writes;
  for (Operation &op : getBody().front()) {
    if (auto param = dyn_cast<GetParamOp>(op)) {
      if (!symbols.lookup<ParamOp>(param.getParam()))
        return param.emitOpError() << "names the unknown parameter '" << param.getParam() << "'";
    } else if (auto read = dyn_cast<ReadOp>(op)) {
      if (failed(verifyState(read, read.getState(), read.getValue().getType())))
        return failure();
      if (auto write = writes.lookup(read.getState())) {
        InFlightDiagnostic error = read.emitOpError() << "reads state '" << read.getState()
                                                      << "' after it was written";
        error.attachNote(write.getLoc()) << "it is written here";
        return error;
      }
    } else if (auto write = dyn_cast<WriteOp>(op)) {
      if (failed(verifyState(write, write.getState(), write.getValue().getType())))
        return failure();
      auto [first, isNew] = writes.try_emplace(write.getState(), write);
      if (!isNew) {
        InFlightDiagnostic error = write.emitOpError()
                                   << "writes state '" << write.getState() << "' a second time";
        error.attachNote(first->second.getLoc()) << "it is first written here";
        return error;
      }
    }
  }

  // The memory of a state is reused in place: what was read is gone.
  for (auto read : getBody().front().getOps<ReadOp>()) {
    WriteOp write = writes.lookup(read.getState());
    if (!write)
      continue;
    for (Operation *user : read.getValue().getUsers()) {
      Operation *here = getBody().front().findAncestorOpInBlock(*user);
      if (!here || !write->isBeforeInBlock(here))
        continue;
      InFlightDiagnostic error = user->emitOpError() << "uses the value of state '"
                                                     << read.getState() << "' after it was written";
      error.attachNote(write.getLoc()) << "it is written here";
      return error;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Numbers and results
//===----------------------------------------------------------------------===//

LogicalResult ClockOp::verify() {
  auto type = cast<RankedTensorType>(getValue().getType());
  bool rows = getWhich() == "rows";
  bool number = llvm::StringSwitch<bool>(getWhich())
                    .Cases("samples", "trial", "epoch", "training", "epoch_end", true)
                    .Default(false);
  if (!rows && !number)
    return emitOpError() << "has the unknown kind \"" << getWhich()
                         << "\"; kinds are samples, trial, epoch, training, epoch_end, rows";
  if (number && type.getRank() != 0)
    return emitOpError() << "\"" << getWhich() << "\" is a tensor<f32>, not a " << type;
  if (rows && (type.getRank() != 1 || !type.isDynamicDim(0)))
    return emitOpError() << "\"rows\" is a tensor<?xf32>, not a " << type;
  return success();
}

LogicalResult DrawOp::verify() {
  if (getDistribution() == "orthogonal") {
    auto type = cast<RankedTensorType>(getValue().getType());
    if (type.getRank() != 2 || !type.hasStaticShape())
      return emitOpError() << "of the distribution \"orthogonal\" is a matrix, not a " << type;
    return success();
  }
  if (getDistribution() != "uniform" && getDistribution() != "normal")
    return emitOpError() << "has the unknown distribution \"" << getDistribution()
                         << "\"; distributions are uniform, normal, orthogonal";
  return verifySampleAxis(*this, getValue().getType(), "the draw");
}

LogicalResult ReportOp::verify() {
  bool known = llvm::StringSwitch<bool>(getKind())
                   .Cases("cost", "measure", "health", "whole", "residual", "probe", "item", true)
                   .Default(false);
  if (!known)
    return emitOpError() << "has the unknown kind \"" << getKind()
                         << "\"; kinds are cost, measure, health, whole, residual, probe, item";
  auto type = cast<RankedTensorType>(getValue().getType());
  if (getKind() == "whole" || getKind() == "residual") {
    if (type.getRank() != 0)
      return emitOpError() << "of kind \"" << getKind() << "\" takes a tensor<f32>, not a " << type;
  } else if (getKind() == "probe" || getKind() == "item") {
    if (type.getRank() == 0 || !type.isDynamicDim(0))
      return emitOpError() << "of kind \"" << getKind() << "\" takes one row per sample, not a "
                           << type;
  } else if (type.getRank() != 1 || !type.isDynamicDim(0)) {
    return emitOpError() << "of kind \"" << getKind() << "\" takes a tensor<?xf32>, not a " << type;
  }
  return success();
}

LogicalResult RankOp::verify() {
  auto type = cast<RankedTensorType>(getValue().getType());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= type.getRank())
    return emitOpError() << "runs along axis " << axis << " of a " << type;
  if (type.isDynamicDim(axis))
    return emitOpError() << "runs along the sample axis of a " << type
                         << ": samples do not see each other";
  return verifySampleAxis(*this, type, "the operand");
}

LogicalResult PlacesOp::verify() {
  auto type = cast<RankedTensorType>(getValue().getType());
  if (!type.hasStaticShape())
    return emitOpError() << "has elements without number in a " << type;
  for (int64_t place : getPlaces())
    if (place < 0 || place >= type.getNumElements())
      return emitOpError() << "names the place " << place << " of a " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// The multi-index of `n` among `sizes`, row by row.
static SmallVector<int64_t, 3> indices(int64_t n, ArrayRef<int64_t> sizes) {
  SmallVector<int64_t, 3> at(sizes.size());
  for (size_t d = sizes.size(); d-- > 0; n /= sizes[d])
    at[d] = n % sizes[d];
  return at;
}

void Window::forEach(function_ref<void(int64_t, int64_t, int64_t)> visit) const {
  for (int64_t place = 0; place < positions(); ++place) {
    SmallVector<int64_t, 3> where = indices(place, places);
    for (int64_t tap = 0; tap < taps(); ++tap) {
      SmallVector<int64_t, 3> inside = indices(tap, kernel);
      int64_t unit = 0;
      for (size_t d = 0; d < shape.size() && unit >= 0; ++d) {
        int64_t at = where[d] * stride[d] - before[d] + inside[d];
        unit = at < 0 || at >= shape[d] ? -1 : unit * shape[d] + at;
      }
      visit(place, tap, unit);
    }
  }
}

/// `area` is the field over units, `seen` the one over places and taps.
static LogicalResult verifyWindow(Operation *op, const Window &window, RankedTensorType area,
                                  RankedTensorType seen) {
  size_t dimensions = window.shape.size();
  for (ArrayRef<int64_t> sizes :
       {ArrayRef<int64_t>(window.kernel), ArrayRef<int64_t>(window.stride),
        ArrayRef<int64_t>(window.before), ArrayRef<int64_t>(window.places)})
    if (sizes.size() != dimensions)
      return op->emitOpError() << "has lists of different lengths";
  for (size_t d = 0; d < dimensions; ++d)
    if (window.shape[d] < 1 || window.kernel[d] < 1 || window.stride[d] < 1 ||
        window.places[d] < 1 || window.before[d] < 0 || window.before[d] >= window.kernel[d])
      return op->emitOpError() << "has no such window: see dimension " << d;
  if (area.getRank() < 1 || seen.getRank() != area.getRank() + 1 ||
      area.getShape().drop_back() != seen.getShape().drop_back(2))
    return op->emitOpError() << "makes two axes of the last one, and goes from " << area << " to "
                             << seen;
  int64_t first = window.tapsFirst ? window.taps() : window.positions(),
          second = window.tapsFirst ? window.positions() : window.taps();
  if (area.getShape().back() != window.units() || seen.getShape().take_back(2)[0] != first ||
      seen.getShape().back() != second)
    return op->emitOpError() << "has " << window.units() << " units, " << window.positions()
                             << " places and " << window.taps() << " taps, and goes between "
                             << area << " and " << seen;
  return verifySampleAxis(op, area, "the area");
}

LogicalResult UnfoldOp::verify() {
  return verifyWindow(*this, getWindow(), cast<RankedTensorType>(getOperand().getType()),
                      cast<RankedTensorType>(getValue().getType()));
}

LogicalResult FoldOp::verify() {
  return verifyWindow(*this, getWindow(), cast<RankedTensorType>(getValue().getType()),
                      cast<RankedTensorType>(getOperand().getType()));
}

//===----------------------------------------------------------------------===//
// Lift
//===----------------------------------------------------------------------===//

/// `(` ssa-list `:` type-list `)`; the list may be empty.
static ParseResult parseTypedOperands(OpAsmParser &parser,
                                      SmallVectorImpl<OpAsmParser::UnresolvedOperand> &operands,
                                      SmallVectorImpl<Type> &types) {
  if (parser.parseLParen())
    return failure();
  if (succeeded(parser.parseOptionalRParen()))
    return success();
  return failure(parser.parseOperandList(operands) || parser.parseColonTypeList(types) ||
                 parser.parseRParen());
}

static void printTypedOperands(OpAsmPrinter &printer, StringRef keyword, OperandRange operands) {
  if (operands.empty())
    return;
  printer << ' ' << keyword << '(' << operands << " : " << operands.getTypes() << ')';
}

ParseResult LiftOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<int64_t> sizes;
  if (parser.parseKeyword("sizes") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square,
                                     [&] { return parser.parseInteger(sizes.emplace_back()); }))
    return failure();

  SmallVector<OpAsmParser::UnresolvedOperand> inputs;
  SmallVector<Type> inputTypes;
  SMLoc inputLoc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("ins")) &&
      parseTypedOperands(parser, inputs, inputTypes))
    return failure();
  if (parser.resolveOperands(inputs, inputTypes, inputLoc, result.operands))
    return failure();

  if (parser.parseKeyword("outs") || parser.parseLParen() || parser.parseTypeList(result.types) ||
      parser.parseRParen())
    return failure();

  SmallVector<Attribute> maps;
  auto parseMap = [&]() -> ParseResult {
    AffineMap map;
    if (parser.parseAffineMap(map))
      return failure();
    maps.push_back(AffineMapAttr::get(map));
    return success();
  };
  ArrayAttr combiners;
  if (parser.parseKeyword("maps") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseMap) ||
      parser.parseKeyword("combiners") ||
      parser.parseAttribute(combiners, getCombinersAttrName(result.name), result.attributes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion()))
    return failure();

  Builder &builder = parser.getBuilder();
  result.addAttribute(getSizesAttrName(result.name), builder.getDenseI64ArrayAttr(sizes));
  result.addAttribute(getMapsAttrName(result.name), builder.getArrayAttr(maps));
  return success();
}

void LiftOp::print(OpAsmPrinter &printer) {
  printer << " sizes [";
  llvm::interleaveComma(getSizes(), printer);
  printer << ']';
  printTypedOperands(printer, "ins", getInputs());
  printer << " outs(" << getResultTypes() << ") maps [";
  llvm::interleaveComma(getMaps().getAsValueRange<AffineMapAttr>(), printer,
                        [&](AffineMap map) { map.print(printer.getStream()); });
  printer << "] combiners " << getCombiners();
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {getSizesAttrName(), getMapsAttrName(), getCombinersAttrName()});
  printer << ' ';
  printer.printRegion(getBody());
}

/// The tensor's shape is what the domain's sizes give through the map.
static LogicalResult verifyAccess(LiftOp op, Type type, AffineMap map, const Twine &what) {
  ArrayRef<int64_t> sizes = op.getSizes();
  auto shaped = cast<RankedTensorType>(type);
  if (map.getNumDims() != sizes.size() || map.getNumSymbols() != 0)
    return op.emitOpError() << "has a map of " << map.getNumDims() << " axes for " << what
                            << ", but the domain has " << sizes.size();
  if (!map.isProjectedPermutation())
    return op.emitOpError() << "has a map for " << what
                            << " that is not a projected permutation: " << AffineMapAttr::get(map);
  if (map.getNumResults() != shaped.getRank())
    return op.emitOpError() << "has a map with " << map.getNumResults() << " results for " << what
                            << " of type " << type;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    unsigned position = cast<AffineDimExpr>(expr).getPosition();
    int64_t size = sizes[position] == -1 ? ShapedType::kDynamic : sizes[position];
    if (shaped.getDimSize(axis) != size)
      return op.emitOpError() << "has " << what << " of type " << type << ", whose axis " << axis
                              << " does not have the size of axis " << position
                              << " of the domain, "
                              << (sizes[position] == -1 ? std::string("?")
                                                        : std::to_string(sizes[position]));
  }
  return verifySampleAxis(op, type, what);
}

LogicalResult LiftOp::verify() {
  for (auto [axis, size] : llvm::enumerate(getSizes())) {
    if (size == -1 && axis != 0)
      return emitOpError() << "has the sample axis at position " << axis
                           << " of its domain; it comes first and once";
    if (size != -1 && size <= 0)
      return emitOpError() << "has the size " << size << " at axis " << axis << " of its domain";
  }
  size_t values = getInputs().size() + getNumResults();
  if (getMaps().size() != values)
    return emitOpError() << "has " << getMaps().size() << " maps for " << values
                         << " operands and results";
  if (getCombiners().size() != getNumResults())
    return emitOpError() << "has " << getCombiners().size() << " combiners for " << getNumResults()
                         << " results";
  if (getNumResults() == 0)
    return emitOpError("has no result");

  for (auto [i, input] : llvm::enumerate(getInputs()))
    if (failed(verifyAccess(*this, input.getType(), getInputMap(i), "operand " + Twine(i))))
      return failure();
  for (auto [r, type] : llvm::enumerate(getResultTypes())) {
    if (failed(verifyAccess(*this, type, getResultMap(r), "result " + Twine(r))))
      return failure();
    bool known = llvm::StringSwitch<bool>(getCombiner(r))
                     .Cases("sum", "max", "min", "none", true)
                     .Default(false);
    if (!known)
      return emitOpError() << "has the unknown combiner \"" << getCombiner(r)
                           << "\"; combiners are sum, max, min, none";
    bool reduced = getResultMap(r).getNumResults() < getSizes().size();
    if (reduced && getCombiner(r) == "none")
      return emitOpError() << "reduces axes into result " << r
                           << ", which needs the combiner sum, max or min";
    if (!reduced && getCombiner(r) != "none")
      return emitOpError() << "reduces no axis into result " << r
                           << ", so its combiner is none, not " << getCombiner(r);
  }
  return success();
}

LogicalResult LiftOp::verifyRegions() {
  Block &block = getBlock();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError() << "has " << block.getNumArguments() << " body arguments for "
                         << getInputs().size() << " operands";
  for (auto [i, input] : llvm::enumerate(getInputs())) {
    Type expected = bodyType(cast<RankedTensorType>(input.getType()).getElementType());
    if (block.getArgument(i).getType() != expected)
      return emitOpError() << "has body argument " << i << " of type "
                           << block.getArgument(i).getType() << ", but operand " << i << " gives "
                           << expected;
  }
  for (Operation &op : block.without_terminator()) {
    Dialect *dialect = op.getDialect();
    bool scalar = dialect && (isa<arith::ArithDialect, math::MathDialect>(dialect) ||
                              isa<IndexOp, StopOp>(op));
    if (!scalar) {
      InFlightDiagnostic error =
          emitOpError("has a body with something else than arith, math, apical.index and "
                      "apical.stop: '")
          << op.getName() << "'";
      error.attachNote(op.getLoc()) << "it stands here";
      return error;
    }
    if (auto index = dyn_cast<IndexOp>(op))
      if (index.getAxis() >= getSizes().size())
        return index.emitOpError()
               << "names axis " << index.getAxis() << " of a domain that has " << getSizes().size();
  }
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("has a body that does not end in apical.yield");
  if (yield.getValues().size() != getNumResults())
    return yield.emitOpError() << "yields " << yield.getValues().size() << " values for "
                               << getNumResults() << " results";
  for (auto [r, value] : llvm::enumerate(yield.getValues())) {
    Type expected = bodyType(cast<RankedTensorType>(getResult(r).getType()).getElementType());
    if (value.getType() != expected)
      return yield.emitOpError() << "yields " << value.getType() << " for result " << r
                                 << ", which collects " << expected;
  }
  return success();
}

bool LiftOp::isContraction() {
  if (getNumResults() != 1 || getInputs().size() != 2 || getCombiner(0) != "sum")
    return false;
  Block &block = getBlock();
  if (block.getOperations().size() != 2)
    return false;
  auto product = dyn_cast<arith::MulFOp>(block.front());
  if (!product || getYielded()[0] != product.getResult())
    return false;
  Value a = product.getLhs(), b = product.getRhs();
  return a != b && isa<BlockArgument>(a) && isa<BlockArgument>(b);
}

//===----------------------------------------------------------------------===//
// Vjp
//===----------------------------------------------------------------------===//

/// Each of `values` has one of `others`, of its type.
static LogicalResult verifyPairs(Operation *op, ValueRange values, ValueRange others,
                                 StringRef value, StringRef other) {
  if (values.size() != others.size())
    return op->emitOpError() << "has " << others.size() << ' ' << other << "s for " << values.size()
                             << ' ' << value << 's';
  for (auto [i, v, o] : llvm::enumerate(values, others))
    if (v.getType() != o.getType())
      return op->emitOpError() << "has a " << other << " of type " << o.getType() << " for "
                               << value << ' ' << i << " of type " << v.getType();
  return success();
}

/// How the text of both derivatives ends: `held(…) {…} -> (…)`.
static ParseResult parseHeldAndResults(OpAsmParser &parser, OperationState &result,
                                       SmallVectorImpl<OpAsmParser::UnresolvedOperand> &held,
                                       SmallVectorImpl<Type> &heldTypes) {
  if (succeeded(parser.parseOptionalKeyword("held")) && parseTypedOperands(parser, held, heldTypes))
    return failure();
  return failure(parser.parseOptionalAttrDict(result.attributes) ||
                 parser.parseOptionalArrowTypeList(result.types));
}

ParseResult VjpOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> outputs, seeds, inputs, held;
  SmallVector<Type> outputTypes, inputTypes, heldTypes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword("of") || parser.parseLParen() || parser.parseOperandList(outputs) ||
      parser.parseKeyword("seeds") || parser.parseOperandList(seeds) ||
      parser.parseColonTypeList(outputTypes) || parser.parseRParen() ||
      parser.parseKeyword("wrt") || parseTypedOperands(parser, inputs, inputTypes))
    return failure();
  if (parseHeldAndResults(parser, result, held, heldTypes) ||
      parser.resolveOperands(outputs, outputTypes, loc, result.operands) ||
      parser.resolveOperands(seeds, outputTypes, loc, result.operands) ||
      parser.resolveOperands(inputs, inputTypes, loc, result.operands) ||
      parser.resolveOperands(held, heldTypes, loc, result.operands))
    return failure();
  auto &segments = result.getOrAddProperties<VjpOp::Properties>().operandSegmentSizes;
  size_t sizes[] = {outputs.size(), seeds.size(), inputs.size(), held.size()};
  llvm::copy(sizes, segments.begin());
  return success();
}

void VjpOp::print(OpAsmPrinter &printer) {
  printer << " of(" << getOutputs() << " seeds " << getSeeds() << " : " << getOutputs().getTypes()
          << ')';
  printer << " wrt(" << getInputs();
  if (!getInputs().empty())
    printer << " : " << getInputs().getTypes();
  printer << ')';
  printTypedOperands(printer, "held", getHeld());
  printer.printOptionalAttrDict((*this)->getAttrs(), {getOperandSegmentSizesAttrName()});
  printer.printArrowTypeList(getResultTypes());
}

LogicalResult VjpOp::verify() {
  if (failed(verifyPairs(*this, getOutputs(), getSeeds(), "output", "seed")))
    return failure();
  return verifyPairs(*this, getInputs(), getCotangents(), "input", "cotangent");
}

//===----------------------------------------------------------------------===//
// Jvp
//===----------------------------------------------------------------------===//

ParseResult JvpOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> outputs, inputs, displacements, held;
  SmallVector<Type> outputTypes, inputTypes, heldTypes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword("of") || parseTypedOperands(parser, outputs, outputTypes) ||
      parser.parseKeyword("along") || parser.parseLParen() || parser.parseOperandList(inputs) ||
      parser.parseKeyword("by") || parser.parseOperandList(displacements) ||
      parser.parseColonTypeList(inputTypes) || parser.parseRParen())
    return failure();
  if (parseHeldAndResults(parser, result, held, heldTypes) ||
      parser.resolveOperands(outputs, outputTypes, loc, result.operands) ||
      parser.resolveOperands(inputs, inputTypes, loc, result.operands) ||
      parser.resolveOperands(displacements, inputTypes, loc, result.operands) ||
      parser.resolveOperands(held, heldTypes, loc, result.operands))
    return failure();
  auto &segments = result.getOrAddProperties<JvpOp::Properties>().operandSegmentSizes;
  size_t sizes[] = {outputs.size(), inputs.size(), displacements.size(), held.size()};
  llvm::copy(sizes, segments.begin());
  return success();
}

void JvpOp::print(OpAsmPrinter &printer) {
  printTypedOperands(printer, "of", getOutputs());
  printer << " along(" << getInputs() << " by " << getDisplacements() << " : "
          << getInputs().getTypes() << ')';
  printTypedOperands(printer, "held", getHeld());
  printer.printOptionalAttrDict((*this)->getAttrs(), {getOperandSegmentSizesAttrName()});
  printer.printArrowTypeList(getResultTypes());
}

LogicalResult JvpOp::verify() {
  if (failed(verifyPairs(*this, getInputs(), getDisplacements(), "input", "displacement")))
    return failure();
  return verifyPairs(*this, getOutputs(), getTangents(), "output", "tangent");
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-parameter"
#define GET_OP_CLASSES
#include "ir/ApicalOps.cpp.inc"
#pragma clang diagnostic pop
