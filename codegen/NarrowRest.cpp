//===- NarrowRest.cpp - the last columns of a product ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 100 units are six vectors of 16 and a quarter of one, and a product that computes
// the seventh vector wastes a tenth of its time. Where the rest is narrow its
// columns are taken apart, and the lanes of its vectors are not the columns but what
// lies side by side in the other factor:
//
//   the rows:  c[j, i] += b[k, j] a[k, i]         and c is turned in registers afterwards,
//   the sum:   c[i, j, l] += a[i, k, l] b[j, k, l]    and the lanes are added in the end.
//
// What is made of the product stays one operation, on all columns but the last
// sixteen, and on these.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace apical {
namespace {

constexpr int64_t lanes = 16;
using Kind = utils::IteratorType;

/// A product of two matrices, what is made of it, and where that goes.
struct Narrow {
  linalg::GenericOp product, root;
  Value a, b;           ///< of the rows, and of the columns
  AffineMap columnsMap; ///< of b
  bool acrossRows;      ///< the lanes of a are the rows, not the sum
  int64_t rows, sum, main, rest;
};

/// Is it worth the second piece of code, and of a form that is known here?
std::optional<Narrow> narrowRest(linalg::GenericOp product) {
  auto columns = product->getAttrOfType<IntegerAttr>("columns");
  if (product->hasAttr("tile") || product.getNumLoops() != 3 ||
      !product->getResult(0).hasOneUse() || product.getRegion().front().getOperations().size() != 3)
    return std::nullopt;
  Narrow n;
  n.product = product;
  n.root = dyn_cast<linalg::GenericOp>(*product->getResult(0).user_begin());
  SmallVector<int64_t> sizes = product.getStaticLoopRanges();
  SmallVector<AffineMap> maps = product.getIndexingMapsArray();
  n.rows = sizes[0], n.sum = sizes[2], n.main = sizes[1] - lanes;
  n.rest = columns.getInt() - n.main;
  unsigned a = maps[0].isFunctionOfDim(0) ? 0 : 1;
  auto is = [&](AffineMap map, unsigned first, unsigned second) {
    return map.getNumResults() == 2 && map.getDimPosition(0) == first &&
           map.getDimPosition(1) == second;
  };
  // The columns of wide matrices are few against the others, and a few rows do not pay for turning the weights. The
  // limits are by reckoning, from 784 x 100 with 64 rows, of which a tenth is saved.
  if (!n.root || n.main < 2 * lanes || n.main > 16 * lanes || n.rest < 1 || n.rest > lanes / 2 ||
      n.rows < 32 || n.rows * n.sum < 1 << 14 || n.rows % lanes || n.sum % lanes ||
      !is(maps[1 - a], 2, 1) || !is(maps[2], 0, 1) || (!is(maps[a], 0, 2) && !is(maps[a], 2, 0)))
    return std::nullopt;
  n.a = product->getOperand(a), n.b = product->getOperand(1 - a);
  n.columnsMap = maps[1 - a];
  // The rest is computed as a sum of products that starts at 0.
  auto ops = product.getRegion().front().begin();
  auto fill = product->getOperand(2).getDefiningOp<linalg::FillOp>();
  if (!isa<arith::MulFOp>(*ops) || !isa<arith::AddFOp>(*std::next(ops)) || !fill ||
      !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return std::nullopt;
  n.acrossRows = maps[a].getDimPosition(1) == 0;
  if (!n.root->hasAttr("tile") || n.root.getNumLoops() != 2 || n.root.getNumReductionLoops() ||
      !llvm::all_of(n.root.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return std::nullopt;
  for (OpOperand &operand : n.root->getOpOperands())
    if (operand.get() == product->getResult(0) &&
        !n.root.getMatchingIndexingMap(&operand).isIdentity())
      return std::nullopt;
  for (auto [out, result] : llvm::zip(n.root.getDpsInitsMutable(), n.root->getResults())) {
    auto memory = out.get().getDefiningOp<bufferization::ToTensorOp>();
    auto stored = result.hasOneUse()
                      ? dyn_cast<bufferization::MaterializeInDestinationOp>(*result.user_begin())
                      : bufferization::MaterializeInDestinationOp();
    if (!memory || !stored || stored.getDest() != memory.getMemref() ||
        !n.root.getMatchingIndexingMap(&out).isIdentity())
      return std::nullopt;
  }
  return n;
}

class Rewrite {
public:
  Rewrite(Narrow n, const Machine &machine)
      : n(n), machine(machine), b(n.root), loc(n.product.getLoc()) {}

  void run() {
    Value zero = b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(0));
    Value main = b.create<linalg::FillOp>(loc, zero, empty({n.rows, n.main})).getResult(0);
    SmallVector<Value> operands{n.a, columns(n.b, n.columnsMap, 0, n.main)};
    if (n.product->getOperand(0) != n.a)
      std::swap(operands[0], operands[1]);
    operands.push_back(main);
    Operation *wide = clone(b, n.product, main.getType(), operands);
    makeOf(wide->getResult(0), false, 0, n.main);
    makeOf(n.acrossRows ? restAcrossRows(zero) : restAcrossSum(zero), n.acrossRows, n.main, lanes);
    for (Operation *user : llvm::to_vector(n.root->getUsers()))
      user->erase();
    n.root->erase();
    Operation *fill = n.product->getOperand(2).getDefiningOp();
    n.product->erase();
    if (fill && fill->use_empty())
      fill->erase();
  }

private:
  AffineMap map(unsigned loops, ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> exprs;
    for (unsigned d : dims)
      exprs.push_back(b.getAffineDimExpr(d));
    return AffineMap::get(loops, 0, exprs, b.getContext());
  }
  Value empty(ArrayRef<int64_t> shape) {
    return b.create<tensor::EmptyOp>(loc, shape, b.getF32Type());
  }
  static void tile(Operation *op, ArrayRef<int64_t> sizes) {
    op->setAttr("tile", Builder(op->getContext()).getDenseI64ArrayAttr(sizes));
  }
  struct Part {
    SmallVector<OpFoldResult> offset, size, stride;
  };
  /// Of a value with these axes, where the second loop goes over some of the columns.
  std::optional<Part> part(ArrayRef<int64_t> shape, AffineMap axes, int64_t first, int64_t count) {
    Part p;
    bool cuts = false;
    for (auto [size, axis] : llvm::zip(shape, axes.getResults())) {
      bool here = cast<AffineDimExpr>(axis).getPosition() == 1;
      cuts |= here;
      p.offset.push_back(b.getIndexAttr(here ? first : 0));
      p.size.push_back(b.getIndexAttr(here ? count : size));
      p.stride.push_back(b.getIndexAttr(1));
    }
    return cuts ? std::optional(p) : std::nullopt;
  }
  Value columns(Value tensor, AffineMap axes, int64_t first, int64_t count) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    auto p = type ? part(type.getShape(), axes, first, count) : std::nullopt;
    return p ? b.create<tensor::ExtractSliceOp>(loc, tensor, p->offset, p->size, p->stride)
             : tensor;
  }

  /// What is made of some columns of the product.
  void makeOf(Value product, bool turned, int64_t first, int64_t count) {
    SmallVector<AffineMap> maps = n.root.getIndexingMapsArray();
    SmallVector<Value> operands, memories;
    SmallVector<Type> types;
    for (auto [operand, axes] : llvm::zip(n.root->getOpOperands(), maps)) {
      if (operand.get() == n.product->getResult(0)) {
        operands.push_back(product);
        if (turned)
          axes = map(2, {1, 0});
      } else if (operand.getOperandNumber() < n.root.getNumDpsInputs()) {
        operands.push_back(columns(operand.get(), axes, first, count));
      } else {
        auto whole = operand.get().getDefiningOp<bufferization::ToTensorOp>();
        auto memory = cast<MemRefType>(whole.getMemref().getType());
        auto p = part(memory.getShape(), axes, first, count);
        Value place =
            b.create<memref::SubViewOp>(loc, whole.getMemref(), p->offset, p->size, p->stride);
        types.push_back(RankedTensorType::get({n.rows, count}, memory.getElementType()));
        memories.push_back(place);
        operands.push_back(
            b.create<bufferization::ToTensorOp>(loc, types.back(), place, true, true));
      }
    }
    auto made = cast<linalg::GenericOp>(clone(b, n.root, types, operands));
    made.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
    // Threads share the columns in pieces that fit.
    auto par = made->getAttrOfType<DenseI64ArrayAttr>("par");
    if (machine.parallel && par && par[1] && count % par[1]) {
      SmallVector<int64_t> sizes(made->getAttrOfType<DenseI64ArrayAttr>("tile").asArrayRef());
      sizes[1] = lanes;
      tile(made, sizes);
      made->setAttr("par", b.getDenseI64ArrayAttr({par[0], lanes}));
    }
    if (first) {
      tile(made, turned ? ArrayRef<int64_t>{lanes, lanes} : ArrayRef<int64_t>{8, lanes});
      made->removeAttr("par");
      made.walk([&](linalg::IndexOp index) {
        if (index.getDim() != 1)
          return;
        OpBuilder in(index->getContext());
        in.setInsertionPointAfter(index);
        Value offset = in.create<arith::ConstantIndexOp>(loc, first);
        auto column = in.create<arith::AddIOp>(loc, index, offset);
        index.getResult().replaceAllUsesExcept(column, column);
      });
    }
    for (auto [result, memory] : llvm::zip(made->getResults(), memories)) {
      auto stored = b.create<bufferization::MaterializeInDestinationOp>(loc, result, memory);
      stored.setRestrict(true);
      stored.setWritable(true);
    }
  }

  linalg::GenericOp generic(ArrayRef<Value> ins, Value out, ArrayRef<AffineMap> maps,
                            unsigned reductions,
                            llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
    unsigned loops = maps[0].getNumDims();
    SmallVector<Kind> kinds(loops, Kind::parallel);
    std::fill(kinds.end() - reductions, kinds.end(), Kind::reduction);
    return b.create<linalg::GenericOp>(loc, out.getType(), ins, out, maps, kinds,
                                       [&](OpBuilder &in, Location at, ValueRange args) {
                                         in.create<linalg::YieldOp>(at, body(in, args));
                                       });
  }
  Value multiplyAdd(OpBuilder &in, ValueRange args) {
    Value product = in.create<arith::MulFOp>(loc, args[0], args[1]);
    return in.create<arith::AddFOp>(loc, args[2], product);
  }
  /// For each column of the rest: as many in all as a tile of the other columns has.
  int64_t accumulators() const {
    return std::max<int64_t>(1, machine.rows * machine.cols / lanes / n.rest);
  }
  /// Zeros of this shape, where what `make` makes of its part has the first rows and columns.
  Value inZeros(Value zero, ArrayRef<int64_t> shape, ArrayRef<int64_t> zeroTile,
                ArrayRef<int64_t> part, llvm::function_ref<Value(Value)> make) {
    auto fill = b.create<linalg::FillOp>(loc, zero, empty(shape));
    tile(fill, zeroTile);
    SmallVector<OpFoldResult> offset(2, b.getIndexAttr(0)), stride(2, b.getIndexAttr(1)),
        size{b.getIndexAttr(part[0]), b.getIndexAttr(part[1])};
    Value place = b.create<tensor::ExtractSliceOp>(loc, fill.getResult(0), offset, size, stride);
    return b.create<tensor::InsertSliceOp>(loc, make(place), fill.getResult(0), offset, size,
                                           stride);
  }

  Value restAcrossRows(Value zero) {
    auto make = [&](Value part) -> Value {
      Value narrow = columns(n.b, n.columnsMap, n.main, n.rest);
      auto sums = generic({narrow, n.a}, part, {map(3, {2, 0}), map(3, {2, 1}), map(3, {0, 1})}, 1,
                          [&](OpBuilder &in, ValueRange args) { return multiplyAdd(in, args); });
      tile(sums, {n.rest, accumulators() * lanes});
      sums->setAttr("ktile", b.getI64IntegerAttr(4));
      return sums.getResult(0);
    };
    return inZeros(zero, {lanes, n.rows}, {1, lanes}, {n.rest, n.rows}, make);
  }

  Value restAcrossSum(Value zero) {
    Value narrow = columns(n.b, n.columnsMap, n.main, n.rest);
    auto turned = generic({narrow}, empty({n.rest, n.sum}), {map(2, {1, 0}), map(2, {0, 1})}, 0,
                          [](OpBuilder &, ValueRange args) { return args[0]; });
    tile(turned, {n.rest, lanes});
    auto inVectors = [&](Value matrix, int64_t rows) {
      auto type = RankedTensorType::get({rows, n.sum / lanes, lanes}, b.getF32Type());
      return b.create<tensor::ExpandShapeOp>(loc, type, matrix,
                                             ArrayRef<ReassociationIndices>{{0}, {1, 2}});
    };
    auto start = b.create<linalg::FillOp>(loc, zero, empty({n.rows, n.rest, lanes}));
    auto products =
        generic({inVectors(n.a, n.rows), inVectors(turned.getResult(0), n.rest)},
                start.getResult(0), {map(4, {0, 3, 2}), map(4, {1, 3, 2}), map(4, {0, 1, 2})}, 1,
                [&](OpBuilder &in, ValueRange args) { return multiplyAdd(in, args); });
    products->setAttr("lanes", b.getUnitAttr()); // see Vectorize.cpp
    products->setAttr("ktile", b.getI64IntegerAttr(1));
    auto make = [&](Value part) -> Value {
      auto sums = generic({products.getResult(0)}, part, {map(3, {0, 1, 2}), map(3, {0, 1})}, 1,
                          [&](OpBuilder &in, ValueRange args) -> Value {
                            return in.create<arith::AddFOp>(loc, args[1], args[0]);
                          });
      tile(sums, {accumulators(), n.rest});
      return sums.getResult(0);
    };
    return inZeros(zero, {n.rows, lanes}, {8, lanes}, {n.rows, n.rest}, make);
  }

  Narrow n;
  const Machine &machine;
  OpBuilder b;
  Location loc;
};

} // namespace

void takeRestApart(func::FuncOp kernel, const Machine &machine) {
  SmallVector<linalg::GenericOp> products;
  kernel.walk([&](linalg::GenericOp op) {
    if (op->hasAttr("columns"))
      products.push_back(op);
  });
  for (linalg::GenericOp product : products) {
    auto narrow = narrowRest(product);
    product->removeAttr("columns");
    if (narrow)
      Rewrite(*narrow, machine).run();
  }
}

} // namespace apical
