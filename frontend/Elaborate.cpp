//===- Elaborate.cpp - a whole model: its networks, data and experiments ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Elaborate.h"
#include "frontend/Experiment.h"
#include "frontend/Placeholder.h"
#include "frontend/Tables.h"
#include "frontend/sema/Account.h"
#include "frontend/sema/Generic.h"
#include "frontend/sema/Statements.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace apical {
using namespace sema;
namespace {

class Model {
public:
  Model(llvm::ArrayRef<ast::File> files, const Sources &sources, Diagnostics &diags,
        MLIRContext &context, const ElaborateOptions &options)
      : files(files), diags(diags), options(options), builder(&context),
        ev(builder, globals, sources, diags) {}

  OwningOpRef<ModuleOp> elaborate() {
    module = ModuleOp::create(builder.getUnknownLoc());
    collect();
    if (diags.hasErrors())
      return nullptr;
    globals.broken = checkDefinitions(files[0], globals, diags);
    emitParams();
    std::vector<const ast::ExperimentDecl *> experiments;
    for (const ast::Stmt *s : files[0].body)
      if (auto *e = llvm::dyn_cast<ast::ExperimentDecl>(s))
        experiments.push_back(e);
    std::vector<const ast::ExperimentDecl *> all; // also those inside others
    for (auto *e : experiments) {
      all.push_back(e);
      for (const ast::Stmt *inner : e->body)
        if (auto *on = llvm::dyn_cast<ast::OnStmt>(inner))
          for (const ast::Stmt *t : on->body)
            if (auto *x = llvm::dyn_cast<ast::ExperimentDecl>(t))
              all.push_back(x);
    }
    instances(all);
    for (const ast::Stmt *s : files[0].body)
      if (auto *n = llvm::dyn_cast<ast::NetworkDecl>(s); n && !onlyPart(*n))
        guarded([&] { network(*n); });
    for (auto *e : experiments) // of the networks that are sound
      guarded([&] { experiment(*e); });
    if (!options.account)
      for (auto &[name, net] : networks)
        if (!trained.count(name))
          guarded([&] { rehearse(net); });
    if (!diags.hasErrors()) // else it may be a wrong name that was found elsewhere
      checkUnread(files[0], globals, diags);
    if (!diags.hasErrors())
      findSilentAreas();
    if (!diags.hasErrors())
      guarded([&] { initialise(); });
    if (diags.hasErrors())
      return nullptr;
    if (options.account)
      complete(*options.account);
    return std::move(module);
  }

private:
  template <typename F> void guarded(F f) {
    try {
      f();
    } catch (Reported &) {
    }
  }

  /// What the runs of rules and experiments assign to, by its text; "" if it may be any area.
  static void assignedInRuns(const ast::Block &block, bool anyArea, std::set<std::string> &names) {
    for (const ast::Stmt *s : block) {
      if (auto *p = llvm::dyn_cast<ast::PhaseDecl>(s))
        assignedInRuns(p->body, anyArea, names);
      else if (auto *f = llvm::dyn_cast<ast::ForStmt>(s))
        assignedInRuns(f->body, anyArea, names);
      else if (auto *t = llvm::dyn_cast<ast::TemplateStmt>(s); t && anyArea)
        names.insert("");
      else if (auto *r = llvm::dyn_cast<ast::RunStmt>(s))
        for (auto &with : r->with)
          assignedInRuns(with, anyArea, names);
      else if (auto *a = llvm::dyn_cast<ast::AssignStmt>(s))
        if (auto *m = llvm::dyn_cast<ast::MemberExpr>(a->target))
          names.insert(ast::toString(*m->base));
    }
  }

