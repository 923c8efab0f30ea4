//===- Case.cpp - one model, compiled and interpreted ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Case.h"
#include "Program.h"
#include "RoundingBound.h"

#include "codegen/Compile.h"
#include "driver/Session.h"
#include "passes/Passes.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <ctime>
#include <random>

using namespace mlir;
using namespace apical;
using namespace apical::test;

std::vector<std::string> apical::test::runnableProcessors() {
  std::vector<std::string> list;
  for (llvm::StringRef level : llvm::reverse(processorLevels()))
    if (runsLevel(level))
      list.push_back(level.str());
  return list;
}

void Statistics::add(const Statistics &o) {
  for (auto &[name, count] : o.features)
    features[name] += count;
  models += o.models;
  steps += o.steps;
  compilations += o.compilations;
  elements += o.elements;
  tight += o.tight;
  weights += o.weights;
  changed += o.changed;
  idle += o.idle;
  beyond += o.beyond;
  greatest = std::max(greatest, o.greatest);
  for (int k = 0; k < 5; ++k)
    seconds[k] += o.seconds[k];
}

void Statistics::print() const {
  std::printf(
      "%lld models, %lld compilations, %lld steps; %lld numbers compared, %.2f %% of them with "
      "a bound below 1/1000; largest difference %.3f of its bound; %.1f %% of the weights "
      "changed, none in %lld models; %lld models left the range of single precision\n",
      (long long)models, (long long)compilations, (long long)steps, (long long)elements,
      100.0 * double(tight) / double(std::max<int64_t>(1, elements)), greatest,
      100.0 * double(changed) / double(std::max<int64_t>(1, weights)), (long long)idle,
      (long long)beyond);
  std::printf("seconds: front end %.1f, code generation %.1f, interpreter %.1f, bounds %.1f, "
              "compiled code %.1f\n",
              seconds[0], seconds[1], seconds[2], seconds[3], seconds[4]);
  for (auto &[name, count] : features)
    std::printf("  %5lld  %s\n", (long long)count, name.c_str());
}

namespace {

/// Adds the processor time of a scope: other tests may run beside this one.
class Timer {
public:
  explicit Timer(double &to) : to(to), start(std::clock()) {}
  ~Timer() { to += double(std::clock() - start) / CLOCKS_PER_SEC; }

private:
  double &to;
  std::clock_t start;
};

/// A temporary folder that goes with the object.
struct Folder {
  llvm::SmallString<128> path;
  Folder() { (void)llvm::sys::fs::createUniqueDirectory("apical-differential", path); }
  ~Folder() { (void)llvm::sys::fs::remove_directories(path); }
};

/// The data of one column, as the runtime reads them from the file.
struct LoadedColumn {
  void *data = nullptr;
  apical_data_info info{};
  ~LoadedColumn() { std::free(data); }

  double at(int64_t i) const { return apical_number_at(data, info.type, i); }
};

class Comparison {
public:
  Comparison(const ModelPieces &model, const CaseOptions &options, Statistics &statistics)
      : model(model), options(options), statistics(statistics) {}

  Outcome run() {
    if (!elaborate() || !generate() || !initialise())
      return outcome;
    std::mt19937_64 random(model.seed + 1);
    const apical_program &table = programs[0]->table;
    for (int64_t k = 0; k < options.steps && !beyond; ++k) {
      HostClock clock;
      clock.samples = k % 2; // a whole batch, then part of one
      clock.trial = k;
      clock.epoch = k / 2;
      clock.epochEnd = k % 2;
      for (int e = 0; e < table.experiment_count; ++e)
        if (table.experiments[e].kind == APICAL_TRAIN && !beyond && !step(e, clock, random))
          return outcome;
    }
    for (int e = 0; e < table.experiment_count && !beyond; ++e) {
      HostClock clock;
      clock.trial = options.steps;
      clock.training = false;
      if (table.experiments[e].kind == APICAL_TEST && !step(e, clock, random))
        return outcome;
    }
    if (options.mutation && !significant)
      return {Outcome::Equivalent, ""};
    ++statistics.models;
    statistics.idle += !moved;
    statistics.beyond += beyond;
    for (const std::string &name : model.features)
      ++statistics.features[name];
    return outcome;
  }

private:
  bool fail(Outcome::Kind kind, const llvm::Twine &message) {
    outcome = {kind, message.str()};
    return false;
  }

