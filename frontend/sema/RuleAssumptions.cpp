//===- RuleAssumptions.cpp - what a rule takes for granted of the model ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Semantics 6.9. `assume(e, …)` is asked wherever it stands, for each area or
/// connection of its template, before anything of the rule is instantiated: so
/// a rule that does not fit says why, and not where it happened to stumble.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Rule.h"

namespace apical::sema {

namespace {

/// Does the body of a unit, or of a function that it calls, look at other units of the area?
class PopulationSearch {
public:
  explicit PopulationSearch(const Globals &globals) : globals(globals) {}

  bool in(const ast::Block &body) {
    return llvm::any_of(body, [&](const ast::Stmt *s) {
      if (auto *v = llvm::dyn_cast<ast::VarDecl>(s))
        return llvm::any_of(v->vars, [&](auto &d) { return d.init && in(*d.init); });
      if (auto *a = llvm::dyn_cast<ast::AssignStmt>(s))
        return in(*a->value);
      if (auto *r = llvm::dyn_cast<ast::ReturnStmt>(s))
        return in(*r->value);
      return false;
    });
  }

private:
  bool in(const ast::Expr &e) {
    if (auto *c = llvm::dyn_cast<ast::CallExpr>(&e))
      return ofOthers(*c) || llvm::any_of(c->args, [&](auto &a) { return in(*a.value); });
    if (auto *u = llvm::dyn_cast<ast::UnaryExpr>(&e))
      return in(*u->operand);
    if (auto *b = llvm::dyn_cast<ast::BinaryExpr>(&e))
      return in(*b->lhs) || in(*b->rhs);
    return false;
  }

  bool ofOthers(const ast::CallExpr &call) {
    auto *name = llvm::dyn_cast<ast::NameExpr>(call.callee);
    if (!name)
      return false;
    if (auto *fn = globals.find<ast::FnDecl>(name->name))
      return entered.insert(fn).second && in(fn->body);
    bool ofComponents = call.args.size() == 2 && ast::toString(*call.args[1].value) == "components";
    return isReduction(name->name, call.args.size()) && !ofComponents;
  }

