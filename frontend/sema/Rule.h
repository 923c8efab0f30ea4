//===- Rule.h - a learn line: its rule instantiated over the graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_RULE_H
#define APICAL_FRONTEND_SEMA_RULE_H

#include "frontend/sema/Phases.h"

namespace apical::sema {

struct LearnAccount;
struct WeightChange;

/// Does every path through this operation end at a `stop`?
bool isBarrier(mlir::Operation *op);

/// One learn line: its rule instantiated over the connections of its scope.
class RuleInstance {
public:
  RuleInstance(Trial &trial, const Learn &learn);
  ~RuleInstance();
  void instantiate();

private:
  friend class Phases;
  friend class RunTick;
  struct Target { ///< a weight that a rule may change
    std::string symbol;
    Field value;
    std::string owner; ///< the connection or area that it belongs to
    std::string name;
    bool bias = false, ownedByRule = false;
    std::optional<Field> gradient, direct;
    Span at;
  };
  /// The rule's connections, phases, `let`s and templates.
  void instantiateBody();
  void findScope();
  void openAccount();
  const ast::Block *blockOf(const ast::TemplateStmt &t) const;
  void note(WeightChange &change, const Field &value);
  /// Where the account says how this weight changes; null without account and for weights of units.
  WeightChange *noted(const Target &t);
  void keepDirections(const Target &t);
  void connectSets(const ast::ConnectDecl &decl);
  /// error(area.variable) as this rule delivers it; shape of the variable.
  std::optional<Field> error(int area, const std::string &variable, Span at);
  bool dependsOn(mlir::Value y, mlir::Value x) const;
  std::optional<Field> directError(int area, const std::string &variable, Span at);
  void eachWeight(const ast::TemplateStmt &t);
  bool applies(const ast::TemplateStmt &t, const Connection &c) const;
  Frame synapseFrame(const Connection &c, bool bias);
  /// What a block over areas sees: `h.rate`, `error(h.drive)`, values at phases.
  Frame areaFrame(int area, const std::string &binder);
  /// `hops(post, SET)`: the connections between an area and the nearest of a set.
  std::optional<Field> hops(const ast::Expr &e, const Connection &c);
  /// The subject at the tick at hand.
  std::optional<Field> costHere();
  /// Where the statements of a template stand: once per area, or per connection and its biases.
  std::vector<Scope> scopesOf(const ast::TemplateStmt &t) const;
  /// Names of areas in a block, and the axis on which their units vary there.
  struct End {
    int area;
    Axis axis;
    bool none = false; ///< `pre` of a bias
  };
  using Ends = std::map<std::string, End>;
  /// `h.rate(e)` and `d(y, x)`.
  std::optional<Field> call(const ast::CallExpr &e, Frame &frame, const Ends &ends);
  Field response(const ast::CallExpr &e, const ast::MemberExpr &callee, Frame &frame,
                 const End &end);
  Field localDerivative(const ast::CallExpr &e, Frame &frame, const Ends &ends);
  /// What the model's structure answers: `links(pre, hidden)`, `stateful(a)`, …
  std::optional<Field> structure(const ast::CallExpr &e, const Ends &ends);
  bool symmetric(const Connection &c) const;
  /// `assume(…)`; null for other statements.
  static const ast::CallExpr *assumption(const ast::Stmt &s);
  void checkAssumptions();
  /// What the rule declares for the synapses of a connection, at the moment at hand.
  std::optional<Field> synapseValue(int connection, bool bias, const std::string &name);
  /// The weights and states that templates declare: phases may read them.
  void declareOwn(const ast::TemplateStmt &t);
  void declareState(int connection, bool bias, const ast::VarDecl &v);
  void declareAreaState(int area, const ast::VarDecl &v, const std::string &binder);
  /// `let gain = e` of the rule itself.
  void ruleLet(const ast::VarDecl &v);
  void ruleState(const ast::VarDecl &v);
  /// The derivative of the mean over the batch of `y` by a weight, through everything.
  Field exactGradient(const Field &y, const Field &weight, Span at);
  Target &target(const Connection &c, llvm::StringRef name, bool bias);
  /// A weight that the rule declares for the units of an area.
  Target &target(int area, llvm::StringRef name);
  std::string areaSymbol(int area, llvm::StringRef name) const;
  void declareAreaWeight(int area, const ast::VarDecl::Declarator &d);
  void contribute(Target &t, const Field &value, ast::AssignOp op, bool gradient, Span at);
  void checkLocality(const Field &f, Span at);
  /// Decides when the line acts: its `while` and its `every`.
  void openGate();
  /// `every n ticks`: changes the weights inside the trial.
  void endTick();
  void updateInTrial();
  /// Applies what was collected, to the values at hand.
  void applyAll();
  /// Changes one weight: directly, or as its optimizer says.
  void apply(Target &t);
  const ast::Expr *optimizerOf(const Target &t) const;
  Field accumulated(const Target &t, const std::string &base);
  Field optimised(Target &t, const ast::Expr &chosen);
  /// The new value of a state of the line, or of a weight, where the line acts.
  void write(const std::string &symbol, const Field &old, Field value,
             const std::optional<Field> &gate, Span at);
  Field ownWeight(const Connection &c, const ast::VarDecl::Declarator &d);
  bool inSet(int area, llvm::StringRef set) const;

  Trial &trial;
  Evaluator &ev;
  const Network &net;
  const Learn &learn;
  const ast::RuleDecl *rule = nullptr;
  std::map<std::string, Field> args;
  std::string costParameter;
  std::optional<Field> cost;
  unsigned declared = 0;
  std::set<int> scope, plastic; ///< connections; those of `in`
  std::set<int> areas, outputs, readByCost;
  LearnAccount *account = nullptr;
  std::map<std::tuple<const Tick *, int, std::string>, std::optional<Field>> errors;
  std::map<const Tick *, std::optional<Field>> costs; ///< of the subject, by tick
  Phases phases{*this};
  SynapseValues synapseStates; ///< outside phases
  Values areaStates;
  std::unique_ptr<RunTick> outside; ///< what stands outside phases, at the end of the presentation
  std::shared_ptr<ast::TemplateStmt> whole; ///< of a rule that is plain synapse statements
  std::set<std::tuple<const Tick *, int, std::string>> running; ///< errors under way
  std::set<std::string> ruleWeights;                            ///< "connection.B", "area.c"
  struct Route {
    int from;
    std::string fromVariable;
    bool fromError; ///< the error of that variable is sent, not the variable
    int to;
    std::string toVariable;
    std::string symbol;
    Span at;
  };
  std::vector<Route> routes;
  std::optional<Field> active, acts; ///< `while` holds; and an update is due. None: always
  bool gradients = false;            ///< some were added to
  std::optional<Field> trials;       ///< of `every`, if it is more than one
  int64_t everyTicks = 0;            ///< of `every n ticks`; 0: updates stand at the trial's end
  int64_t waited = 0;                ///< ticks with gradients since the last update
  std::shared_ptr<const Changes> changed; ///< what updates inside the trial have made
  Changes *changing = nullptr;            ///< what the update under way writes, if inside the trial
  std::optional<Field> counted;           ///< the number of the update under way
  std::map<std::string, Target> targets;
  std::vector<std::string> targetOrder;
};

} // namespace apical::sema
#endif
