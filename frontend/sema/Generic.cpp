//===- Generic.cpp - definitions checked before they are used ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// 1. Collect every name that the definition declares, at any depth.
/// 2. Walk its statements: a name is one of these, of the file's and the
///    library's definitions, or of the language; names behind a dot belong to
///    the network and are left to the instantiation.
/// 3. Within one block, a `let` is written before it is read.
/// 4. In a rule, note what needs a capability that the rule does not declare.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Generic.h"
#include "frontend/sema/Dimension.h"
#include "frontend/sema/Forms.h"

namespace apical::sema {
static bool isClock(llvm::StringRef name) {
  return llvm::is_contained({"dt", "tick", "ticks", "trial", "epoch", "training"}, name);
}

/// Words that have a meaning in the body of a unit, synapse, rule or optimizer only, and words that are no values.
static bool isOfDefinitions(llvm::StringRef name) {
  static const char *const words[] = {
      "pre",    "post",  "w",     "grad",       "hidden", "output",    "outputs", "input",
      "inputs", "areas", "units", "components", "start",  "synapses",  "over",    "dense",
      "sparse", "conv",  "local", "one_to_one", "wire",   "pool",      "tied",    "transpose",
      "table",  "ring",  "idx",   "npy",        "csv",    "delay",     "like",    "assume",
      "links",  "ports", "size",  "symmetric",  "fan_in", "pointwise", "fan_out", "stateful"};
  return llvm::is_contained(words, name);
}

bool isPrimitive(llvm::StringRef name) {
  return llvm::is_contained(primitives(), name) || isClock(name) || isOfDefinitions(name) ||
         isReserved(name);
}

bool isValueOfLanguage(llvm::StringRef name) {
  static const char *const words[] = {
      "d",      "error",   "grad",     "push",  "updates",  "first",    "last",
      "change", "prev",    "next",     "time",  "elapsed",  "ended",    "index",
      "fan_in", "fan_out", "position", "hops",  "wald",     "identity", "orthogonal",
      "twin",   "assume",  "links",    "ports", "stateful", "pointwise"};
  return llvm::is_contained(words, name) || isClock(name) || llvm::is_contained(primitives(), name);
}

const std::vector<std::string> &primitives() {
  static const std::vector<std::string> words = {
      "exp",     "log",       "sqrt",       "abs",       "sign",      "sin",         "cos",
      "tanh",    "logistic",  "softplus",   "clip",      "where",     "floor",       "sum",
      "mean",    "max",       "min",        "argmax",    "norm",      "rank",        "cumsum",
      "softmax", "logsumexp", "batch_mean", "batch_sum", "batch_max", "stop",        "one_hot",
      "uniform", "normal",    "bernoulli",  "choice",    "poisson",   "categorical", "log_prob"};
  return words;
}

namespace {

using llvm::dyn_cast;

/// The blocks that a statement contains.
std::vector<const ast::Block *> blocksOf(const ast::Stmt &s) {
  if (auto *x = dyn_cast<ast::IfStmt>(&s))
    return {&x->thenBody, &x->elseBody};
  if (auto *x = dyn_cast<ast::ForStmt>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::EventDecl>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::OnStmt>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::PhaseDecl>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::TemplateStmt>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::ConnectDecl>(&s))
    return {&x->body};
  if (auto *x = dyn_cast<ast::RunStmt>(&s)) {
    std::vector<const ast::Block *> all;
    for (auto &b : x->with)
      all.push_back(&b);
    return all;
  }
  return {};
}

/// Calls `visit` on every statement of a block, at any depth.
void everyStatement(const ast::Block &block, llvm::function_ref<void(const ast::Stmt &)> visit) {
  for (const ast::Stmt *s : block) {
    visit(*s);
    for (const ast::Block *inner : blocksOf(*s))
      everyStatement(*inner, visit);
  }
}

/// The expressions that a statement itself reads or writes.
std::vector<const ast::Expr *> expressionsOf(const ast::Stmt &s) {
  if (auto *x = dyn_cast<ast::VarDecl>(&s)) {
    std::vector<const ast::Expr *> all;
    for (auto &d : x->vars)
      all.push_back(d.init);
    return all;
  }
  if (auto *x = dyn_cast<ast::AssignStmt>(&s))
    return {x->target, x->value};
  if (auto *x = dyn_cast<ast::DerivativeStmt>(&s))
    return {x->value};
  if (auto *x = dyn_cast<ast::IfStmt>(&s))
    return {x->condition};
  if (auto *x = dyn_cast<ast::EventDecl>(&s))
    return {x->condition, x->slope};
  if (auto *x = dyn_cast<ast::OnStmt>(&s))
    return {x->event, x->every};
  if (auto *x = dyn_cast<ast::ReturnStmt>(&s))
    return {x->value};
  if (auto *x = dyn_cast<ast::ExprStmt>(&s))
    return {x->value};
  if (auto *x = dyn_cast<ast::RunStmt>(&s))
    return {x->duration, x->until};
  if (auto *x = dyn_cast<ast::HoldStmt>(&s))
    return {x->target, x->duration};
  return {}; // what remains names connections, areas or phases of the network
}

/// Every name that an expression reads is declared, and every function has its arguments.
class NameChecker {
public:
  NameChecker(std::string owner, const Globals &globals, Diagnostics &diags)
      : owner(std::move(owner)), globals(globals), diags(diags) {}

