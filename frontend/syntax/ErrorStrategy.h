//===- ErrorStrategy.h - recovery from and words for errors -----*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One error per statement: nothing is inserted or deleted to go on, the parser
/// resumes at the end of the statement, or at the `{` if the head of a block was
/// wrong. The message comes from the token that did not fit, what the grammar
/// would have taken, and the construct around it.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SYNTAX_ERRORSTRATEGY_H
#define APICAL_FRONTEND_SYNTAX_ERRORSTRATEGY_H

#include "antlr4-runtime.h"
#include "frontend/syntax/TokenFilter.h"

namespace apical::syntax {

class ErrorStrategy final : public antlr4::DefaultErrorStrategy {
public:
  /// Without `diags` nothing is reported, only counted.
  ErrorStrategy(const Tokens &tokens, const Sources &sources, Diagnostics *diags)
      : tokens(tokens), sources(sources), diags(diags) {}

  void reportError(antlr4::Parser *parser, const antlr4::RecognitionException &e) override;
  void recover(antlr4::Parser *parser, std::exception_ptr e) override;
  antlr4::Token *recoverInline(antlr4::Parser *parser) override;
  /// Skips what begins no statement, where one may begin.
  void sync(antlr4::Parser *parser) override;

  unsigned count = 0;

private:
  void skip(antlr4::Parser *parser, size_t start, bool toBlock);
  bool tainted(size_t start, size_t at) const;
  void report(antlr4::Parser *parser, size_t offending);
  Diagnostic &expected(size_t at, const llvm::Twine &what);
  std::string found(size_t index) const;
  std::string text(size_t index) const;
  Span place(size_t index) const;
  bool endsValue(size_t index) const;
  bool startsValue(size_t index) const;

  const Tokens &tokens;
  const Sources &sources;
  Diagnostics *diags;
};

} // namespace apical::syntax
#endif
