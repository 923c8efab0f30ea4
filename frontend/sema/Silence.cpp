//===- Silence.cpp - errors that never reach what reads them ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// `error(x)` is 0 where the cost does not read x and no message arrives
/// (semantics, 5.3). Often that is as it should be; two cases are warned of,
/// since a rule that learns from nothing says nothing:
///
///   1. The area is an output: the cost reads another variable of it.
///   2. All that a rule adds to a weight is 0 in consequence.
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Rule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace apical::sema {

namespace {

/// Finds values that are 0 whatever the network does.
class Zeros {
public:
  bool contains(Value v) {
    if (auto it = known.find(v); it != known.end())
      return it->second;
    known[v] = false;
    return known[v] = find(v);
  }

private:
  bool find(Value v) {
    auto all = [&](ValueRange values) {
      return llvm::all_of(values, [&](Value x) { return contains(x); });
    };
    Operation *op = v.getDefiningOp();
    if (auto vjp = llvm::dyn_cast_or_null<ir::VjpOp>(op))
      return all(vjp.getSeeds());
    if (auto jvp = llvm::dyn_cast_or_null<ir::JvpOp>(op))
      return all(jvp.getDisplacements());
    if (llvm::isa_and_nonnull<ir::WindowOp>(op))
      return contains(op->getOperand(0));
    auto lift = llvm::dyn_cast_or_null<ir::LiftOp>(op);
    if (!lift)
      return false;
    llvm::DenseSet<Value> zero; // of the body
    for (auto [argument, input] : llvm::zip(lift.getBlock().getArguments(), lift.getInputs()))
      if (contains(input))
        zero.insert(argument);
    for (Operation &scalar : lift.getBlock().without_terminator())
      if (isZero(scalar, zero))
        zero.insert(scalar.getResult(0));
    return zero.contains(lift.getYielded()[llvm::cast<OpResult>(v).getResultNumber()]);
  }

  static bool isZero(Operation &op, const llvm::DenseSet<Value> &zero) {
    auto is = [&](unsigned k) { return zero.contains(op.getOperand(k)); };
    if (matchPattern(&op, m_AnyZeroFloat()))
      return true;
    if (llvm::isa<arith::MulFOp>(op))
      return is(0) || is(1);
    if (llvm::isa<arith::AddFOp, arith::SubFOp>(op))
      return is(0) && is(1);
    if (llvm::isa<arith::SelectOp>(op))
      return is(1) && is(2);
    return llvm::isa<arith::DivFOp, arith::NegFOp, ir::StopOp, math::AbsFOp, math::SinOp,
                     math::SqrtOp, math::TanhOp>(op) &&
           is(0);
  }

  llvm::DenseMap<Value, bool> known;
};

} // namespace

Field RuleInstance::noError(int area, const std::string &variable, Span at) {
  silent.push_back({area, variable, at});
  return Field::number(0);
}

/// The variables of an area that the cost's own expression reads, a value with several names by the last.
std::vector<std::string> RuleInstance::readOf(int area) {
  std::vector<std::string> names;
  std::optional<Field> cost = costHere();
  llvm::SmallVector<Value> work;
  if (cost && cost->tensor)
    work.push_back(cost->tensor);
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    bool variable = false;
    std::string last;
    for (auto &[place, field] : trial.now.tick->values)
      if (field.tensor == v) {
        variable = true;
        if (place.first == area &&
            (last.empty() || llvm::is_contained(net.areas[area].variables, place.second)))
          last = place.second;
      }
    if (!last.empty())
      names.push_back(last);
    if (Operation *op = v.getDefiningOp(); op && !variable && !isBarrier(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  return names;
}

void RuleInstance::warnOfSilence() {
  auto warn = [&](Span read, const llvm::Twine &message, const llvm::Twine &label) -> Diagnostic * {
    if (!trial.states.silent.insert({learn.decl, message.str()}).second)
      return nullptr; // another experiment has said so
    // What stands in the library is the fault of the line that uses it.
    bool inModel = read.file == learn.decl->span.file;
    Diagnostic &d =
        ev.diags.warning(Code::ErrorSilent, inModel ? read : learn.decl->rule->span, message);
    if (!inModel)
      d.label(read, label);
    return &d;
  };
  auto named = [&](const Silent &s) { return net.areas[s.area].name + "." + s.variable; };
  std::set<int> said;
  for (const Silent &s : silent) {
    const Area &area = net.areas[s.area];
    std::vector<std::string> read =
        outputs.count(s.area) ? readOf(s.area) : std::vector<std::string>();
    if (read.empty())
      continue;
    said.insert(s.area);
    std::string other = area.name + "." + read.front();
    Diagnostic *d = warn(s.at,
                         "`error(" + named(s) + ")` is 0: the cost reads `" + other +
                             "`, which is not computed from it",
                         "the error that is read");
    bool moves = llvm::any_of(rule->body, [](const ast::Stmt *b) {
      auto *t = llvm::dyn_cast<ast::TemplateStmt>(b);
      return t && pushes(t->body);
    });
    if (d && moves)
      d->hint("how the cost moves is `push(" + costParameter + ", v)`, whatever it reads");
    else if (d)
      d->hint("read the error of `" + read.front() +
              "`, or of what it is computed from, or let the cost read `" + named(s) + "`");
  }
  std::vector<std::string> unchanged;
  const Silent *cause = nullptr;
  Zeros zeros;
  std::set<std::string> moving;
  auto vanishes = [&](const std::optional<Field> &f) {
    return !f || (f->constant ? *f->constant == 0 : zeros.contains(f->tensor));
  };
  for (auto &[symbol, t] : targets)
    if (!vanishes(t.gradient) || !vanishes(t.direct))
      moving.insert(t.owner);
  for (auto &symbol : targetOrder) {
    const Target &t = targets.at(symbol);
    if (t.connection < 0 || t.ownedByRule || moving.count(t.owner) || (!t.gradient && !t.direct))
      continue;
    const Connection &c = net.connections[t.connection];
    auto s = llvm::find_if(silent, [&](const Silent &s) { return s.area == c.to; });
    if (s == silent.end() || said.count(c.to))
      continue;
    moving.insert(t.owner);
    unchanged.push_back(net.local(t.owner, learn.part));
    cause = cause ? cause : &*s;
  }
  if (cause)
    if (Diagnostic *d =
            warn(cause->at,
                 "nothing changes " + quoted(unchanged) + ": `error(" + named(*cause) + ")` is 0",
                 "the error that is read"))
      d->hint("the cost does not read it, and no error is sent to it: add `error(pre) += …`, or "
              "leave these connections out, as `each connection to output` does");
}

} // namespace apical::sema
