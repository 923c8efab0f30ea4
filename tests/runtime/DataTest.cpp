//===- DataTest.cpp - data files, good and bad ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"

#include <zlib.h>

#include <cstring>
#include <vector>

using namespace apical::test;

namespace {

std::string idx(int type, std::vector<uint32_t> shape, const std::string &data) {
  std::string bytes = {0, 0, char(type), char(shape.size())};
  for (uint32_t size : shape)
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes += char(size >> shift);
  return bytes + data;
}

std::string npy(const std::string &header, const std::string &data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += char(version);
  bytes += '\0';
  bytes += char(header.size());
  bytes += char(header.size() >> 8);
  if (version > 1)
    bytes += std::string(2, '\0');
  return bytes + header + data;
}

std::string dictionary(const char *type, const char *order, const char *shape) {
  return std::string("{'descr': '") + type + "', 'fortran_order': " + order +
         ", 'shape': " + shape + ", }   \n";
}

std::string gzip(const std::string &bytes) {
  Folder folder;
  gzFile file = gzopen((folder / "f").c_str(), "wb");
  gzwrite(file, bytes.data(), unsigned(bytes.size()));
  gzclose(file);
  return readFile(folder / "f");
}

class Data : public testing::Test {
protected:
  Folder folder;
  apical_error error = {};
  apical_data_info info = {};
  void *data = nullptr;

  ~Data() override { free(data); }

  int load(const std::string &bytes, int format, const char *field = "") {
    writeFile(folder / "file", bytes);
    return apical_data_load((folder / "file").c_str(), format, field, &data, &info, &error);
  }

  /// Loading fails, nothing is allocated, and the message names the file.
  void expectBad(const std::string &bytes, int format, std::initializer_list<const char *> parts,
                 const char *field = "") {
    EXPECT_NE(load(bytes, format, field), 0);
    EXPECT_EQ(data, nullptr);
    expectMessage(error, {(folder / "file").c_str()});
    expectMessage(error, parts);
    EXPECT_TRUE(std::islower(error.message[0]) || error.message[0] == '/');
  }

