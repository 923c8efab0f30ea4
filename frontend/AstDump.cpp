//===- AstDump.cpp - the tree, one node a line ------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Ast.h"

namespace apical::ast {
namespace {

class Dumper {
public:
  Dumper(const Sources &sources, llvm::raw_ostream &os) : sources(sources), os(os) {}

  void block(const Block &body) {
    for (const Stmt *stmt : body)
      statement(*stmt);
  }

private:
  llvm::raw_ostream &line() { return os.indent(2 * depth); }
  /// A labelled part, left out if it is not there.
  void part(llvm::StringRef label, const Expr *expr) {
    if (expr)
      line() << label << ": " << toString(*expr) << '\n';
  }
  void part(llvm::StringRef label, const Name &name) {
    if (name)
      line() << label << ": " << name.text << '\n';
  }
  void part(llvm::StringRef label, const std::vector<Expr *> &exprs) {
    if (exprs.empty())
      return;
    line() << label << ": ";
    for (size_t i = 0; i < exprs.size(); ++i)
      os << (i ? ", " : "") << toString(*exprs[i]);
    os << '\n';
  }
  void part(llvm::StringRef label, const Block &body) {
    if (body.empty())
      return;
    line() << label << '\n';
    ++depth;
    block(body);
    --depth;
  }

  void head(const Stmt &stmt, llvm::StringRef kind, const Name &name = {}) {
    line() << kind;
    if (name)
      os << ' ' << name.text;
    Sources::Position from = sources.position(stmt.span.file, stmt.span.begin);
    Sources::Position to = sources.position(stmt.span.file, stmt.span.end);
    os << " <" << from.line << ':' << from.column << '-' << to.line << ':' << to.column << ">\n";
  }

  void definition(const Definition &d, llvm::StringRef kind) {
    head(d, kind, d.name);
    ++depth;
    for (const Parameter &p : d.params) {
      line() << "parameter " << p.name.text;
      if (p.type)
        os << " : " << toString(*p.type);
      if (p.init)
        os << " = " << toString(*p.init);
      os << '\n';
    }
    if (auto *rule = llvm::dyn_cast<RuleDecl>(&d))
      for (const Name &locality : rule->localities)
        part("locality", locality);
    block(d.body);
    --depth;
  }

  void variable(const VarDecl &d) {
    static const char *const kinds[] = {"input", "given",  "state", "weight",
                                        "let",   "output", "item"};
    std::string words;
    for (auto [on, word] : {std::pair(d.isOutput && d.varKind != VarKind::Output, "output "),
                            std::pair(d.isItem && d.varKind != VarKind::Item, "item "),
                            std::pair(d.isCommon, "common "), std::pair(d.isShared, "shared "),
                            std::pair(d.isLasting, "lasting ")})
      words += on ? word : "";
    head(d, words + kinds[static_cast<int>(d.varKind)]);
    ++depth;
    for (const VarDecl::Declarator &v : d.vars) {
      line() << v.name.text;
      if (!v.components.empty()) {
        os << '[';
        for (size_t i = 0; i < v.components.size(); ++i)
          os << (i ? ", " : "") << toString(*v.components[i]);
        os << ']';
      }
      if (v.type)
        os << " : " << toString(*v.type);
      if (v.init)
        os << (v.initKind == VarDecl::Declarator::Init::Draw ? " ~ " : " = ") << toString(*v.init);
      os << '\n';
    }
    --depth;
  }

  template <typename T> void valued(const Stmt &stmt, llvm::StringRef kind) {
    auto &s = llvm::cast<T>(stmt);
    head(stmt, kind, s.name);
    ++depth;
    part("value", s.value);
    --depth;
  }

  void statement(const Stmt &stmt) {
    if (!stmt.doc.empty()) {
      auto [first, rest] = llvm::StringRef(stmt.doc).split('\n');
      line() << "/// " << first << (rest.empty() ? "" : " …") << '\n';
    }
    switch (stmt.kind) {
    case StmtKind::Use:
      return head(stmt, "use", llvm::cast<UseDecl>(stmt).name);
    case StmtKind::Const:
      return valued<ConstDecl>(stmt, "const");
    case StmtKind::Part:
      return valued<PartDecl>(stmt, "part");
    case StmtKind::Cost:
      return valued<CostDecl>(stmt, "cost");
    case StmtKind::Measure:
      return valued<MeasureStmt>(stmt, "measure");
    case StmtKind::Fn:
      return definition(llvm::cast<Definition>(stmt), "fn");
    case StmtKind::Unit:
      return definition(llvm::cast<Definition>(stmt), "unit");
    case StmtKind::Synapse:
      return definition(llvm::cast<Definition>(stmt), "synapse");
    case StmtKind::Rule:
      return definition(llvm::cast<Definition>(stmt), "rule");
    case StmtKind::Optimizer:
      return definition(llvm::cast<Definition>(stmt), "optimizer");
    case StmtKind::Network:
      return definition(llvm::cast<Definition>(stmt), "network");
    case StmtKind::Var:
      return variable(llvm::cast<VarDecl>(stmt));
    default:
      break;
    }
    parts(stmt);
  }

