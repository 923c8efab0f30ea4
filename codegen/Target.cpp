//===- Target.cpp - which processor to generate code for ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

namespace apical {

llvm::ArrayRef<llvm::StringRef> processorLevels() {
  static const llvm::StringRef levels[] = {"x86-64-v4", "x86-64-v3", "x86-64"};
  return levels;
}

bool runsLevel(llvm::StringRef level) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(names, [&](llvm::StringRef name) { return features.lookup(name); });
  };
  bool v3 = has({"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"});
  bool v4 = v3 && has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  return level == "x86-64" || (level == "x86-64-v3" && v3) || (level == "x86-64-v4" && v4);
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> selectTarget(llvm::StringRef cpu,
                                                                  Machine &machine) {
  static const bool once =
      (llvm::InitializeNativeTarget(), llvm::InitializeNativeTargetAsmPrinter(), true);
  (void)once;
  std::string message, triple = llvm::sys::getDefaultTargetTriple();
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return error("no code generator for '" + triple + "': " + message);
  llvm::SubtargetFeatures features;
  bool avx512 = false, avx = false;
  if (cpu.empty())
    cpu = *llvm::find_if(processorLevels(), runsLevel);
  if (cpu == "native") {
    machine.cpu = llvm::sys::getHostCPUName().str();
    auto host = llvm::sys::getHostCPUFeatures();
    std::vector<std::string> present;
    for (auto &feature : host) {
      features.AddFeature(feature.first(), feature.second);
      if (feature.second)
        present.push_back(feature.first().str());
    }
    llvm::sort(present);
    machine.needs = llvm::join(present, " ");
    avx512 = host.lookup("avx512f");
    avx = host.lookup("avx2") && host.lookup("fma");
    // Full-width vectors: the schedules count on them.
    if (avx512)
      features.AddFeature("prefer-256-bit", false);
  } else if (cpu == "x86-64" || cpu == "x86-64-v2" || cpu == "x86-64-v3" || cpu == "x86-64-v4") {
    machine.cpu = cpu.str();
    machine.needs = cpu == "x86-64" ? "" : cpu.str(); // the least that there is
    avx512 = cpu == "x86-64-v4";
    avx = avx512 || cpu == "x86-64-v3";
    if (avx512)
      features.AddFeature("prefer-256-bit", false);
  } else {
    return error("unknown processor '" + cpu +
                 "'; expected native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4");
  }
  machine.features = features.getString();
  machine.rows = avx512 ? 8 : 4;
  machine.cols = avx512 ? 32 : avx ? 16 : 8;
  machine.fused = avx;
  std::unique_ptr<llvm::TargetMachine> result(
      target->createTargetMachine(triple, machine.cpu, machine.features, llvm::TargetOptions(),
                                  llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Less));
  if (!result)
    return error("no code generator for processor '" + machine.cpu + "'");
  return result;
}

} // namespace apical
