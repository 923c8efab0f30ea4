//===- Diagnostics.h - what the compiler tells a person ---------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A diagnostic has a stable code, one sentence in lower case, a place, further
/// labelled places, and a hint on how to mend it. Codes are listed once, in
/// Diagnostics.def; each has a page under docs/diagnostics/ and a test.
///
///     diags.error(Code::UnknownName, span, "unknown name `hiden`")
///         .label(other, "areas are declared here")
///         .hint("did you mean `hidden`?");
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_DIAGNOSTICS_H
#define APICAL_FRONTEND_DIAGNOSTICS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace apical {

/// Bytes [begin, end) of one source file; file 0 is the model, std follows.
struct Span {
  uint32_t file = 0, begin = 0, end = 0;
  Span to(Span last) const { return {file, begin, last.end}; }
};

/// Owns the texts; knows lines and columns (both from 1, columns in code points).
class Sources {
public:
  uint32_t add(std::string path, std::string text);
  llvm::StringRef path(uint32_t file) const;
  llvm::StringRef text(uint32_t file) const;
  llvm::StringRef text(Span span) const;
  struct Position {
    unsigned line, column;
  };
  Position position(uint32_t file, uint32_t offset) const;
  unsigned count() const { return static_cast<unsigned>(files.size()); }

private:
  struct File {
    std::string path, text;
    std::vector<uint32_t> lineStarts;
  };
  std::deque<File> files; // references stay valid while files are added
};

enum class Code {
#define APICAL_DIAGNOSTIC(NUMBER, NAME, SUMMARY) NAME = NUMBER,
#include "frontend/Diagnostics.def"
};

enum class Severity { Error, Warning };

struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  Severity severity = Severity::Error;
  Code code{};
  std::string message;
  Span span;
  std::string primaryText; ///< beside the ^^^, may be empty
  std::vector<Label> labels;
  std::vector<std::string> notes;
  std::string hintText;

  Diagnostic &primary(const llvm::Twine &text) { return primaryText = text.str(), *this; }
  Diagnostic &label(Span at, const llvm::Twine &text) {
    return labels.push_back({at, text.str()}), *this;
  }
  Diagnostic &note(const llvm::Twine &text) { return notes.push_back(text.str()), *this; }
  Diagnostic &hint(const llvm::Twine &text) { return hintText = text.str(), *this; }
};

class Diagnostics {
public:
  explicit Diagnostics(const Sources &sources) : sources(sources) {}
  /// The reference is valid until the next error.
  Diagnostic &error(Code code, Span at, const llvm::Twine &message);
  Diagnostic &warning(Code code, Span at, const llvm::Twine &message);
  bool hasErrors() const { return errors != 0; }
  unsigned errorCount() const { return errors; }
  /// Sorted by place, without exact repetitions.
  std::vector<Diagnostic> sorted() const;
  /// The form people know: `error[E0101]: …`, ` --> file:line:col`, window, hint.
  void print(llvm::raw_ostream &os, bool color) const;
  /// One JSON object a line.
  void printJson(llvm::raw_ostream &os) const;
  const Sources &sources;

private:
  std::deque<Diagnostic> list;
  unsigned errors = 0;
};

/// "E0101".
std::string codeName(Code code);
/// Text of the summary in Diagnostics.def, for `apical explain-code` and docs.
llvm::StringRef codeSummary(Code code);

/// The candidate nearest to `name` (edit distance), or "" if none is near.
std::string nearest(llvm::StringRef name, const std::vector<std::string> &candidates);
/// "`a`, `b`": for messages.
std::string quoted(const std::vector<std::string> &names);

} // namespace apical
#endif
