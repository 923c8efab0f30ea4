//===- Jit.cpp - runs an object file in this process ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Jit.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

namespace apical {

struct Jit::Impl {
  std::unique_ptr<llvm::orc::LLJIT> engine;
};

Jit::Jit(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Jit::~Jit() = default;

llvm::Expected<std::unique_ptr<Jit>> Jit::load(const CompiledProgram &compiled,
                                               const CompileOptions &options) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto engine = llvm::orc::LLJITBuilder().create();
  if (!engine)
    return engine.takeError();
  auto &library = (*engine)->getMainJITDylib();
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*engine)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  // A host that loads us as a plug-in need not show us its mathematics library.
  if (auto mathematics = llvm::orc::DynamicLibrarySearchGenerator::Load(
          "libm.so.6", (*engine)->getDataLayout().getGlobalPrefix()))
    library.addGenerator(std::move(*mathematics));
  else
    llvm::consumeError(mathematics.takeError());
  llvm::orc::SymbolMap symbols;
  symbols[(*engine)->mangleAndIntern("apical_parallel_for")] = {
      llvm::orc::ExecutorAddr::fromPtr(&apical_parallel_for), llvm::JITSymbolFlags::Exported};
  symbols[(*engine)->mangleAndIntern("apical_orthogonal")] = {
      llvm::orc::ExecutorAddr::fromPtr(&apical_orthogonal), llvm::JITSymbolFlags::Exported};
  symbols[(*engine)->mangleAndIntern("apical_rank")] = {
      llvm::orc::ExecutorAddr::fromPtr(&apical_rank), llvm::JITSymbolFlags::Exported};
  symbols[(*engine)->mangleAndIntern("apical_unfold")] = {
      llvm::orc::ExecutorAddr::fromPtr(&apical_unfold), llvm::JITSymbolFlags::Exported};
  symbols[(*engine)->mangleAndIntern("apical_fold")] = {
      llvm::orc::ExecutorAddr::fromPtr(&apical_fold), llvm::JITSymbolFlags::Exported};
  for (const Export &wanted : options.exports)
    symbols[(*engine)->mangleAndIntern(wanted.target)] = {
        llvm::orc::ExecutorAddr::fromPtr(wanted.address), llvm::JITSymbolFlags::Exported};
  if (auto failed = library.define(llvm::orc::absoluteSymbols(symbols)))
    return failed;
  std::vector<llvm::SmallVector<char, 0>> objects(compiled.more);
  objects.push_back(compiled.object);
  for (auto &object : objects)
    if (auto failed = (*engine)->addObjectFile(
            std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), "model.o", false)))
      return failed;
  auto table = (*engine)->lookup(options.symbol);
  if (!table)
    return table.takeError();
  auto impl = std::make_unique<Impl>();
  impl->engine = std::move(*engine);
  std::unique_ptr<Jit> jit(new Jit(std::move(impl)));
  jit->table = table->toPtr<const apical_program *>();
  return jit;
}

} // namespace apical
