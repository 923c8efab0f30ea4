//===- Experiment.h - one experiment as one step ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_EXPERIMENT_H
#define APICAL_FRONTEND_EXPERIMENT_H

#include "frontend/Tables.h"
#include "frontend/sema/Rule.h"
#include <deque>

namespace apical {

/// What the experiments of a model share.
struct Laboratory {
  sema::Evaluator &ev;
  Diagnostics &diags;
  sema::States &states;
  const ElaborateOptions &options;
  std::set<std::string> trainedOn; ///< "NETWORK TABLE" of each `train`
};

/// A `train` or `test`: what it presents, and what the network makes of it.
///
///   1. Its options (constructor).
///   2. Its statements: what the data give, what is drawn (bind), phases.
///   3. The trial; in `train`, what its learn lines change.
///   4. What it reports.
class Experiment {
public:
  /// `nested`: it stands in another.
  Experiment(Laboratory &lab, const ast::ExperimentDecl &decl, const sema::Network &net,
             bool nested);

  /// Fills the step, which has the name of the experiment. What stands within is left in `inside`.
  void elaborate(ir::StepOp step);

  bool train;
  /// `on every N trials { test … }`, or `epochs`
  struct Inside {
    const ast::ExperimentDecl *decl;
    int64_t every;
    bool epochs;
  };
  std::vector<Inside> inside;

private:
  // Experiment.cpp
  void readOptions();
  [[noreturn]] void wrongOption(const ast::Argument &o);
  void checkPrecision(const ast::Expr &e);
  void addInside(const ast::OnStmt &on);
  void statement(const ast::Stmt &s);
  bool namesKnown();
  void addMeasure(const ast::MeasureStmt &m);
  void requireFree(const ast::Name &measure);
  void present();
  void reportNetwork();
  void emitMeasures();
  void emitProbes();
  void emitReport(llvm::StringRef name, llvm::StringRef kind, const sema::Field &value, Span at);
  void emitProbe(llvm::StringRef name, const sema::Field &value, Span at);
  mlir::DictionaryAttr attributes();
  int64_t limitOf(llvm::StringRef column);

  // Bindings.cpp
  void collectLets();
  sema::Frame dataFrame();
  /// At the trial's end, or in the phase at hand: names of the data, then of the network.
  sema::Frame afterTrial();
  sema::Field letOf(const ast::VarDecl::Declarator &d);
  void bind(const ast::Stmt &s);
  const sema::Area &boundArea(const ast::MemberExpr &target, Span at);
  void bindArea(const ast::AssignStmt &assign, const ast::MemberExpr &target);
  void bindScalar(const std::string &name, const ast::AssignStmt &assign);
  void bindAll(Span at);
  sema::Field components(const sema::Area &area, const std::string &variable, sema::Field value,
                         Span at);
  sema::Field asNumbers(const sema::Field &value, Span at);
  std::optional<sema::Field> items(const sema::Area &area, const sema::State &state);
  void keepItems();

  Laboratory &lab;
  sema::Evaluator &ev;
  Diagnostics &diags;
  const ast::ExperimentDecl &decl;
  const sema::Network &net;
  mlir::OpBuilder &builder;
  bool nested;
  Tables tables;
  sema::Trial trial;
  ir::StepOp step;
  std::string stepName;

  std::vector<Column> columns;
  int64_t batch, epochs = 1, trials = 0, ticks = 1;
  Span batchAt;
  std::map<std::string, const ast::VarDecl::Declarator *> lets;
  std::map<std::string, sema::Field> drawn; ///< `let x ~ D`
  std::set<std::string> evaluating;         ///< lets
  std::deque<Column> itemColumns;
  ast::Block phases; ///< and loops over them: what shapes the trial
  std::unique_ptr<sema::RuleInstance> shaped;
  std::vector<const ast::MeasureStmt *> measures;
  std::vector<const ast::ProbeStmt *> probes;
};

} // namespace apical
#endif
