//===- DiagnosticsPrint.cpp - messages with a window of source --*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The form of rustc. Labels are grouped by file and line; beneath a line, all
/// its marks stand in one row, the last label beside them, the others beneath:
///
///       |
///     3 |   connect a -> b : dense(w = 1 {
///       |                         -        ^ expected `)`
///       |                         |
///       |                         the arguments open here
///
/// A line longer than a terminal is shown around its first mark only.
//
//===----------------------------------------------------------------------===//
#include "frontend/Diagnostics.h"
#include "llvm/Support/ConvertUTF.h"
#include <algorithm>
#include <map>
#include <tuple>

namespace apical {
namespace {

enum Style { Plain, Bold, Red, Yellow, Blue, Green };

struct Mark {
  unsigned from, to; ///< columns from 0, after expansion of tabs
  std::string text;
  bool primary;
};

class Printer {
public:
  Printer(const Sources &sources, llvm::raw_ostream &os, bool color)
      : sources(sources), os(os), color(color) {}

  void print(const Diagnostic &d) {
    main = d.severity == Severity::Error ? Red : Yellow;
    put(main, (d.severity == Severity::Error ? "error[" : "warning[") + codeName(d.code) + "]");
    put(Bold, ": " + d.message);
    os << '\n';
    collect(d);
    bool first = true;
    window(d.span.file, &d.span, first);
    for (auto &[file, lines] : files)
      if (file != d.span.file)
        window(file, nullptr, first);
    if (!d.notes.empty() || !d.hintText.empty())
      gutter() << '\n';
    for (const std::string &note : d.notes)
      remark("note", note);
    if (!d.hintText.empty())
      remark("help", d.hintText);
    os << '\n';
  }

private:
  void put(Style style, llvm::StringRef text) {
    static const char *const codes[] = {"",           "\x1b[1m",    "\x1b[1;31m",
                                        "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;32m"};
    if (color && style != Plain)
      os << codes[style] << text << "\x1b[0m";
    else
      os << text;
  }

  void add(Span span, llvm::StringRef text, bool primary) {
    uint32_t size = static_cast<uint32_t>(sources.text(span.file).size());
    span.begin = std::min(span.begin, size);
    span.end = std::clamp(span.end, span.begin, size);
    unsigned firstLine = sources.position(span.file, span.begin).line;
    // A span that ends with a line break ends on the line before it.
    uint32_t last = span.end > span.begin ? span.end - 1 : span.end;
    unsigned lastLine = sources.position(span.file, last).line;
    auto &lines = files[span.file];
    width = std::max<unsigned>(width, static_cast<unsigned>(std::to_string(lastLine).size()));
    if (firstLine == lastLine) {
      unsigned from = displayColumn(span.file, firstLine, span.begin);
      unsigned to = displayColumn(span.file, firstLine, span.end);
      lines[firstLine].push_back({from, std::max(to, from + 1), text.str(), primary});
      return;
    }
    unsigned from = displayColumn(span.file, firstLine, span.begin);
    unsigned end = static_cast<unsigned>(expanded(span.file, firstLine).second);
    lines[firstLine].push_back({from, std::max(end, from + 1), "", primary});
    unsigned to = displayColumn(span.file, lastLine, span.end);
    std::string line = expanded(span.file, lastLine).first;
    unsigned indent = static_cast<unsigned>(line.size() - llvm::StringRef(line).ltrim().size());
    lines[lastLine].push_back(
        {std::min(indent, to), std::max(to, indent + 1), text.str(), primary});
  }

  void collect(const Diagnostic &d) {
    files.clear();
    width = 1;
    add(d.span, d.primaryText, true);
    for (const Label &label : d.labels)
      add(label.span, label.text, false);
  }

  /// The line's begin and end without its line break.
  std::pair<size_t, size_t> bounds(uint32_t file, unsigned line) {
    llvm::StringRef text = sources.text(file);
    size_t low = 0, high = text.size(); // the last offset whose line is not beyond `line`
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (sources.position(file, static_cast<uint32_t>(middle)).line < line)
        low = middle + 1;
      else
        high = middle;
    }
    return {low, std::min(text.find_first_of("\r\n", low), text.size())};
  }

  static constexpr unsigned tab = 4;
  static unsigned advance(unsigned column, char c) {
    if (c == '\t')
      return column + tab - column % tab;
    return column + ((static_cast<unsigned char>(c) & 0xc0) != 0x80);
  }

  unsigned displayColumn(uint32_t file, unsigned line, uint32_t offset) {
    auto [begin, end] = bounds(file, line);
    llvm::StringRef text = sources.text(file);
    unsigned column = 0;
    for (size_t i = begin; i < std::min<size_t>(offset, end); ++i)
      column = advance(column, text[i]);
    return column + (offset > end && offset > begin ? 1 : 0);
  }

  /// Text for display and its width.
  std::pair<std::string, size_t> expanded(uint32_t file, unsigned line) {
    auto [begin, end] = bounds(file, line);
    llvm::StringRef written = sources.text(file).slice(begin, end);
    auto *bytes = reinterpret_cast<const llvm::UTF8 *>(written.begin());
    bool text =
        llvm::isLegalUTF8String(&bytes, reinterpret_cast<const llvm::UTF8 *>(written.end()));
    std::string out;
    unsigned column = 0;
    for (char c : written) {
      unsigned next = advance(column, c);
      if (c == '\t')
        out.append(next - column, ' ');
      else if (!text && static_cast<unsigned char>(c) >= 0x80)
        out.append(next - column, '?');
      else
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
      column = next;
    }
    return {out, column};
  }

