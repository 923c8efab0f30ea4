//===- FakeProgram.cpp - a program written by hand ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeProgram.h"

#include <cmath>
#include <csignal>

using namespace apical::test;

namespace {

// net.w is [2, 3] with rows of 4 floats; net.trace is [3] with stride 2.
const int64_t weightShape[] = {2, 3}, weightStride[] = {4, 1};
const int64_t traceShape[] = {3}, traceStride[] = {2};
const int64_t countShape[] = {1}, countStride[] = {1};

void init(const apical_call *call, void *) {
  auto *w = static_cast<float *>(call->states[0]);
  uint64_t stream = apical_stream_key(call->seed, "net.w");
  uint32_t key[2] = {uint32_t(stream), uint32_t(stream >> 32)};
  for (uint32_t i = 0; i < 6; ++i) {
    uint32_t counter[4] = {i, 0, 0, 0}, out[4];
    apical_philox(counter, key, out);
    w[i / 3 * 4 + i % 3] = float(out[0]) / 4294967296.0f * float(call->params[0]);
  }
}

void step(const apical_call *call, void *context) {
  const auto *fake = static_cast<const FakeProgram *>(context);
  auto *w = static_cast<float *>(call->states[0]);
  auto *trace = static_cast<double *>(call->states[1]);
  auto *updates = static_cast<double *>(call->states[2]);
  const auto *x = static_cast<const float *>(call->columns[0]);
  const auto *y = static_cast<const int32_t *>(call->columns[1]);
  float gradient[3] = {};
  for (int64_t i = 0; i < call->samples; ++i) {
    float out = 0;
    for (int j = 0; j < 3; ++j)
      out += w[j] * x[3 * i + j];
    float difference = out - float(y[i]);
    call->results[0] += difference * difference;
    call->results[1] += std::fabs(difference) > 0.5f;
    for (int j = 0; j < 3; ++j) {
      gradient[j] += difference * x[3 * i + j];
      trace[2 * j] = 0.9 * trace[2 * j] + difference;
    }
  }
  call->results[2] = 0.25 * double(call->samples);
  call->results[3] = double(call->rows[0]);
  if (!call->training)
    return;
  if (call->trial == fake->divergeAt)
    call->results[0] = call->results[2] = std::nan("");
  float noise = 1e-4f * float((call->trial * 7 + call->epoch * 3 + int64_t(call->seed)) % 11);
  for (int j = 0; j < 3; ++j) {
    w[j] -= float(call->params[1]) * gradient[j] / float(call->samples) + noise;
    w[4 + j] += float(trace[2 * j]);
  }
  updates[0] += 1;
  if (call->trial == fake->interruptAt)
    raise(SIGINT);
}

} // namespace

FakeProgram::FakeProgram(const Folder &folder, int rows)
    : x(folder / "x-idx"), y(folder / "y.csv") {
  // x is an IDX file of floats, y a column of a table.
  std::string header = {0, 0, 0x0D, 2, 0, 0, char(rows >> 8), char(rows), 0, 0, 0, 3};
  std::string labels = "noise,y\n";
  for (int i = 0; i < rows; ++i) {
    float values[3] = {float(i % 7) / 7, float(i % 5) / 5, 1};
    for (float value : values) {
      uint32_t bits;
      memcpy(&bits, &value, 4);
      for (int shift = 24; shift >= 0; shift -= 8)
        header += char(bits >> shift);
    }
    labels += "0.5," + std::to_string(i % 3) + "\n";
  }
  writeFile(x, header);
  writeFile(y, labels);
  states = {
      {"net.w", APICAL_WEIGHT, APICAL_F32, 2, weightShape, weightStride, 64},
      {"net.trace", APICAL_LASTING, APICAL_F64, 1, traceShape, traceStride, 64},
      {"net.updates", APICAL_COUNTER, APICAL_F64, 1, countShape, countStride, 64},
  };
  params = {{"spread", 1.0, "", 1.0}, {"rate", 0.020, "ms", 0.001}};
  columns = {{"numbers", "x-idx", "", APICAL_IDX, APICAL_F32, 3, 0, 0},
             {"labels", y.c_str(), "y", APICAL_CSV, APICAL_I32, 1, 3, 0}};
  measures = {{"loss", APICAL_COST, 1, "", ""},
              {"wrong", APICAL_MEASURE, 0.01, "%", ""},
              {"hidden", APICAL_HEALTH, 1, "", ""},
              {"first", APICAL_WHOLE, 1, "", ""}};
  apical_experiment train = {APICAL_TRAIN, "net", "table.train", 10,   4,    0,   1, 2, nullptr, 4,
                             nullptr,      0,     nullptr,       step, this, 128, 0, 0, 0};
  train.columns = columns.data();
  train.measures = measures.data();
  apical_experiment test = train;
  test.kind = APICAL_TEST;
  test.source = "table.test";
  test.epochs = 0;
  test.shuffle = 0;
  experiments = {train, test};
  program = {APICAL_ABI_VERSION,
             "fake.apical",
             "f00d",
             "",
             3,
             nullptr,
             2,
             nullptr,
             2,
             nullptr,
             init,
             nullptr,
             0};
  program.states = states.data();
  program.params = params.data();
  program.experiments = experiments.data();
}

std::vector<std::string> apical::test::memoryOf(apical_instance *instance) {
  const apical_program *program = apical_instance_program(instance);
  std::vector<std::string> result;
  for (int i = 0; i < program->state_count; ++i)
    result.emplace_back(static_cast<char *>(apical_state_memory(instance, i)),
                        size_t(program->states[i].bytes));
  return result;
}