  bool elaborate() {
    Timer watch(statistics.seconds[0]);
    for (const ColumnPiece &column : model.columns)
      if (!writeColumn(model, column, rows(), folder.path.str().str()))
        return fail(Outcome::Rejected, "cannot write the data");
    std::string path = (folder.path + "/model.apical").str();
    std::error_code error;
    {
      llvm::raw_fd_ostream file(path, error);
      file << (model.text.empty() ? model.source(folder.path.str().str()) : model.text);
    }
    session = std::make_unique<Session>(model.text.empty() ? std::vector<std::string>{}
                                                           : std::vector{options.dataFolder});
    handler =
        std::make_unique<ScopedDiagnosticHandler>(&session->context, [&](mlir::Diagnostic &d) {
          diagnostics += d.str() + "\n";
          return success();
        });
    if (session->load(path))
      source = session->elaborate();
    if (!source || session->diags.hasErrors() || failed(verify(*source))) {
      llvm::raw_string_ostream stream(diagnostics);
      session->diags.print(stream, false);
      return fail(Outcome::Rejected, diagnostics);
    }
    differentiated = source->clone();
    PassManager first(&session->context);
    first.addPass(createDifferentiate());
    if (failed(first.run(*differentiated)))
      return fail(Outcome::Rejected, "differentiation failed: " + diagnostics);
    compiled = source->clone();
    PassManager passes(&session->context);
    addDialectPasses(passes);
    if (failed(passes.run(*compiled)))
      return fail(Outcome::Rejected, "a pass failed: " + diagnostics);
    return true;
  }

  bool generate() {
    Timer watch(statistics.seconds[1]);
    ModuleOp module = *compiled;
    if (options.mutation) {
      mutant = module.clone();
      if (!mutate(*mutant, *options.mutation))
        return fail(Outcome::Rejected, "there is nothing to change");
      module = *mutant;
    }
    for (const std::string &cpu : options.processors) {
      std::shared_ptr<Jit> parallel = build(module, cpu, 2);
      if (!parallel)
        return false;
      programs.push_back(std::make_unique<Program>(cpu + ", one of two threads", parallel, 1));
      programs.push_back(std::make_unique<Program>(cpu + ", two threads", parallel, 2));
      if (!options.serial)
        continue;
      std::shared_ptr<Jit> serial = build(module, cpu, 1);
      if (!serial)
        return false;
      programs.push_back(std::make_unique<Program>(cpu + ", no parallel loops", serial, 1));
    }
    for (int p = 0; p < programs[0]->table.param_count; ++p)
      params[programs[0]->table.params[p].name] = programs[0]->table.params[p].value;
    return true;
  }

  std::shared_ptr<Jit> build(ModuleOp module, const std::string &cpu, int threads) {
    CompileOptions how;
    how.cpu = cpu;
    how.threads = threads;
    if (options.dump) {
      how.stop = Stage::Vector;
      auto text = compile(module, how);
      how.stop = Stage::Object;
      if (text)
        options.dump->assign(text->object.begin(), text->object.end());
      else
        llvm::consumeError(text.takeError());
    }
    auto object = compile(module, how);
    if (!object) {
      fail(Outcome::Rejected, cpu + ": " + llvm::toString(object.takeError()) + "\n" + diagnostics);
      return nullptr;
    }
    auto code = Jit::load(*object);
    if (!code) {
      fail(Outcome::Rejected, cpu + ": " + llvm::toString(code.takeError()));
      return nullptr;
    }
    ++statistics.compilations;
    return std::move(*code);
  }

