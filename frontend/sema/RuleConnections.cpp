//===- RuleConnections.cpp - connections and weights that a rule has of its own ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// `connect a.x -> b.y : dense(w ~ …) as P { w -= … }` in a rule. The source is
/// a variable, of the network or of the rule's templates, or an error; the
/// target is an input that a template declares, or an error. There is one
/// connection per pair of areas, with weights that are the rule's and change as
/// its body says, like those that templates declare.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Ends.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

const Connection &RuleInstance::connection(int index) const {
  size_t k = static_cast<size_t>(index), known = net.connections.size();
  return k < known ? net.connections[k] : ownConnections[k - known].made;
}

const RuleInstance::OwnConnection *RuleInstance::own(const Connection &c) const {
  for (const OwnConnection &made : ownConnections)
    if (&made.made == &c)
      return &made;
  return nullptr;
}

int RuleInstance::indexOf(const Connection &c) const {
  for (auto [k, made] : llvm::enumerate(ownConnections))
    if (&made.made == &c)
      return static_cast<int>(net.connections.size() + k);
  return static_cast<int>(&c - net.connections.data());
}

bool RuleInstance::declares(int area, llvm::StringRef variable, bool input) const {
  auto here = [&](const ast::TemplateStmt &t) {
    return t.templateKind != ast::TemplateKind::Connection &&
           t.templateKind != ast::TemplateKind::Weight &&
           llvm::any_of(scopesOf(t), [&](const Scope &s) { return s.area == area; }) &&
           llvm::any_of(t.body, [&](const ast::Stmt *s) {
             auto *v = llvm::dyn_cast<ast::VarDecl>(s);
             return v && (!input || v->varKind == ast::VarKind::Input) &&
                    llvm::any_of(v->vars, [&](auto &d) { return d.name.text == variable; });
           });
  };
  auto within = [&](const ast::Block &body) {
    return llvm::any_of(body, [&](const ast::Stmt *s) {
      auto *t = llvm::dyn_cast<ast::TemplateStmt>(s);
      return t && here(*t);
    });
  };
  return within(rule->body) || llvm::any_of(rule->body, [&](const ast::Stmt *s) {
           auto *phase = llvm::dyn_cast<ast::PhaseDecl>(s);
           return phase && llvm::any_of(phase->body, [&](const ast::Stmt *inner) {
                    auto *run = llvm::dyn_cast<ast::RunStmt>(inner);
                    return run && llvm::any_of(run->with, within);
                  });
         });
}

void RuleInstance::connectOwn(const ast::ConnectDecl &decl, int area, llvm::StringRef binder) {
  struct Ends {
    std::vector<int> areas;
    std::string variable;
    bool error;
  };
  auto end = [&](const ast::Expr &e) {
    auto *call = callOf(e, "error");
    auto *m =
        llvm::dyn_cast<ast::MemberExpr>(call && call->args.size() == 1 ? call->args[0].value : &e);
    auto *set = m ? llvm::dyn_cast<ast::NameExpr>(m->base) : nullptr;
    if (!set)
      ev.fail(Code::WrongType, e.span,
              "a connection of a rule ends at a variable of areas, and this is none",
              "`SET.x` or `error(SET.x)`, where SET is a set of areas, as `hidden`, or the name "
              "behind `each`");
    Ends ends{{}, m->member.text, call != nullptr};
    if (area >= 0 && set->name == binder) {
      ends.areas.push_back(area);
      return ends;
    }
    checkSet({set->name, set->span});
    for (size_t k = 0; k < net.areas.size(); ++k)
      if (inSet(static_cast<int>(k), set->name))
        ends.areas.push_back(static_cast<int>(k));
    return ends;
  };
  Ends from = end(*decl.from), to = end(*decl.to);
  if ((from.error || to.error) && !cost)
    ev.fail(Code::NeedsCost, decl.span, "`error` needs a rule with a cost");
  llvm::ArrayRef<ast::Argument> topologyArgs;
  auto *topology = calleeOf(decl.topology, topologyArgs);
  llvm::StringRef kind = topology ? llvm::StringRef(topology->name) : "";
  if (kind != "dense" && kind != "one_to_one")
    ev.unsupported(decl.topology ? decl.topology->span : decl.span,
                   "another topology than `dense` and `one_to_one` in a rule is");
  if (decl.synapse)
    ev.unsupported(decl.synapse->span, "a synapse of a rule's connection is");
  for (const ast::Stmt *s : decl.body)
    if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind != ast::VarKind::Let)
      ev.unsupported(v->span, "a variable that a rule's connection keeps is");
  const ast::Expr *initial = nullptr;
  for (auto &a : topologyArgs) {
    if (a.name.text != "w")
      ev.fail(Code::UnknownArgument, a.name ? a.name.span : a.value->span,
              "`" + kind + "` has no parameter `" + a.name.text + "` in a rule", "it takes `w`");
    initial = a.value;
  }
  for (int t : to.areas)
    for (int f : from.areas) {
      const Area &a = net.areas[f], &b = net.areas[t];
      auto lacks = [&](const Area &where, const std::string &variable, const llvm::Twine &hint) {
        ev.fail(Code::RuleNeedsVariable, decl.span,
                "the rule `" + rule->name.text + "` needs " +
                    (hint.isTriviallyEmpty() ? "a variable" : "an input") + " `" + variable +
                    "`, which the area `" + where.name + "` lacks",
                hint);
      };
      if (!a.has(from.variable) && (from.error || !declares(f, from.variable, false)))
        lacks(a, from.variable, "");
      if (to.error && !b.has(to.variable))
        lacks(b, to.variable, "");
      if (!to.error && b.has(to.variable))
        ev.fail(Code::NotAssignable, decl.to->span,
                "`" + b.name + "." + to.variable + "` belongs to the network",
                "a connection of a rule ends at `error(…)`, or at an input that the rule declares: "
                "`each area a { input x }`");
      if (!to.error && !declares(t, to.variable, true))
        lacks(b, to.variable,
              "declare it in a template: `each area a { input " + to.variable + " }`");
      if (a.componentsOf(from.variable) || b.componentsOf(to.variable))
        ev.unsupported(decl.span, "a connection of a rule to components is");
      OwnConnection &made = ownConnections.emplace_back();
      made.fromError = from.error;
      made.toError = to.error;
      Connection &c = made.made;
      c.decl = &decl;
      c.from = f;
      c.to = t;
      c.fromVariable = from.variable;
      c.toPort = to.variable;
      c.fromSize = a.size;
      c.toSize = b.size;
      c.topology = kind == "dense" ? Topology::Dense : Topology::OneToOne;
      if (c.topology == Topology::OneToOne && a.size != b.size)
        ev.fail(Code::ShapeMismatch, decl.span,
                "`one_to_one` needs areas of equal size, and `" + a.name + "` has " +
                    llvm::Twine(a.size) + " units where `" + b.name + "` has " +
                    llvm::Twine(b.size));
      c.name = a.name + "_" + b.name;
      llvm::erase_if(c.name, [](char letter) { return letter == '[' || letter == ']'; });
      made.owner = decl.name ? decl.name.text : c.name;
      if (decl.name)
        c.name = decl.name.text + "." + c.name;
      for (const OwnConnection &other : ownConnections)
        if (&other != &made && other.made.name == c.name) {
          ev.diags
              .error(decl.name ? Code::DefinedTwice : Code::AmbiguousName, decl.span,
                     "two connections of the rule are named `" + c.name + "`")
              .label(other.made.decl->span, "the other one")
              .hint("give one of them a name: `… as NAME`");
          throw Reported();
        }
      Weight w;
      w.name = "w";
      w.symbol = net.name + "." + learn.name + "." + c.name;
      c.weights.push_back(w);
      if (account)
        account->routes.push_back(
            {f, t, from.variable, to.variable, w.symbol, from.error, to.error, &decl});
      declareWeight(w.symbol, c, initial, decl.span);
    }
}

