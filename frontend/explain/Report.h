//===- Report.h - what a model's learning does and needs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The plausibility report, before it is written in one of its forms: per
/// connection the update equation with everything put in, what it needs, and
/// how it stands to the gradient. Made from the tree and from the checker's
/// account of it, so it says of a construct what the compiler made of it.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_EXPLAIN_REPORT_H
#define APICAL_FRONTEND_EXPLAIN_REPORT_H

#include "frontend/explain/Symbolic.h"
#include "frontend/sema/Account.h"

namespace apical::explain {

struct Place {
  std::string file; ///< "std/rules.apical", or the name of the model
  unsigned line = 0, column = 0;
};

struct Equation {
  const ast::Expr *left = nullptr;
  std::string op; ///< "=", "+=", "-="
  const ast::Expr *right = nullptr;
  std::vector<Equation> with; ///< definitions of what the right side names
};

/// A read that decides a capability.
struct Read {
  std::string capability, text;
  Place place;
  bool backwards = false; ///< a forward weight against its direction
};

/// Numbers that learning keeps beside the weights.
struct Memory {
  std::string name, kind, per; ///< "v", "state of the optimizer", "weight"
  int64_t numbers = 0;
};

/// Own: what the rule does with a weight of its own units is no gradient of the network's.
enum class Gradient { Exact, Approximate, None, Own };

/// Of a connection, or of weights that the rule declares for units: then `to` is empty.
struct ConnectionReport {
  std::string name, from, to, topology;
  int64_t weights = 0, biases = 0;
  sema::Connection::Count counted = sema::Connection::Count::Exact;
  bool masked =
      false; ///< not all units are joined; what is kept has a place for each two nevertheless
  bool learns = false;
  std::string sharedWith;       ///< the connection under which the update of its weights stands
  std::vector<Equation> update; ///< of the weights; empty if nothing changes them
  std::vector<Equation> bias;   ///< what differs for the biases
  bool biasContinues = false;   ///< … and the rest is as for the weights
  std::vector<std::string> locality; ///< derived; empty: local
  std::vector<Read> reads;
  bool transport = false; ///< does the change depend on a forward weight used backwards?
  std::vector<Read> transportAt;
  std::vector<Memory> memory;
  std::vector<std::string> phasesRead; ///< whose values the change needs
  Gradient gradient = Gradient::None;
  std::string why; ///< one clause about `gradient`
};

struct Phase {
  std::string name, text;
};

struct LineReport {
  std::string name, text, rule;
  Place place; ///< of the rule
  std::vector<std::string> declared;
  std::vector<Phase> phases;    ///< empty: the plain presentation only
  std::vector<Equation> lets;   ///< of the rule, one per sample, and of units
  std::vector<Equation> errors; ///< from the cost back
  std::vector<Memory> routes;   ///< connections of the rule itself
  std::vector<ConnectionReport> connections;
};

/// What the model, not the rule, takes for granted.
struct Assumption {
  std::string text;
  Place place;
};

struct NetworkReport {
  std::string name;
  std::vector<Assumption> assumptions;
  std::vector<LineReport> lines;  ///< empty: no experiment trains it, or nothing learns
  std::vector<std::string> fixed; ///< weighted connections that nothing changes
};

struct Report {
  std::string model;
  std::vector<NetworkReport> networks;
  std::shared_ptr<Symbolic> symbolic; ///< owns the expressions
};

/// Refers to the tree behind the account.
Report makeReport(const sema::Account &account, const Sources &sources);

void printText(const Report &report, llvm::raw_ostream &os);
void printMarkdown(const Report &report, llvm::raw_ostream &os);
void printLatex(const Report &report, llvm::raw_ostream &os);
void printJson(const Report &report, llvm::raw_ostream &os);

//===----------------------------------------------------------------------===//
// What the printers share
//===----------------------------------------------------------------------===//

/// "local", "feedback, modulated".
std::string list(const std::vector<std::string> &names);
/// "v = 0.9 * v + w.grad".
std::string toString(const Equation &e);
/// "no", or where.
std::string transportText(const ConnectionReport &c);
/// "about 39000 weights, 500 biases".
std::string weightsText(const ConnectionReport &c);
/// "2 per weight: B, v; 157000 numbers".
std::string memoryText(const ConnectionReport &c);
/// What must be kept from earlier in the trial.
std::string pastText(const LineReport &line, const ConnectionReport &c);
/// "exact", "approximate", "no update".
std::string gradientText(const ConnectionReport &c);
std::string toString(const Place &p);
/// Rows of the summary table: connection, line, locality, transport, phases, memory, gradient.
std::vector<std::array<std::string, 7>> summary(const NetworkReport &network);
extern const std::array<std::string, 7> summaryHeads;

} // namespace apical::explain
#endif
