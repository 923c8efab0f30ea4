//===- CheckpointTest.cpp - checkpoints, whole and damaged ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeProgram.h"

#include <csignal>
#include <cstring>
#include <sys/resource.h>
#include <zlib.h>

using namespace apical::test;

namespace {

class Checkpoint : public testing::Test {
protected:
  Folder folder;
  FakeProgram fake{folder};
  std::string path = folder / "model.safetensors";
  apical_instance *instance = nullptr, *other = nullptr;
  apical_error error = {};

  void SetUp() override {
    ASSERT_EQ(apical_instance_create(&fake.program, 1, 1, &instance, &error), 0);
    ASSERT_EQ(apical_instance_create(&fake.program, 2, 1, &other, &error), 0);
    double numbers[6] = {0.1, -2, 3e30, 4, 5, -6};
    ASSERT_EQ(apical_write_state(instance, 0, numbers, 6, &error), 0);
    ASSERT_EQ(apical_write_state(instance, 1, numbers, 3, &error), 0);
    ASSERT_EQ(apical_set_param(instance, "spread", 0.1, &error), 0);
  }
  void TearDown() override {
    apical_instance_destroy(instance);
    apical_instance_destroy(other);
  }

  int load(const std::string &bytes) {
    writeFile(path, bytes);
    return apical_load(other, path.c_str(), &error);
  }
};

/// The file with its header replaced by `change` of it, the checksum mended.
template <typename Change> std::string withHeader(const std::string &file, Change change) {
  uint64_t length;
  memcpy(&length, file.data(), 8);
  std::string header = file.substr(8, length), data = file.substr(8 + length);
  change(header);
  size_t digits = header.find("header_crc32") + 15;
  if (digits < header.size()) {
    header.replace(digits, 8, "00000000");
    char text[9];
    snprintf(text, sizeof text, "%08lx",
             crc32(0, reinterpret_cast<const Bytef *>(header.data()), uInt(header.size())));
    header.replace(digits, 8, text);
  }
  length = header.size();
  return std::string(reinterpret_cast<char *>(&length), 8) + header + data;
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST_F(Checkpoint, RoundTrip) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0) << error.message;
  EXPECT_NE(memoryOf(other), memoryOf(instance));
  ASSERT_EQ(apical_load(other, path.c_str(), &error), 0) << error.message;
  EXPECT_EQ(memoryOf(other), memoryOf(instance));
  EXPECT_EQ(apical_instance_seed(other), 1u);
  double value;
  apical_get_param(other, "spread", &value, &error);
  EXPECT_EQ(value, 0.1);
}

TEST_F(Checkpoint, IsSafetensors) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  std::string file = readFile(path);
  uint64_t length;
  memcpy(&length, file.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  // 3 + 1 numbers of 8 bytes, 6 of 4, dense.
  EXPECT_EQ(file.size(), 8 + length + 4 * 8 + 6 * 4);
  EXPECT_NE(file.find("\"net.w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[32,56]}"),
            std::string::npos);
  float third;
  memcpy(&third, file.data() + 8 + length + 32 + 3 * 4, 4);
  EXPECT_EQ(third, 4.0f);
}

TEST_F(Checkpoint, DoesNotDependOnTheLayout) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  const int64_t dense[] = {3, 1};
  FakeProgram unpadded(folder);
  unpadded.states[0].stride = dense;
  apical_instance *third;
  ASSERT_EQ(apical_instance_create(&unpadded.program, 1, 1, &third, &error), 0);
  ASSERT_EQ(apical_load(third, path.c_str(), &error), 0) << error.message;
  EXPECT_EQ(apical_state_checksum(third, 0), apical_state_checksum(instance, 0));
  ASSERT_EQ(apical_save(third, (folder / "third").c_str(), &error), 0);
  EXPECT_EQ(readFile(folder / "third"), readFile(path));
  apical_instance_destroy(third);
}

TEST_F(Checkpoint, KeepsThePreviousOne) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  std::string first = readFile(path);
  ASSERT_EQ(apical_save(other, path.c_str(), &error), 0);
  EXPECT_EQ(readFile(path + ".prev"), first);
  EXPECT_NE(readFile(path), first);
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  int files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.str()))
    files += entry.path().filename().string().starts_with("model");
  EXPECT_EQ(files, 2); // nothing else is left behind
}

TEST_F(Checkpoint, FullDisk) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  std::string before = readFile(path);
  ASSERT_EQ(apical_save(other, (folder / "other").c_str(), &error), 0);
  size_t needed = readFile(folder / "other").size();
  rlimit limit, old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = signal(SIGXFSZ, SIG_IGN);
  for (rlim_t bytes : {rlim_t(0), rlim_t(4), rlim_t(100), rlim_t(needed - 1)}) {
    limit = {bytes, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    int failed = apical_save(other, path.c_str(), &error);
    setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_EQ(failed, APICAL_ERROR_FILE);
    expectMessage(error, {path.c_str(), "File too large", "unchanged"});
    EXPECT_EQ(readFile(path), before);
  }
  signal(SIGXFSZ, handler);
  EXPECT_FALSE(std::filesystem::exists(path + ".prev"));
  EXPECT_NE(apical_save(other, (folder / "none/file").c_str(), &error), 0);
  expectMessage(error, {"none/file", "make its folder"});
  EXPECT_NE(apical_save(other, "/dev/full", &error), 0);
  expectMessage(error, {"/dev/full", "regular file"});
}

