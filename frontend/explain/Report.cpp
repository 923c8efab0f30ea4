//===- Report.cpp - what a model's learning does and needs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/explain/Report.h"
#include "frontend/explain/Exactness.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <set>

namespace apical::explain {
using namespace ast;

namespace {

std::vector<std::string> capabilityNames(unsigned set) {
  std::vector<std::string> names;
  for (auto [bit, name] :
       {std::pair(sema::Feedback, "feedback"), std::pair(sema::Population, "population"),
        std::pair(sema::Modulated, "modulated"), std::pair(sema::Nonlocal, "nonlocal")})
    if (set & bit)
      names.push_back(name);
  return names;
}

std::string sizeText(const sema::Area &a) {
  std::string text = a.name;
  bool named = llvm::any_of(a.decl->shape, [](auto *e) { return !llvm::isa<NumberExpr>(e); });
  if (a.part && named) // by a parameter, which each part has its own value of
    return text + "[" + std::to_string(a.size) + "]";
  for (size_t k = 0; k < a.decl->shape.size(); ++k)
    text += (k ? ", " : "[") + ast::toString(*a.decl->shape[k]);
  return a.decl->shape.empty() ? text : text + "]";
}

/// Text of the source on one line.
std::string collapse(llvm::StringRef text) {
  std::string out;
  for (llvm::StringRef lines = text; !lines.empty();) {
    auto [line, rest] = lines.split('\n');
    line = line.split("//").first.trim();
    lines = rest;
    if (line.empty())
      continue;
    bool opens = out.empty() || out.back() == '{';
    if (!out.empty())
      out += opens || line.front() == '}' || llvm::StringRef("+-*/=,").contains(out.back()) ? " "
                                                                                            : "; ";
    while (!line.empty()) {
      auto [word, more] = line.split(' ');
      out += word.str();
      line = more.ltrim();
      if (!line.empty())
        out += " ";
    }
  }
  return out;
}

Place placeOf(Span at, const Sources &sources) {
  auto p = sources.position(at.file, at.begin);
  llvm::StringRef path = sources.path(at.file);
  size_t slash = path.rfind('/');
  if (slash != llvm::StringRef::npos && at.file != 0) // the library is known by its own name
    slash = path.rfind('/', slash);
  return {path.substr(slash == llvm::StringRef::npos ? 0 : slash + 1).str(), p.line, p.column};
}

static const char *opText(AssignOp op) {
  return op == AssignOp::Add ? "+=" : op == AssignOp::Sub ? "-=" : "=";
}

/// One learn line.
class LineBuilder {
public:
  LineBuilder(const sema::Account &account, const sema::LearnAccount &line, const Sources &sources,
              Symbolic &symbolic)
      : account(account), line(line), net(*line.network), sources(sources), s(symbolic),
        exactness(line) {
    bindArguments(*line.rule, line.decl->rule, parameters,
                  [&](const Parameter &p) { return p.name.text != line.costParameter; });
  }

  LineReport build() {
    LineReport report;
    report.name = line.name;
    report.text = collapse(sources.text(line.decl->span));
    report.rule = line.rule->name.text + argumentText();
    report.place = place(line.rule->name.span);
    // `nonlocal` includes the others.
    report.declared = line.declared & sema::Nonlocal ? std::vector<std::string>{"nonlocal"}
                                                     : capabilityNames(line.declared);
    phasesAndLets(line.rule->body, "", report);
    for (const sema::RouteTerm &r : line.routes) {
      std::string kind = "connection of the rule";
      for (const Stmt *statement : r.decl->body) // in its own words
        kind += (statement == r.decl->body.front() ? ", changed by `" : "; ") +
                collapse(sources.text(statement->span));
      report.routes.push_back({net.areas[r.from].name + " -> " + net.areas[r.to].name,
                               kind + (r.decl->body.empty() ? "" : "`"), "", numbersOf(r.symbol)});
    }
    for (int k : line.plastic)
      report.connections.push_back(connection(k));
    for (const sema::WeightChange &change : line.changes)
      if (change.area >= 0)
        report.connections.push_back(unitWeights(change));
    for (const ConnectionReport &c : report.connections)
      for (auto *equations : {&c.update, &c.bias})
        for (const Equation &e : *equations)
          wantUnits(e);
    for (const Equation &e : report.lets)
      wantUnits(e);
    // Both grow while what they name is to be explained as well.
    for (size_t error = 0, unit = 0; error < wanted.size() || unit < wantedUnits.size();) {
      if (unit < wantedUnits.size()) {
        unitEquations(wantedUnits[unit++], report.lets);
      } else if (auto e = errorEquation(wanted[error++])) {
        wantUnits(*e);
        report.errors.push_back(*e);
      }
    }
    for (ConnectionReport &c : report.connections)
      c.phasesRead = phasesOf(c, report);
    return report;
  }

private:
  /// `around` are the loops that the statements stand in.
  void phasesAndLets(const Block &body, const std::string &around, LineReport &report) {
    for (const Stmt *statement : body) {
      if (auto *p = llvm::dyn_cast<PhaseDecl>(statement)) {
        report.phases.push_back({p->name.text, around + collapse(sources.text(p->span))});
        wantInPhase(*p);
      }
      if (auto *f = llvm::dyn_cast<ForStmt>(statement))
        phasesAndLets(f->body,
                      around + "for " + f->var.text + " in " + ast::toString(*f->range) + ": ",
                      report);
      auto *a = around.empty() ? nullptr : llvm::dyn_cast<AssignStmt>(statement);
      if (a)
        report.lets.push_back(
            {rewriteInRule(*a->target), opText(a->op), rewriteInRule(*a->value), {}});
      if (auto *v = llvm::dyn_cast<VarDecl>(statement); v && v->varKind == VarKind::Let)
        for (auto &d : v->vars)
          if (d.init)
            report.lets.push_back({s.name(d.name.text), "=", rewriteInRule(*d.init), {}});
    }
  }

