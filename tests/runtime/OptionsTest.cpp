//===- OptionsTest.cpp - the command line of a run ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeProgram.h"

using namespace apical::test;

namespace {

struct Parsed {
  apical_run_options options;
  apical_error error = {};
  int result = 1;

  explicit Parsed(std::vector<const char *> arguments) {
    apical_run_options_init(&options);
    auto **argv = const_cast<char **>(arguments.data());
    for (int i = 0; i < int(arguments.size()) && result == 1;)
      result = apical_parse_option(int(arguments.size()), argv, &i, &options, &error);
  }
};

TEST(Options, BothSpellings) {
  Parsed p({"--seed",      "18446744073709551615",
            "--threads=3", "--metrics",
            "-",           "--metrics-every=7",
            "--save=a",    "--save-every",
            "2",           "--resume",
            "b",           "--epochs",
            "9",           "--set",
            "x=1",         "--set=y=2",
            "--data",      "d",
            "--quiet",     "--test-every-epoch",
            "--list",      "--help",
            "--probe",     "p"});
  ASSERT_EQ(p.result, 1) << p.error.message;
  EXPECT_EQ(p.options.seed, UINT64_MAX);
  EXPECT_EQ(p.options.threads, 3);
  EXPECT_STREQ(p.options.metrics, "-");
  EXPECT_EQ(p.options.metrics_every, 7);
  EXPECT_STREQ(p.options.probe, "p");
  EXPECT_STREQ(p.options.save, "a");
  EXPECT_EQ(p.options.save_every, 2);
  EXPECT_STREQ(p.options.resume, "b");
  EXPECT_EQ(p.options.epochs, 9);
  ASSERT_EQ(p.options.setting_count, 2);
  EXPECT_STREQ(p.options.settings[1], "y=2");
  EXPECT_STREQ(p.options.directories[0], "d");
  EXPECT_TRUE(p.options.quiet && p.options.test_every_epoch && p.options.list && p.options.help);
}

TEST(Options, LeavesOthersAlone) {
  EXPECT_EQ(Parsed({"file.apical"}).result, 0);
  EXPECT_EQ(Parsed({"--seeds", "1"}).result, 0);
}

TEST(Options, Bad) {
  for (std::vector<const char *> bad : {std::vector<const char *>{"--seed", "-1"},
                                        {"--seed", "18446744073709551616"},
                                        {"--seed"},
                                        {"--epochs", "0"},
                                        {"--epochs", "1.5"},
                                        {"--threads", "many"},
                                        {"--metrics-every", ""},
                                        {"--quiet=yes"},
                                        {"--save="}}) {
    Parsed p(bad);
    EXPECT_EQ(p.result, -1) << bad[0];
    EXPECT_EQ(p.error.kind, APICAL_ERROR_USAGE);
    EXPECT_NE(std::string(p.error.message).find("--"), std::string::npos);
  }
}

TEST(Main, ExitCodes) {
  Folder folder;
  FakeProgram fake(folder);
  auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "fake");
    std::vector<char *> argv;
    for (std::string &argument : arguments)
      argv.push_back(argument.data());
    return apical_main(int(argv.size()), argv.data(), &fake.program);
  };
  std::string data = "--data=" + folder.str();
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(run({data}), 0);
  EXPECT_EQ(run({"--quiet"}), 1); // no data there
  EXPECT_EQ(run({data, "--set", "x=1"}), 1);
  EXPECT_EQ(run({"--what"}), 2);
  EXPECT_EQ(run({"--sed=3"}), 2);
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(run({"--list"}), 0);
  std::string out = testing::internal::GetCapturedStdout();
  std::string errors = testing::internal::GetCapturedStderr();
  for (const char *part :
       {"net  epoch 4/4  loss ", " numbers/s", "net  test  loss ", "usage: fake", "rate = 20 ms",
        "net.w  f32[2, 3]  weight", "train net on table.train, batch = 10, epochs = 4"})
    EXPECT_NE(out.find(part), std::string::npos) << part << " in\n" << out;
  for (const char *part :
       {"cannot find data file 'x-idx'", "no parameter 'x'", "there is no option '--what'",
        "there is no option '--sed'; did you mean '--seed'?"})
    EXPECT_NE(errors.find(part), std::string::npos) << part << " in\n" << errors;
}

// The best first; `xop` was in no processor since 2017, and no processor lacks nothing.
TEST(Main, TakesTheFirstProgramThatTheProcessorRuns) {
  Folder folder;
  FakeProgram fake(folder);
  apical_program better = fake.program, never = fake.program;
  better.name = "better", never.name = "never";
  better.processor = "", never.processor = "xop fma4";
  auto help = [&](const apical_program *const *programs) {
    char name[] = "fake", option[] = "--help";
    char *argv[] = {name, option};
    testing::internal::CaptureStdout();
    EXPECT_EQ(apical_main_for(2, argv, programs), 0);
    return testing::internal::GetCapturedStdout();
  };
  const apical_program *first[] = {&better, &fake.program, nullptr};
  const apical_program *second[] = {&never, &better, &fake.program, nullptr};
  EXPECT_NE(help(first).find("experiments of better"), std::string::npos);
  EXPECT_NE(help(second).find("experiments of better"), std::string::npos);
}

} // namespace
