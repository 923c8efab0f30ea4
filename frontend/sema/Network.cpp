//===- Network.cpp - a network's graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Network.h"
#include "frontend/sema/Forms.h"

using namespace mlir;

namespace apical::sema {

int Network::area(llvm::StringRef n) const {
  for (size_t i = 0; i < areas.size(); ++i)
    if (areas[i].name == n)
      return static_cast<int>(i);
  return -1;
}
int Network::area(const ast::Expr &e, Evaluator &ev,
                  const std::map<std::string, Field> &visible) const {
  if (auto *name = llvm::dyn_cast<ast::NameExpr>(&e))
    return area(name->name);
  auto *index = llvm::dyn_cast<ast::IndexExpr>(&e);
  auto *base = index ? llvm::dyn_cast<ast::NameExpr>(index->base) : nullptr;
  if (!base || index->indices.size() != 1)
    return -1;
  Frame frame;
  frame.locals = visible;
  int64_t k = ev.evaluateSize(*index->indices[0], frame, 0, "the number of an area");
  return area(base->name + "[" + std::to_string(k) + "]");
}
const Scalar *Network::scalar(llvm::StringRef n) const {
  auto it = llvm::find_if(scalars, [&](const Scalar &s) { return s.name == n; });
  return it == scalars.end() ? nullptr : &*it;
}
const State *Area::state(llvm::StringRef n) const {
  auto it = llvm::find_if(states, [&](const State &s) { return s.name == n; });
  return it == states.end() ? nullptr : &*it;
}
int Network::connection(llvm::StringRef n) const {
  for (size_t i = 0; i < connections.size(); ++i)
    if (connections[i].name == n)
      return static_cast<int>(i);
  return -1;
}

namespace {

class NetworkBuilder {
public:
  NetworkBuilder(const ast::NetworkDecl &decl, Evaluator &ev, States &states)
      : ev(ev), states(states) {
    net.decl = &decl;
    net.name = decl.name.text;
    errorsBefore = ev.diags.errorCount();
  }
  Network build() {
    Frame caller;
    net.args = bindArguments(ev, *net.decl, {}, net.decl->name.span, caller);
    visible = net.args;
    std::function<void(const ast::Block &, llvm::function_ref<void(const ast::Stmt &)>)> walk =
        [&](const ast::Block &block, auto visit) {
          for (const ast::Stmt *s : block)
            try {
              if (auto *loop = llvm::dyn_cast<ast::ForStmt>(s))
                eachValue(*loop, [&] { walk(loop->body, visit); });
              else
                visit(*s);
            } catch (Reported &) {
              net.sound = false;
            }
        };
    auto each = [&](llvm::function_ref<void(const ast::Stmt &)> visit) {
      walk(net.decl->body, visit);
    };
    each([&](const ast::Stmt &s) {
      if (auto *a = llvm::dyn_cast<ast::AreaDecl>(&s))
        addArea(*a);
    });
    if (sound()) // a broken area would only repeat itself in its connections
      for (bool sharing : {false, true}) // whoever shares weights finds them declared
        each([&](const ast::Stmt &s) {
          if (auto *c = llvm::dyn_cast<ast::ConnectDecl>(&s); c && sharesWeights(*c) == sharing)
            addConnection(*c);
        });
    each([&](const ast::Stmt &s) { addOther(s); });
    if (sound())
      order();
    net.sound = sound();
    return std::move(net);
  }

private:
  /// Nothing is wrong with this network so far.
  bool sound() const { return net.sound && ev.diags.errorCount() == errorsBefore; }

  void claim(const ast::Name &name) {
    auto [it, fresh] = names.emplace(name.text, name.span);
    if (!fresh) {
      ev.diags.error(Code::DefinedTwice, name.span, "`" + name.text + "` is defined twice")
          .label(it->second, "first defined here");
      throw Reported();
    }
  }