  using Key = std::pair<int, std::string>;

  //===--- names ------------------------------------------------------------===//

  void bindArguments(const Definition &definition, const Expr *use,
                     std::map<std::string, const Expr *> &into,
                     llvm::function_ref<bool(const Parameter &)> takes) {
    llvm::ArrayRef<Argument> args;
    calleeOf(use, args);
    std::vector<const Parameter *> taken;
    for (const Parameter &p : definition.params)
      if (takes(p)) {
        taken.push_back(&p);
        if (p.init)
          into[p.name.text] = p.init;
      }
    size_t next = 0;
    for (const Argument &a : args)
      if (a.name)
        into[a.name.text] = a.value;
      else if (next < taken.size())
        into[taken[next++]->name.text] = a.value;
  }

  /// A parameter's argument; names inside a default are other parameters.
  Expr *argument(const std::map<std::string, const Expr *> &of, llvm::StringRef name) {
    auto it = of.find(name.str());
    if (it == of.end())
      return nullptr;
    return s.rewrite(*it->second, [&](const Expr &e) -> Expr * {
      auto *n = llvm::dyn_cast<NameExpr>(&e);
      return n && n->name != name ? argument(of, n->name) : nullptr;
    });
  }

  /// "(sigma = 0.001)".
  std::string argumentText() {
    std::string text;
    for (const Parameter &p : line.rule->params)
      if (Expr *value = argument(parameters, p.name.text))
        text += (text.empty() ? "(" : ", ") + p.name.text + " = " + ast::toString(*value);
    return text.empty() ? text : text + ")";
  }

  Expr *subject() const { return line.decl->subject; }

  /// Parameters of the rule and its cost.
  Expr *ruleName(const Expr &e) {
    auto *n = llvm::dyn_cast<NameExpr>(&e);
    if (!n)
      return nullptr;
    if (n->name == line.costParameter && subject())
      return s.rewrite(*subject(), [](const Expr &) { return nullptr; });
    return argument(parameters, n->name);
  }
  Symbolic::Scope ruleNames() {
    return [this](const Expr &x) { return ruleName(x); };
  }
  Expr *rewriteInRule(const Expr &e) { return s.rewrite(e, ruleNames()); }

  /// Does the block declare that name, as a variable of that kind or of any?
  static bool declares(const Block &body, llvm::StringRef name,
                       std::optional<VarKind> kind = std::nullopt) {
    return llvm::any_of(body, [&](const Stmt *statement) {
      auto *v = llvm::dyn_cast<VarDecl>(statement);
      return v && (!kind || v->varKind == *kind) &&
             llvm::any_of(v->vars, [&](auto &d) { return d.name.text == name; });
    });
  }

  /// Synapse code on connection `c`. `qualify`: weights are named with their connection.
  Symbolic::Scope synapseScope(const sema::Connection &c, const Block *block,
                               llvm::StringRef binder, bool bias, bool qualify) {
    return [this, &c, block, binder = binder.str(), bias, qualify](const Expr &e) -> Expr * {
      auto end = [&](bool pre, llvm::StringRef variable) -> Expr * {
        if (pre && bias)
          return s.number(variable.empty() ? 1 : 0);
        return s.member(net.areas[pre ? c.from : c.to].name, !variable.empty() ? variable
                                                             : pre ? llvm::StringRef(c.fromVariable)
                                                                   : llvm::StringRef(c.toPort));
      };
      if (auto *call = callOf(e, "error"); call && bias) {
        std::string of = ast::toString(*call->args[0].value);
        if (of == "pre" || llvm::StringRef(of).starts_with("pre."))
          return s.number(0);
      }
      if (auto *m = llvm::dyn_cast<MemberExpr>(&e))
        if (auto *base = llvm::dyn_cast<NameExpr>(m->base);
            base && (base->name == "pre" || base->name == "post"))
          return end(base->name == "pre", m->member.text);
      auto *n = llvm::dyn_cast<NameExpr>(&e);
      if (!n)
        return nullptr;
      if (n->name == "pre" || n->name == "post")
        return end(n->name == "pre", "");
      bool forward = llvm::any_of(c.weights, [&](auto &w) { return w.name == n->name; });
      bool own = declares(*block, n->name, VarKind::Weight) ||
                 llvm::any_of(line.rule->body, [&](const Stmt *other) {
                   auto *t = llvm::dyn_cast<TemplateStmt>(other);
                   return t && declares(t->body, n->name, VarKind::Weight);
                 });
      if (forward || own) {
        if (qualify)
          return s.member(c.name, n->name);
        return bias ? s.name(biasName(n->name)) : nullptr;
      }
      if (!binder.empty() && n->name == binder)
        return s.name(bias ? "b" : "w");
      if (n->name == "fan_in" || n->name == "fan_out")
        return s.number(n->name == "fan_in" ? c.fanIn() : c.fanOut());
      if (qualify) // what a message names is told apart by putting it in
        for (const Stmt *statement : *block)
          if (auto *v = llvm::dyn_cast<VarDecl>(statement); v && v->varKind == VarKind::Let)
            for (auto &d : v->vars)
              if (d.name.text == n->name && d.init)
                return s.rewrite(*d.init, synapseScope(c, block, binder, bias, qualify));
      return ruleName(e);
    };
  }
  /// Code of units: `a.x` is the area's.
  Symbolic::Scope unitScope(const sema::Area &area, llvm::StringRef binder) {
    return [this, &area, binder = binder.str()](const Expr &e) -> Expr * {
      if (auto *m = llvm::dyn_cast<MemberExpr>(&e))
        if (auto *base = llvm::dyn_cast<NameExpr>(m->base); base && base->name == binder)
          return s.member(area.name, m->member.text);
      return ruleName(e);
    };
  }
  /// Code over areas: `a.x` and what its block declares are the area's; what `let` names is put in.
  Symbolic::Scope areaScope(const sema::Area &area, const Block *block, llvm::StringRef binder) {
    return [this, &area, block, binder = binder.str()](const Expr &e) -> Expr * {
      if (auto *n = llvm::dyn_cast<NameExpr>(&e))
        for (const Stmt *statement : *block)
          if (auto *v = llvm::dyn_cast<VarDecl>(statement))
            for (auto &d : v->vars)
              if (d.name.text == n->name)
                return v->varKind == VarKind::Let && d.init
                           ? s.rewrite(*d.init, areaScope(area, block, binder))
                           : s.member(area.name, n->name);
      return unitScope(area, binder)(e);
    };
  }
  static std::string biasName(llvm::StringRef weight) {
    return weight == "w" ? "b" : weight.str() + "_bias";
  }

