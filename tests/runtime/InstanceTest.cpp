//===- InstanceTest.cpp - states and parameters ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeProgram.h"

#include <cstring>
#include <numeric>

using namespace apical::test;

namespace {

class Instance : public testing::Test {
protected:
  Folder folder;
  FakeProgram fake{folder};
  apical_instance *instance = nullptr;
  apical_error error = {};

  void SetUp() override {
    ASSERT_EQ(apical_instance_create(&fake.program, 1, 1, &instance, &error), 0);
  }
  void TearDown() override { apical_instance_destroy(instance); }
};

TEST_F(Instance, ReadsAndWritesThroughThePadding) {
  double in[6] = {1, 2, 3, 4, 5, 6}, out[6] = {};
  ASSERT_EQ(apical_write_state(instance, 0, in, 6, &error), 0);
  ASSERT_EQ(apical_read_state(instance, 0, out, 6, &error), 0);
  EXPECT_TRUE(std::equal(in, in + 6, out));
  auto *w = static_cast<float *>(apical_state_memory(instance, 0));
  EXPECT_EQ(w[2], 3);
  EXPECT_EQ(w[3], 0); // padding
  EXPECT_EQ(w[4], 4);
  float trace[3] = {7, 8, 9}, back[3] = {};
  ASSERT_EQ(apical_write_state_float(instance, 1, trace, 3, &error), 0);
  ASSERT_EQ(apical_read_state_float(instance, 1, back, 3, &error), 0);
  EXPECT_EQ(back[2], 9);
  auto *memory = static_cast<double *>(apical_state_memory(instance, 1));
  EXPECT_EQ(memory[1], 0);
  EXPECT_EQ(memory[4], 9);
}

TEST_F(Instance, ChecksumIgnoresThePadding) {
  uint32_t before = apical_state_checksum(instance, 0);
  auto *w = static_cast<float *>(apical_state_memory(instance, 0));
  w[3] = 1;
  EXPECT_EQ(apical_state_checksum(instance, 0), before);
  w[4] += 1;
  EXPECT_NE(apical_state_checksum(instance, 0), before);
}

TEST_F(Instance, RefusesWhatDoesNotFit) {
  double numbers[6];
  EXPECT_NE(apical_read_state(instance, 0, numbers, 5, &error), 0);
  expectMessage(error, {"net.w", "6 elements", "not 5"});
  EXPECT_NE(apical_read_state(instance, 3, numbers, 6, &error), 0);
  EXPECT_EQ(apical_find_state(&fake.program, "net.updates", &error), 2);
  EXPECT_EQ(apical_find_state(&fake.program, "net.update", &error), -1);
  expectMessage(error, {"did you mean 'net.updates'"});
}

TEST_F(Instance, Parameters) {
  double value;
  ASSERT_EQ(apical_set_param_text(instance, "rate=30 ms", &error), 0) << error.message;
  apical_get_param(instance, "rate", &value, &error);
  EXPECT_DOUBLE_EQ(value, 0.030);
  ASSERT_EQ(apical_set_param_text(instance, "rate=4", &error), 0); // in the default's unit
  apical_get_param(instance, "rate", &value, &error);
  EXPECT_DOUBLE_EQ(value, 0.004);
  for (const char *bad : {"rate", "rate=", "rate=fast", "rate=3 kg", "rate=nan", "spread=1 ms"})
    EXPECT_NE(apical_set_param_text(instance, bad, &error), 0) << bad;
  EXPECT_NE(apical_set_param_text(instance, "rat=1", &error), 0);
  expectMessage(error, {"did you mean 'rate'"});
  EXPECT_NE(apical_set_param_text(instance, "completely=1", &error), 0);
  expectMessage(error, {"there are: spread, rate"});
}

TEST_F(Instance, SeedDecidesTheFirstValues) {
  auto first = memoryOf(instance);
  ASSERT_EQ(apical_instance_reset(instance, 2, &error), 0);
  EXPECT_NE(memoryOf(instance), first);
  ASSERT_EQ(apical_instance_reset(instance, 1, &error), 0);
  EXPECT_EQ(memoryOf(instance), first);
}

TEST_F(Instance, StepOnTheCallersRows) {
  float x[6] = {1, 0, 1, 0, 1, 1};
  int32_t y[2] = {1, 2};
  const void *columns[] = {x, y};
  double results[4];
  auto before = memoryOf(instance);
  ASSERT_EQ(apical_step_once(instance, 1, columns, nullptr, 2, 1, results, &error), 0);
  EXPECT_NE(memoryOf(instance), before);
  EXPECT_EQ(apical_instance_position(instance).trial, 1);
  EXPECT_NE(apical_step_once(instance, 1, columns, nullptr, 11, 1, results, &error), 0);
  expectMessage(error, {"1 to 10"});
  y[1] = 3;
  EXPECT_NE(apical_step_once(instance, 1, columns, nullptr, 2, 1, results, &error), 0);
  expectMessage(error, {"row 1", "labels", "0 to 2"});
}

TEST_F(Instance, StepWithoutLabels) {
  float x[3] = {1, 0, 1};
  int32_t zeros[1] = {0};
  double without[4], with[4];
  const void *columns[] = {x, nullptr}, *all[] = {x, zeros};
  ASSERT_EQ(apical_step_once(instance, 1, columns, nullptr, 1, 0, without, &error), 0);
  ASSERT_EQ(apical_step_once(instance, 1, all, nullptr, 1, 0, with, &error), 0);
  EXPECT_EQ(without[0], with[0]);
}

TEST_F(Instance, LivesInTheCallersMemory) {
  int64_t size = apical_instance_size(&fake.program);
  ASSERT_GT(size, 0);
  auto *memory = static_cast<char *>(aligned_alloc(64, size_t(size + 64)));
  memset(memory, 0x5a, size_t(size + 64));
  apical_instance *placed = nullptr;
  ASSERT_EQ(apical_instance_place(&fake.program, 1, memory, &placed, &error), 0) << error.message;
  EXPECT_EQ(memoryOf(placed), memoryOf(instance));
  for (int i = 0; i < 64; ++i)
    ASSERT_EQ(memory[size + i], 0x5a) << "behind the end";
  apical_instance_destroy(placed); // leaves the memory alone
  EXPECT_NE(apical_instance_place(&fake.program, 1, memory + 8, &placed, &error), 0);
  expectMessage(error, {"64 bytes"});
  free(memory);
}

TEST(InstanceCreate, ProcessorIsChecked) {
  Folder folder;
  FakeProgram fake(folder);
  apical_instance *instance = nullptr;
  apical_error error = {};
  fake.program.processor = "avx2 xop fma4"; // the last two: of one maker, for a few years
  if (__builtin_cpu_supports("xop"))
    GTEST_SKIP() << "this processor has everything that the test knows";
  EXPECT_EQ(apical_instance_create(&fake.program, 1, 1, &instance, &error), APICAL_ERROR_ARGUMENT);
  EXPECT_EQ(instance, nullptr);
  expectMessage(error, {"built for processors with", "which this one lacks", "--cpu"});
  fake.program.processor = "feature-of-tomorrow"; // cannot be asked for
  EXPECT_EQ(apical_instance_create(&fake.program, 1, 1, &instance, &error), 0);
  apical_instance_destroy(instance);
}

TEST(InstanceCreate, OutOfMemoryIsAnError) {
  Folder folder;
  FakeProgram fake(folder);
  fake.states[1].bytes = INT64_MAX / 2;
  apical_instance *instance = nullptr;
  apical_error error = {};
  EXPECT_EQ(apical_instance_create(&fake.program, 1, 1, &instance, &error), APICAL_ERROR_MEMORY);
  EXPECT_EQ(instance, nullptr);
  expectMessage(error, {"net.trace", "memory"});
}

TEST(InstanceCreate, OtherInterfaceIsAnError) {
  Folder folder;
  FakeProgram fake(folder);
  fake.program.abi = 99;
  apical_instance *instance = nullptr;
  apical_error error = {};
  EXPECT_NE(apical_instance_create(&fake.program, 1, 1, &instance, &error), 0);
  expectMessage(error, {"version 99"});
}

} // namespace
