//===- Network.cpp - a network's graph, and one trial of it ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Network.h"

using namespace mlir;

namespace apical::sema {

int Network::area(llvm::StringRef n) const {
  for (size_t i = 0; i < areas.size(); ++i)
    if (areas[i].name == n)
      return static_cast<int>(i);
  return -1;
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
  }
  Network build() {
    Frame caller;
    net.args = bindArguments(ev, *net.decl, {}, net.decl->name.span, caller);
    auto each = [&](auto visit) {
      for (const ast::Stmt *s : net.decl->body)
        try {
          visit(*s);
        } catch (Reported &) {
        }
    };
    each([&](const ast::Stmt &s) {
      if (auto *a = llvm::dyn_cast<ast::AreaDecl>(&s))
        addArea(*a);
    });
    if (!ev.diags.hasErrors()) // a broken area would only repeat itself in its connections
      each([&](const ast::Stmt &s) {
        if (auto *c = llvm::dyn_cast<ast::ConnectDecl>(&s))
          addConnection(*c);
      });
    each([&](const ast::Stmt &s) { addOther(s); });
    if (!ev.diags.hasErrors())
      order();
    return std::move(net);
  }

private:
  void claim(const ast::Name &name) {
    auto [it, fresh] = names.emplace(name.text, name.span);
    if (!fresh) {
      ev.diags.error(Code::DefinedTwice, name.span, "`" + name.text + "` is defined twice")
          .label(it->second, "first defined here");
      throw Reported();
    }
  }

  static const ast::NameExpr *calleeOf(const ast::Expr *e, std::vector<ast::Argument> &args) {
    if (auto *call = llvm::dyn_cast_or_null<ast::CallExpr>(e)) {
      args = call->args;
      return llvm::dyn_cast<ast::NameExpr>(call->callee);
    }
    return llvm::dyn_cast_or_null<ast::NameExpr>(e);
  }

