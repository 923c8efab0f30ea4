//===- Trace.cpp - what is measured while a model trains ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/verify/Trace.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>

namespace apical {

bool Trace::sound() const {
  for (const LineTrace &line : lines)
    for (const WeightTrace &w : line.weights)
      if (w.check && w.check->failed)
        return false;
  return true;
}

namespace {

/// Mean over the measured steps where the number is defined.
template <typename Of> double mean(const WeightTrace &w, Of of) {
  double sum = 0;
  int count = 0;
  for (const Alignment &a : w.at)
    if (std::isfinite(of(a))) {
      sum += of(a);
      ++count;
    }
  return count ? sum / count : std::nan("");
}

std::string number(double value, int digits) {
  if (!std::isfinite(value))
    return "-";
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::format("%.*f", digits, value);
  return os.str();
}

std::string nameOf(const WeightTrace &w) { return w.connection + "." + w.weight; }

/// Left-aligned first column, the others right-aligned.
void table(llvm::raw_ostream &os, const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths(rows.front().size());
  for (auto &row : rows)
    for (size_t k = 0; k < row.size(); ++k)
      widths[k] = std::max(widths[k], row[k].size());
  for (auto &row : rows) {
    for (size_t k = 0; k < row.size(); ++k) {
      std::string pad(widths[k] - row[k].size(), ' ');
      os << (k ? "  " + pad + row[k] : k + 1 < row.size() ? row[k] + pad : row[k]);
    }
    os << "\n";
  }
}

constexpr size_t width = 100; ///< of a line

void overTraining(const LineTrace &line, llvm::raw_ostream &os) {
  std::vector<const WeightTrace *> updated;
  for (const WeightTrace &w : line.weights)
    if (w.updated)
      updated.push_back(&w);
  for (size_t first = 0, last; first < updated.size(); first = last) {
    size_t used = std::to_string(line.steps.empty() ? 0 : line.steps.back()).size() + 4;
    for (last = first; last < updated.size(); ++last) { // as many as fit side by side
      used += std::max<size_t>(6, nameOf(*updated[last]).size()) + 2;
      if (used > width && last > first)
        break;
    }
    std::vector<std::vector<std::string>> rows{{"step"}};
    for (size_t k = first; k < last; ++k)
      rows[0].push_back(nameOf(*updated[k]));
    for (size_t s = 0; s < line.steps.size(); ++s) {
      rows.push_back({std::to_string(line.steps[s])});
      for (size_t k = first; k < last; ++k)
        rows.back().push_back(number(updated[k]->at[s].angle, 2));
    }
    os << "\n";
    table(os, rows);
  }
}

void checks(const Trace &trace, const LineTrace &line, llvm::raw_ostream &os) {
  unsigned compared = 0, kinks = 0, zeros = 0;
  double worst = 0;
  for (const WeightTrace &w : line.weights) {
    if (!w.check)
      continue;
    (w.check->zero ? zeros : compared) += w.check->compared;
    kinks += w.check->kinks;
    worst = std::max(worst, w.check->error);
    if (w.check->failed)
      os << (trace.stops ? "not comparable: " : "wrong gradient: ") << w.connection << "."
         << w.weight << " differs from central differences by "
         << llvm::format("%.1e", w.check->error) << " of its largest element"
         << (trace.stops ? "; differences see through `stop`, which the model uses" : "") << "\n";
  }
  if (line.vanishes())
    os << "the gradient is zero everywhere, so there is nothing to compare with: what the weights "
          "change does not "
          "reach the cost in the trial; let it last until areas with states have settled: "
          "`apical verify --ticks 40`\n";
  os << "gradient against central differences in double precision: " << compared
     << " weights, largest relative error " << llvm::format("%.1e", worst);
  if (zeros)
    os << "; " << zeros << " more are zero within rounding";
  if (kinks)
    os << "; " << kinks << " more lie at a kink of the cost";
  os << "\n";
}

} // namespace

bool LineTrace::vanishes() const {
  return hasCost && llvm::any_of(weights, [](auto &w) { return w.check.has_value(); }) &&
         llvm::all_of(weights, [](auto &w) { return !w.check || w.check->greatest == 0; });
}

void printText(const Trace &trace, llvm::raw_ostream &os) {
  bool first = true;
  for (const LineTrace &line : trace.lines) {
    os << (first ? "" : "\n") << "network " << line.network << ", " << line.line << "\n"
       << line.text << "\n";
    first = false;
    if (!line.hasCost) {
      os << "no cost, so no gradient to compare with\n";
      continue;
    }
    os << "angle in degrees between the change by the rule, before the optimizer, and "
          "-gradient\n\n";
    std::vector<std::vector<std::string>> rows{
        {"weights", "first", "last", "mean", "mean cosine", "norm ratio", "same sign"}};
    for (const WeightTrace &w : line.weights) {
      std::string name = nameOf(w);
      if (!w.updated) {
        rows.push_back({name, "no update"});
        continue;
      }
      rows.push_back({name, number(w.at.empty() ? NAN : w.at.front().angle, 2),
                      number(w.at.empty() ? NAN : w.at.back().angle, 2),
                      number(mean(w, [](auto &a) { return a.angle; }), 2),
                      number(mean(w, [](auto &a) { return a.cosine; }), 4),
                      number(mean(w, [](auto &a) { return a.normRatio; }), 3),
                      number(mean(w, [](auto &a) { return a.signAgreement; }), 3)});
    }
    table(os, rows);
    overTraining(line, os);
    os << "\n";
    checks(trace, line, os);
  }
}

namespace {

using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

Value numberOrNull(double v) { return std::isfinite(v) ? Value(v) : Value(nullptr); }

template <typename Of> Array series(const WeightTrace &w, Of of) {
  Array a;
  for (const Alignment &x : w.at)
    a.push_back(numberOrNull(of(x)));
  return a;
}

Object weight(const WeightTrace &w) {
  Object o{{"connection", w.connection}, {"weight", w.weight}, {"updated", w.updated}};
  if (!w.updated)
    return o;
  o["angle"] = series(w, [](auto &a) { return a.angle; });
  o["cosine"] = series(w, [](auto &a) { return a.cosine; });
  o["norm_ratio"] = series(w, [](auto &a) { return a.normRatio; });
  o["sign_agreement"] = series(w, [](auto &a) { return a.signAgreement; });
  o["mean_angle"] = numberOrNull(mean(w, [](auto &a) { return a.angle; }));
  if (w.check)
    o["gradient_check"] = Object{{"compared", static_cast<int64_t>(w.check->compared)},
                                 {"kinks", static_cast<int64_t>(w.check->kinks)},
                                 {"relative_error", numberOrNull(w.check->error)},
                                 {"largest", numberOrNull(w.check->greatest)},
                                 {"passed", !w.check->failed}};
  return o;
}

} // namespace

void printJson(const Trace &trace, llvm::raw_ostream &os) {
  Array lines;
  for (const LineTrace &line : trace.lines) {
    Array weights, steps;
    for (const WeightTrace &w : line.weights)
      weights.push_back(weight(w));
    for (int64_t s : line.steps)
      steps.push_back(s);
    lines.push_back(Object{{"network", line.network},
                           {"learn", line.line},
                           {"text", line.text},
                           {"cost", line.hasCost},
                           {"steps", std::move(steps)},
                           {"weights", std::move(weights)}});
  }
  os << llvm::formatv("{0:2}", Value(Object{{"model", trace.model},
                                            {"seed", static_cast<int64_t>(trace.seed)},
                                            {"uses_stop", trace.stops},
                                            {"lines", std::move(lines)}}))
     << "\n";
}

} // namespace apical
