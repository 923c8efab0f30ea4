//===- RunTest.cpp - runs, interrupted and not ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeProgram.h"

#include <cmath>
#include <sstream>

using namespace apical::test;

namespace {

class Run : public testing::Test {
protected:
  Folder folder;
  std::string directory = folder.str();
  FakeProgram fake{folder};
  apical_run_options options;
  apical_error error = {};
  apical_instance *instance = nullptr;

  void SetUp() override {
    apical_run_options_init(&options);
    options.quiet = 1;
    options.directories[options.directory_count++] = directory.c_str();
  }
  void TearDown() override { apical_instance_destroy(instance); }

  int run() {
    apical_instance_destroy(instance);
    instance = nullptr;
    int failed = apical_start(&fake.program, &options, &instance, &error);
    return failed ? failed : apical_run(instance, &options, &error);
  }

  std::vector<std::string> metrics() {
    std::istringstream in(readFile(options.metrics));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    return lines;
  }
};

double field(const std::string &line, const std::string &name) {
  size_t at = line.find("\"" + name + "\":");
  return at == std::string::npos ? std::nan("") : std::stod(line.substr(at + name.size() + 3));
}

TEST_F(Run, Learns) {
  std::string path = folder / "metrics";
  options.metrics = path.c_str();
  ASSERT_EQ(run(), 0) << error.message;
  auto lines = metrics();
  std::vector<double> losses;
  for (const std::string &line : lines)
    if (line.find("\"epoch\",") != std::string::npos)
      losses.push_back(field(line, "loss"));
  ASSERT_EQ(losses.size(), 4u);
  EXPECT_LT(losses[3], losses[0]);
  EXPECT_EQ(apical_instance_position(instance).trial, 44); // 4 epochs of 11 batches
  EXPECT_EQ(apical_instance_position(instance).experiment, 2);
}

// Stopped after any trial of the run and resumed, the states are the same to
// the last bit, and so are the measures of the epoch that was cut in two.
TEST_F(Run, InterruptedAndResumedEqualsUninterrupted) {
  std::string whole = folder / "whole", parts = folder / "parts", file = folder / "checkpoint";
  options.metrics = whole.c_str();
  ASSERT_EQ(run(), 0) << error.message;
  auto expected = memoryOf(instance);
  auto expectedLines = metrics();
  for (int64_t at : {0, 5, 10, 11, 20, 43}) {
    options.metrics = parts.c_str();
    options.save = file.c_str();
    fake.interruptAt = at;
    int failed = run();
    if (failed) {
      ASSERT_EQ(failed, APICAL_ERROR_INTERRUPTED) << error.message;
      expectMessage(error, {"stopped in net", "--resume"});
      EXPECT_EQ(apical_instance_position(instance).trial, at + 1);
      EXPECT_NE(memoryOf(instance), expected);
      fake.interruptAt = -1;
      options.resume = file.c_str();
      options.threads = 2;
      ASSERT_EQ(run(), 0) << error.message;
    }
    EXPECT_EQ(memoryOf(instance), expected) << "interrupted at " << at;
    auto measuresOf = [](const std::vector<std::string> &lines) {
      std::vector<double> result;
      for (const std::string &line : lines)
        if (line.find("\"epoch\",") != std::string::npos ||
            line.find("\"test\",") != std::string::npos)
          result.push_back(field(line, "loss"));
      return result;
    };
    EXPECT_EQ(measuresOf(metrics()), measuresOf(expectedLines)) << "interrupted at " << at;
    options.resume = nullptr;
    options.threads = 0;
  }
}

TEST_F(Run, MoreEpochsFromACheckpointEqualsMoreEpochs) {
  std::string file = folder / "checkpoint";
  fake.program.experiment_count = 1; // a test here leaves traces in the lasting state
  options.epochs = 7;
  ASSERT_EQ(run(), 0);
  auto expected = memoryOf(instance);
  options.epochs = 0;
  options.save = file.c_str();
  ASSERT_EQ(run(), 0);
  EXPECT_NE(memoryOf(instance), expected);
  options.resume = file.c_str();
  options.epochs = 7;
  ASSERT_EQ(run(), 0) << error.message;
  EXPECT_EQ(memoryOf(instance), expected);
}

TEST_F(Run, AFinishedRunIsTestedAgain) {
  std::string file = folder / "checkpoint", path = folder / "metrics";
  options.save = file.c_str();
  ASSERT_EQ(run(), 0);
  options.resume = file.c_str();
  options.save = nullptr;
  std::string log = folder / "again";
  options.metrics = log.c_str();
  ASSERT_EQ(run(), 0) << error.message;
  auto lines = metrics();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("\"event\":\"test\""), std::string::npos);
}

