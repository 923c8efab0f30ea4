//===- Network.cpp - a network's graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Network.h"
#include "frontend/sema/Declare.h"
#include "frontend/sema/Forms.h"

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
            declareConnection(*c, within());
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

  Within within() { return {net, here, visible, ev, states, read}; }
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
      return declareArea(decl, decl.name.text, within());
    auto [first, last] = bounds(*decl.family);
    for (int64_t k = first; k <= last; ++k)
      declareArea(decl, decl.name.text + "[" + std::to_string(k) + "]", within());
  }

  static bool sharesWeights(const ast::ConnectDecl &decl) {
    llvm::ArrayRef<ast::Argument> args;
    auto *topology = calleeOf(decl.topology, args);
    return topology && (topology->name == "transpose" || topology->name == "tied");
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
