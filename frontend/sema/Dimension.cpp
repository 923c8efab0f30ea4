//===- Dimension.cpp - physical dimensions and units of measure ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Dimension.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

namespace apical {
namespace {

constexpr const char *baseNames[7] = {"m", "kg", "s", "A", "K", "mol", "cd"};

struct Known {
  const char *symbol, *quantity;
  double scale;
  std::array<int, 7> exponents;
};
// The quantity names a dimension after `:`; only the first unit of each needs one.
const Known known[] = {
    {"m", "length", 1, {1}},
    {"g", "mass", 1e-3, {0, 1}},
    {"s", "time", 1, {0, 0, 1}},
    {"A", "current", 1, {0, 0, 0, 1}},
    {"K", "temperature", 1, {0, 0, 0, 0, 1}},
    {"mol", "amount", 1, {0, 0, 0, 0, 0, 1}},
    {"cd", "luminosity", 1, {0, 0, 0, 0, 0, 0, 1}},
    {"Hz", "frequency", 1, {0, 0, -1}},
    {"N", "force", 1, {1, 1, -2}},
    {"J", "energy", 1, {2, 1, -2}},
    {"W", "power", 1, {2, 1, -3}},
    {"V", "voltage", 1, {2, 1, -3, -1}},
    {"ohm", "resistance", 1, {2, 1, -3, -2}},
    {"S", "conductance", 1, {-2, -1, 3, 2}},
    {"F", "capacitance", 1, {-2, -1, 4, 2}},
    {"C", "charge", 1, {0, 0, 1, 1}},
    {"M", "concentration", 1e3, {-3, 0, 0, 0, 0, 1}},
    {"min", "", 60, {0, 0, 1}},
    {"h", "", 3600, {0, 0, 1}},
    {"tick", "", 1, {}},
    {"ticks", "", 1, {}},
    {"trial", "", 1, {}},
    {"trials", "", 1, {}},
    {"epoch", "", 1, {}},
    {"epochs", "", 1, {}},
    {"1", "", 1, {}},
};

Dimension fromExponents(const std::array<int, 7> &exponents) {
  Dimension d;
  for (int i = 0; i < 7; ++i)
    d.halves[i] = 2 * exponents[i];
  return d;
}

std::optional<UnitOfMeasure> readFactor(llvm::StringRef text) {
  int exponent = 1;
  auto [symbol, power] = text.split('^');
  if (!power.empty() && power.getAsInteger(10, exponent))
    return std::nullopt;
  auto find = [](llvm::StringRef s) -> const Known * {
    for (const Known &k : known)
      if (s == k.symbol)
        return &k;
    return nullptr;
  };
  double prefix = 1;
  const Known *unit = find(symbol);
  if (!unit && symbol.size() > 1) {
    prefix = llvm::StringSwitch<double>(symbol.take_front(1))
                 .Case("p", 1e-12)
                 .Case("n", 1e-9)
                 .Case("u", 1e-6)
                 .Case("m", 1e-3)
                 .Case("c", 1e-2)
                 .Case("k", 1e3)
                 .Case("M", 1e6)
                 .Case("G", 1e9)
                 .Default(0);
    unit = prefix ? find(symbol.drop_front(1)) : nullptr;
  }
  if (!unit)
    return std::nullopt;
  UnitOfMeasure result;
  auto d = fromExponents(unit->exponents).power(exponent);
  result.dimension = *d;
  result.scale = std::pow(prefix * unit->scale, exponent);
  return result;
}

} // namespace

Dimension Dimension::times(const Dimension &o, int sign) const {
  Dimension r;
  r.any = any || (o.any && sign > 0);
  for (int i = 0; i < 7; ++i)
    r.halves[i] = halves[i] + sign * o.halves[i];
  return r;
}

std::optional<Dimension> Dimension::power(double exponent) const {
  Dimension r;
  r.any = any;
  for (int i = 0; i < 7; ++i) {
    double h = halves[i] * exponent;
    if (h != std::nearbyint(h) || std::abs(h) > 1000)
      return std::nullopt;
    r.halves[i] = static_cast<int>(h);
  }
  return r;
}

std::string Dimension::str() const {
  if (none())
    return "no dimension";
  for (const Known &k : known)
    if (*k.quantity && fromExponents(k.exponents) == *this)
      return k.quantity;
  for (const Known &k : known)
    if (*k.quantity && Dimension().times(fromExponents(k.exponents), -1) == *this)
      return std::string("1/") + k.quantity;
  std::string above, below;
  for (int i = 0; i < 7; ++i) {
    if (halves[i] == 0)
      continue;
    std::string &side = halves[i] > 0 ? above : below;
    int h = std::abs(halves[i]);
    if (!side.empty())
      side += " ";
    side += baseNames[i];
    if (h % 2)
      side += "^(" + std::to_string(h) + "/2)";
    else if (h != 2)
      side += "^" + std::to_string(h / 2);
  }
  return (above.empty() ? "1" : above) + (below.empty() ? "" : "/" + below);
}

std::string Dimension::kind() const {
  if (none())
    return "a number without dimension";
  std::string name = str();
  if (llvm::none_of(known, [&](auto &k) { return name == k.quantity; }))
    return "of the dimension " + name;
  return (llvm::StringRef("aeiou").contains(name[0]) ? "an " : "a ") + name;
}

std::optional<UnitOfMeasure> readUnit(llvm::StringRef text) {
  UnitOfMeasure total;
  int sign = 1;
  while (!text.empty()) {
    size_t end = text.find_first_of("*/");
    auto factor = readFactor(text.take_front(end));
    if (!factor)
      return std::nullopt;
    total.dimension = total.dimension.times(factor->dimension, sign);
    total.scale *= sign > 0 ? factor->scale : 1 / factor->scale;
    if (end == llvm::StringRef::npos)
      break;
    sign = text[end] == '/' ? -1 : 1;
    text = text.drop_front(end + 1);
  }
  return total;
}

std::optional<Dimension> namedDimension(llvm::StringRef name) {
  for (const Known &k : known)
    if (*k.quantity && name == k.quantity)
      return fromExponents(k.exponents);
  return std::nullopt;
}

std::vector<std::string> dimensionNames() {
  std::vector<std::string> names;
  for (const Known &k : known)
    if (*k.quantity)
      names.push_back(k.quantity);
  return names;
}

} // namespace apical
