//===- Elaborate.cpp - a whole model: its networks, data and experiments ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Elaborate.h"
#include "frontend/sema/Account.h"
#include "frontend/sema/Generic.h"
#include "frontend/sema/Memory.h"
#include "frontend/sema/Rule.h"
#include "frontend/sema/Statements.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace apical {
using namespace sema;
namespace {

struct Column {
  std::string name, path, field;
  int format = 0;
  Span span;
};

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
    for (const Area &area : net.areas)
      for (const ast::Block *body : {&area.decl->body, &area.unit->body})
        for (const ast::Stmt *s : *body)
          if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Given)
            for (auto &d : v->vars) {
              Field given = placeholder(area, d.name.text, step, d.name.span);
              given.dimension = d.type ? ev.typeDimension(*d.type) : Dimension();
              trial.bindings[area.name + "." + d.name.text] = given;
            }
    for (const Scalar &s : net.scalars)
      if (s.decl->varKind == ast::VarKind::Given) {
        trial.bindings[s.name] = placeholder(s, step, s.decl->span);
      }
    trial.announce(net.decl->span, 1);
    trial.run();
    trial.learn();
  }

  /// In the place of a value that only data could give.
  Field placeholder(const Area &area, const std::string &variable, ir::StepOp step, Span at) {
    Extent extent{{Axis::Sample, ShapedType::kDynamic}};
    if (int64_t n = area.componentsOf(variable))
      extent.push_back({Axis::Component, n});
    extent.push_back({Axis::Unit, area.size});
    return placeholder(extent, step, at);
  }

  Field placeholder(llvm::ArrayRef<std::pair<Axis, int64_t>> extent, ir::StepOp step, Span at) {
    Field f;
    llvm::SmallVector<int64_t> shape;
    for (auto [axis, size] : extent) {
      f.axes.push_back(axis);
      shape.push_back(size);
    }
    f.tensor = step.getBody().front().addArgument(
        RankedTensorType::get(shape, builder.getF32Type()), ev.location(at));
    return f;
  }

  Field placeholder(const Scalar &scalar, ir::StepOp step, Span at) {
    Extent extent{{Axis::Sample, ShapedType::kDynamic}};
    if (scalar.components)
      extent.push_back({Axis::Component, scalar.components});
    return placeholder(extent, step, at);
  }

  /// Placeholders for what only the phases of an experiment give.
  void bindAll(const Network &net, Trial &trial, ir::StepOp step, Span at) {
    for (const Area &area : net.areas)
      for (const ast::Block *body : {&area.decl->body, &area.unit->body})
        for (const ast::Stmt *s : *body)
          if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Given)
            for (auto &d : v->vars)
              if (std::string name = area.name + "." + d.name.text;
                  !d.init && !trial.bindings.count(name))
                trial.bindings[name] = placeholder(area, d.name.text, step, at);
  }

  void emitParams() {
    builder.setInsertionPointToEnd(module->getBody());
    for (auto &[name, statement] : globals.named)
      if (auto *p = llvm::dyn_cast<ast::ParamDecl>(statement))
        guarded([&] {
          Frame empty;
          double value = ev.evaluateConstant(*p->value, empty, "the default of a `param`");
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
        trainedOn.insert(name->name + " " + ast::toString(*e->source));
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
      Network built = buildNetwork(decl, args, at, ev, states);
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

  /// The columns of `name.train`: nested `table(…)`s are groups of tables.
  std::vector<Column> table(const ast::Expr &source) {
    std::vector<std::string> path;
    const ast::Expr *e = &source;
    while (auto *m = llvm::dyn_cast<ast::MemberExpr>(e)) {
      path.insert(path.begin(), m->member.text);
      e = m->base;
    }
    auto *base = llvm::dyn_cast<ast::NameExpr>(e);
    auto *data = base ? ev.globals.find<ast::DataDecl>(base->name) : nullptr;
    if (!data) {
      Frame none;
      if (base && !globals.named.count(base->name))
        ev.unknown(base->span, base->name, none);
      auto *call = llvm::dyn_cast<ast::CallExpr>(&source);
      if (auto *unit = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : base;
          unit && ev.globals.find<ast::UnitDecl>(unit->name))
        ev.unsupported(source.span, "a world, which is a unit as the source of an experiment, is");
      ev.fail(Code::WrongKind, source.span, "`" + ast::toString(source) + "` is not data",
              call && !call->args.empty() && call->args[0].name
                  ? "options follow a comma: `, " + llvm::Twine(call->args[0].name.text) + " = " +
                        ast::toString(*call->args[0].value) + "`"
                  : llvm::Twine());
    }
    const ast::CallExpr *call = tableCall(data->value);
    for (auto &part : path) {
      const ast::CallExpr *inner = nullptr;
      std::vector<std::string> names;
      if (call)
        for (auto &a : call->args) {
          names.push_back(a.name.text);
          if (a.name.text == part)
            inner = tableCall(a.value);
        }
      if (!inner) {
        std::string near = nearest(part, names);
        ev.fail(Code::UnknownMember, source.span,
                "`" + data->name.text + "` has no table `" + part + "`",
                near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
      }
      call = inner;
    }
    if (!call)
      ev.unsupported(data->span, "data other than `table(…)` is");
    std::vector<Column> columns;
    for (auto &a : call->args) {
      auto *file = llvm::dyn_cast<ast::CallExpr>(a.value);
      auto *kind = file ? llvm::dyn_cast<ast::NameExpr>(file->callee) : nullptr;
      int format = !kind                 ? -1
                   : kind->name == "idx" ? 0
                   : kind->name == "npy" ? 1
                   : kind->name == "csv" ? 2
                                         : -1;
      if (kind && kind->name == "table")
        ev.fail(Code::WrongKind, source.span,
                "`" + ast::toString(source) + "` is a group of tables",
                "choose one: `" + ast::toString(source) + "." + a.name.text + "`");
      auto *pathArg = file && !file->args.empty()
                          ? llvm::dyn_cast<ast::StringExpr>(file->args[0].value)
                          : nullptr;
      auto *field = file && file->args.size() > 1
                        ? llvm::dyn_cast<ast::StringExpr>(file->args[1].value)
                        : nullptr;
      if (kind && llvm::is_contained({"windows", "ring"}, kind->name))
        ev.unsupported(a.value->span, "`" + kind->name + "` is");
      if (format < 0 || !pathArg || !a.name)
        ev.fail(Code::WrongKind, a.value->span,
                "a column of a table is `name = idx(\"file\")`, `npy(…)` or `csv(…)`");
      columns.push_back(
          {a.name.text, pathArg->value, field ? field->value : "", format, a.value->span});
    }
    return columns;
  }
  static const ast::CallExpr *tableCall(const ast::Expr *e) {
    auto *call = llvm::dyn_cast_or_null<ast::CallExpr>(e);
    auto *callee = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : nullptr;
    return callee && callee->name == "table" ? call : nullptr;
  }

  /// The rows of a table, as its first column has them.
  int64_t rowsOf(const std::vector<Column> &columns) { return probe(columns.front()).rows; }

  ColumnInfo probe(const Column &c) {
    ColumnInfo info;
    std::string why;
    if (!options.probe || !options.probe(c.path, c.format, c.field, info, why)) {
      auto [first, rest] = llvm::StringRef(why).split('\n'); // the folders that were searched
      Diagnostic &d = diags.error(info.found ? Code::DataDamaged : Code::DataMissing, c.span,
                                  why.empty() ? "`" + c.path + "` cannot be read" : first);
      if (!rest.empty())
        d.note("looked for\n" + rest);
      throw Reported();
    }
    return info;
  }

  Field column(const Column &c, ir::StepOp step) {
    if (auto it = columnFields.find(c.name); it != columnFields.end())
      return it->second;
    ColumnInfo info = probe(c);
    for (auto &[other, otherInfo] : columnInfos)
      if (otherInfo.rows != info.rows) {
        diags
            .error(Code::DataMismatch, c.span,
                   "`" + c.name + "` has " + std::to_string(info.rows) + " rows where `" +
                       other->name + "` has " + std::to_string(otherInfo.rows))
            .label(other->span, std::to_string(otherInfo.rows) + " rows")
            .hint("the columns of a table have one row per sample");
        throw Reported();
      }
    columnInfos.push_back({&c, info});
    Type type;
    switch (info.type) {
    case 1:
      type = builder.getF64Type();
      break;
    case 2:
      type = builder.getI8Type();
      break; // bytes are unsigned
    case 4:
      type = builder.getI16Type();
      break;
    case 5:
      type = builder.getI32Type();
      break;
    case 6:
      type = builder.getI64Type();
      break;
    case 0:
      type = builder.getF32Type();
      break;
    default:
      ev.unsupported(c.span, "columns of signed bytes are");
    }
    int64_t elements = 1;
    for (int64_t d : info.shape)
      elements *= d;
    llvm::SmallVector<int64_t> shape{ShapedType::kDynamic};
    Field f;
    f.axes.push_back(Axis::Sample);
    if (elements != 1) {
      shape.push_back(elements);
      f.axes.push_back(Axis::Unit);
    }
    f.tensor =
        step.getBody().front().addArgument(RankedTensorType::get(shape, type), ev.location(c.span));
    columnAttributes.push_back({&c, info.type, elements});
    columnFields[c.name] = f;
    return f;
  }

  [[noreturn]] void wrongOption(const ast::Argument &o, bool train) {
    const std::string &name = o.name.text;
    if (name == "epochs")
      ev.fail(Code::BadOption, o.name.span, "a `test` passes once over its data",
              "`epochs` belongs to `train`; `trials` is how many batches a test presents");
    if (llvm::is_contained({"episodes", "time", "dt", "method", "reset", "active"}, name))
      ev.unsupported(o.name.span, "the option `" + name + "` is");
    std::vector<std::string> options{"batch", "trials", "trial", "precision"};
    if (train)
      options.push_back("epochs");
    std::string near = nearest(name, options), all;
    for (auto &option : options)
      all += (all.empty() ? "`" : ", `") + option + "`";
    ev.fail(Code::BadOption, o.name.span, "an experiment has no option `" + name + "`",
            !near.empty() ? "did you mean `" + near + "`?"
                          : "it has " + all +
                                "; what concerns learning stands in the network's `learn` line");
  }

  /// `single`, as compiled code computes; the interpreter computes in double precision.
  void checkPrecision(const ast::Expr &e) {
    std::string precision = ast::toString(e);
    if (precision == "double") {
      diags
          .error(Code::NotSupported, e.span,
                 "compiled code in double precision is not supported yet")
          .hint("`apical run --interpret` computes everything in double precision");
      throw Reported();
    }
    if (precision != "single")
      ev.fail(Code::BadOption, e.span, "`precision` is `single` or `double`");
  }

  /// `on every N trials { test … }` in an experiment.
  struct Inside {
    const ast::ExperimentDecl *decl;
    int64_t every;
  };
  void addInside(const ast::OnStmt &on, std::vector<Inside> &into) {
    Frame none;
    auto *number = llvm::dyn_cast_or_null<ast::NumberExpr>(on.every);
    if (!on.every)
      ev.unsupported(on.span, "an experiment on an event is");
    if (number && !number->unit.empty() && number->unit != "trial" && number->unit != "trials")
      ev.unsupported(on.every->span, "an experiment every so many `" + number->unit + "` is");
    int64_t every = number && !number->unit.empty()
                        ? static_cast<int64_t>(number->value)
                        : ev.evaluateSize(*on.every, none, 1, "the number of trials");
    if (every < 1)
      ev.fail(Code::BadSize, on.every->span, "an experiment runs every trial at most");
    for (const ast::Stmt *s : on.body) {
      auto *inner = llvm::dyn_cast<ast::ExperimentDecl>(s);
      if (!inner)
        ev.unsupported(s->span, "this statement in an experiment is");
      into.push_back({inner, every});
    }
  }

  /// `parent`: 1 + the number of the experiment that it stands in.
  void experiment(const ast::ExperimentDecl &decl, int parent = 0, int64_t interval = 0) {
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
    bool train = decl.experimentKind == ast::ExperimentKind::Train;
    if (decl.experimentKind == ast::ExperimentKind::Simulate)
      ev.unsupported(decl.span, "`simulate` is");
    if (decl.alias)
      ev.unsupported(decl.alias.span, "a name for the source of an experiment is");
    std::vector<Column> columns;
    if (!options.withoutData && decl.source)
      columns = table(*decl.source);
    int64_t batch = train ? 1 : 100, epochs = 1, trials = 0, ticks = 1;
    Span batchAt = decl.span;
    for (auto &o : decl.options) {
      Frame empty;
      if (o.name.text == "batch") {
        batchAt = o.value->span;
        batch = ev.evaluateSize(*o.value, empty, 1, "`batch`");
      } else if (o.name.text == "epochs" && train)
        epochs = ev.evaluateSize(*o.value, empty, 1, "`epochs`");
      else if (o.name.text == "trials")
        trials = ev.evaluateSize(*o.value, empty, 1, "`trials`");
      else if (o.name.text == "trial")
        ticks = ev.evaluateTicks(*o.value, empty, 1, "the length of a trial in ticks");
      else if (o.name.text == "precision")
        checkPrecision(*o.value);
      else
        wrongOption(o, train);
    }
    if (!decl.source && !trials)
      ev.fail(Code::BadOption, decl.span, "an experiment without data has no end",
              "say how long it is: `, trials = 1000`");
    int number = steps; // of the table of experiments
    std::vector<Inside> inside;
    std::string stepName = (train ? "train" : "test") + std::to_string(steps++);
    columnFields.clear();
    columnInfos.clear();
    columnAttributes.clear();
    itemColumns.clear();
    ir::StepOp step = beginStep(stepName, ev.location(decl.span));
    Trial trial(net, ev, states);
    trial.account = options.account;
    trial.items = [&](const Area &area, const State &state) {
      return items(net, area, state, decl, columns, step);
    };
    std::map<std::string, const ast::VarDecl::Declarator *> lets;
    std::map<std::string, Field> drawn; ///< `let x ~ D`
    std::set<std::string> evaluating;
    std::function<Field(const ast::VarDecl::Declarator &)> letOf;
    std::function<Frame()> afterTrial;
    for (const ast::Stmt *s : decl.body)
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Let)
        for (auto &d : v->vars) {
          if (!d.init)
            ev.fail(Code::Syntax, d.name.span, "`let " + d.name.text + "` needs a value");
          if (!lets.emplace(d.name.text, &d).second)
            ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is defined twice");
        }
    ast::Block phases; ///< and loops over them: what shapes the trial
    auto dataFrame = [&] {
      Frame frame;
      for (auto &c : columns)
        frame.known.push_back(c.name);
      frame.resolve = [&](const ast::Expr &e) -> std::optional<Field> {
        auto *n = llvm::dyn_cast<ast::NameExpr>(&e);
        for (auto &c : columns)
          if (n && c.name == n->name)
            return column(c, step);
        auto let = n ? lets.find(n->name) : lets.end();
        return let == lets.end() ? std::nullopt : std::optional(letOf(*let->second));
      };
      return frame;
    };
    // A `let` is evaluated where it is read, at the moment at hand; what it draws, once.
    letOf = [&](const ast::VarDecl::Declarator &d) {
      bool draws = d.initKind == ast::VarDecl::Declarator::Init::Draw;
      if (auto it = drawn.find(d.name.text); it != drawn.end())
        return it->second;
      if (!evaluating.insert(d.name.text).second)
        ev.fail(Code::Cycle, d.name.span, "the value of `" + d.name.text + "` depends on itself");
      Frame frame = trial.now.tick ? afterTrial() : dataFrame();
      if (draws) {
        frame.stream = stepName + "." + d.name.text;
        frame.drawEachTrial = true;
        frame.drawExtent = {{Axis::Sample, ShapedType::kDynamic}};
      }
      Frame sizes;
      int64_t components = ev.componentsOf(d, sizes);
      if (components && draws)
        frame.drawExtent.push_back({Axis::Component, components});
      Field value = asNumbers(ev.evaluate(*d.init, frame), d.init->span);
      if (components)
        value = ev.withComponents(value, components, d.name.text, d.init->span);
      evaluating.erase(d.name.text);
      return draws ? drawn[d.name.text] = value : value;
    };
    std::vector<const ast::MeasureStmt *> measures;
    std::vector<const ast::ProbeStmt *> probes;
    for (const ast::Stmt *s : decl.body) {
      if (auto *m = llvm::dyn_cast<ast::MeasureStmt>(s)) {
        for (auto *other : measures)
          if (other->name.text == m->name.text) {
            diags.error(Code::DefinedTwice, m->name.span, "`" + m->name.text + "` is defined twice")
                .label(other->name.span, "first defined here");
            throw Reported();
          }
        if (!options.withoutData)
          measures.push_back(m);
        continue;
      }
      if (auto *on = llvm::dyn_cast<ast::OnStmt>(s)) {
        if (parent || !train)
          ev.unsupported(s->span, "an experiment in an experiment that is no outermost `train` is");
        addInside(*on, inside);
        continue;
      }
      if (auto *p = llvm::dyn_cast<ast::ProbeStmt>(s)) {
        if (!options.withoutData)
          probes.push_back(p);
        continue;
      }
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Let)
        continue;
      if (llvm::isa<ast::PhaseDecl, ast::ForStmt>(s)) {
        if (options.withoutData)
          bindAll(net, trial, step, s->span);
        else
          phases.push_back(const_cast<ast::Stmt *>(s));
        continue;
      }
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *target = assign ? llvm::dyn_cast<ast::MemberExpr>(assign->target) : nullptr;
      bool draws = assign && assign->op == ast::AssignOp::Draw;
      std::string path = assign ? pathOf(*assign->target, ev) : "";
      if (assign && assign->op == ast::AssignOp::Set && (!target || net.scalar(path))) {
        Frame frame = dataFrame();
        bindScalar(net, trial, path, *assign, step, frame);
        continue;
      }
      if (!target || (assign->op != ast::AssignOp::Set && !draws))
        ev.refuse(*s, InExperiment);
      int area = net.area(*target->base, ev);
      if (area < 0) {
        Frame none;
        for (auto &a : net.areas)
          none.known.push_back(a.name);
        ev.unknown(target->base->span, ast::toString(*target->base), none);
      }
      const Area &a = net.areas[area];
      const std::string &variable = target->member.text;
      bool fedFromOutside = llvm::is_contained(a.given, variable); // in a part
      if (llvm::is_contained(a.inputs, variable) && !fedFromOutside)
        ev.fail(Code::NotAssignable, target->span,
                "`" + a.name + "." + variable + "` is the sum of what connections bring",
                "an experiment gives values to `given` variables");
      if (!llvm::is_contained(a.variables, variable)) {
        std::string near = nearest(variable, a.variables);
        ev.fail(Code::UnknownMember, target->member.span,
                "the area `" + a.name + "` has no variable `" + variable + "` to bind",
                near.empty() ? "declare it in the area's braces: `area " + a.name +
                                   " : … { given " + variable + " }`"
                             : "did you mean `" + near + "`?");
      }
      if (llvm::is_contained(a.inputs, target->member.text)) {
        auto fed = llvm::find_if(net.connections, [&](const Connection &c) {
          return c.to == area && c.toPort == target->member.text;
        });
        diags
            .error(Code::DefinedTwice, assign->span,
                   "`" + a.name + "." + target->member.text + "` is what arrives over `" +
                       fed->name + "`, and cannot be bound")
            .label(fed->decl->span, "the connection");
        throw Reported();
      }
      if (options.withoutData) {
        trial.bindings[a.name + "." + variable] = placeholder(a, variable, step, s->span);
        continue;
      }
      Frame frame = dataFrame();
      if (draws) {
        if (ticks > 1)
          ev.unsupported(s->span, "a draw anew in every tick of a trial is");
        frame.stream = net.name + "." + a.name + "." + target->member.text;
        frame.drawEachTrial = true;
        frame.drawExtent.assign(a.extent(target->member.text, true));
      }
      Field value = components(
          a, variable, asNumbers(ev.evaluate(*assign->value, frame), assign->span), assign->span);
      bool perUnit = !value.constant && value.has(Axis::Unit);
      bool common = a.common.count(target->member.text);
      if (common && !perUnit) { // one number for the area
        if (!trial.bindings.emplace(a.name + "." + target->member.text, value).second)
          ev.fail(Code::DefinedTwice, assign->span,
                  "`" + a.name + "." + target->member.text + "` is bound twice");
        continue;
      }
      if (perUnit ? value.size(Axis::Unit) != a.size : (a.size != 1 && !value.constant)) {
        ev.diags
            .error(Code::ShapeMismatch, assign->span,
                   "`" + a.name + "." + target->member.text + "` has " + std::to_string(a.size) +
                       (a.size == 1 ? " unit" : " units") + ", and the data give " +
                       describe(value))
            .label(a.decl->span, std::to_string(a.size) + " units")
            .hint(!perUnit ? "a class is presented as `one_hot(" + ast::toString(*assign->value) +
                                 ", " + std::to_string(a.size) + ")`"
                           : "");
        throw Reported();
      }
      if (!perUnit && !value.constant)
        value = ev.fields.broadcast(ev.location(s->span), value,
                                    {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, a.size}});
      if (!trial.bindings.emplace(a.name + "." + target->member.text, value).second)
        ev.fail(Code::DefinedTwice, assign->span,
                "`" + a.name + "." + target->member.text + "` is bound twice");
    }
    trial.announce(decl.span, ticks);
    ast::LearnDecl nothing;
    Learn none{&nothing, stepName};
    RuleInstance shaped(trial, none);
    afterTrial = [&] { // names of the data, then of the network
      Frame frame = phases.empty() ? trial.networkFrame() : shaped.ruleFrame();
      auto inNetwork = frame.resolve;
      Frame data = dataFrame();
      frame.resolve = [=](const ast::Expr &e) {
        auto f = data.resolve(e);
        return f ? f : inNetwork(e);
      };
      frame.known.insert(frame.known.end(), data.known.begin(), data.known.end());
      return frame;
    };
    if (phases.empty()) {
      trial.run();
      if (train) {
        trial.learn();
        keepItems(net, trial, decl.span);
      }
      report(net, trial, train, decl);
    } else {
      shaped.present(phases, dataFrame().resolve);
      auto end = shaped.lastPhase();
      if (train && !end)
        ev.fail(Code::PhaseNotThere, decl.span,
                "nothing is learned from here: all that is presented are members of a loop",
                "a trial ends with the last phase that stands outside loops");
      if (train) {
        trial.shape(shaped, shaped.presented(), *end->ended);
        trial.learn();
        keepItems(net, trial, decl.span);
      } else if (end) {
        trial.conclude(*end);
      }
      if (end)
        report(net, trial, train, decl);
    }
    for (auto *m : measures) {
      Frame frame = afterTrial();
      Field value = ev.evaluate(*m->value, frame);
      if (!value.perSample())
        ev.fail(Code::ShapeMismatch, m->value->span,
                "a measure is one number per sample, and this is " + describe(value),
                "reduce it with `sum` or `mean`");
      emitReport(m->name.text, "measure", value, m->span);
    }
    for (auto *p : probes)
      for (const ast::Expr *e : p->values) {
        Frame frame = afterTrial();
        Field value = ev.evaluate(*e, frame);
        if (!value.constant && value.has(Axis::Component)) {
          if (value.has(Axis::Unit) && value.size(Axis::Unit) > 1)
            ev.unsupported(e->span, "a probe of the components of several units is");
          value = ev.fields.reduce(ev.location(e->span), value, {Axis::Unit})
                      .as(Axis::Component, Axis::Unit);
        }
        emitProbe(p->name.text.empty() ? ast::toString(*e) : p->name.text, value, e->span);
      }
    if (diags.hasErrors())
      throw Reported();
    moveWritesLast(step);
    eraseUnused(step);
    requireMemory(states, step, batch, batchAt, options.memory, diags);
    NamedAttrList all = attributes(decl, net, train, batch, epochs, trials);
    if (parent) {
      all.append("parent", builder.getI64IntegerAttr(parent));
      all.append("every", builder.getI64IntegerAttr(interval));
    }
    step.setExperimentAttr(all.getDictionary(builder.getContext()));
    for (auto [inner, every] : inside)
      guarded([&, inner = inner, every = every] { experiment(*inner, number + 1, every); });
  }

  /// An `item` state of the tables that something trains on: the host brings the rows of the batch as a column, and
  /// takes them back. Other tables keep none.
  std::string itemSymbol(const Network &net, const Area &area, const State &state,
                         const ast::ExperimentDecl &decl) const {
    return net.name + "." + area.name + "." + state.name + "." + ast::toString(*decl.source);
  }

  std::optional<Field> items(const Network &net, const Area &area, const State &state,
                             const ast::ExperimentDecl &decl, const std::vector<Column> &columns,
                             ir::StepOp step) {
    if (!decl.source)
      ev.fail(Code::BadOption, decl.span,
              "`" + area.name + "." + state.name +
                  "` is kept for each row of the data, and there are none",
              "an `item` state needs an experiment on a table: `train … on TABLE`");
    std::string symbol = itemSymbol(net, area, state, decl);
    if (!trainedOn.count(net.name + " " + ast::toString(*decl.source)))
      return std::nullopt;
    bool common = area.common.count(state.name);
    StateInit init;
    init.symbol = symbol;
    init.role = "item";
    init.at = state.declarator->name.span;
    init.extent = {{Axis::Pre, options.withoutData ? 1 : rowsOf(columns)}};
    if (!common)
      init.extent.push_back({Axis::Post, area.size});
    Frame caller, frame;
    caller.locals = net.parts[area.part].args;
    frame.locals = bindArguments(ev, *area.unit, area.args, area.decl->span, caller);
    frame.locals["size"] = Field::number(static_cast<double>(area.size));
    frame.stream = symbol;
    frame.drawExtent = init.extent;
    init.value = [e = &ev, value = state.declarator->init, frame]() mutable {
      return e->evaluate(*value, frame);
    };
    states.declare(std::move(init));
    if (options.withoutData)
      return placeholder(area, state.name, step, decl.span);
    Column &column = itemColumns.emplace_back();
    column.name = column.path = symbol;
    column.format = 3;
    column.span = state.declarator->name.span;
    columnAttributes.push_back({&column, 0, common ? 1 : area.size});
    Field rows;
    rows.axes = {Axis::Sample};
    llvm::SmallVector<int64_t> shape{ShapedType::kDynamic};
    if (!common) {
      rows.axes.push_back(Axis::Unit);
      shape.push_back(area.size);
    }
    rows.tensor = step.getBody().front().addArgument(
        RankedTensorType::get(shape, builder.getF32Type()), ev.location(decl.span));
    return rows;
  }

  /// Behind a trial of training, the rows go back.
  void keepItems(const Network &net, Trial &trial, Span at) {
    if (options.withoutData || diags.hasErrors())
      return;
    for (const Column &column : itemColumns)
      for (size_t k = 0; k < net.areas.size(); ++k)
        for (auto &s : net.areas[k].states)
          if (s.life == State::Life::Item &&
              llvm::StringRef(column.name)
                  .starts_with(net.name + "." + net.areas[k].name + "." + s.name + ".") &&
              column.span.begin == s.declarator->name.span.begin)
            builder.create<ir::ReportOp>(ev.location(at), builder.getStringAttr(column.name),
                                         builder.getStringAttr("item"),
                                         trial.persisting(static_cast<int>(k), s).tensor);
  }

  /// What the data give to a variable with components: columns lie along units, and are its components
  /// where there is one unit.
  Field components(const Area &area, const std::string &variable, Field value, Span at) {
    int64_t n = area.componentsOf(variable);
    if (n && !value.constant && value.has(Axis::Unit) && !value.has(Axis::Component)) {
      if (area.endpoints(variable) == n)
        value = value.as(Axis::Unit, Axis::Component);
      else if (value.size(Axis::Unit) == n * area.size)
        ev.unsupported(at, "data for the components of several units are");
    }
    return ev.withComponents(value, n, area.name + "." + variable, at);
  }

  /// `rewarded = reward`: one number per sample for a `given` of the network.
  void bindScalar(const Network &net, Trial &trial, const std::string &name,
                  const ast::AssignStmt &assign, ir::StepOp step, Frame &frame) {
    if (name.empty())
      ev.fail(Code::NotAssignable, assign.target->span,
              "`" + ast::toString(*assign.target) + "` cannot be bound",
              "an experiment binds variables of areas, and what the network is given");
    const Scalar *scalar = net.scalar(name);
    if (int area = net.area(name); !scalar && area >= 0)
      ev.fail(Code::WrongKind, assign.target->span,
              "`" + name + "` is an area: bind one of its variables",
              "write `" + name + "." + net.areas[area].mainOutput + " = …`");
    if (!scalar && llvm::is_contained(frame.known, name))
      ev.unsupported(assign.target->span, "a column written back is");
    if (!scalar) {
      Frame none;
      for (auto &s : net.scalars)
        none.known.push_back(s.name);
      ev.unknown(assign.target->span, name, none);
    }
    Field value;
    if (options.withoutData) {
      value = placeholder(*scalar, step, assign.span);
    } else {
      value = asNumbers(ev.evaluate(*assign.value, frame), assign.span);
    }
    if (scalar->components && !value.constant &&
        !value.has(Axis::Component)) // columns lie along units
      value = value.as(Axis::Unit, Axis::Component);
    if (!value.constant && value.has(Axis::Unit))
      ev.fail(Code::ShapeMismatch, assign.span,
              "`" + name + "` is one number per sample, and the data give " + describe(value));
    trial.bindings[name] = ev.withComponents(value, scalar->components, name, assign.span);
  }

  /// A bare column still has the element type of its file.
  Field asNumbers(const Field &value, Span at) {
    if (value.constant || getElementTypeOrSelf(value.tensor).isF32())
      return value;
    return ev.fields.map(ev.location(at), {value},
                         [](OpBuilder &, Location, llvm::ArrayRef<Value> v) { return v[0]; });
  }

  void emitReport(llvm::StringRef name, llvm::StringRef kind, const Field &value, Span at) {
    Field v = ev.fields.broadcast(ev.location(at), value, {{Axis::Sample, ShapedType::kDynamic}});
    builder.create<ir::ReportOp>(ev.location(at), builder.getStringAttr(name),
                                 builder.getStringAttr(kind), v.tensor);
  }

  void emitProbe(llvm::StringRef name, const Field &value, Span at) {
    llvm::SmallVector<std::pair<Axis, int64_t>> axes{{Axis::Sample, ShapedType::kDynamic}};
    if (!value.constant && value.has(Axis::Unit))
      axes.push_back({Axis::Unit, value.size(Axis::Unit)});
    Field v = ev.fields.broadcast(ev.location(at), value, axes);
    builder.create<ir::ReportOp>(ev.location(at), builder.getStringAttr(name),
                                 builder.getStringAttr("probe"), v.tensor);
  }

  void report(const Network &net, Trial &trial, bool train, const ast::ExperimentDecl &decl) {
    for (auto &c : net.costs)
      emitReport(c.name, "cost", trial.costs.at(c.name), c.decl->span);
    if (!train)
      return;
    for (int a : net.order) { // x * 0 is NaN exactly where x is not finite
      const Area &area = net.areas[a];
      if (area.inputs.empty())
        continue;
      Field rate = *trial.variable(a, area.mainOutput);
      Field zero = ev.binary(ast::BinaryOp::Mul, rate, Field::number(0), decl.span);
      emitReport(area.name, "health",
                 ev.fields.reduce(ev.location(decl.span), zero, {Axis::Component, Axis::Unit}),
                 decl.span);
    }
  }

  /// Every read of a weight stands before its update.
  static void moveWritesLast(ir::StepOp step) {
    llvm::SmallVector<Operation *> writes;
    for (Operation &op : step.getBody().front())
      if (llvm::isa<ir::WriteOp>(op))
        writes.push_back(&op);
    for (Operation *w : writes)
      w->moveBefore(&step.getBody().front(), step.getBody().front().end());
  }

  /// Elementwise values that turned out to be read only inside a reduction.
  static void eraseUnused(ir::StepOp step) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(step.getBody().front())))
      if (op.use_empty() && llvm::isa<ir::LiftOp, ir::ReadOp, ir::VjpOp, ir::JvpOp, ir::ClockOp,
                                      ir::GetParamOp, ir::DrawOp>(op))
        op.erase();
  }

  DictionaryAttr attributes(const ast::ExperimentDecl &decl, const Network &net, bool train,
                            int64_t batch, int64_t epochs, int64_t trials) {
    llvm::SmallVector<Attribute> columns;
    for (auto &[c, type, elements] : columnAttributes)
      columns.push_back(builder.getDictionaryAttr({
          builder.getNamedAttr("name", builder.getStringAttr(c->name)),
          builder.getNamedAttr("path", builder.getStringAttr(c->path)),
          builder.getNamedAttr("field", builder.getStringAttr(c->field)),
          builder.getNamedAttr("format", builder.getI64IntegerAttr(c->format)),
          builder.getNamedAttr("type", builder.getI64IntegerAttr(type)),
          builder.getNamedAttr("elements", builder.getI64IntegerAttr(elements)),
          builder.getNamedAttr("limit", builder.getI64IntegerAttr(limitOf(decl, c->name))),
      }));
    return builder.getDictionaryAttr({
        builder.getNamedAttr("kind", builder.getStringAttr(train ? "train" : "test")),
        builder.getNamedAttr("network", builder.getStringAttr(net.name)),
        builder.getNamedAttr("source",
                             builder.getStringAttr(decl.source ? ast::toString(*decl.source) : "")),
        builder.getNamedAttr("batch", builder.getI64IntegerAttr(batch)),
        builder.getNamedAttr("epochs", builder.getI64IntegerAttr(epochs)),
        builder.getNamedAttr("trials", builder.getI64IntegerAttr(trials)),
        builder.getNamedAttr("shuffle", builder.getI64IntegerAttr(train)),
        builder.getNamedAttr("columns", builder.getArrayAttr(columns)),
    });
  }

  /// `one_hot(labels, 10)`: the labels must lie in 0..9.
  int64_t limitOf(const ast::ExperimentDecl &decl, llvm::StringRef column) {
    for (const ast::Stmt *s : decl.body)
      if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(s))
        if (auto *call = llvm::dyn_cast<ast::CallExpr>(assign->value)) {
          auto *callee = llvm::dyn_cast<ast::NameExpr>(call->callee);
          auto *arg =
              call->args.size() == 2 ? llvm::dyn_cast<ast::NameExpr>(call->args[0].value) : nullptr;
          Frame empty;
          if (callee && callee->name == "one_hot" && arg && arg->name == column)
            return ev.evaluateSize(*call->args[1].value, empty, 1, "the number of classes");
        }
    return 0;
  }

  void initialise() {
    builder.setInsertionPointToStart(module->getBody());
    for (auto &s : states.list)
      builder.create<ir::StateOp>(builder.getUnknownLoc(), builder.getStringAttr(s.symbol),
                                  TypeAttr::get(s.type(builder)), builder.getStringAttr(s.role));
    ir::StepOp step = beginStep("init", builder.getUnknownLoc());
    for (auto &s : states.list) {
      Field value = states.first(s.symbol);
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
  OwningOpRef<ModuleOp> module;
  std::map<std::string, Network> networks;
  std::set<std::string> trained;                ///< networks
  std::set<std::string> broken;                 ///< networks with errors, which are reported once
  std::map<std::string, const ast::Expr *> run; ///< networks with experiments, and what those name
  std::set<std::string> usedAsPart;
  std::set<std::string> trainedOn; ///< "NETWORK TABLE"
  std::deque<Column> itemColumns;
  std::map<std::string, Field> columnFields;
  std::vector<std::pair<const Column *, ColumnInfo>> columnInfos;
  std::vector<std::tuple<const Column *, int, int64_t>> columnAttributes;
  int steps = 0;
};

} // namespace

OwningOpRef<ModuleOp> elaborate(llvm::ArrayRef<ast::File> files, const Sources &sources,
                                Diagnostics &diags, MLIRContext &context,
                                const ElaborateOptions &options) {
  return Model(files, sources, diags, context, options).elaborate();
}

} // namespace apical
