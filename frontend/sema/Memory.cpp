//===- Memory.cpp - what a model needs at least ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// 1. Count the elements of the states, and of each value of the step with `samples` in the place of
///    the unknown size; in floating point, where nothing overflows.
/// 2. Compiled code needs the states and, at some time, the largest value; the interpreter all of
///    them. This is less than what either will allocate: a model that passes may still be refused
///    by the runtime, and none that could run is refused here.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Memory.h"

namespace apical::sema {
namespace {

std::string gibibytes(double bytes) {
  char text[32];
  double amount = bytes / (1 << 30);
  std::snprintf(text, sizeof text, amount < 1000 ? "%.3g GiB" : "%.0f GiB", amount);
  return text;
}

double elementsOf(mlir::Type type, double samples) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  double elements = tensor ? 1 : 0;
  for (int64_t size : tensor ? tensor.getShape() : llvm::ArrayRef<int64_t>())
    elements *= mlir::ShapedType::isDynamic(size) ? samples : static_cast<double>(size);
  return elements;
}

} // namespace

void requireMemory(const States &states, ir::StepOp step, int64_t samples, Span batch,
                   const MachineMemory &machine, Diagnostics &diags) {
  if (machine.bytes == 0)
    return;
  double size = machine.interpreted ? 8 : 4, kept = 0, largest = 0, all = 0;
  const StateInit *greatest = nullptr;
  double greatestElements = 0;
  for (const StateInit &s : states.list) {
    double elements = 1;
    for (auto [axis, extent] : s.extent)
      elements *= static_cast<double>(extent);
    kept += elements;
    if (elements > greatestElements) {
      greatestElements = elements;
      greatest = &s;
    }
  }
  step.walk([&](mlir::Operation *op) {
    for (mlir::Type type : op->getResultTypes()) {
      double elements = elementsOf(type, static_cast<double>(samples));
      largest = std::max(largest, elements);
      all += elements;
    }
  });
  std::string machineHas = ", and this machine has " + gibibytes(machine.bytes);
  if (kept * size > machine.bytes) {
    diags
        .error(Code::TooLarge, greatest->at.end ? greatest->at : batch,
               "the weights and states of the model need " + gibibytes(kept * size) + machineHas)
        .hint("`" + greatest->symbol + "` alone is " + gibibytes(greatestElements * size) +
              ": make its areas smaller");
    throw Reported();
  }
  double values = (machine.interpreted ? all : largest) * size;
  if (kept * size + values <= machine.bytes)
    return;
  diags
      .error(Code::TooLarge, batch,
             "a batch of " + std::to_string(samples) + " samples needs at least " +
                 gibibytes(kept * size + values) + machineHas)
      .hint("choose a smaller batch");
  throw Reported();
}

} // namespace apical::sema