  //===--- errors -----------------------------------------------------------===//

  bool hasError(const Key &key) {
    auto it = line.chain.find(key);
    return ownError(key) || (it != line.chain.end() && !it->second.empty());
  }

  /// What arrives at the variable itself: the cost's derivative, messages, connections of the rule.
  Expr *ownError(const Key &key) {
    auto [area, variable] = key;
    Expr *x = s.member(net.areas[area].name, variable);
    Expr *total = nullptr;
    auto add = [&](Expr *e) { total = total ? s.binary(BinaryOp::Add, total, e) : e; };
    if (line.direct.count(key))
      add(s.call("d", {subject(), x}));
    for (const sema::MessageTerm &m : line.messages) {
      if (m.area != area || m.variable != variable)
        continue;
      if (m.connection < 0) {
        Expr *e = s.rewrite(*m.statement->value, areaScope(net.areas[area], m.block, m.binder));
        add(m.phase.empty() ? e : s.at(e, m.phase));
        continue;
      }
      const sema::Connection &c = net.connections[m.connection];
      Expr *e = delivered(c, area, *m.statement, m.block);
      add(m.phase.empty() ? e : s.at(e, m.phase));
    }
    for (const sema::RouteTerm &r : line.routes)
      if (r.toError && r.to == area && r.toVariable == variable)
        add(conducted(r));
    for (const sema::Connection &c : net.connections)
      if (c.weightless() && c.from == area && c.fromVariable == variable &&
          hasError({c.to, c.toPort}))
        add(c.topology == sema::Topology::Pool ? throughPool(c) : errorOf({c.to, c.toPort}));
    return total;
  }

  /// What a pool hands back: the derivative of what it makes of its units, times the error behind it.
  Expr *throughPool(const sema::Connection &c) {
    Expr *x = s.member(net.areas[c.from].name, c.fromVariable);
    Expr *seen = s.reduction(c.pooled, x, s.name(c.name));
    Expr *e = s.binary(BinaryOp::Mul, errorOf({c.to, c.toPort}), s.call("d", {seen, x}));
    bool overlap = false; // else at most one of its windows sees a unit
    for (auto [kernel, stride] : llvm::zip(c.window.kernel, c.window.stride))
      overlap |= kernel > stride;
    return overlap ? s.sum(e, c.name) : e;
  }

  /// What the synapses of a connection add to an area at one of its ends.
  Expr *delivered(const sema::Connection &c, int area, const AssignStmt &statement,
                  const Block *block) {
    Expr *e = s.rewrite(*statement.value, synapseScope(c, block, "", false, true));
    if (c.oneToOne())
      return e;
    // In a window, or with some synapses only, not every unit at the other end is joined to this one.
    bool some = c.windowed() || !c.mask.empty();
    return s.sum(e, some ? c.name : net.areas[area == c.from ? c.to : c.from].name);
  }

  /// What a connection of the rule conducts.
  Expr *conducted(const sema::RouteTerm &r) {
    const std::string &from = net.areas[r.from].name;
    Expr *sent = r.ofError ? errorOf({r.from, r.fromVariable}) : s.member(from, r.fromVariable);
    Expr *e = s.binary(BinaryOp::Mul, s.member(from + "_" + net.areas[r.to].name, "w"), sent);
    llvm::ArrayRef<Argument> args;
    auto *topology = calleeOf(r.decl->topology, args);
    return topology && topology->name == "one_to_one" ? e : s.sum(e, from);
  }

  Expr *errorOf(const Key &key) {
    return s.call("error", {s.member(net.areas[key.first].name, key.second)});
  }

  std::optional<Equation> errorEquation(const Key &key) {
    auto [area, variable] = key;
    const sema::Area &a = net.areas[area];
    Expr *x = s.member(a.name, variable);
    Expr *total = ownError(key);
    Equation equation{errorOf(key), "=", nullptr, {}};
    if (line.direct.count(key))
      defineCost(equation);
    for (const sema::MessageTerm &m : line.messages)
      if (m.area == area && m.variable == variable && m.connection < 0)
        defineStates(a, m, equation);
    auto it = line.chain.find(key);
    std::set<std::string> seen; // every tick has its own chain, and all are the same
    if (it != line.chain.end())
      for (const std::string &y : it->second) {
        if (!seen.insert(y).second)
          continue;
        Expr *own = dependsOn(a, y, variable) ? ownError({area, y}) : nullptr;
        if (!own)
          continue;
        if (line.direct.count({area, y}))
          defineCost(equation);
        const Expr *definition = define(a, y, variable, equation);
        Expr *term = own;
        if (!definition || ast::toString(*definition) != ast::toString(*x)) {
          term = s.binary(BinaryOp::Mul, own, s.call("d", {s.member(a.name, y), x}));
          if (!definition || reduces(*definition))
            term = s.sum(term, a.name);
        }
        total = total ? s.binary(BinaryOp::Add, total, term) : term;
      }
    equation.right = total ? total : s.number(0);
    want(*equation.right);
    return equation;
  }

