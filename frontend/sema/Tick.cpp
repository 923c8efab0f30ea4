//===- Tick.cpp - one evaluation of a network ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Ends.h"
#include "frontend/sema/Trial.h"

using namespace mlir;

namespace apical::sema {

Tick::Tick(Trial &trial, Values states, int64_t number, int64_t total, Intervention *with,
           std::shared_ptr<const Changes> changed)
    : states(std::move(states)), number(number), total(total), changed(std::move(changed)),
      trial(trial), with(with), progress(trial.net.areas.size(), Progress::None) {
  for (auto &[place, value] : this->states)
    values[place] = own(value, trial.net.areas[place.first].decl->span);
}

/// A value that another tick has too is copied: what one tick computes from a variable must not be found by a
/// derivative by the same variable of another. (Passes drop the copies when derivatives are taken.)
Field Tick::own(Field value, Span at) {
  if (!value.tensor)
    return value;
  value.variable = true;
  auto [owner, fresh] = trial.owners.try_emplace(value.tensor, this);
  if (fresh || owner->second == this)
    return value;
  Field copy =
      trial.ev.fields.map(trial.ev.location(at), {value},
                          [](OpBuilder &, Location, llvm::ArrayRef<Value> v) { return v[0]; });
  trial.owners[copy.tensor] = this;
  trial.originals[copy.tensor] = trial.original(value.tensor);
  value.tensor = copy.tensor;
  return value;
}

void Tick::addClock(Frame &frame) const {
  frame.locals["tick"] = Field::number(static_cast<double>(number));
  frame.locals["ticks"] = Field::number(static_cast<double>(total));
  frame.locals["first"] = Field::number(number == 0);
  frame.locals["last"] = Field::number(number == total - 1);
}

std::optional<Field> Tick::variable(int area, llvm::StringRef name) {
  Place place{area, name.str()};
  if (auto it = values.find(place); it != values.end())
    return it->second;
  const Area &a = trial.net.areas[area];
  if (!a.has(name) && name == "position")
    return trial.position(area, a.decl->span);
  if (!a.has(name)) {
    if (auto f = with ? with->own(*this, place, false) : std::nullopt)
      return f;
    if (llvm::none_of(a.unit->params, [&](auto &p) { return p.name.text == name; }))
      return std::nullopt;
    Frame caller; // a parameter of the unit
    caller.locals = trial.net.parts[a.part].args;
    return bindArguments(trial.ev, *a.unit, a.args, a.decl->span, caller).at(place.second);
  }
  if (llvm::is_contained(a.inputs, name))
    return port(area, place.second);
  if (progress[area] == Progress::Running)
    cycle(area);
  if (a.early.count(place.second))
    begin(area);
  if (auto it = values.find(place); it != values.end())
    return it->second;
  run(area);
  auto it = values.find(place);
  return it == values.end() ? std::nullopt : std::optional<Field>(it->second);
}

std::optional<Field> Tick::available(int area, llvm::StringRef name) {
  auto it = values.find({area, name.str()});
  if (it != values.end())
    return it->second;
  return progress[area] == Progress::Running ? std::nullopt : variable(area, name);
}

Field Tick::sum(const Field &a, const Field &b, int area) const {
  return trial.ev.binary(ast::BinaryOp::Add, a, b, trial.net.areas[area].decl->span);
}

Field Tick::ended(int area, const std::string &state) {
  if (progress[area] == Progress::Running)
    cycle(area);
  run(area);
  return states.at({area, state});
}

void Tick::cycle(int area) {
  const Area &a = trial.net.areas[area];
  trial.ev.fail(Code::Cycle, a.decl->span,
                "the values of `" + a.name + "` depend on themselves within one tick",
                "a `state` is read as it was at the start of the tick, and breaks the cycle");
}

Field Tick::perUnit(int area, const Field &given, Span at, llvm::StringRef name, bool perSample) {
  const Area &a = trial.net.areas[area];
  Evaluator &ev = trial.ev;
  // What is computed has the components of its value unless it declares others.
  bool free = !a.state(name) && !llvm::is_contained(a.inputs, name) &&
              !llvm::is_contained(a.given, name) && !a.componentsOf(name.str());
  Field value = free ? given : ev.withComponents(given, a.componentsOf(name.str()), name, at);
  if (a.common.count(name.str())) {
    if (!value.constant && value.has(Axis::Unit))
      ev.fail(Code::ShapeMismatch, at,
              "`" + a.name + "." + name + "` is common to the area, and the value is " +
                  describe(value),
              "reduce it with `sum` or `mean`");
    if (!perSample || (!value.constant && value.has(Axis::Sample)))
      return value;
    return ev.fields.broadcast(ev.location(at), value, {{Axis::Sample, ShapedType::kDynamic}});
  }
  if (!value.constant && value.has(Axis::Unit) && value.size(Axis::Unit) != a.size)
    ev.fail(Code::ShapeMismatch, at,
            "`" + a.name + "." + name + "` has " + llvm::Twine(a.size) +
                " units, and the value has " + describe(value));
  bool hasSamples = !value.constant && value.has(Axis::Sample);
  if (!value.constant && value.has(Axis::Unit) && hasSamples >= perSample)
    return value;
  llvm::SmallVector<std::pair<Axis, int64_t>, 2> extent;
  if (hasSamples || perSample)
    extent.push_back({Axis::Sample, ShapedType::kDynamic});
  extent.push_back({Axis::Unit, a.size});
  return ev.fields.broadcast(ev.location(at), value, extent);
}

Field Tick::conduct(const Connection &c) {
  Evaluator &ev = trial.ev;
  Trial::At here(trial, {this, nullptr});
  Field source = *variable(c.from, c.fromVariable);
  if (const Area &from = trial.net.areas[c.from];
      source.has(Axis::Component) && !from.componentsOf(c.fromVariable))
    ev.fail(Code::ShapeMismatch, c.decl->span,
            "`" + from.name + "." + c.fromVariable + "` has components, and does not say how many",
            "declare them in the unit: `output " + c.fromVariable + "[" +
                llvm::Twine(source.size(Axis::Component)) + "] = …`");
  source = trial.asEndpoint(source, c.from, c.fromVariable);
  if (!source.has(Axis::Sample))
    source = ev.fields.broadcast(ev.location(c.decl->span), source,
                                 {{Axis::Sample, ShapedType::kDynamic}});
  if (c.topology == Topology::Wire)
    return source;
  if (c.topology == Topology::Pool)
    return pool(ev, c, source, c.decl->span);
  std::map<std::string, Field> weights;
  std::vector<const void *> key{&c, trial.original(source.tensor).getAsOpaquePointer(),
                                apart ? this : nullptr};
  for (auto &w : c.weights) {
    if (c.transposeOf < 0)
      inferDimension(c, w, source);
    Field f = trial.read(w.symbol);
    if (with)
      f = with->weight(*this, c, w, f);
    key.push_back(f.tensor.getAsOpaquePointer());
    weights[w.symbol] = f;
  }
  if (auto it = trial.conducted.find(key); it != trial.conducted.end())
    return it->second;
  bool backwards = c.transposeOf >= 0;
  std::optional<Field> total;
  for (bool bias : {false, true}) {
    if (bias && !c.bias)
      continue;
    Frame frame;
    frame.locals = c.synapseArgs;
    frame.reductions = {Axis::Place, Axis::Pre, Axis::Post};
    frame.windowed = c.windowed();
    frame.mask = trial.maskOf(c, bias);
    frame.locals["pre"] = bias ? Field::number(1)
                               : atEnd(ev.fields, ev.location(c.decl->span), c, !backwards, source);
    for (auto &w : c.weights)
      if (w.bias == bias)
        frame.locals[w.name] = weights[w.symbol];
    for (const ast::Stmt *s : c.synapse->body) {
      if (ev.execute(*s, frame) || llvm::isa<ast::VarDecl>(s))
        continue;
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *name = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
      if (!name || name->name != "post" || assign->op != ast::AssignOp::Add)
        ev.refuse(*s, InSynapse);
      Field e = ev.evaluate(*assign->value, frame);
      e = bias ? fromBias(ev, c, e, s->span) : toEnd(ev, c, frame.mask, backwards, e, s->span);
      total = total ? ev.binary(ast::BinaryOp::Add, *total, e, s->span) : e;
    }
  }
  return trial.conducted[key] = total ? *total : Field::number(0);
}

/// Semantics 2.9: dim(w) = dim(port) / dim(source). Who shares a weight must agree.
void Tick::inferDimension(const Connection &c, const Weight &w, const Field &source) {
  Dimension port = trial.net.areas[c.to].dimensions.at(c.toPort);
  Dimension d = w.bias ? port : port.times(source.dimension, -1);
  d.any = false;
  StateInit &state = trial.states.list[trial.states.bySymbol.at(w.symbol)];
  if (state.dimension.none())
    state.dimension = d;
  if (auto it = trial.reads.find(w.symbol); it != trial.reads.end())
    it->second.dimension = state.dimension;
}

Field Tick::port(int area, const std::string &name) {
  Place place{area, name};
  if (auto it = values.find(place); it != values.end())
    return it->second;
  if (!computing.insert(place).second)
    cycle(area);
  const Area &a = trial.net.areas[area];
  Evaluator &ev = trial.ev;
  Field sum = Field::number(0);
  auto arrive = [&](const Field &f, Span at) {
    sum = sum.constant && *sum.constant == 0 ? f : ev.binary(ast::BinaryOp::Add, sum, f, at);
  };
  for (auto &c : trial.net.connections)
    if (c.to == area && c.toPort == name)
      arrive(trial.fromEndpoint(conduct(c), area, name), c.decl->span);
  if (with)
    if (auto more = with->arrival(*this, place))
      arrive(*more, a.decl->span);
  computing.erase(place);
  const Dimension &dimension = a.dimensions.at(name);
  if (!sum.dimension.fits(dimension)) {
    auto from = llvm::find_if(trial.net.connections,
                              [&](auto &c) { return c.to == area && c.toPort == name; });
    ev.fail(Code::DimensionMismatch,
            from == trial.net.connections.end() ? a.decl->span : from->decl->span,
            "`" + a.name + "." + name + "` is " + dimension.kind() + ", and what arrives is " +
                sum.dimension.kind(),
            "the dimension of an input is declared in its unit: `input " + name + " : " +
                sum.dimension.str() + "`");
  }
  Field arrived = perUnit(area, sum, a.decl->span, name, true);
  arrived.dimension = dimension;
  return values[place] = own(arrived, a.decl->span);
}

Field Tick::declared(int index, const ast::VarDecl &v, const ast::VarDecl::Declarator &d,
                     Frame &frame) {
  const Area &area = trial.net.areas[index];
  Evaluator &ev = trial.ev;
  Field value;
  if (auto bound = trial.bindings.find(area.name + "." + d.name.text);
      bound != trial.bindings.end()) {
    value = bound->second;
  } else if (d.init) {
    frame.stream = trial.net.name + "." + area.name + "." + d.name.text;
    if (number)
      frame.stream += "@" + std::to_string(number);
    frame.drawEachTrial = true;
    frame.drawExtent.assign(area.extent(d.name.text, true));
    value = ev.evaluate(*d.init, frame);
  } else if (v.varKind == ast::VarKind::Given) {
    ev.diags
        .error(Code::GivenUnbound, trial.experiment,
               "nothing gives `" + area.name + "." + d.name.text + "` a value")
        .label(d.name.span, "declared here")
        .hint("bind it in the experiment: `" + area.name + "." + d.name.text + " = …`");
    throw Reported();
  } else {
    ev.fail(Code::Syntax, d.name.span, "`" + d.name.text + "` needs a value");
  }
  requireType(d, value);
  bool common = area.common.count(d.name.text) || area.componentsOf(d.name.text);
  if (common || value.constant || value.has(Axis::Unit)) // one value for all units stays one
    value = perUnit(index, value, d.name.span, d.name.text, true);
  return value;
}

void Tick::requireType(const ast::VarDecl::Declarator &d, const Field &value) {
  if (!d.type)
    return;
  Dimension type = trial.ev.typeDimension(*d.type);
  if (!value.dimension.fits(type))
    trial.ev.fail(Code::DimensionMismatch, d.init ? d.init->span : d.name.span,
                  "`" + d.name.text + "` is declared to be " + type.kind() + ", and its value is " +
                      value.dimension.kind());
}

void Tick::declare(int index, const ast::VarDecl &v, Frame &frame) {
  for (auto &d : v.vars) {
    Place place{index, d.name.text};
    if (v.varKind == ast::VarKind::Item ||
        llvm::is_contained(trial.net.areas[index].inputs, d.name.text))
      continue;
    if (v.varKind == ast::VarKind::State) {
      frame.locals[d.name.text] = values.at(place);
      continue;
    }
    auto otherwise = [&] { return declared(index, v, d, frame); };
    std::optional<Field> clamped = with ? with->clamp(*this, place, otherwise) : std::nullopt;
    Field value = clamped ? *clamped : otherwise();
    bool common = trial.net.areas[index].common.count(d.name.text);
    if (clamped && (common || value.constant || value.has(Axis::Unit)))
      value = perUnit(index, value, d.name.span, d.name.text, true);
    values[place] = frame.locals[d.name.text] = own(value, d.name.span);
  }
}

Frame Tick::unitFrame(int index) {
  const Area &area = trial.net.areas[index];
  Frame caller;
  caller.locals = trial.net.parts[area.part].args;
  Frame frame;
  frame.locals = bindArguments(trial.ev, *area.unit, area.args, area.decl->span, caller);
  frame.locals["size"] = Field::number(static_cast<double>(area.size));
  frame.subject = area.decl->span;
  addClock(frame);
  frame.known = area.inputs;
  frame.resolve = [this, &area, index](const ast::Expr &e) -> std::optional<Field> {
    auto *n = llvm::dyn_cast<ast::NameExpr>(&e);
    if (n && llvm::is_contained(area.inputs, n->name))
      return port(index, n->name);
    if (n && n->name == "position")
      return trial.position(index, n->span);
    return std::nullopt;
  };
  return frame;
}

Field Tick::respond(int index, llvm::StringRef name, const Field &drive, Span at) {
  const Area &area = trial.net.areas[index];
  Evaluator &ev = trial.ev;
  if (!area.states.empty())
    ev.unsupported(at, "a unit with states used as a function is");
  if (area.mainInput.empty())
    ev.fail(Code::NoInput, at, "the area `" + area.name + "` has no input to answer to");
  Trial::At here(trial, {this, nullptr});
  Frame frame = unitFrame(index);
  frame.locals[area.mainInput] = perUnit(index, drive, at, area.mainInput, true);
  for (const ast::Block *body : {&area.decl->body, &area.unit->body})
    for (const ast::Stmt *s : *body)
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s))
        for (auto &d : v->vars) {
          if (v->varKind == ast::VarKind::Item || llvm::is_contained(area.inputs, d.name.text))
            continue;
          frame.locals[d.name.text] = declared(index, *v, d, frame);
          if (d.name.text == name)
            return frame.locals[d.name.text];
        }
  ev.fail(Code::UnknownMember, at,
          "the area `" + area.name + "` computes no `" + name + "` from its input");
}

