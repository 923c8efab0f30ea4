//===- Diagnostics.cpp - collecting what is wrong ---------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Diagnostics.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <numeric>
#include <tuple>

namespace apical {

/// A message may quote a text of any length; what a person reads has an end.
static std::string brief(std::string text) {
  constexpr size_t most = 600;
  if (text.size() <= most)
    return text;
  auto boundary = [&](size_t at) {
    while ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
      --at;
    return at;
  };
  size_t head = boundary(most / 2), tail = boundary(text.size() - most / 4);
  return text.substr(0, head) + " … " + text.substr(tail);
}

Diagnostic &Diagnostics::error(Code code, Span at, const llvm::Twine &message) {
  ++errors;
  Diagnostic &d = list.emplace_back();
  d.code = code;
  d.span = at;
  d.message = brief(message.str());
  return d;
}

Diagnostic &Diagnostics::warning(Code code, Span at, const llvm::Twine &message) {
  Diagnostic &d = list.emplace_back();
  d.severity = Severity::Warning;
  d.code = code;
  d.span = at;
  d.message = brief(message.str());
  return d;
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  auto place = [](const Diagnostic &d) { return std::tie(d.span.file, d.span.begin); };
  std::vector<size_t> order(list.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return place(list[a]) != place(list[b]) ? place(list[a]) < place(list[b]) : a < b;
  });
  std::vector<Diagnostic> unique;
  for (size_t index : order) {
    const Diagnostic &d = list[index];
    bool seen = false;
    for (auto it = unique.rbegin(); !seen && it != unique.rend() && place(*it) == place(d); ++it)
      seen = it->span.end == d.span.end && it->code == d.code && it->message == d.message &&
             it->severity == d.severity;
    if (!seen)
      unique.push_back(d);
  }
  return unique;
}

std::string codeName(Code code) {
  std::string digits = std::to_string(static_cast<int>(code));
  return "E" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

llvm::StringRef codeSummary(Code code) {
  switch (code) {
#define APICAL_DIAGNOSTIC(NUMBER, NAME, SUMMARY)                                                   \
  case Code::NAME:                                                                                 \
    return SUMMARY;
#include "frontend/Diagnostics.def"
  }
  return "";
}

/// Do two neighbouring letters only change places?
static bool swapped(llvm::StringRef a, llvm::StringRef b) {
  if (a.size() != b.size())
    return false;
  size_t k = 0;
  while (k < a.size() && a[k] == b[k])
    ++k;
  return k + 1 < a.size() && a[k] == b[k + 1] && a[k + 1] == b[k] &&
         a.substr(k + 2) == b.substr(k + 2);
}

std::string quoted(const std::vector<std::string> &names) {
  std::string all;
  for (auto &name : names)
    all += (all.empty() ? "`" : ", `") + name + "`";
  return all;
}

std::string nearest(llvm::StringRef name, const std::vector<std::string> &candidates) {
  // A third of the letters may differ, at least one and at most three.
  unsigned best = std::clamp<unsigned>(static_cast<unsigned>(name.size() / 3), 1, 3) + 1;
  std::string found;
  for (const std::string &candidate : candidates) {
    if (name == candidate || candidate.empty())
      continue;
    unsigned distance = name.equals_insensitive(candidate) || swapped(name, candidate)
                            ? 1
                            : name.edit_distance(candidate, /*AllowReplacements=*/true, best);
    // Replacing every letter of a short word is no likeness.
    if (distance < best && distance < std::max(name.size(), candidate.size())) {
      best = distance;
      found = candidate;
    }
  }
  // Else a longer or shorter form of the word.
  size_t difference = 13;
  for (const std::string &candidate : candidates) {
    llvm::StringRef shorter = name, longer = candidate;
    if (shorter.size() > longer.size())
      std::swap(shorter, longer);
    if ((found.empty() || difference < 13) && shorter.size() >= 3 &&
        longer.starts_with_insensitive(shorter) && longer.size() - shorter.size() < difference &&
        longer != shorter) {
      difference = longer.size() - shorter.size();
      found = candidate;
    }
  }
  return found;
}

void Diagnostics::printJson(llvm::raw_ostream &os) const {
  auto place = [&](Span span, llvm::json::Object object) {
    Sources::Position from = sources.position(span.file, span.begin);
    Sources::Position to = sources.position(span.file, std::max(span.begin, span.end));
    object["file"] = llvm::json::fixUTF8(sources.path(span.file));
    object["line"] = from.line;
    object["column"] = from.column;
    object["endLine"] = to.line;
    object["endColumn"] = to.column;
    return object;
  };
  for (const Diagnostic &d : sorted()) {
    llvm::json::Array labels, notes;
    for (const Label &label : d.labels)
      labels.push_back(
          place(label.span, llvm::json::Object{{"text", llvm::json::fixUTF8(label.text)}}));
    for (const std::string &note : d.notes)
      notes.push_back(llvm::json::fixUTF8(note));
    llvm::json::Object object =
        place(d.span, llvm::json::Object{
                          {"severity", d.severity == Severity::Error ? "error" : "warning"},
                          {"code", codeName(d.code)},
                          {"message", llvm::json::fixUTF8(d.message)},
                          {"primary", llvm::json::fixUTF8(d.primaryText)},
                          {"labels", std::move(labels)},
                          {"notes", std::move(notes)},
                          {"hint", llvm::json::fixUTF8(d.hintText)},
                      });
    os << llvm::json::Value(std::move(object)) << '\n';
  }
}

} // namespace apical
