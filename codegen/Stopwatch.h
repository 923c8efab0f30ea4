//===- Stopwatch.h - where the time of a compilation goes ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_STOPWATCH_H
#define APICAL_CODEGEN_STOPWATCH_H

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <string>
#include <vector>

namespace apical {

/// Times one part after the other; parts of one name add up.
class Stopwatch {
public:
  /// Everything since the last lap was `part`.
  void lap(llvm::StringRef part) {
    auto now = std::chrono::steady_clock::now();
    add(part, std::chrono::duration<double>(now - last).count());
    last = now;
  }
  void add(llvm::StringRef part, double seconds) {
    for (auto &[name, sum] : parts)
      if (name == part) {
        sum += seconds;
        return;
      }
    parts.push_back({part.str(), seconds});
  }
  /// "parse 2 ms, check 10 ms, ...; 12 ms in all"
  void print(llvm::raw_ostream &os) const {
    double total = 0;
    for (auto &[name, seconds] : parts) {
      os << (total ? ", " : "") << name << llvm::format(" %.0f ms", seconds * 1e3);
      total += seconds;
    }
    os << llvm::format("; %.0f ms in all\n", total * 1e3);
  }

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
  std::vector<std::pair<std::string, double>> parts;
};

} // namespace apical

#endif // APICAL_CODEGEN_STOPWATCH_H
