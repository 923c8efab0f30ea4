//===- Model.h - models in C++ programs -------------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The C++ interface, C++20, on top of compiler.h and runtime.h. Nothing throws
/// but for lack of memory: what can fail returns an Error or a Result.
///
///     auto model = apical::Model::fromFile("model.apical");
///     if (!model)
///       return std::cerr << model.error().message, 1;
///     model->set("rate", 0.1);
///     if (auto failed = model->run())
///       std::cerr << failed.message;
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_MODEL_H
#define APICAL_MODEL_H

#include "apical/compiler.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace apical {

/// What went wrong; false if nothing did.
struct Error {
  int kind = APICAL_OK; ///< apical_error_kind
  std::string message;  ///< for people; diagnostics as `apical check` prints them
  std::string json;     ///< the same diagnostics, one object a line; "" for other errors
  explicit operator bool() const { return kind != APICAL_OK; }
};

/// A value, or why there is none.
template <typename T> class Result {
public:
  Result(T value) : state(std::move(value)) {}
  Result(Error error) : state(std::move(error)) {}
  explicit operator bool() const { return std::holds_alternative<T>(state); }
  T &operator*() { return std::get<T>(state); }
  const T &operator*() const { return std::get<T>(state); }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }
  const Error &error() const { return std::get<Error>(state); }

private:
  std::variant<T, Error> state;
};

/// The apical_type of numbers in memory.
template <typename T> constexpr int32_t typeOf() {
  if constexpr (std::is_same_v<T, float>)
    return APICAL_F32;
  else if constexpr (std::is_same_v<T, double>)
    return APICAL_F64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return APICAL_U8;
  else if constexpr (std::is_same_v<T, int8_t>)
    return APICAL_I8;
  else if constexpr (std::is_same_v<T, int16_t>)
    return APICAL_I16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return APICAL_I32;
  else {
    static_assert(std::is_same_v<T, int64_t>, "data are float, double or whole numbers");
    return APICAL_I64;
  }
}

/// An array of the caller's that takes the place of a data file. Nothing is
/// copied: it must live as long as the model.
struct Array {
  std::string path, field; ///< the file as the source names it; the column of a CSV file
  int32_t type;
  std::vector<int64_t> shape; ///< rows first
  const void *data;

  template <typename T>
  Array(std::string path, const T *data, std::vector<int64_t> shape, std::string field = "")
      : path(std::move(path)), field(std::move(field)), type(typeOf<T>()), shape(std::move(shape)),
        data(data) {}
};

struct Options {
  bool interpret = false; ///< by the reference interpreter, in double precision
  std::string
      cpu; ///< as for `apical run --cpu`; empty: the best of the levels that this machine runs
  int threads = 0; ///< 0: all processors; results do not depend on it
  uint64_t seed = 1;
  std::vector<std::string> directories; ///< where data files are looked for
  std::vector<Array> arrays;
};

/// A compiled model with its states. For one thread at a time.
class Model {
public:
  static Result<Model> fromFile(const std::string &path, const Options &options = {}) {
    return make(options, [&](auto *o) { return apical_compile_file(path.c_str(), o); });
  }
  /// `name` stands for the file in messages.
  static Result<Model> fromText(const std::string &text, const std::string &name = "model",
                                const Options &options = {}) {
    return make(options,
                [&](auto *o) { return apical_compile_text(text.c_str(), name.c_str(), o); });
  }

  /// Parameters in SI units.
  Error set(const std::string &name, double value) {
    return call([&](auto *e) { return apical_set_param(get(), name.c_str(), value, e); });
  }
  /// "rate=0.1" or "tau=20 ms", as --set.
  Error set(const std::string &text) {
    return call([&](auto *e) { return apical_set_param_text(get(), text.c_str(), e); });
  }
  Result<double> parameter(const std::string &name) const {
    double value = 0;
    Error error = call([&](auto *e) { return apical_get_param(get(), name.c_str(), &value, e); });
    return error ? Result<double>(error) : value;
  }

