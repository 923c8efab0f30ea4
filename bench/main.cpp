//===- main.cpp - measures a model's steps, or the machine ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   apical_bench peak [--cpu=C]
//   apical_bench step MODEL [--cpu=C] [--threads=N] [--seconds=S] [--data DIR] [--perf-map]
//
// `step` compiles a model as `apical run` does and calls the step of its first
// experiment on rows of its own data, without the loop that loads and shuffles.
// Both print one line of JSON; times are in seconds. With --perf-map, kernels have
// names in what `perf record` of the process writes.
//
//===----------------------------------------------------------------------===//

#include "apical/runtime.h"
#include "bench/Peak.h"
#include "codegen/Compile.h"
#include "codegen/Jit.h"
#include "driver/Session.h"
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <unistd.h>

using namespace apical;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  std::string command, model, cpu = "native";
  int threads = 1;
  double seconds = 2;
  bool perfMap = false;
  std::vector<std::string> folders;
};

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int complain(const llvm::Twine &message) {
  llvm::errs() << "apical_bench: " << message << "\n";
  return 1;
}

/// Whole columns of an experiment's data, one after the other in memory.
struct Columns {
  std::vector<char *> data;
  std::vector<int64_t> width; ///< bytes per row
  int64_t rows = INT64_MAX;
  ~Columns() {
    for (char *column : data)
      free(column);
  }
  bool load(const apical_experiment &e, const std::vector<std::string> &folders,
            apical_error &error) {
    std::vector<const char *> list;
    for (auto &folder : folders)
      list.push_back(folder.c_str());
    for (int c = 0; c < e.column_count; ++c) {
      char path[4096];
      apical_data_info info;
      void *column = nullptr;
      if (apical_data_find(e.columns[c].path, list.data(), list.size(), path, sizeof path,
                           &error) ||
          apical_data_load(path, e.columns[c].format, e.columns[c].field, &column, &info, &error))
        return false;
      data.push_back(static_cast<char *>(column));
      width.push_back(info.elements * apical_type_size(info.type));
      rows = std::min(rows, info.rows);
    }
    return true;
  }
};

/// Times of single steps, and the first and the last cost.
struct Series {
  std::vector<double> times;
  double firstCost = 0, lastCost = 0;
};

Series measure(apical_instance *instance, const apical_program &program, const Columns &columns,
               int64_t scratchBytes, double seconds) {
  const apical_experiment &e = program.experiments[0];
  std::vector<void *> states;
  for (int s = 0; s < program.state_count; ++s)
    states.push_back(apical_state_memory(instance, s));
  std::vector<double> params, results(std::max(1, e.measure_count));
  for (int p = 0; p < program.param_count; ++p)
    params.push_back(program.params[p].value);
  std::vector<int64_t> rows(e.batch);
  void *scratch = aligned_alloc(64, (scratchBytes + 127) / 64 * 64);
  Series series;
  int64_t batches = columns.rows / e.batch;
  auto start = Clock::now();
  // A third of the time warms up caches, pages and the processor's clock.
  bool warm = false;
  for (int64_t trial = 0; trial < 20 || since(start) < seconds; ++trial) {
    int64_t first = trial % batches * e.batch;
    std::vector<const void *> at;
    for (size_t c = 0; c < columns.data.size(); ++c)
      at.push_back(columns.data[c] + first * columns.width[c]);
    for (int64_t i = 0; i < e.batch; ++i)
      rows[i] = first + i;
    apical_call call{states.data(),
                     at.data(),
                     params.data(),
                     results.data(),
                     nullptr,
                     scratch,
                     rows.data(),
                     e.batch,
                     1,
                     trial,
                     0,
                     1,
                     0};
    auto before = Clock::now();
    e.step(&call, e.context);
    series.times.push_back(since(before));
    series.lastCost = results[0] / e.batch;
    if (trial == 0)
      series.firstCost = series.lastCost;
    if (!warm && trial >= 5 && since(start) > seconds / 3) {
      warm = true;
      series.times.clear();
    }
  }
  free(scratch);
  return series;
}