  template <typename T> std::vector<T> values() const {
    const T *start = static_cast<const T *>(data);
    return {start, start + info.rows * info.elements};
  }
};

TEST_F(Data, IdxOfEveryType) {
  ASSERT_EQ(load(idx(0x08, {2, 1, 2}, {1, 2, 3, char(255)}), APICAL_IDX), 0) << error.message;
  EXPECT_EQ(info.type, APICAL_U8);
  EXPECT_EQ(info.rank, 3);
  EXPECT_EQ(info.rows, 2);
  EXPECT_EQ(info.elements, 2);
  EXPECT_EQ(values<uint8_t>(), (std::vector<uint8_t>{1, 2, 3, 255}));
  free(data);
  ASSERT_EQ(load(idx(0x09, {2}, {1, char(-2)}), APICAL_IDX), 0);
  EXPECT_EQ(values<int8_t>(), (std::vector<int8_t>{1, -2}));
  free(data);
  ASSERT_EQ(load(idx(0x0B, {2}, {1, 2, char(-1), char(-2)}), APICAL_IDX), 0);
  EXPECT_EQ(values<int16_t>(), (std::vector<int16_t>{258, -2}));
  free(data);
  ASSERT_EQ(load(idx(0x0C, {1}, {0, 1, 0, 2}), APICAL_IDX), 0);
  EXPECT_EQ(values<int32_t>(), (std::vector<int32_t>{65538}));
  free(data);
  ASSERT_EQ(load(idx(0x0D, {1}, {0x3f, char(0xc0), 0, 0}), APICAL_IDX), 0);
  EXPECT_EQ(values<float>(), (std::vector<float>{1.5f}));
  free(data);
  ASSERT_EQ(load(idx(0x0E, {1}, {char(0xc0), 0x04, 0, 0, 0, 0, 0, 0}), APICAL_IDX), 0);
  EXPECT_EQ(info.type, APICAL_F64);
  EXPECT_EQ(values<double>(), (std::vector<double>{-2.5}));
}

TEST_F(Data, GzippedIdx) {
  std::string bytes = idx(0x08, {1000, 3}, std::string(3000, 7));
  ASSERT_EQ(load(gzip(bytes), APICAL_IDX), 0) << error.message;
  EXPECT_EQ(values<uint8_t>(), std::vector<uint8_t>(3000, 7));
  free(data);
  data = nullptr;
  std::string whole = gzip(bytes);
  expectBad(whole.substr(0, whole.size() - 9), APICAL_IDX, {"cut short"});
  std::string flipped = whole;
  flipped[flipped.size() - 6] ^= 1; // the checksum
  expectBad(flipped, APICAL_IDX, {"damaged"});
  expectBad(gzip(whole), APICAL_IDX, {"compressed twice"});
}

TEST_F(Data, BadIdx) {
  expectBad("", APICAL_IDX, {"empty"});
  expectBad("ab", APICAL_IDX, {"not an IDX file", "text file"});
  expectBad("<html></html>", APICAL_IDX, {"web page"});
  expectBad(npy(dictionary("<f4", "False", "(1,)"), "abcd"), APICAL_IDX, {"NumPy", "npy"});
  expectBad(idx(0x0A, {1}, "a"), APICAL_IDX, {"0x0a"});
  expectBad(idx(0x08, {2, 2}, "abc"), APICAL_IDX, {"cut short", "4 bytes", "3"});
  expectBad(idx(0x08, {2, 2}, "abcde"), APICAL_IDX, {"longer"});
  expectBad(idx(0x08, {2, 2}, "").substr(0, 9), APICAL_IDX, {"cut short"});
  expectBad(idx(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "a"), APICAL_IDX, {"9 dimensions"});
  expectBad(idx(0x0E, {~0u, ~0u, ~0u, ~0u}, "a"), APICAL_IDX, {"impossible"});
  // Promises 4 GB: refused before the memory is asked for.
  expectBad(idx(0x08, {~0u}, "a"), APICAL_IDX, {"cut short", "4294967295"});
  expectBad(gzip(idx(0x0E, {~0u, 100}, "a")), APICAL_IDX, {"cut short"});
}

TEST_F(Data, Npy) {
  float values32[] = {1.5f, -2, 3, 4};
  std::string bytes(reinterpret_cast<char *>(values32), 16);
  for (int version : {1, 2, 3}) {
    ASSERT_EQ(load(npy(dictionary("<f4", "False", "(2, 2)"), bytes, version), APICAL_NPY), 0)
        << error.message;
    EXPECT_EQ(info.type, APICAL_F32);
    EXPECT_EQ(info.rows, 2);
    EXPECT_EQ(info.elements, 2);
    EXPECT_EQ(values<float>(), (std::vector<float>{1.5f, -2, 3, 4}));
    free(data);
    data = nullptr;
  }
  ASSERT_EQ(load(npy(dictionary("|u1", "False", "(16,)"), bytes), APICAL_NPY), 0);
  EXPECT_EQ(info.rank, 1);
  EXPECT_EQ(info.rows, 16);
  EXPECT_EQ(info.elements, 1);
}

TEST_F(Data, BadNpy) {
  auto with = [](const char *type, const char *order, const char *shape, size_t bytes) {
    return npy(dictionary(type, order, shape), std::string(bytes, 'a'));
  };
  expectBad("", APICAL_NPY, {"not a NumPy file"});
  expectBad(idx(0x08, {1, 1, 1}, "a"), APICAL_NPY, {"IDX", "idx"});
  expectBad(with("<f4", "False", "(2, 2)", 15), APICAL_NPY, {"cut short"});
  expectBad(with("<f4", "False", "(2, 2)", 17), APICAL_NPY, {"longer"});
  expectBad(with("<f4", "True", "(2, 2)", 16), APICAL_NPY, {"fortran_order"});
  expectBad(with(">f4", "False", "(2, 2)", 16), APICAL_NPY, {">f4", "astype"});
  expectBad(with("<U7", "False", "(2, 2)", 16), APICAL_NPY, {"<U7"});
  expectBad(with("<f4", "False", "()", 4), APICAL_NPY, {"single number"});
  expectBad(with("<f4", "False", "(2)", 8), APICAL_NPY, {"damaged"});
  expectBad(with("<f4", "Maybe", "(2,)", 8), APICAL_NPY, {"damaged"});
  expectBad(with("<f4", "False", "(-2,)", 8), APICAL_NPY, {"damaged"});
  expectBad(with("<f4", "False", "(99999999999999999999,)", 8), APICAL_NPY, {"damaged"});
  expectBad(with("<f4", "False", "(4294967296, 4294967296)", 8), APICAL_NPY, {"impossible"});
  expectBad(with("<f4", "False", "(1,1,1,1,1,1,1,1,1)", 4), APICAL_NPY, {"dimensions"});
  expectBad(npy("{'descr': [('a', '<f4')], ", ""), APICAL_NPY, {"records"});
  expectBad(npy("{'descr': '<f4', 'descr': '<f4'}", ""), APICAL_NPY, {"damaged"});
  expectBad(npy(dictionary("<f4", "False", "(1,)"), "aaaa", 9), APICAL_NPY, {"version 9"});
  expectBad(std::string("\x93NUMPY\x02\0\xff\xff\xff\x7f", 12), APICAL_NPY, {"claims"});
  expectBad(std::string("\x93NUMPY\x01\0\xff\x00 {", 12), APICAL_NPY, {"cut short"});
}

TEST_F(Data, Csv) {
  const char *table = "\xEF\xBB\xBF\"a\", b,c\r\n1, 2.5 ,\"3\"\r\n\r\n-4,5e-1,6\r\n";
  ASSERT_EQ(load(table, APICAL_CSV), 0) << error.message;
  EXPECT_EQ(info.type, APICAL_F64);
  EXPECT_EQ(info.rank, 2);
  EXPECT_EQ(values<double>(), (std::vector<double>{1, 2.5, 3, -4, 0.5, 6}));
  free(data);
  ASSERT_EQ(load(table, APICAL_CSV, "b"), 0) << error.message;
  EXPECT_EQ(info.rows, 2);
  EXPECT_EQ(info.elements, 1);
  EXPECT_EQ(values<double>(), (std::vector<double>{2.5, 0.5}));
  free(data);
  ASSERT_EQ(load(table, APICAL_CSV, "a"), 0) << error.message;
  EXPECT_EQ(info.type, APICAL_I32);
  EXPECT_EQ(values<int32_t>(), (std::vector<int32_t>{1, -4}));
  free(data);
  ASSERT_EQ(load("a,b\n1,2", APICAL_CSV, "b"), 0) << error.message; // no newline at the end
  EXPECT_EQ(values<int32_t>(), (std::vector<int32_t>{2}));
  free(data);
  data = nullptr;
  ASSERT_EQ(apical_data_probe((folder / "file").c_str(), APICAL_CSV, "b", &info, &error), 0);
  EXPECT_EQ(info.rows, 1);
}

TEST_F(Data, BadCsv) {
  expectBad("", APICAL_CSV, {"is empty"});
  expectBad("a,b\n1,2\n3\n", APICAL_CSV, {"line 3", "1 columns"});
  expectBad("a,b\n1,2,3\n", APICAL_CSV, {"line 2", "3 columns"});
  expectBad("a,b\n1,x\n", APICAL_CSV, {"line 2", "'x'"});
  expectBad("a,b\n1,\n", APICAL_CSV, {"line 2", "''"});
  expectBad("a;b\n1;2\n", APICAL_CSV, {"commas"});
  expectBad("a,\n1,2\n", APICAL_CSV, {"column 2 has no name"});
  expectBad("a,\"b\n1,2\n", APICAL_CSV, {"quote"});
  expectBad("a,b\n1,\"2\"3\n", APICAL_CSV, {"comma after"});
  expectBad("a,b\n1,2\n", APICAL_CSV, {"no column 'c'", "a, b"}, "c");
  expectBad("a,a\n1,2\n", APICAL_CSV, {"two columns"}, "a");
}

TEST_F(Data, NotAFile) {
  EXPECT_NE(apical_data_probe((folder / "none").c_str(), APICAL_IDX, "", &info, &error), 0);
  expectMessage(error, {"none", "No such file"});
  EXPECT_NE(apical_data_probe(folder.str().c_str(), APICAL_IDX, "", &info, &error), 0);
  expectMessage(error, {"a directory"});
  writeFile(folder / "file", "a");
  EXPECT_NE(apical_data_probe((folder / "file").c_str(), 17, "", &info, &error), 0);
  expectMessage(error, {"format 17"});
}

TEST_F(Data, ProbeReadsTheHeaderOnly) {
  writeFile(folder / "file", idx(0x08, {60000, 28, 28}, "short"));
  ASSERT_EQ(apical_data_probe((folder / "file").c_str(), APICAL_IDX, "", &info, &error), 0);
  EXPECT_EQ(info.rows, 60000);
  EXPECT_EQ(info.elements, 784);
}

TEST_F(Data, FindLooksInOrder) {
  std::filesystem::create_directories(folder / "one");
  std::filesystem::create_directories(folder / "two/sub");
  writeFile(folder / "two/sub/file", "2");
  writeFile(folder / "one/zipped.gz", "1");
  std::string one = folder / "one", two = folder / "two";
  const char *directories[] = {one.c_str(), two.c_str()};
  char out[4096];
  ASSERT_EQ(apical_data_find("sub/file", directories, 2, out, sizeof out, &error), 0);
  EXPECT_EQ(out, folder / "two/sub/file");
  ASSERT_EQ(apical_data_find("zipped", directories, 2, out, sizeof out, &error), 0);
  EXPECT_EQ(out, folder / "one/zipped.gz");
  ASSERT_EQ(apical_data_find((folder / "one/zipped").c_str(), nullptr, 0, out, sizeof out, &error),
            0);
  EXPECT_EQ(out, folder / "one/zipped.gz");
  setenv("APICAL_DATA", two.c_str(), 1);
  EXPECT_EQ(apical_data_find("sub/file", nullptr, 0, out, sizeof out, &error), 0);
  unsetenv("APICAL_DATA");
  EXPECT_NE(apical_data_find("sub/file", directories, 1, out, sizeof out, &error), 0);
  expectMessage(error, {"sub/file", "--data", "APICAL_DATA", one.c_str(), "/usr/share/datasets"});
}

// Any damage to a file is an error or gives data, never a crash.
TEST_F(Data, SurvivesDamage) {
  const std::pair<std::string, int> seeds[] = {
      {idx(0x0B, {3, 2}, std::string(12, 1)), APICAL_IDX},
      {gzip(idx(0x0B, {3, 2}, std::string(12, 1))), APICAL_IDX},
      {npy(dictionary("<f4", "False", "(2, 2)"), std::string(16, 'a')), APICAL_NPY},
      {"a,b,\"c\"\n1,2,3\n4,\"5\",6\n", APICAL_CSV}};
  uint32_t key[2] = {1, 2};
  for (uint32_t round = 0; round < 4000; ++round) {
    auto [bytes, format] = seeds[round % 4];
    uint32_t counter[4] = {round, 0, 0, 0}, r[4];
    apical_philox(counter, key, r);
    bytes[r[0] % bytes.size()] = char(r[1]);
    if (r[2] % 4 == 0)
      bytes.resize(r[3] % bytes.size());
    free(data);
    data = nullptr;
    load(bytes, format, round % 8 < 4 ? "" : "b");
  }
}

} // namespace
