//===- Parsed.h - a program parsed for a test ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_TESTS_SYNTAX_PARSED_H
#define APICAL_TESTS_SYNTAX_PARSED_H

#include "frontend/Ast.h"

namespace apical::test {

struct Parsed {
  explicit Parsed(std::string text) : diags(sources) {
    sources.add("model.apical", std::move(text));
    file = parse(0, sources, ast, diags);
  }
  std::string messages() const {
    std::string out;
    llvm::raw_string_ostream os(out);
    diags.print(os, /*color=*/false);
    return out;
  }
  std::string tree() const {
    std::string out;
    llvm::raw_string_ostream os(out);
    ast::dump(file, sources, os);
    return out;
  }
  /// "E0003: message" of each error, a line each.
  std::string brief() const {
    std::string out;
    for (const Diagnostic &d : diags.sorted())
      out += codeName(d.code) + ": " + d.message + "\n";
    return out;
  }
  template <typename T> const T *first() const {
    return file.body.empty() ? nullptr : llvm::dyn_cast<T>(file.body.front());
  }

  Sources sources;
  ast::Ast ast;
  Diagnostics diags;
  ast::File file;
};

} // namespace apical::test
#endif