TEST_F(Run, WatchingChangesNothing) {
  ASSERT_EQ(run(), 0);
  auto expected = memoryOf(instance);
  std::string path = folder / "metrics", file = folder / "checkpoint";
  options.test_every_epoch = 1;
  options.metrics = path.c_str();
  options.metrics_every = 1;
  options.save = file.c_str();
  ASSERT_EQ(run(), 0) << error.message;
  EXPECT_EQ(memoryOf(instance), expected);
  int steps = 0, epochs = 0, tests = 0, ends = 0;
  for (const std::string &line : metrics()) {
    steps += line.find("{\"event\":\"step\",\"network\":\"net\",\"experiment\":0") == 0;
    epochs += line.find("{\"event\":\"epoch\"") == 0;
    tests += line.find("{\"event\":\"test\"") == 0;
    ends += line.find("{\"event\":\"end\"") == 0;
  }
  EXPECT_EQ(steps, 44);
  EXPECT_EQ(epochs, 4);
  EXPECT_EQ(tests, 3 + 1);
  EXPECT_EQ(ends, 1);
}

TEST_F(Run, MetricsAreMeansInTheirUnits) {
  std::string path = folder / "metrics";
  options.metrics = path.c_str();
  ASSERT_EQ(run(), 0);
  auto lines = metrics();
  ASSERT_GE(lines.size(), 2u);
  const std::string &test = lines[lines.size() - 2], &end = lines.back();
  EXPECT_EQ(field(test, "seed"), 1);
  EXPECT_EQ(field(test, "step"), 44);
  EXPECT_EQ(field(test, "experiment"), 1);
  EXPECT_GE(field(test, "seconds"), 0);
  // The mean over batches of the first row's index: 0, 10 ... 100.
  EXPECT_DOUBLE_EQ(field(test, "first"), 50);
  // In percent, of 103 samples.
  double wrong = field(test, "wrong") * 1.03;
  EXPECT_GT(wrong, 0);
  EXPECT_NEAR(wrong, std::round(wrong), 1e-6);
  EXPECT_EQ(test.find("hidden"), std::string::npos);
  EXPECT_NE(end.find("\"status\":\"finished\""), std::string::npos);
}

TEST_F(Run, DivergenceNamesTheArea) {
  std::string file = folder / "checkpoint";
  options.save = file.c_str();
  fake.divergeAt = 15;
  ASSERT_EQ(run(), APICAL_ERROR_DIVERGED);
  expectMessage(error, {"net", "area 'hidden'", "step 16", "epoch 2",
                        "mean size 0.25 a step before", "learning rate"});
  // The checkpoint after the first epoch is still there and sound.
  fake.divergeAt = -1;
  options.resume = file.c_str();
  apical_instance_destroy(instance);
  ASSERT_EQ(apical_start(&fake.program, &options, &instance, &error), 0) << error.message;
  EXPECT_EQ(apical_instance_position(instance).trial, 11);
}

TEST_F(Run, LabelsOutOfRange) {
  std::string table = readFile(folder / "y.csv");
  table[table.size() - 2] = '7';
  writeFile(folder / "y.csv", table);
  EXPECT_NE(run(), 0);
  expectMessage(error, {"row 102", "'labels'", "is 7", "0 to 2", "y.csv"});
}

TEST_F(Run, DataOfAnotherKind) {
  fake.columns[0].elements = 4;
  EXPECT_NE(run(), 0);
  expectMessage(error, {"3 f32", "4 f32", "x-idx", "compile it again"});
  fake.columns[0].elements = 3;
  writeFile(folder / "y.csv", "y\n1\n2\n");
  EXPECT_NE(run(), 0);
  expectMessage(error, {"2 rows", "103", "labels"});
  writeFile(folder / "y.csv", "y\n");
  EXPECT_NE(run(), 0);
}

TEST_F(Run, TrialsInsteadOfEpochs) {
  fake.experiments[0].trials = 15;
  ASSERT_EQ(run(), 0) << error.message;
  EXPECT_EQ(apical_instance_position(instance).trial, 15);
}

TEST_F(Run, ThreadsDoNotMatter) {
  options.threads = 1;
  ASSERT_EQ(run(), 0);
  auto expected = memoryOf(instance);
  options.threads = 4;
  ASSERT_EQ(run(), 0);
  EXPECT_EQ(memoryOf(instance), expected);
}

TEST_F(Run, SettingsReachTheFirstValues) {
  ASSERT_EQ(run(), 0);
  auto expected = memoryOf(instance);
  options.settings[options.setting_count++] = "spread=2";
  ASSERT_EQ(run(), 0);
  EXPECT_NE(memoryOf(instance), expected);
  double value;
  apical_get_param(instance, "spread", &value, &error);
  EXPECT_EQ(value, 2);
}

TEST_F(Run, MetricsThatCannotBeWritten) {
  options.metrics = "/dev/full";
  EXPECT_EQ(run(), APICAL_ERROR_FILE);
  expectMessage(error, {"/dev/full", "No space"});
}

} // namespace
