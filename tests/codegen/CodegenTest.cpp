//===- CodegenTest.cpp - compiled steps against sums in double ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Compile.h"
#include "codegen/Jit.h"
#include "ir/Random.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>

using namespace mlir;

namespace {

/// A compiled module with memory for its states.
struct Model {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::unique_ptr<apical::Jit> jit;
  std::vector<void *> memory;
  void *scratch = nullptr;
  std::vector<double> results = std::vector<double>(8), params;
  uint64_t seed = 1;
  int64_t trial = 0;

  Model(const std::string &source, const std::string &cpu, int threads = 1) {
    DialectRegistry registry;
    apical::registerCodegen(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    auto module = parseSourceString<ModuleOp>(source, ParserConfig(&context));
    if (!module)
      throw std::runtime_error("the test's module does not parse");
    apical::CompileOptions options;
    options.cpu = cpu;
    options.threads = threads;
    auto compiled = apical::compile(*module, options);
    if (!compiled)
      throw std::runtime_error(llvm::toString(compiled.takeError()));
    auto loaded = apical::Jit::load(*compiled);
    if (!loaded)
      throw std::runtime_error(llvm::toString(loaded.takeError()));
    jit = std::move(*loaded);
    auto *p = jit->program();
    for (int i = 0; i < p->state_count; ++i)
      memory.push_back(zeroed(p->states[i].bytes));
    for (int i = 0; i < p->param_count; ++i)
      params.push_back(p->params[i].value);
  }
  ~Model() {
    for (void *m : memory)
      free(m);
    free(scratch);
  }
  static void *zeroed(int64_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    void *m = aligned_alloc(64, bytes);
    memset(m, 0, bytes);
    return m;
  }
  float &at(int s, int64_t i, int64_t j = 0) {
    auto &state = jit->program()->states[s];
    int64_t k = i * state.stride[0] + (state.rank > 1 ? j * state.stride[1] : 0);
    return static_cast<float *>(memory[s])[k];
  }
  void fill(int s, std::mt19937 &random) {
    auto &state = jit->program()->states[s];
    for (int i = 0; i < state.shape[0]; ++i)
      for (int j = 0; j < (state.rank > 1 ? state.shape[1] : 1); ++j)
        at(s, i, j) = std::uniform_real_distribution<float>(-1, 1)(random);
  }
  void step(const std::vector<const void *> &columns, int64_t samples) {
    auto &e = jit->program()->experiments[0];
    free(scratch);
    scratch = zeroed(e.scratch + 64);
    memset(scratch, 0xff, e.scratch); // NaN: nothing may rely on its content
    std::vector<int64_t> rows(e.batch);
    for (int64_t i = 0; i < e.batch; ++i)
      rows[i] = i;
    apical_call call{memory.data(),
                     columns.data(),
                     params.data(),
                     results.data(),
                     nullptr,
                     scratch,
                     rows.data(),
                     samples,
                     seed,
                     trial,
                     0,
                     1,
                     0};
    e.step(&call, e.context);
  }
  /// Bytes of a state outside its logical shape are zero.
  void expectPadding(int s) {
    auto &state = jit->program()->states[s];
    std::vector<char> logical(state.bytes / 4);
    for (int i = 0; i < state.shape[0]; ++i)
      for (int j = 0; j < (state.rank > 1 ? state.shape[1] : 1); ++j)
        logical[&at(s, i, j) - static_cast<float *>(memory[s])] = 1;
    for (size_t k = 0; k < logical.size(); ++k)
      if (!logical[k]) {
        ASSERT_EQ(static_cast<float *>(memory[s])[k], 0) << "padding of state " << s;
      }
  }
};

std::vector<float> data(int64_t rows, int64_t cols, std::mt19937 &random) {
  std::vector<float> x(rows * cols);
  for (float &v : x)
    v = std::uniform_real_distribution<float>(-1, 1)(random);
  return x;
}

std::string replace(std::string text, const std::map<std::string, int> &values) {
  for (auto &[key, value] : values)
    for (size_t at; (at = text.find("$" + key)) != std::string::npos;)
      text.replace(at, key.size() + 1, std::to_string(value));
  return text;
}

std::vector<std::string> processors() {
  std::vector<std::string> list{"native", "x86-64"};
  if (llvm::sys::getHostCPUFeatures().lookup("avx2"))
    list.push_back("x86-64-v3");
  return list;
}

// y = tanh(x W + b); softmax; cost; e = softmax - t; W -= rate xᵀe / n; b likewise.
// Also feeds e back through W, before W changes.
const char *layer = R"(
apical.state @w : tensor<$Ix$Jxf32> role "weight"
apical.state @b : tensor<$Jxf32> role "weight"
apical.state @back : tensor<$Ixf32> role "lasting"
apical.param @rate = 0.5
apical.step @train0 (%x: tensor<?x$Ixf32>, %t: tensor<?xui8>) experiment {kind = "train", batch = $B : i64} {
  %w = apical.read @w : tensor<$Ix$Jxf32>
  %b = apical.read @b : tensor<$Jxf32>
  %rate = apical.get_param @rate : tensor<f32>
  %n = apical.clock "samples" : tensor<f32>
  %sum = apical.lift sizes [-1, $I, $J] ins(%x, %w : tensor<?x$Ixf32>, tensor<$Ix$Jxf32>) outs(tensor<?x$Jxf32>)
      maps [(b, i, j) -> (b, i), (b, i, j) -> (i, j), (b, i, j) -> (b, j)] combiners ["sum"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %q, %p : f32
    apical.yield %m : f32
  }
  %y = apical.lift sizes [-1, $J] ins(%sum, %b : tensor<?x$Jxf32>, tensor<$Jxf32>) outs(tensor<?x$Jxf32>)
      maps [(b, j) -> (b, j), (b, j) -> (j), (b, j) -> (b, j)] combiners ["none"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.addf %p, %q : f32
    %h = math.tanh %m : f32
    apical.yield %h : f32
  }
  %top = apical.lift sizes [-1, $J] ins(%y : tensor<?x$Jxf32>) outs(tensor<?xf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b)] combiners ["max"] {
  ^bb0(%p: f32):
    apical.yield %p : f32
  }
  %e = apical.lift sizes [-1, $J] ins(%y, %top : tensor<?x$Jxf32>, tensor<?xf32>) outs(tensor<?x$Jxf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b), (b, j) -> (b, j)] combiners ["none"] {
  ^bb0(%p: f32, %q: f32):
    %d = arith.subf %p, %q : f32
    %h = math.exp %d : f32
    apical.yield %h : f32
  }
  %z = apical.lift sizes [-1, $J] ins(%e : tensor<?x$Jxf32>) outs(tensor<?xf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b)] combiners ["sum"] {
  ^bb0(%p: f32):
    apical.yield %p : f32
  }
  %delta = apical.lift sizes [-1, $J] ins(%e, %z, %t, %n : tensor<?x$Jxf32>, tensor<?xf32>, tensor<?xui8>, tensor<f32>) outs(tensor<?x$Jxf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b), (b, j) -> (b), (b, j) -> (), (b, j) -> (b, j)] combiners ["none"] {
  ^bb0(%p: f32, %q: f32, %label: i8, %count: f32):
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %l = arith.uitofp %label : i8 to f32
    %j = apical.index 1 : f32
    %is = arith.cmpf oeq, %l, %j : f32
    %hot = arith.select %is, %one, %zero : f32
    %s = arith.divf %p, %q : f32
    %d = arith.subf %s, %hot : f32
    %r = arith.divf %d, %count : f32
    apical.yield %r : f32
  }
  %cost = apical.lift sizes [-1, $J] ins(%e, %z, %t : tensor<?x$Jxf32>, tensor<?xf32>, tensor<?xui8>) outs(tensor<?xf32>)
      maps [(b, j) -> (b, j), (b, j) -> (b), (b, j) -> (b), (b, j) -> (b)] combiners ["sum"] {
  ^bb0(%p: f32, %q: f32, %label: i8):
    %zero = arith.constant 0.0 : f32
    %l = arith.uitofp %label : i8 to f32
    %j = apical.index 1 : f32
    %is = arith.cmpf oeq, %l, %j : f32
    %s = arith.divf %p, %q : f32
    %g = math.log %s : f32
    %m = arith.negf %g : f32
    %r = arith.select %is, %m, %zero : f32
    apical.yield %r : f32
  }
  %feed = apical.lift sizes [-1, $I, $J] ins(%delta, %w : tensor<?x$Jxf32>, tensor<$Ix$Jxf32>) outs(tensor<?x$Ixf32>)
      maps [(b, i, j) -> (b, j), (b, i, j) -> (i, j), (b, i, j) -> (b, i)] combiners ["sum"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %q, %p : f32
    apical.yield %m : f32
  }
  %fed = apical.lift sizes [-1, $I] ins(%feed : tensor<?x$Ixf32>) outs(tensor<$Ixf32>)
      maps [(b, i) -> (b, i), (b, i) -> (i)] combiners ["sum"] {
  ^bb0(%p: f32):
    apical.yield %p : f32
  }
  %gw = apical.lift sizes [-1, $I, $J] ins(%x, %delta : tensor<?x$Ixf32>, tensor<?x$Jxf32>) outs(tensor<$Ix$Jxf32>)
      maps [(b, i, j) -> (b, i), (b, i, j) -> (b, j), (b, i, j) -> (i, j)] combiners ["sum"] {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %q : f32
    apical.yield %m : f32
  }
  %nw = apical.lift sizes [$I, $J] ins(%w, %gw, %rate : tensor<$Ix$Jxf32>, tensor<$Ix$Jxf32>, tensor<f32>) outs(tensor<$Ix$Jxf32>)
      maps [(i, j) -> (i, j), (i, j) -> (i, j), (i, j) -> (), (i, j) -> (i, j)] combiners ["none"] {
  ^bb0(%p: f32, %g: f32, %r: f32):
    %m = arith.mulf %r, %g : f32
    %d = arith.subf %p, %m : f32
    apical.yield %d : f32
  }
  %gb = apical.lift sizes [-1, $J] ins(%delta : tensor<?x$Jxf32>) outs(tensor<$Jxf32>)
      maps [(b, j) -> (b, j), (b, j) -> (j)] combiners ["sum"] {
  ^bb0(%p: f32):
    apical.yield %p : f32
  }
  %nb = apical.lift sizes [$J] ins(%b, %gb, %rate : tensor<$Jxf32>, tensor<$Jxf32>, tensor<f32>) outs(tensor<$Jxf32>)
      maps [(j) -> (j), (j) -> (j), (j) -> (), (j) -> (j)] combiners ["none"] {
  ^bb0(%p: f32, %g: f32, %r: f32):
    %m = arith.mulf %r, %g : f32
    %d = arith.subf %p, %m : f32
    apical.yield %d : f32
  }
  apical.report "cost" kind "cost", %cost : tensor<?xf32>
  apical.write @w, %nw : tensor<$Ix$Jxf32>
  apical.write @b, %nb : tensor<$Jxf32>
  apical.write @back, %fed : tensor<$Ixf32>
}
)";