  /// What moves the states that a block over areas declares.
  void defineStates(const sema::Area &a, const sema::MessageTerm &m, Equation &into) {
    for (const Stmt *statement : *m.block)
      if (auto *assign = llvm::dyn_cast<AssignStmt>(statement))
        if (auto *n = llvm::dyn_cast<NameExpr>(assign->target))
          addDefinition(into, {s.member(a.name, n->name),
                               assign->op == AssignOp::Add   ? "+="
                               : assign->op == AssignOp::Sub ? "-="
                                                             : "=",
                               s.rewrite(*assign->value, areaScope(a, m.block, m.binder)),
                               {}});
  }

  void defineCost(Equation &into) {
    std::string name = ast::toString(*subject());
    for (const sema::Cost &c : net.costs)
      if (net.local(c.name, line.part) == name)
        addDefinition(into, {s.name(name), "=", c.decl->value, {}});
  }
  static void addDefinition(Equation &into, Equation definition) {
    for (const Equation &e : into.with)
      if (ast::toString(*e.left) == ast::toString(*definition.left))
        return;
    into.with.push_back(std::move(definition));
  }

  /// Is `y` computed from `x` by the area's equations? A variable that is not
  /// defined by one equation (a state, say) is taken to be.
  bool dependsOn(const sema::Area &a, const std::string &y, const std::string &x, int depth = 0) {
    bool found = false;
    for (const Block *body : {&a.decl->body, &a.unit->body})
      for (const Stmt *statement : *body) {
        auto *v = llvm::dyn_cast<VarDecl>(statement);
        if (!v || v->varKind == VarKind::Given || v->varKind == VarKind::Input)
          continue;
        for (auto &d : v->vars) {
          if (d.name.text != y)
            continue;
          if (!d.init || v->varKind == VarKind::State)
            return true;
          walk(*d.init, [&](const Expr &e) {
            auto *n = llvm::dyn_cast<NameExpr>(&e);
            if (n && a.has(n->name) && n->name != y && depth < 20)
              found |= n->name == x || dependsOn(a, n->name, x, depth + 1);
          });
        }
      }
    return found;
  }

  /// Adds how `variable` is computed from `stop` within its area; null if nobody wrote that.
  const Expr *define(const sema::Area &a, const std::string &variable, const std::string &stop,
                     Equation &into) {
    std::map<std::string, const Expr *> unitArgs;
    if (!a.unit->params.empty())
      bindArguments(*a.unit, a.decl->unit, unitArgs, [](const Parameter &) { return true; });
    for (const Block *body : {&a.decl->body, &a.unit->body})
      for (const Stmt *statement : *body)
        if (auto *v = llvm::dyn_cast<VarDecl>(statement))
          for (auto &d : v->vars) {
            if (d.name.text != variable || !d.init)
              continue;
            std::vector<std::string> named;
            Expr *value = s.rewrite(*d.init, [&](const Expr &e) -> Expr * {
              auto *n = llvm::dyn_cast<NameExpr>(&e);
              if (!n)
                return nullptr;
              if (a.has(n->name)) {
                named.push_back(n->name);
                return s.member(a.name, n->name);
              }
              return argument(unitArgs, n->name);
            });
            if (ast::toString(*value) != a.name + "." + stop)
              addDefinition(into, {s.member(a.name, variable), "=", value, {}});
            for (const std::string &other : named)
              if (other != stop && other != variable && !llvm::is_contained(a.inputs, other))
                define(a, other, stop, into);
            return value;
          }
    return nullptr;
  }

  /// Does the value of one unit depend on other units?
  bool reduces(const Expr &e, int depth = 0) {
    bool found = false;
    walk(e, [&](const Expr &x) {
      auto *call = llvm::dyn_cast<CallExpr>(&x);
      auto *callee = call ? llvm::dyn_cast<NameExpr>(call->callee) : nullptr;
      if (!callee)
        return;
      const std::string &f = callee->name;
      bool pair = call->args.size() == 2 && !call->args[1].name;
      found |= llvm::StringSwitch<bool>(f)
                   .Cases("sum", "mean", "argmax", "norm", "rank", "softmax", true)
                   .Cases("logsumexp", "cumsum", true)
                   .Cases("max", "min", !pair)
                   .Default(false);
      auto it = account.definitions.find(f);
      if (it != account.definitions.end() && llvm::isa<FnDecl>(it->second) && depth < 20)
        walk(*it->second,
             [&](const Expr &inner) { found |= &inner != &x && reduces(inner, depth + 1); });
    });
    return found;
  }

  /// Every error that the expression names is to be explained as well.
  void want(const Expr &e) {
    walk(e, [&](const Expr &x) {
      auto *call = callOf(x, "error");
      auto *m = call ? llvm::dyn_cast<MemberExpr>(call->args[0].value) : nullptr;
      int area = m ? net.area(ast::toString(*m->base)) : -1;
      if (area < 0)
        return;
      Key key{area, m->member.text};
      if (!llvm::is_contained(wanted, key))
        wanted.push_back(key);
    });
  }

