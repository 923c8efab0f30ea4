//===- Phases.h - the phases of a learn line ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A phase is a run of ticks that starts from a known state and in which a rule
// may intervene. Its statements are a graph like those of the network: each is
// evaluated when a value that it makes is first asked for.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_PHASES_H
#define APICAL_FRONTEND_SEMA_PHASES_H

#include "frontend/sema/Trial.h"

namespace apical::sema {

class RuleInstance;

/// A variable that a rule declares for synapses: connection, bias, name.
using SynapsePlace = std::tuple<int, bool, std::string>;
using SynapseValues = std::map<SynapsePlace, Field>;

/// A loop whose body is being run. Its members lie beside each other on an axis; areas and connections, which differ in
/// size, are taken one by one.
struct Loop {
  std::string variable;
  const ast::ForStmt *decl = nullptr;
  bool numbers = false, units = false; ///< else over areas or synapses
  Axis axis{}, postAxis{};             ///< of synapses: by pre and by post
  int64_t size = 0, first = 0;
  int area = -1, connection = -1;
  bool bias = false, dense = false;
};

/// The statements of one `with` block, for one area or the synapses of one connection.
struct Scope {
  const ast::Block *body = nullptr;
  std::string binder; ///< the name of the area in the block
  int area = -1, connection = -1;
  bool bias = false;
  const ast::TemplateStmt *inside = nullptr; ///< null in a plain block
  bool plain = false; ///< `with { label.rate = … }`: areas have their own names
  int loop = -1;      ///< the binder is the variable of this loop
};

/// Does some statement of the block push displacements?
bool pushes(const ast::Block &body);

/// What a rule does in one tick of one run.
class RunTick : public Intervention {
public:
  RunTick(RuleInstance &rule, std::shared_ptr<const std::vector<Scope>> scopes, std::string phase,
          Values areaStates, SynapseValues synapseStates);

  std::optional<Field> arrival(Tick &, const Place &) override;
  std::optional<Field> clamp(Tick &, const Place &, llvm::function_ref<Field()>) override;
  Field update(Tick &, const Place &, Field value) override;
  Field weight(Tick &, const Connection &, const Weight &, Field value) override;
  std::optional<Field> own(Tick &, const Place &, bool ended) override;

  std::optional<Field> ownSynapse(Tick &, int connection, bool bias, const std::string &name,
                                  bool ended) override;
  std::optional<Field> messages(Tick &, const Place &) override;
  /// The first values of the states that the blocks declare, at the moment
  /// where the run starts.
  void begin(Tick &tick, Trial::Moment moment);
  /// Learning that happens in this tick; then the rule's own states at its end.
  void finish(Tick &);

  void set(const Place &place, const Field &value) { areaStates[place] = value; }
  void set(const SynapsePlace &place, const Field &value) { synapseStates[place] = value; }

  /// The rule's own states at the tick's end; requires `finish`.
  const Values &endOfAreas() const { return endedAreas; }
  const SynapseValues &endOfSynapses() const { return endedSynapses; }

private:
  Frame frame(Tick &, const Scope &, size_t position);
  /// The value of one of the block's own names as the statement at `position` sees it.
  std::optional<Field> valueAt(Tick &, const Scope &, llvm::StringRef name, size_t position);
  Field evaluate(Tick &, const Scope &, const ast::Expr &, size_t position);
  /// The first value of a state, or this tick's of a `let`.
  Field declared(Tick &, const Scope &, const ast::VarDecl &, const ast::VarDecl::Declarator &,
                 size_t position);
  /// What an assignment makes of a state or a weight while the run lasts.
  Field updated(Tick &, const Scope &, const ast::AssignStmt &, size_t position, const Field &old);
  void checkTarget(const Scope &, const ast::AssignStmt &);
  /// Two blocks that apply to one place must not both declare a name.
  void checkNames() const;
  /// `push(v)`: how the unit moves if every unit of the block is displaced by its v; `push(y, v)`: how y does, if every
  /// unit or every weight is.
  Field push(Tick &, const Scope &, const ast::CallExpr &, size_t position);
  std::pair<Field, Field> ends(Tick &, int area, Span at);
  Field displaced(const Scope &, Span at);
  /// What the blocks assign to a variable of an area, with its place in its block.
  void eachAssignment(
      const Place &place,
      llvm::function_ref<void(const Scope &, const ast::AssignStmt &, size_t)> visit) const;
  /// One block of the run sets a variable of the network, or several add to it.
  void checkSetOnce(const ast::AssignStmt *&last, const Scope *&of, const Scope &scope,
                    const ast::AssignStmt &assign) const;
  void requireCommon(const Field &value, llvm::StringRef name, Span at);
  /// What the rule's connections add to one of its own inputs.
  Field contributions(Tick &, const Place &, Span at);
  void learn(Tick &, const Scope &, const ast::AssignStmt &, size_t position);
  void learnOfArea(Tick &, const Scope &, const ast::AssignStmt &, size_t position);
  bool ownInput(const Place &) const;
  /// The axes of the loops around the run.
  Extent loopExtent() const;
  /// In a loop over units or synapses only the member itself changes.
  Field atMember(const Scope &, Field changed, const Field &otherwise, Span at);