  /// An area that waits for what no connection brings has the same value for ever.
  void findSilentAreas() {
    std::set<std::string> driven;
    for (const ast::Stmt *s : files[0].body)
      if (auto *e = llvm::dyn_cast<ast::ExperimentDecl>(s))
        assignedInRuns(e->body, true, driven);
      else if (auto *r = llvm::dyn_cast<ast::RuleDecl>(s))
        assignedInRuns(r->body, false, driven);
    std::set<const ast::AreaDecl *> silent;
    for (auto &[name, net] : networks)
      for (size_t k = 0; k < net.areas.size() && run.count(name); ++k) {
        const Area &area = net.areas[k];
        // What is used twice may be fed in one place only.
        if (area.inputs.empty() || area.part != 0 || driven.count("") ||
            driven.count(net.local(area.name, area.part)) ||
            llvm::any_of(net.connections, [&](auto &c) { return c.to == static_cast<int>(k); }) ||
            !silent.insert(area.decl).second)
          continue;
        diags
            .warning(Code::NothingArrives, area.decl->name.span,
                     "no connection arrives at `" + area.name + "`: its `" + area.mainInput +
                         "` is 0")
            .hint("write `connect … -> " + net.local(area.name, area.part) +
                  " : dense`, or give the area a unit without inputs");
      }
  }

  static const ast::Name *nameOf(const ast::Stmt &s) {
    if (auto *d = llvm::dyn_cast<ast::Definition>(&s))
      return &d->name;
    if (auto *c = llvm::dyn_cast<ast::ConstDecl>(&s))
      return &c->name;
    if (auto *p = llvm::dyn_cast<ast::ParamDecl>(&s))
      return &p->name;
    if (auto *d = llvm::dyn_cast<ast::DataDecl>(&s))
      return &d->name;
    return nullptr;
  }

  void collect() {
    std::map<std::string, Span> places;
    for (auto &file : files)
      for (const ast::Stmt *s : file.body) {
        const ast::Name *name = nameOf(*s);
        if (!name) {
          if (!llvm::isa<ast::UseDecl, ast::ExperimentDecl>(s))
            refuse(*s, InFile, diags);
          continue;
        }
        if (llvm::isa<ast::FnDecl, ast::ConstDecl, ast::ParamDecl>(s) &&
            isValueOfLanguage(name->text))
          diags
              .error(Code::DefinedTwice, name->span,
                     "`" + name->text + "` is a word of the language, and keeps its meaning")
              .hint("choose another name");
        auto [it, fresh] = places.emplace(name->text, name->span);
        // The model comes first: it may replace what the library defines.
        if (fresh)
          globals.named[name->text] = s;
        else if (it->second.file == name->span.file)
          diags.error(Code::DefinedTwice, name->span, "`" + name->text + "` is defined twice")
              .label(it->second, "first defined here");
      }
  }

  void complete(Account &account) {
    account.definitions = globals.named;
    for (auto &s : states.list) {
      StateAccount &state = account.states.emplace_back();
      state.symbol = s.symbol;
      state.role = s.role;
      for (auto [axis, size] : s.extent)
        state.shape.push_back(size);
    }
    for (const ast::Stmt *s : files[0].body)
      if (auto *n = llvm::dyn_cast<ast::NetworkDecl>(s);
          n && !account.network(n->name.text) && networks.count(n->name.text))
        account.networks.push_back(networks.at(n->name.text));
  }

  /// A network that no experiment trains is checked as one that is: what is wrong with it is said
  /// before it is needed. Of what that elaborates nothing stays.
  void rehearse(const Network &net) {
    States before = states;
    ir::StepOp step = beginStep("rehearsal", ev.location(net.decl->span));
    auto undo = llvm::make_scope_exit([&] {
      step.erase();
      states = std::move(before);
    });
    Trial trial(net, ev, states);
    eachGiven(net, [&](const Area &area, const ast::VarDecl::Declarator &d) {
      Field given = placeholder(ev, area, d.name.text, step, d.name.span);
      given.dimension = d.type ? ev.typeDimension(*d.type) : Dimension();
      trial.bindings[area.name + "." + d.name.text] = given;
    });
    for (const Scalar &s : net.scalars)
      if (s.decl->varKind == ast::VarKind::Given)
        trial.bindings[s.name] = placeholder(ev, s, step, s.decl->span);
    trial.announce(net.decl->span, 1);
    trial.run();
    trial.learn();
  }

