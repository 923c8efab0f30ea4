//===- Field.h - values over samples, units and synapses ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_FIELD_H
#define APICAL_FRONTEND_SEMA_FIELD_H

#include "frontend/Diagnostics.h"
#include "frontend/sema/Dimension.h"
#include "ir/Window.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <functional>
#include <memory>
#include <optional>

namespace apical::sema {

/// What a value varies over. Tensors list their axes in this order. The members of a loop lie beside each other
/// on an axis of their own, the first of which is `Loop`; read from outside, they are components. Synapses of a
/// convolution differ in the place of its kernel besides, and have the taps as `Pre`, the channels as `Post`.
enum class Axis { Sample, Loop, LastLoop = Loop + 15, Component, Place, Unit, Pre, Post };
constexpr bool isLoop(Axis a) { return a >= Axis::Loop && a <= Axis::LastLoop; }
using Extent = llvm::SmallVector<std::pair<Axis, int64_t>, 3>;

/// What an update needs beyond its own synapse (semantics, section 8).
enum Capability : unsigned { Feedback = 1, Population = 2, Modulated = 4, Nonlocal = 8 };

/// The read that makes an update need a capability: for messages and `explain`.
struct CapabilityRead {
  unsigned capability = 0;
  Span at;
  bool backwards = false; ///< a forward weight used against its direction
};

/// A value while a program is elaborated: a number known now, or a tensor of
/// the step under construction together with what its axes mean.
struct Field {
  std::optional<double> constant;
  mlir::Value tensor;
  llvm::SmallVector<Axis, 3> axes;
  Dimension dimension;
  unsigned capabilities = 0;
  llvm::SmallVector<CapabilityRead, 1> reads; ///< that decide the capabilities
  bool readsForwardWeight = false;
  bool total = false;    ///< a sum, perhaps scaled, of terms that read no other units
  bool variable = false; ///< of a tick: derivatives find it by its tensor
  bool signal = false;   ///< one number for many synapses: to read it by its name is `modulated`
  /// Which synapses there are, if the value is 0 where there is none.
  std::shared_ptr<const Field> mask;

  static Field number(double value, Dimension dimension = {});
  /// The mask of what is 0 wherever both are; null if that is not known.
  static std::shared_ptr<const Field> maskOfBoth(const Field &a, const Field &b);
  bool has(Axis axis) const { return llvm::is_contained(axes, axis); }
  /// One number per sample, or one for all.
  bool perSample() const {
    return llvm::all_of(axes, [](Axis a) { return a == Axis::Sample; });
  }
  /// One number for each unit, or for each component.
  bool several() const { return has(Axis::Unit) || has(Axis::Component); }
  int64_t size(Axis axis) const;
  void needs(unsigned capability, Span at, bool backwards = false);
  /// Needs what `other`, which flows into this value, needs.
  void inherit(const Field &other);
  /// The same tensor, with one axis read as another.
  Field as(Axis from, Axis to) const;
};

/// "784 units", "one per sample": for messages.
std::string describe(const Field &field);

/// Makes lifts. Every function is total: shapes are checked by the caller
/// through `commonExtent`.
class FieldBuilder {
public:
  using Body =
      std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value>)>;

  FieldBuilder(mlir::OpBuilder &builder) : builder(builder) {}

  /// The first axis on which the fields disagree in size, if any.
  static std::optional<Axis> conflict(llvm::ArrayRef<Field> fields);
  /// Elementwise code over the union of the axes.
  Field map(mlir::Location loc, llvm::ArrayRef<Field> inputs, const Body &body);
  /// Combines over `over`; a fresh elementwise producer that is no variable is
  /// absorbed, so that a product becomes a contraction.
  Field reduce(mlir::Location loc, const Field &field, llvm::ArrayRef<Axis> over,
               llvm::StringRef combiner = "sum");
  /// Repeats the value along axes of the extent that it lacks; its other axes stay.
  Field broadcast(mlir::Location loc, const Field &field,
                  llvm::ArrayRef<std::pair<Axis, int64_t>> extent);
  /// The place of each element along an axis: 1 for the largest; of equals, the first comes first.
  Field rank(mlir::Location loc, const Field &field, Axis axis);
  /// What a window sees of the units: axes for its places and its taps instead.
  Field unfold(mlir::Location loc, const Field &field, const ir::Window &window, Axis place,
               Axis tap);
  /// The sum of what a window leaves at each unit.
  Field fold(mlir::Location loc, const Field &field, const ir::Window &window, Axis place,
             Axis tap);
  /// The coordinate along an axis of the given size.
  Field index(mlir::Location loc, Axis axis, int64_t size);
  mlir::OpBuilder &builder;

private:
  /// Numbers of the step, with the given axes last.
  Field inOrder(mlir::Location loc, const Field &field, llvm::ArrayRef<Axis> last);
  Field lift(mlir::Location loc, llvm::ArrayRef<Field> inputs,
             llvm::ArrayRef<std::pair<Axis, int64_t>> domain, llvm::ArrayRef<Axis> reduced,
             llvm::StringRef combiner, const Body &body);
};

} // namespace apical::sema
#endif
