//===- Bindings.cpp - what an experiment presents to its network ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Experiment.h"
#include "frontend/Placeholder.h"
#include "frontend/sema/Generic.h"
#include "frontend/sema/Statements.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace apical {
using namespace sema;

void Experiment::collectLets() {
  for (const ast::Stmt *s : decl.body)
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Let)
      for (auto &d : v->vars) {
        if (!d.init)
          ev.fail(Code::Syntax, d.name.span, "`let " + d.name.text + "` needs a value");
        if (!lets.emplace(d.name.text, &d).second)
          ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is defined twice");
      }
}

Frame Experiment::dataFrame() {
  Frame frame;
  for (auto &c : columns)
    frame.known.push_back(c.name);
  frame.resolve = [&](const ast::Expr &e) -> std::optional<Field> {
    auto *n = llvm::dyn_cast<ast::NameExpr>(&e);
    for (auto &c : columns)
      if (n && c.name == n->name)
        return tables.read(c, step);
    auto let = n ? lets.find(n->name) : lets.end();
    return let == lets.end() ? std::nullopt : std::optional(letOf(*let->second));
  };
  return frame;
}

Frame Experiment::afterTrial() {
  Frame frame = phases.empty() ? trial.networkFrame() : shaped->ruleFrame();
  auto inNetwork = frame.resolve;
  Frame data = dataFrame();
  frame.resolve = [=](const ast::Expr &e) {
    auto f = data.resolve(e);
    return f ? f : inNetwork(e);
  };
  frame.known.insert(frame.known.end(), data.known.begin(), data.known.end());
  return frame;
}