  void emitParams() {
    builder.setInsertionPointToEnd(module->getBody());
    for (auto &[name, statement] : globals.named)
      if (auto *p = llvm::dyn_cast<ast::ParamDecl>(statement))
        guarded([&] {
          Frame empty;
          Dimension dimension;
          double value =
              ev.evaluateConstant(*p->value, empty, "the default of a `param`", &dimension);
          if (p->type && !dimension.fits(ev.typeDimension(*p->type)))
            ev.fail(Code::DimensionMismatch, p->value->span,
                    "`" + name + "` is declared to be " + ev.typeDimension(*p->type).kind() +
                        ", and its default is " + dimension.kind());
          auto *number = llvm::dyn_cast<ast::NumberExpr>(p->value);
          auto unit = number ? readUnit(number->unit) : std::nullopt;
          builder.create<ir::ParamOp>(ev.location(p->span), builder.getStringAttr(name),
                                      builder.getF64FloatAttr(value),
                                      builder.getStringAttr(number ? number->unit : ""),
                                      builder.getF64FloatAttr(unit ? unit->scale : 1));
        });
  }

  /// All experiments run one instance of a network, so that they give it the same arguments.
  void instances(llvm::ArrayRef<const ast::ExperimentDecl *> experiments) {
    for (auto *e : experiments) {
      llvm::ArrayRef<ast::Argument> args;
      auto *name = calleeOf(e->network, args);
      if (!name)
        continue;
      if (e->experimentKind == ast::ExperimentKind::Train && e->source)
        lab.trainedOn.insert(name->name + " " + ast::toString(*e->source));
      auto [it, fresh] = run.emplace(name->name, e->network);
      if (fresh || ast::toString(*it->second) == ast::toString(*e->network))
        continue;
      diags
          .error(Code::BadOption, e->network->span,
                 "experiments run one instance of `" + name->name + "`, and this is another")
          .label(it->second->span, "the first one")
          .hint(
              "give the same arguments, or write a network with a part of its own: `part other = " +
              ast::toString(*e->network) + "`");
    }
    std::map<std::string, std::set<std::string>> parts;
    for (auto &[name, statement] : globals.named)
      if (auto *n = llvm::dyn_cast<ast::NetworkDecl>(statement))
        partsOf(n->body, parts[name]);
    std::set<std::string> inner;
    for (auto &[name, used] : parts)
      inner.insert(used.begin(), used.end());
    std::function<void(const std::string &)> reach = [&](const std::string &name) {
      for (auto &part : parts[name])
        if (usedAsPart.insert(part).second)
          reach(part);
    };
    for (auto &[name, used] : std::map(parts)) // from those that stand for themselves
      if (!inner.count(name) || run.count(name))
        reach(name);
  }

  static void partsOf(const ast::Block &block, std::set<std::string> &into) {
    for (const ast::Stmt *s : block) {
      llvm::ArrayRef<ast::Argument> args;
      if (auto *loop = llvm::dyn_cast<ast::ForStmt>(s))
        partsOf(loop->body, into);
      else if (auto *p = llvm::dyn_cast<ast::PartDecl>(s))
        if (auto *callee = calleeOf(p->value, args))
          into.insert(callee->name);
    }
  }

  /// Lives in other networks only: it has no states of its own, and is checked where it is used.
  bool onlyPart(const ast::NetworkDecl &decl) const {
    return usedAsPart.count(decl.name.text) && !run.count(decl.name.text);
  }

  const Network &network(const ast::NetworkDecl &decl) {
    auto it = networks.find(decl.name.text);
    if (it == networks.end() && !broken.count(decl.name.text)) {
      broken.insert(decl.name.text); // unless it is built without an error
      llvm::ArrayRef<ast::Argument> args;
      Span at = decl.name.span;
      if (auto instance = run.find(decl.name.text); instance != run.end()) {
        calleeOf(instance->second, args);
        at = instance->second->span;
      }
      Network built = buildNetwork(decl, args, at, ev, states, [&](auto &table, auto columns) {
        return Tables(ev, diags, options).numbers(table, columns);
      });
      if (built.sound) {
        broken.erase(decl.name.text);
        it = networks.emplace(decl.name.text, std::move(built)).first;
      }
    }
    if (it == networks.end())
      throw Reported();
    return it->second;
  }

  ir::StepOp beginStep(llvm::StringRef name, Location loc) {
    ev.densities.clear();
    builder.setInsertionPointToEnd(module->getBody());
    std::string symbol = name.str(); // a parameter of the model may have that name too
    while (SymbolTable::lookupSymbolIn(*module, symbol))
      symbol += "_";
    auto step = builder.create<ir::StepOp>(loc, builder.getStringAttr(symbol), DictionaryAttr());
    Block &block = step.getBody().empty() ? step.getBody().emplaceBlock() : step.getBody().front();
    builder.setInsertionPointToStart(&block);
    return step;
  }