void checkLayer(int I, int J, int B, int samples, const std::string &cpu, int threads = 1) {
  SCOPED_TRACE(cpu + " " + std::to_string(I) + "x" + std::to_string(J) + " batch " +
               std::to_string(samples) + " of " + std::to_string(B));
  Model run(replace(layer, {{"I", I}, {"J", J}, {"B", B}}), cpu, threads);
  std::mt19937 random(7);
  run.fill(0, random);
  run.fill(1, random);
  std::vector<float> x = data(B, I, random);
  std::vector<uint8_t> t(B);
  for (auto &label : t)
    label = random() % J;
  std::vector<double> w(I * J), b(J), back(I), delta(samples * J);
  for (int i = 0; i < I; ++i)
    for (int j = 0; j < J; ++j)
      w[i * J + j] = run.at(0, i, j);
  for (int j = 0; j < J; ++j)
    b[j] = run.at(1, j);
  double cost = 0;
  for (int s = 0; s < samples; ++s) {
    double z = 0;
    std::vector<double> y(J);
    for (int j = 0; j < J; ++j) {
      double sum = b[j];
      for (int i = 0; i < I; ++i)
        sum += double(x[s * I + i]) * w[i * J + j];
      z += y[j] = std::exp(std::tanh(sum));
    }
    for (int j = 0; j < J; ++j)
      delta[s * J + j] = (y[j] / z - (t[s] == j)) / samples;
    cost -= std::log(y[t[s]] / z);
  }
  for (int s = 0; s < samples; ++s)
    for (int i = 0; i < I; ++i)
      for (int j = 0; j < J; ++j)
        back[i] += delta[s * J + j] * w[i * J + j];
  for (int s = 0; s < samples; ++s)
    for (int j = 0; j < J; ++j) {
      b[j] -= 0.5 * delta[s * J + j];
      for (int i = 0; i < I; ++i)
        w[i * J + j] -= 0.5 * double(x[s * I + i]) * delta[s * J + j];
    }
  run.step({x.data(), t.data()}, samples);
  EXPECT_NEAR(run.results[0], cost, 1e-5 * samples + 1e-5);
  for (int i = 0; i < I; ++i) {
    ASSERT_NEAR(run.at(2, i), back[i], 1e-5) << "back " << i;
    for (int j = 0; j < J; ++j)
      ASSERT_NEAR(run.at(0, i, j), w[i * J + j], 1e-5) << "weight " << i << " " << j;
  }
  for (int j = 0; j < J; ++j)
    ASSERT_NEAR(run.at(1, j), b[j], 1e-5) << "bias " << j;
  for (int s = 0; s < 3; ++s)
    run.expectPadding(s);
}