/// A `let` is evaluated where it is read, at the moment at hand; what it draws, once.
Field Experiment::letOf(const ast::VarDecl::Declarator &d) {
  bool draws = d.initKind == ast::VarDecl::Declarator::Init::Draw;
  if (auto it = drawn.find(d.name.text); it != drawn.end())
    return it->second;
  if (!evaluating.insert(d.name.text).second)
    ev.fail(Code::Cycle, d.name.span, "the value of `" + d.name.text + "` depends on itself");
  Frame frame = trial.now.tick ? afterTrial() : dataFrame();
  if (draws) {
    frame.stream = stepName + "." + d.name.text;
    frame.drawEachTrial = true;
    frame.drawForEach = true;
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
}

void Experiment::bind(const ast::Stmt &s) {
  auto *assign = llvm::dyn_cast<ast::AssignStmt>(&s);
  auto *target = assign ? llvm::dyn_cast<ast::MemberExpr>(assign->target) : nullptr;
  std::string path = assign ? pathOf(*assign->target, ev) : "";
  if (assign && assign->op == ast::AssignOp::Set && (!target || net.scalar(path))) {
    bindScalar(path, *assign);
    return;
  }
  if (!target || (assign->op != ast::AssignOp::Set && assign->op != ast::AssignOp::Draw))
    ev.refuse(s, InExperiment);
  bindArea(*assign, *target);
}

/// The area of a variable that can be bound.
const Area &Experiment::boundArea(const ast::MemberExpr &target, Span at) {
  int area = net.area(*target.base, ev);
  if (area < 0) {
    Frame none;
    for (auto &a : net.areas)
      none.known.push_back(a.name);
    ev.unknown(target.base->span, ast::toString(*target.base), none);
  }
  const Area &a = net.areas[area];
  const std::string &variable = target.member.text;
  bool fedFromOutside = llvm::is_contained(a.given, variable); // in a part
  if (llvm::is_contained(a.inputs, variable) && !fedFromOutside)
    ev.fail(Code::NotAssignable, target.span,
            "`" + a.name + "." + variable + "` is the sum of what connections bring",
            "an experiment gives values to `given` variables");
  if (!llvm::is_contained(a.variables, variable)) {
    std::string near = nearest(variable, a.variables);
    ev.fail(Code::UnknownMember, target.member.span,
            "the area `" + a.name + "` has no variable `" + variable + "` to bind",
            near.empty() ? "declare it in the area's braces: `area " + a.name + " : … { given " +
                               variable + " }`"
                         : "did you mean `" + near + "`?");
  }
  if (llvm::is_contained(a.inputs, target.member.text)) {
    auto fed = llvm::find_if(net.connections, [&](const Connection &c) {
      return c.to == area && c.toPort == target.member.text;
    });
    diags
        .error(Code::DefinedTwice, at,
               "`" + a.name + "." + target.member.text + "` is what arrives over `" + fed->name +
                   "`, and cannot be bound")
        .label(fed->decl->span, "the connection");
    throw Reported();
  }
  return a;
}

void Experiment::bindArea(const ast::AssignStmt &assign, const ast::MemberExpr &target) {
  const Area &a = boundArea(target, assign.span);
  const std::string &variable = target.member.text;
  bool draws = assign.op == ast::AssignOp::Draw;
  if (lab.options.withoutData) {
    trial.bindings[a.name + "." + variable] = placeholder(ev, a, variable, step, assign.span);
    return;
  }
  Frame frame = dataFrame();
  if (draws) {
    if (ticks > 1)
      ev.unsupported(assign.span, "a draw anew in every tick of a trial is");
    frame.stream = net.name + "." + a.name + "." + variable;
    frame.drawEachTrial = true;
    frame.drawExtent.assign(a.extent(variable, true));
  }
  Field value = components(a, variable, asNumbers(ev.evaluate(*assign.value, frame), assign.span),
                           assign.span);
  bool perUnit = !value.constant && value.has(Axis::Unit);
  bool common = a.common.count(variable);
  if (common && !perUnit) { // one number for the area
    if (!trial.bindings.emplace(a.name + "." + variable, value).second)
      ev.fail(Code::DefinedTwice, assign.span, "`" + a.name + "." + variable + "` is bound twice");
    return;
  }
  if (perUnit ? value.size(Axis::Unit) != a.size : (a.size != 1 && !value.constant)) {
    ev.diags
        .error(Code::ShapeMismatch, assign.span,
               "`" + a.name + "." + variable + "` has " + std::to_string(a.size) +
                   (a.size == 1 ? " unit" : " units") + ", and the data give " + describe(value))
        .label(a.decl->span, std::to_string(a.size) + " units")
        .hint(perUnit            ? ""
              : a.inputs.empty() ? "columns side by side are the units of an area: `[a, b]`; a "
                                   "column of `csv(\"file\")` has "
                                   "all columns of its file"
              : llvm::isa<ast::NameExpr>(*assign.value)
                  ? "a class is presented as `one_hot(" + ast::toString(*assign.value) + ", " +
                        std::to_string(a.size) + ")`"
                  : "");
    throw Reported();
  }
  if (!perUnit && !value.constant)
    value = ev.fields.broadcast(ev.location(assign.span), value,
                                {{Axis::Sample, ShapedType::kDynamic}, {Axis::Unit, a.size}});
  if (!trial.bindings.emplace(a.name + "." + variable, value).second)
    ev.fail(Code::DefinedTwice, assign.span, "`" + a.name + "." + variable + "` is bound twice");
}

/// Placeholders for what only the phases of an experiment give.
void Experiment::bindAll(Span at) {
  eachGiven(net, [&](const Area &area, const ast::VarDecl::Declarator &d) {
    if (std::string name = area.name + "." + d.name.text; !d.init && !trial.bindings.count(name))
      trial.bindings[name] = placeholder(ev, area, d.name.text, step, at);
  });
}

/// What the data give to a variable with components: columns lie along units, and are its components
/// where there is one unit.
Field Experiment::components(const Area &area, const std::string &variable, Field value, Span at) {
  int64_t n = area.componentsOf(variable);
  // `[a, b]`: columns of one number each, side by side, are the units of the area.
  if (!n && !value.constant && value.has(Axis::Component) && !value.has(Axis::Unit)) {
    if (value.size(Axis::Component) == area.size)
      return value.as(Axis::Component, Axis::Unit);
    ev.diags
        .error(Code::ShapeMismatch, at,
               "`" + area.name + "." + variable + "` has " + std::to_string(area.size) +
                   (area.size == 1 ? " unit" : " units") + ", and this is a list of " +
                   std::to_string(value.size(Axis::Component)))
        .label(area.decl->span, std::to_string(area.size) + (area.size == 1 ? " unit" : " units"))
        .hint("a list has one number for each unit; a column `csv(\"file\")` has all columns of "
              "its file, and `npy(\"file\")` all that follow the first axis");
    throw Reported();
  }
  if (n && !value.constant && value.has(Axis::Unit) && !value.has(Axis::Component)) {
    if (area.endpoints(variable) == n)
      value = value.as(Axis::Unit, Axis::Component);
    else if (value.size(Axis::Unit) == n * area.size)
      ev.unsupported(at, "data for the components of several units are");
  }
  return ev.withComponents(value, n, area.name + "." + variable, at);
}

/// `rewarded = reward`: one number per sample for a `given` of the network.
void Experiment::bindScalar(const std::string &name, const ast::AssignStmt &assign) {
  Frame frame = dataFrame();
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
  if (lab.options.withoutData) {
    value = placeholder(ev, *scalar, step, assign.span);
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
Field Experiment::asNumbers(const Field &value, Span at) {
  if (value.constant || getElementTypeOrSelf(value.tensor).isF32())
    return value;
  return ev.fields.map(ev.location(at), {value},
                       [](OpBuilder &, Location, llvm::ArrayRef<Value> v) { return v[0]; });
}

/// An `item` state of the tables that something trains on: the host brings the rows of the batch as a column, and
/// takes them back. Other tables keep none.
static std::string itemSymbol(const Network &net, const Area &area, const State &state,
                              const ast::ExperimentDecl &decl) {
  return net.name + "." + area.name + "." + state.name + "." + ast::toString(*decl.source);
}

std::optional<Field> Experiment::items(const Area &area, const State &state) {
  if (!decl.source)
    ev.fail(Code::BadOption, decl.span,
            "`" + area.name + "." + state.name +
                "` is kept for each row of the data, and there are none",
            "an `item` state needs an experiment on a table: `train … on TABLE`");
  std::string symbol = itemSymbol(net, area, state, decl);
  if (!lab.trainedOn.count(net.name + " " + ast::toString(*decl.source)))
    return std::nullopt;
  bool common = area.common.count(state.name);
  StateInit init;
  init.symbol = symbol;
  init.role = "item";
  init.at = state.declarator->name.span;
  init.extent = {{Axis::Pre, lab.options.withoutData ? 1 : tables.rowsOf(columns)}};
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
  lab.states.declare(std::move(init));
  if (lab.options.withoutData)
    return placeholder(ev, area, state.name, step, decl.span);
  Column &column = itemColumns.emplace_back();
  column.name = column.path = symbol;
  column.format = 3;
  column.span = state.declarator->name.span;
  tables.used.push_back({&column, 0, common ? 1 : area.size});
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
void Experiment::keepItems() {
  if (lab.options.withoutData || diags.hasErrors())
    return;
  for (const Column &column : itemColumns)
    for (size_t k = 0; k < net.areas.size(); ++k)
      for (auto &s : net.areas[k].states)
        if (s.life == State::Life::Item &&
            llvm::StringRef(column.name)
                .starts_with(net.name + "." + net.areas[k].name + "." + s.name + ".") &&
            column.span.begin == s.declarator->name.span.begin)
          builder.create<ir::ReportOp>(ev.location(decl.span), builder.getStringAttr(column.name),
                                       builder.getStringAttr("item"),
                                       trial.persisting(static_cast<int>(k), s).tensor);
}

} // namespace apical
