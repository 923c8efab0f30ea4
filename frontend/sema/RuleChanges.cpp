//===- RuleChanges.cpp - what a rule adds to a weight or its gradient ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Account.h"
#include "frontend/sema/Rule.h"

using namespace mlir;

namespace apical::sema {

namespace {

const char *capabilityName(unsigned c) {
  switch (c) {
  case Feedback:
    return "feedback";
  case Population:
    return "population";
  case Modulated:
    return "modulated";
  default:
    return "nonlocal";
  }
}

} // namespace

RuleInstance::Target &RuleInstance::target(const Connection &c, llvm::StringRef name, bool bias) {
  std::string symbol;
  for (auto &w : c.weights)
    if (w.name == name && w.bias == bias)
      symbol = w.symbol;
  bool own = symbol.empty() && ruleWeights.count(c.name + "." + name.str());
  if (own)
    symbol = net.name + "." + learn.name + "." + c.name + "." + name.str();
  Target &t = targets[symbol];
  if (t.symbol.empty()) {
    t.symbol = symbol;
    t.value = trial.read(symbol);
    t.owner = c.name;
    t.name = name.str();
    t.bias = bias;
    t.ownedByRule = own;
    targetOrder.push_back(symbol);
    if (account) {
      WeightChange &change = account->change(symbol);
      change.name = t.name;
      change.connection = static_cast<int>(&c - &net.connections[0]);
      change.bias = bias;
      change.ownedByRule = own;
    }
  }
  return t;
}

RuleInstance::Target &RuleInstance::target(int area, llvm::StringRef name) {
  std::string symbol = areaSymbol(area, name);
  Target &t = targets[symbol];
  if (t.symbol.empty()) {
    t.symbol = symbol;
    t.value = trial.read(symbol);
    t.owner = net.areas[area].name;
    t.name = name.str();
    t.ownedByRule = true;
    targetOrder.push_back(symbol);
  }
  return t;
}

void RuleInstance::checkLocality(const Field &f, Span at) {
  unsigned beyond = f.capabilities & ~declared;
  auto decides = [&](unsigned c) {
    for (const CapabilityRead &r : f.reads)
      if (r.capability == c)
        return r.at;
    return at;
  };
  for (unsigned c :
       {unsigned(Nonlocal), unsigned(Feedback), unsigned(Population), unsigned(Modulated)})
    if (beyond & c) {
      ev.diags
          .error(Code::Locality, decides(c),
                 "the rule `" + rule->name.text + "` declares less than it uses: this is `" +
                     capabilityName(c) + "`")
          .label(rule->name.span, "declared here")
          .hint(llvm::Twine("declare `") + capabilityName(c) +
                "`, or use only what the synapse itself can know");
      throw Reported();
    }
}

void RuleInstance::contribute(Target &t, const Field &value, ast::AssignOp op, bool gradient,
                              Span at) {
  checkLocality(value, at);
  if (WeightChange *change = noted(t))
    note(*change, value);
  Field e = value;
  llvm::SmallVector<Axis, 2> extra;
  for (Axis a : {Axis::Pre, Axis::Post})
    if (!e.constant && e.has(a) && !t.value.has(a))
      extra.push_back(a);
  e = ev.fields.reduce(ev.location(at), e, extra);
  if (op == ast::AssignOp::Set && !gradient && !e.constant && e.has(Axis::Sample))
    ev.fail(Code::PerSampleToShared, at,
            "a value per sample is assigned to a weight, which has no samples",
            "use `+=`, which averages over the batch, or an explicit `batch_mean`");
  e = ev.averageOverSamples(e, at);
  if (op == ast::AssignOp::Sub)
    e = ev.unary("-", e, at);
  if (op == ast::AssignOp::Set)
    e = ev.binary(ast::BinaryOp::Sub, e, t.value, at);
  auto &slot = gradient ? t.gradient : t.direct;
  slot = slot ? ev.binary(ast::BinaryOp::Add, *slot, e, at) : e;
  t.at = at;
  gradients |= gradient;
  if (t.gradient && t.direct)
    ev.fail(Code::GradAndDirect, at,
            "`" + t.name + "` is changed both through its gradient and directly");
}

} // namespace apical::sema
