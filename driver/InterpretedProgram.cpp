//===- InterpretedProgram.cpp - a module as a program that the interpreter runs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/InterpretedProgram.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace apical {

const char *InterpretedProgram::text(llvm::StringRef s) {
  return texts.emplace_back(s.str()).c_str();
}

void InterpretedProgram::addState(ir::StateOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  auto &shape = sizes.emplace_back(type.getShape().begin(), type.getShape().end());
  auto &stride = sizes.emplace_back(shape.size(), 1);
  int64_t elements = 1;
  for (size_t k = shape.size(); k-- > 0;) {
    stride[k] = elements;
    elements *= shape[k];
  }
  llvm::StringRef role = op.getRole();
  int32_t kind = role == "weight"      ? APICAL_WEIGHT
                 : role == "optimizer" ? APICAL_OPTIMIZER
                 : role == "counter"   ? APICAL_COUNTER
                 : role == "item"      ? APICAL_ITEM
                                       : APICAL_LASTING;
  states.push_back({text(op.getSymName()), kind, APICAL_F64, static_cast<int32_t>(shape.size()),
                    shape.data(), stride.data(), elements * int64_t(sizeof(double))});
}

void InterpretedProgram::addStep(ir::StepOp op) {
  auto &context = contexts.emplace_back(Context{op, &evaluate});
  apical_step call = [](const apical_call *c, void *data) {
    auto *context = static_cast<Context *>(data);
    (*context->evaluate)(context->step, *c);
  };
  DictionaryAttr attributes = op.getExperimentAttr();
  auto string = [](DictionaryAttr from, llvm::StringRef name) {
    auto a = from.getAs<StringAttr>(name);
    return a ? a.getValue() : llvm::StringRef();
  };
  auto number = [](DictionaryAttr from, llvm::StringRef name) {
    auto a = from.getAs<IntegerAttr>(name);
    return a ? a.getInt() : 0;
  };
  llvm::StringRef kind = string(attributes, "kind");
  if (kind == "init") {
    program.init = call;
    program.init_context = &context;
    return;
  }
  auto &read = columns.emplace_back();
  for (Attribute a : attributes.getAs<ArrayAttr>("columns")) {
    auto c = cast<DictionaryAttr>(a);
    read.push_back({text(string(c, "name")), text(string(c, "path")), text(string(c, "field")),
                    static_cast<int32_t>(number(c, "format")),
                    static_cast<int32_t>(number(c, "type")), number(c, "elements"),
                    number(c, "limit")});
  }
  auto &reported = measures.emplace_back();
  op.walk([&](ir::ReportOp r) {
    llvm::StringRef k = r.getKind();
    int32_t code = k == "cost"       ? APICAL_COST
                   : k == "health"   ? APICAL_HEALTH
                   : k == "whole"    ? APICAL_WHOLE
                   : k == "residual" ? APICAL_RESIDUAL
                                     : APICAL_MEASURE;
    reported.push_back({text(r.getName()), code, 1, ""});
  });
  experiments.push_back(
      {kind == "train"  ? APICAL_TRAIN
       : kind == "test" ? APICAL_TEST
                        : APICAL_SIMULATE,
       text(string(attributes, "network")), text(string(attributes, "source")),
       number(attributes, "batch"), number(attributes, "epochs"), number(attributes, "trials"),
       number(attributes, "shuffle"), static_cast<int32_t>(read.size()), read.data(),
       static_cast<int32_t>(reported.size()), reported.data(), call, &context, 0});
}

InterpretedProgram::InterpretedProgram(ModuleOp module, llvm::StringRef path, Evaluate evaluate)
    : evaluate(std::move(evaluate)) {
  std::string identity;
  llvm::raw_string_ostream identityStream(identity);
  for (Operation &op : *module.getBody()) {
    if (auto s = dyn_cast<ir::StateOp>(op)) {
      addState(s);
      identityStream << s.getSymName() << ":" << s.getType() << "\n";
    } else if (auto p = dyn_cast<ir::ParamOp>(op)) {
      params.push_back({text(p.getSymName()), p.getValue().convertToDouble(), text(p.getUnit()),
                        p.getScale().convertToDouble()});
    } else if (auto step = dyn_cast<ir::StepOp>(op)) {
      addStep(step);
    }
  }
  std::string hash;
  llvm::raw_string_ostream hashStream(hash);
  auto digest = llvm::SHA256::hash(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(identity.data()), identity.size()));
  for (int k = 0; k < 8; ++k)
    hashStream << llvm::format_hex_no_prefix(digest[k], 2);
  program.abi = APICAL_ABI_VERSION;
  program.name = text(llvm::sys::path::filename(path));
  program.hash = text(hash);
  program.state_count = static_cast<int32_t>(states.size());
  program.states = states.data();
  program.param_count = static_cast<int32_t>(params.size());
  program.params = params.data();
  program.experiment_count = static_cast<int32_t>(experiments.size());
  program.experiments = experiments.data();
}

} // namespace apical
