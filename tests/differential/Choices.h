//===- Choices.h - random decisions and expressions ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every part of the generator draws from: one generator of random numbers
// and the model that it fills.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_CHOICES_H
#define APICAL_TESTS_DIFFERENTIAL_CHOICES_H

#include "Generator.h"

#include <algorithm>
#include <cstdio>
#include <random>

namespace apical::test {

using std::string;
using std::to_string;
using std::vector;

class Choices {
protected:
  explicit Choices(uint64_t seed) : random(seed) { model.seed = seed; }

  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(int64_t oneIn) { return pick(1, oneIn) == 1; }
  const string &among(const vector<string> &list) {
    return list[static_cast<size_t>(pick(0, static_cast<int64_t>(list.size()) - 1))];
  }
  void feature(const string &name) { model.features.insert(name); }
  /// A decimal number between low and high, in steps of a hundredth of the range.
  string number(double low, double high) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", low + (high - low) * double(pick(0, 100)) / 100);
    return text;
  }

  /// Mostly no multiple of a tile; now and then exactly one.
  int64_t size(int64_t least = 1) {
    static const int64_t tiles[] = {1, 8, 16, 32, 48, 64};
    int64_t any = chance(8) ? tiles[pick(0, 5)] : pick(1, chance(3) ? 70 : 24);
    return std::clamp(any, least, largest);
  }

  //===--- expressions ------------------------------------------------------===//

  /// Elementwise code of the variables, tame: values stay near [-3, 3] where
  /// variables do, and nothing is singular.
  string expression(const vector<string> &variables, int depth) {
    if (depth == 0 || chance(6))
      return chance(4) ? number(0.1, 1.5) : among(variables);
    auto e = [&] { return expression(variables, depth - 1); };
    auto with = [&](const char *name, const string &text) {
      feature(string("fn ") + name);
      return text;
    };
    switch (pick(0, 25)) {
    case 0:
      return "(" + e() + " + " + e() + ")";
    case 1:
      return "(" + e() + " - " + e() + ")";
    case 2:
    case 3:
      return "(" + e() + " * " + e() + ")";
    case 4:
      return with("tanh", "tanh(" + e() + ")");
    case 5:
      return with("sin", "sin(" + e() + ")");
    case 6:
      return with("cos", "cos(" + e() + ")");
    case 7:
      return with("logistic", "logistic(" + e() + ")");
    case 8:
      return with("softplus", "softplus(" + e() + ")");
    case 9:
      return with("abs", "abs(" + e() + ")");
    case 10:
      return with("max2", "max(" + e() + ", " + e() + ")");
    case 11:
      return with("min2", "min(" + e() + ", " + e() + ")");
    case 12:
      return with("divide", "(" + e() + " / (1 + (" + e() + ")^2))");
    case 13:
      return with("sqrt", "sqrt(1 + (" + e() + ")^2)");
    case 14:
      return with("log", "log(1 + (" + e() + ")^2)");
    case 15:
      return with("exp", "exp(-abs(" + e() + "))");
    case 16:
      return with("where", "where(" + e() + " > " + e() + ", " + e() + ", " + e() + ")");
    case 17:
      return with("clip", "clip(" + e() + ", -1, " + number(0.5, 2) + ")");
    case 18:
      return with("square", "tanh(" + e() + ")^2");
    case 19:
      return with("power", "(0.5 + (" + e() + ")^2)^" + number(0.2, 1.4));
    case 20:
      return with("power of variable", "(0.5 + (" + e() + ")^2)^(0.5 * tanh(" + e() + "))");
    case 21:
      return with("floor", "(0.1 * floor(3 * " + e() + "))");
    case 22:
      return with("sign", "(0.2 * sign(" + e() + "))");
    case 23:
      return "-" + among(variables);
    case 24:
      return with("logic", "(0.3 * (" + e() + " >= " + e() + " and not (" + e() + " < " + e() +
                               " or " + e() + " != 0.5)))");
    default:
      return with("root", "(1 + abs(" + e() + "))^0.5");
    }
  }

  string define(const string &kind, const string &signature, const string &body) {
    string name = "own_" + kind + to_string(model.definitions.size());
    model.definitions.push_back(kind + " " + name + signature + " " + body);
    feature("own " + kind);
    return name;
  }

  ModelPieces model;
  int64_t largest = 70; ///< size of an area
  std::mt19937_64 random;
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_CHOICES_H
