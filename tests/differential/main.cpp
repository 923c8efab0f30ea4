//===- main.cpp - random models, compiled against interpreted ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Case.h"
#include "Library.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

using namespace apical::test;

static const char *const help =
    "usage: apical_differential COMMAND FIRST COUNT [all | PROCESSOR]\n"
    "  compare   models FIRST, FIRST + 1 … against the interpreter\n"
    "  mutants   the same models, compiled wrongly on purpose: each must be found out\n"
    "  coverage  only count what the models contain\n"
    "  print     the text of the models\n"
    "  write     model FIRST and its data into the folder COUNT\n"
    "  file      the model in the file FIRST in the same way; its data lie in the folder COUNT\n"
    "Every model is compiled for baseline, AVX2 and AVX-512 code, as far as this machine runs it, "
    "or\n"
    "for the processor that is named; every sixteenth one also without parallel loops.\n"
    "A failing model N is run again by: apical_differential compare N 1\n";

static CaseOptions choose(uint64_t seed, const std::string &processor) {
  CaseOptions options;
  options.processors = runnableProcessors();
  options.serial = seed % 16 == 0 || processor == "all";
  if (!processor.empty() && processor != "all")
    options.processors = {processor};
  return options;
}

static int compareModels(uint64_t first, uint64_t count, const std::string &processor) {
  Statistics statistics;
  int failures = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CaseOptions options = choose(seed, processor);
    ModelPieces model = generateModel(seed);
    Outcome outcome = runCase(model, options, statistics);
    if (outcome.kind == Outcome::Same)
      continue;
    ++failures;
    std::printf("model %llu: %s\n%s\n", (unsigned long long)seed,
                outcome.kind == Outcome::Rejected ? "was not compiled" : "differs",
                outcome.message.c_str());
    if (failures <= 3 && !std::getenv("APICAL_NO_SHRINK")) {
      ModelPieces small = shrink(model, options, outcome.kind);
      Statistics ignored;
      std::printf("--- shrunk:\n%s--- %s\n", small.source("DATA").c_str(),
                  runCase(small, options, ignored).message.c_str());
    }
    std::printf("again with: apical_differential compare %llu 1\n", (unsigned long long)seed);
    std::fflush(stdout);
  }
  statistics.print();
  for (const char *name : processors)
    if (std::vector<std::string> list = runnableProcessors();
        std::find(list.begin(), list.end(), name) == list.end())
      std::printf("not compared: this machine cannot run code for %s\n", name);
  // A comparison of nothing proves nothing.
  bool empty = statistics.models + failures != static_cast<int64_t>(count) ||
               statistics.tight < statistics.elements / 2 ||
               statistics.changed < statistics.weights / 4 ||
               statistics.idle > static_cast<int64_t>(count) / 4 ||
               statistics.beyond > 1 + static_cast<int64_t>(count) / 50;
  if (empty)
    std::printf("too little was compared\n");
  return failures || empty;
}

static int compareFile(const std::string &path, const std::string &folder,
                       const std::string &processor) {
  ModelPieces model;
  std::ifstream file(path);
  model.text.assign(std::istreambuf_iterator<char>(file), {});
  CaseOptions options = choose(0, processor);
  std::string kernels;
  options.dump = &kernels;
  options.dataFolder = folder;
  Statistics statistics;
  Outcome outcome = runCase(model, options, statistics);
  std::printf("%s\n%s\n", kernels.c_str(), outcome.message.c_str());
  statistics.print();
  return outcome.kind != Outcome::Same;
}

/// Changes one piece of code of each model. A change that, exactly evaluated, changes nothing is
/// replaced by the next one; of the others nearly all must be found.
static int findMutants(uint64_t first, uint64_t count) {
  CaseOptions options;
  options.processors = {processors[0]};
  uint64_t found = 0, none = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Outcome outcome;
    for (uint64_t choice = 0; choice < 4; ++choice) {
      options.mutation = seed * 7919 + choice;
      Statistics ignored;
      outcome = runCase(generateModel(seed), options, ignored);
      if (outcome.kind != Outcome::Equivalent)
        break;
    }
    found += outcome.kind == Outcome::Different;
    none += outcome.kind == Outcome::Equivalent;
    if (outcome.kind != Outcome::Different && outcome.kind != Outcome::Equivalent)
      std::printf("model %llu: the mutant lives %s\n", (unsigned long long)seed,
                  outcome.message.c_str());
  }
  std::printf("%llu of %llu mutants were found; %llu models had none that changes anything\n",
              (unsigned long long)found, (unsigned long long)(count - none),
              (unsigned long long)none);
  // Optimizers that divide by the size of gradients hide a change of it alone: one mutant in twenty may live.
  return 20 * (found + none) < 19 * count || none > count / 10;
}

static int countFeatures(uint64_t first, uint64_t count) {
  Statistics statistics;
  for (uint64_t seed = first; seed < first + count; ++seed)
    for (const std::string &name : generateModel(seed).features)
      ++statistics.features[name];
  statistics.print();
  int problems = 0;
  for (auto &[name, models] : statistics.features)
    if (models < 5) {
      std::printf("`%s` occurs in %lld models only\n", name.c_str(), (long long)models);
      ++problems;
    }
  for (const Declaration &d : library()) {
    std::string name = d.kind + " " + d.name;
    if (name == "unit source" || statistics.features.count(name))
      continue;
    std::printf("%s of std/ is not generated\n", name.c_str());
    ++problems;
  }
  return problems != 0;
}

int main(int argc, char **argv) {
  bool understood = argc == 4 || argc == 5;
  std::string command = understood ? argv[1] : "", processor = argc == 5 ? argv[4] : "";
  uint64_t first = understood ? std::strtoull(argv[2], nullptr, 10) : 0;
  uint64_t count = understood ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (command == "file")
    return compareFile(argv[2], argv[3], processor);
  if (command == "compare")
    return compareModels(first, count, processor);
  if (command == "mutants")
    return findMutants(first, count);
  if (command == "coverage")
    return countFeatures(first, count);
  if (command == "write") {
    ModelPieces model = generateModel(first);
    std::string folder = argv[3];
    std::ofstream(folder + "/model.apical") << model.source(folder);
    bool written = true;
    for (const ColumnPiece &column : model.columns)
      written &= writeColumn(model, column, 3 * model.batch, folder);
    return !written;
  }
  if (command == "print") {
    for (uint64_t seed = first; seed < first + count; ++seed)
      std::printf("%s\n", generateModel(seed).source("DATA").c_str());
    return 0;
  }
  std::fputs(help, stderr);
  return 2;
}
