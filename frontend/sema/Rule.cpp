//===- Rule.cpp - a learn line: its rule instantiated over the graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"
#include "frontend/sema/Account.h"
#include "frontend/sema/Forms.h"

using namespace mlir;

namespace apical::sema {

RuleInstance::RuleInstance(Trial &trial, const Learn &learn)
    : trial(trial), ev(trial.ev), net(trial.net), learn(learn) {}

RuleInstance::~RuleInstance() = default;

std::string RuleInstance::who() const {
  return learns ? "the rule `" + rule->name.text + "`" : "the experiment";
}

void RuleInstance::lacks(int area, const std::string &variable, const std::string &written, Span at,
                         llvm::StringRef verb) {
  std::vector<std::string> has = net.areas[area].all();
  std::string near = nearest(variable, has);
  ev.fail(Code::RuleNeedsVariable, at,
          who() + " " + verb + " `" + written + "`, which the area `" + net.areas[area].name +
              "` lacks",
          near.empty() ? "it has " + quoted(has) : "did you mean `" + near + "`?");
}

void RuleInstance::instantiate() {
  llvm::ArrayRef<ast::Argument> given;
  rule =
      &ev.definition<ast::RuleDecl>(learn.decl->rule, learn.decl->span, "`by` needs a rule", given);
  for (auto &l : rule->localities) {
    unsigned c = l.text == "feedback"     ? Feedback
                 : l.text == "population" ? Population
                 : l.text == "modulated"  ? Modulated
                 : l.text == "nonlocal"   ? Feedback | Population | Modulated | Nonlocal
                 : l.text == "local"      ? 0u
                                          : ~0u;
    if (c == ~0u)
      ev.fail(Code::UnknownName, l.span, "unknown locality `" + l.text + "`",
              "one of local, feedback, population, modulated, nonlocal");
    declared |= c;
  }
  // The first parameter of type `cost` is the subject; the others are arguments.
  ast::RuleDecl others;
  others.name = rule->name;
  for (auto &p : rule->params) {
    auto *type = llvm::dyn_cast_or_null<ast::NameExpr>(p.type);
    if (type && type->name == "cost" && costParameter.empty())
      costParameter = p.name.text;
    else
      others.params.push_back(p);
  }
  if (!costParameter.empty() && !learn.decl->subject)
    ev.fail(Code::NeedsCost, learn.decl->span, "`" + rule->name.text + "` needs a cost",
            "write `learn COST by …`");
  if (costParameter.empty() && learn.decl->subject)
    ev.fail(Code::NeedsCost, learn.decl->subject->span, "`" + rule->name.text + "` takes no cost");
  requireNumbers(others, given);
  Frame caller = trial.networkFrame(learn.part);
  args = bindArguments(ev, others, given, learn.decl->rule->span, caller);
  for (auto &[name, value] : args)
    bindSignal(name, value);
  if (learn.decl->subject) {
    cost = trial.overTrial(*learn.decl->subject, learn.part);
    if (trial.length() == 1)
      costs[trial.now.tick] = cost;
    if (cost->constant || cost->several() || !cost->has(Axis::Sample))
      ev.fail(Code::CostReachesNothing, learn.decl->subject->span,
              "this is not a cost: it must be one number per sample that depends on the network",
              "it is " + describe(*cost));
    cost->signal = true;
  }
  findScope();
  bool plain = llvm::none_of(rule->body, [](const ast::Stmt *s) {
    return llvm::isa<ast::TemplateStmt, ast::PhaseDecl, ast::ForStmt>(s);
  });
  if (plain) { // plain synapse statements are short for one `each connection`
    whole = std::make_shared<ast::TemplateStmt>();
    whole->templateKind = ast::TemplateKind::Connection;
    for (ast::Stmt *s : rule->body)
      if (!llvm::isa<ast::ConnectDecl>(s))
        whole->body.push_back(s);
  }
  bool everyTick = llvm::none_of(rule->body, [](const ast::Stmt *s) {
    auto *t = llvm::dyn_cast<ast::TemplateStmt>(s);
    return llvm::isa<ast::PhaseDecl, ast::ForStmt>(s) ||
           (t && t->templateKind == ast::TemplateKind::Weight);
  });
  if (everyTick && trial.length() > 1)
    ev.unsupported(learn.decl->span, "a rule without phases in a trial of several ticks is");
  openAccount();
  checkAssumptions();
  openGate();
  instantiateBody();
  if (gradients && learn.decl->with.empty())
    ev.fail(Code::OptimizerNeeded, learn.decl->span,
            "`" + rule->name.text + "` yields gradients, which need an optimizer",
            "add `with` and an optimizer");
  if (!gradients && !learn.decl->with.empty())
    ev.fail(Code::OptimizerUnused, learn.decl->with[0].optimizer->span,
            "`" + rule->name.text + "` yields no gradient for an optimizer");
  checkOptimizers();
  if (changed) {
    updateInTrial();
    for (auto &[symbol, value] : changed->values)
      write(symbol, trial.read(symbol), value, changed->when.at(symbol), learn.decl->span);
  } else {
    applyAll();
  }
  writeLasting();
  for (auto &[name, state] : ownStates)
    if (!state.symbol.empty())
      write(state.symbol, state.before, args.at(name), active, state.at);
  warnOfSilence();
}

/// An argument that varies from trial to trial is one number for all synapses: `m : signal`.
/// The learn line names the cost, and yet it is easily given to the rule again, where it would become a number.
void RuleInstance::requireNumbers(const ast::RuleDecl &declared,
                                  llvm::ArrayRef<ast::Argument> given) {
  for (auto [k, a] : llvm::enumerate(given)) {
    auto *name = llvm::dyn_cast<ast::NameExpr>(a.value);
    if (!name || llvm::none_of(net.costs, [&](const Cost &c) {
          return c.name == net.parts[learn.part].own(name->name);
        }))
      continue;
    for (auto [p, parameter] : llvm::enumerate(declared.params))
      if (!parameter.type && parameter.init &&
          (a.name ? a.name.text == parameter.name.text : p == k))
        ev.fail(Code::WrongType, a.value->span,
                "`" + name->name + "` is a cost, and `" + parameter.name.text + "` of `" +
                    rule->name.text + "` is a number",
                "the cost that a rule serves is the one the line begins with: `learn " +
                    name->name + " by " + rule->name.text + "()`");
  }
}

void RuleInstance::bindSignal(const std::string &name, Field &value) {
  if (!dependsOnTrial(value))
    return;
  if (value.has(Axis::Unit) && value.size(Axis::Unit) == 1) // an area of one unit
    value = ev.fields.reduce(ev.location(learn.decl->rule->span), value, {Axis::Unit});
  if (value.has(Axis::Unit))
    ev.fail(Code::ShapeMismatch, learn.decl->rule->span,
            "`" + name + "` is one number per sample for all synapses, and this is " +
                describe(value),
            "reduce it with `sum` or `mean`, or read it in the rule as `post.NAME`");
  value.signal = true;
}

void RuleInstance::instantiateBody() {
  std::vector<const ast::TemplateStmt *> templates;
  if (whole)
    templates.push_back(whole.get());
  for (const ast::Stmt *s : rule->body)
    if (auto *c = llvm::dyn_cast<ast::ConnectDecl>(s))
      connectOwn(*c);
    else if (auto *t = llvm::dyn_cast<ast::TemplateStmt>(s))
      templates.push_back(t);
    else
      announce(*s);
  for (auto *t : templates)
    declareOwn(*t);
  // What stands outside phases attends the end of the plain presentation.
  auto scopes = std::make_shared<std::vector<Scope>>();
  for (auto *t : templates)
    for (const Scope &scope : scopesOf(*t))
      scopes->push_back(scope);
  for (auto [k, made] : llvm::enumerate(ownConnections)) {
    Scope &scope = scopes->emplace_back();
    scope.body = &made.made.decl->body;
    scope.connection = static_cast<int>(net.connections.size() + k);
  }
  Tick &end = *trial.ticks.back().tick;
  outside = std::make_unique<RunTick>(*this, scopes, "", areaStates, synapseStates);
  if (Intervention *experiment = end.intervention())
    besides = std::make_unique<Both>(*experiment, *outside);
  end.attend(besides ? besides.get() : outside.get());
  for (const ast::Stmt *s : rule->body) {
    if (!whole && !llvm::isa<ast::ConnectDecl, ast::TemplateStmt>(s) && !assumption(*s))
      statement(*s);
  }
  errors.clear();
  // Templates stand outside the body of the rule: they read its states as they were.
  std::map<std::string, Field> after;
  for (auto &[name, state] : ownStates) {
    after[name] = args[name];
    args[name] = state.before;
  }
  outside->finish(end);
  for (auto *t : templates)
    if (t->templateKind == ast::TemplateKind::Weight)
      eachWeight(*t);
  for (auto &[name, value] : after)
    args[name] = value;
}

} // namespace apical::sema