TEST(Codegen, LayerOfEveryKindOfSize) {
  for (auto &cpu : processors()) {
    checkLayer(16, 32, 16, 16, cpu);
    checkLayer(37, 10, 5, 3, cpu);
  }
  checkLayer(1, 2, 2, 1, "native");
  checkLayer(5, 3, 1, 1, "native");
  checkLayer(70, 45, 9, 9, "native");
  checkLayer(256, 64, 20, 17, "native");
}

TEST(Codegen, LastColumnsThatFillLittleOfAVector) {
  for (auto &cpu : processors())
    for (int columns : {33, 36, 56, 101})
      checkLayer(513, columns, 40, 37, cpu);
  for (int columns : {36, 50, 100})
    checkLayer(1024, columns, 48, 48, "native", 2);
}

TEST(Codegen, BitsDoNotDependOnParallelLoops) { checkLayer(130, 70, 33, 30, "native", 2); }

TEST(Codegen, UnknownProcessorIsRefused) {
  EXPECT_THROW(Model(replace(layer, {{"I", 3}, {"J", 3}, {"B", 2}}), "z80"), std::runtime_error);
}

// Two states that exchange their values, and a random one.
const char *exchange = R"(
apical.state @a : tensor<$Nxf32> role "lasting"
apical.state @b : tensor<$Nxf32> role "lasting"
apical.state @u : tensor<$Nxf32> role "lasting"
apical.step @run () experiment {kind = "simulate", batch = 1 : i64} {
  %a = apical.read @a : tensor<$Nxf32>
  %b = apical.read @b : tensor<$Nxf32>
  %c = apical.lift sizes [$N] ins(%b : tensor<$Nxf32>) outs(tensor<$Nxf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%p: f32):
    %m = arith.addf %p, %p : f32
    apical.yield %m : f32
  }
  %d = apical.lift sizes [$N] ins(%a : tensor<$Nxf32>) outs(tensor<$Nxf32>)
      maps [(i) -> (i), (i) -> (i)] combiners ["none"] {
  ^bb0(%p: f32):
    %one = arith.constant 1.0 : f32
    %m = arith.addf %p, %one : f32
    apical.yield %m : f32
  }
  %u = apical.draw "uniform" stream "noise" per_trial : tensor<$Nxf32>
  apical.write @a, %c : tensor<$Nxf32>
  apical.write @b, %d : tensor<$Nxf32>
  apical.write @u, %u : tensor<$Nxf32>
}
)";

TEST(Codegen, StatesExchangeValuesAndDrawsFollowTheTrial) {
  for (int n : {1, 7, 32, 70}) {
    Model run(replace(exchange, {{"N", n}}), "native");
    for (int i = 0; i < n; ++i)
      run.at(0, i) = i, run.at(1, i) = 100 + i;
    run.step({}, 1);
    double mean = 0;
    for (int i = 0; i < n; ++i) {
      EXPECT_EQ(run.at(0, i), 200 + 2 * i);
      EXPECT_EQ(run.at(1, i), i + 1);
      auto block = apical::ir::drawBlock(false, i / 4, 0, apical::ir::streamKey(1, "noise"));
      EXPECT_EQ(run.at(2, i), float(block[i % 4]));
      mean += run.at(2, i) / n;
    }
    if (n == 70) {
      EXPECT_NEAR(mean, 0.5, 0.15);
    }
    for (int s = 0; s < 3; ++s)
      run.expectPadding(s);
    float before = run.at(2, 0);
    run.trial = 1;
    run.step({}, 1);
    EXPECT_NE(run.at(2, 0), before);
    run.trial = 0;
    run.step({}, 1);
    EXPECT_EQ(run.at(2, 0), before);
  }
}

} // namespace
