//===- Windows.cpp - where the kernel of a convolution stands ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/sema/Windows.h"

namespace apical::sema {

static std::string joined(llvm::ArrayRef<int64_t> sizes) {
  std::string text;
  for (int64_t n : sizes)
    text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text;
}

Space::Space(const Area &area) {
  llvm::ArrayRef<int64_t> shape = area.shape;
  if (shape.size() > 2) {
    channels = shape[2];
    shape = shape.take_front(2);
  }
  size.assign(shape.begin(), shape.end());
  if (size.empty())
    size.push_back(1);
}

std::string Space::str() const {
  return joined(size) + (channels > 1 ? " x " + std::to_string(channels) : "");
}

llvm::SmallVector<int64_t, 2> sizesOf(const ast::Expr &e, size_t dimensions, Frame &frame,
                                      llvm::StringRef what, Evaluator &ev) {
  auto *list = llvm::dyn_cast<ast::ArrayExpr>(&e);
  if (!list)
    return llvm::SmallVector<int64_t, 2>(dimensions, ev.evaluateSize(e, frame, 1, what));
  if (list->elements.size() != dimensions)
    ev.fail(Code::BadSize, e.span,
            what + " has " + llvm::Twine(list->elements.size()) +
                (list->elements.size() == 1 ? " number" : " numbers") +
                ", and the areas have a space of " + llvm::Twine(dimensions) +
                (dimensions == 1 ? " dimension" : " dimensions"),
            dimensions == 1 ? "write one number" : "write two, or one number for both");
  llvm::SmallVector<int64_t, 2> sizes;
  for (const ast::Expr *item : list->elements)
    sizes.push_back(ev.evaluateSize(*item, frame, 1, what));
  return sizes;
}

void placeWindow(Connection &c, const WindowSize &size, const Area &from, const Area &to,
                 llvm::StringRef kind, Evaluator &ev) {
  Space in(from), out(to);
  bool pools = c.topology == Topology::Pool;
  auto mismatch = [&](const llvm::Twine &message, const llvm::Twine &hint) {
    ev.diags.error(Code::ShapeMismatch, c.decl->span, message)
        .label(from.decl->span, in.str())
        .label(to.decl->span, out.str())
        .hint(hint);
    throw Reported();
  };
  for (auto [area, variable, at] : {std::tuple(&from, &c.fromVariable, c.decl->from->span),
                                    std::tuple(&to, &c.toPort, c.decl->to->span)}) {
    if (area->shape.size() > 3)
      ev.unsupported(area->decl->span,
                     "an area of more than three sizes at the end of `" + kind.str() + "` is");
    if (area->endpoints(*variable) != area->size || area->componentsOf(*variable))
      ev.fail(Code::ShapeMismatch, at,
              "`" + kind + "` sees units side by side, and `" + area->name + "." + *variable +
                  "` is not one number for each unit",
              "`dense` connects what is `common` or has components");
  }
  size_t dimensions = in.size.size();
  if (out.size.size() != dimensions)
    mismatch("`" + kind + "` needs areas of one kind of space, and `" + from.name + "` is " +
                 in.str() + " where `" + to.name + "` is " + out.str(),
             "the sizes of an area are height, width and channels: `area " +
                 llvm::Twine(to.decl->name.text) + "[H, W, C]`");
  if (pools && in.channels != out.channels)
    mismatch("a pool keeps the channels, and `" + from.name + "` has " + llvm::Twine(in.channels) +
                 " where `" + to.name + "` has " + llvm::Twine(out.channels),
             "give both areas the same third size");
  ir::Window &w = c.window;
  w = {};
  llvm::SmallVector<int64_t, 2> fitting, widest; // places without a border, and with the widest
  bool fits = true;
  for (size_t d = 0; d < dimensions; ++d) {
    int64_t kernel = size.kernel[d], stride = size.stride[d];
    fitting.push_back(in.size[d] < kernel ? 0 : (in.size[d] - kernel) / stride + 1);
    widest.push_back((in.size[d] + kernel - 2) / stride + 1);
    int64_t border = (out.size[d] - 1) * stride + kernel - in.size[d];
    fits &= pools ? out.size[d] == fitting[d] : border > -stride && border <= 2 * (kernel - 1);
    w.shape.push_back(in.size[d]);
    w.kernel.push_back(kernel);
    w.stride.push_back(stride);
    w.before.push_back(std::max<int64_t>(border, 0) / 2);
    w.places.push_back(out.size[d]);
  }
  std::string kernel = "a kernel of " + joined(size.kernel);
  if (!llvm::is_contained(fitting, 0) &&
      llvm::any_of(size.stride, [](int64_t n) { return n != 1; }))
    kernel += " in steps of " + joined(size.stride);
  if (!fits) {
    bool larger = llvm::is_contained(fitting, 0);
    std::string hint =
        larger ? "choose a smaller kernel" : "make `" + to.name + "` " + joined(fitting);
    if (!pools)
      hint += (larger ? ", or make `" + to.name + "`" : std::string(", or")) + " at most " +
              joined(widest) + ": zeros stand around `" + from.name + "` then";
    mismatch(kernel + (larger ? " is larger than `" : " has " + joined(fitting) + " places in `") +
                 from.name + "`, which is " + joined(in.size) + ", and `" + to.name + "` is " +
                 joined(out.size),
             hint);
  }
  w.shape.push_back(in.channels);
  w.kernel.push_back(pools ? 1 : in.channels);
  w.stride.push_back(1);
  w.before.push_back(0);
  w.places.push_back(pools ? in.channels : 1);
  w.tapsFirst = pools;
  c.channels = out.channels;
}

WindowSize sizeOf(const Connection &c) {
  size_t dimensions = c.window.kernel.size() - 1;
  auto space = [&](llvm::ArrayRef<int64_t> sizes) {
    return llvm::SmallVector<int64_t, 2>(sizes.take_front(dimensions));
  };
  return {space(c.window.kernel), space(c.window.stride), c.decl->span};
}

} // namespace apical::sema
