//===- Tables.h - the data that experiments read ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_TABLES_H
#define APICAL_FRONTEND_TABLES_H

#include "frontend/Elaborate.h"
#include "frontend/sema/Trial.h"

namespace apical {

/// `name = idx("file")` in a `table(…)`.
struct Column {
  std::string name, path, field;
  int format = 0; ///< apical_column.format
  Span span;
};

/// The tables of a model, and what of one an experiment reads.
class Tables {
public:
  Tables(sema::Evaluator &ev, Diagnostics &diags, const ElaborateOptions &options)
      : ev(ev), diags(diags), options(options) {}

  /// The columns of `name.train`: nested `table(…)`s are groups of tables.
  std::vector<Column> columnsOf(const ast::Expr &source);
  void requireFile(const ast::NameExpr &format, llvm::ArrayRef<ast::Argument> args);
  /// The rows of a table, as its first column has them.
  int64_t rowsOf(const std::vector<Column> &columns) { return probe(columns.front()).rows; }

  /// What the column gives to each sample; it becomes an argument of the step.
  sema::Field read(const Column &c, ir::StepOp step);

  /// Columns with one number per row, read now; none if nothing is run and they are not there.
  std::optional<std::vector<std::vector<double>>> numbers(const ast::Expr &source,
                                                          llvm::ArrayRef<std::string> names);

  /// In the order of the arguments of the step: column, apical_type, and numbers in a row.
  std::vector<std::tuple<const Column *, int, int64_t>> used;

private:
  /// What the header of its file says.
  ColumnInfo probe(const Column &c);
  void requireRows(const Column &c, const ColumnInfo &info);

  sema::Evaluator &ev;
  Diagnostics &diags;
  const ElaborateOptions &options;
  std::map<std::string, sema::Field> fields;
  std::vector<std::pair<const Column *, ColumnInfo>> infos;
};

} // namespace apical
#endif
