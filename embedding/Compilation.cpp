//===- Compilation.cpp - the C interface of the compiler ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/compiler.h"
#include "driver/Engine.h"
#include "driver/Session.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace apical;

struct apical_compilation {
  std::unique_ptr<Session> session;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Engine> engine;
  std::string text, json;

  /// An error that has no place in the source.
  void fail(llvm::Error error) {
    std::string message = llvm::toString(std::move(error));
    text += "error: " + message + "\n";
    llvm::raw_string_ostream(json)
        << llvm::json::Value(llvm::json::Object{{"severity", "error"}, {"message", message}})
        << "\n";
  }

  void collectDiagnostics() {
    llvm::raw_string_ostream textStream(text), jsonStream(json);
    session->diags.print(textStream, /*color=*/false);
    if (!text.empty())
      session->diags.printJson(jsonStream);
  }
};

static apical_compilation *compileModel(const char *name, const apical_compile_options *given,
                                        llvm::function_ref<bool(Session &)> load) {
  apical_compile_options options = given ? *given : apical_compile_options{};
  std::vector<std::string> folders;
  for (int k = 0; k < options.directory_count; ++k)
    folders.push_back(options.directories[k]);
  auto result = std::make_unique<apical_compilation>();
  result->session = std::make_unique<Session>(folders);
  result->session->arrays = {options.arrays, static_cast<size_t>(options.array_count)};
  if (load(*result->session))
    result->module = result->session->elaborate();
  result->session->arrays = {}; // borrowed for this call only
  result->collectDiagnostics();
  if (!result->module || result->session->diags.hasErrors())
    return result.release();
  Execution execution;
  execution.interpret = options.interpret != 0;
  execution.threads = options.threads;
  if (options.cpu)
    execution.cpu = options.cpu;
  auto engine = makeEngine(*result->module, llvm::sys::path::filename(name), execution);
  if (engine)
    result->engine = std::move(*engine);
  else
    result->fail(engine.takeError());
  return result.release();
}

apical_compilation *apical_compile_file(const char *path, const apical_compile_options *options) {
  return compileModel(path, options, [&](Session &session) { return session.load(path); });
}

apical_compilation *apical_compile_text(const char *text, const char *name,
                                        const apical_compile_options *options) {
  return compileModel(name, options,
                      [&](Session &session) { return session.loadText(text, name); });
}

void apical_compilation_destroy(apical_compilation *compilation) { delete compilation; }

const apical_program *apical_compilation_program(const apical_compilation *compilation) {
  return compilation->engine ? compilation->engine->program() : nullptr;
}

const char *apical_compilation_diagnostics(const apical_compilation *compilation,
                                           apical_form form) {
  return (form == APICAL_JSON ? compilation->json : compilation->text).c_str();
}
