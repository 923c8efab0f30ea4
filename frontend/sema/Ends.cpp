//===- Ends.cpp - units as synapse code sees them ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Ends.h"

namespace apical::sema {

double Connection::fanIn() const {
  if (!mask.empty())
    return synapseCount / static_cast<double>(toSize);
  return static_cast<double>(windowed() ? window.taps() : oneToOne() ? 1 : fromSize);
}
double Connection::fanOut() const {
  if (!mask.empty())
    return synapseCount / static_cast<double>(fromSize);
  return static_cast<double>(windowed()   ? window.taps() / window.kernel.back() * channels
                             : oneToOne() ? 1
                                          : toSize);
}

Extent Connection::synapses(bool bias) const {
  Extent all;
  bool backwards = transposeOf >= 0; // over synapses whose ends are those of the other connection
  if (windowed())
    all.push_back({Axis::Place, window.positions()});
  if (!bias && !oneToOne())
    all.push_back({Axis::Pre, windowed() ? window.taps() : backwards ? toSize : fromSize});
  all.push_back({Axis::Post, windowed() ? channels : backwards ? fromSize : toSize});
  return all;
}

Extent Connection::weightElements(bool bias) const {
  Extent all = synapses(bias);
  if (topology == Topology::Conv)
    all.erase(all.begin());
  return all;
}

/// The units behind a window, as its channels at each place.
static ir::Window behind(const Connection &c) {
  return ir::Window::pieces(c.window.positions(), c.channels);
}

Field atEnd(FieldBuilder &fields, mlir::Location loc, const Connection &c, bool pre,
            const Field &ofUnits) {
  if (!c.windowed())
    return ofUnits.as(Axis::Unit, endAxis(c, pre));
  if (!pre)
    return ofUnits.constant || !ofUnits.has(Axis::Unit)
               ? ofUnits
               : fields.unfold(loc, ofUnits, behind(c), Axis::Place, Axis::Post);
  // Even what is the same for all units is 0 beyond the border.
  Field units = fields.broadcast(loc, ofUnits, {{Axis::Unit, c.fromSize}});
  return fields.unfold(loc, units, c.window, Axis::Place, Axis::Pre);
}

Field toEnd(Evaluator &ev, const Connection &c, const std::function<Field()> &mask, bool pre,
            const Field &ofSynapses, Span at) {
  mlir::Location loc = ev.location(at);
  Field e = mask ? ev.masked(mask(), ofSynapses, at) : ofSynapses;
  auto times = [&](int64_t n) {
    e = ev.binary(ast::BinaryOp::Mul, e, Field::number(static_cast<double>(n)), at);
  };
  Axis over = pre ? Axis::Post : Axis::Pre, kept = endAxis(c, pre);
  if (!c.oneToOne()) {
    Extent synapses = c.synapses(false);
    if (e.constant || !e.has(over)) // one for each synapse
      times(llvm::find_if(synapses, [&](auto &axis) { return axis.first == over; })->second);
    else
      e = ev.fields.reduce(loc, e, {over});
  }
  if (!c.windowed())
    return e.as(kept, Axis::Unit);
  Extent each{{Axis::Place, c.window.positions()}};
  each.push_back({kept, pre ? c.window.taps() : c.channels});
  Field whole = ev.fields.broadcast(loc, e, each);
  return ev.fields.fold(loc, whole, pre ? c.window : behind(c), Axis::Place, kept);
}

Field fromBias(Evaluator &ev, const Connection &c, const Field &ofBiases, Span at) {
  if (!c.windowed())
    return ofBiases.as(Axis::Post, Axis::Unit);
  Extent each = c.synapses(true);
  Field whole = ev.fields.broadcast(ev.location(at), ofBiases, each);
  return ev.fields.fold(ev.location(at), whole, behind(c), Axis::Place, Axis::Post);
}

Field onWeights(Evaluator &ev, const Connection &c, const Field &ofSynapses,
                const ast::AssignStmt &assign) {
  Span at = assign.span;
  if (c.topology != Topology::Conv)
    return ofSynapses;
  bool each = !ofSynapses.constant && ofSynapses.has(Axis::Place);
  if (assign.op == ast::AssignOp::Set) {
    if (each)
      ev.fail(Code::ShapeMismatch, at,
              "`" + ast::toString(*assign.target) +
                  "` is one for all places of a kernel, and the value differs from place to place",
              "use `+=`, which adds what they contribute");
    return ofSynapses;
  }
  if (!each)
    return ofSynapses;
  return ev.fields.reduce(ev.location(at), ofSynapses, {Axis::Place});
}

Field pool(Evaluator &ev, const Connection &c, const Field &ofUnits, Span at) {
  Field units = ev.fields.broadcast(ev.location(at), ofUnits, {{Axis::Unit, c.fromSize}});
  Field seen = ev.fields.unfold(ev.location(at), units, c.window, Axis::Post, Axis::Pre);
  Field r = ev.reduce(c.pooled, seen, {Axis::Pre}, at).as(Axis::Post, Axis::Unit);
  r.dimension = ofUnits.dimension;
  r.inherit(ofUnits);
  return r;
}

} // namespace apical::sema
