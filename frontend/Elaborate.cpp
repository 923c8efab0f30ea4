//===- Elaborate.cpp - a whole model: its networks, data and experiments ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Elaborate.h"
#include "frontend/sema/Account.h"
#include "frontend/sema/Generic.h"
#include "frontend/sema/Rule.h"

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

  OwningOpRef<ModuleOp> run() {
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
    for (const ast::Stmt *s : files[0].body)
      if (auto *n = llvm::dyn_cast<ast::NetworkDecl>(s))
        guarded([&] { network(*n); });
    for (auto *e : experiments) // of the networks that are sound
      guarded([&] { experiment(*e); });
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
            diags.error(Code::Syntax, s->span, "this statement stands only within a definition")
                .hint("at the level of the file stand `use const param fn unit synapse rule "
                      "optimizer network data train test simulate`");
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
      if (auto *n = llvm::dyn_cast<ast::NetworkDecl>(s); n && !account.network(n->name.text))
        account.networks.push_back(networks.at(n->name.text));
  }

  /// In the place of a value that only data could give.
  Field placeholder(const Area &area, ir::StepOp step, Span at) {
    Field f;
    f.axes = {Axis::Sample, Axis::Unit};
    f.tensor = step.getBody().front().addArgument(
        RankedTensorType::get({ShapedType::kDynamic, area.size}, builder.getF32Type()),
        ev.location(at));
    return f;
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

  const Network &network(const ast::NetworkDecl &decl) {
    auto it = networks.find(decl.name.text);
    if (it == networks.end() && !broken.count(decl.name.text)) {
      broken.insert(decl.name.text); // unless it is built without an error
      Network built = buildNetwork(decl, ev, states);
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
    builder.setInsertionPointToEnd(module->getBody());
    auto step = builder.create<ir::StepOp>(loc, builder.getStringAttr(name), DictionaryAttr());
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

  Field column(const Column &c, ir::StepOp step) {
    if (auto it = columnFields.find(c.name); it != columnFields.end())
      return it->second;
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

  void experiment(const ast::ExperimentDecl &decl) {
    auto *name = llvm::dyn_cast<ast::NameExpr>(decl.network);
    auto *netDecl = name ? ev.globals.find<ast::NetworkDecl>(name->name) : nullptr;
    if (!netDecl) {
      Frame none;
      if (name && !globals.named.count(name->name))
        ev.unknown(name->span, name->name, none);
      ev.fail(Code::WrongKind, decl.network->span, "an experiment runs a network");
    }
    const Network &net = network(*netDecl);
    bool train = decl.experimentKind == ast::ExperimentKind::Train;
    if (decl.experimentKind == ast::ExperimentKind::Simulate)
      ev.unsupported(decl.span, "`simulate` is");
    if (!decl.source)
      ev.unsupported(decl.span, "an experiment without data is");
    std::vector<Column> columns;
    if (!options.withoutData)
      columns = table(*decl.source);
    int64_t batch = train ? 1 : 100, epochs = 1, trials = 0, ticks = 1;
    for (auto &o : decl.options) {
      Frame empty;
      if (o.name.text == "batch")
        batch = ev.evaluateSize(*o.value, empty, 1, "`batch`");
      else if (o.name.text == "epochs" && train)
        epochs = ev.evaluateSize(*o.value, empty, 1, "`epochs`");
      else if (o.name.text == "trials")
        trials = ev.evaluateSize(*o.value, empty, 1, "`trials`");
      else if (o.name.text == "trial")
        ticks = ev.evaluateTicks(*o.value, empty, 1, "the length of a trial in ticks");
      else {
        std::string near = nearest(o.name.text, {"batch", "epochs", "trials", "trial"});
        ev.fail(Code::BadOption, o.name.span,
                "an experiment of this kind has no option `" + o.name.text + "`",
                near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
      }
    }
    std::string stepName = (train ? "train" : "test") + std::to_string(steps++);
    columnFields.clear();
    columnInfos.clear();
    columnAttributes.clear();
    ir::StepOp step = beginStep(stepName, ev.location(decl.span));
    Trial trial(net, ev, states);
    trial.account = options.account;
    auto dataFrame = [&] {
      Frame frame;
      for (auto &c : columns)
        frame.known.push_back(c.name);
      frame.resolve = [&](const ast::Expr &e) -> std::optional<Field> {
        if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
          for (auto &c : columns)
            if (c.name == n->name)
              return column(c, step);
        return std::nullopt;
      };
      return frame;
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
      if (auto *p = llvm::dyn_cast<ast::ProbeStmt>(s)) {
        if (!options.withoutData)
          probes.push_back(p);
        continue;
      }
      auto *assign = llvm::dyn_cast<ast::AssignStmt>(s);
      auto *target = assign ? llvm::dyn_cast<ast::MemberExpr>(assign->target) : nullptr;
      bool draws = assign && assign->op == ast::AssignOp::Draw;
      if (auto *name = assign ? llvm::dyn_cast<ast::NameExpr>(assign->target) : nullptr;
          name && assign->op == ast::AssignOp::Set) {
        Frame frame = dataFrame();
        bindScalar(net, trial, *name, *assign, step, frame);
        continue;
      }
      if (!target || (assign->op != ast::AssignOp::Set && !draws))
        ev.unsupported(s->span, "this statement in an experiment is");
      int area = net.area(*target->base, ev);
      if (area < 0) {
        Frame none;
        for (auto &a : net.areas)
          none.known.push_back(a.name);
        ev.unknown(target->base->span, ast::toString(*target->base), none);
      }
      const Area &a = net.areas[area];
      if (!llvm::is_contained(a.variables, target->member.text)) {
        std::string near = nearest(target->member.text, a.variables);
        ev.fail(Code::UnknownMember, target->member.span,
                "the area `" + a.name + "` has no variable `" + target->member.text + "` to bind",
                near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
      }
      if (options.withoutData) {
        trial.bindings[a.name + "." + target->member.text] = placeholder(a, step, s->span);
        continue;
      }
      Frame frame = dataFrame();
      if (draws) {
        if (ticks > 1)
          ev.unsupported(s->span, "a draw anew in every tick of a trial is");
        frame.stream = net.name + "." + a.name + "." + target->member.text;
        frame.drawEachTrial = true;
        frame.drawExtent = {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, a.size}};
      }
      Field value = asNumbers(ev.evaluate(*assign->value, frame), assign->span);
      bool perUnit = !value.constant && value.has(Axis::Unit);
      if (perUnit ? value.size(Axis::Unit) != a.size : (a.size != 1 && !value.constant)) {
        ev.diags
            .error(Code::ShapeMismatch, assign->span,
                   "`" + a.name + "." + target->member.text + "` has " + std::to_string(a.size) +
                       (a.size == 1 ? " unit" : " units") + ", and the data give " +
                       describe(value))
            .label(a.decl->span, std::to_string(a.size) + " units");
        throw Reported();
      }
      if (!perUnit && !value.constant)
        value = ev.fields.broadcast(ev.location(s->span), value,
                                    {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, a.size}});
      if (!trial.bindings.emplace(a.name + "." + target->member.text, value).second)
        ev.fail(Code::DefinedTwice, assign->span,
                "`" + a.name + "." + target->member.text + "` is bound twice");
    }
    trial.run(decl.span, ticks);
    if (train)
      trial.learn();
    report(net, trial, train, decl);
    auto afterTrial = [&] { // names of the data, then of the network
      Frame frame = trial.networkFrame();
      auto inNetwork = frame.resolve;
      Frame data = dataFrame();
      frame.resolve = [=](const ast::Expr &e) {
        auto f = data.resolve(e);
        return f ? f : inNetwork(e);
      };
      frame.known.insert(frame.known.end(), data.known.begin(), data.known.end());
      return frame;
    };
    for (auto *m : measures) {
      Frame frame = afterTrial();
      Field value = ev.evaluate(*m->value, frame);
      if (!value.constant && value.has(Axis::Unit))
        ev.fail(Code::ShapeMismatch, m->value->span,
                "a measure is one number per sample, and this is " + describe(value),
                "reduce it with `sum` or `mean`");
      emitReport(m->name.text, "measure", value, m->span);
    }
    for (auto *p : probes)
      for (const ast::Expr *e : p->values) {
        Frame frame = afterTrial();
        emitProbe(p->name.text.empty() ? ast::toString(*e) : p->name.text, ev.evaluate(*e, frame),
                  e->span);
      }
    if (diags.hasErrors())
      throw Reported();
    moveWritesLast(step);
    eraseUnused(step);
    step.setExperimentAttr(attributes(decl, net, train, batch, epochs, trials));
  }

  /// `rewarded = reward`: one number per sample for a `given` of the network.
  void bindScalar(const Network &net, Trial &trial, const ast::NameExpr &name,
                  const ast::AssignStmt &assign, ir::StepOp step, Frame &frame) {
    const Scalar *scalar = net.scalar(name.name);
    if (!scalar) {
      Frame none;
      for (auto &s : net.scalars)
        none.known.push_back(s.name);
      ev.unknown(name.span, name.name, none);
    }
    Field value;
    if (options.withoutData) {
      value.axes = {Axis::Sample};
      value.tensor = step.getBody().front().addArgument(
          RankedTensorType::get({ShapedType::kDynamic}, builder.getF32Type()),
          ev.location(assign.span));
    } else {
      value = asNumbers(ev.evaluate(*assign.value, frame), assign.span);
    }
    if (!value.constant && value.has(Axis::Unit))
      ev.fail(Code::ShapeMismatch, assign.span,
              "`" + name.name + "` is one number per sample, and the data give " + describe(value));
    trial.bindings[name.name] = value;
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
    for (auto *c : net.costs)
      emitReport(c->name.text, "cost", trial.costs.at(c->name.text), c->span);
    if (!train)
      return;
    for (int a : net.order) { // x * 0 is NaN exactly where x is not finite
      const Area &area = net.areas[a];
      if (area.inputs.empty())
        continue;
      Field rate = *trial.variable(a, area.mainOutput);
      Field zero = ev.binary(ast::BinaryOp::Mul, rate, Field::number(0), decl.span);
      emitReport(area.name, "health", ev.fields.reduce(ev.location(decl.span), zero, {Axis::Unit}),
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
      if (op.use_empty() &&
          llvm::isa<ir::LiftOp, ir::ReadOp, ir::VjpOp, ir::ClockOp, ir::GetParamOp, ir::DrawOp>(op))
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
        builder.getNamedAttr("source", builder.getStringAttr(ast::toString(*decl.source))),
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
      value =
          s.wide()
              ? ev.fields.wide(builder.getUnknownLoc(), {value},
                               [](OpBuilder &, Location, llvm::ArrayRef<Value> x) { return x[0]; })
              : ev.fields.broadcast(builder.getUnknownLoc(), value, s.extent);
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
  std::set<std::string> broken; ///< networks with errors, which are reported once
  std::map<std::string, Field> columnFields;
  std::vector<std::pair<const Column *, ColumnInfo>> columnInfos;
  std::vector<std::tuple<const Column *, int, int64_t>> columnAttributes;
  int steps = 0;
};

} // namespace

OwningOpRef<ModuleOp> elaborate(llvm::ArrayRef<ast::File> files, const Sources &sources,
                                Diagnostics &diags, MLIRContext &context,
                                const ElaborateOptions &options) {
  return Model(files, sources, diags, context, options).run();
}

} // namespace apical
