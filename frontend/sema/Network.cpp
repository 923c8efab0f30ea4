//===- Network.cpp - a network's graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Network.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Mask.h"
#include "frontend/sema/Windows.h"

using namespace mlir;

namespace apical::sema {

int Network::area(llvm::StringRef n) const {
  for (size_t i = 0; i < areas.size(); ++i)
    if (areas[i].name == n)
      return static_cast<int>(i);
  return -1;
}
int Network::area(const ast::Expr &e, Evaluator &ev, int part,
                  const std::map<std::string, Field> &visible) const {
  std::string path = pathOf(e, ev, visible);
  return path.empty() ? -1 : area(parts[part].own(path));
}
void requireFreeKey(const ast::Name &name, llvm::StringRef what, Evaluator &ev) {
  if (llvm::is_contained(
          {"event", "network", "experiment", "seed", "step", "epoch", "seconds", "status", "row"},
          name.text))
    ev.fail(Code::DefinedTwice, name.span,
            "`" + name.text + "` is a key that every line of the metrics has",
            "give the " + what + " another name");
}
std::string pathOf(const ast::Expr &e, Evaluator &ev, const std::map<std::string, Field> &visible) {
  if (auto *name = llvm::dyn_cast<ast::NameExpr>(&e))
    return name->name;
  if (auto *m = llvm::dyn_cast<ast::MemberExpr>(&e)) {
    std::string base = pathOf(*m->base, ev, visible);
    return base.empty() ? base : base + "." + m->member.text;
  }
  auto *index = llvm::dyn_cast<ast::IndexExpr>(&e);
  std::string base = index ? pathOf(*index->base, ev, visible) : "";
  if (base.empty() || index->indices.size() != 1)
    return "";
  Frame frame;
  frame.locals = visible;
  int64_t k = ev.evaluateSize(*index->indices[0], frame, 0, "the number of an area");
  return base + "[" + std::to_string(k) + "]";
}
int Network::part(llvm::StringRef n) const {
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].name == n)
      return static_cast<int>(i);
  return -1;
}
bool Network::inside(int part, int outer) const {
  while (part != outer && part >= 0)
    part = parts[part].parent;
  return part == outer;
}
std::string Network::local(llvm::StringRef n, int part) const {
  if (!parts[part].name.empty() && n.starts_with(parts[part].name + "."))
    return n.drop_front(parts[part].name.size() + 1).str();
  return n.str();
}
const Cost *Network::cost(llvm::StringRef n) const {
  auto it = llvm::find_if(costs, [&](const Cost &c) { return c.name == n; });
  return it == costs.end() ? nullptr : &*it;
}
const Scalar *Network::scalar(llvm::StringRef n) const {
  auto it = llvm::find_if(scalars, [&](const Scalar &s) { return s.name == n; });
  return it == scalars.end() ? nullptr : &*it;
}
Field States::first(const std::string &symbol, Evaluator &ev) {
  StateInit &s = list[bySymbol.at(symbol)];
  if (!s.made) {
    Field value = s.value();
    s.made = s.mask.empty() ? value : ev.masked(first(s.mask, ev), value, s.at);
  }
  return *s.made;
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
  NetworkBuilder(const ast::NetworkDecl &decl, Evaluator &ev, States &states, const ReadTable &read)
      : ev(ev), states(states), read(read) {
    net.decl = &decl;
    net.name = decl.name.text;
    errorsBefore = ev.diags.errorCount();
  }
  Network build(llvm::ArrayRef<ast::Argument> args, Span at) {
    Part whole;
    whole.decl = net.decl;
    whole.at = at;
    whole.args = arguments(*net.decl, args, at, {});
    net.parts.push_back(std::move(whole));
    addAreas(0);
    if (sound()) // a broken area would only repeat itself in its connections
      for (bool sharing : {false, true}) // whoever shares weights finds them declared
        eachPart(true, [&](const ast::Stmt &s) {
          auto *c = llvm::dyn_cast<ast::ConnectDecl>(&s);
          if (c && (sharesWeights(*c) || tiedPart()) == sharing)
            addConnection(*c);
        });
    eachPart(false, [&](const ast::Stmt &s) { addOther(s); });
    if (sound())
      order();
    net.sound = sound();
    return std::move(net);
  }

private:
  using Visit = llvm::function_ref<void(const ast::Stmt &)>;

  void walk(const ast::Block &block, Visit visit) {
    for (const ast::Stmt *s : block)
      try {
        if (auto *loop = llvm::dyn_cast<ast::ForStmt>(s))
          eachValue(*loop, [&] { walk(loop->body, visit); });
        else
          visit(*s);
      } catch (Reported &) {
        net.sound = false;
      }
  }

  /// The statements of one part; what was wrong in another instance of the network is not repeated.
  void walkPart(int part, Visit visit) {
    auto outer = std::make_pair(here, visible);
    here = part;
    visible = net.parts[part].args;
    const ast::NetworkDecl *decl = net.parts[part].decl;
    unsigned errors = ev.diags.errorCount();
    auto known = broken.find(decl);
    if (known == broken.end() || known->second == part)
      walk(decl->body, visit);
    if (ev.diags.errorCount() != errors)
      broken.emplace(decl, part);
    std::tie(here, visible) = outer;
  }

  /// All parts; `inner`: those further inside come first.
  void eachPart(bool inner, Visit visit) {
    std::vector<int> all(net.parts.size());
    for (size_t k = 0; k < all.size(); ++k)
      all[k] = static_cast<int>(k);
    auto depth = [&](int part) {
      int d = 0;
      for (; net.parts[part].parent >= 0; part = net.parts[part].parent)
        ++d;
      return d;
    };
    if (inner)
      llvm::sort(all, [&](int a, int b) {
        return std::make_pair(-depth(a), a) < std::make_pair(-depth(b), b);
      });
    for (int part : all)
      walkPart(part, visit);
  }

  /// The areas of a part and of the parts in it.
  void addAreas(int part) {
    walkPart(part, [&](const ast::Stmt &s) {
      if (auto *a = llvm::dyn_cast<ast::AreaDecl>(&s))
        addArea(*a);
    });
    for (bool tied : {false, true}) // whoever shares weights finds them declared
      walkPart(part, [&](const ast::Stmt &s) {
        if (auto *p = llvm::dyn_cast<ast::PartDecl>(&s))
          addPart(*p, tied);
      });
  }

  /// What a network is given from outside sizes things, so that it is known now.
  std::map<std::string, Field> arguments(const ast::NetworkDecl &decl,
                                         llvm::ArrayRef<ast::Argument> args, Span at,
                                         const std::map<std::string, Field> &seen) {
    for (auto &p : decl.params) {
      auto *type = llvm::dyn_cast_or_null<ast::NameExpr>(p.type);
      if (type && llvm::is_contained({"network", "area", "weight"}, type->name))
        ev.unsupported(p.name.span, "a parameter of a network that is no number is");
    }
    Frame caller;
    caller.locals = seen;
    for (auto &a : args)
      ev.evaluateConstant(*a.value, caller, "an argument of a network");
    auto bound = bindArguments(ev, decl, args, at, caller);
    for (auto &p : decl.params)
      if (!bound.at(p.name.text).constant)
        ev.fail(Code::NotConstant, p.name.span,
                "an argument of a network must be known when compiling",
                "a `param` is set at run time and sizes nothing: use `const`, or read the `param` "
                "in the network");
    return bound;
  }

  /// `part p = net(args)` and `part q = tied(p)`.
  void addPart(const ast::PartDecl &decl, bool tied) {
    llvm::ArrayRef<ast::Argument> args;
    auto *callee = calleeOf(decl.value, args);
    if ((callee && callee->name == "tied") != tied)
      return;
    claim(decl.name);
    Part part;
    part.name = net.parts[here].own(decl.name.text);
    part.at = decl.span;
    part.parent = here;
    if (tied) {
      std::string original =
          args.size() == 1 && !args[0].name ? pathOf(*args[0].value, ev, visible) : "";
      if (original.empty())
        ev.fail(Code::MissingArgument, decl.span, "`tied` takes the name of one part",
                "write `part other = tied(first)`, where `part first = …`");
      part.tiedTo = net.part(net.parts[here].own(original));
      if (part.tiedTo < 0) {
        std::vector<std::string> names;
        for (auto &p : net.parts)
          names.push_back(net.local(p.name, here));
        std::string near = nearest(original, names);
        ev.fail(Code::UnknownName, args[0].value->span, "no part is called `" + original + "`",
                near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
      }
      part.decl = net.parts[part.tiedTo].decl;
      part.args = net.parts[part.tiedTo].args;
    } else {
      part.decl = &ev.definition<ast::NetworkDecl>(
          decl.value, decl.value->span, "a part is a network or `tied(…)` to another part", args);
      for (int outer = here; outer >= 0; outer = net.parts[outer].parent)
        if (net.parts[outer].decl == part.decl)
          ev.fail(Code::Recursive, decl.value->span,
                  "the network `" + part.decl->name.text + "` would be a part of itself");
      part.args = arguments(*part.decl, args, decl.value->span, visible);
      // Within a tied part, the parts are tied to those of the other.
      if (tiedPart())
        part.tiedTo = net.part(net.parts[net.parts[here].tiedTo].own(decl.name.text));
    }
    net.parts.push_back(std::move(part));
    addAreas(static_cast<int>(net.parts.size()) - 1);
  }

  bool tiedPart() const { return net.parts[here].tiedTo >= 0; }

  /// Nothing is wrong with this network so far.
  bool sound() const { return net.sound && ev.diags.errorCount() == errorsBefore; }

  void claim(const ast::Name &name) {
    auto [it, fresh] = names.emplace(net.parts[here].own(name.text), name.span);
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
    area.name = net.parts[here].own(name);
    area.part = here;
    Frame frame;
    frame.locals = visible;
    for (const ast::Expr *e : decl.shape) {
      area.shape.push_back(ev.evaluateSize(*e, frame, 1, "the size of an area"));
      area.size *= area.shape.back();
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

  /// What the unit declares.
  void scanUnit(Area &area) {
    std::map<std::string, Span> items; // `item rate`: the area keeps a state that the unit declares
    for (const ast::Stmt *s : area.decl->body)
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Item)
        for (auto &d : v->vars)
          items[d.name.text] = d.name.span;
    for (const ast::Block *body : {&area.decl->body, &area.unit->body})
      for (const ast::Stmt *s : *body) {
        if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(s)) {
          auto *name = llvm::dyn_cast<ast::NameExpr>(assign->target);
          if (!name || !area.state(name->name) || assign->op == ast::AssignOp::Draw)
            ev.fail(Code::NotAssignable, assign->target->span,
                    "`" + ast::toString(*assign->target) + "` is no state of this unit",
                    "only a `state` is assigned; what is new in every tick is a `let`");
          continue;
        }
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        if (!v)
          ev.refuse(*s, InUnit);
        if (v->varKind == ast::VarKind::Weight)
          ev.unsupported(s->span, "units with weights are");
        for (auto &d : v->vars)
          if (v->varKind != ast::VarKind::Item)
            addVariable(area, *v, d, items.count(d.name.text));
      }
    for (auto &[name, at] : items)
      if (!area.state(name) || area.state(name)->life != State::Life::Item)
        ev.fail(Code::UnknownMember, at,
                "the unit `" + area.unit->name.text + "` has no state `" + name + "` per sample",
                "`item x` keeps, for each row of the data, what `state x` would lose at the reset");
  }

  /// What a tick knows before any input: states, and what stands above the first use of an input.
  static void findEarly(Area &area) {
    std::set<std::string> late(area.inputs.begin(), area.inputs.end());
    auto waits = [&](const ast::Expr *e) {
      std::set<std::string> names;
      if (e)
        collectNames(*e, names);
      return llvm::any_of(names, [&](auto &n) { return late.count(n) != 0; });
    };
    bool above = true; // no input was used yet
    for (const ast::Block *body : {&area.decl->body, &area.unit->body})
      for (const ast::Stmt *s : *body) {
        auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
        auto *v = llvm::dyn_cast<ast::VarDecl>(s);
        above &= assign ? !waits(assign->value)
                        : llvm::none_of(v->vars, [&](auto &d) { return waits(d.init); });
        area.above += above;
        if (assign && waits(assign->value))
          late.insert(llvm::cast<ast::NameExpr>(assign->target)->name); // for what follows
        if (assign)
          continue;
        for (auto &d : v->vars) {
          if (waits(d.init))
            late.insert(d.name.text);
          if (above && v->varKind != ast::VarKind::Input && v->varKind != ast::VarKind::Item)
            area.early.insert(d.name.text);
        }
      }
    for (auto &s : area.states)
      area.early.insert(s.name); // others read them as they were at the start of the tick
  }

  void addVariable(Area &area, const ast::VarDecl &v, const ast::VarDecl::Declarator &d,
                   bool item) {
    using Life = State::Life;
    if (area.has(d.name.text))
      ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is declared twice");
    if (!d.components.empty()) { // parameters of the unit may size them
      Frame caller;
      caller.locals = net.parts[here].args;
      Frame frame;
      frame.locals = bindArguments(ev, *area.unit, area.args, area.decl->span, caller);
      area.components[d.name.text] = ev.componentsOf(d, frame);
    }
    if (v.isCommon)
      area.common.insert(d.name.text);
    if (v.varKind == ast::VarKind::Input) {
      area.inputs.push_back(d.name.text);
      area.dimensions[d.name.text] = d.type ? ev.typeDimension(*d.type) : Dimension();
      if (area.mainInput.empty())
        area.mainInput = d.name.text;
      return;
    }
    area.variables.push_back(d.name.text);
    Dimension dimension = d.type ? ev.typeDimension(*d.type) : Dimension();
    if (v.varKind == ast::VarKind::Given) { // a connection from outside may feed it
      area.given.push_back(d.name.text);
      area.dimensions[d.name.text] = dimension;
    }
    if ((v.isOutput || v.varKind == ast::VarKind::Output) && area.mainOutput.empty())
      area.mainOutput = d.name.text;
    if (v.varKind != ast::VarKind::State)
      return;
    if (!d.init)
      ev.fail(Code::MissingArgument, d.name.span,
              "the state `" + d.name.text + "` needs an initial value");
    State state{d.name.text, "", &v, &d, v.isShared ? Life::Shared : Life::Reset};
    if (v.isItem || (item && !v.isShared && !v.isLasting))
      state.life = Life::Item;
    if (state.life == Life::Item && !d.components.empty())
      ev.unsupported(d.name.span, "an `item` state with components is");
    if (v.isLasting) {
      state.life = Life::Lasting;
      state.symbol = net.name + "." + area.name + "." + d.name.text;
      StateInit init;
      init.symbol = state.symbol;
      init.role = "lasting";
      init.at = d.name.span;
      init.extent.assign(area.extent(d.name.text, false));
      Frame frame;
      frame.locals = net.parts[here].args;
      frame.stream = state.symbol;
      frame.drawExtent = init.extent;
      init.dimension.any = true; // that of its first value, known in the initialising step
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
    int index = net.area(e, ev, here, visible); // `real.seen` is an area, `seen.rate` a variable
    if (index >= 0)
      member.clear();
    else
      index = net.area(*base, ev, here, visible);
    if (index < 0) {
      bool inPart = net.part(net.parts[here].own(pathOf(*base, ev, visible))) >= 0;
      if (inPart)
        base = &e;
      std::string name = ast::toString(*base);
      std::vector<std::string> candidates;
      for (auto &a : net.areas)
        if (net.inside(a.part, here))
          candidates.push_back(net.local(a.name, here));
      ev.unknown(base->span, "area", name, candidates);
    }
    Area &a = net.areas[index];
    if (member.empty())
      member = source ? a.mainOutput : a.mainInput;
    if (!source && a.part != here) { // from outside, a part is also fed by what it is given
      if (member.empty() && !a.given.empty())
        member = a.given.front();
      if (llvm::is_contained(a.given, member) && !llvm::is_contained(a.inputs, member))
        a.inputs.push_back(member);
    }
    if (member.empty())
      ev.fail(Code::NoInput, e.span, "the area `" + a.name + "` has no input",
              "its unit `" + a.unit->name.text + "` declares no `input`");
    if (member == "*")
      ev.unsupported(memberSpan, "a connection to every input is");
    if (!(source ? a.has(member) : llvm::is_contained(a.inputs, member)))
      ev.unknownMember(memberSpan, source ? "variable" : "input", a.name, member,
                       source ? a.all() : a.inputs);
    return {index, member};
  }

  /// `w = e` for all, `w ~ D` one by one: what is drawn is written with `~`.
  const ast::Argument &drawnOrGiven(const ast::Argument &a) {
    std::set<std::string> names; // `uniform(-1, 1) / sqrt(fan_in)` draws, too
    collectNames(*a.value, names);
    auto drawn = llvm::find_if(names, [](auto &name) { return isDistribution(name); });
    bool draws = drawn != names.end();
    if (draws && !a.drawn && *drawn != "identity")
      ev.fail(Code::WrongType, a.name.span, "`" + *drawn + "` is drawn: write `~` for `=`",
              "`" + a.name.text + " ~ " + ast::toString(*a.value) + "` draws each one anew");
    bool mayDraw =
        llvm::any_of(names, [&](auto &name) { // what a function does shows when it is called
          return ev.globals.find<ast::FnDecl>(name) ||
                 !(isPrimitive(name) || ev.globals.named.count(name) || visible.count(name));
        });
    if (a.drawn && !draws && !mayDraw)
      ev.fail(Code::WrongType, a.value->span,
              "`~` needs a distribution, and `" + ast::toString(*a.value) + "` is none",
              "write `" + a.name.text + " = …` for one value, or `" + a.name.text +
                  " ~ normal(0, 0.1)`");
    return a;
  }

  static std::string units(int64_t n) { return std::to_string(n) + (n == 1 ? " unit" : " units"); }

  bool evaluateTruth(const ast::Expr &e, Frame &frame, llvm::StringRef what) {
    double value = ev.evaluateConstant(e, frame, what);
    if (value != 0 && value != 1)
      ev.fail(Code::WrongType, e.span, what + " is `true` or `false`");
    return value != 0;
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
    c.fromSize = from.endpoints(c.fromVariable);
    c.toSize = to.endpoints(c.toPort);
    for (auto [area, variable, at] : {std::tuple(&from, &c.fromVariable, decl.from->span),
                                      std::tuple(&to, &c.toPort, decl.to->span)})
      if (area->componentsOf(*variable) &&
          area->endpoints(*variable) != area->componentsOf(*variable))
        ev.unsupported(at, "a connection to the components of several units is");
    c.part = here;
    c.name =
        decl.name ? decl.name.text : net.local(from.name, here) + "_" + net.local(to.name, here);
    llvm::erase_if(c.name, [](char letter) { return letter == '[' || letter == ']'; });
    std::replace(c.name.begin(), c.name.end(), '.',
                 '_'); // `made -> fake.seen` is no connection of `fake`
    c.name = net.parts[here].own(c.name);
    if (net.connection(c.name) >= 0) {
      ev.diags
          .error(decl.name ? Code::DefinedTwice : Code::AmbiguousName, decl.span,
                 "two connections are named `" + c.name + "`")
          .label(net.connections[net.connection(c.name)].decl->span, "the other one")
          .hint("give one of them a name: `… as NAME`");
      throw Reported();
    }
    if (tiedPart()) {
      tieToPart(std::move(c));
      return;
    }
    llvm::ArrayRef<ast::Argument> args, synapseArgs;
    auto *topology = calleeOf(decl.topology, args);
    std::string kind = topology ? topology->name : "";
    bool sparse = kind == "sparse";
    if (kind == "dense" || sparse)
      c.topology = Topology::Dense;
    else if (kind == "one_to_one")
      c.topology = Topology::OneToOne;
    else if (kind == "wire")
      c.topology = Topology::Wire;
    else if (kind == "conv")
      c.topology = Topology::Conv;
    else if (kind == "local")
      c.topology = Topology::Local;
    else if (kind == "pool")
      c.topology = Topology::Pool;
    else if (kind == "transpose" || kind == "tied") {
      shareWeights(c, *topology, args);
      return;
    } else
      ev.unknown(
          topology ? topology->span : decl.topology->span, "topology",
          topology ? kind : ast::toString(*decl.topology),
          {"dense", "sparse", "one_to_one", "wire", "conv", "local", "pool", "transpose", "tied"});
    bool windows = c.windowed() || c.topology == Topology::Pool;
    if (c.topology != Topology::Dense && !windows && c.fromSize != c.toSize) {
      ev.diags
          .error(Code::ShapeMismatch, decl.span,
                 "`" + kind + "` needs areas of equal size, and `" + from.name + "` has " +
                     units(c.fromSize) + " where `" + to.name + "` has " + units(c.toSize))
          .label(from.decl->span, units(c.fromSize))
          .label(to.decl->span, units(c.toSize));
      throw Reported();
    }
    const ast::Argument *initial = nullptr;
    std::set<std::string> given;
    WindowSize window;
    std::vector<std::string> parameters;
    if (windows)
      parameters = {"kernel", "stride"};
    if (c.topology == Topology::Pool)
      parameters.push_back("reduce");
    if (sparse)
      parameters = {"p", "fan_in", "list"};
    if (!c.weightless())
      parameters.insert(parameters.end(), {"w", "bias"});
    if (c.topology == Topology::Dense)
      parameters.push_back("self");
    Wiring wiring;
    wiring.topology = topology;
    for (auto &a : args) {
      Frame frame;
      frame.locals = visible;
      if (a.name && !given.insert(a.name.text).second)
        ev.fail(Code::DefinedTwice, a.name.span, "`" + a.name.text + "` is given twice");
      if (!a.name)
        ev.fail(Code::UnknownArgument, a.value->span, "an argument of a topology has a name",
                windows ? "write `" + kind + "(kernel = 3)`"
                : sparse
                    ? std::string("write `sparse(p = 0.1)` or `sparse(fan_in = 20)`")
                    : "write `" + kind + "(bias = true)` or `" + kind + "(w ~ normal(0, 0.1))`");
      bool known = llvm::is_contained(parameters, a.name.text);
      if (known && a.name.text == "bias")
        c.bias = evaluateTruth(*a.value, frame, "`bias`");
      else if (known && a.name.text == "w")
        initial = &drawnOrGiven(a);
      else if (known && a.name.text == "self")
        wiring.notSelf = evaluateTruth(*a.value, frame, "`self`") ? nullptr : &a;
      else if (known && sparse)
        wiring.take(a);
      else if (known && (a.name.text == "kernel" || a.name.text == "stride"))
        (a.name.text == "kernel" ? window.kernel : window.stride) =
            sizesOf(*a.value, Space(from).size.size(), frame, "`" + a.name.text + "`", ev);
      else if (known)
        c.pooled = poolOf(*a.value);
      else if (a.name.text == "delay")
        ev.unsupported(a.value->span, "`" + a.name.text + "` is");
      else
        ev.fail(Code::UnknownArgument, a.name.span,
                "`" + kind + "` has no parameter `" + a.name.text + "`",
                c.topology == Topology::Wire ? "a wire has no weights"
                : windows && llvm::StringRef(a.name.text).starts_with("pad")
                    ? (c.weightless()
                           ? "a pool has no border"
                           : "the sizes of the areas say how wide the border of zeros is")
                : c.weightless() && llvm::is_contained({"w", "bias"}, a.name.text)
                    ? "a pool has no weights"
                : windows && llvm::is_contained({"channels", "filters"}, a.name.text)
                    ? "the third size of an area is the number of its channels"
                : c.topology == Topology::Dense && Wiring::isParameter(a.name.text)
                    ? "`sparse(" + a.name.text + " = …)` has it"
                : sparse && llvm::is_contained({"density", "probability", "prob"}, a.name.text)
                    ? std::string("the probability of a synapse is called `p`")
                : nearest(a.name.text, parameters).empty()
                    ? "it takes " + quoted(parameters)
                    : "did you mean `" + nearest(a.name.text, parameters) + "`?");
    }
    if (windows) {
      if (window.kernel.empty())
        ev.fail(Code::MissingArgument, topology->span,
                "`" + kind + "` needs the size of its kernel",
                "write `" + kind + "(kernel = " + (c.weightless() ? "2" : "5") + ")`");
      if (window.stride.empty())
        window.stride =
            c.weightless() ? window.kernel : decltype(window.stride)(window.kernel.size(), 1);
      if (c.pooled.empty())
        c.pooled = "max";
      placeWindow(c, window, from, to, kind, ev);
    }
    if (c.weightless() && decl.synapse)
      ev.fail(Code::WrongKind, decl.synapse->span, "`" + kind + "` has no synapses of a kind",
              "what passes is the value itself: leave `of` away");
    if (!c.weightless()) {
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
      if (sparse || wiring.notSelf) {
        Frame frame;
        frame.locals = visible;
        chooseSynapses(c, wiring, net, frame, ev, states, read);
      }
      addWeights(c, initial);
    }
    addKeeps(c);
    net.connections.push_back(std::move(c));
  }

  /// How a pool reduces what it sees.
  std::string poolOf(const ast::Expr &e) {
    auto *name = llvm::dyn_cast<ast::NameExpr>(&e);
    if (!name || !llvm::is_contained({"max", "mean", "min", "sum"}, name->name))
      ev.fail(Code::WrongType, e.span, "a pool reduces what it sees by max, mean, min or sum",
              "write `reduce = mean`");
    return name->name;
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
                    "`",
                c.weightless() ? "what has no weights needs no `keep`" : "");
      c.keeps.push_back(keep);
    }
  }

  /// In a tied part, the synapses are others with the weights of the first part; what those conduct
  /// backwards, these do.
  void tieToPart(Connection c) {
    std::string own = net.local(c.name, here);
    int index = net.connection(net.parts[net.parts[here].tiedTo].own(own));
    const Connection &other = net.connections[index];
    likeOther(c, other);
    c.bias = other.bias;
    if (other.transposeOf >= 0) {
      const Connection &forward = net.connections[other.transposeOf];
      int same =
          net.connection(net.parts[here].own(net.local(forward.name, net.parts[here].tiedTo)));
      c.transposeOf = same < 0 ? other.transposeOf : same;
    } else if (!c.weights.empty()) {
      c.tiedTo = net.bearer(index);
    }
    net.connections.push_back(std::move(c));
  }

  /// Synapses of the same kind, with the same weights.
  static void likeOther(Connection &c, const Connection &other) {
    c.topology = other.topology;
    c.window = other.window;
    c.channels = other.channels;
    c.pooled = other.pooled;
    c.mask = other.mask;
    c.synapseCount = other.synapseCount;
    c.countIsMean = other.countIsMean;
    c.synapse = other.synapse;
    c.synapseArgs = other.synapseArgs;
    c.weights = other.weights;
  }

  /// A kernel moves over another area of as many dimensions; the places of any other window are those of its areas.
  void requireSpace(const Connection &c, const Connection &other, const std::string &topology) {
    bool backwards = topology == "transpose";
    bool moves = other.topology == Topology::Conv && !backwards;
    Space from(net.areas[c.from]), to(net.areas[c.to]);
    Space first(net.areas[backwards ? other.to : other.from]);
    Space second(net.areas[backwards ? other.from : other.to]);
    auto differ = [&](const Space &a, const Space &b) {
      return moves ? a.size.size() != b.size.size() : a.str() != b.str();
    };
    if (!differ(from, first) && !differ(to, second))
      return;
    ev.diags
        .error(Code::ShapeMismatch, c.decl->span,
               "`" + topology + "(" + other.name + ")` goes from an area of " + first.str() +
                   " to one of " + second.str() + ", and these areas are " + from.str() + " and " +
                   to.str())
        .label(other.decl->span, "the connection")
        .hint(moves ? "its kernel moves over areas with as many dimensions of space"
                    : "give the areas these sizes");
    throw Reported();
  }

  /// `transpose(c)`: the same synapses, conducting backwards; `tied(c)`: others
  /// with the same weights.
  void shareWeights(Connection c, const ast::NameExpr &topology,
                    llvm::ArrayRef<ast::Argument> args) {
    std::string name = args.size() == 1 && !args[0].name ? pathOf(*args[0].value, ev, visible) : "";
    if (name.empty())
      ev.fail(Code::MissingArgument, c.decl->span,
              "`" + topology.name + "` takes the name of one connection",
              "write `" + topology.name + "(first_second)`, as the connection is called");
    int index = net.connection(net.parts[here].own(name));
    Span at = args[0].value->span;
    if (index < 0) {
      std::vector<std::string> names;
      for (auto &k : net.connections)
        names.push_back(net.local(k.name, here));
      ev.unknown(at, "connection", name, names);
    }
    const Connection &other = net.connections[index];
    if (other.weightless() || other.transposeOf >= 0)
      ev.fail(Code::WrongKind, at, "`" + other.name + "` has no weights of its own",
              !other.weightless()       ? "name the connection that it is the transpose of"
              : topology.name == "tied" ? "write the pool or wire again: there is nothing to share"
                                        : "only what has weights conducts backwards");
    if (c.decl->synapse || !c.decl->body.empty())
      ev.fail(Code::WrongKind, c.decl->span,
              "the synapses are those of `" + other.name + "`: they are declared there");
    bool backwards = topology.name == "transpose";
    int64_t from = backwards ? other.toSize : other.fromSize;
    int64_t to = backwards ? other.fromSize : other.toSize;
    likeOther(c, other);
    bool moves =
        other.topology == Topology::Conv && !backwards; // the kernel, over areas of any size
    if (other.windowed())
      requireSpace(c, other, topology.name);
    if (moves)
      placeWindow(c, sizeOf(other), net.areas[c.from], net.areas[c.to], "conv", ev);
    bool same = moves ? c.window.taps() == other.window.taps() && c.channels == other.channels
                      : c.fromSize == from && c.toSize == to;
    if (!same && moves) {
      auto channels = [&](const Connection &k) {
        return std::to_string(k.window.kernel.back()) + " to " + std::to_string(k.channels) +
               " channels";
      };
      ev.diags
          .error(Code::ShapeMismatch, c.decl->span,
                 "the kernel of `" + other.name + "` goes from " + channels(other) +
                     ", and between these areas it would go from " + channels(c))
          .label(other.decl->span, "the connection")
          .hint("the third sizes of these areas must be " +
                llvm::Twine(other.window.kernel.back()) + " and " + llvm::Twine(other.channels));
      throw Reported();
    }
    if (!same) {
      ev.diags
          .error(Code::ShapeMismatch, c.decl->span,
                 "`" + topology.name + "(" + other.name + ")` goes from " + std::to_string(from) +
                     " to " + std::to_string(to) + " units, and these areas have " +
                     std::to_string(c.fromSize) + " and " + std::to_string(c.toSize))
          .label(other.decl->span, "the connection");
      throw Reported();
    }
    if (backwards) {
      c.transposeOf = index;
      llvm::erase_if(c.weights, [](const Weight &w) { return w.bias; });
    } else {
      c.bias = other.bias;
      c.tiedTo = net.bearer(index);
    }
    net.connections.push_back(std::move(c));
  }

  /// `pre.position` and `post.position` in the first value of a weight.
  std::function<std::optional<Field>(const ast::Expr &)> positions(const Connection &c) {
    auto place = [e = &ev, window = c.windowed()](const Area &a, Axis axis) {
      return [=, size = a.size, one = a.decl->shape.size() <= 1](Span at) {
        if (window)
          e->unsupported(at, "the position of a unit at the end of a window is");
        if (!one)
          e->unsupported(at, "the position of a unit in an area of several dimensions is");
        return e->fields.index(e->location(at), axis, size);
      };
    };
    auto pre = place(net.areas[c.from], c.oneToOne() ? Axis::Post : Axis::Pre),
         post = place(net.areas[c.to], Axis::Post);
    return [pre, post](const ast::Expr &e) -> std::optional<Field> {
      auto at = [&](const char *end) {
        auto *m = memberOf(e, end);
        return m && m->member.text == "position";
      };
      if (at("pre"))
        return pre(e.span);
      if (at("post"))
        return post(e.span);
      return std::nullopt;
    };
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
          init.extent = c.weightElements(bias);
          if (!bias)
            init.mask = c.mask;
          if (init.symbol == c.mask)
            ev.fail(Code::DefinedTwice, d.name.span,
                    "`mask` says which synapses `" + c.name + "` has, and is no weight of it",
                    "give the weight another name");
          double count = 1;
          for (auto &axis : init.extent)
            count *= static_cast<double>(axis.second);
          if (count > static_cast<double>(int64_t(1) << 34))
            ev.fail(Code::TooLarge, c.decl->span,
                    "the connection `" + c.name + "` has more than 2^34 weights");
          Frame frame;
          frame.locals = visible;
          for (auto &[name, value] : c.synapseArgs)
            frame.locals[name] = value;
          frame.locals["fan_in"] = Field::number(c.fanIn());
          frame.locals["fan_out"] = Field::number(c.fanOut());
          frame.stream = w.symbol;
          frame.drawExtent = init.extent;
          frame.windowed = c.windowed();
          if (!init.mask.empty())
            frame.mask = [this_ = &states, e = &ev, mask = init.mask] {
              return this_->first(mask, *e);
            };
          frame.resolve = positions(c);
          const ast::Expr *value = !bias && initial && d.name.text == "w" ? initial->value
                                   : !bias                                ? d.init
                                                                          : nullptr;
          Evaluator *e = &ev;
          Span at = c.decl->span;
          init.value = [=]() mutable {
            return bias    ? Field::number(0)
                   : value ? e->evaluate(*value, frame)
                           : e->defaultWeight(frame, at);
          };
          states.declare(std::move(init));
          c.weights.push_back(std::move(w));
        }
    }
  }

  void addOther(const ast::Stmt &s) {
    if (auto *c = llvm::dyn_cast<ast::CostDecl>(&s)) {
      claim(c->name);
      requireFreeKey(c->name, "cost", ev);
      net.costs.push_back({c, net.parts[here].own(c->name.text), here});
    } else if (auto *l = llvm::dyn_cast<ast::LearnDecl>(&s)) {
      if (tiedPart())
        return; // its weights learn where they are declared
      auto ours = llvm::count_if(net.learns, [&](const Learn &k) { return k.part == here; });
      std::string name = l->name ? l->name.text : "learn" + std::to_string(ours);
      net.learns.push_back({l, net.parts[here].own(name), here});
    } else if (auto *v = llvm::dyn_cast<ast::VarDecl>(&s);
               v && (v->varKind == ast::VarKind::Let || v->varKind == ast::VarKind::Given) &&
               !v->isItem && !v->isOutput) {
      for (auto &d : v->vars) {
        claim(d.name);
        if (!d.init && v->varKind == ast::VarKind::Let)
          ev.fail(Code::Syntax, d.name.span, "`let " + d.name.text + "` needs a value");
        Frame frame;
        frame.locals = visible;
        net.scalars.push_back(
            {net.parts[here].own(d.name.text), v, &d, here, ev.componentsOf(d, frame)});
      }
    } else if (!llvm::isa<ast::AreaDecl, ast::ConnectDecl, ast::PartDecl>(s)) {
      ev.refuse(s, InNetwork);
    }
  }

  /// Every source of a value before its readers, as far as a tick needs it:
  /// what is known at the start of the tick delays nobody.
  void order() {
    for (Area &a : net.areas)
      findEarly(a);
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
    for (auto &c : net.connections) {
      if (!blocked(c.from) || !blocked(c.to))
        continue;
      std::vector<const Connection *> cycle = wayBack(c, waitsFor);
      if (cycle.empty())
        continue;
      std::string way = net.areas[c.to].name;
      for (const Connection *k : cycle)
        way += " -> " + net.areas[k->to].name;
      Diagnostic &d = ev.diags.error(Code::Cycle, c.decl->span,
                                     "the values of `" + net.areas[c.to].name +
                                         "` depend on themselves within one tick: " + way);
      for (const Connection *k : cycle)
        if (k->decl != c.decl)
          d.label(k->decl->span, "on the way");
      d.hint("let one connection of the cycle read a `state`, which others see as it was at the "
             "start of the tick");
      return;
    }
  }

  /// From the target of `c` back to itself, over connections that wait for their source; `c` is the
  /// last. Empty if there is no way.
  template <typename F>
  std::vector<const Connection *> wayBack(const Connection &c, F waitsFor) const {
    std::map<int, const Connection *> reached; // by what
    std::vector<int> work{c.to};
    for (size_t k = 0; k < work.size(); ++k)
      for (auto &next : net.connections)
        if (next.from == work[k] && &next != &c && waitsFor(next) &&
            reached.emplace(next.to, &next).second)
          work.push_back(next.to);
    std::vector<const Connection *> way{&c};
    for (int area = c.from; area != c.to; area = way.back()->from) {
      auto it = reached.find(area);
      if (it == reached.end())
        return {};
      way.push_back(it->second);
    }
    std::reverse(way.begin(), way.end());
    return way;
  }

  Network net;
  Evaluator &ev;
  States &states;
  const ReadTable &read;
  unsigned errorsBefore = 0;
  std::map<std::string, Span> names;
  std::map<std::string, Field> visible; ///< arguments of the part and loop variables
  int here = 0;                         ///< the part whose statements are read
  std::map<const ast::NetworkDecl *, int>
      broken; ///< networks with errors, and where they were found
};

} // namespace

Network buildNetwork(const ast::NetworkDecl &decl, llvm::ArrayRef<ast::Argument> args, Span at,
                     Evaluator &ev, States &states, const ReadTable &read) {
  return NetworkBuilder(decl, ev, states, read).build(args, at);
}

} // namespace apical::sema
