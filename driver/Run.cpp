//===- Run.cpp - the run command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Commands.h"
#include "driver/Engine.h"
#include "driver/Session.h"
#include "llvm/Support/Path.h"
#include <ctime>

namespace apical {

Execution executionOf(const Invocation &invocation) {
  Execution execution;
  execution.interpret = invocation.interpret;
  execution.threads = invocation.run.threads;
  if (!invocation.cpu.empty())
    execution.cpu = invocation.cpu;
  return execution;
}

void addModelFolders(const Session &session, Invocation &invocation) {
  apical_run_options &options = invocation.run;
  for (size_t k = static_cast<size_t>(options.directory_count);
       k < session.dataFolders.size() && options.directory_count < APICAL_MAX_LIST; ++k)
    options.directories[options.directory_count++] = session.dataFolders[k].c_str();
}

bool nothingToRun(Session &session, const Invocation &invocation) {
  if (llvm::any_of(session.files[0].body,
                   [](const ast::Stmt *s) { return llvm::isa<ast::ExperimentDecl>(s); }))
    return false;
  session.diags.error(Code::NothingToRun, {}, "the model has no experiment to run")
      .hint("add a `train` or a `test`");
  report(session, invocation);
  return true;
}

int runCommand(Invocation &invocation) {
  Stopwatch stopwatch;
  stopwatch.add("start", static_cast<double>(clock()) / CLOCKS_PER_SEC); // loading the compiler
  Session session(invocation.folders);
  auto module = loadModule(session, invocation);
  if (!module)
    return 1;
  if (!invocation.run.list && nothingToRun(session, invocation))
    return 1;
  stopwatch.lap("parse and check");
  Execution execution = executionOf(invocation);
  execution.stopwatch = &stopwatch;
  execution.lazy = true;
  auto engine = makeEngine(*module, llvm::sys::path::filename(invocation.file), execution);
  if (!engine)
    return fail(llvm::toString(engine.takeError()));
  if (invocation.time) {
    llvm::errs() << "compiled: ";
    stopwatch.print(llvm::errs());
  }
  const apical_program *program = (*engine)->program();
  if (invocation.run.list) {
    apical_list(program, stdout);
    return 0;
  }
  addModelFolders(session, invocation);
  return apical_run_program(program, &invocation.run);
}

} // namespace apical
