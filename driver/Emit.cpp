//===- Emit.cpp - the emit command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "codegen/Compile.h"
#include "driver/Commands.h"
#include "driver/Engine.h"
#include "driver/Output.h"
#include "driver/Session.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

using namespace mlir;

namespace apical {

static std::optional<Stage> stageOfCode(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<Stage>>(name)
      .Case("linalg", Stage::Linalg)
      .Case("vector", Stage::Vector)
      .Case("llvm-dialect", Stage::LLVMDialect)
      .Case("llvm-ir", Stage::LLVMIR)
      .Case("asm", Stage::Assembly)
      .Case("obj", Stage::Object)
      .Default(std::nullopt);
}

/// The text of a stage behind the front end; empty after an error.
static std::string emitModule(ModuleOp module, const Invocation &invocation) {
  llvm::StringRef stage = invocation.stage;
  auto failWith = [](llvm::Error error) {
    fail(llvm::toString(std::move(error)));
    return std::string();
  };
  if (stage == "differentiated") {
    PassManager passes(module.getContext());
    passes.addPass(createDifferentiate());
    if (failed(passes.run(module)))
      return failWith(llvm::createStringError("a defect of the compiler: a derivative could not "
                                              "be made; please report it"));
  } else if (stage != "apical") {
    if (auto failed = runDialectPasses(module))
      return failWith(std::move(failed));
  }
  std::optional<Stage> code = stageOfCode(stage);
  if (!code) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    stream << "\n";
    return text;
  }
  CompileOptions options;
  if (!invocation.cpu.empty())
    options.cpu = invocation.cpu;
  options.name = llvm::sys::path::filename(invocation.file).str();
  options.stop = *code;
  auto compiled = compile(module, options);
  if (!compiled)
    return failWith(compiled.takeError());
  return std::string(compiled->object.begin(), compiled->object.end());
}

static int deliver(llvm::StringRef text, const Invocation &invocation) {
  if (!invocation.output.empty()) {
    if (llvm::sys::fs::equivalent(invocation.output, invocation.file))
      return fail("`" + invocation.output + "` is the model itself: name another file with -o");
    if (auto failed = writeOutput(invocation.output, text))
      return fail(llvm::toString(std::move(failed)));
    return 0;
  }
  if (invocation.stage == "obj" && llvm::outs().is_displayed())
    return misuse("an object file is not for a terminal: name a file with -o", "emit");
  llvm::outs() << text;
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return 0;
  std::string why = llvm::outs().error().message();
  llvm::outs().clear_error();
  return fail("cannot write to the standard output: " + why);
}

int emitCommand(Invocation &invocation) {
  Session session(invocation.folders);
  std::string text;
  if (invocation.stage == "tokens" || invocation.stage == "ast") {
    session.load(invocation.file);
    llvm::raw_string_ostream stream(text);
    if (invocation.stage == "tokens")
      dumpTokens(0, session.sources, session.diags, stream);
    else if (!session.files.empty())
      ast::dump(session.files[0], session.sources, stream);
    int status = report(session, invocation);
    bool partial = status && !invocation.output.empty();
    int written = partial ? 0 : deliver(text, invocation);
    return written ? written : status;
  }
  auto module = loadModule(session, invocation);
  if (!module)
    return 1;
  text = emitModule(*module, invocation);
  return text.empty() ? 1 : deliver(text, invocation);
}

} // namespace apical