  void unknown(const ast::NameExpr &n) {
    std::vector<std::string> candidates = globals.names();
    candidates.insert(candidates.end(), declared.begin(), declared.end());
    if (rule)
      candidates.insert(candidates.end(), {"pre", "post", "w"});
    std::string near = nearest(n.name, candidates);
    Diagnostic &d = diags.error(Code::UnknownName, n.span, "unknown name `" + n.name + "`");
    if (llvm::StringRef here = translation(n.name); !here.empty())
      d.hint("that is written " + here);
    else if (!near.empty())
      d.hint("did you mean `" + near + "`?");
    else if (!owner.empty())
      d.note("`" + owner + "` declares no such variable or parameter");
  }

  void expression(const ast::Expr &e) {
    if (auto *n = dyn_cast<ast::NameExpr>(&e)) {
      bool word = isPrimitive(n->name) && (inDefinition || !isOfDefinitions(n->name));
      if (!declared.count(n->name) && !globals.named.count(n->name) && !word)
        unknown(*n);
    } else if (auto *m = dyn_cast<ast::MemberExpr>(&e)) {
      expression(*m->base);
    } else if (auto *c = dyn_cast<ast::CallExpr>(&e)) {
      expression(*c->callee);
      for (auto &a : c->args)
        if (a.name.text != "over" && a.name.text != "window")
          expression(*a.value);
      arguments(*c);
    } else if (auto *i = dyn_cast<ast::IndexExpr>(&e)) {
      expression(*i->base);
      for (auto *index : i->indices)
        expression(*index);
    } else if (auto *at = dyn_cast<ast::AtExpr>(&e)) {
      expression(*at->base);
      if (rule && !phases.count(at->phase.text) && !declared.count(at->phase.text)) {
        std::string near = nearest(at->phase.text, {phases.begin(), phases.end()});
        Diagnostic &d = diags.error(Code::PhaseNotThere, at->phase.span,
                                    "there is no phase `" + at->phase.text + "`");
        d.hint(
            !near.empty() ? "did you mean `" + near + "`?"
            : phases.empty()
                ? std::string("this rule has no phases: `e@p` is e at the end of the phase p. "
                              "There is no product "
                              "of matrices: code is written for one element, as `w * error(post)`")
                : "a phase is declared by `phase NAME { run }`");
      }
    } else if (auto *u = dyn_cast<ast::UnaryExpr>(&e)) {
      expression(*u->operand);
    } else if (auto *b = dyn_cast<ast::BinaryExpr>(&e)) {
      expression(*b->lhs);
      expression(*b->rhs);
    } else if (auto *a = dyn_cast<ast::ArrayExpr>(&e)) {
      for (auto *element : a->elements)
        expression(*element);
    }
  }