void Tick::assign(int index, const ast::AssignStmt &s, Frame &frame) {
  Evaluator &ev = trial.ev;
  const std::string &name = llvm::cast<ast::NameExpr>(s.target)->name;
  const Area &area = trial.net.areas[index];
  bool shared = !area.state(name)->perSample();
  Field value = ev.evaluate(*s.value, frame);
  if (shared)
    value = ev.withoutSamples(value, s.op, name, s.span);
  Field &slot = frame.locals[name];
  if (!value.dimension.fits(slot.dimension))
    ev.fail(Code::DimensionMismatch, s.span,
            "`" + name + "` has the dimension " + slot.dimension.str() + ", and the value " +
                value.dimension.str());
  if (s.op == ast::AssignOp::Add)
    value = ev.binary(ast::BinaryOp::Add, slot, value, s.span);
  if (s.op == ast::AssignOp::Sub)
    value = ev.binary(ast::BinaryOp::Sub, slot, value, s.span);
  slot = perUnit(index, value, s.span, name, !shared);
}

/// Executes the statements of a body from `from` on, `count` of them at most.
void Tick::execute(int index, size_t from, size_t count) {
  const Area &area = trial.net.areas[index];
  Trial::At here(trial, {this, nullptr});
  size_t at = 0;
  for (const ast::Block *body : {&area.decl->body, &area.unit->body})
    for (const ast::Stmt *s : *body) {
      size_t k = at++;
      if (k < from || k - from >= count)
        continue;
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s))
        declare(index, *v, frames[index]);
      else
        assign(index, *llvm::cast<ast::AssignStmt>(s), frames[index]);
    }
}