  RuleInstance &rule;
  std::vector<Loop> loops; ///< around the run
  std::shared_ptr<const std::vector<Scope>> scopes;
  std::string phase;
  Values areaStates; ///< at the tick's start
  SynapseValues synapseStates;
  Values endedAreas;
  SynapseValues endedSynapses;
  std::map<std::pair<const Scope *, const void *>, Field> known;
  std::set<std::pair<const Scope *, const void *>> running;
  std::map<Place, std::optional<Field>> sent; ///< errors that were asked for
  std::map<const ast::CallExpr *, std::map<const Scope *, Field>> pushed;
};

/// All phases of one learn line, in the order of the text.
class Phases {
public:
  explicit Phases(RuleInstance &rule) : rule(rule) {}

  /// Names that appear further down, for messages.
  void announce(const ast::PhaseDecl &decl) { announced.push_back(decl.name.text); }
  void run(const ast::PhaseDecl &decl);
  /// `e@p`: e at the end of p, or at members of the family p. `frame` is where e stands.
  Field at(const ast::AtExpr &e, Frame &frame, const ast::IndexExpr *index);
  /// Behind the body of a loop, whose phases are known as members of a family or not at all.
  void leave(const Loop &l);
  std::optional<Trial::Moment> lastMoment() const;
  /// The ticks from the trial's start to that moment.
  std::vector<Presented> presented() const;
  /// The tick in which values at the phase are read.
  Tick &last(const ast::AtExpr &e);
  /// The states behind the last phase; null if there is none, or a loop of phases comes last.
  const Values *behind() const {
    return behindLoop || previous.empty() ? nullptr : &ends.at(previous).states;
  }

private:
  struct End {
    std::vector<Presented> ticks;   ///< of the phase
    std::vector<Presented> history; ///< from the trial's start
    Tick *last = nullptr;    ///< where values are read; that of the source if the phase is empty
    Values states;           ///< of the network and of the rule's areas
    int64_t number = 0;      ///< ticks since the trial's start
    std::vector<Loop> loops; ///< around the phase
    bool family = false;     ///< of the innermost loop
    /// Where the history passes through one member of a family, whose ticks are those of all members.
    std::optional<Span> amongMembers;
  };
  const End &find(const ast::Name &name, llvm::StringRef verb);
  Field costOf(const End &end, Span at);
  /// Is the phase read as it should be, with or without an index?
  void requireIndex(const End &end, const ast::Name &name, const ast::Expr *index);
  /// The members of a value of a family that an index names.
  Field members(const End &end, const Field &value, const ast::Expr &index, Frame &frame);
  void runTicks(const ast::RunStmt &, const std::string &phase, End &end);
  static void append(End &end, const Presented &tick);
  /// The states that the blocks of a run declare.
  struct OwnStates {
    Values areas;
    SynapseValues synapses;
  };
  /// What the blocks do in the next tick.
  RunTick *intervene(RuleInstance &by, std::shared_ptr<const std::vector<Scope>>,
                     const std::string &phase, const OwnStates &);
  std::vector<Scope> scopesOf(const ast::RunStmt &);
  /// Samples for which `until` holds keep their states: see Settling.cpp.
  struct Settling {
    std::optional<Field> active;  ///< 1 for samples that have not settled; none: all
    std::map<int, Field> changes; ///< of each area in the last tick, by sample
  };
  void settle(const ast::RunStmt &, const Values &before, Tick &, Settling &, Values &after);
  /// Whether the states of each area are finite behind a run.
  void reportHealth(const Values &states, const std::string &phase, Span at);
  void reportResiduals(const Settling &, const std::string &phase, Span at);

  RuleInstance &rule;
  std::vector<std::string> announced;
  std::set<std::string> inLoops; ///< phases of loops that are through
  std::map<std::string, End> ends;
  std::string current, previous;
  bool behindLoop = false; ///< there is no phase where the next one could go on
  std::vector<std::unique_ptr<RunTick>> interventions;
  std::vector<std::unique_ptr<Both>> composed;
  std::vector<std::unique_ptr<Tick>> ticks;
};

} // namespace apical::sema
#endif