  /// The errors that a phase reads: `error(o.rate)` in a block over areas.
  void wantInPhase(const PhaseDecl &phase) {
    for (const Stmt *statement : phase.body) {
      auto *run = llvm::dyn_cast<RunStmt>(statement);
      for (size_t k = 0; run && k < run->with.size(); ++k)
        for (const Stmt *inner : run->with[k]) {
          auto *t = llvm::dyn_cast<TemplateStmt>(inner);
          if (!t || t->templateKind == TemplateKind::Connection)
            continue;
          for (auto [index, area] : llvm::enumerate(net.areas)) {
            int a = static_cast<int>(index);
            bool output = line.outputs.count(a), receives = line.areas.count(a);
            bool taken = t->templateKind == TemplateKind::Output   ? output
                         : t->templateKind == TemplateKind::Hidden ? receives && !output
                         : t->templateKind == TemplateKind::Input  ? !receives
                                                                   : receives;
            if (!taken)
              continue;
            for (const Stmt *assigned : t->body) // not what it assigns to: what it reads
              if (auto *assign = llvm::dyn_cast<AssignStmt>(assigned))
                want(*s.rewrite(*assign->value, [&, &area = area](const Expr &e) -> Expr * {
                  auto *n = llvm::dyn_cast<NameExpr>(&e);
                  return n && n->name == t->binder.text ? s.name(area.name) : nullptr;
                }));
          }
        }
    }
  }

  //===--- what the rule declares for units ---------------------------------===//

  /// Every variable of units that the equation names and the rule declares.
  void wantUnits(const Equation &equation) {
    walk(*equation.right, [&](const Expr &x) {
      auto *m = llvm::dyn_cast<MemberExpr>(&x);
      int area = m ? net.area(ast::toString(*m->base)) : -1;
      if (area < 0 || llvm::none_of(
                          line.units,
                          [&](const sema::UnitTerm &u) {
                            return u.area == area && u.variable->name.text == m->member.text;
                          }))
        return;
      Key key{area, m->member.text};
      if (!llvm::is_contained(wantedUnits, key))
        wantedUnits.push_back(key);
    });
    for (const Equation &e : equation.with)
      wantUnits(e);
  }

  void unitEquations(const Key &key, std::vector<Equation> &into) {
    const sema::Area &area = net.areas[key.first];
    auto add = [&](const char *op, Expr *right) {
      into.push_back({s.member(area.name, key.second), op, right, {}});
      want(*right);
      wantUnits(into.back());
    };
    for (const sema::UnitTerm &u : line.units) {
      if (u.area != key.first || u.variable->name.text != key.second)
        continue;
      Symbolic::Scope scope = [&](const Expr &e) -> Expr * {
        auto *n = llvm::dyn_cast<NameExpr>(&e);
        return n && declares(*u.block, n->name) ? s.member(area.name, n->name)
                                                : unitScope(area, u.binder)(e);
      };
      if (u.decl->varKind == VarKind::Input)
        return add("=", arriving(key));
      bool draws = u.variable->initKind == VarDecl::Declarator::Init::Draw;
      if (u.decl->varKind == VarKind::Let && u.variable->init)
        return add(draws ? "~" : "=", s.rewrite(*u.variable->init, scope));
      // A state that nothing moves here is assigned in a loop, which stands among the `let`s.
      for (const Stmt *statement : *u.block) {
        auto *assign = llvm::dyn_cast<AssignStmt>(statement);
        auto *n = assign ? llvm::dyn_cast<NameExpr>(assign->target) : nullptr;
        if (!n || n->name != key.second)
          continue;
        add(opText(assign->op), s.rewrite(*assign->value, scope));
      }
      if (draws)
        add("~", s.rewrite(*u.variable->init, scope));
      return;
    }
  }

  /// The sum of all that arrives at an input of the rule's.
  Expr *arriving(const Key &key) {
    Expr *total = nullptr;
    auto add = [&](Expr *e, BinaryOp op) {
      total = total || op == BinaryOp::Sub ? s.binary(op, total ? total : s.number(0), e) : e;
    };
    for (const sema::ArrivalTerm &arrival : line.arrivals) {
      if (arrival.area != key.first || arrival.variable != key.second)
        continue;
      add(delivered(net.connections[arrival.connection], key.first, *arrival.statement,
                    arrival.block),
          arrival.statement->op == AssignOp::Sub ? BinaryOp::Sub : BinaryOp::Add);
    }
    for (const sema::RouteTerm &r : line.routes)
      if (!r.toError && r.to == key.first && r.toVariable == key.second)
        add(conducted(r), BinaryOp::Add);
    return total ? total : s.number(0);
  }

  //===--- updates ----------------------------------------------------------===//

  ConnectionReport connection(int k) {
    const sema::Connection &c = net.connections[k];
    ConnectionReport report;
    report.name = c.name;
    report.from = sizeText(net.areas[c.from]);
    report.to = sizeText(net.areas[c.to]);
    report.topology = c.decl->topology ? ast::toString(*c.decl->topology) : "";
    for (const sema::Weight &w : c.weights)
      (w.bias ? report.biases : report.weights) +=
          w.bias || c.mask.empty() ? numbersOf(w.symbol) : std::llround(c.synapseCount);
    report.masked = !c.mask.empty();
    report.counted = c.count;
    sema::Field needs;
    std::string objection;
    for (const sema::WeightChange &change : line.changes) {
      bool shared = change.connection != k &&
                    llvm::any_of(c.weights, [&](auto &w) { return w.symbol == change.symbol; });
      if (change.connection != k && !shared)
        continue;
      if (shared)
        report.sharedWith = net.connections[change.connection].name;
      if (!change.ownedByRule) {
        report.learns = true;
        if (objection.empty())
          objection = exactness.objection(change);
      }
      std::vector<Equation> own;
      if (!shared)
        own = update(change);
      if (change.bias) {
        for (Equation &e : own)
          (isGradient(*e.left) || !change.optimizer ? report.bias : discarded).push_back(e);
        report.biasContinues |= change.optimizer != nullptr && !shared;
      } else {
        report.update.insert(report.update.end(), own.begin(), own.end());
      }
      for (const sema::CapabilityRead &r : change.reads)
        needs.needs(r.capability, r.at, r.backwards);
      needs.capabilities |= change.capabilities;
    }
    for (const Stmt *statement : c.decl->body)
      if (auto *keep = llvm::dyn_cast<KeepStmt>(statement); keep && report.learns)
        report.update.push_back({s.name("keep " + ast::toString(*keep->target)),
                                 "=",
                                 s.rewrite(*keep->value, [](const Expr &) { return nullptr; }),
                                 {}});
    locality(needs, report);
    report.memory = memory(c);
    if (!report.learns) {
      report.gradient = Gradient::None;
      report.why = "nothing in the rule changes it";
    } else if (line.costParameter.empty()) {
      report.gradient = Gradient::None;
      report.why = "the rule has no cost";
    } else {
      report.gradient = objection.empty() ? Gradient::Exact : Gradient::Approximate;
      report.why = objection;
    }
    return report;
  }

