//===- Mask.cpp - which synapses a connection has ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Mask.h"
#include "ir/ApicalDialect.h"

#include <cmath>

using namespace mlir;

namespace apical::sema {

using ast::BinaryOp;

namespace {

/// All pairs of a unit in front and one behind, in the initialising step.
struct Pairs {
  Evaluator *ev;
  std::string symbol;
  Extent extent;
  bool notSelf;
  Span at;

  Field where(BinaryOp op, const Field &a, const Field &b) { return ev->binary(op, a, b, at); }
  /// A uniform number for each.
  Field draw() {
    Frame frame;
    frame.stream = symbol;
    frame.drawExtent = extent;
    return ev->draw("uniform", frame, at);
  }
  /// 1 but from a unit to itself.
  Field others() {
    Location loc = ev->location(at);
    return where(BinaryOp::Ne, ev->fields.index(loc, Axis::Pre, extent[0].second),
                 ev->fields.index(loc, Axis::Post, extent[1].second));
  }
  Field probable(double p) {
    Field there = where(BinaryOp::Lt, draw(), Field::number(p));
    return notSelf ? where(BinaryOp::And, there, others()) : there;
  }
  /// Onto each unit, those with the largest numbers.
  Field counted(int64_t n) {
    Field number = draw();
    if (notSelf)
      number = ev->select(others(), number, Field::number(-1), at);
    return where(BinaryOp::Le, ev->fields.rank(ev->location(at), number, Axis::Pre),
                 Field::number(static_cast<double>(n)));
  }
  Field listed(llvm::ArrayRef<int64_t> places) {
    Field mask;
    OpBuilder &b = ev->fields.builder;
    auto type = RankedTensorType::get({extent[0].second, extent[1].second}, b.getF32Type());
    mask.axes = {Axis::Pre, Axis::Post};
    mask.tensor = b.create<ir::PlacesOp>(ev->location(at), type, places);
    return mask;
  }
};

std::string unitsOf(const Area &area, int64_t n) {
  return "`" + area.name + "`, which has " + std::to_string(n) + (n == 1 ? " unit" : " units");
}

std::string text(double v) {
  char number[32];
  std::snprintf(number, sizeof number, "%.9g", std::isnan(v) ? std::abs(v) : v);
  return number;
}

void requireOneArea(const Connection &c, const ast::Argument &notSelf, const Network &net,
                    Evaluator &ev) {
  if (c.from == c.to && c.fromSize == c.toSize && c.fromSize == net.areas[c.from].size)
    return;
  ev.fail(Code::WrongKind, notSelf.name.span,
          "`self = false` leaves out the synapses from a unit to itself, and `" + c.name +
              "` does not go from the units of an area to themselves",
          "it is for `connect h -> h : …`");
}

void requireOneChoice(const Wiring &wiring, Evaluator &ev) {
  const ast::Argument *first = nullptr;
  for (const ast::Argument *a : {wiring.p, wiring.fanIn, wiring.list}) {
    if (a && first) {
      ev.diags
          .error(Code::DefinedTwice, a->name.span,
                 "`" + first->name.text + "` and `" + a->name.text +
                     "` both say which synapses there are")
          .label(first->name.span, "the other one")
          .hint("give one of `p`, `fan_in` and `list`");
      throw Reported();
    }
    first = first ? first : a;
  }
  if (!first && wiring.topology->name == "sparse")
    ev.fail(Code::MissingArgument, wiring.topology->span,
            "`sparse` needs to know which synapses there are",
            "write `sparse(p = 0.1)`: each with this probability; `sparse(fan_in = 20)`: so many "
            "onto each unit; or `sparse(list = TABLE)`");
}

double probability(const ast::Expr &e, Frame &frame, Evaluator &ev) {
  Dimension dimension;
  double p = ev.evaluateConstant(e, frame, "the probability of a synapse", &dimension);
  if (!dimension.none())
    ev.fail(Code::DimensionMismatch, e.span,
            "a probability is a number without dimension, and this is " + dimension.kind());
  if (!(p > 0 && p <= 1))
    ev.fail(Code::BadSize, e.span,
            "the probability of a synapse is above 0 and at most 1, and this is " + text(p),
            p > 1 && p == std::floor(p)
                ? "`fan_in = " + llvm::Twine(text(p)) + "` gives each unit so many synapses"
                : llvm::Twine());
  return p;
}

/// The pairs of a table, by their numbers row by row.
std::vector<int64_t> places(const Connection &c, const Wiring &wiring, const Network &net,
                            Evaluator &ev, const std::vector<std::vector<double>> &columns) {
  const ast::Expr &table = *wiring.list->value;
  std::string name = ast::toString(table);
  auto fail = [&](size_t row, const llvm::Twine &what, const llvm::Twine &hint = {}) {
    ev.fail(Code::DataMismatch, table.span,
            "row " + llvm::Twine(row + 1) + " of `" + name + "` " + what, hint);
  };
  auto unit = [&](size_t row, bool pre) {
    double v = columns[pre ? 0 : 1][row];
    const Area &area = net.areas[pre ? c.from : c.to];
    int64_t size = pre ? c.fromSize : c.toSize;
    if (v != std::floor(v))
      fail(row, "has " + llvm::Twine(text(v)) + " for a unit of `" + area.name + "`",
           "units have whole numbers");
    if (v < 0 || v >= static_cast<double>(size))
      fail(row, "names the unit " + llvm::Twine(text(v)) + " of " + unitsOf(area, size),
           "units are counted from 0");
    return static_cast<int64_t>(v);
  };
  std::map<int64_t, size_t> rows; // of places
  for (size_t row = 0; row < columns[0].size(); ++row) {
    int64_t i = unit(row, true), j = unit(row, false);
    auto [other, fresh] = rows.emplace(i * c.toSize + j, row);
    if (!fresh)
      fail(row, "lists the synapse from " + llvm::Twine(i) + " to " + llvm::Twine(j) +
                    " again, which is in row " + llvm::Twine(other->second + 1));
    if (wiring.notSelf && i == j)
      fail(row, "joins the unit " + llvm::Twine(i) + " to itself, and `self` is false");
  }
  if (rows.empty())
    ev.fail(Code::DataMismatch, table.span, "`" + name + "` lists no synapses");
  std::vector<int64_t> all;
  for (auto &[place, row] : rows)
    all.push_back(place);
  return all;
}

} // namespace

void chooseSynapses(Connection &c, const Wiring &wiring, const Network &net, Frame frame,
                    Evaluator &ev, States &states, const ReadTable &read) {
  if (wiring.notSelf)
    requireOneArea(c, *wiring.notSelf, net, ev);
  requireOneChoice(wiring, ev);
  StateInit init;
  init.symbol = net.name + "." + c.name + ".mask";
  init.role = "lasting";
  init.at = c.decl->span;
  init.extent = c.synapses(false);
  bool notSelf = wiring.notSelf != nullptr;
  Pairs pairs{&ev, init.symbol, init.extent, notSelf, c.decl->span};
  int64_t most = c.fromSize - (notSelf ? 1 : 0); // onto each unit
  auto onEach = [&](double n) { return n * static_cast<double>(c.toSize); };
  if (most == 0)
    ev.fail(Code::BadSize, wiring.notSelf->name.span,
            "`" + net.areas[c.from].name + "` has one unit, and no synapse is left");
  c.synapseCount = onEach(static_cast<double>(most));
  init.value = [=]() mutable { return pairs.others(); };
  if (wiring.p) {
    double p = probability(*wiring.p->value, frame, ev);
    c.synapseCount *= p;
    c.count = p < 1 ? Connection::Count::Mean : Connection::Count::Exact;
    init.value = [=]() mutable { return pairs.probable(p); };
  } else if (wiring.fanIn) {
    int64_t n = ev.evaluateSize(*wiring.fanIn->value, frame, 1, "`fan_in`");
    if (n > most)
      ev.fail(Code::BadSize, wiring.fanIn->value->span,
              "each unit of `" + net.areas[c.to].name + "` would have " + llvm::Twine(n) +
                  " synapses from " + unitsOf(net.areas[c.from], c.fromSize),
              notSelf ? "`fan_in` counts different units, and not the unit itself"
                      : "`fan_in` counts different units");
    c.synapseCount = onEach(static_cast<double>(n));
    init.value = [=]() mutable { return pairs.counted(n); };
  } else if (wiring.list) {
    if (auto columns = read(*wiring.list->value, {"pre", "post"})) {
      std::vector<int64_t> all = places(c, wiring, net, ev, *columns);
      c.synapseCount = static_cast<double>(all.size());
      init.value = [=]() mutable { return pairs.listed(all); };
    } else {
      c.count = Connection::Count::Most; // nothing will run
    }
  }
  c.mask = init.symbol;
  states.declare(std::move(init));
}

} // namespace apical::sema
