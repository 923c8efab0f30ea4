//===- Layout.cpp - how arrays lie in memory ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Layout.h"

using namespace mlir;

namespace apical {

static int64_t roundUp(int64_t n) { return (n + 15) / 16 * 16; }
static int64_t leading(int64_t cols) { return cols % 256 == 0 ? cols + 16 : cols; }

Type signless(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer ? IntegerType::get(type.getContext(), integer.getWidth()) : type;
}

Layout::Layout(int64_t batch) : batch(batch), paddedBatch(batch == 1 ? 1 : roundUp(batch)) {}

int64_t Layout::paddedSize(int64_t size) const { return size < 0 ? paddedBatch : roundUp(size); }

SmallVector<int64_t> Layout::padded(RankedTensorType type) const {
  SmallVector<int64_t> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(paddedSize(size));
  return sizes;
}

RankedTensorType Layout::tensor(RankedTensorType type) const {
  return RankedTensorType::get(padded(type), signless(type.getElementType()));
}

MemRefType Layout::allocation(RankedTensorType type) const {
  SmallVector<int64_t> sizes = padded(type);
  if (sizes.size() > 1)
    sizes.back() = leading(sizes.back());
  return MemRefType::get(sizes, signless(type.getElementType()));
}

MemRefType Layout::memref(RankedTensorType type) const {
  SmallVector<int64_t> sizes = padded(type);
  MemRefType whole = allocation(type);
  if (whole.getShape() == ArrayRef<int64_t>(sizes))
    return whole;
  SmallVector<int64_t> stride(sizes.size(), 1);
  for (int k = sizes.size() - 2; k >= 0; --k)
    stride[k] = stride[k + 1] * whole.getDimSize(k + 1);
  return MemRefType::get(sizes, signless(type.getElementType()),
                         StridedLayoutAttr::get(type.getContext(), 0, stride));
}

StateLayout stateLayout(RankedTensorType type) {
  MemRefType whole = Layout(1).allocation(type);
  StateLayout result;
  result.shape.assign(type.getShape().begin(), type.getShape().end());
  result.stride.assign(type.getRank(), 1);
  for (int k = type.getRank() - 2; k >= 0; --k)
    result.stride[k] = result.stride[k + 1] * whole.getDimSize(k + 1);
  int64_t width = (type.getElementTypeBitWidth() + 7) / 8;
  result.bytes = (whole.getNumElements() * width + 63) / 64 * 64;
  return result;
}

} // namespace apical
