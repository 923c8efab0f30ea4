//===- Description.h - what the tables of a program say ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one reader of a module's declarations. The interpreter's tables and those
// of generated code are made from it, so the two agree on names, order and the
// identity of the model: a checkpoint of one can be resumed by the other.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_DESCRIPTION_H
#define APICAL_CODEGEN_DESCRIPTION_H

#include "ir/ApicalDialect.h"

#include "apical/program.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace apical {

/// What `apical_program` holds, apart from layouts and code. Fields that are
/// not commented mean what they mean there.
struct Description {
  struct State {
    std::string name;
    apical_role role;
    std::vector<int64_t> shape; ///< logical
    mlir::RankedTensorType type;
  };
  struct Param {
    std::string name;
    double value;
    std::string unit;
    double scale;
  };
  struct Column {
    std::string name, path, field;
    int32_t format, type;
    int64_t elements, limit;
    int32_t item; ///< as in apical_column
  };
  struct Measure {
    std::string name;
    apical_measure_kind kind;
    double scale;
    std::string unit, phase;
  };
  struct Output {
    std::string name;
    int64_t elements;
    int32_t item; ///< as in apical_output
  };
  struct Experiment {
    ir::StepOp step;
    apical_experiment_kind kind;
    std::string network, source;
    int64_t batch, epochs, trials, shuffle, every, everyEpochs;
    int32_t parent;
    std::vector<Column> columns;
    std::vector<Measure> measures; ///< the `apical.report`s in their order,
    std::vector<Output> outputs;   ///< those that are probes apart
  };

  std::string name;
  std::string hash; ///< of names, shapes and roles of the states, not of their layout
  std::vector<State> states;
  std::vector<Param> params;
  std::vector<Experiment> experiments; ///< without the initialising step
  ir::StepOp init;                     ///< may be null
};

/// Whether the step makes the first values of the states.
bool runsOnce(ir::StepOp step);

/// Reads a module, before or after the passes. `name` is that of the source
/// file, without folders.
Description describe(mlir::ModuleOp module, llvm::StringRef name);

} // namespace apical

#endif // APICAL_CODEGEN_DESCRIPTION_H
