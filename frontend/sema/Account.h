//===- Account.h - what the checker found out about learning ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// While a learn line is instantiated, the checker derives which statement
/// changes which weight, what the change needs and which read decides that.
/// `explain` prints this account and `verify` measures along it: nothing is
/// derived twice.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_ACCOUNT_H
#define APICAL_FRONTEND_SEMA_ACCOUNT_H

#include "frontend/sema/Network.h"
#include <deque>

namespace apical::sema {

/// One statement that changes a weight, as it stands in the rule.
struct ChangeTerm {
  const ast::AssignStmt *statement = nullptr;
  const ast::Block *block = nullptr; ///< in which it stands
  std::string binder;                ///< `p` in `each weight p`
  std::string phase;                 ///< in every tick of which it happens; empty: once
  bool gradient = false;             ///< adds to `w.grad`; else changes `w`
  bool perSample = false;            ///< so that the batch is averaged
  int connection = -1;               ///< on which it was instantiated: weights may be shared
  bool perPlace = false;             ///< so that the places of a kernel are summed
};

/// How a learn line changes one array of weights.
struct WeightChange {
  std::string symbol, name; ///< "net.image_hidden.w", "w"
  int connection = -1;
  int area = -1; ///< of whose units it is a weight, where it is of no connection
  bool bias = false, ownedByRule = false;
  std::vector<ChangeTerm> terms;
  unsigned capabilities = 0;
  std::vector<CapabilityRead> reads;
  const ast::Expr *optimizer = nullptr; ///< as applied; null for a direct change
  /// States that hold, after every step, the direction in which the rule moves
  /// the weights before the optimiser (−gradient, or the change itself), and
  /// the exact −∂C/∂w of the batch. Empty unless asked for.
  std::string direction, descent;
};

/// `error(area.variable) += …`: what a connection delivers, to its pre or its post units, or what an area
/// says of itself.
struct MessageTerm {
  int area = -1;
  std::string variable;
  int connection = -1; ///< over which it arrives; -1: over none
  const ast::AssignStmt *statement = nullptr;
  const ast::Block *block = nullptr;
  std::string phase;      ///< in which it is sent; empty: outside phases
  bool backwards = false; ///< over the forward weight
  std::string binder;     ///< the area's name in the block, if no connection delivers it
};

/// `connect a.x -> b.y` of a rule, for one pair of areas; either end may be an error.
struct RouteTerm {
  int from = -1, to = -1;
  std::string fromVariable, toVariable, symbol;
  bool ofError = true; ///< carries the error of `fromVariable`, else its value
  bool toError = true; ///< ends at the error of `toVariable`, else at an input of the rule
  const ast::ConnectDecl *decl = nullptr;
};

/// What a rule declares for the units of an area: a `let`, an `input` or a state.
struct UnitTerm {
  int area = -1;
  const ast::VarDecl *decl = nullptr;
  const ast::VarDecl::Declarator *variable = nullptr;
  const ast::Block *block = nullptr;
  std::string binder; ///< the area's name in the block
};

/// `post.x += e`: what a connection adds to an `input` of that kind.
struct ArrivalTerm {
  int area = -1;
  std::string variable;
  int connection = -1;
  const ast::AssignStmt *statement = nullptr;
  const ast::Block *block = nullptr;
};

/// `assume(…)` of the rule: in its own words.
struct AssumptionTerm {
  std::string text;
  Span at;
};

struct LearnAccount {
  const Network *network = nullptr;
  const ast::LearnDecl *decl = nullptr;
  const ast::RuleDecl *rule = nullptr;
  std::shared_ptr<ast::TemplateStmt> body; ///< of a rule without templates
  std::string name, costParameter;
  int part = 0;       ///< in which the line stands
  std::string report; ///< measure that reports the subject, if directions are kept
  unsigned declared = 0;
  std::set<int> plastic, scope;                 ///< connections
  std::set<int> areas, outputs, readByCost;     ///< areas
  std::set<std::pair<int, std::string>> direct; ///< variables that the cost reads itself
  /// Of a variable with an error: the later variables of its unit that hand theirs back.
  std::map<std::pair<int, std::string>, std::vector<std::string>> chain;
  std::vector<MessageTerm> messages;
  std::vector<RouteTerm> routes;
  std::vector<AssumptionTerm> assumptions;
  std::vector<UnitTerm> units;
  std::vector<ArrivalTerm> arrivals;
  std::vector<WeightChange> changes;

  WeightChange &change(llvm::StringRef symbol);
  /// Adds what is not there yet: a phase repeats its statements in every tick.
  void add(WeightChange &change, ChangeTerm term);
  void add(MessageTerm message);
};

struct StateAccount {
  std::string symbol, role;
  llvm::SmallVector<int64_t, 2> shape;
};

/// Of a whole model. Refers to its tree.
struct Account {
  bool keepDirections = false; ///< asks for WeightChange::direction and descent
  /// Asks for trials as long as this where a network has states of the trial and its experiment names no length; 0: does not.
  int64_t ticks = 0;
  std::deque<Network> networks;
  std::deque<LearnAccount> lines;
  std::vector<StateAccount> states;
  std::map<std::string, const ast::Stmt *> definitions;

  const Network *network(llvm::StringRef name) const;
  /// Null if the line was instantiated before, in an earlier experiment.
  LearnAccount *open(const Network &network, const Learn &learn);
};

} // namespace apical::sema
#endif
