//===- InterpretedProgram.cpp - a module as a program that the interpreter runs ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/InterpretedProgram.h"
#include "driver/StepInputs.h"
#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

using namespace mlir;

namespace apical {
namespace {

/// One step, with what is looked up once. The program is complete before the
/// first call.
struct Step {
  const apical_program *program;
  ir::StepOp step;
  std::vector<int> touched;

  /// Sums for measures, rows for probes; each kind in its own order.
  static void deliver(llvm::ArrayRef<Reported> reported, const apical_call &call) {
    size_t measure = 0, output = 0;
    for (const Reported &report : reported) {
      if (report.kind == "probe" || report.kind == "item") {
        llvm::transform(report.values, call.outputs[output++],
                        [](double value) { return static_cast<float>(value); });
        continue;
      }
      double sum = 0;
      for (double value : report.values)
        sum += value;
      call.results[measure++] = sum;
    }
  }

  void operator()(const apical_call &call) {
    StepInputs inputs = readInputs(*program, call, step, touched, call.samples);
    std::vector<Reported> reported;
    if (failed(Interpreter(step).run(inputs.states, inputs.columns, inputs.params, inputs.clock,
                                     reported))) {
      // What a step cannot compute is not a number: the runtime stops and says where.
      auto measures = llvm::count_if(step.getBody().front().getOps<ir::ReportOp>(),
                                     [](ir::ReportOp report) { return !report.deliversRows(); });
      std::fill_n(call.results, measures, std::numeric_limits<double>::quiet_NaN());
      return;
    }
    deliver(reported, call);
    for (int s : touched) {
      const Field &field = inputs.states[program->states[s].name];
      std::memcpy(call.states[s], field.data.data(), field.data.size() * sizeof(double));
    }
  }
};

} // namespace

/// Deques, because the program points at their elements.
struct InterpretedProgram::Tables {
  Description description;
  std::deque<Step> steps;
  std::deque<std::vector<int64_t>> strides;
  std::deque<std::vector<apical_column>> columns;
  std::deque<std::vector<apical_measure>> measures;
  std::deque<std::vector<apical_output>> outputs;
  std::vector<apical_state> states;
  std::vector<apical_param> params;
  std::vector<apical_experiment> experiments;
  apical_program program{};

  Tables(ModuleOp module, llvm::StringRef name) : description(describe(module, name)) {
    for (const Description::State &state : description.states)
      add(state);
    for (const Description::Param &p : description.params)
      params.push_back({p.name.c_str(), p.value, p.unit.c_str(), p.scale});
    for (const Description::Experiment &experiment : description.experiments)
      add(experiment);
    program.abi = APICAL_ABI_VERSION;
    program.name = description.name.c_str();
    program.hash = description.hash.c_str();
    program.processor = "";
    program.state_count = static_cast<int32_t>(states.size());
    program.states = states.data();
    program.param_count = static_cast<int32_t>(params.size());
    program.params = params.data();
    program.experiment_count = static_cast<int32_t>(experiments.size());
    program.experiments = experiments.data();
    if (description.init) {
      program.init = call;
      program.init_context = &steps.emplace_back(Step{&program, description.init, {}});
    }
    for (Step &step : steps)
      step.touched = touchedStates(program, step.step);
  }

  static void call(const apical_call *c, void *step) { (*static_cast<Step *>(step))(*c); }

  void add(const Description::State &state) {
    auto &stride = strides.emplace_back(state.shape.size(), 1);
    int64_t elements = 1;
    for (size_t k = state.shape.size(); k-- > 0; elements *= state.shape[k])
      stride[k] = elements;
    states.push_back({state.name.c_str(), state.role, APICAL_F64,
                      static_cast<int32_t>(state.shape.size()), state.shape.data(), stride.data(),
                      elements * int64_t(sizeof(double))});
  }

  void add(const Description::Experiment &e) {
    auto &read = columns.emplace_back();
    for (const Description::Column &c : e.columns)
      read.push_back({c.name.c_str(), c.path.c_str(), c.field.c_str(), c.format, c.type, c.elements,
                      c.limit, c.item});
    auto &reported = measures.emplace_back();
    for (const Description::Measure &m : e.measures)
      reported.push_back({m.name.c_str(), m.kind, m.scale, m.unit.c_str(), m.phase.c_str()});
    auto &probed = outputs.emplace_back();
    for (const Description::Output &o : e.outputs)
      probed.push_back({o.name.c_str(), o.elements, o.item});
    auto &step = steps.emplace_back(Step{&program, e.step, {}});
    experiments.push_back({e.kind, e.network.c_str(), e.source.c_str(), e.batch, e.epochs, e.trials,
                           e.shuffle, static_cast<int32_t>(read.size()), read.data(),
                           static_cast<int32_t>(reported.size()), reported.data(),
                           static_cast<int32_t>(probed.size()), probed.data(), call, &step, 0,
                           e.parent, e.every, e.everyEpochs});
  }
};

InterpretedProgram::InterpretedProgram(ModuleOp module, llvm::StringRef name)
    : tables(std::make_unique<Tables>(module, name)) {}
InterpretedProgram::~InterpretedProgram() = default;
const apical_program *InterpretedProgram::get() const { return &tables->program; }

} // namespace apical
