//===- Evaluator.cpp - elementwise code to lifts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Evaluator.h"
#include "ir/ApicalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/SaveAndRestore.h"
#include <cmath>

using namespace mlir;

namespace apical::sema {

using Values = llvm::ArrayRef<Value>;

std::vector<std::string> Globals::names() const {
  std::vector<std::string> all;
  for (auto &[name, statement] : named)
    all.push_back(name);
  return all;
}

Location Evaluator::location(Span at) {
  auto p = sources.position(at.file, at.begin);
  return FileLineColLoc::get(fields.builder.getContext(), sources.path(at.file), p.line, p.column);
}

Diagnostic &Evaluator::report(Code code, Span at, const llvm::Twine &message) {
  // What fails inside a function of the library is the fault of the model's call.
  Span call = at;
  for (auto it = calls.rbegin(); it != calls.rend() && call.file != 0; ++it)
    call = it->at;
  Diagnostic &d = diags.error(code, call, message);
  if (call.file != at.file) {
    const ast::Definition &inner = *calls.back().definition;
    d.label(at, llvm::Twine(llvm::isa<ast::FnDecl>(inner) ? "in the function `"
                                                          : "in the optimizer `") +
                    inner.name.text + "`");
  }
  return d;
}

void Evaluator::label(Diagnostic &d, const Field &a, const Field &b,
                      llvm::function_ref<std::string(const Field &)> text) const {
  if (calls.empty() && sides) {
    d.label(sides->first, text(a)).label(sides->second, text(b));
    return;
  }
  for (auto it = calls.rbegin(); it != calls.rend(); ++it)
    if (it->at.file == 0) { // the arguments of the model's own call
      for (auto &[span, value] : it->args)
        d.label(span, text(value));
      return;
    }
}

void Evaluator::fail(Code code, Span at, const llvm::Twine &message, const llvm::Twine &hint) {
  Diagnostic &d = report(code, at, message);
  std::string text = hint.str();
  if (!text.empty())
    d.hint(text);
  throw Reported();
}

void Evaluator::unsupported(Span at, const llvm::Twine &what) {
  fail(Code::NotSupported, at, what + " not supported yet", "docs/language.md lists what is");
}

void Evaluator::refuse(const ast::Stmt &statement, Body body) {
  sema::refuse(statement, body, diags);
  throw Reported();
}

/// What a word of other languages and of the textbooks is called here.
llvm::StringRef translation(llvm::StringRef name) {
  return llvm::StringSwitch<llvm::StringRef>(name.lower())
      .Cases("gaussian", "randn", "gauss", "`normal(mean, deviation)`")
      .Cases("rand", "random", "`uniform(low, high)`")
      .Cases("sigmoid", "expit", "`logistic(x)`")
      .Case("relu", "`max(x, 0)`")
      .Cases("ln", "log1p", "`log(x)`")
      .Cases("pow", "square", "`x^2`")
      .Cases("detach", "stop_gradient", "no_grad", "`stop(x)`")
      .Cases("clamp", "clip_by_value", "`clip(x, low, high)`")
      .Cases("onehot", "to_categorical", "`one_hot(labels, 10)`")
      .Case("pi", "3.14159265")
      .Case("true", "`true`")
      .Case("false", "`false`")
      .Cases("np", "numpy", "jnp", "torch", "tf", "math", "without a library before it: `tanh(x)`")
      .Cases("ifelse", "cond", "select", "`where(condition, a, b)`")
      .Default("");
}

void Evaluator::unknown(Span at, llvm::StringRef what, llvm::StringRef name,
                        const std::vector<std::string> &candidates) {
  std::string near = nearest(name, candidates);
  fail(Code::UnknownName, at, "unknown " + what + " `" + name + "`",
       !near.empty()                                    ? "did you mean `" + near + "`?"
       : !candidates.empty() && candidates.size() <= 12 ? "there are " + quoted(candidates)
                                                        : std::string());
}

void Evaluator::unknownMember(Span at, llvm::StringRef kind, llvm::StringRef area,
                              llvm::StringRef name, const std::vector<std::string> &has) {
  std::string near = nearest(name, has);
  fail(Code::UnknownMember, at, "the area `" + area + "` has no " + kind + " `" + name + "`",
       !near.empty() ? "did you mean `" + near + "`?"
       : has.empty()
           ? std::string()
           : "it has " + quoted(has) + "; more are declared in its unit, or in its braces");
}

/// Where a word of rules has a meaning, if it has none in this frame.
static llvm::StringRef placeOf(llvm::StringRef name, const Frame &frame) {
  return name == "push"
             ? "in `each area` of a rule, where `push(v)` displaces each unit by its v, or "
               "with what that moves in `each connection`: `push(C, v)`"
         : frame.others   ? ""
         : name == "grad" ? "in `each weight p` of a rule: `grad(C, p)` is the derivative of C by p"
         : name == "error" || name == "d" ? "in a template of a rule, as `each connection`"
                                          : "";
}

void Evaluator::unknown(Span at, llvm::StringRef name, const Frame &frame) {
  std::vector<std::string> candidates = frame.known;
  for (auto &[local, value] : frame.locals)
    candidates.push_back(local);
  std::string near = nearest(name, candidates); // what is meant here, before what is far
  if (llvm::StringRef here = translation(name); near.empty() && !here.empty())
    fail(Code::UnknownName, at, "unknown name `" + name + "`",
         "that is written " + llvm::Twine(here));
  if (near.empty() && sources.count() > 1) {
    llvm::append_range(candidates, globals.names());
    llvm::append_range(candidates, primitives());
    near = nearest(name, candidates);
  }
  if (llvm::StringRef place = placeOf(name, frame); !place.empty())
    fail(Code::Misplaced, at, "`" + name + "` has no meaning here", "it stands " + place);
  if (isReserved(name))
    fail(Code::NotSupported, at, "`" + name + "` is not supported here yet",
         "docs/language.md lists what is");
  if (near.empty() && sources.count() == 1)
    fail(Code::UnknownName, at, "unknown name `" + name + "`",
         "a model that uses the library starts with `use std`");
  fail(Code::UnknownName, at, "unknown name `" + name + "`",
       !near.empty()                          ? "did you mean `" + near + "`?"
       : frame.listed && !frame.known.empty() ? "there are " + quoted(frame.known)
                                              : std::string());
}

void Evaluator::requireDimension(const Field &f, const Dimension &d, Span at,
                                 llvm::StringRef what) {
  if (!f.dimension.fits(d))
    fail(Code::DimensionMismatch, at,
         what + " is " + f.dimension.kind() + " where " + d.kind() + " is needed");
}

void Evaluator::requireFit(const Field &a, const Field &b, Span at, llvm::StringRef what) {
  if (!FieldBuilder::conflict({a, b}))
    return;
  label(report(Code::ShapeMismatch, at,
               what + " of " + describe(a) + " and " + describe(b) + " do not fit"),
        a, b, [](const Field &f) { return describe(f); });
  throw Reported();
}

void Evaluator::requireSameDimension(const Field &a, const Field &b, Span at,
                                     const llvm::Twine &what) {
  if (a.dimension.fits(b.dimension))
    return;
  label(report(Code::DimensionMismatch, at,
               what + " have different dimensions: " + a.dimension.str() + " and " +
                   b.dimension.str()),
        a, b, [](const Field &f) { return f.dimension.str(); });
  throw Reported();
}

bool isReserved(llvm::StringRef name) {
  static const char *const words[] = {
      "d",         "error",    "grad",       "push",        "stop",        "time",     "elapsed",
      "updates",   "first",    "last",       "ended",       "change",      "prev",     "next",
      "bernoulli", "poisson",  "normal",     "uniform",     "categorical", "choice",   "wald",
      "identity",  "log_prob", "orthogonal", "rank",        "cumsum",      "position", "neighbour",
      "hops",      "twin",     "append",     "sample",      "windows",     "nearest",  "count",
      "one_hot",   "fan_in",   "fan_out",    "probability", "index",       "idx",      "npy",
      "csv",       "ring"};
  return llvm::is_contained(words, name);
}

bool isReduction(llvm::StringRef name, size_t arguments) {
  static const char *const words[] = {"sum",  "mean",    "max",       "min",  "argmax",
                                      "norm", "softmax", "logsumexp", "rank", "cumsum"};
  bool ofTwo = (name == "max" || name == "min") && arguments == 2;
  return llvm::is_contained(words, name) && !ofTwo;
}

int64_t Evaluator::evaluateSize(const ast::Expr &e, Frame &frame, int64_t least,
                                llvm::StringRef what) {
  Dimension dimension;
  double v = evaluateConstant(e, frame, what, &dimension);
  if (!dimension.none())
    fail(Code::DimensionMismatch, e.span,
         what + llvm::Twine(" is a whole number, and this is ") + dimension.kind());
  if (v != std::floor(v) || v < least || v > 1e9) {
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", std::isnan(v) ? std::abs(v) : v);
    fail(Code::BadSize, e.span,
         what + llvm::Twine(" must be a whole number from ") + llvm::Twine(least) +
             " to 1000000000, and is " + number);
  }
  return static_cast<int64_t>(v);
}

int64_t Evaluator::evaluateTicks(const ast::Expr &e, Frame &frame, int64_t least,
                                 llvm::StringRef what) {
  constexpr int64_t most = 2000;
  Dimension dimension;
  evaluateConstant(e, frame, what, &dimension);
  if (dimension == *namedDimension("time"))
    unsupported(e.span, "a length in seconds, which needs a `dt`, is");
  int64_t ticks = evaluateSize(e, frame, least, what);
  if (ticks > most)
    fail(Code::TooLarge, e.span,
         what + llvm::Twine(" is ") + llvm::Twine(ticks) + ", and a step can hold " +
             llvm::Twine(most) + " ticks");
  return ticks;
}

double Evaluator::evaluateConstant(const ast::Expr &e, Frame &frame, llvm::StringRef what,
                                   Dimension *dimension) {
  Field f = evaluate(e, frame);
  if (!f.constant)
    fail(Code::NotConstant, e.span, what + " must be known when compiling",
         "a `param` is set at run time and sizes nothing: use `const`");
  if (dimension)
    *dimension = f.dimension;
  return *f.constant;
}

Field Evaluator::evaluate(const ast::Expr &e, Frame &frame) {
  struct Depth {
    int &d;
    explicit Depth(int &d) : d(d) { ++d; }
    ~Depth() { --d; }
  } guard(depth);
  if (depth > 400)
    fail(Code::NestedTooDeep, e.span, "this expression is nested too deeply");
  if (auto *n = llvm::dyn_cast<ast::NumberExpr>(&e)) {
    if (n->unit.empty())
      return Field::number(n->value);
    auto unit = readUnit(n->unit);
    if (!unit)
      fail(Code::BadUnit, e.span, "unknown unit of measure `" + n->unit + "`");
    return Field::number(n->value * unit->scale, unit->dimension);
  }
  if (auto *b = llvm::dyn_cast<ast::BoolExpr>(&e))
    return Field::number(b->value);
  if (auto *n = llvm::dyn_cast<ast::NameExpr>(&e)) {
    if (auto it = frame.locals.find(n->name); it != frame.locals.end()) {
      Field f = it->second;
      if (f.signal)
        f.needs(Modulated, e.span);
      f.signal = false;
      return f;
    }
    if (frame.resolve)
      if (auto f = frame.resolve(e))
        return *f;
    if (n->name == "epoch" || n->name == "trial" || n->name == "training")
      return clock(n->name, e.span);
    if (n->name == "tick")
      return Field::number(0);
    if (n->name == "ticks" || n->name == "dt" || n->name == "first" || n->name == "last")
      return Field::number(1);
    if (auto *c = globals.find<ast::ConstDecl>(n->name)) {
      if (!constants.insert(c).second)
        fail(Code::Recursive, c->name.span, "the value of `" + n->name + "` depends on itself");
      struct Entered {
        std::set<const ast::ConstDecl *> &constants;
        const ast::ConstDecl *c;
        ~Entered() { constants.erase(c); }
      } entered{constants, c};
      Frame empty;
      return evaluate(*c->value, empty);
    }
    if (auto *p = globals.find<ast::ParamDecl>(n->name)) {
      Field f;
      OpBuilder &b = fields.builder;
      Frame empty;
      f.dimension = evaluate(*p->value, empty).dimension;
      f.dimension.any = false;
      f.tensor =
          b.create<ir::GetParamOp>(location(e.span), RankedTensorType::get({}, b.getF32Type()),
                                   FlatSymbolRefAttr::get(b.getContext(), p->name.text));
      return f;
    }
    if (globals.named.count(n->name))
      fail(Code::WrongKind, e.span, "`" + n->name + "` is not a value");
    if (!isReserved(n->name) && isPrimitive(n->name))
      fail(Code::WrongKind, e.span,
           "`" + n->name + "` is a word of the language, and no value here");
    unknown(e.span, n->name, frame);
  }
  if (llvm::isa<ast::MemberExpr>(e)) {
    if (frame.resolve)
      if (auto f = frame.resolve(e))
        return *f;
    bool transposed = llvm::cast<ast::MemberExpr>(e).member.text == "T";
    fail(Code::UnknownName, e.span, "`" + ast::toString(e) + "` has no meaning here",
         transposed
             ? "code is written for one element, and nothing is transposed in it; a connection "
               "that conducts backwards is `transpose(NAME)`"
             : "");
  }
  if (auto *c = llvm::dyn_cast<ast::CallExpr>(&e))
    return call(*c, frame);
  if (auto *u = llvm::dyn_cast<ast::UnaryExpr>(&e))
    return unary(u->op == ast::UnaryOp::Minus ? "-" : "not", evaluate(*u->operand, frame), e.span);
  if (auto *b = llvm::dyn_cast<ast::BinaryExpr>(&e)) {
    Field l = evaluate(*b->lhs, frame);
    Field r = evaluate(*b->rhs, frame);
    llvm::SaveAndRestore here(sides, std::optional(std::pair(b->lhs->span, b->rhs->span)));
    return binary(b->op, l, r, e.span);
  }
  if (auto *at = llvm::dyn_cast<ast::AtExpr>(&e)) {
    if (!frame.at)
      fail(Code::PhaseNotThere, e.span, "there are no phases here",
           "phases are declared by a `rule`, and read in it");
    return frame.at(*at, frame, nullptr);
  }
  if (auto *i = llvm::dyn_cast<ast::IndexExpr>(&e))
    if (auto *at = llvm::dyn_cast<ast::AtExpr>(i->base); at && frame.at)
      return frame.at(*at, frame, i);
  if (auto *i = llvm::dyn_cast<ast::IndexExpr>(&e)) {
    Field x = evaluate(*i->base, frame);
    if (i->indices.size() != 1)
      unsupported(e.span, "components in several dimensions are");
    return component(x, evaluate(*i->indices[0], frame), e.span);
  }
  if (auto *a = llvm::dyn_cast<ast::ArrayExpr>(&e)) {
    llvm::SmallVector<Field> parts;
    for (const ast::Expr *element : a->elements)
      parts.push_back(evaluate(*element, frame));
    return concatenate(parts, e.span);
  }
  fail(Code::WrongType, e.span, "this is not a number");
}

Dimension Evaluator::typeDimension(const ast::Expr &e) {
  if (auto *name = llvm::dyn_cast<ast::NameExpr>(&e)) {
    if (auto d = namedDimension(name->name))
      return *d;
    std::string near = nearest(name->name, dimensionNames());
    fail(Code::UnknownName, e.span, "unknown dimension `" + name->name + "`",
         near.empty() ? "a variable is a `voltage`, a `current`, a `time`, …, or has no type"
                      : "did you mean `" + near + "`?");
  }
  auto *b = llvm::dyn_cast<ast::BinaryExpr>(&e);
  auto *number = llvm::dyn_cast<ast::NumberExpr>(b ? b->rhs : &e);
  if (b && (b->op == ast::BinaryOp::Mul || b->op == ast::BinaryOp::Div))
    return typeDimension(*b->lhs).times(typeDimension(*b->rhs),
                                        b->op == ast::BinaryOp::Mul ? 1 : -1);
  if (b && b->op == ast::BinaryOp::Pow && number && number->unit.empty())
    if (auto power = typeDimension(*b->lhs).power(number->value))
      return *power;
  if (!b && number && number->value == 1 && number->unit.empty())
    return {}; // `1 / time`
  fail(Code::WrongType, e.span, "`" + ast::toString(e) + "` is no dimension",
       "write `voltage`, or `voltage / time`");
}

bool Evaluator::execute(const ast::Stmt &s, Frame &frame) {
  auto *v = llvm::dyn_cast<ast::VarDecl>(&s);
  if (!v || v->varKind != ast::VarKind::Let)
    return false;
  for (auto &d : v->vars) {
    int64_t components = componentsOf(d, frame);
    if (d.initKind == ast::VarDecl::Declarator::Init::Draw)
      unsupported(d.name.span, "draws at every tick are");
    if (!d.init)
      fail(Code::Syntax, d.name.span, "`let " + d.name.text + "` needs a value");
    Field value = evaluate(*d.init, frame);
    frame.locals[d.name.text] =
        components ? withComponents(value, components, d.name.text, d.init->span) : value;
  }
  return true;
}

/// What a method of other languages is called here: `x.sum()`, `x.flatten()`.
static std::string methodHint(const ast::Expr &callee, const Frame &frame) {
  auto *m = llvm::dyn_cast<ast::MemberExpr>(&callee);
  if (!m)
    return "";
  std::string base = ast::toString(*m->base);
  const std::string &name = m->member.text;
  if (llvm::is_contained({"flatten", "reshape", "view", "ravel", "squeeze", "unsqueeze"}, name))
    return "the axes of data are those of the units as they come: write `" + base + "`";
  if (llvm::is_contained({"float", "astype", "to", "double", "item", "numpy"}, name))
    return "all numbers are of one type: write `" + base + "`";
  if (llvm::is_contained(primitives(), name))
    return "functions stand before what they are of: write `" + name + "(" + base + ")`";
  if (llvm::StringRef here = translation(name); !here.empty())
    return "that is written " + here.str();
  return frame.others ? "in a rule, `h.x(e)` is the variable x of the unit if its main input were e"
                      : "";
}

Field Evaluator::call(const ast::CallExpr &e, Frame &frame) {
  if (frame.resolve)
    if (auto f = frame.resolve(e))
      return *f;
  if (frame.call)
    if (auto f = frame.call(e, frame))
      return *f;
  auto *callee = llvm::dyn_cast<ast::NameExpr>(e.callee);
  if (!callee)
    fail(Code::UnknownName, e.span, "`" + ast::toString(*e.callee) + "` is no function here",
         methodHint(*e.callee, frame));
  if (auto *fn = globals.find<ast::FnDecl>(callee->name))
    return callFunction(*fn, e, frame);
  bool found = true;
  Field result = callPrimitive(callee->name, e, frame, found);
  if (!found)
    unknown(callee->span, callee->name, frame);
  return result;
}

std::map<std::string, Field> bindArguments(Evaluator &ev, const ast::Definition &definition,
                                           llvm::ArrayRef<ast::Argument> args, Span at,
                                           Frame &caller) {
  std::map<std::string, Field> bound;
  size_t next = 0;
  for (auto &a : args) {
    const ast::Parameter *target = nullptr;
    if (a.name) {
      for (auto &p : definition.params)
        if (p.name.text == a.name.text)
          target = &p;
      if (!target) {
        std::vector<std::string> names;
        for (auto &p : definition.params)
          names.push_back(p.name.text);
        std::string near = nearest(a.name.text, names);
        ev.fail(Code::UnknownArgument, a.name.span,
                "`" + definition.name.text + "` has no parameter `" + a.name.text + "`",
                !near.empty()   ? "did you mean `" + near + "`?"
                : names.empty() ? std::string("it takes none")
                                : "it takes " + quoted(names));
      }
    } else if (next < definition.params.size()) {
      target = &definition.params[next++];
    } else {
      ev.fail(Code::TooManyArguments, a.value->span,
              "`" + definition.name.text + "` takes " +
                  (definition.params.empty()
                       ? "no argument"
                       : llvm::Twine(definition.params.size()) +
                             (definition.params.size() == 1 ? " argument" : " arguments")));
    }
    if (bound.count(target->name.text))
      ev.fail(Code::DefinedTwice, a.value->span, "`" + target->name.text + "` is given twice");
    bound[target->name.text] = ev.evaluate(*a.value, caller);
  }
  auto requireType = [&](const ast::Parameter &p, const Field &value, Span place) {
    auto *name = llvm::dyn_cast_or_null<ast::NameExpr>(p.type);
    if (!p.type || llvm::isa<ast::CallExpr>(p.type) ||
        (name && llvm::is_contained({"cost", "signal", "network", "area", "weight"}, name->name)))
      return;
    Dimension type = ev.typeDimension(*p.type);
    if (!value.dimension.fits(type))
      ev.fail(Code::DimensionMismatch, place,
              "`" + p.name.text + "` is " + type.kind() + ", and this is " +
                  value.dimension.kind());
  };
  for (auto &[p, value] : bound)
    for (auto &parameter : definition.params)
      if (parameter.name.text == p)
        requireType(parameter, value, at);
  Frame defaults;
  for (auto &p : definition.params) {
    if (auto it = bound.find(p.name.text); it != bound.end()) {
      defaults.locals[p.name.text] = it->second;
      continue;
    }
    if (!p.init)
      ev.fail(Code::MissingArgument, at,
              "`" + definition.name.text + "` needs the argument `" + p.name.text + "`");
    Field value = ev.evaluate(*p.init, defaults);
    requireType(p, value, p.init->span);
    // `like(x)`: a bare default adopts a dimension where it is used.
    if (auto *like = llvm::dyn_cast_or_null<ast::CallExpr>(p.type); like && value.dimension.none())
      value.dimension.any = true;
    bound[p.name.text] = defaults.locals[p.name.text] = value;
  }
  return bound;
}

Field Evaluator::callFunction(const ast::FnDecl &fn, const ast::CallExpr &e, Frame &frame) {
  requireSound(fn);
  Frame body;
  body.locals = bindArguments(*this, fn, e.args, e.span, frame);
  for (const Call &outer : calls)
    if (outer.definition == &fn)
      fail(Code::Recursive, e.span, "the function `" + fn.name.text + "` calls itself",
           "a function is expanded where it is called, and cannot be recursive");
  std::vector<std::pair<Span, Field>> given;
  for (auto [k, a] : llvm::enumerate(e.args))
    given.push_back({a.value->span, body.locals.at(a.name ? a.name.text : fn.params[k].name.text)});
  Expansion expansion(*this, fn, e.span, std::move(given));
  body.reductions = frame.reductions;
  body.windowed = frame.windowed;
  body.mask = frame.mask;
  body.subject = frame.subject;
  body.others = frame.others;
  // What is drawn in the function belongs to the place of the call.
  body.stream = frame.stream;
  body.drawEachTrial = frame.drawEachTrial;
  body.draws = frame.draws;
  body.drawExtent = frame.drawExtent;
  for (const ast::Stmt *s : fn.body) {
    if (auto *r = llvm::dyn_cast<ast::ReturnStmt>(s)) {
      Field result = evaluate(*r->value, body);
      frame.draws = body.draws;
      return result;
    }
    if (!execute(*s, body))
      refuse(*s, InFunction);
  }
  fail(Code::WrongType, fn.name.span, "the function `" + fn.name.text + "` returns nothing",
       "end it with `return`");
}

void Evaluator::requireArguments(llvm::StringRef name, const ast::CallExpr &e, size_t low,
                                 size_t high) {
  if (e.args.size() < low)
    fail(Code::MissingArgument, e.span,
         "`" + name + "` needs " + llvm::Twine(low) + (low == 1 ? " argument" : " arguments"));
  if (e.args.size() > high)
    fail(Code::TooManyArguments, e.args[high].value->span,
         "`" + name + "` takes " + llvm::Twine(high) + (high == 1 ? " argument" : " arguments"));
  for (auto &a : e.args)
    if (a.name && a.name.text != "over")
      fail(Code::UnknownArgument, a.name.span,
           "the arguments of `" + name + "` have no names: they are told apart by their order",
           isReduction(name, 1)
               ? "a reduction may say over what: `over = pre`, `post`, `units` or `components`"
               : "");
}

/// What is relative to the others is no information where there are none.
void Evaluator::requireRivals(llvm::StringRef name, const Field &x, llvm::ArrayRef<Axis> over,
                              Span at, const Frame &frame) {
  if (name != "softmax" && name != "logsumexp" && name != "argmax" && name != "rank")
    return;
  bool present = false;
  for (Axis axis : over)
    if (!x.constant && x.has(axis)) {
      present = true;
      if (x.size(axis) != 1)
        return;
    }
  if (!present)
    return;
  bool elsewhere = frame.subject && at.file != frame.subject->file;
  Diagnostic &d =
      diags.error(Code::CompetitionOfOne, elsewhere ? *frame.subject : at,
                  "`" + name + "` compares the elements of " +
                      (over.size() == 1 && over[0] == Axis::Unit ? "an area" : "an axis") +
                      ", and here there is one only");
  if (elsewhere)
    d.label(at, "compared here");
  else if (frame.subject)
    d.label(*frame.subject, "one unit");
  d.hint("give the area more units, or take a unit model that does not compare");
  throw Reported();
}

llvm::SmallVector<Axis, 2> Evaluator::axesOf(llvm::StringRef name, const ast::CallExpr &e,
                                             const Field &x, const Frame &frame) {
  if (e.args.size() == 2) {
    const ast::Argument &over = e.args[1];
    if (over.name.text != "over")
      fail(Code::UnknownArgument, over.value->span, "`" + name + "` takes a value and `over = …`");
    std::string where = ast::toString(*over.value);
    for (auto [word, axis] :
         {std::pair{"units", Axis::Unit}, std::pair{"components", Axis::Component},
          std::pair{"pre", Axis::Pre}, std::pair{"post", Axis::Post}})
      if (where == word) {
        if (axis == Axis::Component && (x.constant || !x.has(axis)))
          fail(Code::NeedsOver, over.value->span,
               "the value has no components, and is " + describe(x));
        if (axis != Axis::Component && !llvm::is_contained(frame.reductions, axis))
          fail(Code::NeedsOver, over.value->span,
               frame.reductions[0] == Axis::Unit
                   ? "there are no synapses here: a reduction runs over units"
                   : "a reduction of synapses runs over `pre` or `post`, not over `units`");
        if (axis == Axis::Post && frame.windowed) // they stand at several places and taps
          unsupported(over.value->span, "`over = post` in a convolution is");
        return {axis};
      }
    fail(Code::NeedsOver, over.value->span,
         "`over` is one of `units`, `components`, `pre`, `post`");
  }
  if (x.constant || !x.has(Axis::Component))
    return frame.reductions;
  if (llvm::any_of(frame.reductions, [&](Axis a) { return x.has(a); }))
    fail(Code::NeedsOver, e.span,
         "`" + name + "` could run over units or over components, and this is " + describe(x),
         "write `over = units` or `over = components`");
  return {Axis::Component};
}

Field Evaluator::callPrimitive(llvm::StringRef name, const ast::CallExpr &e, Frame &frame,
                               bool &found) {
  auto expect = [&](size_t low, size_t high) { requireArguments(name, e, low, high); };
  auto arg = [&](size_t k) { return evaluate(*e.args[k].value, frame); };
  static const char *const unaries[] = {"exp", "log",  "sqrt",     "abs",      "sign", "sin",
                                        "cos", "tanh", "logistic", "softplus", "floor"};
  if (llvm::is_contained(unaries, name)) {
    expect(1, 1);
    return unary(name, arg(0), e.span);
  }
  if ((name == "max" || name == "min") && e.args.size() == 2 && !e.args[1].name) {
    Field a = arg(0), b = arg(1);
    requireFit(a, b, e.span, "arguments");
    requireSameDimension(a, b, e.span, "arguments");
    bool largest = name == "max";
    Field r = a.constant && b.constant
                  ? Field::number(largest ? std::max(*a.constant, *b.constant)
                                          : std::min(*a.constant, *b.constant))
                  : fields.map(location(e.span), {a, b},
                               [largest](OpBuilder &o, Location l, Values v) -> Value {
                                 if (largest)
                                   return o.create<arith::MaximumFOp>(l, v[0], v[1]);
                                 return o.create<arith::MinimumFOp>(l, v[0], v[1]);
                               });
    r.dimension = a.dimension.any ? b.dimension : a.dimension;
    r.mask = Field::maskOfBoth(a, b);
    return r;
  }
  if (isReduction(name, 1)) {
    expect(1, 2);
    Field x = arg(0);
    llvm::SmallVector<Axis, 2> over = axesOf(name, e, x, frame);
    requireRivals(name, x, over, e.span, frame);
    bool others = over.size() != 1 || over[0] != Axis::Component;
    Field r = frame.mask && others ? reduceWhere(frame.mask(), name, x, over, e.span)
                                   : reduce(name, x, over, e.span);
    if (frame.others && others) {
      r.total = (name == "sum" || name == "mean") && !(x.capabilities & Population);
      r.needs(Population, e.span);
    }
    return r;
  }
  if (name == "index") {
    expect(1, 2);
    Field x = arg(0);
    llvm::SmallVector<Axis, 2> over = axesOf(name, e, x, frame);
    if (x.constant || over.size() != 1 || !x.has(over[0]))
      fail(Code::NeedsOver, e.span,
           "`index` counts along one axis of a value, and this is " + describe(x),
           "in synapse code, `over = pre` or `over = post` says which");
    return fields.index(location(e.span), over[0], x.size(over[0]));
  }
  if (name == "where") {
    expect(3, 3);
    Field c = arg(0), a = arg(1), b = arg(2);
    return select(c, a, b, e.span);
  }
  if (name == "clip") {
    expect(3, 3);
    Field x = arg(0), low = arg(1), high = arg(2);
    Field below = binary(ast::BinaryOp::Lt, x, low, e.span),
          above = binary(ast::BinaryOp::Gt, x, high, e.span);
    return select(below, low, select(above, high, x, e.span), e.span);
  }
  if (name == "stop") {
    expect(1, 1);
    return barrier(arg(0), e.span);
  }
  if (name == "batch_mean") {
    expect(1, 1);
    return averageOverSamples(arg(0), e.span);
  }
  if (name == "batch_sum" || name == "batch_max") {
    expect(1, 1);
    return fields.reduce(location(e.span), arg(0), {Axis::Sample},
                         name == "batch_sum" ? "sum" : "max");
  }
  if (name == "one_hot") {
    expect(2, 2);
    Field x = arg(0);
    int64_t n = evaluateSize(*e.args[1].value, frame, 1, "the number of classes");
    if (!x.constant && x.has(Axis::Unit))
      fail(Code::ShapeMismatch, e.args[0].value->span,
           "`one_hot` takes one number per sample, and this is " + describe(x));
    Field hot = binary(ast::BinaryOp::Eq, x, fields.index(location(e.span), Axis::Unit, n), e.span);
    if (x.constant || llvm::isa<ast::NameExpr>(e.args[0].value))
      return hot; // the classes of a column are looked at where they are read
    auto check = [&](ast::BinaryOp op, const Field &y) { return binary(op, x, y, e.span); };
    Field place = binary(ast::BinaryOp::And, check(ast::BinaryOp::Ge, Field::number(0)),
                         check(ast::BinaryOp::Lt, Field::number(static_cast<double>(n))), e.span);
    Field known = binary(ast::BinaryOp::And, place,
                         check(ast::BinaryOp::Eq, unary("floor", x, e.span)), e.span);
    return select(known, hot, Field::number(NAN), e.span);
  }
  if (std::optional<Field> drawn = callDistribution(name, e, frame))
    return *drawn;
  if (name == "identity") {
    expect(0, 0);
    requireMatrix(frame, e.span, name);
    if (frame.windowed) // taps are no units
      unsupported(e.span, "`identity` in a convolution is");
    Location loc = location(e.span);
    auto [from, to] = std::pair(frame.drawExtent[0].second, frame.drawExtent[1].second);
    return binary(ast::BinaryOp::Eq, fields.index(loc, Axis::Pre, from),
                  fields.index(loc, Axis::Post, to), e.span);
  }
  found = false;
  return {};
}

} // namespace apical::sema
