//===- ByteStream.h - a text as ANTLR reads it ------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One byte is one symbol: positions are byte offsets, and no input is invalid.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SYNTAX_BYTESTREAM_H
#define APICAL_FRONTEND_SYNTAX_BYTESTREAM_H

#include "antlr4-runtime.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>

namespace apical::syntax {

class ByteStream final : public antlr4::CharStream {
public:
  explicit ByteStream(llvm::StringRef text) : bytes(text) {}

  void consume() override { position = std::min(position + 1, bytes.size()); }
  size_t LA(ssize_t i) override {
    if (i == 0)
      return 0;
    ssize_t at = static_cast<ssize_t>(position) + i - (i > 0 ? 1 : 0);
    if (at < 0 || at >= static_cast<ssize_t>(bytes.size()))
      return antlr4::IntStream::EOF;
    return static_cast<unsigned char>(bytes[static_cast<size_t>(at)]);
  }
  ssize_t mark() override { return -1; }
  void release(ssize_t) override {}
  size_t index() override { return position; }
  void seek(size_t to) override { position = std::min(to, bytes.size()); }
  size_t size() override { return bytes.size(); }
  std::string getSourceName() const override { return "source"; }
  std::string getText(const antlr4::misc::Interval &range) override {
    return bytes.slice(static_cast<size_t>(range.a), static_cast<size_t>(range.b) + 1).str();
  }
  std::string toString() const override { return bytes.str(); }

private:
  llvm::StringRef bytes;
  size_t position = 0;
};

} // namespace apical::syntax
#endif
