//===- from_cpp.cpp - compiles, trains and asks a model from C++ ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/Model.h"

#include <cmath>
#include <iostream>

namespace {

int report(const apical::Error &error) {
  std::cerr << error.message << "\n";
  return 1;
}

/// Steps on rows in this program's memory, and what the model then answers.
int train(apical::Model &model, const int32_t *first, const int32_t *second,
          const int32_t *answer) {
  auto training = model.find(APICAL_TRAIN), test = model.find(APICAL_TEST);
  if (!training || !test)
    return report(training ? test.error() : training.error());
  for (int k = 0; k < 500; ++k)
    if (auto step = model.step(*training, {first, second, answer}, 4); !step)
      return report(step.error());
  // The answers are not needed to ask for them.
  if (auto asked = model.infer(*test, {first, second, nullptr}, 4); !asked)
    return report(asked.error());
  auto rows = model.output(*test, "label.rate");
  if (!rows)
    return report(rows.error());
  for (int row = 0; row < 4; ++row) {
    float yes = (*rows)[static_cast<size_t>(2 * row + 1)];
    std::cout << first[row] << " xor " << second[row] << ": " << (yes > 0.5F) << "\n";
    if ((yes > 0.5F) != (answer[row] == 1))
      return std::cerr << "that is wrong\n", 1;
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    return std::cerr << "usage: from_cpp MODEL CHECKPOINT\n", 2;
  const int32_t first[] = {0, 0, 1, 1}, second[] = {0, 1, 0, 1}, answer[] = {0, 1, 1, 0};

  // Arrays of this program in place of the data file.
  apical::Options options;
  options.arrays = {{"exclusive_or.csv", first, {4}, "first"},
                    {"exclusive_or.csv", second, {4}, "second"},
                    {"exclusive_or.csv", answer, {4}, "answer"}};
  auto model = apical::Model::fromFile(argv[1], options);
  if (!model)
    return report(model.error());
  if (auto failed = model->set("rate", 0.4))
    return report(failed);
  if (int failed = train(*model, first, second, answer))
    return failed;

  // States are plain arrays; a checkpoint holds all of them.
  auto weights = model->read("xor.hidden_label.w");
  if (!weights || weights->size() != 16)
    return report(weights ? apical::Error{1, "16 weights were expected", ""} : weights.error());
  if (auto failed = model->save(argv[2]))
    return report(failed);
  if (auto failed = model->write("xor.hidden_label.w", std::vector<float>(16)))
    return report(failed);
  if (auto failed = model->load(argv[2]))
    return report(failed);
  if (*model->read("xor.hidden_label.w") != *weights)
    return std::cerr << "the checkpoint holds other weights\n", 1;

  // The experiments of the source, from the start, on the arrays.
  if (auto failed = model->reset(2))
    return report(failed);
  if (auto failed = model->run())
    return report(failed);

  // Errors are values, with the diagnostics of the command.
  auto wrong =
      apical::Model::fromText("use std\nnetwork n { area a[3] : sorce }\n", "wrong.apical");
  if (wrong || wrong.error().message.find("wrong.apical:2:25") == std::string::npos ||
      wrong.error().json.find("\"line\":2") == std::string::npos)
    return std::cerr << "an error was expected\n" << (wrong ? "" : wrong.error().message), 1;
  if (auto unknown = model->set("rat", 1); unknown)
    std::cout << unknown.message << "\n";
  return 0;
}