TEST_F(Checkpoint, EveryFlippedBitIsReported) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  const std::string file = readFile(path);
  auto before = memoryOf(other);
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string bytes = file;
    bytes[bit / 8] ^= char(1 << bit % 8);
    ASSERT_NE(load(bytes), 0) << "bit " << bit;
    ASSERT_NE(error.message[0], 0);
  }
  EXPECT_EQ(memoryOf(other), before); // nothing was taken over
}

TEST_F(Checkpoint, EveryTruncationIsReported) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  const std::string file = readFile(path);
  for (size_t size = 0; size < file.size(); ++size)
    ASSERT_NE(load(file.substr(0, size)), 0) << size;
  EXPECT_NE(load(file + "a"), 0);
  EXPECT_NE(load(file + file), 0);
}

// Mutations behind a correct checksum: the parser itself must hold.
TEST_F(Checkpoint, SurvivesForgedHeaders) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  const std::string file = readFile(path);
  static const char *const pieces[] = {"{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       "\"",
                                       "\\",
                                       "\\u0000",
                                       "\\ud800",
                                       "99999999999999999999",
                                       "-1",
                                       "F64",
                                       "\"data_offsets\":[0,8]",
                                       "null",
                                       "4611686018427387904"};
  uint32_t key[2] = {5, 6};
  int accepted = 0;
  for (uint32_t round = 0; round < 20000; ++round) {
    std::string bytes = withHeader(file, [&](std::string &header) {
      uint32_t counter[4] = {round, 0, 0, 0}, r[4];
      apical_philox(counter, key, r);
      size_t at = r[0] % header.size();
      switch (r[1] % 4) {
      case 0:
        header.erase(at, r[2] % 9);
        break;
      case 1:
        header.insert(at, pieces[r[2] % std::size(pieces)]);
        break;
      case 2:
        header[at] = char(r[2]);
        break;
      default:
        header.insert(at, header.substr(r[2] % header.size(), r[3] % 64));
      }
    });
    accepted += load(bytes) == 0;
  }
  // Spaces and unknown metadata are harmless; little else is.
  EXPECT_LT(accepted, 20000 / 2);
}

TEST_F(Checkpoint, NamesWhatIsWrong) {
  ASSERT_EQ(apical_save(instance, path.c_str(), &error), 0);
  const std::string file = readFile(path);
  auto expectBad = [&](const char *from, const char *to,
                       std::initializer_list<const char *> parts) {
    EXPECT_NE(load(withHeader(file, [&](std::string &h) { h = replaced(h, from, to); })), 0) << to;
    expectMessage(error, {path.c_str()});
    expectMessage(error, parts);
  };
  expectBad("\"f00d\"", "\"beef\"", {"another model", "beef", "f00d"});
  expectBad("\"net.trace\":{", "\"net.trail\":{",
            {"another model", "'net.trail' is not in", "'net.trace' is missing"});
  expectBad("\"F32\",\"shape\":[2,3]", "\"F32\",\"shape\":[3,2]", {"[3, 2]", "[2, 3]", "net.w"});
  expectBad("\"F32\",\"shape\":[2,3]", "\"F32\",\"shape\":[2,2]", {"net.w", "24 bytes"});
  expectBad("\"F32\"", "\"I32\"", {"I32", "F32", "net.w"});
  expectBad("\"F32\"", "\"BF16\"", {"damaged", "types"});
  expectBad("[32,56]", "[24,48]", {"overlap"});
  expectBad("[32,56]", "[40,64]", {"hole"});
  expectBad("\"net.w\":{", "\"net.trace\":{", {"damaged"});
  expectBad("\"shape\":[2,3],", "", {"dtype, shape"});
  expectBad("\"shape\":[2,3]", "\"shape\":[4294967296,4294967296]", {"shape"});
  expectBad("\"trial\":\"0\"", "\"trial\":\"x\"", {"trial"});
  expectBad("\"trial\":\"0\"", "\"trial\":\"99999999999999999999\"", {"trial"});
  expectBad("\"seed\":\"1\"", "\"seed\":\"\"", {"seed"});
  expectBad("apical checkpoint 1", "apical checkpoint 2", {"another version"});
  std::string damaged = file;
  damaged.back() ^= 1;
  EXPECT_NE(load(damaged), 0);
  expectMessage(error, {"checksum of 'net.w'", ".prev"});
}

TEST_F(Checkpoint, Junk) {
  for (const std::string &junk : {std::string(), std::string("a"), std::string(8, '\xff'),
                                  std::string(100, '\0'), std::string("\x02\0\0\0\0\0\0\0{}", 10),
                                  std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{", 9)}) {
    EXPECT_NE(load(junk), 0);
    expectMessage(error, {path.c_str()});
  }
  EXPECT_NE(apical_load(other, (folder / "none").c_str(), &error), 0);
  expectMessage(error, {"none", "No such file"});
  EXPECT_NE(apical_load(other, folder.str().c_str(), &error), 0);
}

} // namespace
