//===- Areas.cpp - areas and what their units declare ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Declare.h"
#include "frontend/sema/Forms.h"

namespace apical::sema {
namespace {

class AreaBuilder : Within {
public:
  explicit AreaBuilder(const Within &within) : Within(within) {}

  void add(const ast::AreaDecl &decl, const std::string &name) {
    Area area;
    area.decl = &decl;
    area.name = net.parts[part].own(name);
    area.part = part;
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

private:
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

  void addVariable(Area &area, const ast::VarDecl &v, const ast::VarDecl::Declarator &d,
                   bool item) {
    using Life = State::Life;
    if (area.has(d.name.text))
      ev.fail(Code::DefinedTwice, d.name.span, "`" + d.name.text + "` is declared twice");
    if (!d.components.empty()) { // parameters of the unit may size them
      Frame caller;
      caller.locals = net.parts[part].args;
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
      frame.locals = net.parts[part].args;
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
};

} // namespace

void declareArea(const ast::AreaDecl &decl, const std::string &name, const Within &within) {
  AreaBuilder(within).add(decl, name);
}

/// States, and what stands above the first use of an input.
void findEarly(Area &area) {
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

} // namespace apical::sema
