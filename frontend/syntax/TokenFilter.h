//===- TokenFilter.h - from bytes to the parser's tokens --------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Everything about the text that a grammar says badly: where a statement ends,
/// what is a quantity, which words are names, and brackets. What leaves here is
/// balanced, so that the parser can recover at the end of a statement, and of
/// bounded depth, so that no later recursion can overflow.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SYNTAX_TOKENFILTER_H
#define APICAL_FRONTEND_SYNTAX_TOKENFILTER_H

#include "frontend/Diagnostics.h"
#include <map>
#include <string>
#include <vector>

namespace apical::syntax {

struct Token {
  size_t type = 0; ///< of ApicalParser
  Span span;
  int opener = -1;         ///< index of the innermost bracket open before this token
  bool invented = false;   ///< stands for something missing, about which an error was reported
  bool afterError = false; ///< something before it was dropped with an error
};

struct Tokens {
  std::vector<Token> list;              ///< ends with EOF
  std::map<unsigned, std::string> docs; ///< `///` text by index of the token that follows
};

/// Reports what is no token, brackets without partners, and too deep nesting.
Tokens filterTokens(uint32_t file, const Sources &sources, Diagnostics &diags);

/// "arguments", "parameters", "index", "array", "parentheses" or "block": what the bracket at `index` encloses.
llvm::StringRef bracketMeaning(const Tokens &tokens, int index);
bool isKeyword(size_t type);
/// `use` … for keywords, `(` … for marks, "" for the rest.
std::string spelling(size_t type);

} // namespace apical::syntax
#endif