  void parts(const Stmt &stmt) {
    auto open = [&](llvm::StringRef kind, const Name &name = {}) {
      head(stmt, kind, name);
      ++depth;
    };
    if (auto *s = llvm::dyn_cast<ParamDecl>(&stmt)) {
      open("param", s->name);
      part("type", s->type);
      part("value", s->value);
    } else if (auto *s = llvm::dyn_cast<DataDecl>(&stmt)) {
      open("data", s->name);
      part("value", s->value);
      part("columns", s->columns);
    } else if (auto *s = llvm::dyn_cast<AreaDecl>(&stmt)) {
      open("area", s->name);
      part("family", s->family);
      part("shape", s->shape);
      part("unit", s->unit);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<ConnectDecl>(&stmt)) {
      open("connect", s->name);
      part("from", s->from);
      part("to", s->to);
      part("topology", s->topology);
      part("synapse", s->synapse);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<LearnDecl>(&stmt)) {
      open("learn", s->name);
      part("subject", s->subject);
      part("in", s->in);
      part("through", s->through);
      part("by", s->rule);
      for (const LearnDecl::Use &use : s->with)
        part(use.target ? "with " + use.target.text : "with", use.optimizer);
      part("every", s->every);
      part("while", s->condition);
    } else if (auto *s = llvm::dyn_cast<AssignStmt>(&stmt)) {
      static const char *const words[] = {"set", "add", "subtract", "draw"};
      open(words[static_cast<int>(s->op)]);
      part("target", s->target);
      part("value", s->value);
    } else if (auto *s = llvm::dyn_cast<DerivativeStmt>(&stmt)) {
      open("derivative", s->var);
      part("value", s->value);
    } else if (auto *s = llvm::dyn_cast<IfStmt>(&stmt)) {
      open("if");
      part("condition", s->condition);
      part("then", s->thenBody);
      part("else", s->elseBody);
    } else if (auto *s = llvm::dyn_cast<ForStmt>(&stmt)) {
      open("for", s->var);
      part("in", s->range);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<EventDecl>(&stmt)) {
      open("event", s->name);
      part("when", s->condition);
      part("slope", s->slope);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<OnStmt>(&stmt)) {
      open("on");
      part("event", s->event);
      part("every", s->every);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<HoldStmt>(&stmt)) {
      open("hold");
      part("target", s->target);
      part("for", s->duration);
    } else if (auto *s = llvm::dyn_cast<ApplyStmt>(&stmt)) {
      open("apply");
      part("rule", s->rule);
      part("to", s->target);
    } else if (auto *s = llvm::dyn_cast<ReturnStmt>(&stmt)) {
      open("return");
      part("value", s->value);
    } else if (auto *s = llvm::dyn_cast<KeepStmt>(&stmt)) {
      open("keep");
      part("target", s->target);
      part("value", s->value);
    } else if (auto *s = llvm::dyn_cast<PhaseDecl>(&stmt)) {
      open("phase", s->name);
      part("index", s->index);
      part("from", s->from);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<RunStmt>(&stmt)) {
      open("run");
      part("for", s->duration);
      part("until", s->until);
      for (const Block &with : s->with)
        part("with", with);
    } else if (auto *s = llvm::dyn_cast<TemplateStmt>(&stmt)) {
      static const char *const kinds[] = {"connection", "weight", "area",
                                          "hidden",     "output", "input"};
      static const char *const filters[] = {"", "to", "from", "between"};
      open(std::string("each ") + kinds[static_cast<int>(s->templateKind)], s->binder);
      part(filters[static_cast<int>(s->filter)], s->set);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<ExperimentDecl>(&stmt)) {
      static const char *const kinds[] = {"train", "test", "simulate"};
      open(kinds[static_cast<int>(s->experimentKind)]);
      part("network", s->network);
      part("on", s->source);
      part("as", s->alias);
      for (const Argument &option : s->options)
        part("option " + option.name.text, option.value);
      part("body", s->body);
    } else if (auto *s = llvm::dyn_cast<ProbeStmt>(&stmt)) {
      open("probe", s->name);
      part("values", s->values);
    } else if (auto *s = llvm::dyn_cast<ExprStmt>(&stmt)) {
      open("expression");
      part("value", s->value);
    }
    --depth;
  }

  const Sources &sources;
  llvm::raw_ostream &os;
  unsigned depth = 0;
};

} // namespace

void dump(const File &file, const Sources &sources, llvm::raw_ostream &os) {
  Dumper(sources, os).block(file.body);
}

} // namespace apical::ast