  /// First values again, under `seed` and the present parameters.
  Error reset(uint64_t seed) {
    return call([&](auto *e) { return apical_instance_reset(get(), seed, e); });
  }

  /// Runs the experiments to their end, on the arrays and data files. `change`
  /// may set what else the options of a run offer.
  template <typename Change> Error run(Change change) {
    apical_run_options o;
    apical_run_options_init(&o);
    o.quiet = 1;
    for (const std::string &directory : shared->directories)
      if (o.directory_count < APICAL_MAX_LIST)
        o.directories[o.directory_count++] = directory.c_str();
    o.array_count = static_cast<int>(shared->bound.size());
    o.arrays = shared->bound.data();
    change(o);
    return call([&](auto *e) { return apical_run(get(), &o, e); });
  }
  Error run() {
    return run([](apical_run_options &) {});
  }

  /// The number of the first experiment of this kind on `network` ("": any).
  Result<int> find(apical_experiment_kind kind, std::string_view network = "") const {
    for (int k = 0; k < program().experiment_count; ++k) {
      const apical_experiment &e = program().experiments[k];
      if (e.kind == kind && (network.empty() || network == e.network))
        return k;
    }
    return Error{APICAL_ERROR_ARGUMENT, "the model has no such experiment", ""};
  }

  using Columns = std::initializer_list<const void *>;
  using Measures = std::map<std::string, double>;

  /// One batch of `samples` rows of the caller's, with learning: a pointer per
  /// column, in the order of the experiment's. Delivers the means of what the
  /// experiment measures.
  Result<Measures> step(int experiment, Columns columns, int64_t samples) {
    return evaluate(experiment, columns, samples, 1);
  }
  /// The same without learning; a column that is null counts as zeros. What the
  /// experiment probes is then in `output`.
  Result<Measures> infer(int experiment, Columns columns, int64_t samples) {
    return evaluate(experiment, columns, samples, 0);
  }
  /// Rows of a probe in the last batch of `experiment`, until the next.
  Result<std::span<const float>> output(int experiment, std::string_view name) const {
    if (auto error = checkExperiment(experiment))
      return error;
    const apical_experiment &e = program().experiments[experiment];
    for (int k = 0; k < e.output_count; ++k)
      if (!e.outputs[k].item && name == e.outputs[k].name)
        return std::span<const float>(apical_instance_output(get(), k),
                                      static_cast<size_t>(lastSamples * e.outputs[k].elements));
    return Error{APICAL_ERROR_ARGUMENT, "the experiment has no `probe " + std::string(name) + "`",
                 ""};
  }

  /// States as dense arrays, rows first.
  Result<std::vector<float>> read(const std::string &state) const {
    apical_error e{};
    int index = apical_find_state(&program(), state.c_str(), &e);
    if (index < 0)
      return Error{e.kind, e.message, ""};
    std::vector<float> out(static_cast<size_t>(apical_state_elements(&program().states[index])));
    Error error = call([&](auto *at) {
      return apical_read_state_float(get(), index, out.data(), static_cast<int64_t>(out.size()),
                                     at);
    });
    return error ? Result<std::vector<float>>(error) : out;
  }
  Error write(const std::string &state, std::span<const float> values) {
    apical_error e{};
    int index = apical_find_state(&program(), state.c_str(), &e);
    if (index < 0)
      return Error{e.kind, e.message, ""};
    return call([&](auto *at) {
      return apical_write_state_float(get(), index, values.data(),
                                      static_cast<int64_t>(values.size()), at);
    });
  }

  Error save(const std::string &path) const {
    return call([&](auto *e) { return apical_save(get(), path.c_str(), e); });
  }
  Error load(const std::string &path) {
    return call([&](auto *e) { return apical_load(get(), path.c_str(), e); });
  }

