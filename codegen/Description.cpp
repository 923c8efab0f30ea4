//===- Description.cpp - what the tables of a program say ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Description.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace apical {

static std::string string(DictionaryAttr from, StringRef key) {
  auto attr = from ? from.getAs<StringAttr>(key) : StringAttr();
  return attr ? attr.getValue().str() : std::string();
}

static int64_t integer(DictionaryAttr from, StringRef key, int64_t otherwise) {
  auto attr = from ? from.getAs<IntegerAttr>(key) : IntegerAttr();
  return attr ? attr.getValue().getSExtValue() : otherwise;
}

static Description::State readState(ir::StateOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  auto role = llvm::StringSwitch<apical_role>(op.getRole())
                  .Case("lasting", APICAL_LASTING)
                  .Case("optimizer", APICAL_OPTIMIZER)
                  .Case("counter", APICAL_COUNTER)
                  .Case("item", APICAL_ITEM)
                  .Default(APICAL_WEIGHT);
  return {op.getSymName().str(), role, type.getShape().vec(), type};
}

static Description::Column readColumn(DictionaryAttr column) {
  return {string(column, "name"),
          string(column, "path"),
          string(column, "field"),
          static_cast<int32_t>(integer(column, "format", 0)),
          static_cast<int32_t>(integer(column, "type", 0)),
          integer(column, "elements", 1),
          integer(column, "limit", 0),
          0};
}

static Description::Measure readMeasure(ir::ReportOp report) {
  auto kind = llvm::StringSwitch<apical_measure_kind>(report.getKind())
                  .Case("cost", APICAL_COST)
                  .Case("health", APICAL_HEALTH)
                  .Case("whole", APICAL_WHOLE)
                  .Case("residual", APICAL_RESIDUAL)
                  .Default(APICAL_MEASURE);
  auto scale = report->getAttrOfType<FloatAttr>("scale");
  auto text = [&](StringRef name) {
    auto attribute = report->getAttrOfType<StringAttr>(name);
    return attribute ? attribute.getValue().str() : std::string();
  };
  return {report.getName().str(), kind, scale ? scale.getValueAsDouble() : 1.0, text("unit"),
          text("phase")};
}

static Description::Experiment readExperiment(ir::StepOp step) {
  DictionaryAttr e = step.getExperimentAttr();
  auto kind = llvm::StringSwitch<apical_experiment_kind>(string(e, "kind"))
                  .Case("test", APICAL_TEST)
                  .Case("simulate", APICAL_SIMULATE)
                  .Default(APICAL_TRAIN);
  Description::Experiment result{step,
                                 kind,
                                 string(e, "network"),
                                 string(e, "source"),
                                 integer(e, "batch", 1),
                                 integer(e, "epochs", 1),
                                 integer(e, "trials", 0),
                                 integer(e, "shuffle", 0),
                                 integer(e, "every", 0),
                                 integer(e, "every_epochs", 0),
                                 static_cast<int32_t>(integer(e, "parent", 0)),
                                 {},
                                 {},
                                 {}};
  if (auto columns = e ? e.getAs<ArrayAttr>("columns") : ArrayAttr())
    for (auto column : columns.getAsRange<DictionaryAttr>())
      result.columns.push_back(readColumn(column));
  for (auto report : step.getBody().front().getOps<ir::ReportOp>()) {
    if (!report.deliversRows()) {
      result.measures.push_back(readMeasure(report));
      continue;
    }
    auto shape = cast<RankedTensorType>(report.getValue().getType()).getShape();
    result.outputs.push_back({report.getName().str(),
                              ShapedType::getNumElements(shape.drop_front()),
                              report.getKind() == "item"});
  }
  return result;
}

static std::string identify(ArrayRef<Description::State> states) {
  std::string text;
  for (const Description::State &state : states) {
    text += state.name + ":" + std::to_string(state.role);
    for (int64_t size : state.shape)
      text += "x" + std::to_string(size);
    text += "\n";
  }
  return llvm::utohexstr(llvm::xxh3_64bits(text), true, 16);
}

bool runsOnce(ir::StepOp step) { return string(step.getExperimentAttr(), "kind") == "init"; }

Description describe(ModuleOp module, StringRef name) {
  Description result;
  result.name = name.str();
  for (Operation &op : *module.getBody()) {
    if (auto state = dyn_cast<ir::StateOp>(op)) {
      result.states.push_back(readState(state));
    } else if (auto param = dyn_cast<ir::ParamOp>(op)) {
      result.params.push_back({param.getSymName().str(), param.getValue().convertToDouble(),
                               param.getUnit().str(), param.getScale().convertToDouble()});
    } else if (auto step = dyn_cast<ir::StepOp>(op)) {
      if (runsOnce(step))
        result.init = step;
      else
        result.experiments.push_back(readExperiment(step));
    }
  }
  auto itemOf = [&](const std::string &state) {
    auto it = llvm::find_if(result.states, [&](auto &s) { return s.name == state; });
    return static_cast<int32_t>(it - result.states.begin()) + 1;
  };
  for (Description::Experiment &e : result.experiments) {
    for (Description::Column &c : e.columns)
      c.item = c.format == APICAL_ROWS ? itemOf(c.path) : 0;
    for (Description::Output &o : e.outputs)
      o.item = o.item ? itemOf(o.name) : 0;
  }
  result.hash = identify(result.states);
  return result;
}

} // namespace apical