  /// Adds 1/4 to the values of one lift that changes a weight. Not a factor: optimizers that divide
  /// by the size of the gradient would take it away again.
  static bool mutate(ModuleOp module, uint64_t choice) {
    SmallVector<ir::LiftOp> lifts;
    for (auto step : module.getOps<ir::StepOp>()) {
      llvm::DenseSet<Operation *> useful;
      for (Operation &op : llvm::reverse(step.getBody().front())) {
        auto write = dyn_cast<ir::WriteOp>(op);
        bool writes =
            write && SymbolTable::lookupNearestSymbolFrom<ir::StateOp>(module, write.getStateAttr())
                             .getRole() == "weight";
        if (step.getSymName() == "init" || !(writes || useful.contains(&op)))
          continue;
        for (Value operand : op.getOperands())
          if (Operation *def = operand.getDefiningOp())
            useful.insert(def);
        if (auto lift = dyn_cast<ir::LiftOp>(op))
          if (getElementTypeOrSelf(lift.getResult(0)).isF32())
            lifts.push_back(lift);
      }
    }
    if (lifts.empty())
      return false;
    ir::LiftOp lift = lifts[choice % lifts.size()];
    Operation *yield = lift.getBlock().getTerminator();
    OpBuilder b(yield);
    Value more = b.create<arith::ConstantOp>(yield->getLoc(), b.getF32FloatAttr(0.25f));
    yield->setOperand(0, b.create<arith::AddFOp>(yield->getLoc(), yield->getOperand(0), more));
    return true;
  }

  ir::StepOp stepNamed(ModuleOp module, StringRef name) {
    for (auto step : module.getOps<ir::StepOp>())
      if (step.getSymName() == name)
        return step;
    return {};
  }
  /// The step of experiment `e`, or the initialising one for -1.
  ir::StepOp stepOf(ModuleOp module, int e) {
    for (auto step : module.getOps<ir::StepOp>())
      if ((step.getSymName() == "init") == (e < 0) && e-- <= 0)
        return step;
    return {};
  }

  bool initialise() {
    HostClock clock;
    clock.samples = 1;
    clock.training = false;
    clock.seed = options.seed;
    apical_call arguments{};
    arguments.samples = 1;
    arguments.seed = clock.seed;
    for (auto &p : programs)
      p->call(p->table.init, p->table.init_context, p->table.init_scratch, arguments, 0);
    for (int s = 0; s < programs[0]->table.state_count; ++s) {
      const apical_state &state = programs[0]->table.states[s];
      before[state.name] = Field(std::vector<int64_t>(state.shape, state.shape + state.rank));
    }
    return compare(-1, clock, {}, {});
  }

  int64_t rows() const { return 3 * model.batch; }

  bool step(int e, HostClock clock, std::mt19937_64 &random) {
    const apical_experiment &experiment = programs[0]->table.experiments[e];
    auto below = [&](int64_t n) {
      return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
    };
    clock.seed = options.seed;
    clock.samples = clock.samples ? 1 + below(experiment.batch) : experiment.batch;
    std::vector<int64_t> order;
    std::vector<std::vector<char>> gathered;
    std::vector<const void *> columns;
    std::vector<Field> fields;
    ir::StepOp source = stepOf(*this->source, e);
    for (int c = 0; c < experiment.column_count; ++c) {
      const apical_column &column = experiment.columns[c];
      LoadedColumn loaded;
      apical_error error;
      char path[4096];
      const char *folders[] = {options.dataFolder.c_str()};
      if (apical_data_find(column.path, folders, 1, path, sizeof path, &error) ||
          apical_data_load(path, column.format, column.field, &loaded.data, &loaded.info, &error))
        return fail(Outcome::Rejected, error.message);
      // Rows past the valid ones repeat them.
      for (int64_t i = static_cast<int64_t>(order.size()); i < experiment.batch; ++i)
        order.push_back(i < clock.samples ? below(loaded.info.rows) : order[i % clock.samples]);
      int64_t width = column.elements, bytes = width * apical_type_size(column.type);
      auto &place = gathered.emplace_back();
      for (int64_t row : order)
        place.insert(place.end(), static_cast<char *>(loaded.data) + row * bytes,
                     static_cast<char *>(loaded.data) + (row + 1) * bytes);
      auto type = cast<RankedTensorType>(source.getBody().front().getArgument(c).getType());
      std::vector<int64_t> shape(type.getShape());
      shape[0] = clock.samples;
      Field field(shape);
      for (int64_t i = 0; i < field.size(); ++i)
        field.data[i] = loaded.at(order[i / width] * width + i % width);
      fields.push_back(std::move(field));
    }
    // A model that was made smaller may read no data at all.
    for (int64_t i = static_cast<int64_t>(order.size()); i < experiment.batch; ++i)
      order.push_back(i % clock.samples);
    clock.rows.assign(order.begin(), order.begin() + clock.samples);
    for (auto &bytes : gathered)
      columns.push_back(bytes.data());
    for (int s = 0; s < programs[0]->table.state_count; ++s) {
      before[programs[0]->table.states[s].name] = programs[0]->read(s);
      for (auto &p : programs)
        std::memcpy(p->memory[s], programs[0]->memory[s],
                    static_cast<size_t>(p->table.states[s].bytes));
    }
    apical_call arguments{};
    arguments.columns = columns.data();
    arguments.rows = order.data();
    arguments.samples = clock.samples;
    arguments.seed = clock.seed;
    arguments.trial = clock.trial;
    arguments.epoch = clock.epoch;
    arguments.training = clock.training;
    arguments.epoch_end = clock.epochEnd;
    {
      Timer watch(statistics.seconds[4]);
      for (auto &p : programs) {
        const apical_experiment &own = p->table.experiments[e];
        p->call(own.step, own.context, own.scratch, arguments,
                static_cast<size_t>(own.measure_count));
      }
    }
    ++statistics.steps;
    std::vector<std::string> names;
    for (int m = 0; m < experiment.measure_count; ++m)
      names.push_back(experiment.measures[m].name);
    return compare(e, clock, fields, names);
  }

