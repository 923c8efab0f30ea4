//===- Placeholder.cpp - values that only data could give ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Placeholder.h"

using namespace mlir;

namespace apical {
using namespace sema;

static Field argument(Evaluator &ev, const Extent &extent, ir::StepOp step, Span at) {
  Field f;
  llvm::SmallVector<int64_t> shape;
  for (auto [axis, size] : extent) {
    f.axes.push_back(axis);
    shape.push_back(size);
  }
  f.tensor = step.getBody().front().addArgument(
      RankedTensorType::get(shape, ev.fields.builder.getF32Type()), ev.location(at));
  return f;
}

Field placeholder(Evaluator &ev, const Area &area, const std::string &variable, ir::StepOp step,
                  Span at) {
  return argument(ev, Extent(area.extent(variable, true)), step, at);
}

Field placeholder(Evaluator &ev, const Scalar &scalar, ir::StepOp step, Span at) {
  Extent extent{{Axis::Sample, ShapedType::kDynamic}};
  if (scalar.components)
    extent.push_back({Axis::Component, scalar.components});
  return argument(ev, extent, step, at);
}

void eachGiven(const Network &net,
               llvm::function_ref<void(const Area &, const ast::VarDecl::Declarator &)> visit) {
  for (const Area &area : net.areas)
    for (const ast::Block *body : {&area.decl->body, &area.unit->body})
      for (const ast::Stmt *s : *body)
        if (auto *v = llvm::dyn_cast<ast::VarDecl>(s); v && v->varKind == ast::VarKind::Given)
          for (auto &d : v->vars)
            visit(area, d);
}

} // namespace apical
