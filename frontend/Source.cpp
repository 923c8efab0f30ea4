//===- Source.cpp - texts, lines and columns --------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Diagnostics.h"
#include <algorithm>

namespace apical {

uint32_t Sources::add(std::string path, std::string text) {
  File &file = files.emplace_back();
  file.path = std::move(path);
  file.text = std::move(text);
  file.lineStarts.push_back(0);
  for (size_t i = 0; i < file.text.size(); ++i) {
    char c = file.text[i];
    bool lone = c == '\r' && (i + 1 == file.text.size() || file.text[i + 1] != '\n');
    if (c == '\n' || lone)
      file.lineStarts.push_back(static_cast<uint32_t>(i + 1));
  }
  return static_cast<uint32_t>(files.size() - 1);
}

llvm::StringRef Sources::path(uint32_t file) const {
  return file < files.size() ? llvm::StringRef(files[file].path) : llvm::StringRef();
}

llvm::StringRef Sources::text(uint32_t file) const {
  return file < files.size() ? llvm::StringRef(files[file].text) : llvm::StringRef();
}

llvm::StringRef Sources::text(Span span) const {
  return text(span.file).slice(span.begin, std::max(span.begin, span.end));
}

Sources::Position Sources::position(uint32_t file, uint32_t offset) const {
  if (file >= files.size())
    return {1, 1};
  const File &f = files[file];
  offset = std::min<uint32_t>(offset, static_cast<uint32_t>(f.text.size()));
  auto next = std::upper_bound(f.lineStarts.begin(), f.lineStarts.end(), offset);
  uint32_t start = *std::prev(next);
  unsigned column = 1;
  for (uint32_t i = start; i < offset; ++i)
    column += (static_cast<unsigned char>(f.text[i]) & 0xc0) != 0x80; // not a continuation byte
  return {static_cast<unsigned>(next - f.lineStarts.begin()), column};
}

} // namespace apical
