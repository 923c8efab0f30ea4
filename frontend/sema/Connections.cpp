//===- Connections.cpp - connections, their topologies and weights ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Declare.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Mask.h"
#include "frontend/sema/Windows.h"

using namespace mlir;

namespace apical::sema {
namespace {

/// What is given to a topology.
struct Given {
  const ast::Argument *w = nullptr; ///< the first value of the weights
  WindowSize window;
  Wiring wiring;
};

class ConnectionBuilder : Within {
public:
  explicit ConnectionBuilder(const Within &within) : Within(within) {}

  void add(const ast::ConnectDecl &decl) {
    Connection c;
    c.decl = &decl;
    findEnds(c);
    nameIt(c);
    if (tied()) {
      tieToPart(std::move(c));
      return;
    }
    llvm::ArrayRef<ast::Argument> args;
    auto *topology = calleeOf(decl.topology, args);
    std::string kind = topology ? topology->name : "";
    if (kind == "transpose" || kind == "tied") {
      shareWeights(std::move(c), *topology, args);
      return;
    }
    c.topology = topologyOf(decl, topology);
    requireEqualSizes(c, kind);
    Given given = take(c, *topology, args);
    if (hasWindow(c))
      place(c, given.window, *topology);
    if (c.weightless()) {
      if (decl.synapse)
        ev.fail(Code::WrongKind, decl.synapse->span, "`" + kind + "` has no synapses of a kind",
                "what passes is the value itself: leave `of` away");
    } else {
      chooseSynapse(c);
      Frame frame;
      frame.locals = visible;
      if (kind == "sparse" || given.wiring.notSelf)
        chooseSynapses(c, given.wiring, net, frame, ev, states, read);
      addWeights(c, given.w);
    }
    addKeeps(c);
    net.connections.push_back(std::move(c));
  }

private:
  static std::string units(int64_t n) { return std::to_string(n) + (n == 1 ? " unit" : " units"); }

  void findEnds(Connection &c) {
    const ast::ConnectDecl &decl = *c.decl;
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
  }