  /// A call of a function: its arguments by number and name.
  void arguments(const ast::CallExpr &call) {
    auto *name = dyn_cast<ast::NameExpr>(call.callee);
    auto *fn =
        name && !declared.count(name->name) ? globals.find<ast::FnDecl>(name->name) : nullptr;
    if (!fn)
      return;
    std::set<std::string> given;
    size_t next = 0;
    for (auto &a : call.args) {
      if (!a.name && next == fn->params.size()) {
        diags.error(Code::TooManyArguments, a.value->span,
                    "`" + name->name + "` takes " + std::to_string(fn->params.size()) +
                        (fn->params.size() == 1 ? " argument" : " arguments"));
        return;
      }
      std::string parameter = a.name ? a.name.text : fn->params[next++].name.text;
      if (llvm::none_of(fn->params, [&](auto &p) { return p.name.text == parameter; })) {
        diags.error(Code::UnknownArgument, a.name.span,
                    "`" + name->name + "` has no parameter `" + parameter + "`");
        return;
      }
      given.insert(parameter);
    }
    for (auto &p : fn->params)
      if (!p.init && !given.count(p.name.text)) {
        diags.error(Code::MissingArgument, call.span,
                    "`" + name->name + "` needs the argument `" + p.name.text + "`");
        return;
      }
  }

  std::string owner; ///< whoever should have declared what is missing
  const Globals &globals;
  Diagnostics &diags;
  bool rule = false, inDefinition = false;
  std::set<std::string> declared, phases;
};

class DefinitionChecker : NameChecker {
public:
  DefinitionChecker(const ast::Definition &definition, const Globals &globals, Diagnostics &diags)
      : NameChecker(definition.name.text, globals, diags), definition(definition),
        ofRule(dyn_cast<ast::RuleDecl>(&definition)) {
    rule = ofRule;
    inDefinition = true;
  }

  void run() {
    for (auto &p : definition.params) {
      declared.insert(p.name.text);
      own(p.name);
      if (p.type)
        type(*p.type);
    }
    everyStatement(definition.body, [&](const ast::Stmt &s) { declare(s); });
    if (rule) // a rule sees the weights and variables of the synapses it meets
      for (auto &[name, statement] : globals.named)
        if (auto *synapse = dyn_cast<ast::SynapseDecl>(statement))
          everyStatement(synapse->body, [&](const ast::Stmt &s) { declare(s); });
    for (auto &p : definition.params)
      if (p.init)
        expression(*p.init);
    everyStatement(definition.body, [&](const ast::Stmt &s) {
      for (const ast::Expr *e : expressionsOf(s))
        if (e)
          expression(*e);
      order(s);
    });
    orderIn(definition.body);
    if (rule)
      locality();
    if (llvm::isa<ast::OptimizerDecl>(definition))
      changesWeights();
  }

private:
  void declare(const ast::Stmt &s) {
    if (auto *v = dyn_cast<ast::VarDecl>(&s))
      for (auto &d : v->vars) {
        declared.insert(d.name.text);
        if (d.name.span.file == definition.name.span.file)
          own(d.name);
      }
    else if (auto *e = dyn_cast<ast::EventDecl>(&s))
      declared.insert(e->name.text);
    else if (auto *f = dyn_cast<ast::ForStmt>(&s))
      declared.insert(f->var.text);
    else if (auto *t = dyn_cast<ast::TemplateStmt>(&s))
      declared.insert(t->binder.text);
    else if (auto *p = dyn_cast<ast::PhaseDecl>(&s)) {
      declared.insert(p->name.text);
      phases.insert(p->name.text);
      if (p->index)
        collectNames(*p->index, declared);
    } else if (auto *c = dyn_cast<ast::ConnectDecl>(&s))
      declared.insert(c->name.text);
  }

  /// What every rule is given under this name cannot be something else in one of them.
  void own(const ast::Name &name) {
    if (!rule || !llvm::is_contained({"pre", "post", "error", "d", "grad", "push"}, name.text))
      return;
    diags
        .error(Code::DefinedTwice, name.span,
               "`" + name.text + "` has a meaning in every rule, and cannot be declared")
        .hint("choose another name");
  }

  /// The type of a parameter.
  void type(const ast::Expr &e) {
    if (auto *b = dyn_cast<ast::BinaryExpr>(&e)) {
      type(*b->lhs);
      type(*b->rhs);
    }
    auto *name = dyn_cast<ast::NameExpr>(&e);
    std::vector<std::string> known = {"cost", "signal", "network", "area", "weight"};
    if (!name || llvm::is_contained(known, name->name) || namedDimension(name->name))
      return;
    llvm::append_range(known, dimensionNames());
    std::string near = nearest(name->name, known);
    diags.error(Code::UnknownName, e.span, "unknown type `" + name->name + "`")
        .hint(!near.empty() ? "did you mean `" + near + "`?"
              : rule ? std::string("a parameter of a rule is a `cost`, a `signal`, a `time`, …, or "
                                   "has no type")
                     : std::string("a parameter is a `time`, a `voltage`, …, or has no type"));
  }