/// What stands above the first use of an input: areas that feed this one may read it.
void Tick::begin(int index) {
  if (progress[index] != Progress::None)
    return;
  progress[index] = Progress::Running;
  Trial::At here(trial, {this, nullptr});
  frames[index] = unitFrame(index);
  execute(index, 0, trial.net.areas[index].above);
  progress[index] = Progress::Begun;
}

void Tick::run(int index) {
  if (progress[index] == Progress::Done)
    return;
  begin(index);
  progress[index] = Progress::Running;
  const Area &area = trial.net.areas[index];
  Trial::At here(trial, {this, nullptr});
  execute(index, area.above, SIZE_MAX);
  for (auto &name : area.inputs) // what the unit does not read, a rule may
    port(index, name);
  for (auto &state : area.states) {
    Place place{index, state.name};
    Field value = frames[index].locals[state.name];
    states[place] = with ? with->update(*this, place, value) : value;
  }
  frames.erase(index);
  progress[index] = Progress::Done;
}

Field Tick::cost(const Cost &cost) {
  if (auto it = costs.find(cost.name); it != costs.end())
    return it->second;
  Evaluator &ev = trial.ev;
  Trial::At here(trial, {this, nullptr});
  Frame frame = trial.networkFrame(cost.part);
  Field value = ev.evaluate(*cost.decl->value, frame);
  if (value.several())
    ev.fail(Code::ShapeMismatch, cost.decl->value->span,
            "a cost is one number per sample, and this is " + describe(value),
            "reduce it with `sum` or `mean`");
  return costs[cost.name] = value;
}