  void nameIt(Connection &c) {
    const ast::ConnectDecl &decl = *c.decl;
    const Area &from = net.areas[c.from], &to = net.areas[c.to];
    c.part = part;
    c.name =
        decl.name ? decl.name.text : net.local(from.name, part) + "_" + net.local(to.name, part);
    llvm::erase_if(c.name, [](char letter) { return letter == '[' || letter == ']'; });
    std::replace(c.name.begin(), c.name.end(), '.',
                 '_'); // `made -> fake.seen` is no connection of `fake`
    c.name = net.parts[part].own(c.name);
    if (net.connection(c.name) >= 0) {
      ev.diags
          .error(decl.name ? Code::DefinedTwice : Code::AmbiguousName, decl.span,
                 "two connections are named `" + c.name + "`")
          .label(net.connections[net.connection(c.name)].decl->span, "the other one")
          .hint("give one of them a name: `… as NAME`");
      throw Reported();
    }
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
    int index = net.area(e, ev, part, visible); // `real.seen` is an area, `seen.rate` a variable
    if (index >= 0)
      member.clear();
    else
      index = net.area(*base, ev, part, visible);
    if (index < 0) {
      bool inPart = net.part(net.parts[part].own(pathOf(*base, ev, visible))) >= 0;
      if (inPart)
        base = &e;
      std::string name = ast::toString(*base);
      std::vector<std::string> candidates;
      for (auto &a : net.areas)
        if (net.inside(a.part, part))
          candidates.push_back(net.local(a.name, part));
      ev.unknown(base->span, "area", name, candidates);
    }
    Area &a = net.areas[index];
    if (member.empty())
      member = source ? a.mainOutput : a.mainInput;
    if (!source && a.part != part) { // from outside, a part is also fed by what it is given
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

  Topology topologyOf(const ast::ConnectDecl &decl, const ast::NameExpr *name) {
    std::string kind = name ? name->name : ast::toString(*decl.topology);
    static const std::map<std::string, Topology> topologies{
        {"dense", Topology::Dense}, {"sparse", Topology::Dense}, {"one_to_one", Topology::OneToOne},
        {"wire", Topology::Wire},   {"conv", Topology::Conv},    {"local", Topology::Local},
        {"pool", Topology::Pool}};
    auto known = topologies.find(kind);
    if (name && known != topologies.end())
      return known->second;
    ev.unknown(
        name ? name->span : decl.topology->span, "topology", kind,
        {"dense", "sparse", "one_to_one", "wire", "conv", "local", "pool", "transpose", "tied"});
  }

  static bool hasWindow(const Connection &c) {
    return c.windowed() || c.topology == Topology::Pool;
  }

  void requireEqualSizes(const Connection &c, const std::string &kind) {
    const Area &from = net.areas[c.from], &to = net.areas[c.to];
    if (c.topology != Topology::Dense && !hasWindow(c) && c.fromSize != c.toSize) {
      ev.diags
          .error(Code::ShapeMismatch, c.decl->span,
                 "`" + kind + "` needs areas of equal size, and `" + from.name + "` has " +
                     units(c.fromSize) + " where `" + to.name + "` has " + units(c.toSize))
          .label(from.decl->span, units(c.fromSize))
          .label(to.decl->span, units(c.toSize));
      throw Reported();
    }
  }

  static std::vector<std::string> parametersOf(const Connection &c, const std::string &kind) {
    std::vector<std::string> names;
    if (hasWindow(c))
      names = {"kernel", "stride"};
    if (c.topology == Topology::Pool)
      names.push_back("reduce");
    if (kind == "sparse")
      names = {"p", "fan_in", "list"};
    if (!c.weightless())
      names.insert(names.end(), {"w", "bias"});
    if (c.topology == Topology::Dense)
      names.push_back("self");
    return names;
  }

  /// What the arguments of the topology say of the connection.
  Given take(Connection &c, const ast::NameExpr &topology, llvm::ArrayRef<ast::Argument> args) {
    const std::string &kind = topology.name;
    std::vector<std::string> parameters = parametersOf(c, kind);
    Given given;
    given.wiring.topology = &topology;
    std::set<std::string> names;
    for (auto &a : args) {
      Frame frame;
      frame.locals = visible;
      if (!a.name)
        ev.fail(Code::UnknownArgument, a.value->span, "an argument of a topology has a name",
                hasWindow(c) ? "write `" + kind + "(kernel = 3)`"
                : kind == "sparse"
                    ? std::string("write `sparse(p = 0.1)` or `sparse(fan_in = 20)`")
                    : "write `" + kind + "(bias = true)` or `" + kind + "(w ~ normal(0, 0.1))`");
      const std::string &name = a.name.text;
      if (!names.insert(name).second)
        ev.fail(Code::DefinedTwice, a.name.span, "`" + name + "` is given twice");
      if (name == "delay")
        ev.unsupported(a.value->span, "`delay` is");
      if (!llvm::is_contained(parameters, name))
        ev.fail(Code::UnknownArgument, a.name.span,
                "`" + kind + "` has no parameter `" + name + "`",
                instead(c, kind, name, parameters));
      if (a.drawn && name != "w")
        ev.fail(Code::WrongType, a.name.span, "only first values of weights are drawn",
                "`" + name + "` is one value for all: write `" + name + " = …`");
      if (name == "bias")
        c.bias = evaluateTruth(*a.value, frame, "`bias`");
      else if (name == "w")
        given.w = &drawnOrGiven(a);
      else if (name == "self")
        given.wiring.notSelf = evaluateTruth(*a.value, frame, "`self`") ? nullptr : &a;
      else if (name == "reduce")
        c.pooled = poolOf(*a.value);
      else if (kind == "sparse")
        given.wiring.take(a);
      else
        (name == "kernel" ? given.window.kernel : given.window.stride) =
            sizesOf(*a.value, Space(net.areas[c.from]).size.size(), frame, "`" + name + "`", ev);
    }
    return given;
  }

  /// What to write for a parameter that the topology does not have.
  static std::string instead(const Connection &c, const std::string &kind, const std::string &name,
                             const std::vector<std::string> &parameters) {
    bool windows = hasWindow(c);
    if (c.topology == Topology::Wire)
      return "a wire has no weights";
    if (windows && llvm::StringRef(name).starts_with("pad"))
      return c.weightless() ? "a pool has no border"
                            : "the sizes of the areas say how wide the border of zeros is";
    if (c.weightless() && llvm::is_contained({"w", "bias"}, name))
      return "a pool has no weights";
    if (windows && llvm::is_contained({"channels", "filters"}, name))
      return "the third size of an area is the number of its channels";
    if (c.topology == Topology::Dense && Wiring::isParameter(name))
      return "`sparse(" + name + " = …)` has it";
    static const std::map<std::string, std::string> otherWords{
        {"density", "the probability of a synapse is called `p`"},
        {"probability", "the probability of a synapse is called `p`"},
        {"prob", "the probability of a synapse is called `p`"},
        {"connectivity", "the probability of a synapse is called `p`"},
        {"sparsity", "`p = 0.1` is the share that is there"},
        {"k", "the number of synapses onto each unit is called `fan_in`"},
        {"in_degree", "the number of synapses onto each unit is called `fan_in`"},
        {"indegree", "the number of synapses onto each unit is called `fan_in`"},
        {"mask", "a table that lists the synapses is given as `list`"},
        {"pairs", "a table that lists the synapses is given as `list`"},
        {"edges", "a table that lists the synapses is given as `list`"},
        {"autapses", "`self = false` leaves out the synapses from a unit to itself"},
        {"no_self", "`self = false` leaves out the synapses from a unit to itself"}};
    if (auto known = otherWords.find(name); kind == "sparse" && known != otherWords.end())
      return known->second;
    std::string near = nearest(name, parameters);
    return near.empty() ? "it takes " + quoted(parameters) : "did you mean `" + near + "`?";
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

  bool evaluateTruth(const ast::Expr &e, Frame &frame, llvm::StringRef what) {
    double value = ev.evaluateConstant(e, frame, what);
    if (value != 0 && value != 1)
      ev.fail(Code::WrongType, e.span, what + " is `true` or `false`");
    return value != 0;
  }

  void place(Connection &c, WindowSize window, const ast::NameExpr &topology) {
    const std::string &kind = topology.name;
    if (window.kernel.empty())
      ev.fail(Code::MissingArgument, topology.span, "`" + kind + "` needs the size of its kernel",
              "write `" + kind + "(kernel = " + (c.weightless() ? "2" : "5") + ")`");
    if (window.stride.empty())
      window.stride =
          c.weightless() ? window.kernel : decltype(window.stride)(window.kernel.size(), 1);
    if (c.pooled.empty())
      c.pooled = "max";
    placeWindow(c, window, net.areas[c.from], net.areas[c.to], kind, ev);
  }

  void chooseSynapse(Connection &c) {
    const ast::ConnectDecl &decl = *c.decl;
    llvm::ArrayRef<ast::Argument> args;
    auto *synapse = calleeOf(decl.synapse, args);
    std::string name = synapse ? synapse->name : "linear";
    c.synapse = ev.globals.find<ast::SynapseDecl>(name);
    if (!c.synapse)
      ev.fail(Code::UnknownName, synapse ? synapse->span : decl.span,
              "unknown synapse `" + name + "`",
              decl.synapse ? llvm::Twine() : llvm::Twine("start the model with `use std`"));
    ev.requireSound(*c.synapse);
    Frame caller;
    caller.locals = visible;
    c.synapseArgs = bindArguments(ev, *c.synapse, args, decl.span, caller);
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
    std::string own = net.local(c.name, part);
    int index = net.connection(net.parts[net.parts[part].tiedTo].own(own));
    const Connection &other = net.connections[index];
    likeOther(c, other);
    c.bias = other.bias;
    if (other.transposeOf >= 0) {
      const Connection &forward = net.connections[other.transposeOf];
      int same =
          net.connection(net.parts[part].own(net.local(forward.name, net.parts[part].tiedTo)));
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
    c.count = other.count;
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
    int index = net.connection(net.parts[part].own(name));
    Span at = args[0].value->span;
    if (index < 0) {
      std::vector<std::string> names;
      for (auto &k : net.connections)
        names.push_back(net.local(k.name, part));
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
};

} // namespace

void declareConnection(const ast::ConnectDecl &decl, const Within &within) {
  ConnectionBuilder(within).add(decl);
}

} // namespace apical::sema