  /// Beneath: everything in runtime.h works on these.
  const apical_program &program() const { return *apical_instance_program(get()); }
  apical_instance *get() const { return instance.get(); }

private:
  struct Shared {
    std::unique_ptr<apical_compilation, decltype(&apical_compilation_destroy)> compilation{
        nullptr, apical_compilation_destroy};
    std::vector<std::string> directories;
    std::vector<Array> arrays;
    std::vector<apical_array> bound; ///< `arrays` for C
  };

  Model() = default;

  template <typename Call> static Error call(Call function) {
    apical_error error{};
    if (!function(&error))
      return {};
    return {error.kind, error.message, ""};
  }

  template <typename Compile> static Result<Model> make(const Options &options, Compile compile) {
    Model model;
    model.shared = std::make_unique<Shared>();
    Shared &shared = *model.shared;
    shared.directories = options.directories;
    shared.arrays = options.arrays;
    for (const Array &a : shared.arrays)
      if (Error error = call([&](auto *e) {
            return apical_array_init(&shared.bound.emplace_back(), a.path.c_str(), a.field.c_str(),
                                     a.type, static_cast<int>(a.shape.size()), a.shape.data(),
                                     a.data, e);
          }))
        return error;
    std::vector<const char *> directories;
    for (const std::string &directory : shared.directories)
      directories.push_back(directory.c_str());
    apical_compile_options o{};
    o.interpret = options.interpret;
    o.cpu = options.cpu.c_str();
    o.threads = options.threads;
    o.directory_count = static_cast<int>(directories.size());
    o.directories = directories.data();
    o.array_count = static_cast<int>(shared.bound.size());
    o.arrays = shared.bound.data();
    shared.compilation.reset(compile(&o));
    const apical_compilation *c = shared.compilation.get();
    if (!apical_compilation_program(c))
      return Error{APICAL_ERROR_ARGUMENT, apical_compilation_diagnostics(c, APICAL_TEXT),
                   apical_compilation_diagnostics(c, APICAL_JSON)};
    apical_instance *instance = nullptr;
    if (Error error = call([&](auto *e) {
          return apical_instance_create(apical_compilation_program(c), options.seed,
                                        options.threads, &instance, e);
        }))
      return error;
    model.instance.reset(instance);
    return model;
  }

  Error checkExperiment(int experiment) const {
    if (experiment >= 0 && experiment < program().experiment_count)
      return {};
    return {APICAL_ERROR_ARGUMENT,
            "there is no experiment number " + std::to_string(experiment) + "; the model has " +
                std::to_string(program().experiment_count),
            ""};
  }

  Result<Measures> evaluate(int experiment, Columns columns, int64_t samples, int training) {
    if (Error error = checkExperiment(experiment))
      return error;
    const apical_experiment &e = program().experiments[experiment];
    if (columns.size() != static_cast<size_t>(e.column_count))
      return Error{APICAL_ERROR_ARGUMENT,
                   "the experiment reads " + std::to_string(e.column_count) +
                       " columns, and there are " + std::to_string(columns.size()),
                   ""};
    std::vector<double> sums(static_cast<size_t>(e.measure_count) + 1);
    Error error = call([&](auto *at) {
      return apical_step_once(get(), experiment, columns.begin(), nullptr, samples, training,
                              sums.data(), at);
    });
    if (error)
      return error;
    lastSamples = samples;
    Measures means;
    for (int k = 0; k < e.measure_count; ++k) {
      const apical_measure &m = e.measures[k];
      double count = m.kind == APICAL_WHOLE ? 1 : static_cast<double>(samples);
      if (m.kind != APICAL_HEALTH && m.kind != APICAL_RESIDUAL)
        means[m.name] = sums[static_cast<size_t>(k)] / count;
    }
    return means;
  }

  std::unique_ptr<Shared> shared; // outlives the instance
  std::unique_ptr<apical_instance, decltype(&apical_instance_destroy)> instance{
      nullptr, apical_instance_destroy};
  int64_t lastSamples = 0;
};

} // namespace apical

#endif // APICAL_MODEL_H
