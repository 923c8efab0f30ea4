//===- Columns.cpp - data files of random models ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <random>

using namespace apical::test;
using std::string;
using std::to_string;

namespace {

/// Appends the bytes of a number; IDX wants the greatest first.
template <typename T> void put(string &out, T value, bool bigEndian) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  if (bigEndian)
    for (size_t i = 0; i < sizeof(T) / 2; ++i)
      std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  out.append(bytes, sizeof(T));
}

void putNumber(string &out, const string &type, double v, bool bigEndian) {
  if (type == "f32")
    put(out, static_cast<float>(v), bigEndian);
  else if (type == "f64")
    put(out, v, bigEndian);
  else if (type == "u8")
    put(out, static_cast<uint8_t>(v), bigEndian);
  else if (type == "i16")
    put(out, static_cast<int16_t>(v), bigEndian);
  else
    put(out, static_cast<int32_t>(v), bigEndian);
}

} // namespace

bool apical::test::writeColumn(const ModelPieces &model, const ColumnPiece &column, int64_t rows,
                               const string &folder) {
  uint64_t stream = model.seed;
  for (char c : column.name)
    stream = stream * 31 + static_cast<unsigned char>(c);
  std::mt19937_64 random(stream);
  int64_t width = model.widthOf(column), limit = model.sizeOf(column.area);
  auto draw = [&]() -> double {
    if (column.label)
      return static_cast<double>(random() % static_cast<uint64_t>(limit));
    if (column.type == "u8")
      return static_cast<double>(random() % 256);
    if (column.type[0] == 'i')
      return static_cast<double>(random() % 301) - 150;
    double v = static_cast<double>(random() >> 11) * 0x1p-53 * 3 - 1.5;
    // Half of the zeros of real data are exact.
    return random() % 8 ? v : 0;
  };
  string bytes, shape = "(" + to_string(rows) + (width > 1 ? ", " + to_string(width) : ",") + ")";
  if (column.format == "npy") {
    static const std::map<string, string> names = {
        {"f32", "<f4"}, {"f64", "<f8"}, {"u8", "|u1"}, {"i16", "<i2"}, {"i32", "<i4"}};
    string header = "{'descr': '" + names.at(column.type) +
                    "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize((10 + header.size()) / 64 * 64 + 64 - 10 - 1, ' ');
    header += '\n';
    bytes = string("\x93NUMPY\x01\x00", 8);
    put(bytes, static_cast<uint16_t>(header.size()), false);
    bytes += header;
  } else if (column.format == "idx") {
    static const std::map<string, char> codes = {
        {"u8", 8}, {"i16", 11}, {"i32", 12}, {"f32", 13}, {"f64", 14}};
    bytes = string("\0\0", 2) + codes.at(column.type) + (width > 1 ? '\2' : '\1');
    put(bytes, static_cast<uint32_t>(rows), true);
    if (width > 1)
      put(bytes, static_cast<uint32_t>(width), true);
  }
  if (column.format == "csv")
    for (int64_t k = 0; k < width; ++k)
      bytes += (k ? "," : "") + string("f") + to_string(k) + (k + 1 == width ? "\n" : "");
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < width; ++k) {
      double v = draw();
      if (column.format == "csv") {
        char text[40];
        std::snprintf(text, sizeof text, "%.9g%s", v, k + 1 == width ? "\n" : ",");
        bytes += text;
      } else {
        putNumber(bytes, column.type, v, column.format == "idx");
      }
    }
  string path = folder + "/" + column.name + "." + column.format;
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && written;
}