  /// All programs against the interpreter, and against each other.
  bool compare(int e, const HostClock &clock, ArrayRef<Field> columns,
               ArrayRef<std::string> measures) {
    llvm::StringMap<Field> exact;
    for (auto &[name, field] : before)
      exact[name] = field;
    std::vector<Reported> reported;
    {
      Timer watch(statistics.seconds[2]);
      Interpreter interpreter(stepOf(*source, e));
      if (failed(interpreter.run(exact, columns, params, clock, reported)))
        return fail(Outcome::Rejected, "the interpreter failed: " + diagnostics);
    }
    if (mutant && !significant && !weighMutant(e, clock, columns, exact))
      return false;
    RoundingBound bound(stepOf(*compiled, e)), written(stepOf(*differentiated, e));
    {
      Timer watch(statistics.seconds[3]);
      llvm::StringMap<Field> exactBefore;
      for (auto &[name, field] : before)
        exactBefore[name] = field;
      if (failed(bound.run(exactBefore, columns, params, clock)) ||
          failed(written.run(exactBefore, columns, params, clock)))
        return fail(Outcome::Rejected, "the analysis of rounding failed: " + diagnostics);
    }
    if (bound.beyond || written.beyond) { // there what is infinite or no number is right
      beyond = true;
      return true;
    }
    std::string where = e < 0 ? "initial values" : "step " + std::to_string(clock.trial);
    for (auto &p : programs) {
      for (int s = 0; s < p->table.state_count; ++s) {
        const apical_state &state = p->table.states[s];
        Field actual = p->read(s);
        const Field &expected = exact[state.name];
        auto allowed = bound.states.find(state.name), unfolded = written.states.find(state.name);
        std::vector<double> errors(expected.data.size());
        if (allowed != bound.states.end())
          errors = withFolding(allowed->second.value, allowed->second.error, expected.data,
                               unfolded == written.states.end() ? errors : unfolded->second.error);
        if (!check(p->name + ", " + where + ", " + state.name, actual.data, expected.data, errors))
          return false;
        if (!p->paddingIsZero(s))
          return fail(Outcome::Different, p->name + ", " + where + ", " + state.name +
                                              ": memory outside the array is no longer zero");
        if (p == programs[0] && state.role == APICAL_WEIGHT && e >= 0 && clock.training)
          for (size_t i = 0; i < actual.data.size(); ++i) {
            bool differs = actual.data[i] != before[state.name].data[i];
            ++statistics.weights;
            statistics.changed += differs;
            moved |= differs;
          }
      }
      for (size_t m = 0; m < measures.size(); ++m) {
        double sum = 0;
        for (double v : reported[m].values)
          sum += v;
        std::vector<double> error = withFolding({bound.reports[m].first}, {bound.reports[m].second},
                                                {sum}, {written.reports[m].second});
        if (!check(p->name + ", " + where + ", " + measures[m], {p->results[m]}, {sum}, error))
          return false;
      }
    }
    size_t perProcessor = programs.size() / options.processors.size();
    for (size_t p = 0; p < programs.size(); ++p)
      if (const Program &first = *programs[p - p % perProcessor]; !programs[p]->sameBits(first))
        return fail(Outcome::Different,
                    programs[p]->name + ", " + where + ": other bits than " + first.name);
    return true;
  }

