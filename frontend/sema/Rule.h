//===- Rule.h - a learn line: its rule instantiated over the graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_RULE_H
#define APICAL_FRONTEND_SEMA_RULE_H

#include "frontend/sema/Phases.h"
#include <deque>

namespace apical::sema {

struct LearnAccount;
struct WeightChange;

/// Does a value depend on what happens in this trial, beyond the clock and the parameters?
bool dependsOnTrial(const Field &f);

/// Does every path through this operation end at a `stop`?
bool isBarrier(mlir::Operation *op);

/// One learn line: its rule instantiated over the connections of its scope.
class RuleInstance {
public:
  RuleInstance(Trial &trial, const Learn &learn);
  RuleInstance(const RuleInstance &) = delete;
  ~RuleInstance();
  void instantiate();
  /// A weight that this line changed is then kept at `value`, which must be as local as the rule.
  void keeps(const std::string &symbol, const Field &value, const ast::KeepStmt &statement);
  /// The phases and loops of an experiment, which shape its trial. `source` gives the names of its data.
  void present(const ast::Block &body,
               std::function<std::optional<Field>(const ast::Expr &)> source);
  /// What an expression at the level of the rule or experiment sees.
  Frame ruleFrame();
  /// The last phase that is no member of a loop, if there is one.
  std::optional<Trial::Moment> lastPhase() const { return phases.lastMoment(); }
  /// The ticks from the trial's start to the end of that phase.
  std::vector<Presented> presented() const { return phases.presented(); }
  /// The states behind the last phase; null if the rule has none. Requires `instantiate`.
  const Values *behind() const { return phases.behind(); }

private:
  friend class Phases;
  friend class RunTick;
  std::function<Field(const ast::AtExpr &, Frame &, const ast::IndexExpr *)> phaseReader() {
    return [this](const ast::AtExpr &e, Frame &f, const ast::IndexExpr *index) {
      return phases.at(e, f, index);
    };
  }
  /// "the rule `x`": for messages.
  std::string who() const;
  [[noreturn]] void lacks(int area, const std::string &variable, const std::string &written,
                          Span at, llvm::StringRef verb = "reads");
  /// Whoever speaks of the error of a variable means one that there is.
  void requireErrorOf(int area, const std::string &variable, const std::string &written, Span at,
                      llvm::StringRef verb = "reads");
  /// Phases, `let`s, assignments and loops, in the order of the text.
  void statement(const ast::Stmt &s);
  void announce(const ast::Stmt &s);
  void loop(const ast::ForStmt &f);
  void loopBody(const ast::ForStmt &f, Loop l);
  void loopAssign(const ast::AssignStmt &s);
  Axis newLoopAxis(const ast::ForStmt &f);
  /// `u.drive` where u is the variable of a loop.
  std::optional<Field> loopMember(const ast::Expr &e);
  /// `mean(areas.x)`: over the units of all areas of a set.
  std::optional<Field> overSet(const ast::CallExpr &e, Frame &frame);
  struct Target { ///< a weight that a rule may change
    std::string symbol;
    Field value;
    std::string owner; ///< the connection or area that it belongs to
    std::string name;
    int connection = -1, area = -1; ///< of the network, if the weight is of one
    bool bias = false, ownedByRule = false;
    std::optional<Field> gradient, direct; ///< since the last update
    bool graded = false;                   ///< some gradient was added to
    std::optional<Span> added, set;        ///< statements that change it directly
    Span at;
  };
  /// The rule's connections, phases, `let`s and templates.
  void instantiateBody();
  void requireNumbers(const ast::RuleDecl &declared, llvm::ArrayRef<ast::Argument> given);
  void bindSignal(const std::string &name, Field &value);
  void findScope();
  void openAccount();
  const ast::Block *blockOf(const ast::TemplateStmt &t) const;
  void note(WeightChange &change, const Field &value);
  /// Where the account says how this weight changes; null without account and for weights of units.
  WeightChange *noted(const Target &t);
  void keepDirections(const Target &t);
  /// Connections of the rule's own. `area` is the one that a template calls `binder`.
  void connectOwn(const ast::ConnectDecl &decl, int area = -1, llvm::StringRef binder = "");
  /// Declares a weight of the rule, with its first value.
  void declareWeight(const std::string &symbol, const Connection &c, const ast::Expr *value,
                     Span at);
  /// Does a template over areas declare this variable for the area?
  bool declares(int area, llvm::StringRef variable, bool input) const;
  /// error(area.variable) as this rule delivers it; shape of the variable.
  std::optional<Field> error(int area, const std::string &variable, Span at);
  bool dependsOn(mlir::Value y, mlir::Value x) const;
  /// Is the value a variable of a tick, and not of this one?
  bool ofOtherTick(mlir::Value v, const Tick &tick) const;
  bool isWeight(const Field &f) const;
  Field throughPool(const Connection &c, const Field &source, const Field &behind, Span at);
  std::optional<Field> directError(int area, const std::string &variable, Span at);
  /// The error of a variable to which nothing arrives: 0, which is noted.
  Field noError(int area, const std::string &variable, Span at);
  std::vector<std::string> readOf(int area);
  void warnOfSilence();
  void eachWeight(const ast::TemplateStmt &t);
  bool applies(const ast::TemplateStmt &t, const Connection &c) const;
  bool applies(const ast::TemplateStmt &t, int area) const;
  Frame synapseFrame(const Connection &c, bool bias);
  /// What a block over areas sees: `h.rate`, `error(h.drive)`, values at phases.
  Frame areaFrame(int area, const std::string &binder);
  /// `hops(post, SET)`: the connections between an area and the nearest of a set.
  std::optional<Field> hops(const ast::Expr &e, const Connection &c);
  /// The subject at the tick at hand.
  std::optional<Field> costHere();
  /// Where the statements of a template stand: once per area, or per connection and its biases.
  std::vector<Scope> scopesOf(const ast::TemplateStmt &t) const;
  /// An area that a block names: as it is, or as the synapses of a connection see it.
  struct End {
    int area;
    const Connection *connection = nullptr;
    bool pre = false;
    bool none = false; ///< `pre` of a bias
    bool windowed() const { return connection && connection->windowed(); }
  };
  using Ends = std::map<std::string, End>;
  /// `h.rate(e)` and `d(y, x)`.
  std::optional<Field> call(const ast::CallExpr &e, Frame &frame, const Ends &ends);
  Field response(const ast::CallExpr &e, const ast::MemberExpr &callee, Frame &frame,
                 const End &end);
  Field localDerivative(const ast::CallExpr &e, Frame &frame, const Ends &ends);
  std::optional<Field> derivativeOfUnits(const ast::CallExpr &e, const Ends &ends);
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
  Field declareLasting(const std::string &symbol, const ast::VarDecl::Declarator &d, Extent extent,
                       const std::string &mask);
  void writeLasting();
  void accountOwn(const ast::TemplateStmt &t, const Scope &s);
  void declareAreaState(int area, const ast::VarDecl &v, const std::string &binder);
  /// `let gain = e` of the rule itself.
  void ruleLet(const ast::VarDecl &v);
  /// A state of the rule itself: one per sample, or one, and of one trial, or lasting.
  void ruleState(const ast::VarDecl &v);
  void ruleAssign(const ast::AssignStmt &s);
  /// The derivative of the mean over the batch of `y` by a weight, through everything.
  Field exactGradient(const Field &y, const Field &weight, Span at);
  Target &target(const Connection &c, llvm::StringRef name, bool bias);
  /// A weight that the rule declares for the units of an area.
  Target &target(int area, llvm::StringRef name);
  std::string areaSymbol(int area, llvm::StringRef name) const;
  void declareAreaWeight(int area, const ast::VarDecl::Declarator &d);
  void contribute(Target &t, const Field &value, ast::AssignOp op, bool gradient, Span at);
  /// `user` is what needs it besides the rule: its optimizer, say.
  void checkLocality(const Field &f, Span at, const llvm::Twine &user = {});
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
  /// Each is for a weight that there is, and for no more than one use.
  void checkOptimizers() const;
  Field accumulated(const Target &t, const std::string &base);
  Field optimised(Target &t, const ast::Expr &chosen);
  void runOptimizer(const ast::OptimizerDecl &optimizer, Frame &frame,
                    const std::map<std::string, std::string> &own,
                    const std::map<std::string, Field> &old);
  void inferDimensions(const ast::OptimizerDecl &optimizer, Frame frame,
                       const std::map<std::string, std::string> &own,
                       std::map<std::string, Field> &old);
  /// The new value of a state of the line, or of a weight, where the line acts.
  Field counted(const std::string &symbol, const Field &more, Span at);
  void write(const std::string &symbol, const Field &old, Field value,
             const std::optional<Field> &gate, Span at);
  void ownWeight(const Connection &c, const ast::VarDecl::Declarator &d);
  /// A weight that the rule declares: one per weight element, so that tied synapses share it.
  std::string ownSymbol(const Connection &c, llvm::StringRef name) const;
  bool inSet(int area, llvm::StringRef set) const;
  void checkSet(const ast::Name &set) const;
  /// Of the network, or behind those of the network the rule's own.
  const Connection &connection(int index) const;
  int indexOf(const Connection &c) const;

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
  std::set<int> areas, outputs, senders, readByCost;
  std::vector<Loop> loops; ///< whose bodies are being run, outermost first
  int loopAxes = 0;        ///< taken by loops so far
  bool learns = true;      ///< false for the phases of an experiment
  std::function<std::optional<Field>(const ast::Expr &)> source; ///< names of an experiment's data
  LearnAccount *account = nullptr;
  std::map<std::tuple<const Tick *, int, std::string>, std::optional<Field>> errors;
  std::map<const Tick *, std::optional<Field>> costs; ///< of the subject, by tick
  Phases phases{*this};
  SynapseValues synapseStates; ///< outside phases
  Values areaStates;
  struct OwnState {     ///< of the rule itself; its value now is in `args`
    std::string symbol; ///< empty unless it lasts
    Field before;
    Span at;
  };
  std::map<std::string, OwnState> ownStates;
  struct LastingState { ///< of units or of synapses
    std::string symbol, name;
    int area, connection;
    bool bias;
    Field before;
    Span at;
  };
  std::vector<LastingState> lastingStates;
  std::unique_ptr<RunTick> outside; ///< what stands outside phases, at the end of the presentation
  std::unique_ptr<Intervention> besides;    ///< that, and what the experiment does in this tick
  std::shared_ptr<ast::TemplateStmt> whole; ///< of a rule that is plain synapse statements
  std::set<std::tuple<const Tick *, int, std::string>> running; ///< errors under way
  struct Silent {
    int area;
    std::string variable;
    Span at; ///< where its error is read
  };
  std::vector<Silent> silent;
  std::set<std::string> ruleWeights; ///< "connection.B", "area.c"
  /// A connection that the rule makes: from a variable or its error, to an input of the rule's or the
  /// error of a variable.
  struct OwnConnection {
    Connection made;
    bool fromError, toError;
    std::string owner; ///< what `with NAME: …` calls it
  };
  /// What arrives over it at each unit; nothing if nothing is sent.
  std::optional<Field> conducted(const OwnConnection &c);
  const OwnConnection *own(const Connection &c) const;
  std::deque<OwnConnection> ownConnections;
  std::optional<Field> active, acts; ///< `while` holds; and an update is due. None: always
  bool gradients = false;            ///< some were added to
  std::optional<Field> trials;       ///< of `every`, if it is more than one
  int64_t everyTicks = 0;            ///< of `every n ticks`; 0: updates stand at the trial's end
  int64_t waited = 0;                ///< ticks with gradients since the last update
  std::shared_ptr<const Changes> changed; ///< what updates inside the trial have made
  Changes *changing = nullptr;            ///< what the update under way writes, if inside the trial
  std::optional<Field> update;            ///< the number of the update under way
  std::map<std::string, Target> targets;
  std::vector<std::string> targetOrder;
};

} // namespace apical::sema
#endif