  void locality(const sema::Field &needs, ConnectionReport &report) {
    report.locality = capabilityNames(needs.capabilities);
    for (const sema::CapabilityRead &r : needs.reads) {
      Read read{capabilityNames(r.capability).empty() ? "" : capabilityNames(r.capability)[0],
                collapse(sources.text(r.at)), place(r.at), r.backwards};
      bool exact = llvm::StringRef(read.text).starts_with("grad(");
      if (read.backwards || exact) {
        report.transport = true;
        report.transportAt.push_back(read);
      }
      report.reads.push_back(std::move(read));
    }
  }

  /// `each area a { weight c … }`, of one area.
  ConnectionReport unitWeights(const sema::WeightChange &change) {
    const sema::Area &area = net.areas[change.area];
    ConnectionReport report;
    report.name = area.name + "." + change.name;
    report.from = sizeText(area);
    report.topology = "units";
    report.weights = numbersOf(change.symbol);
    report.learns = true;
    report.update = update(change);
    sema::Field needs;
    for (const sema::CapabilityRead &r : change.reads)
      needs.needs(r.capability, r.at, r.backwards);
    needs.capabilities |= change.capabilities;
    locality(needs, report);
    for (const sema::StateAccount &state : account.states)
      if (llvm::StringRef name = state.symbol; name.consume_front(change.symbol + "."))
        report.memory.push_back(
            {name.str(), "state of the optimizer", "weight", numbersOf(state.symbol)});
    report.gradient = Gradient::Own;
    report.why = "it is no weight of the network";
    return report;
  }

  static bool isGradient(const Expr &target) {
    auto *m = llvm::dyn_cast<MemberExpr>(&target);
    return m && m->member.text == "grad";
  }

  std::vector<Equation> update(const sema::WeightChange &change) {
    std::vector<Equation> equations;
    std::string weight = change.bias ? biasName(change.name) : change.name;
    Expr *gradient = nullptr;
    for (const sema::ChangeTerm &term : change.terms) {
      auto scope = change.area >= 0 ? unitScope(net.areas[change.area], term.binder)
                                    : synapseScope(net.connections[term.connection], term.block,
                                                   term.binder, change.bias, false);
      addLets(term, scope, equations);
      Expr *value = s.rewrite(*term.statement->value, scope);
      bool exact = false;
      walk(*term.statement->value, [&](const Expr &e) { exact |= callOf(e, "grad") != nullptr; });
      if (term.perPlace)
        value = s.sum(value, "places");
      if (term.perSample || exact)
        value = s.call("batch_mean", {value});
      if (!term.phase.empty())
        value = s.sum(value, term.phase); // over its ticks
      want(*value);
      if (term.gradient) {
        gradient = gradient ? s.binary(BinaryOp::Add, gradient, value) : value;
        continue;
      }
      const char *op = term.statement->op == AssignOp::Add   ? "+="
                       : term.statement->op == AssignOp::Sub ? "-="
                                                             : "=";
      equations.push_back({s.name(weight), op, value, {}});
    }
    auto *every = llvm::dyn_cast_or_null<NumberExpr>(line.decl->every);
    bool inTrial = every && (every->unit == "tick" || every->unit == "ticks");
    if (gradient && line.decl->every && !inTrial)
      gradient = s.reduction("mean", gradient, s.rewrite(*line.decl->every, ruleNames()));
    if (gradient)
      equations.push_back({s.member(weight, "grad"), "=", gradient, {}});
    if (change.optimizer)
      addOptimizer(change, weight, equations);
    return equations;
  }

  /// The `let`s of the template that the term needs, in their order.
  void addLets(const sema::ChangeTerm &term, const Symbolic::Scope &scope,
               std::vector<Equation> &into) {
    std::set<std::string> needed;
    auto need = [&](const Expr &e) {
      walk(e, [&](const Expr &x) {
        if (auto *n = llvm::dyn_cast<NameExpr>(&x))
          needed.insert(n->name);
      });
    };
    need(*term.statement->value);
    std::vector<Equation> lets;
    for (const Stmt *statement : llvm::reverse(*term.block)) {
      auto *v = llvm::dyn_cast<VarDecl>(statement);
      if (!v || v->varKind != VarKind::Let)
        continue;
      for (auto &d : v->vars)
        if (d.init && needed.count(d.name.text)) {
          need(*d.init);
          lets.push_back({s.name(d.name.text), "=", s.rewrite(*d.init, scope), {}});
          want(*lets.back().right);
        }
    }
    for (Equation &e : llvm::reverse(lets))
      if (llvm::none_of(into, [&](auto &old) { return toString(old) == toString(e); }))
        into.push_back(e);
  }

