//===- Both.cpp - what an experiment and a rule change in one tick ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Trial.h"

namespace apical::sema {

std::optional<Field> Both::arrival(Tick &tick, const Place &place) {
  auto a = experiment.arrival(tick, place), b = rule.arrival(tick, place);
  return a && b ? tick.sum(*a, *b, place.first) : a ? a : b;
}

std::optional<Field> Both::clamp(Tick &tick, const Place &place,
                                 llvm::function_ref<Field()> otherwise) {
  auto shaped = [&] {
    auto f = experiment.clamp(tick, place, otherwise);
    return f ? *f : otherwise();
  };
  auto f = rule.clamp(tick, place, shaped);
  return f ? f : experiment.clamp(tick, place, otherwise);
}

Field Both::update(Tick &tick, const Place &place, Field value) {
  return rule.update(tick, place, experiment.update(tick, place, std::move(value)));
}

std::optional<Field> Both::own(Tick &tick, const Place &place, bool ended) {
  auto f = rule.own(tick, place, ended);
  return f ? f : experiment.own(tick, place, ended);
}

std::optional<Field> Both::ownSynapse(Tick &tick, int connection, bool bias,
                                      const std::string &name, bool ended) {
  auto f = rule.ownSynapse(tick, connection, bias, name, ended);
  return f ? f : experiment.ownSynapse(tick, connection, bias, name, ended);
}

std::optional<Field> Both::messages(Tick &tick, const Place &place) {
  return rule.messages(tick, place);
}

Field Both::weight(Tick &tick, const Connection &c, const Weight &w, Field value) {
  return rule.weight(tick, c, w, experiment.weight(tick, c, w, std::move(value)));
}

} // namespace apical::sema