  /// Whether the mutant, exactly evaluated, does anything that matters. What it
  /// leaves alone (a gate is closed, a unit is off) no comparison could find.
  bool weighMutant(int e, const HostClock &clock, ArrayRef<Field> columns,
                   const llvm::StringMap<Field> &exact) {
    llvm::StringMap<Field> other;
    for (auto &[name, field] : before)
      other[name] = field;
    std::vector<Reported> ignored;
    Interpreter interpreter(stepOf(*mutant, e));
    if (failed(interpreter.run(other, columns, params, clock, ignored)))
      return fail(Outcome::Rejected, "the interpreter failed: " + diagnostics);
    for (auto &entry : exact) {
      double size = 0, farthest = 0;
      const std::vector<double> &a = entry.second.data, &b = other[entry.first()].data;
      for (size_t i = 0; i < a.size(); ++i) {
        size = std::max(size, std::abs(a[i]));
        farthest = std::max(farthest, std::abs(a[i] - b[i]));
      }
      significant |= farthest > 1e-3 * size;
    }
    return true;
  }

  /// What the passes folded was rounded then, operation by operation as the model has them, and shows as another exact
  /// value of the compiled step. There, what those operations may lose as they are written comes on top.
  static std::vector<double> withFolding(const std::vector<double> &value,
                                         std::vector<double> error,
                                         const std::vector<double> &expected,
                                         const std::vector<double> &unfolded) {
    for (size_t i = 0; i < error.size(); ++i)
      if (std::abs(value[i] - expected[i]) > interpreterRounding(expected[i]))
        error[i] += unfolded[i];
    return error;
  }

  /// The interpreter rounds too, 2^29 times finer.
  static double interpreterRounding(double v) { return 0x1p-44 * std::abs(v); }

  bool check(const std::string &what, const std::vector<double> &actual,
             const std::vector<double> &expected, const std::vector<double> &errors) {
    double size = 0;
    for (double v : expected)
      size = std::max(size, std::abs(v));
    for (size_t i = 0; i < actual.size(); ++i) {
      double difference = std::abs(actual[i] - expected[i]);
      double bound = errors[i] * (1 + 0x1p-28) + interpreterRounding(expected[i]);
      ++statistics.elements;
      statistics.tight += bound <= 1e-3 * size || bound == 0;
      if (!std::isfinite(expected[i]) || !std::isfinite(actual[i]) || difference > bound) {
        char text[256];
        std::snprintf(
            text, sizeof text,
            ": element %zu is %.9g, the interpreter has %.17g: a difference of %.3g where "
            "rounding explains %.3g",
            i, actual[i], expected[i], difference, bound);
        return fail(Outcome::Different, what + text);
      }
      if (bound > 0 && std::isfinite(bound))
        statistics.greatest = std::max(statistics.greatest, difference / bound);
    }
    return true;
  }

  const ModelPieces &model;
  const CaseOptions &options;
  Statistics &statistics;
  Outcome outcome;
  Folder folder;
  std::string diagnostics;
  std::unique_ptr<Session> session;
  std::unique_ptr<ScopedDiagnosticHandler> handler;
  OwningOpRef<ModuleOp> source, differentiated, compiled, mutant;
  bool significant = false; ///< the mutant changes something
  bool moved = false;       ///< a step changed a weight
  bool beyond = false; ///< a number left the range of single precision: the rest is not compared
  std::vector<std::unique_ptr<Program>> programs;
  llvm::StringMap<double> params;
  std::map<std::string, Field> before;
};

} // namespace

Outcome apical::test::runCase(const ModelPieces &model, const CaseOptions &options,
                              Statistics &statistics) {
  return Comparison(model, options, statistics).run();
}