  void addOptimizer(const sema::WeightChange &change, const std::string &weight,
                    std::vector<Equation> &into) {
    llvm::ArrayRef<Argument> args;
    auto *name = calleeOf(change.optimizer, args);
    auto it = name ? account.definitions.find(name->name) : account.definitions.end();
    auto *optimizer =
        it == account.definitions.end() ? nullptr : llvm::dyn_cast<OptimizerDecl>(it->second);
    if (!optimizer)
      return;
    std::map<std::string, const Expr *> given;
    bindArguments(*optimizer, change.optimizer, given, [](const Parameter &) { return true; });
    std::set<std::string> states;
    for (const Stmt *statement : optimizer->body)
      if (auto *v = llvm::dyn_cast<VarDecl>(statement); v && v->varKind == VarKind::State)
        for (auto &d : v->vars)
          states.insert(d.name.text);
    auto scope = [&](const Expr &e) -> Expr * {
      auto *n = llvm::dyn_cast<NameExpr>(&e);
      if (!n)
        return nullptr;
      if (n->name == "w")
        return s.name(weight);
      if (n->name == "grad")
        return s.member(weight, "grad");
      if (change.ownedByRule && states.count(n->name)) // told apart from that of the weight itself
        return s.member(weight, n->name);
      return argument(given, n->name);
    };
    for (const Stmt *statement : optimizer->body) {
      if (auto *v = llvm::dyn_cast<VarDecl>(statement); v && v->varKind == VarKind::Let)
        for (auto &d : v->vars)
          if (d.init)
            into.push_back({s.name(d.name.text), "=", s.rewrite(*d.init, scope), {}});
      auto *a = llvm::dyn_cast<AssignStmt>(statement);
      if (!a)
        continue;
      const char *op = opText(a->op);
      into.push_back({s.rewrite(*a->target, scope), op, s.rewrite(*a->value, scope), {}});
    }
  }

  //===--- memory and time ----------------------------------------------------===//

  int64_t numbersOf(llvm::StringRef symbol) const {
    for (const sema::StateAccount &state : account.states)
      if (state.symbol == symbol) {
        int64_t n = 1;
        for (int64_t d : state.shape)
          n *= d;
        return n;
      }
    return 0;
  }

  /// Every state that the line keeps for this connection.
  std::vector<Memory> memory(const sema::Connection &c) const {
    std::vector<Memory> all;
    std::string prefix = net.name + "." + line.name + "." + c.name + ".",
                units = net.name + "." + line.name + "." + net.areas[c.to].name + ".";
    for (const sema::StateAccount &state : account.states) {
      llvm::StringRef name = state.symbol;
      bool ofUnits = state.role == "lasting" && name.consume_front(units);
      if (!ofUnits && !name.consume_front(prefix))
        continue;
      bool measured = llvm::any_of(line.changes, [&](const sema::WeightChange &change) {
        return change.direction == state.symbol || change.descent == state.symbol;
      });
      if (measured)
        continue;
      int64_t numbers = numbersOf(state.symbol);
      // `w.v` and `w_bias.v` are one state of the connection's own weights.
      auto [owner, last] = name.rsplit('.');
      bool forward = llvm::any_of(c.weights, [&, of = owner](const sema::Weight &w) {
        return of == w.name || of == w.name + "_bias";
      });
      if (!forward)
        last = name;
      std::string kind = state.role == "weight"      ? "weight of the rule"
                         : state.role == "optimizer" ? "state of the optimizer"
                                                     : "state of the rule";
      auto known = llvm::find_if(
          all, [&, is = last](const Memory &m) { return m.name == is && m.kind == kind; });
      if (known != all.end()) {
        known->numbers += numbers;
        continue;
      }
      bool ofBiases = llvm::StringRef(last).starts_with("bias.");
      std::string per = "weight";
      if (!c.oneToOne() && (ofUnits || ofBiases))
        per = ofBiases && c.topology == sema::Topology::Conv ? "channel" : "unit";
      all.push_back({last.str(), kind, per, numbers});
    }
    return all;
  }

  std::vector<std::string> phasesOf(const ConnectionReport &c, const LineReport &report) const {
    std::vector<std::string> found;
    auto look = [&](const Equation &e) {
      walk(*e.right, [&](const Expr &x) {
        if (auto *at = llvm::dyn_cast<AtExpr>(&x))
          if (!llvm::is_contained(found, at->phase.text))
            found.push_back(at->phase.text);
      });
    };
    for (const Equation &e : c.update)
      look(e);
    if (!c.update.empty())
      for (const Equation &e : report.lets)
        look(e);
    return found;
  }

  Place place(Span at) const { return placeOf(at, sources); }