  /// `1..7`: first and last.
  std::pair<int64_t, int64_t> bounds(const ast::Expr &e) {
    auto *range = llvm::dyn_cast<ast::BinaryExpr>(&e);
    if (!range || range->op != ast::BinaryOp::Range)
      ev.fail(Code::WrongType, e.span, "this is not a range", "write `1..7`");
    Frame frame;
    frame.locals = visible;
    int64_t first = ev.evaluateSize(*range->lhs, frame, 0, "the start of a range");
    int64_t last = ev.evaluateSize(*range->rhs, frame, 0, "the end of a range");
    if (last < first || last - first > 100000)
      ev.fail(Code::BadSize, e.span, "this range has no, or too many, values");
    return {first, last};
  }

  void eachValue(const ast::ForStmt &loop, llvm::function_ref<void()> body) {
    auto [first, last] = bounds(*loop.range);
    auto outer = visible;
    for (int64_t k = first; k <= last; ++k) {
      visible[loop.var.text] = Field::number(static_cast<double>(k));
      body();
    }
    visible = outer;
  }

  void addArea(const ast::AreaDecl &decl) {
    claim(decl.name);
    if (!decl.family)
      return addArea(decl, decl.name.text);
    auto [first, last] = bounds(*decl.family);
    for (int64_t k = first; k <= last; ++k)
      addArea(decl, decl.name.text + "[" + std::to_string(k) + "]");
  }

  void addArea(const ast::AreaDecl &decl, const std::string &name) {
    Area area;
    area.decl = &decl;
    area.name = name;
    Frame frame;
    frame.locals = visible;
    for (const ast::Expr *e : decl.shape) {
      area.size *= ev.evaluateSize(*e, frame, 1, "the size of an area");
      if (area.size > (int64_t(1) << 31))
        ev.fail(Code::TooLarge, decl.name.span,
                "the area `" + area.name + "` has more than 2^31 units");
    }
    llvm::ArrayRef<ast::Argument> args;
    area.unit = &ev.definition<ast::UnitDecl>(
        decl.unit, decl.unit ? decl.unit->span : decl.span,
        "an area needs a unit after `:`, and `" +
            llvm::Twine(decl.unit ? ast::toString(*decl.unit) : "nothing") + "` is none",
        args);
    area.args = args;
    scanUnit(area);
    if (area.mainOutput.empty())
      ev.fail(Code::UnitWithoutOutput, area.unit->name.span,
              "the unit `" + area.unit->name.text + "` has no output",
              "mark what connections read: `output rate = …`");
    net.areas.push_back(std::move(area));
  }

  /// What the unit declares, and which of it a tick knows before any input.
  void scanUnit(Area &area) {
    std::set<std::string> late; // depends on an input of this tick
    auto waits = [&](const ast::Expr *e) {
      std::set<std::string> names;
      if (e)
        collectNames(*e, names);
      return llvm::any_of(names, [&](auto &n) { return late.count(n) != 0; });
    };
    bool above = true; // no input was used yet
    auto use = [&](bool waiting) {
      above &= !waiting;
      area.above += above;
    };
    for (const ast::Block *body : {&area.decl->body, &area.unit->body})
      for (const ast::Stmt *s : *body) {
        if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(s)) {
          auto *name = llvm::dyn_cast<ast::NameExpr>(assign->target);
          if (!name || !area.state(name->name) || assign->op == ast::AssignOp::Draw)
            ev.fail(Code::NotAssignable, assign->target->span,
                    "`" + ast::toString(*assign->target) + "` is no state of this unit",
                    "only a `state` is assigned; what is new in every tick is a `let`");
          use(waits(assign->value));
          if (waits(assign->value))
            late.insert(name->name); // for what follows in the body
          continue;
        }
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        if (!v)
          ev.unsupported(s->span, "this statement in a unit is");
        if (v->varKind == ast::VarKind::Weight)
          ev.unsupported(s->span, "units with weights are");
        if (v->isCommon)
          ev.unsupported(s->span, "`common` variables are");
        use(llvm::any_of(v->vars, [&](auto &d) { return waits(d.init); }));
        for (auto &d : v->vars) {
          addVariable(area, *v, d, late, waits(d.init));
          if (above && v->varKind != ast::VarKind::Input)
            area.early.insert(d.name.text);
        }
      }
    for (auto &s : area.states)
      area.early.insert(s.name); // others read them as they were at the start of the tick
  }

