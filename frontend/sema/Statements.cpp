//===- Statements.cpp - which statement stands where ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Statements.h"

namespace apical::sema {
namespace {

struct Known {
  ast::StmtKind kind;
  const char *name;
  unsigned bodies; ///< where the language reference gives it a meaning
};

using K = ast::StmtKind;
const Known known[] = {
    {K::Use, "`use`", InFile},
    {K::Const, "`const`", InFile},
    {K::Param, "`param`", InFile},
    {K::Fn, "a function", InFile},
    {K::Unit, "a unit", InFile},
    {K::Synapse, "a synapse", InFile},
    {K::Rule, "a rule", InFile},
    {K::Optimizer, "an optimizer", InFile},
    {K::Network, "a network", InFile},
    {K::Data, "`data`", InFile},
    {K::Area, "an `area`", InNetwork},
    {K::Connect, "a `connect`", InNetwork | InRule},
    {K::Part, "a `part`", InNetwork},
    {K::Cost, "a `cost`", InNetwork},
    {K::Learn, "a `learn` line", InNetwork},
    {K::Var, "", 0}, // by its kind
    {K::Assign, "this assignment",
     InFunction | InUnit | InSynapse | InOptimizer | InRule | InTemplate | InRun | InExperiment},
    {K::Derivative, "a derivative in time", InFunction | InUnit | InSynapse | InRule | InTemplate},
    {K::If, "`if`",
     InFunction | InUnit | InSynapse | InOptimizer | InNetwork | InRule | InTemplate | InRun |
         InExperiment},
    {K::For, "`for`", InNetwork | InUnit | InRule | InTemplate | InPhase | InExperiment},
    {K::Event, "an `event`", InUnit},
    {K::On, "`on`", InUnit | InSynapse | InRule | InTemplate | InExperiment},
    {K::Hold, "`hold`", InUnit},
    {K::Apply, "`apply`", InRule | InTemplate},
    {K::Return, "`return`", InFunction},
    {K::Keep, "`keep`", InConnection},
    {K::Phase, "a `phase`", InRule | InExperiment},
    {K::Run, "`run`", InPhase | InExperiment},
    {K::Template, "`each`", InRule | InRun | InExperiment},
    {K::Experiment, "an experiment", InFile | InExperiment},
    {K::Measure, "`measure`", InExperiment},
    {K::Probe, "`probe`", InExperiment},
    {K::Expr, "an expression alone", InExperiment}, // `append(…)`
};

struct KnownVariable {
  ast::VarKind kind;
  const char *name;
  unsigned bodies;
};

using V = ast::VarKind;
const KnownVariable variables[] = {
    {V::Input, "`input`", InUnit | InTemplate},
    {V::Given, "`given`", InUnit | InNetwork},
    {V::State, "`state`",
     InFunction | InUnit | InSynapse | InOptimizer | InNetwork | InRule | InTemplate | InRun},
    {V::Weight, "`weight`", InUnit | InSynapse | InTemplate},
    {V::Let, "`let`",
     InFunction | InUnit | InSynapse | InOptimizer | InNetwork | InRule | InTemplate | InRun},
    {V::Output, "`output`", InUnit},
    {V::Item, "`item`", InUnit | InSynapse | InTemplate},
};

struct Named {
  Body body;
  const char *name;
};
const Named bodies[] = {
    {InFile, "at the level of the file"},
    {InFunction, "in a function"},
    {InUnit, "in a unit"},
    {InSynapse, "in a synapse"},
    {InOptimizer, "in an optimizer"},
    {InNetwork, "in a network"},
    {InConnection, "in the braces of a connection"},
    {InRule, "in a rule"},
    {InTemplate, "in an `each` of a rule"},
    {InPhase, "in a phase"},
    {InRun, "in a `with` block"},
    {InExperiment, "in an experiment"},
};

} // namespace

void refuse(const ast::Stmt &s, Body body, Diagnostics &diags) {
  const Known *statement = llvm::find_if(known, [&](auto &k) { return k.kind == s.kind; });
  std::string where = llvm::find_if(bodies, [&](auto &b) { return b.body == body; })->name;
  std::string name = statement->name;
  unsigned belongs = statement->bodies;
  if (auto *v = llvm::dyn_cast<ast::VarDecl>(&s)) {
    auto *variable = llvm::find_if(variables, [&](auto &k) { return k.kind == v->varKind; });
    name = v->isItem ? "`item`" : variable->name;
    belongs = variable->bodies;
  }
  if (belongs & body) {
    diags.error(Code::NotSupported, s.span, name + " " + where + " is not supported yet")
        .hint(s.kind == K::If ? "a choice between values is `where(condition, a, b)`"
                              : "docs/language.md lists what is");
    return;
  }
  std::vector<std::string> places;
  for (auto &b : bodies)
    if (belongs & b.body)
      places.push_back(b.name);
  std::string list;
  for (size_t k = 0; k < places.size(); ++k)
    list += (k == 0 ? "" : k + 1 == places.size() ? " or " : ", ") + places[k];
  diags.error(Code::Misplaced, s.span, name + " does not belong " + where)
      .hint("it stands " + list);
}

} // namespace apical::sema
