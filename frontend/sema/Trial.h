//===- Trial.h - one trial of a network, tick by tick ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tick is a graph of values: each is computed when it is first asked for, so
// that the order of statements follows from what they read. A state has its
// value at the start of the tick for everybody but its own unit.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_TRIAL_H
#define APICAL_FRONTEND_SEMA_TRIAL_H

#include "frontend/sema/Network.h"
#include <memory>

namespace apical::sema {

struct Account;
struct Scope;
class RuleInstance;
class Tick;
class Trial;

using Place = std::pair<int, std::string>; ///< an area and one of its variables
using Values = std::map<Place, Field>;

/// Weights and other lasting arrays by symbol, and when they change (none: always).
struct Changes {
  std::map<std::string, Field> values;
  std::map<std::string, std::optional<Field>> when;
};

/// What a run changes while it lasts (semantics, 6.7). Each function is asked
/// once per tick and place.
class Intervention {
public:
  virtual ~Intervention() = default;
  /// What arrives at a port besides the connections.
  virtual std::optional<Field> arrival(Tick &, const Place &) { return std::nullopt; }
  /// What stands in place of an output, a `let` or a given value.
  virtual std::optional<Field> clamp(Tick &, const Place &,
                                     llvm::function_ref<Field()> /*otherwise*/) {
    return std::nullopt;
  }
  /// The state after one more update at the end of its body.
  virtual Field update(Tick &, const Place &, Field value) { return value; }
  /// A variable that the intervention adds to an area, in the tick or behind it.
  virtual std::optional<Field> own(Tick &, const Place &, bool /*ended*/) { return std::nullopt; }
  /// A variable that the intervention adds to the synapses of a connection.
  virtual std::optional<Field> ownSynapse(Tick &, int /*connection*/, bool /*bias*/,
                                          const std::string & /*name*/, bool /*ended*/) {
    return std::nullopt;
  }
  /// What the run adds to `error(area.variable)`.
  virtual std::optional<Field> messages(Tick &, const Place &) { return std::nullopt; }
  /// The weight as this run reads it.
  virtual Field weight(Tick &, const Connection &, const Weight &, Field value) { return value; }
};

/// What an experiment changes, and what a rule changes besides. Where both set a variable, the rule does.
class Both : public Intervention {
public:
  Both(Intervention &experiment, Intervention &rule) : experiment(experiment), rule(rule) {}
  std::optional<Field> arrival(Tick &, const Place &) override;
  std::optional<Field> clamp(Tick &, const Place &, llvm::function_ref<Field()> otherwise) override;
  Field update(Tick &, const Place &, Field value) override;
  std::optional<Field> own(Tick &, const Place &, bool ended) override;
  std::optional<Field> ownSynapse(Tick &, int connection, bool bias, const std::string &name,
                                  bool ended) override;
  std::optional<Field> messages(Tick &, const Place &) override;
  Field weight(Tick &, const Connection &, const Weight &, Field value) override;

private:
  Intervention &experiment, &rule;
};

/// One evaluation of the network.
class Tick {
public:
  /// `states`: the values of all states at the tick's start; `number` counts
  /// from the trial's start, of `total` ticks.
  Tick(Trial &trial, Values states, int64_t number, int64_t total, Intervention *with = nullptr,
       std::shared_ptr<const Changes> changed = nullptr);

  /// The value as other areas read it; nothing if the area has no such variable.
  std::optional<Field> variable(int area, llvm::StringRef name);
  /// Every area; afterwards `states` holds the values at the end.
  void finish();
  Field cost(const Cost &cost);
  /// A `let` or `given` of the network, at the moment at hand.
  Field scalar(const Scalar &s);
  /// `tick`, `ticks`, `first`, `last`: known when compiling.
  void addClock(Frame &frame) const;
  /// The value if it is there, or can be had without waiting for itself.
  std::optional<Field> available(int area, llvm::StringRef name);
  /// Of two things that arrive at an area.
  Field sum(const Field &, const Field &, int area) const;
  /// What the state of a unit is at the tick's end.
  Field ended(int area, const std::string &state);
  Intervention *intervention() const { return with; }
  /// What a connection delivers in the tick.
  Field conduct(const Connection &c);
  /// From now on the tick has the variables and errors of this.
  void attend(Intervention *more) { with = more; }
  /// The value that the variable of a unit would have if the main input were `drive`.
  Field respond(int area, llvm::StringRef name, const Field &drive, Span at);

  Values values; ///< what has been computed so far, as read from outside
  Values states; ///< of areas that are done: at the tick's end
  const int64_t number, total;
  /// What earlier ticks of the trial changed for good (`every n ticks`), or null.
  const std::shared_ptr<const Changes> changed;
  /// Nothing that it conducts is taken over from another tick: derivatives go through it.
  bool apart = false;

private:
  enum class Progress { None, Begun, Running, Done };
  void begin(int area);
  void run(int area);
  void execute(int area, size_t from, size_t count);
  void declare(int area, const ast::VarDecl &decl, Frame &frame);
  Field declared(int area, const ast::VarDecl &decl, const ast::VarDecl::Declarator &declarator,
                 Frame &frame);
  Frame unitFrame(int area);
  void assign(int area, const ast::AssignStmt &assign, Frame &frame);
  Field port(int area, const std::string &name);
  void inferDimension(const Connection &c, const Weight &w, const Field &source);
  void requireType(const ast::VarDecl::Declarator &d, const Field &value);
  /// One value for each unit, and for each sample if it varies over samples or
  /// `perSample` says that it does: reductions and errors count on both axes.
  Field own(Field value, Span at);
  Field perUnit(int area, const Field &value, Span at, llvm::StringRef name, bool perSample);
  [[noreturn]] void cycle(int area);

