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

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"

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

llvm::Expected<llvm::SmallVector<char, 0>> emitCode(llvm::Module &module,
                                                    llvm::TargetMachine &target, Stage stage) {
  if (auto failed = optimize(module, target))
    return failed;
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (stage == Stage::LLVMIR) {
    module.print(stream, nullptr);
    return bytes;
  }
  auto type = stage == Stage::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                       : llvm::CodeGenFileType::ObjectFile;
  llvm::legacy::PassManager passes;
  if (target.addPassesToEmitFile(passes, stream, nullptr, type))
    return error("this machine's code generator writes no object files");
  passes.run(module);
  return bytes;
}

} // namespace apical
