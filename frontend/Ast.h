//===- Ast.h - the text of a program as a tree ------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The whole language as it is written, before any meaning is given to it: the
/// parser accepts each construct wherever the grammar does, and the checker
/// says what is meaningful where. Every node knows its place in the source.
/// Nodes are owned by an `Ast` and refer to each other by plain pointers.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_AST_H
#define APICAL_FRONTEND_AST_H

#include "frontend/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Casting.h"
#include <memory>
#include <string>
#include <vector>

namespace apical::ast {

struct Name {
  std::string text;
  Span span;
  explicit operator bool() const { return !text.empty(); }
};

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

enum class ExprKind { Number, Bool, String, Name, Member, Call, Index, At, Unary, Binary, Array };

struct Expr {
  const ExprKind kind;
  Span span;
  bool parenthesised = false;
  virtual ~Expr() = default;

protected:
  explicit Expr(ExprKind kind) : kind(kind) {}
};

/// Defines `classof`, so that llvm::isa, cast and dyn_cast work.
template <typename Base, auto Kind> struct Node : Base {
  Node() : Base(Kind) {}
  static bool classof(const Base *node) { return node->kind == Kind; }
};

/// `20 ms`: value 20, unit "ms". The unit is as written; Dimension.h reads it.
struct NumberExpr : Node<Expr, ExprKind::Number> {
  double value = 0;
  std::string unit;
};
struct BoolExpr : Node<Expr, ExprKind::Bool> {
  bool value = false;
};
struct StringExpr : Node<Expr, ExprKind::String> {
  std::string value;
};
struct NameExpr : Node<Expr, ExprKind::Name> {
  std::string name;
};
/// `base.member`; `member` is "*" in `core.*`.
struct MemberExpr : Node<Expr, ExprKind::Member> {
  Expr *base = nullptr;
  Name member;
};
struct Argument {
  Name name;          ///< empty if positional
  bool drawn = false; ///< `w ~ normal(0, 1)`
  Expr *value = nullptr;
};
struct CallExpr : Node<Expr, ExprKind::Call> {
  Expr *callee = nullptr;
  std::vector<Argument> args;
};
struct IndexExpr : Node<Expr, ExprKind::Index> {
  Expr *base = nullptr;
  std::vector<Expr *> indices;
};
/// `e@phase`; `e@phase[y]` is an IndexExpr around this.
struct AtExpr : Node<Expr, ExprKind::At> {
  Expr *base = nullptr;
  Name phase;
};
enum class UnaryOp { Minus, Not };
struct UnaryExpr : Node<Expr, ExprKind::Unary> {
  UnaryOp op{};
  Expr *operand = nullptr;
};
enum class BinaryOp { Pow, Mul, Div, Add, Sub, Range, Eq, Ne, Lt, Le, Gt, Ge, And, Or };
struct BinaryExpr : Node<Expr, ExprKind::Binary> {
  BinaryOp op{};
  Expr *lhs = nullptr, *rhs = nullptr;
};
/// `[a, b]`.
struct ArrayExpr : Node<Expr, ExprKind::Array> {
  std::vector<Expr *> elements;
};

//===----------------------------------------------------------------------===//
// Statements and declarations
//===----------------------------------------------------------------------===//

enum class StmtKind {
  Use,
  Const,
  Param,
  Fn,
  Unit,
  Synapse,
  Rule,
  Optimizer,
  Network,
  Data,
  Area,
  Connect,
  Part,
  Cost,
  Learn,
  Var,
  Assign,
  Derivative,
  If,
  For,
  Event,
  On,
  Hold,
  Apply,
  Return,
  Keep,
  Phase,
  Run,
  Template,
  Experiment,
  Measure,
  Probe,
  Expr,
};

struct Stmt {
  const StmtKind kind;
  Span span;
  std::string doc; ///< text of the `///` lines above, joined by newlines
  virtual ~Stmt() = default;

protected:
  explicit Stmt(StmtKind kind) : kind(kind) {}
};
using Block = std::vector<Stmt *>;

/// `name : type = default`.
struct Parameter {
  Name name;
  Expr *type =
      nullptr; ///< `cost`, `signal`, `network`, a dimension, `like(grad)`; null if not given
  Expr *init = nullptr; ///< null if required
};

struct UseDecl : Node<Stmt, StmtKind::Use> {
  Name name;
};
struct ConstDecl : Node<Stmt, StmtKind::Const> {
  Name name;
  Expr *value = nullptr;
};
struct ParamDecl : Node<Stmt, StmtKind::Param> {
  Name name;
  Expr *type = nullptr;
  Expr *value = nullptr;
};

/// What fn, unit, synapse, rule, optimizer and network have in common.
struct Definition : Stmt {
  Name name;
  std::vector<Parameter> params;
  Block body;
  static bool classof(const Stmt *s) {
    return s->kind >= StmtKind::Fn && s->kind <= StmtKind::Network;
  }

protected:
  using Stmt::Stmt;
};
template <StmtKind Kind> struct DefinitionNode : Definition {
  DefinitionNode() : Definition(Kind) {}
  static bool classof(const Stmt *s) { return s->kind == Kind; }
};
using FnDecl = DefinitionNode<StmtKind::Fn>;
using UnitDecl = DefinitionNode<StmtKind::Unit>;
using SynapseDecl = DefinitionNode<StmtKind::Synapse>;
struct RuleDecl : DefinitionNode<StmtKind::Rule> {
  std::vector<Name> localities; ///< `: feedback, modulated`
};
using OptimizerDecl = DefinitionNode<StmtKind::Optimizer>;
using NetworkDecl = DefinitionNode<StmtKind::Network>;

/// `data NAME = value` and `data NAME = ring(n) { columns }`.
struct DataDecl : Node<Stmt, StmtKind::Data> {
  Name name;
  Expr *value = nullptr;
  Block columns; ///< one ExprStmt or AssignStmt per column of a `ring`
};

/// `area h[1..7][240] : unit(args) { given target }`.
struct AreaDecl : Node<Stmt, StmtKind::Area> {
  Name name;
  BinaryExpr *family = nullptr; ///< `1..7`, or null
  std::vector<Expr *> shape;    ///< empty: one unit
  Expr *unit = nullptr;         ///< NameExpr or CallExpr
  Block body;
};
/// `connect from -> to : topology of synapse as NAME { body }`.
struct ConnectDecl : Node<Stmt, StmtKind::Connect> {
  Expr *from = nullptr, *to = nullptr; ///< paths, or `error(path)` in a rule
  Expr *topology = nullptr;            ///< NameExpr or CallExpr
  Expr *synapse = nullptr;             ///< null: `linear`
  Name name;
  Block body;
};
struct PartDecl : Node<Stmt, StmtKind::Part> {
  Name name;
  Expr *value = nullptr; ///< `net(args)` or `tied(p)`
};
struct CostDecl : Node<Stmt, StmtKind::Cost> {
  Name name;
  Expr *value = nullptr;
};
struct LearnDecl : Node<Stmt, StmtKind::Learn> {
  Expr *subject = nullptr; ///< null if none
  std::vector<Expr *> in;  ///< empty: every weighted connection with a path
  std::vector<Expr *> through;
  Expr *rule = nullptr; ///< NameExpr or CallExpr
  struct Use {
    Name target; ///< `B` in `with B: OPTIMIZER(0.05)`, empty for the main one
    Expr *optimizer = nullptr;
  };
  std::vector<Use> with;
  Expr *every = nullptr;     ///< `2 trials`: a NumberExpr, or an expression
  Expr *condition = nullptr; ///< `while`
  Name name;                 ///< `as`
};

enum class VarKind { Input, Given, State, Weight, Let, Output, Item };
/// `shared state xi ~ normal(0, 1), y = 0`. `Output` and `Item` are kinds only when no other kind stands
/// there (`output rate = x`, `item rate`).
struct VarDecl : Node<Stmt, StmtKind::Var> {
  VarKind varKind{};
  bool isOutput = false, isCommon = false, isShared = false, isLasting = false, isItem = false;
  struct Declarator {
    Name name;
    std::vector<Expr *> components; ///< `x[3]`
    Expr *type = nullptr;           ///< `v : voltage`
    enum class Init { None, Value, Draw } initKind = Init::None;
    Expr *init = nullptr;
  };
  std::vector<Declarator> vars;
};
enum class AssignOp { Set, Add, Sub, Draw };
struct AssignStmt : Node<Stmt, StmtKind::Assign> {
  Expr *target = nullptr;
  AssignOp op{};
  Expr *value = nullptr;
};
/// `dv/dt = e`; `var` is `v`.
struct DerivativeStmt : Node<Stmt, StmtKind::Derivative> {
  Name var;
  Expr *value = nullptr;
};
struct IfStmt : Node<Stmt, StmtKind::If> {
  Expr *condition = nullptr;
  Block thenBody, elseBody;
};
/// `for k in 1..6 { … }`, `for u in units { … }`.
struct ForStmt : Node<Stmt, StmtKind::For> {
  Name var;
  Expr *range = nullptr;
  Block body;
};
struct EventDecl : Node<Stmt, StmtKind::Event> {
  Name name;
  Expr *condition = nullptr;
  Expr *slope = nullptr;
  bool hasBody = false;
  Block body;
};
/// `on pre.spike { … }`, `on every 4 ticks { … }`.
struct OnStmt : Node<Stmt, StmtKind::On> {
  Expr *event = nullptr; ///< null if periodic
  Expr *every = nullptr;
  Block body;
};
struct HoldStmt : Node<Stmt, StmtKind::Hold> {
  Expr *target = nullptr;
  Expr *duration = nullptr;
};
struct ApplyStmt : Node<Stmt, StmtKind::Apply> {
  Expr *rule = nullptr;
  Expr *target = nullptr;
};
struct ReturnStmt : Node<Stmt, StmtKind::Return> {
  Expr *value = nullptr;
};
struct KeepStmt : Node<Stmt, StmtKind::Keep> {
  Expr *target = nullptr;
  Expr *value = nullptr;
};
struct PhaseDecl : Node<Stmt, StmtKind::Phase> {
  Name name;
  Expr *index = nullptr; ///< `phase p[y]`
  Expr *from = nullptr;  ///< NameExpr (`start` or a phase) or IndexExpr; null if not given
  Block body;
};
enum class TemplateKind { Connection, Weight, Area, Hidden, Output, Input };
/// `each connection to hidden { … }`, `each weight p { … }`, `each area r to output { … }`.
struct TemplateStmt : Node<Stmt, StmtKind::Template> {
  TemplateKind templateKind{};
  Name binder; ///< empty for connections
  enum class Filter { None, To, From, Between } filter = Filter::None;
  Name set; ///< `hidden`, `output`, …
  Block body;
};
struct RunStmt : Node<Stmt, StmtKind::Run> {
  Expr *duration = nullptr; ///< null: the trial
  Expr *until = nullptr;
  /// `with { … }` has one TemplateStmt-free block; `with each … { … }` one TemplateStmt.
  std::vector<Block> with;
};
enum class ExperimentKind { Train, Test, Simulate };
struct ExperimentDecl : Node<Stmt, StmtKind::Experiment> {
  ExperimentKind experimentKind{};
  Expr *network = nullptr;
  Expr *source = nullptr; ///< after `on`, null if none
  Name alias;             ///< after `as`
  std::vector<Argument> options;
  Block body;
};
struct MeasureStmt : Node<Stmt, StmtKind::Measure> {
  Name name;
  Expr *value = nullptr;
};
struct ProbeStmt : Node<Stmt, StmtKind::Probe> {
  std::vector<Expr *> values;
  Name name; ///< `probe NAME = e`, or empty for `probe a.x, b.y`
};
struct ExprStmt : Node<Stmt, StmtKind::Expr> {
  Expr *value = nullptr;
};

/// One source file.
struct File {
  uint32_t id = 0;
  Block body;
};

/// Owns every node of a compilation.
class Ast {
public:
  template <typename T> T *make(Span span) {
    auto node = std::make_unique<T>();
    T *raw = node.get();
    raw->span = span;
    if constexpr (std::is_base_of_v<Expr, T>)
      exprs.push_back(std::move(node));
    else
      stmts.push_back(std::move(node));
    return raw;
  }

private:
  std::vector<std::unique_ptr<Expr>> exprs;
  std::vector<std::unique_ptr<Stmt>> stmts;
};

/// Text again, in canonical spacing: for messages, `explain` and `--emit=ast`.
std::string toString(const Expr &expr);
/// The tree, one node a line, indented: `apical emit ast`.
void dump(const File &file, const Sources &sources, llvm::raw_ostream &os);

} // namespace apical::ast

namespace apical {
/// Parses source file `file`; reports every independent error; always returns what could be understood.
ast::File parse(uint32_t file, const Sources &sources, ast::Ast &ast, Diagnostics &diags);
/// `apical emit tokens`: one token a line, with its place.
void dumpTokens(uint32_t file, const Sources &sources, Diagnostics &diags, llvm::raw_ostream &os);
} // namespace apical
#endif
