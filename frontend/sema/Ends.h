//===- Ends.h - units as synapse code sees them ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Synapse code is written for one synapse. Here it is said, for each topology, which
// unit at either end a synapse has, and where what synapses give to a unit adds up:
//
//   dense        a synapse for each pair of units: axes Pre and Post
//   sparse       the same, and a mask says which of them there are
//   one-to-one   one per unit: both ends are Post
//   windows      a kernel of taps x channels at each place: axes Place, Pre (the taps)
//                and Post (the channels); units beyond the border are 0
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_ENDS_H
#define APICAL_FRONTEND_SEMA_ENDS_H

#include "frontend/sema/Network.h"

namespace apical::sema {

/// The axis of the units at one end of a connection without windows.
inline Axis endAxis(const Connection &c, bool pre) {
  return pre && !c.oneToOne() ? Axis::Pre : Axis::Post;
}
/// A value of the units at one end, for the synapses.
Field atEnd(FieldBuilder &fields, mlir::Location loc, const Connection &c, bool pre,
            const Field &ofUnits);
/// What the synapses give to the units at one end. A value that is the same for several synapses counts
/// once for each. `mask`, unless empty, says which synapses there are.
Field toEnd(Evaluator &ev, const Connection &c, const std::function<Field()> &mask, bool pre,
            const Field &ofSynapses, Span at);
/// What the synapses from a constant give to the units behind.
Field fromBias(Evaluator &ev, const Connection &c, const Field &ofBiases, Span at);
/// What the synapses of a kernel's places add to what they share. A value that is the same at all places is one of
/// the shared element itself.
Field onWeights(Evaluator &ev, const Connection &c, const Field &ofSynapses,
                const ast::AssignStmt &assign);
/// What a pool makes of the units that it sees.
Field pool(Evaluator &ev, const Connection &c, const Field &ofUnits, Span at);

} // namespace apical::sema
#endif