  llvm::raw_ostream &gutter(llvm::StringRef number = "", llvm::StringRef bar = " |") {
    put(Blue, std::string(width - number.size(), ' ') + number.str() + bar.str());
    return os;
  }

  void window(uint32_t file, const Span *primary, bool &first) {
    auto &lines = files[file];
    Sources::Position at{};
    if (primary)
      at = sources.position(file, primary->begin);
    else
      at = {lines.begin()->first, lines.begin()->second.front().from + 1};
    gutter("", first ? "--> " : "::: ")
        << sources.path(file) << ':' << at.line << ':' << at.column << '\n';
    first = false;
    if (sources.text(file).empty())
      return;
    gutter() << '\n';
    unsigned previous = 0;
    for (auto &[line, marks] : lines) {
      if (previous && line > previous + 2)
        put(Blue, "..."), os << '\n';
      else if (previous && line == previous + 2)
        source(file, line - 1, 0);
      unsigned start = shift(file, line, marks);
      source(file, line, start);
      for (Mark &m : marks) {
        m.from = std::min(m.from - start, longest);
        m.to = std::clamp(m.to - start, m.from + 1, longest + 1);
      }
      underline(marks);
      previous = line;
    }
  }

  static constexpr unsigned longest = 160; ///< columns of source that are shown

  /// The first column to show of a line: 0 unless the line is too long for its first mark.
  unsigned shift(uint32_t file, unsigned line, const std::vector<Mark> &marks) {
    unsigned first = marks.front().from;
    for (const Mark &m : marks)
      first = std::min(first, m.from);
    return expanded(file, line).second <= longest || first < longest / 2 ? 0 : first - longest / 4;
  }

  void source(uint32_t file, unsigned line, unsigned start) {
    auto [text, columns] = expanded(file, line);
    gutter(std::to_string(line));
    if (columns > longest) { // cut between characters
      std::string cut = start ? "…" : "";
      unsigned column = 0;
      for (char c : text) {
        bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        column += begins;
        if (column > start + (start ? 1 : 0) && column <= start + longest)
          cut += c;
      }
      text = cut + (columns > start + longest ? "…" : "");
    }
    text = llvm::StringRef(text).rtrim().str();
    os << (text.empty() ? "" : " ") << text << '\n';
  }

  void underline(std::vector<Mark> marks) {
    std::sort(marks.begin(), marks.end(), [](const Mark &a, const Mark &b) {
      return std::tie(a.from, a.to, b.primary, a.text) < std::tie(b.from, b.to, a.primary, b.text);
    });
    unsigned end = 0;
    for (const Mark &m : marks)
      end = std::max(end, m.to);
    std::string row(end, ' ');
    for (bool primary : {false, true})
      for (const Mark &m : marks)
        if (m.primary == primary)
          std::fill(row.begin() + m.from, row.begin() + m.to, primary ? '^' : '-');
    gutter() << ' ';
    for (size_t i = 0; i < row.size();) {
      size_t j = row.find_first_not_of(row[i], i);
      j = j == std::string::npos ? row.size() : j;
      put(row[i] == '^' ? main : row[i] == '-' ? Blue : Plain, llvm::StringRef(row).slice(i, j));
      i = j;
    }
    std::vector<Mark> named;
    for (Mark &m : marks)
      if (!m.text.empty())
        named.push_back(std::move(m));
    // The rightmost label stands beside the row if its mark ends the row.
    if (!named.empty() && named.back().to == end) {
      os << ' ';
      put(named.back().primary ? main : Blue, named.back().text);
      named.pop_back();
    }
    os << '\n';
    if (named.empty())
      return;
    bars(named);
    while (!named.empty()) {
      Mark last = std::move(named.back());
      named.pop_back();
      std::string lead = leading(named, last.from);
      gutter() << ' ';
      put(Blue, lead);
      put(last.primary ? main : Blue, last.text);
      os << '\n';
    }
  }

  static std::string leading(const std::vector<Mark> &marks, unsigned width) {
    std::string row(width, ' ');
    for (const Mark &m : marks)
      if (m.from < width)
        row[m.from] = '|';
    return row;
  }
  void bars(const std::vector<Mark> &marks) {
    gutter() << ' ';
    put(Blue, leading(marks, marks.back().from + 1));
    os << '\n';
  }

  void remark(llvm::StringRef kind, llvm::StringRef text) {
    auto [line, rest] = text.split('\n');
    gutter("", " = ");
    put(Bold, kind);
    os << ": " << line << '\n';
    while (!rest.empty()) {
      std::tie(line, rest) = rest.split('\n');
      os << std::string(width + kind.size() + 5, ' ') << line << '\n';
    }
  }

  const Sources &sources;
  llvm::raw_ostream &os;
  bool color;
  Style main = Red;
  unsigned width = 1;
  std::map<uint32_t, std::map<unsigned, std::vector<Mark>>> files;
};

} // namespace

void Diagnostics::print(llvm::raw_ostream &os, bool color) const {
  Printer printer(sources, os, color);
  unsigned errorsSeen = 0, warningsSeen = 0;
  for (const Diagnostic &d : sorted()) {
    printer.print(d);
    ++(d.severity == Severity::Error ? errorsSeen : warningsSeen);
  }
  auto count = [&](unsigned n, llvm::StringRef word) {
    os << n << ' ' << word << (n == 1 ? "" : "s");
  };
  if (errorsSeen)
    count(errorsSeen, "error");
  if (errorsSeen && warningsSeen)
    os << ", ";
  if (warningsSeen)
    count(warningsSeen, "warning");
  if (errorsSeen + warningsSeen)
    os << '\n';
}

} // namespace apical