/// Writes the file in which perf looks for names of generated code. All code of
/// the object lies in one section, so one known address places all of it.
void writePerfMap(const CompiledProgram &compiled, const apical_experiment &experiment) {
  auto object = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef({compiled.object.data(), compiled.object.size()}, "model.o")));
  std::map<uint64_t, std::string> names;
  llvm::StringSet<> known;
  uint64_t end = 0;
  for (const llvm::object::SymbolRef &symbol : object->symbols()) {
    if (llvm::cantFail(symbol.getType()) != llvm::object::SymbolRef::ST_Function)
      continue;
    uint64_t at = llvm::cantFail(symbol.getValue());
    names[at] = llvm::cantFail(symbol.getName()).str();
    known.insert(names[at]);
    end = std::max(end, llvm::cantFail(symbol.getSection())->getSize());
  }
  // The entry of the first experiment is the first that unpacks a call.
  uint64_t entry =
      llvm::find_if(names, [&](auto &n) { return known.contains(n.second + ".body"); })->first;
  std::error_code failed;
  llvm::raw_fd_ostream map(("/tmp/perf-" + llvm::Twine(getpid()) + ".map").str(), failed);
  for (auto it = names.begin(); it != names.end(); ++it) {
    uint64_t next = std::next(it) == names.end() ? end : std::next(it)->first;
    map << llvm::format("%lx %lx %s\n", uint64_t(experiment.step) - entry + it->first,
                        next - it->first, it->second.c_str());
  }
}

int measureStep(const Options &options) {
  auto start = Clock::now();
  Session session(options.folders);
  bool loaded = session.load(options.model);
  auto module = loaded ? session.elaborate() : mlir::OwningOpRef<mlir::ModuleOp>();
  if (session.diags.hasErrors()) {
    session.diags.print(llvm::errs(), false);
    return 1;
  }
  mlir::PassManager passes(module->getContext());
  addDialectPasses(passes);
  if (failed(passes.run(*module)))
    return complain("a pass failed");
  CompileOptions compileOptions;
  compileOptions.cpu = options.cpu;
  compileOptions.threads = options.threads;
  auto compiled = compile(*module, compileOptions);
  if (!compiled)
    return complain(llvm::toString(compiled.takeError()));
  auto jit = Jit::load(*compiled);
  if (!jit)
    return complain(llvm::toString(jit.takeError()));
  double compileTime = since(start);
  const apical_program &program = *(*jit)->program();
  if (program.experiment_count == 0)
    return complain("the model has no experiment");
  apical_error error{};
  Columns columns;
  if (!columns.load(program.experiments[0], session.dataFolders, error))
    return complain(error.message);
  apical_instance *instance = nullptr;
  if (apical_instance_create(&program, 1, options.threads, &instance, &error))
    return complain(error.message);
  if (options.perfMap)
    writePerfMap(*compiled, program.experiments[0]);
  Series series =
      measure(instance, program, columns, program.experiments[0].scratch, options.seconds);
  uint32_t checksum = 0;
  for (int s = 0; s < program.state_count; ++s)
    checksum = checksum * 31 + apical_state_checksum(instance, s);
  apical_instance_destroy(instance);
  std::sort(series.times.begin(), series.times.end());
  auto quantile = [&](double q) { return series.times[size_t(q * (series.times.size() - 1))]; };
  llvm::outs() << llvm::json::Value(
                      llvm::json::Object{{"median", quantile(0.5)},
                                         {"best", quantile(0)},
                                         {"p10", quantile(0.1)},
                                         {"p90", quantile(0.9)},
                                         {"steps", int64_t(series.times.size())},
                                         {"first_cost", series.firstCost},
                                         {"last_cost", series.lastCost},
                                         {"compile", compileTime},
                                         {"object_bytes", int64_t(compiled->object.size())},
                                         {"scratch_bytes", program.experiments[0].scratch},
                                         {"checksum", int64_t(checksum)},
                                         {"threads", options.threads},
                                         {"cpu", options.cpu}})
               << "\n";
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef arg = argv[i];
    if (arg.consume_front("--cpu=")) {
      options.cpu = arg.str();
    } else if (arg.consume_front("--threads=")) {
      if (arg.getAsInteger(10, options.threads))
        return complain("--threads takes a number");
    } else if (arg.consume_front("--seconds=")) {
      if (arg.getAsDouble(options.seconds))
        return complain("--seconds takes a number");
    } else if (arg == "--perf-map") {
      options.perfMap = true;
    } else if (arg == "--data" && i + 1 < argc) {
      options.folders.push_back(argv[++i]);
    } else if (options.command.empty()) {
      options.command = arg.str();
    } else if (options.model.empty()) {
      options.model = arg.str();
    } else {
      return complain("unknown argument `" + arg + "`");
    }
  }
  if (options.command == "peak") {
    double peak = multiplyAddPeak(options.cpu.c_str(), options.seconds);
    llvm::outs() << llvm::json::Value(llvm::json::Object{{"peak", peak}, {"cpu", options.cpu}})
                 << "\n";
    return 0;
  }
  if (options.command == "step" && !options.model.empty())
    return measureStep(options);
  return complain("usage: apical_bench peak | apical_bench step MODEL");
}