Field Tick::scalar(const Scalar &s) {
  Evaluator &ev = trial.ev;
  if (auto bound = trial.bindings.find(s.name); bound != trial.bindings.end())
    return bound->second;
  if (!s.declarator->init) {
    ev.diags.error(Code::GivenUnbound, trial.experiment, "nothing gives `" + s.name + "` a value")
        .label(s.declarator->name.span, "declared here")
        .hint("bind it in the experiment: `" + s.name + " = …`");
    throw Reported();
  }
  auto key = std::make_pair(s.name, trial.now.ended != nullptr);
  if (auto it = scalars.find(key); it != scalars.end())
    return it->second;
  if (!runningScalars.insert(s.name).second)
    ev.fail(Code::Cycle, s.declarator->name.span,
            "the value of `" + s.name + "` depends on itself within one tick");
  Frame frame = trial.networkFrame(s.part);
  frame.stream = trial.net.name + "." + s.name + (number ? "@" + std::to_string(number) : "");
  frame.drawEachTrial = true;
  frame.drawExtent = {{Axis::Sample, ShapedType::kDynamic}};
  if (s.components)
    frame.drawExtent.push_back({Axis::Component, s.components});
  Field value = ev.evaluate(*s.declarator->init, frame);
  if (s.components)
    value = ev.withComponents(value, s.components, s.name, s.declarator->init->span);
  runningScalars.erase(s.name);
  if (!value.constant && value.has(Axis::Unit))
    ev.fail(Code::ShapeMismatch, s.declarator->init->span,
            "`" + s.name + "` is one number per sample, and this is " + describe(value),
            "reduce it with `sum` or `mean`");
  return scalars[key] = value;
}

void Tick::finish() {
  for (int a : trial.net.order)
    run(a);
}

} // namespace apical::sema