  void addVariable(Area &area, const ast::VarDecl &v, const ast::VarDecl::Declarator &d,
                   std::set<std::string> &late, bool waits) {
    using Life = State::Life;
    if (area.has(d.name.text))
      ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is declared twice");
    if (!d.components.empty())
      ev.unsupported(d.name.span, "variables with components are");
    bool item = v.varKind == ast::VarKind::Item || v.isItem;
    if (v.varKind == ast::VarKind::Input) {
      area.inputs.push_back(d.name.text);
      late.insert(d.name.text);
      if (area.mainInput.empty())
        area.mainInput = d.name.text;
      return;
    }
    if (item)
      ev.unsupported(v.span, "`item` states are");
    area.variables.push_back(d.name.text);
    if (waits)
      late.insert(d.name.text);
    if ((v.isOutput || v.varKind == ast::VarKind::Output) && area.mainOutput.empty())
      area.mainOutput = d.name.text;
    if (v.varKind != ast::VarKind::State)
      return;
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    State state{d.name.text, "", &v, &d, v.isShared ? Life::Shared : Life::Reset};
    if (v.isLasting) {
      state.life = Life::Lasting;
      state.symbol = net.name + "." + area.name + "." + d.name.text;
      StateInit init;
      init.symbol = state.symbol;
      init.role = "lasting";
      init.at = d.name.span;
      init.extent = {{Axis::Unit, area.size}};
      Frame frame;
      frame.locals = net.args;
      frame.stream = state.symbol;
      frame.drawExtent = init.extent;
      init.value = [e = &ev, value = d.init, frame]() mutable {
        return e->evaluate(*value, frame);
      };
      states.declare(std::move(init));
    }
    area.states.push_back(std::move(state));
  }

