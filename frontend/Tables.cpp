//===- Tables.cpp - the data that experiments read ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/Tables.h"

using namespace mlir;

namespace apical {
using namespace sema;

static const ast::CallExpr *tableCall(const ast::Expr *e) {
  auto *call = llvm::dyn_cast_or_null<ast::CallExpr>(e);
  auto *callee = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : nullptr;
  return callee && callee->name == "table" ? call : nullptr;
}

/// A file, and of `csv` perhaps a column: nothing else is read.
void Tables::requireFile(const ast::NameExpr &format, llvm::ArrayRef<ast::Argument> args) {
  const char *takes =
      format.name == "csv" ? "a file and a column: `csv(\"file\", \"column\")`" : "one file";
  size_t most = format.name == "csv" ? 2 : 1;
  for (auto [k, a] : llvm::enumerate(args)) {
    if (a.name)
      ev.fail(Code::UnknownArgument, a.name.span,
              "`" + format.name + "` has no option `" + a.name.text + "`",
              "it takes " + llvm::Twine(takes));
    if (k >= most)
      ev.fail(Code::TooManyArguments, a.value->span,
              "`" + format.name + "` takes " + llvm::Twine(takes));
    if (!llvm::isa<ast::StringExpr>(a.value))
      ev.fail(Code::WrongType, a.value->span, "the column of a file is a text, in quotes");
  }
}

std::vector<Column> Tables::columnsOf(const ast::Expr &source) {
  std::vector<std::string> path;
  const ast::Expr *e = &source;
  while (auto *m = llvm::dyn_cast<ast::MemberExpr>(e)) {
    path.insert(path.begin(), m->member.text);
    e = m->base;
  }
  auto *base = llvm::dyn_cast<ast::NameExpr>(e);
  auto *data = base ? ev.globals.find<ast::DataDecl>(base->name) : nullptr;
  if (!data) {
    Frame none;
    if (base && !ev.globals.named.count(base->name))
      ev.unknown(base->span, base->name, none);
    auto *call = llvm::dyn_cast<ast::CallExpr>(&source);
    if (auto *unit = call ? llvm::dyn_cast<ast::NameExpr>(call->callee) : base;
        unit && ev.globals.find<ast::UnitDecl>(unit->name))
      ev.unsupported(source.span, "a world, which is a unit as the source of an experiment, is");
    ev.fail(Code::WrongKind, source.span, "`" + ast::toString(source) + "` is not data",
            call && !call->args.empty() && call->args[0].name
                ? "options follow a comma: `, " + llvm::Twine(call->args[0].name.text) + " = " +
                      ast::toString(*call->args[0].value) + "`"
                : llvm::Twine());
  }
  const ast::CallExpr *call = tableCall(data->value);
  for (auto &part : path) {
    const ast::CallExpr *inner = nullptr;
    std::vector<std::string> names;
    if (call)
      for (auto &a : call->args) {
        names.push_back(a.name.text);
        if (a.name.text == part)
          inner = tableCall(a.value);
      }
    if (!inner) {
      std::string near = nearest(part, names);
      ev.fail(Code::UnknownMember, source.span,
              "`" + data->name.text + "` has no table `" + part + "`",
              near.empty() ? llvm::Twine() : "did you mean `" + llvm::Twine(near) + "`?");
    }
    call = inner;
  }
  if (!call)
    ev.unsupported(data->span, "data other than `table(…)` is");
  std::vector<Column> columns;
  for (auto &a : call->args) {
    auto *file = llvm::dyn_cast<ast::CallExpr>(a.value);
    auto *kind = file ? llvm::dyn_cast<ast::NameExpr>(file->callee) : nullptr;
    int format = !kind                 ? -1
                 : kind->name == "idx" ? 0
                 : kind->name == "npy" ? 1
                 : kind->name == "csv" ? 2
                                       : -1;
    if (kind && kind->name == "table")
      ev.fail(Code::WrongKind, source.span, "`" + ast::toString(source) + "` is a group of tables",
              "choose one: `" + ast::toString(source) + "." + a.name.text + "`");
    auto *pathArg = file && !file->args.empty()
                        ? llvm::dyn_cast<ast::StringExpr>(file->args[0].value)
                        : nullptr;
    auto *field = file && file->args.size() > 1
                      ? llvm::dyn_cast<ast::StringExpr>(file->args[1].value)
                      : nullptr;
    if (kind && llvm::is_contained({"windows", "ring"}, kind->name))
      ev.unsupported(a.value->span, "`" + kind->name + "` is");
    if (format < 0 || !pathArg || !a.name)
      ev.fail(Code::WrongKind, a.value->span,
              "a column of a table is `name = idx(\"file\")`, `npy(…)` or `csv(…)`");
    requireFile(*kind, file->args);
    columns.push_back(
        {a.name.text, pathArg->value, field ? field->value : "", format, a.value->span});
  }
  return columns;
}
ColumnInfo Tables::probe(const Column &c) {
  ColumnInfo info;
  std::string why;
  if (!options.probe || !options.probe(c.path, c.format, c.field, info, why)) {
    auto [first, rest] = llvm::StringRef(why).split('\n'); // the folders that were searched
    Diagnostic &d = diags.error(info.found ? Code::DataDamaged : Code::DataMissing, c.span,
                                why.empty() ? "`" + c.path + "` cannot be read"
                                            : first.split(". tried, each").first);
    if (!rest.empty())
      d.note("looked for, each with and without .gz\n" + rest);
    throw Reported();
  }
  return info;
}

/// As many as the columns that were read before.
void Tables::requireRows(const Column &c, const ColumnInfo &info) {
  for (auto &[other, otherInfo] : infos)
    if (otherInfo.rows != info.rows) {
      diags
          .error(Code::DataMismatch, c.span,
                 "`" + c.name + "` has " + std::to_string(info.rows) + " rows where `" +
                     other->name + "` has " + std::to_string(otherInfo.rows))
          .label(other->span, std::to_string(otherInfo.rows) + " rows")
          .hint("the columns of a table have one row per sample");
      throw Reported();
    }
  infos.push_back({&c, info});
}

std::optional<std::vector<std::vector<double>>> Tables::numbers(const ast::Expr &source,
                                                                llvm::ArrayRef<std::string> names) {
  if (!llvm::isa<ast::NameExpr, ast::MemberExpr>(source))
    ev.fail(Code::WrongKind, source.span, "a list of synapses is a table",
            "write `data wiring = table(pre = csv(\"wiring.csv\", \"pre\"), post = …)`, and "
            "`list = wiring`");
  std::vector<Column> columns = columnsOf(source);
  std::vector<std::vector<double>> all;
  for (const std::string &name : names) {
    auto column = llvm::find_if(columns, [&](const Column &c) { return c.name == name; });
    if (column == columns.end())
      ev.fail(Code::UnknownMember, source.span,
              "`" + ast::toString(source) + "` has no column `" + name + "`",
              "a table of synapses has a row for each, and the columns " + quoted(names.vec()));
    std::string why;
    ColumnInfo info;
    if (options.withoutData &&
        !(options.probe && options.probe(column->path, column->format, column->field, info, why)))
      return std::nullopt;
    info = probe(*column);
    requireRows(*column, info);
    if (llvm::any_of(info.shape, [](int64_t d) { return d != 1; }))
      ev.fail(Code::DataMismatch, column->span,
              "`" + name + "` has several numbers in a row, and is to name one unit");
    if (!options.load ||
        !options.load(column->path, column->format, column->field, all.emplace_back(), why))
      ev.fail(Code::DataDamaged, column->span,
              why.empty() ? "`" + column->path + "` cannot be read" : why);
  }
  return all;
}

Field Tables::read(const Column &c, ir::StepOp step) {
  if (auto it = fields.find(c.name); it != fields.end())
    return it->second;
  ColumnInfo info = probe(c);
  requireRows(c, info);
  Type type;
  switch (info.type) {
  case 1:
    type = ev.fields.builder.getF64Type();
    break;
  case 2:
    type = ev.fields.builder.getI8Type();
    break; // bytes are unsigned
  case 4:
    type = ev.fields.builder.getI16Type();
    break;
  case 5:
    type = ev.fields.builder.getI32Type();
    break;
  case 6:
    type = ev.fields.builder.getI64Type();
    break;
  case 0:
    type = ev.fields.builder.getF32Type();
    break;
  default:
    ev.unsupported(c.span, "columns of signed bytes are");
  }
  int64_t elements = 1;
  for (int64_t d : info.shape)
    elements *= d;
  llvm::SmallVector<int64_t> shape{ShapedType::kDynamic};
  Field f;
  f.axes.push_back(Axis::Sample);
  if (elements != 1) {
    shape.push_back(elements);
    f.axes.push_back(Axis::Unit);
  }
  f.tensor =
      step.getBody().front().addArgument(RankedTensorType::get(shape, type), ev.location(c.span));
  used.push_back({&c, info.type, elements});
  fields[c.name] = f;
  return f;
}

} // namespace apical
