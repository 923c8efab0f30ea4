//===- FunctionsTest.cpp - functions of compiled code are as exact as stated ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accuracy.h is what the analysis of rounding assumes; here it is held against
// the code for every processor, at a million arguments per function.
//
//===----------------------------------------------------------------------===//

#include "Accuracy.h"
#include "Case.h"

#include "codegen/Compile.h"
#include "codegen/Jit.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cstdio>
#include <functional>
#include <random>

using namespace mlir;
using namespace apical;
using namespace apical::test;

namespace {

constexpr int64_t size = 1 << 14;
constexpr int chunks = 64;

struct Function {
  const char *op;
  std::function<double(double, double)> exact;
  double low, high;           ///< of the first argument
  bool logarithmic;           ///< its size is drawn, not itself
  double low2 = 0, high2 = 0; ///< of the second argument, if there is one
};

const std::vector<Function> functions = {
    {"math.exp", [](double x, double) { return std::exp(x); }, -86, 88, false},
    {"math.exp", [](double x, double) { return std::exp(x); }, 1e-8, 1, true},
    {"math.log", [](double x, double) { return std::log(x); }, 1e-37, 1e38, true},
    {"math.log", [](double x, double) { return std::log(x); }, 0.5, 2, false},
    {"math.log1p", [](double x, double) { return std::log1p(x); }, 1e-30, 1e30, true},
    {"math.log1p", [](double x, double) { return std::log1p(x); }, -0.9, 2, false},
    {"math.tanh", [](double x, double) { return std::tanh(x); }, -12, 12, false},
    {"math.tanh", [](double x, double) { return std::tanh(x); }, 1e-30, 1, true},
    {"math.sin", [](double x, double) { return std::sin(x); }, -100, 100, false},
    {"math.cos", [](double x, double) { return std::cos(x); }, -100, 100, false},
    {"math.sqrt", [](double x, double) { return std::sqrt(x); }, 1e-37, 1e38, true},
    {"math.powf", [](double x, double y) { return std::pow(x, y); }, 1e-3, 1e3, true, -4, 4},
    {"arith.divf", [](double x, double y) { return x / y; }, -100, 100, false, 0.01, 50}};

std::string source(const Function &f) {
  std::string type = "tensor<" + std::to_string(size) + "xf32>";
  std::string text;
  for (const char *name : {"x", "y", "z"})
    text += std::string("apical.state @") + name + " : " + type + " role \"lasting\"\n";
  text += "apical.step @train0 () experiment {kind = \"train\", batch = 1 : i64} {\n";
  text += "  %x = apical.read @x : " + type + "\n  %y = apical.read @y : " + type + "\n";
  text += "  %z = apical.lift sizes [" + std::to_string(size) + "] ins(%x, %y : " + type + ", " +
          type + ") outs(" + type +
          ") maps [(i) -> (i), (i) -> (i), (i) -> (i)] combiners [\"none\"] {\n"
          "  ^bb0(%a: f32, %b: f32):\n";
  text += std::string("    %r = ") + f.op + (f.high2 > f.low2 ? " %a, %b" : " %a") + " : f32\n";
  return text + "    apical.yield %r : f32\n  }\n  apical.write @z, %z : " + type + "\n}\n";
}

struct Aligned {
  explicit Aligned(size_t bytes) : memory(std::aligned_alloc(64, (bytes + 127) / 64 * 64)) {}
  ~Aligned() { std::free(memory); }
  Aligned(const Aligned &) = delete;
  float *floats() const { return static_cast<float *>(memory); }
  void *memory;
};

/// The largest error in units of what Accuracy.h allows, or a negative number.
double worst(const Function &f, const std::string &cpu, double &where) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DialectRegistry registry;
  registerCodegen(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source(f), ParserConfig(&context));
  CompileOptions options;
  options.cpu = cpu;
  if (!module)
    return -1;
  auto object = compile(*module, options);
  if (!object)
    return llvm::consumeError(object.takeError()), -1;
  auto code = Jit::load(*object);
  if (!code)
    return llvm::consumeError(code.takeError()), -1;
  const apical_experiment &experiment = (*code)->program()->experiments[0];
  Aligned x(size * 4 + 4096), y(size * 4 + 4096), z(size * 4 + 4096),
      scratch(static_cast<size_t>(experiment.scratch));
  void *states[] = {x.memory, y.memory, z.memory};
  std::mt19937_64 random(1);
  auto uniform = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  double greatest = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    for (int64_t i = 0; i < size; ++i) {
      x.floats()[i] = float(f.logarithmic ? std::exp(uniform(std::log(f.low), std::log(f.high)))
                                          : uniform(f.low, f.high));
      y.floats()[i] = float(uniform(f.low2, f.high2));
    }
    apical_call call{};
    double results[1] = {};
    int64_t rows[1] = {};
    call.states = states;
    call.scratch = scratch.memory;
    call.results = results;
    call.rows = rows;
    call.samples = 1;
    experiment.step(&call, experiment.context);
    for (int64_t i = 0; i < size; ++i) {
      double a = x.floats()[i], exact = f.exact(a, y.floats()[i]);
      Accuracy allowed = accuracyOf(f.op, a);
      double error =
          std::abs(z.floats()[i] - exact) /
          (unitRoundoff * (allowed.relative * std::abs(exact) + allowed.absolute) + smallestNormal);
      if (!(error <= greatest)) {
        greatest = error;
        where = a;
      }
    }
  }
  return greatest;
}

} // namespace

int main() {
  int failures = 0;
  for (const Function &f : functions)
    for (const std::string &cpu : runnableProcessors()) {
      double where = 0, error = worst(f, cpu, where);
      bool good = error >= 0 && error <= 1;
      std::printf("%s %-10s %-9s [%g, %g]: %.3f of the error allowed, at %.9g\n",
                  good ? "      " : "FAILED", f.op, cpu.c_str(), f.low, f.high, error, where);
      failures += !good;
    }
  return failures != 0;
}
