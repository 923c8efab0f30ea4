//===- SyntaxErrorTest.cpp - what is said about broken text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Parsed.h"
#include <gtest/gtest.h>

using namespace apical;
using apical::test::Parsed;

namespace {

void expectBrief(const std::string &text, const std::string &brief) {
  EXPECT_EQ(Parsed(text).brief(), brief) << text;
}

TEST(SyntaxError, EachCodeHasItsCase) {
  expectBrief("a = b && c", "E0001: `&` starts no word of the language\n");
  expectBrief(std::string("a\0b", 3), "E0002: the source is not text: byte 1 is zero\n");
  expectBrief("a = \xff", "E0002: the source is not text: byte 4 is not UTF-8\n");
  expectBrief("area a = source", "E0003: expected `:` and the unit of the area, found `=`\n");
  expectBrief("x = f(1, 2",
              "E0004: expected `)` to close the arguments, found the end of the file\n");
  expectBrief("x = 20 msx", "E0005: unknown unit `msx` after the number `20`\n");
  expectBrief("x = 1e999",
              "E0006: the number `1e999` is larger than any that can be represented\n");
  expectBrief("x = " + std::string(1000, '(') + "1" + std::string(1000, ')'),
              "E0007: the text is nested too deeply here\n");
}

TEST(SyntaxError, MessagesSayWhatWasExpected) {
  expectBrief("area weight : source",
              "E0003: expected a name after `area`, found the keyword `weight`\n");
  expectBrief("let x = a b",
              "E0003: expected an operator or the end of the statement between `a` and `b`\n");
  expectBrief("let y = f(p: 3)", "E0003: expected `,` or `)` in the arguments, found `:`\n");
  expectBrief("let y = f(p 3)", "E0003: expected an operator, `,` or `)` between `p` and `3`\n");
  expectBrief("let z = 3 +",
              "E0003: expected an expression after `+`, found the end of the file\n");
  expectBrief("let z = 3 +\narea a : u",
              "E0003: expected an expression after `+`, found the end of the line\n");
  expectBrief("x = )", "E0003: expected an expression after `=`, found the end of the file\n"
                       "E0003: `)` closes nothing\n");
  expectBrief("if x = 3 { }", "E0003: `=` does not stand in a condition\n");
  expectBrief("learn x with sgd()", "E0003: expected `by` and a rule, found the keyword `with`\n");
  expectBrief("connect a : b",
              "E0003: expected `->` and the target of the connection, found `:`\n");
  expectBrief(
      "connect a -> b",
      "E0003: expected `:` and the topology of the connection, found the end of the file\n");
  expectBrief("unit u\ninput x",
              "E0003: expected `{` to open the body of the unit, found the end of the line\n");
  expectBrief("common k", "E0003: `common` does not say what kind of variable this is\n");
  expectBrief("input state z", "E0003: a variable is either `input` or `state`\n");
  expectBrief("shared shared state z", "E0003: `shared` is said twice\n");
  expectBrief("each foo f { }", "E0003: `each` goes over no `foo`\n");
  expectBrief("each { }", "E0003: expected what the block is for after `each`, found `{`\n");
  expectBrief("each connection c { }", "E0003: `each connection` binds no name\n");
  expectBrief("each area { }", "E0003: `each area` needs a name for the one at hand\n");
  expectBrief("area a[3][4] : u", "E0003: an area has one shape\n");
  expectBrief("z = a.*", "E0003: `.*` stands only at an end of a `connect`\n");
  expectBrief("else { }", "E0003: expected a statement, found the keyword `else`\n");
  expectBrief("x = \"abc", "E0003: the string is not closed\n");
}

TEST(SyntaxError, OneMistakeOneMessage) {
  // Each line is wrong by itself; the good lines between survive.
  Parsed p("network n {\n"
           "  area a[10 : source\n"
           "  area good : source\n"
           "  connect a b : dense\n"
           "  let x = \n"
           "  cost c = 1\n"
           "}\n"
           "unit u( { input x }\n"
           "unit v { input y }\n");
  EXPECT_EQ(p.brief(), "E0004: expected `]` to close the index, found the end of the line\n"
                       "E0003: expected `->` and the target of the connection, found `b`\n"
                       "E0003: expected an expression after `=`, found the end of the line\n"
                       "E0004: expected `)` to close the parameters, found `{`\n");
  ASSERT_EQ(p.file.body.size(), 3u);
  auto *net = llvm::cast<ast::Definition>(p.file.body[0]);
  ASSERT_EQ(net->body.size(), 1u);
  EXPECT_EQ(llvm::cast<ast::AreaDecl>(net->body[0])->name.text, "good");
  EXPECT_EQ(llvm::cast<ast::Definition>(p.file.body[1])->body.size(), 1u); // the body is read
}

TEST(SyntaxError, AForgottenBraceIsShownWhereItOpened) {
  EXPECT_EQ(Parsed("network n {\n  area a : source\n\nunit v {\n input x\n}\n").messages(),
            R"(error[E0004]: expected `}` to close the block, found `unit`
 --> model.apical:4:1
  |
1 | network n {
  |           - the block opens here
...
4 | unit v {
  | ^^^^

1 error
)");
}

TEST(SyntaxError, RenderedWithLabelAndHint) {
  EXPECT_EQ(Parsed("network n {\n    let y = f(p: 3)\n}\n").messages(),
            R"(error[E0003]: expected `,` or `)` in the arguments, found `:`
 --> model.apical:2:16
  |
2 |     let y = f(p: 3)
  |              - ^
  |              |
  |              opened here
  |
  = help: arguments are named with `=`: `p = …`

1 error
)");
}

TEST(SyntaxError, HopelessTextEnds) {
  for (const std::string &text :
       {std::string(1'000'000, '('), "x = " + std::string(300'000, '-') + "1",
        std::string(500'000, ')'), std::string(100'000, '{'), std::string(100'000, '}'),
        std::string(300'000, '$')}) {
    Parsed p(text);
    EXPECT_TRUE(p.diags.hasErrors());
    EXPECT_LE(p.diags.errorCount(), 101u);
  }
  std::string sum = "x = 1", chain = "x = a", nested;
  for (int i = 0; i < 100'000; ++i)
    sum += "+1", chain += ".a(1)[2]", nested += "if a { ";
  for (const std::string &text : {sum, chain, nested})
    EXPECT_EQ(Parsed(text).brief(), "E0007: the text is nested too deeply here\n");
}

} // namespace