  void changesWeights() {
    bool changes = false;
    everyStatement(definition.body, [&](const ast::Stmt &s) {
      auto *assign = dyn_cast<ast::AssignStmt>(&s);
      auto *target = assign ? dyn_cast<ast::NameExpr>(assign->target) : nullptr;
      changes |= target && target->name == "w";
    });
    if (!changes)
      diags
          .error(Code::NothingChanges, definition.name.span,
                 "the optimizer `" + definition.name.text + "` never changes the weight `w`")
          .hint("as `w -= rate * grad`");
  }

  void order(const ast::Stmt &s) {
    for (const ast::Block *inner : blocksOf(s))
      orderIn(*inner);
  }

  /// Names read by an expression outside `prev` and `next`, which look at other ticks.
  static void readNow(const ast::Expr &e, std::vector<const ast::NameExpr *> &out) {
    if (auto *n = dyn_cast<ast::NameExpr>(&e))
      out.push_back(n);
    else if (auto *m = dyn_cast<ast::MemberExpr>(&e))
      readNow(*m->base, out);
    else if (auto *c = dyn_cast<ast::CallExpr>(&e)) {
      if (callOf(e, "prev") || callOf(e, "next"))
        return;
      for (auto &a : c->args)
        readNow(*a.value, out);
    } else if (auto *u = dyn_cast<ast::UnaryExpr>(&e))
      readNow(*u->operand, out);
    else if (auto *b = dyn_cast<ast::BinaryExpr>(&e)) {
      readNow(*b->lhs, out);
      readNow(*b->rhs, out);
    }
  }

  /// Semantics 2.7: a `let` is written before it is read.
  void orderIn(const ast::Block &block) {
    std::map<std::string, std::pair<size_t, Span>> written;
    for (size_t k = 0; k < block.size(); ++k)
      if (auto *v = dyn_cast<ast::VarDecl>(block[k]);
          v && (v->varKind == ast::VarKind::Let || v->varKind == ast::VarKind::Output))
        for (auto &d : v->vars)
          written.try_emplace(d.name.text, k, d.name.span);
    auto check = [&](const ast::Expr *e, size_t place, Span itself) {
      std::vector<const ast::NameExpr *> names;
      if (e)
        readNow(*e, names);
      for (auto *n : names) {
        auto it = written.find(n->name);
        if (it == written.end() || it->second.first < place ||
            (it->second.first == place && it->second.second.begin < itself.begin))
          continue;
        diags
            .error(Code::UsedBeforeWritten, n->span,
                   "`" + n->name + "` is read before it is written")
            .label(it->second.second, "written here")
            .hint("move the line that writes it up");
      }
    };
    for (size_t k = 0; k < block.size(); ++k)
      if (auto *v = dyn_cast<ast::VarDecl>(block[k])) {
        if (v->varKind == ast::VarKind::Let || v->varKind == ast::VarKind::Output)
          for (auto &d : v->vars)
            check(d.init, k, d.name.span);
      } else if (auto *a = dyn_cast<ast::AssignStmt>(block[k])) {
        check(a->value, k, a->span);
      }
  }

  /// Semantics 8.2, as far as the text says: exact derivatives, values of later
  /// ticks, and errors sent backwards through weights that the rule declares.
  void locality() {
    std::set<std::string> own;
    everyStatement(definition.body, [&](const ast::Stmt &s) {
      if (auto *v = dyn_cast<ast::VarDecl>(&s); v && v->varKind == ast::VarKind::Weight)
        for (auto &d : v->vars)
          own.insert(d.name.text);
    });
    everyStatement(definition.body, [&](const ast::Stmt &s) {
      for (const ast::Expr *e : expressionsOf(s))
        if (e)
          if (const ast::Expr *read = exact(*e))
            needs("nonlocal", read->span);
      auto *assign = dyn_cast<ast::AssignStmt>(&s);
      if (!assign || !errorOf(*assign->target, "pre"))
        return;
      std::set<std::string> read;
      collectNames(*assign->value, read);
      if (llvm::any_of(own, [&](auto &name) { return read.count(name) != 0; }))
        needs("feedback", assign->value->span);
    });
  }