  const sema::Account &account;
  const sema::LearnAccount &line;
  const sema::Network &net;
  const Sources &sources;
  Symbolic &s;
  Exactness exactness;
  std::map<std::string, const Expr *> parameters;
  std::vector<Key> wanted;
  std::vector<Key> wantedUnits; ///< variables of the rule that equations name
  std::vector<Equation> discarded;
};

/// What the model takes for granted, whatever the rule is.
std::vector<Assumption> assumptions(const sema::Network &net, const Sources &sources) {
  std::vector<Assumption> all;
  auto add = [&](const std::string &text, Span at) { all.push_back({text, placeOf(at, sources)}); };
  for (const sema::Connection &c : net.connections) {
    llvm::ArrayRef<Argument> args;
    auto *topology = calleeOf(c.decl->topology, args);
    if (topology && topology->name == "transpose" && args.size())
      add("symmetric weights: `" + c.name + "` conducts `" + ast::toString(*args[0].value) +
              "` backwards",
          c.decl->span);
    if (net.parts[c.part].tiedTo >= 0 && c.tiedTo >= 0)
      add("shared weights: `" + c.name + "` has those of `" + net.connections[c.tiedTo].name + "`",
          net.parts[c.part].at);
    else if (topology && topology->name == "tied" && args.size())
      add("shared weights: `" + c.name + "` has those of `" + ast::toString(*args[0].value) + "`",
          c.decl->span);
    if (topology && topology->name == "conv")
      add("shared weights: `" + c.name + "` has the same ones at every place", c.decl->span);
  }
  return all;
}

/// `weight B = w`: a value copied when the network is made.
void addCopies(const sema::LearnAccount &line, const Sources &sources,
               std::vector<Assumption> &into) {
  for (const Stmt *statement : line.rule->body) {
    auto *t = llvm::dyn_cast<TemplateStmt>(statement);
    if (!t)
      continue;
    for (const Stmt *inner : t->body)
      if (auto *v = llvm::dyn_cast<VarDecl>(inner); v && v->varKind == VarKind::Weight)
        for (auto &d : v->vars) {
          if (!d.init)
            continue;
          bool copies = false;
          walk(*d.init, [&](const Expr &e) {
            auto *n = llvm::dyn_cast<NameExpr>(&e);
            for (const sema::Connection &c : line.network->connections)
              for (const sema::Weight &w : c.weights)
                copies |= n && n->name == w.name;
            copies |= callOf(e, "twin") != nullptr;
          });
          if (!copies)
            continue;
          into.push_back({"copies at initialisation: `" + d.name.text + "` starts as `" +
                              ast::toString(*d.init) + "`",
                          placeOf(d.name.span, sources)});
        }
  }
}

} // namespace

Report makeReport(const sema::Account &account, const Sources &sources) {
  Report report;
  report.model = sources.path(0).str();
  report.symbolic = std::make_shared<Symbolic>();
  for (const sema::Network &net : account.networks) {
    NetworkReport &network = report.networks.emplace_back();
    network.name = net.name;
    network.assumptions = assumptions(net, sources);
    std::set<std::string> changed;
    for (const sema::LearnAccount &line : account.lines) {
      if (line.network != &net)
        continue;
      network.lines.push_back(LineBuilder(account, line, sources, *report.symbolic).build());
      addCopies(line, sources, network.assumptions);
      for (const sema::AssumptionTerm &a : line.assumptions)
        network.assumptions.push_back(
            {"for " + line.rule->name.text + ": " + a.text, placeOf(a.at, sources)});
      for (const sema::WeightChange &change : line.changes)
        changed.insert(change.symbol);
    }
    for (const sema::Connection &c : net.connections)
      if (!c.weights.empty() &&
          llvm::none_of(c.weights, [&](auto &w) { return changed.count(w.symbol) != 0; }))
        network.fixed.push_back(c.name);
  }
  return report;
}

//===----------------------------------------------------------------------===//
// What the printers share
//===----------------------------------------------------------------------===//

std::string list(const std::vector<std::string> &names) {
  return names.empty() ? "local" : llvm::join(names, ", ");
}

std::string toString(const Equation &e) {
  return ast::toString(*e.left) + " " + e.op + " " + ast::toString(*e.right);
}

std::string toString(const Place &p) {
  return p.file + ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
}

std::string transportText(const ConnectionReport &c) {
  return !c.transport ? "no" : c.transportAt.empty() ? "yes" : "yes: " + c.transportAt.front().text;
}

std::string weightsText(const ConnectionReport &c) {
  using Count = sema::Connection::Count;
  const char *counted = c.counted == Count::Mean   ? "about "
                        : c.counted == Count::Most ? "at most "
                                                   : "";
  return counted + std::to_string(c.weights) + " weights" +
         (c.counted == Count::Most ? " (their list was not found)" : "") +
         (c.biases ? ", " + std::to_string(c.biases) + " biases" : "");
}

std::string memoryText(const ConnectionReport &c) {
  if (c.memory.empty())
    return "none beyond the weight";
  std::string text;
  int64_t numbers = 0, perWeight = 0;
  for (const Memory &m : c.memory) {
    text += (text.empty() ? "" : ", ") + m.name + " (" + m.kind +
            (m.per == "weight" ? ")" : ", one per " + m.per + ")");
    numbers += m.numbers;
    perWeight += m.per == "weight";
  }
  return std::to_string(perWeight) + " per weight: " + text + "; " + std::to_string(numbers) +
         " numbers" + (c.masked ? ", as for a dense connection" : "");
}

std::string pastText(const LineReport &line, const ConnectionReport &c) {
  if (!c.phasesRead.empty())
    return "keeps what it reads of " + std::string(c.phasesRead.size() > 1 ? "phases " : "phase ") +
           llvm::join(c.phasesRead, ", ");
  return line.phases.empty() ? "nothing from past ticks" : "nothing from other phases";
}

std::string gradientText(const ConnectionReport &c) {
  switch (c.gradient) {
  case Gradient::Exact:
    return "exact";
  case Gradient::Approximate:
    return "approximate";
  case Gradient::Own:
    return "weight of the rule";
  case Gradient::None:
    break;
  }
  return c.learns ? "no cost" : "no update";
}

const std::array<std::string, 7> summaryHeads = {
    "connection", "learn line", "locality", "transport", "phases", "memory", "gradient"};

std::vector<std::array<std::string, 7>> summary(const NetworkReport &network) {
  std::vector<std::array<std::string, 7>> rows;
  for (const LineReport &line : network.lines)
    for (const ConnectionReport &c : line.connections) {
      int64_t perWeight = 0;
      for (const Memory &m : c.memory)
        perWeight += m.per == "weight";
      rows.push_back({c.name, line.name, c.learns ? list(c.locality) : "-",
                      c.transport ? "yes" : "no",
                      std::to_string(std::max<size_t>(1, line.phases.size())),
                      std::to_string(perWeight), gradientText(c)});
    }
  return rows;
}

} // namespace apical::explain