  void addArea(const ast::AreaDecl &decl) {
    claim(decl.name);
    if (decl.family)
      ev.unsupported(decl.span, "families of areas are");
    Area area;
    area.decl = &decl;
    area.name = decl.name.text;
    Frame frame;
    frame.locals = net.args;
    for (const ast::Expr *e : decl.shape)
      area.size *= ev.evaluateSize(*e, frame, 1, "the size of an area");
    if (area.size > (int64_t(1) << 31))
      ev.fail(Code::TooLarge, decl.name.span,
              "the area `" + area.name + "` has more than 2^31 units");
    auto *name = calleeOf(decl.unit, area.args);
    if (!name)
      ev.fail(Code::WrongKind, decl.span, "an area needs the name of a unit after `:`");
    area.unit = ev.globals.find<ast::UnitDecl>(name->name);
    if (!area.unit) {
      if (ev.globals.named.count(name->name))
        ev.fail(Code::WrongKind, name->span, "`" + name->name + "` is not a unit");
      ev.unknown(name->span, name->name, frame);
    }
    auto scan = [&](const ast::Block &body) {
      for (const ast::Stmt *s : body) {
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        if (!v)
          ev.unsupported(s->span, "this statement in a unit is");
        if (v->varKind == ast::VarKind::State || v->varKind == ast::VarKind::Weight ||
            v->varKind == ast::VarKind::Item)
          ev.unsupported(s->span, "units with states or weights are");
        for (auto &d : v->vars) {
          if (area.has(d.name.text))
            ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is declared twice");
          if (v->varKind == ast::VarKind::Input) {
            area.inputs.push_back(d.name.text);
            if (area.mainInput.empty())
              area.mainInput = d.name.text;
          } else {
            area.variables.push_back(d.name.text);
          }
          if ((v->isOutput || v->varKind == ast::VarKind::Output) && area.mainOutput.empty())
            area.mainOutput = d.name.text;
        }
      }
    };
    scan(area.unit->body);
    scan(decl.body);
    if (area.mainOutput.empty())
      ev.fail(Code::UnitWithoutOutput, area.unit->name.span,
              "the unit `" + area.unit->name.text + "` has no output",
              "mark what connections read: `output rate = …`");
    net.areas.push_back(std::move(area));
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
    auto *name = llvm::dyn_cast<ast::NameExpr>(base);
    if (!name)
      ev.unsupported(e.span, "this endpoint is");
    int index = net.area(name->name);
    if (index < 0) {
      std::vector<std::string> candidates;
      for (auto &a : net.areas)
        candidates.push_back(a.name);
      std::string near = nearest(name->name, candidates);
      ev.fail(Code::UnknownName, name->span, "unknown area `" + name->name + "`",
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

  void addConnection(const ast::ConnectDecl &decl) {
    Connection c;
    c.decl = &decl;
    std::tie(c.from, c.fromVariable) = endpoint(*decl.from, true);
    std::tie(c.to, c.toPort) = endpoint(*decl.to, false);
    const Area &from = net.areas[c.from], &to = net.areas[c.to];
    c.fromSize = from.size;
    c.toSize = to.size;
    c.name = decl.name ? decl.name.text : from.name + "_" + to.name;
    if (net.connection(c.name) >= 0) {
      ev.diags
          .error(decl.name ? Code::DefinedTwice : Code::AmbiguousName, decl.span,
                 "two connections are named `" + c.name + "`")
          .label(net.connections[net.connection(c.name)].decl->span, "the other one")
          .hint("give one of them a name: `… as NAME`");
      throw Reported();
    }
    std::vector<ast::Argument> args, synapseArgs;
    auto *topology = calleeOf(decl.topology, args);
    std::string kind = topology ? topology->name : "";
    if (kind == "dense")
      c.topology = Topology::Dense;
    else if (kind == "one_to_one")
      c.topology = Topology::OneToOne;
    else if (kind == "wire")
      c.topology = Topology::Wire;
    else if (kind == "sparse" || kind == "conv" || kind == "local" || kind == "pool" ||
             kind == "transpose" || kind == "tied")
      ev.unsupported(topology->span, "`" + kind + "` is");
    else
      ev.fail(Code::UnknownName, decl.topology ? decl.topology->span : decl.span,
              "unknown topology `" + kind + "`", "one of dense, one_to_one, wire");
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
      frame.locals = net.args;
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
    if (!decl.body.empty())
      ev.unsupported(decl.body.front()->span, "`keep` is");
    if (c.topology != Topology::Wire) {
      auto *synapse = calleeOf(decl.synapse, synapseArgs);
      std::string name = synapse ? synapse->name : "linear";
      c.synapse = ev.globals.find<ast::SynapseDecl>(name);
      if (!c.synapse)
        ev.fail(Code::UnknownName, synapse ? synapse->span : decl.span,
                "unknown synapse `" + name + "`",
                decl.synapse ? llvm::Twine() : llvm::Twine("start the model with `use std`"));
      Frame caller;
      caller.locals = net.args;
      c.synapseArgs = bindArguments(ev, *c.synapse, synapseArgs, decl.span, caller);
      addWeights(c, initial);
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
          if (c.topology == Topology::Dense && !bias)
            init.extent.push_back({Axis::Pre, c.fromSize});
          init.extent.push_back({Axis::Post, c.toSize});
          if (double(c.fromSize) * c.toSize > double(int64_t(1) << 34))
            ev.fail(Code::TooLarge, c.decl->span,
                    "the connection `" + c.name + "` has more than 2^34 weights");
          Frame frame;
          frame.locals = net.args;
          for (auto &[name, value] : c.synapseArgs)
            frame.locals[name] = value;
          double in = c.topology == Topology::Dense ? c.fromSize : 1,
                 out = c.topology == Topology::Dense ? c.toSize : 1;
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
    } else if (!llvm::isa<ast::AreaDecl, ast::ConnectDecl>(s)) {
      ev.unsupported(s.span, "this statement in a network is");
    }
  }

  void order() {
    std::vector<int> waiting(net.areas.size());
    for (auto &c : net.connections)
      ++waiting[c.to];
    std::vector<int> ready;
    for (size_t i = 0; i < net.areas.size(); ++i)
      if (waiting[i] == 0)
        ready.push_back(static_cast<int>(i));
    for (size_t k = 0; k < ready.size(); ++k)
      for (auto &c : net.connections)
        if (c.from == ready[k] && --waiting[c.to] == 0)
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
            .hint("give one connection of the cycle `delay = 1 tick`");
        return;
      }
  }

  Network net;
  Evaluator &ev;
  States &states;
  std::map<std::string, Span> names;
};

} // namespace

Network buildNetwork(const ast::NetworkDecl &decl, Evaluator &ev, States &states) {
  return NetworkBuilder(decl, ev, states).build();
}

//===----------------------------------------------------------------------===//
// One trial
//===----------------------------------------------------------------------===//

Field Trial::read(const std::string &symbol) {
  if (auto it = reads.find(symbol); it != reads.end())
    return it->second;
  const StateInit &state = states.list[states.bySymbol.at(symbol)];
  Field f;
  llvm::SmallVector<int64_t> shape;
  for (auto [axis, size] : state.extent) {
    f.axes.push_back(axis);
    shape.push_back(size);
  }
  OpBuilder &b = ev.fields.builder;
  f.tensor = b.create<ir::ReadOp>(b.getUnknownLoc(), RankedTensorType::get(shape, b.getF32Type()),
                                  FlatSymbolRefAttr::get(b.getContext(), symbol));
  return reads[symbol] = f;
}

std::optional<Field> Trial::variable(int area, llvm::StringRef name) const {
  auto it = values.find({area, name.str()});
  return it == values.end() ? std::nullopt : std::optional<Field>(it->second);
}

Frame Trial::networkFrame() {
  Frame frame;
  frame.locals = net.args;
  for (auto &[name, value] : costs)
    frame.locals[name] = value;
  for (auto &a : net.areas)
    frame.known.push_back(a.name);
  frame.resolve = [this](const ast::Expr &e) -> std::optional<Field> {
    auto *m = llvm::dyn_cast<ast::MemberExpr>(&e);
    auto *base = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    int a = base ? net.area(base->name) : -1;
    if (a < 0) {
      if (base && !net.args.count(base->name)) {
        Frame none;
        for (auto &area : net.areas)
          none.known.push_back(area.name);
        ev.unknown(base->span, base->name, none);
      }
      return std::nullopt;
    }
    if (auto f = variable(a, m->member.text))
      return f;
    std::vector<std::string> names = net.areas[a].variables;
    names.insert(names.end(), net.areas[a].inputs.begin(), net.areas[a].inputs.end());
    std::string near = nearest(m->member.text, names);
    ev.fail(Code::UnknownMember, m->member.span,
            "the area `" + net.areas[a].name + "` has no variable `" + m->member.text + "`",
            near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
  };
  return frame;
}

Field Trial::conduct(const Connection &c) {
  Field source = *variable(c.from, c.fromVariable);
  if (c.topology == Topology::Wire)
    return source;
  std::optional<Field> total;
  for (bool bias : {false, true}) {
    if (bias && !c.bias)
      continue;
    Frame frame;
    frame.locals = c.synapseArgs;
    frame.reductions = {Axis::Pre, Axis::Post};
    frame.locals["pre"] = bias ? Field::number(1) : source.as(Axis::Unit, c.preAxis());
    for (auto &w : c.weights)
      if (w.bias == bias)
        frame.locals[w.name] = read(w.symbol);
    for (const ast::Stmt *s : c.synapse->body) {
      if (ev.execute(*s, frame) || llvm::isa<ast::VarDecl>(s))
        continue;
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *name = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
      if (!name || name->name != "post" || assign->op != ast::AssignOp::Add)
        ev.unsupported(s->span, "this statement in a synapse is");
      Field e = ev.evaluate(*assign->value, frame);
      e = ev.fields.reduce(ev.location(s->span), e, {Axis::Pre});
      total = total ? ev.binary(ast::BinaryOp::Add, *total, e, s->span) : e;
    }
  }
  if (!total)
    return Field::number(0);
  return total->as(Axis::Post, Axis::Unit);
}

void Trial::runArea(int index, Span experiment) {
  const Area &area = net.areas[index];
  Frame caller;
  caller.locals = net.args;
  Frame frame;
  frame.locals = bindArguments(ev, *area.unit, area.args, area.decl->span, caller);
  frame.locals["size"] = Field::number(area.size);
  for (auto &port : area.inputs) {
    Field sum = Field::number(0);
    for (auto &c : net.connections)
      if (c.to == index && c.toPort == port) {
        Field arriving = conduct(c);
        sum = sum.constant && *sum.constant == 0
                  ? arriving
                  : ev.binary(ast::BinaryOp::Add, sum, arriving, c.decl->span);
      }
    if (sum.constant || !sum.has(Axis::Unit))
      sum = ev.fields.broadcast(ev.location(area.decl->span), sum, {{Axis::Unit, area.size}});
    values[{index, port}] = frame.locals[port] = sum;
  }
  for (const ast::Block *body : {&area.decl->body, &area.unit->body})
    for (const ast::Stmt *s : *body) {
      auto *v = llvm::cast<ast::VarDecl>(s);
      if (v->varKind == ast::VarKind::Input)
        continue;
      for (auto &d : v->vars) {
        Field value;
        auto bound = bindings.find(area.name + "." + d.name.text);
        if (bound != bindings.end())
          value = bound->second;
        else if (d.init)
          value = ev.evaluate(*d.init, frame);
        else if (v->varKind == ast::VarKind::Given) {
          ev.diags
              .error(Code::GivenUnbound, experiment,
                     "nothing gives `" + area.name + "." + d.name.text + "` a value")
              .label(d.name.span, "declared here")
              .hint("bind it in the experiment: `" + area.name + "." + d.name.text + " = …`");
          throw Reported();
        } else
          ev.fail(Code::Syntax, d.name.span, "`" + d.name.text + "` needs a value");
        if (!value.constant && value.has(Axis::Unit) && value.size(Axis::Unit) != area.size)
          ev.fail(Code::ShapeMismatch, d.name.span,
                  "`" + area.name + "." + d.name.text + "` has " + llvm::Twine(area.size) +
                      " units, and the value has " + describe(value));
        if (value.constant)
          value = ev.fields.broadcast(ev.location(d.name.span), value, {{Axis::Unit, area.size}});
        values[{index, d.name.text}] = frame.locals[d.name.text] = value;
      }
    }
}

void Trial::run(Span experiment) {
  for (int a : net.order)
    runArea(a, experiment);
  for (const ast::CostDecl *c : net.costs) {
    Frame frame = networkFrame();
    Field value = ev.evaluate(*c->value, frame);
    if (!value.constant && value.has(Axis::Unit))
      ev.fail(Code::ShapeMismatch, c->value->span,
              "a cost is one number per sample, and this is " + describe(value),
              "reduce it with `sum` or `mean`");
    costs[c->name.text] = value;
  }
}

void Trial::learn() {
  for (auto &l : net.learns)
    try {
      RuleInstance(*this, l).instantiate();
    } catch (Reported &) {
    }
  OpBuilder &b = ev.fields.builder;
  for (auto &symbol : updateOrder) {
    const StateInit &state = states.list[states.bySymbol.at(symbol)];
    Field value = ev.fields.broadcast(b.getUnknownLoc(), updates.at(symbol), state.extent);
    b.create<ir::WriteOp>(b.getUnknownLoc(), FlatSymbolRefAttr::get(b.getContext(), symbol),
                          value.tensor);
  }
}

} // namespace apical::sema
