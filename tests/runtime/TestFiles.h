//===- TestFiles.h - files for tests ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_TESTS_RUNTIME_TESTFILES_H
#define APICAL_TESTS_RUNTIME_TESTFILES_H

#include "apical/runtime.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace apical::test {

/// A folder that disappears with the test.
class Folder {
public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "apical-test-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  std::string operator/(const std::string &name) const { return (path / name).string(); }
  std::string str() const { return path.string(); }

private:
  std::filesystem::path path;
};

inline void writeFile(const std::string &path, const std::string &bytes) {
  std::filesystem::remove(path); // to replace a file in place may wait for the disk
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The message must contain every one of `parts`.
inline void expectMessage(const apical_error &error, std::initializer_list<const char *> parts) {
  for (const char *part : parts)
    EXPECT_NE(std::string(error.message).find(part), std::string::npos)
        << "expected '" << part << "' in: " << error.message;
}

} // namespace apical::test

#endif // APICAL_TESTS_RUNTIME_TESTFILES_H