  std::pair<int, std::string> endpoint(const ast::Expr &e, bool source) {
    const ast::Expr *base = &e;
    std::string member;
    Span memberSpan = e.span;
    if (auto *m = llvm::dyn_cast<ast::MemberExpr>(&e)) {
      base = m->base;
      member = m->member.text;
      memberSpan = m->member.span;
    }
    int index = net.area(*base, ev, visible);
    if (index < 0) {
      std::string name = ast::toString(*base);
      std::vector<std::string> candidates;
      for (auto &a : net.areas)
        candidates.push_back(a.name);
      std::string near = nearest(name, candidates);
      ev.fail(Code::UnknownName, base->span, "unknown area `" + name + "`",
              near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
    }
    const Area &a = net.areas[index];
    if (member.empty())
      member = source ? a.mainOutput : a.mainInput;
    if (member.empty())
      ev.fail(Code::NoInput, e.span, "the area `" + a.name + "` has no input",
              "its unit `" + a.unit->name.text + "` declares no `input`");
    if (!(source ? a.has(member) : llvm::is_contained(a.inputs, member)))
      ev.fail(Code::UnknownMember, memberSpan,
              "the area `" + a.name + "` has no " + (source ? "variable" : "input") + " `" +
                  member + "`");
    return {index, member};
  }

  static bool sharesWeights(const ast::ConnectDecl &decl) {
    llvm::ArrayRef<ast::Argument> args;
    auto *topology = calleeOf(decl.topology, args);
    return topology && (topology->name == "transpose" || topology->name == "tied");
  }

  void addConnection(const ast::ConnectDecl &decl) {
    Connection c;
    c.decl = &decl;
    std::tie(c.from, c.fromVariable) = endpoint(*decl.from, true);
    std::tie(c.to, c.toPort) = endpoint(*decl.to, false);
    const Area &from = net.areas[c.from], &to = net.areas[c.to];
    c.fromSize = from.size;
    c.toSize = to.size;
    c.name = decl.name ? decl.name.text : from.name + "_" + to.name;
    llvm::erase_if(c.name, [](char letter) { return letter == '[' || letter == ']'; });
    if (net.connection(c.name) >= 0) {
      ev.diags
          .error(decl.name ? Code::DefinedTwice : Code::AmbiguousName, decl.span,
                 "two connections are named `" + c.name + "`")
          .label(net.connections[net.connection(c.name)].decl->span, "the other one")
          .hint("give one of them a name: `… as NAME`");
      throw Reported();
    }
    llvm::ArrayRef<ast::Argument> args, synapseArgs;
    auto *topology = calleeOf(decl.topology, args);
    std::string kind = topology ? topology->name : "";
    if (kind == "dense")
      c.topology = Topology::Dense;
    else if (kind == "one_to_one")
      c.topology = Topology::OneToOne;
    else if (kind == "wire")
      c.topology = Topology::Wire;
    else if (kind == "transpose" || kind == "tied") {
      shareWeights(c, *topology, args);
      return;
    } else if (kind == "sparse" || kind == "conv" || kind == "local" || kind == "pool")
      ev.unsupported(topology->span, "`" + kind + "` is");
    else
      ev.fail(Code::UnknownName, decl.topology ? decl.topology->span : decl.span,
              "unknown topology `" + kind + "`", "one of dense, one_to_one, wire, transpose, tied");
    if (c.topology != Topology::Dense && from.size != to.size) {
      ev.diags
          .error(Code::ShapeMismatch, decl.span,
                 "`" + kind + "` needs areas of equal size, and `" + from.name + "` has " +
                     std::to_string(from.size) + " units where `" + to.name + "` has " +
                     std::to_string(to.size))
          .label(from.decl->span, std::to_string(from.size) + " units")
          .label(to.decl->span, std::to_string(to.size) + " units");
      throw Reported();
    }
    const ast::Argument *initial = nullptr;
    for (auto &a : args) {
      Frame frame;
      frame.locals = visible;
      if (a.name.text == "bias" && c.topology != Topology::Wire)
        c.bias = ev.evaluateConstant(*a.value, frame, "`bias`") != 0;
      else if (a.name.text == "w" && c.topology != Topology::Wire)
        initial = &a;
      else if (a.name.text == "delay" || a.name.text == "self")
        ev.unsupported(a.value->span, "`" + a.name.text + "` is");
      else
        ev.fail(Code::UnknownArgument, a.name ? a.name.span : a.value->span,
                "`" + kind + "` has no parameter `" + a.name.text + "`", "it takes `w` and `bias`");
    }
    if (c.topology != Topology::Wire) {
      auto *synapse = calleeOf(decl.synapse, synapseArgs);
      std::string name = synapse ? synapse->name : "linear";
      c.synapse = ev.globals.find<ast::SynapseDecl>(name);
      if (!c.synapse)
        ev.fail(Code::UnknownName, synapse ? synapse->span : decl.span,
                "unknown synapse `" + name + "`",
                decl.synapse ? llvm::Twine() : llvm::Twine("start the model with `use std`"));
      ev.requireSound(*c.synapse);
      Frame caller;
      caller.locals = visible;
      c.synapseArgs = bindArguments(ev, *c.synapse, synapseArgs, decl.span, caller);
      addWeights(c, initial);
    }
    addKeeps(c);
    net.connections.push_back(std::move(c));
  }

  void addKeeps(Connection &c) {
    for (const ast::Stmt *s : c.decl->body) {
      auto *keep = llvm::dyn_cast<ast::KeepStmt>(s);
      if (!keep)
        ev.fail(Code::NotAssignable, s->span, "a connection of a network holds `keep` only",
                "write `keep w = …`; what changes a weight belongs to a rule");
      auto *name = llvm::dyn_cast<ast::NameExpr>(keep->target);
      auto same = [&](const Weight &w) { return name && w.name == name->name; };
      if (llvm::none_of(c.weights, same))
        ev.fail(Code::NotAssignable, keep->target->span,
                "the connection `" + c.name + "` has no weight `" + ast::toString(*keep->target) +
                    "`");
      c.keeps.push_back(keep);
    }
  }

  /// `transpose(c)`: the same synapses, conducting backwards; `tied(c)`: others
  /// with the same weights.
  void shareWeights(Connection c, const ast::NameExpr &topology,
                    llvm::ArrayRef<ast::Argument> args) {
    auto *name =
        args.size() == 1 && !args[0].name ? llvm::dyn_cast<ast::NameExpr>(args[0].value) : nullptr;
    if (!name)
      ev.fail(Code::MissingArgument, c.decl->span,
              "`" + topology.name + "` takes the name of one connection",
              "write `" + topology.name + "(first_second)`, as the connection is called");
    int index = net.connection(name->name);
    if (index < 0) {
      std::vector<std::string> names;
      for (auto &k : net.connections)
        names.push_back(k.name);
      std::string near = nearest(name->name, names);
      ev.fail(Code::UnknownName, name->span, "no connection is called `" + name->name + "`",
              near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
    }
    const Connection &other = net.connections[index];
    if (other.topology == Topology::Wire || other.transposeOf >= 0)
      ev.fail(Code::WrongKind, name->span, "`" + other.name + "` has no weights of its own");
    if (c.decl->synapse || !c.decl->body.empty())
      ev.fail(Code::WrongKind, c.decl->span,
              "the synapses are those of `" + other.name + "`: they are declared there");
    bool backwards = topology.name == "transpose";
    int64_t from = backwards ? other.toSize : other.fromSize;
    int64_t to = backwards ? other.fromSize : other.toSize;
    if (c.fromSize != from || c.toSize != to) {
      ev.diags
          .error(Code::ShapeMismatch, c.decl->span,
                 "`" + topology.name + "(" + other.name + ")` goes from " + std::to_string(from) +
                     " to " + std::to_string(to) + " units, and these areas have " +
                     std::to_string(c.fromSize) + " and " + std::to_string(c.toSize))
          .label(other.decl->span, "the connection");
      throw Reported();
    }
    c.topology = other.topology;
    c.synapse = other.synapse;
    c.synapseArgs = other.synapseArgs;
    c.weights = other.weights;
    if (backwards) {
      c.transposeOf = index;
      llvm::erase_if(c.weights, [](const Weight &w) { return w.bias; });
    } else {
      c.bias = other.bias;
    }
    net.connections.push_back(std::move(c));
  }

  void addWeights(Connection &c, const ast::Argument *initial) {
    for (const ast::Stmt *s : c.synapse->body) {
      auto *v = llvm::dyn_cast<ast::VarDecl>(s);
      if (!v)
        continue;
      if (v->varKind != ast::VarKind::Weight) {
        if (v->varKind != ast::VarKind::Let)
          ev.unsupported(s->span, "synapses with states are");
        continue;
      }
      if (v->isCommon || v->isShared)
        ev.unsupported(s->span, "common weights are");
      for (auto &d : v->vars)
        for (bool bias : {false, true}) {
          if (bias && !c.bias)
            continue;
          Weight w;
          w.name = d.name.text;
          w.bias = bias;
          w.symbol = net.name + "." + c.name + "." +
                     (bias ? (w.name == "w" ? "b" : w.name + "_bias") : w.name);
          StateInit init;
          init.symbol = w.symbol;
          init.role = "weight";
          init.at = c.decl->span;
          if (c.topology == Topology::Dense && !bias)
            init.extent.push_back({Axis::Pre, c.fromSize});
          init.extent.push_back({Axis::Post, c.toSize});
          if (double(c.fromSize) * c.toSize > double(int64_t(1) << 34))
            ev.fail(Code::TooLarge, c.decl->span,
                    "the connection `" + c.name + "` has more than 2^34 weights");
          Frame frame;
          frame.locals = visible;
          for (auto &[name, value] : c.synapseArgs)
            frame.locals[name] = value;
          double in = static_cast<double>(c.fanIn()), out = static_cast<double>(c.fanOut());
          frame.locals["fan_in"] = Field::number(in);
          frame.locals["fan_out"] = Field::number(out);
          frame.stream = w.symbol;
          frame.drawExtent = init.extent;
          const ast::Expr *value = !bias && initial && d.name.text == "w" ? initial->value
                                   : !bias                                ? d.init
                                                                          : nullptr;
          Evaluator *e = &ev;
          Span at = c.decl->span;
          init.value = [=, extent = init.extent]() mutable {
            if (bias)
              return Field::number(0);
            if (value)
              return e->evaluate(*value, frame);
            double limit = std::sqrt(6 / (in + out));
            OpBuilder &b = e->fields.builder;
            llvm::SmallVector<int64_t> shape;
            Field draw;
            for (auto [axis, size] : extent) {
              shape.push_back(size);
              draw.axes.push_back(axis);
            }
            draw.tensor = b.create<ir::DrawOp>(
                e->location(at), RankedTensorType::get(shape, b.getF32Type()),
                b.getStringAttr("uniform"), b.getStringAttr(frame.stream), UnitAttr());
            using ast::BinaryOp;
            Field centred =
                e->binary(BinaryOp::Sub, e->binary(BinaryOp::Mul, draw, Field::number(2), at),
                          Field::number(1), at);
            return e->binary(BinaryOp::Mul, centred, Field::number(limit), at);
          };
          states.declare(std::move(init));
          c.weights.push_back(std::move(w));
        }
    }
  }

  void addOther(const ast::Stmt &s) {
    if (auto *c = llvm::dyn_cast<ast::CostDecl>(&s)) {
      claim(c->name);
      net.costs.push_back(c);
    } else if (auto *l = llvm::dyn_cast<ast::LearnDecl>(&s)) {
      std::string name = l->name ? l->name.text : "learn" + std::to_string(net.learns.size());
      net.learns.push_back({l, name});
    } else if (auto *v = llvm::dyn_cast<ast::VarDecl>(&s);
               v && (v->varKind == ast::VarKind::Let || v->varKind == ast::VarKind::Given) &&
               !v->isItem && !v->isOutput) {
      for (auto &d : v->vars) {
        claim(d.name);
        if (!d.components.empty())
          ev.unsupported(d.name.span, "variables with components are");
        if (!d.init && v->varKind == ast::VarKind::Let)
          ev.fail(Code::Syntax, d.name.span, "`let " + d.name.text + "` needs a value");
        net.scalars.push_back({d.name.text, v, &d});
      }
    } else if (!llvm::isa<ast::AreaDecl, ast::ConnectDecl>(s)) {
      ev.unsupported(s.span, "this statement in a network is");
    }
  }

  /// Every source of a value before its readers, as far as a tick needs it:
  /// what is known at the start of the tick delays nobody.
  void order() {
    auto waitsFor = [&](const Connection &c) {
      return !net.areas[c.from].early.count(c.fromVariable);
    };
    std::vector<int> waiting(net.areas.size());
    for (auto &c : net.connections)
      waiting[c.to] += waitsFor(c);
    std::vector<int> ready;
    for (size_t i = 0; i < net.areas.size(); ++i)
      if (waiting[i] == 0)
        ready.push_back(static_cast<int>(i));
    for (size_t k = 0; k < ready.size(); ++k)
      for (auto &c : net.connections)
        if (c.from == ready[k] && waitsFor(c) && --waiting[c.to] == 0)
          ready.push_back(c.to);
    net.order = ready;
    if (ready.size() == net.areas.size())
      return;
    auto blocked = [&](int a) { return waiting[a] > 0; };
    for (auto &c : net.connections)
      if (blocked(c.from) && blocked(c.to)) {
        ev.diags
            .error(Code::Cycle, c.decl->span,
                   "the values of `" + net.areas[c.to].name +
                       "` depend on themselves within one tick")
            .hint("give one connection of the cycle `delay = 1 tick`, or let it read a `state`");
        return;
      }
  }

  Network net;
  Evaluator &ev;
  States &states;
  unsigned errorsBefore = 0;
  std::map<std::string, Span> names;
  std::map<std::string, Field> visible; ///< arguments of the network and loop variables
};

} // namespace

Network buildNetwork(const ast::NetworkDecl &decl, Evaluator &ev, States &states) {
  return NetworkBuilder(decl, ev, states).build();
}

} // namespace apical::sema