  /// `parent`: 1 + the number of the experiment that it stands in.
  void experiment(const ast::ExperimentDecl &decl, int parent = 0,
                  const Experiment::Inside *inside = nullptr) {
    llvm::ArrayRef<ast::Argument> args;
    auto *name = calleeOf(decl.network, args);
    auto *netDecl = name ? ev.globals.find<ast::NetworkDecl>(name->name) : nullptr;
    if (!netDecl) {
      Frame none;
      if (name && !globals.named.count(name->name))
        ev.unknown(name->span, name->name, none);
      ev.fail(Code::WrongKind, decl.network->span, "an experiment runs a network");
    }
    const Network &net = network(*netDecl);
    if (decl.experimentKind == ast::ExperimentKind::Train)
      trained.insert(net.name);
    Experiment made(lab, decl, net, parent);
    int number = steps++; // of the table of experiments
    ir::StepOp step =
        beginStep((made.train ? "train" : "test") + std::to_string(number), ev.location(decl.span));
    made.elaborate(step);
    if (parent) {
      NamedAttrList all(step.getExperimentAttr());
      all.append("parent", builder.getI64IntegerAttr(parent));
      all.append(inside->epochs ? "every_epochs" : "every",
                 builder.getI64IntegerAttr(inside->every));
      step.setExperimentAttr(all.getDictionary(builder.getContext()));
    }
    for (auto &inner : made.inside)
      guarded([&] { experiment(*inner.decl, number + 1, &inner); });
  }

  void initialise() {
    builder.setInsertionPointToStart(module->getBody());
    for (auto &s : states.list)
      builder.create<ir::StateOp>(builder.getUnknownLoc(), builder.getStringAttr(s.symbol),
                                  TypeAttr::get(s.type(builder)), builder.getStringAttr(s.role));
    ir::StepOp step = beginStep("init", builder.getUnknownLoc());
    for (auto &s : states.list) {
      Field value = states.first(s.symbol, ev);
      for (Axis axis : value.axes) {
        auto place = llvm::find_if(s.extent, [&](auto &e) { return e.first == axis; });
        if (place == s.extent.end() || place->second != value.size(axis))
          ev.fail(Code::ShapeMismatch, s.at,
                  "the initial value of `" + s.symbol + "` is " + describe(value) +
                      ", which does not fit its shape");
      }
      if (!value.dimension.fits(s.dimension))
        ev.fail(Code::DimensionMismatch, s.at,
                "the initial value of `" + s.symbol + "` is " + value.dimension.kind() +
                    ", and from what it connects it is " + s.dimension.kind());
      value = ev.fields.broadcast(builder.getUnknownLoc(), value, s.extent);
      builder.create<ir::WriteOp>(builder.getUnknownLoc(),
                                  FlatSymbolRefAttr::get(builder.getContext(), s.symbol),
                                  value.tensor);
    }
    step.setExperimentAttr(
        builder.getDictionaryAttr({builder.getNamedAttr("kind", builder.getStringAttr("init"))}));
  }

  llvm::ArrayRef<ast::File> files;
  Diagnostics &diags;
  const ElaborateOptions &options;
  OpBuilder builder;
  Globals globals;
  Evaluator ev;
  States states;
  Laboratory lab{ev, diags, states, options, {}};
  OwningOpRef<ModuleOp> module;
  std::map<std::string, Network> networks;
  std::set<std::string> trained;                ///< networks
  std::set<std::string> broken;                 ///< networks with errors, which are reported once
  std::map<std::string, const ast::Expr *> run; ///< networks with experiments, and what those name
  std::set<std::string> usedAsPart;
  int steps = 0;
};

} // namespace

OwningOpRef<ModuleOp> elaborate(llvm::ArrayRef<ast::File> files, const Sources &sources,
                                Diagnostics &diags, MLIRContext &context,
                                const ElaborateOptions &options) {
  return Model(files, sources, diags, context, options).elaborate();
}

} // namespace apical