  const Globals &globals;
  std::set<const ast::FnDecl *> entered;
};

} // namespace

/// Semantics 6.9: `links`, `stateful`, `pointwise` and `ports`, which a rule's text may ask of the model.
std::optional<Field> RuleInstance::structure(const ast::CallExpr &e, const Ends &ends) {
  auto *callee = llvm::dyn_cast<ast::NameExpr>(e.callee);
  std::string name = callee ? callee->name : "";
  bool between = name == "links";
  if (!between && name != "stateful" && name != "pointwise" && name != "ports")
    return std::nullopt;
  /// The areas that an argument names.
  auto named = [&](const ast::Argument &a) {
    auto *n = llvm::dyn_cast<ast::NameExpr>(a.value);
    if (auto end = n ? ends.find(n->name) : ends.end(); end != ends.end())
      return std::set<int>{end->second.area};
    if (!between || !n ||
        !llvm::is_contained({"outputs", "hidden", "inputs", "areas"}, llvm::StringRef(n->name)))
      ev.fail(
          Code::WrongType, a.value->span,
          "`" + name + "` takes " + (between ? "two areas or sets of areas" : "one area"),
          "an area is `pre`, `post` or the name behind `each`" +
              llvm::Twine(between ? ", a set is `areas`, `hidden`, `outputs` or `inputs`" : ""));
    std::set<int> set;
    for (size_t k = 0; k < net.areas.size(); ++k)
      if (inSet(static_cast<int>(k), n->name))
        set.insert(static_cast<int>(k));
    return set;
  };
  if (e.args.size() != (between ? 2 : 1))
    ev.fail(Code::MissingArgument, e.span,
            "`" + name + "` takes " + (between ? "two areas or sets of areas" : "one area"));
  std::set<int> first = named(e.args[0]);
  if (between) {
    std::set<int> second = named(e.args[1]);
    return Field::number(
        static_cast<double>(llvm::count_if(net.connections, [&](const Connection &c) {
          return first.count(c.from) && second.count(c.to);
        })));
  }
  const Area &area = net.areas[*first.begin()];
  if (name == "stateful")
    return Field::number(llvm::any_of(area.states, [](const State &s) { return s.perSample(); }));
  if (name == "pointwise")
    return Field::number(!PopulationSearch(ev.globals).in(area.decl->body) &&
                         !PopulationSearch(ev.globals).in(area.unit->body));
  std::set<std::string> ports;
  for (auto &c : net.connections)
    if (c.to == *first.begin())
      ports.insert(c.toPort);
  return Field::number(static_cast<double>(ports.size()));
}

/// Do the synapses of the connection also conduct from its post to its pre units?
bool RuleInstance::symmetric(const Connection &c) const {
  return c.transposeOf >= 0 || llvm::any_of(net.connections, [&](const Connection &k) {
           return k.transposeOf >= 0 && &net.connections[k.transposeOf] == &c && k.from == c.to &&
                  k.to == c.from;
         });
}

const ast::CallExpr *RuleInstance::assumption(const ast::Stmt &s) {
  auto *e = llvm::dyn_cast<ast::ExprStmt>(&s);
  return e ? callOf(*e->value, "assume") : nullptr;
}

void RuleInstance::checkAssumptions() {
  bool broken = false;
  auto ask = [&](const ast::Stmt &s, Frame frame, const std::string &subject, Span subjectAt) {
    const ast::CallExpr *call = assumption(s);
    if (!call)
      return true;
    std::vector<std::string> words;
    for (size_t k = 1; k < call->args.size(); ++k)
      if (auto *text = llvm::dyn_cast<ast::StringExpr>(call->args[k].value))
        words.push_back(text->value);
    if (call->args.size() < 2 || words.size() + 1 != call->args.size() || words.size() > 2)
      ev.fail(Code::MissingArgument, call->span,
              "`assume` takes what must hold and one or two texts",
              "`assume(e, \"what is assumed\", \"how to mend it\")`");
    if (account && llvm::none_of(account->assumptions,
                                 [&](auto &old) { return old.at.begin == call->span.begin; }))
      account->assumptions.push_back({words[0], call->span});
    if (ev.evaluateConstant(*call->args[0].value, frame, "what a rule assumes") != 0)
      return true;
    Diagnostic &d = ev.diags.error(Code::AssumptionBroken, learn.decl->rule->span,
                                   "the rule `" + rule->name.text + "` assumes that " + words[0] +
                                       (subject.empty() ? "" : ": not so " + subject));
    d.label(call->args[0].value->span, "assumed here");
    if (!subject.empty())
      d.label(subjectAt, "not so here");
    if (words.size() > 1)
      d.hint(words[1]);
    broken = true;
    return false;
  };
  auto askAll = [&](const ast::Block &body, auto &&places) {
    for (const ast::Stmt *s : body)
      if (assumption(*s))
        for (auto &[frame, subject, at] : places())
          if (!ask(*s, frame, subject, at))
            break; // one place is enough
  };
  using Asked = std::tuple<Frame, std::string, Span>;
  auto scopes = [&](const ast::TemplateStmt &t) {
    std::vector<Asked> places;
    for (const Scope &scope : scopesOf(t)) {
      if (scope.bias)
        continue;
      if (scope.connection >= 0) {
        const Connection &c = net.connections[scope.connection];
        places.emplace_back(synapseFrame(c, false), "for the connection `" + c.name + "`",
                            c.decl->span);
      } else {
        const Area &a = net.areas[scope.area];
        places.emplace_back(areaFrame(scope.area, scope.binder), "for the area `" + a.name + "`",
                            a.decl->span);
      }
    }
    return places;
  };
  if (whole)
    askAll(rule->body, [&] { return scopes(*whole); });
  else
    askAll(rule->body, [&] {
      Frame frame;
      frame.locals = args;
      frame.call = [this](const ast::CallExpr &e, Frame &) { return structure(e, {}); };
      return std::vector<Asked>{{frame, "", learn.decl->span}};
    });
  for (const ast::Stmt *s : rule->body)
    if (auto *t = llvm::dyn_cast<ast::TemplateStmt>(s))
      askAll(t->body, [&] { return scopes(*t); });
  if (broken)
    throw Reported();
}

} // namespace apical::sema
