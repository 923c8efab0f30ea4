//===- Components.cpp - values with several components per element ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Trial.h"
#include <cmath>

namespace apical::sema {

using ast::BinaryOp;

int64_t Evaluator::componentsOf(const ast::VarDecl::Declarator &d, Frame &frame) {
  if (d.components.empty())
    return 0;
  if (d.components.size() > 1)
    unsupported(d.name.span, "components in several dimensions are");
  return evaluateSize(*d.components[0], frame, 1, "the number of components");
}

Field Evaluator::withComponents(const Field &x, int64_t n, llvm::StringRef name, Span at) {
  if (!x.constant && x.has(Axis::Component) && x.size(Axis::Component) != n)
    fail(Code::ShapeMismatch, at,
         "`" + name +
             (n ? "[" + llvm::Twine(n) + "]` has " + llvm::Twine(n) + " components"
                : llvm::Twine("` has no components")) +
             ", and the value has " + llvm::Twine(x.size(Axis::Component)),
         n ? llvm::Twine()
           : "declare them: `" + name + "[" + llvm::Twine(x.size(Axis::Component)) + "]`");
  if (!n)
    return x;
  Field f = fields.broadcast(location(at), x, {{Axis::Component, n}});
  f.inherit(x);
  return f;
}

Field Evaluator::component(const Field &x, const Field &index, Span at) {
  if (x.constant || !x.has(Axis::Component))
    fail(Code::WrongType, at, "this value has no components, and this asks for one of them",
         "`let x[3] = …` declares three; `[a, b, c]` makes them of numbers");
  int64_t n = x.size(Axis::Component);
  if (index.constant && (*index.constant != std::floor(*index.constant) || *index.constant < 0 ||
                         *index.constant >= static_cast<double>(n)))
    fail(Code::BadSize, at,
         "there is no such component: they are numbered from 0 to " + llvm::Twine(n - 1));
  requireDimension(index, {}, at, "the number of a component");
  Field here = binary(BinaryOp::Eq, fields.index(location(at), Axis::Component, n), index, at);
  Field f = fields.reduce(location(at), select(here, x, Field::number(0), at), {Axis::Component});
  f.dimension = x.dimension;
  return f;
}

Field Evaluator::concatenate(llvm::ArrayRef<Field> parts, Span at) {
  auto sizeOf = [](const Field &f) {
    return !f.constant && f.has(Axis::Component) ? f.size(Axis::Component) : 1;
  };
  int64_t n = 0;
  for (const Field &f : parts)
    n += sizeOf(f);
  if (!n)
    fail(Code::BadSize, at, "`[]` has no components");
  mlir::Location loc = location(at);
  Field place = fields.index(loc, Axis::Component, n);
  std::optional<Field> all;
  int64_t begin = 0;
  for (const Field &f : parts) {
    int64_t size = sizeOf(f);
    Field part = f;
    if (!f.constant &&
        f.has(Axis::Component)) { // to its place among all; its own axis has another name meanwhile
      part = f.as(Axis::Component, Axis::LastLoop);
      Field own = binary(BinaryOp::Add, fields.index(loc, Axis::LastLoop, size),
                         Field::number(static_cast<double>(begin)), at);
      part = fields.reduce(loc,
                           select(binary(BinaryOp::Eq, place, own, at), part, Field::number(0), at),
                           {Axis::LastLoop});
      part.dimension = f.dimension;
    }
    all = all ? select(binary(BinaryOp::Lt, place, Field::number(static_cast<double>(begin)), at),
                       *all, part, at)
              : part;
    begin += size;
  }
  Field result = fields.broadcast(loc, *all, {{Axis::Component, n}});
  result.inherit(*all);
  return result;
}

Field Trial::asEndpoint(const Field &value, int area, const std::string &variable) {
  const Area &a = net.areas[area];
  mlir::Location loc = ev.location(a.decl->span);
  if (!a.componentsOf(variable))
    return a.common.count(variable) ? ev.fields.broadcast(loc, value, {{Axis::Unit, 1}}) : value;
  return ev.fields.reduce(loc, value, {Axis::Unit}).as(Axis::Component, Axis::Unit);
}

Field Trial::fromEndpoint(const Field &value, int area, const std::string &variable) {
  const Area &a = net.areas[area];
  if (a.componentsOf(variable))
    return value.as(Axis::Unit, Axis::Component);
  return a.common.count(variable) ? ev.fields.reduce(ev.location(a.decl->span), value, {Axis::Unit})
                                  : value;
}

} // namespace apical::sema