  Trial &trial;
  Intervention *with;
  std::vector<Progress> progress;
  std::map<int, Frame> frames; ///< of areas that have begun
  std::set<Place> computing;
  std::map<std::string, Field> costs;
  std::map<std::pair<std::string, bool>, Field> scalars; ///< in the tick, and behind it
  std::set<std::string> runningScalars;
};

/// A tick of what the experiment presents.
struct Presented {
  Tick *tick = nullptr;
  std::optional<Field> active; ///< the samples that it counts for; none: all
  /// What the blocks of the phase that it belongs to do in it, or null.
  std::shared_ptr<const std::vector<Scope>> with;
  std::string phase;
};

/// One trial of a network inside the step that is being built.
class Trial {
public:
  Trial(const Network &network, Evaluator &ev, States &declared);
  ~Trial();

  /// Where names are looked up: in a tick, or behind it, where states have
  /// their new values.
  struct Moment {
    Tick *tick = nullptr;
    const Values *ended = nullptr;
    const Changes *changed = nullptr; ///< if not those that the tick starts with
  };

  /// Values that the experiment binds, by "area.variable".
  std::map<std::string, Field> bindings;
  /// How the experiment presents: where it stands, and for how many ticks.
  void announce(Span at, int64_t ticks) {
    experiment = at;
    count = ticks;
  }
  /// The rows of an `item` state that belong to the batch; nothing where none are kept.
  std::function<std::optional<Field>(const Area &, const State &)> items;
  /// The value that a state leaves behind; requires `learn`.
  const Field &persisting(int area, const State &state) const {
    return left.at({area, state.name});
  }
  /// What synapses read of a variable: its components, of one unit or common to the area, as units.
  Field asEndpoint(const Field &value, int area, const std::string &variable);
  /// The reverse: what arrives at a variable, by synapse.
  Field fromEndpoint(const Field &value, int area, const std::string &variable);
  /// The number of each unit in its area.
  Field position(int area, Span at);
  /// The plain presentation. Requires the bindings.
  void run();
  /// Instead of it, the phases of the experiment have presented these ticks, and left these states.
  void shape(RuleInstance &by, std::vector<Presented> presented, const Values &states);
  /// Instantiates every learn line; afterwards the new weights are written.
  void learn();

  /// The values of all states at a reset.
  const Values &initialStates();
  /// The sum of a cost over the ticks of the plain presentation.
  Field overTrial(const ast::Expr &cost, int part);
  int64_t length() const { return count; }
  /// Names of the network and its costs have their values at this moment from now on.
  void conclude(Moment end);
  /// `label.rate`, costs and arguments at the moment at hand, for expressions
  /// at the level of the network, or of a network that is a part of it.
  Frame networkFrame(int part = 0);
  /// The value of a weight or of another lasting array at the start of the step.
  Field read(const std::string &symbol);
  /// What says which synapses of a connection there are; empty if all are, as biases.
  std::function<Field()> maskOf(const Connection &c, bool bias);
  /// At the moment at hand.
  std::optional<Field> variable(int area, llvm::StringRef name);

  Moment now;
  /// Looks names up at another moment while it lives.
  class At {
  public:
    At(Trial &trial, Moment moment) : trial(trial), before(trial.now) { trial.now = moment; }
    ~At() { trial.now = before; }
    At(const At &) = delete;

  private:
    Trial &trial;
    Moment before;
  };

  std::map<std::string, Field> costs; ///< at the trial's end, by name
  Account *account = nullptr;         ///< where to note what is found out, or null

private:
  friend class Tick;
  friend class RuleInstance;
  friend class Phases;

  /// What a copy that a tick has of its own was taken of.
  mlir::Value original(mlir::Value v) const {
    auto it = originals.find(v);
    return it == originals.end() ? v : it->second;
  }

  const Network &net;
  Evaluator &ev;
  States &states;
  Span experiment;
  Moment concluded;                                 ///< where `costs` are from
  llvm::DenseMap<mlir::Value, const Tick *> owners; ///< the tick whose variable a value is
  llvm::DenseMap<mlir::Value, mlir::Value> originals;
  int64_t count = 1;                        ///< ticks of the presentation
  std::vector<Presented> ticks;             ///< of the presentation
  std::vector<std::unique_ptr<Tick>> plain; ///< those that no phase has run
  RuleInstance *shaped = nullptr;           ///< the phases of the experiment, if it has some
  std::optional<Values> initial;
  Values end;  ///< states at the end of the plain presentation
  Values left; ///< states that persist: those, or those behind the phases of every rule
  std::map<std::string, Field> reads;
  /// What connections conducted, by connection, source and weights: inputs that
  /// stay are conducted once in a trial.
  std::map<std::vector<const void *>, Field> conducted;
  Changes updates; ///< new values of lasting arrays, written at the end
  std::vector<std::string> updateOrder;
  /// The rules that change a weight, to which what it is kept at must be as local.
  std::map<std::string, std::vector<RuleInstance *>> changedBy;
  std::vector<std::unique_ptr<RuleInstance>> lines;
  std::map<std::string, Span> assigned; ///< weights that a rule sets, and where
  /// Warns of costs for which nothing learns.
  void findUnservedCosts();
  /// Decides what states leave behind, given the ends of each line's phases if all have some.
  void persist(const std::vector<std::pair<const Learn *, Values>> &behind);
  /// Projects what connections keep, where `changes` say that it changed; and what is kept for synapses stays 0 where
  /// there is none.
  void keep(Changes &changes);
};

} // namespace apical::sema
#endif