std::string RuleInstance::ownSymbol(const Connection &c, llvm::StringRef name) const {
  int index = static_cast<int>(&c - net.connections.data());
  int bearer = scope.count(net.bearer(index)) ? net.bearer(index) : index;
  return net.name + "." + learn.name + "." + net.connections[bearer].name + "." + name.str();
}

std::optional<Field> RuleInstance::conducted(const OwnConnection &own) {
  const Connection &c = own.made;
  Span at = c.decl->span;
  auto from =
      own.fromError ? error(c.from, c.fromVariable, at) : trial.variable(c.from, c.fromVariable);
  if (!from) {
    noError(c.from, c.fromVariable, at);
    return std::nullopt;
  }
  Field sent = ev.binary(ast::BinaryOp::Mul, trial.read(c.weights[0].symbol),
                         atEnd(ev.fields, ev.location(at), c, true, *from), at);
  Field arriving = toEnd(ev, c, nullptr, false, sent, at);
  arriving.needs(Feedback, at);
  return arriving;
}

void RuleInstance::declareWeight(const std::string &symbol, const Connection &c,
                                 const ast::Expr *value, Span at) {
  StateInit init;
  init.symbol = symbol;
  init.role = "weight";
  init.at = at;
  init.extent = c.weightElements(false);
  init.mask = c.mask;
  Frame frame;
  frame.locals = args;
  frame.locals["fan_in"] = Field::number(c.fanIn());
  frame.locals["fan_out"] = Field::number(c.fanOut());
  frame.stream = symbol;
  frame.drawExtent = init.extent;
  frame.windowed = c.windowed();
  frame.subject = c.decl->span;
  if (!c.mask.empty())
    frame.mask = [&states = trial.states, e = &ev, mask = c.mask] {
      return states.first(mask, *e);
    };
  // The connection's own weights stand for their first values: `weight B = w` starts as a copy.
  frame.resolve = [&states = trial.states, weights = c.weights, symbol,
                   evaluator = &ev](const ast::Expr &e) -> std::optional<Field> {
    if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e))
      for (auto &w : weights)
        if (w.name == n->name && !w.bias && w.symbol != symbol)
          return states.first(w.symbol, *evaluator);
    return std::nullopt;
  };
  init.dimension.any = true;
  init.value = [e = &ev, value, frame, at]() mutable {
    return value ? e->evaluate(*value, frame) : e->defaultWeight(frame, at);
  };
  trial.states.declare(std::move(init));
}

void RuleInstance::ownWeight(const Connection &c, const ast::VarDecl::Declarator &d) {
  if (!d.init)
    ev.fail(Code::MissingArgument, d.name.span,
            "the weight `" + d.name.text + "` needs an initial value");
  std::string symbol = ownSymbol(c, d.name.text);
  declareWeight(symbol, c, d.init, d.name.span);
  ruleWeights.insert(c.name + "." + d.name.text);
}

} // namespace apical::sema