  /// The first use of the exact gradient, the Jacobian or a later tick.
  static const ast::Expr *exact(const ast::Expr &e) {
    if (callOf(e, "grad") || callOf(e, "push") || callOf(e, "next"))
      return &e;
    if (auto *c = dyn_cast<ast::CallExpr>(&e)) {
      for (auto &a : c->args)
        if (auto *found = exact(*a.value))
          return found;
    } else if (auto *u = dyn_cast<ast::UnaryExpr>(&e)) {
      return exact(*u->operand);
    } else if (auto *b = dyn_cast<ast::BinaryExpr>(&e)) {
      const ast::Expr *found = exact(*b->lhs);
      return found ? found : exact(*b->rhs);
    }
    return nullptr;
  }

  void needs(llvm::StringRef capability, Span at) {
    for (auto &l : ofRule->localities)
      if (l.text == capability || l.text == "nonlocal")
        return;
    diags
        .error(Code::Locality, at,
               "the rule `" + ofRule->name.text + "` declares less than it uses: this is `" +
                   capability + "`")
        .label(ofRule->name.span, "declared here")
        .hint("declare `" + capability + "`, or use only what the synapse itself can know");
  }

  const ast::Definition &definition;
  const ast::RuleDecl *ofRule;
};

/// What a network declares, at any depth: areas, parts, costs and numbers.
void namesOf(const ast::Block &block, std::set<std::string> &names) {
  for (const ast::Stmt *s : block)
    if (auto *a = dyn_cast<ast::AreaDecl>(s))
      names.insert(a->name.text);
    else if (auto *p = dyn_cast<ast::PartDecl>(s))
      names.insert(p->name.text);
    else if (auto *c = dyn_cast<ast::CostDecl>(s))
      names.insert(c->name.text);
    else if (auto *v = dyn_cast<ast::VarDecl>(s))
      for (auto &d : v->vars)
        names.insert(d.name.text);
    else if (auto *f = dyn_cast<ast::ForStmt>(s)) {
      names.insert(f->var.text);
      namesOf(f->body, names);
    }
}

void namesOf(const ast::NetworkDecl &network, std::set<std::string> &names) {
  for (auto &p : network.params)
    names.insert(p.name.text);
  namesOf(network.body, names);
}

void checkLets(const ast::Block &block, NameChecker &checker) {
  for (const ast::Stmt *s : block)
    if (auto *v = dyn_cast<ast::VarDecl>(s)) {
      for (auto &d : v->vars)
        if (d.init)
          checker.expression(*d.init);
    } else if (auto *f = dyn_cast<ast::ForStmt>(s)) {
      checkLets(f->body, checker);
    }
}

} // namespace

bool checkUnread(const ast::ExperimentDecl &experiment, const std::vector<std::string> &columns,
                 const Globals &globals, Diagnostics &diags) {
  unsigned before = diags.errorCount();
  llvm::ArrayRef<ast::Argument> args;
  auto *name = calleeOf(experiment.network, args);
  auto *network = name ? globals.find<ast::NetworkDecl>(name->name) : nullptr;
  NameChecker checker("", globals, diags);
  if (network)
    namesOf(*network, checker.declared);
  namesOf(experiment.body, checker.declared);
  checker.declared.insert(columns.begin(), columns.end());
  checkLets(experiment.body, checker);
  return diags.errorCount() == before;
}

void checkUnread(const ast::File &file, const Globals &globals, Diagnostics &diags) {
  for (const ast::Stmt *s : file.body)
    if (auto *c = dyn_cast<ast::ConstDecl>(s)) {
      NameChecker("", globals, diags).expression(*c->value);
    } else if (auto *n = dyn_cast<ast::NetworkDecl>(s)) {
      NameChecker checker(n->name.text, globals, diags);
      namesOf(*n, checker.declared);
      checkLets(n->body, checker);
    }
}

std::set<const ast::Stmt *> checkDefinitions(const ast::File &file, const Globals &globals,
                                             Diagnostics &diags) {
  std::set<const ast::Stmt *> broken;
  for (const ast::Stmt *s : file.body)
    if (auto *d = dyn_cast<ast::Definition>(s); d && !llvm::isa<ast::NetworkDecl>(s)) {
      unsigned before = diags.errorCount();
      DefinitionChecker(*d, globals, diags).run();
      if (diags.errorCount() != before)
        broken.insert(s);
    }
  return broken;
}

} // namespace apical::sema
