//===- DiagnosticsTest.cpp - positions, windows, JSON, likeness ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Parsed.h"
#include "llvm/Support/JSON.h"
#include <gtest/gtest.h>

using namespace apical;

namespace {

struct Messages {
  Sources sources;
  Diagnostics diags{sources};
  std::string text(bool color = false) {
    std::string out;
    llvm::raw_string_ostream os(out);
    diags.print(os, color);
    return out;
  }
};

TEST(Diagnostics, ColumnsAreCodePoints) {
  Sources sources;
  sources.add("a", "one\n\tµx\r\nlast\rend");
  auto expect = [&](uint32_t offset, unsigned line, unsigned column) {
    Sources::Position at = sources.position(0, offset);
    EXPECT_EQ(at.line, line) << offset;
    EXPECT_EQ(at.column, column) << offset;
  };
  expect(0, 1, 1);
  expect(3, 1, 4);
  expect(4, 2, 1);
  expect(5, 2, 2);
  expect(7, 2, 3); // behind the two bytes of µ
  expect(10, 3, 1);
  expect(15, 4, 1);
  expect(99, 4, 4);
}

TEST(Diagnostics, ManyLabelsManyLinesManyFiles) {
  Messages m;
  m.sources.add("a.apical", "one two three\nfour\n\n\n\tfive µ six\n");
  m.sources.add("b.apical", "other\n");
  m.diags.error(Code::UnknownName, {0, 4, 7}, "main message")
      .primary("here")
      .label({0, 0, 3}, "first")
      .label({0, 8, 13}, "last")
      .label({0, 30, 33}, "far")
      .label({1, 0, 5}, "elsewhere")
      .note("a note")
      .hint("a hint");
  EXPECT_EQ(m.text(), R"(error[E0101]: main message
 --> a.apical:1:5
  |
1 | one two three
  | --- ^^^ ----- last
  | |   |
  | |   here
  | first
...
5 |     five µ six
  |            --- far
 ::: b.apical:1:1
  |
1 | other
  | ----- elsewhere
  |
  = note: a note
  = help: a hint

1 error
)");
}

TEST(Diagnostics, SpansOfSeveralLines) {
  Messages m;
  m.sources.add("a.apical", "x = f(\n  1,\n  2)\ny\n");
  m.diags.warning(Code::WrongType, {0, 4, 16}, "too long").primary("all this");
  EXPECT_EQ(m.text(), R"(warning[E0206]: too long
 --> a.apical:1:5
  |
1 | x = f(
  |     ^^
2 |   1,
3 |   2)
  |   ^^ all this

1 warning
)");
}

TEST(Diagnostics, SortedAndWithoutRepetition) {
  Messages m;
  m.sources.add("a", "abc def");
  m.diags.error(Code::Syntax, {0, 4, 7}, "second");
  m.diags.error(Code::Syntax, {0, 0, 3}, "first");
  m.diags.error(Code::Syntax, {0, 4, 7}, "second");
  auto all = m.diags.sorted();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].message, "first");
  EXPECT_EQ(all[1].message, "second");
}

TEST(Diagnostics, ColorOnlyIfAsked) {
  Messages m;
  m.sources.add("a", "abc");
  m.diags.error(Code::Syntax, {0, 0, 3}, "bad");
  EXPECT_EQ(m.text().find('\x1b'), std::string::npos);
  EXPECT_NE(m.text(true).find("\x1b[1;31merror[E0003]\x1b[0m"), std::string::npos);
}

TEST(Diagnostics, JsonIsOneObjectALine) {
  Messages m;
  m.sources.add("a.apical", "abc\n\"q\" d");
  m.diags.error(Code::UnknownName, {0, 4, 7}, "unknown \"q\"").label({0, 0, 3}, "l").hint("h");
  m.diags.warning(Code::Syntax, {0, 8, 9}, "w");
  std::string out;
  llvm::raw_string_ostream os(out);
  m.diags.printJson(os);
  auto [first, second] = llvm::StringRef(out).split('\n');
  auto value = llvm::json::parse(first);
  ASSERT_TRUE(bool(value));
  llvm::json::Object &o = *value->getAsObject();
  EXPECT_EQ(o.getString("severity"), "error");
  EXPECT_EQ(o.getString("code"), "E0101");
  EXPECT_EQ(o.getString("message"), "unknown \"q\"");
  EXPECT_EQ(o.getString("file"), "a.apical");
  EXPECT_EQ(o.getInteger("line"), 2);
  EXPECT_EQ(o.getInteger("column"), 1);
  EXPECT_EQ(o.getInteger("endColumn"), 4);
  EXPECT_EQ(o.getString("hint"), "h");
  ASSERT_EQ(o.getArray("labels")->size(), 1u);
  EXPECT_EQ(o.getArray("labels")->front().getAsObject()->getString("text"), "l");
  EXPECT_TRUE(bool(llvm::json::parse(second.trim())));
}

TEST(Diagnostics, NearestIsNear) {
  EXPECT_EQ(nearest("hiden", {"label", "hidden", "image"}), "hidden");
  EXPECT_EQ(nearest("Rate", {"rate"}), "rate");
  EXPECT_EQ(nearest("x", {"y", "zebra"}), "");
  EXPECT_EQ(nearest("completely", {"different"}), "");
  EXPECT_EQ(nearest("rate", {"rate"}), ""); // the name itself is no advice
}

TEST(Diagnostics, NamesOfCodes) {
  EXPECT_EQ(codeName(Code::Syntax), "E0003");
  EXPECT_EQ(codeName(Code::Internal), "E0903");
  EXPECT_EQ(codeSummary(Code::BadUnit), "an unknown unit of measure");
}

} // namespace
