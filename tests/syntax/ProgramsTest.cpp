//===- ProgramsTest.cpp - whole programs, newlines, trees ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Parsed.h"
#include "llvm/Support/MemoryBuffer.h"
#include <filesystem>
#include <gtest/gtest.h>

using namespace apical;
using namespace apical::ast;
using apical::test::Parsed;

namespace {

TEST(Programs, EveryProgramOfTheReferenceParses) {
  unsigned count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(APICAL_INPUTS)) {
    auto buffer = llvm::MemoryBuffer::getFile(entry.path().string());
    ASSERT_TRUE(buffer) << entry.path();
    Parsed p((*buffer)->getBuffer().str());
    EXPECT_EQ(p.messages(), "") << entry.path();
    EXPECT_FALSE(p.file.body.empty()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 36u);
}

unsigned statements(const std::string &text) {
  Parsed p(text);
  EXPECT_EQ(p.messages(), "") << text;
  return static_cast<unsigned>(p.file.body.size());
}

TEST(Programs, NewlinesEndStatements) {
  EXPECT_EQ(statements(""), 0u);
  EXPECT_EQ(statements("\n\n// nothing\n"), 0u);
  EXPECT_EQ(statements("a = 1\nb = 2"), 2u);
  EXPECT_EQ(statements("a = 1\r\nb = 2\r\n"), 2u);
  EXPECT_EQ(statements("a = 1; b = 2;"), 2u);
  EXPECT_EQ(statements("a = f(1,\n 2\n)\nb = [1\n, 2]"), 2u);
  EXPECT_EQ(statements("a = 1 +\n 2\nb = 3"), 2u);
  EXPECT_EQ(statements("a = 1\n-b"), 2u); // a line that starts with a minus is a new statement
  EXPECT_EQ(statements("connect a ->\n b : dense\nconnect a -> core.*  : dense"), 2u);
  EXPECT_EQ(statements("connect a -> b : dense of s\nas q"), 1u);
  EXPECT_EQ(statements(
                "learn c\n in w\n through v\n by r()\n with o()\n every 2 trials\n while x\n as l"),
            1u);
  EXPECT_EQ(statements("if a { b = 1 }\nelse { b = 2 }"), 1u);
  EXPECT_EQ(statements("if a { b = 1 } else if c { b = 2 } else { b = 3 }"), 1u);
  EXPECT_EQ(statements("unit a {} unit b {}"), 2u);
  EXPECT_EQ(statements("unit a { input x; output y = x } c = 1"), 2u);
  EXPECT_EQ(statements("connect a -> core.* : dense\nc = 1"), 2u);
}

TEST(Programs, WordsOfTheLanguageAreNamesWhereNothingElseFits) {
  EXPECT_EQ(statements("data d = table(\n  train = f(1),\n  test ~ g()\n)\nx = d.train.weight"),
            2u);
  EXPECT_EQ(statements("rule r(C : cost, n : network) {}"), 1u);
  EXPECT_EQ(statements("each output o {}; each connection to output {}; each weight p {}"), 3u);
}

TEST(Programs, DocumentationBelongsToTheNextDeclaration) {
  Parsed p(
      "/// One.\n/// Two.\nunit u {\n  /// Inside.\n  input x // plain\n}\n//// rule\nunit v {}");
  ASSERT_EQ(p.file.body.size(), 2u);
  EXPECT_EQ(p.file.body[0]->doc, "One.\nTwo.");
  EXPECT_EQ(llvm::cast<Definition>(p.file.body[0])->body[0]->doc, "Inside.");
  EXPECT_EQ(p.file.body[1]->doc, "");
}

TEST(Programs, TheTreeHasEveryPart) {
  Parsed p(R"(network n(g : signal, k = 2) {
  area h[1..7][240] : lif(tau = 20 ms) { given target[2] }
  connect h[k].spike -> core.* : dense(w ~ normal(0, 1)) of plastic as c { keep w = abs(w) }
  learn value.rate in c through d by r(x) with sgd(0.1), c: adam() every 2 trials while epoch > 3 as l
  phase try[y] from start { run 5 until change < 1 with { u.x += 1 } with each area a { a.x = 1 } }
  each connection between hidden { shared state xi[3] : voltage ~ normal(0, 1), y = 0 }
  event spike when v > 1, slope = 2 { hold v for 2 ms }
  on every 4 ticks { apply oja() to H }
}
train n on d.train as q, batch = 64, active = [] { measure m = a == b; probe a.x, b.y; probe z = q }
data r = ring(9) { a[4]; b; priority = 1 }
)");
  EXPECT_EQ(p.messages(), "");
  EXPECT_EQ(p.tree(), R"(network n <1:1-9:2>
  parameter g : signal
  parameter k = 2
  area h <2:3-2:59>
    family: 1..7
    shape: 240
    unit: lif(tau = 20 ms)
    body
      given <2:42-2:57>
        target[2]
  connect c <3:3-3:93>
    from: h[k].spike
    to: core.*
    topology: dense(w ~ normal(0, 1))
    synapse: plastic
    body
      keep <3:76-3:91>
        target: w
        value: abs(w)
  learn l <4:3-4:103>
    subject: value.rate
    in: c
    through: d
    by: r(x)
    with: sgd(0.1)
    with c: adam()
    every: 2 trials
    while: epoch > 3
  phase try <5:3-5:100>
    index: y
    from: start
    body
      run <5:29-5:98>
        for: 5
        until: change < 1
        with
          add <5:59-5:67>
            target: u.x
            value: 1
        with
          each area a <5:75-5:98>
            body
              set <5:89-5:96>
                target: a.x
                value: 1
  each connection <6:3-6:88>
    between: hidden
    body
      shared state <6:36-6:86>
        xi[3] : voltage ~ normal(0, 1)
        y = 0
  event spike <7:3-7:56>
    when: v > 1
    slope: 2
    body
      hold <7:39-7:54>
        target: v
        for: 2 ms
  on <8:3-8:40>
    every: 4 ticks
    body
      apply <8:22-8:38>
        rule: oja()
        to: H
train <10:1-10:101>
  network: n
  on: d.train
  as: q
  option batch: 64
  option active: []
  body
    measure m <10:52-10:70>
      value: a == b
    probe <10:72-10:86>
      values: a.x, b.y
    probe z <10:88-10:99>
      values: q
data r <11:1-11:43>
  value: ring(9)
  columns
    expression <11:20-11:24>
      value: a[4]
    expression <11:26-11:27>
      value: b
    set <11:29-11:41>
      target: priority
      value: 1
)");
}

TEST(Programs, TokensHavePlaces) {
  Sources sources;
  Diagnostics diags(sources);
  sources.add("model.apical", "dv/dt = 2 ms * a.for\nunit u {}");
  std::string out;
  llvm::raw_string_ostream os(out);
  dumpTokens(0, sources, diags, os);
  EXPECT_EQ(out, "1:1\tderivative\tdv/dt\n1:7\tmark\t=\n1:9\tnumber\t2 ms\n1:14\tmark\t*\n"
                 "1:16\tname\ta\n1:17\tmark\t.\n1:18\tname\tfor\n1:21\tend of statement\n"
                 "2:1\tkeyword\tunit\n2:6\tname\tu\n2:8\tmark\t{\n2:9\tmark\t}\n"
                 "2:10\tend of statement\n2:10\tend of file\n");
}

} // namespace
