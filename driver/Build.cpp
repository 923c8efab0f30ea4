//===- Build.cpp - the build command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"
#include "codegen/Compile.h"
#include "codegen/Jit.h"
#include "driver/Commands.h"
#include "driver/Engine.h"
#include "driver/Installation.h"
#include "driver/InterpretedProgram.h"
#include "driver/Library.h"
#include "driver/Output.h"
#include "driver/Session.h"
#include "ir/ApicalDialect.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstdlib>

using namespace mlir;

namespace apical {
namespace {

llvm::Error problem(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Gives parameters the defaults that --set asks for.
llvm::Error applySettings(ModuleOp module, const apical_run_options &options) {
  InterpretedProgram tables(module, "");
  llvm::SmallVector<ir::ParamOp> params(module.getOps<ir::ParamOp>());
  for (int k = 0; k < options.setting_count; ++k) {
    apical_error error{};
    int index;
    double value;
    if (apical_parse_setting(tables.get(), options.settings[k], &index, &value, &error))
      return problem(error.message);
    params[index].setValueAttr(Builder(module.getContext()).getF64FloatAttr(value));
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readRuntime(std::string &path) {
  path = findInstalled({"lib/libapical_runtime.a", APICAL_LIBDIR "/libapical_runtime.a"});
  if (path.empty())
    return problem("the runtime library, libapical_runtime.a, is not beside the program; install "
                   "Apical again, or run it from its build tree");
  auto bytes = llvm::MemoryBuffer::getFile(path);
  if (!bytes)
    return problem("cannot read `" + path + "`: " + bytes.getError().message());
  return std::move(*bytes);
}

/// The system's compiler driver, which knows where the C library is.
std::string findLinker() {
  llvm::SmallVector<llvm::StringRef> names{"cc", "clang", "gcc", "clang-19"};
  if (const char *chosen = std::getenv("CC"); chosen && *chosen)
    names.insert(names.begin(), chosen);
  for (llvm::StringRef name : names)
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return "";
}

/// What a failed linker said, as far as it fits into a message.
std::string complaint(llvm::StringRef file) {
  auto text = llvm::MemoryBuffer::getFile(file);
  if (!text)
    return "";
  llvm::SmallVector<llvm::StringRef> lines;
  (*text)->getBuffer().split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines)
    if (line.contains("error") || line.contains("cannot find") || line.contains("undefined"))
      return line.str();
  return lines.empty() ? "" : lines.front().str();
}

llvm::Error link(llvm::ArrayRef<llvm::StringRef> objects, llvm::StringRef target) {
  std::string linker = findLinker(), runtime;
  if (linker.empty())
    return problem("an executable is linked by the system's C compiler, and neither cc, clang nor "
                   "gcc is on the path; install one (on Debian: gcc), name it in CC, or use "
                   "--emit=object");
  if (auto bytes = readRuntime(runtime); !bytes)
    return bytes.takeError();
  auto log = Output::create(target.str() + ".log");
  if (!log)
    return log.takeError();
  llvm::SmallVector<llvm::StringRef> arguments{linker, "-static", "-s", "-Wl,--gc-sections",
                                               "-o",   target};
  llvm::append_range(arguments, objects);
  llvm::append_range(arguments,
                     llvm::ArrayRef<llvm::StringRef>{runtime, "-lz", "-lm", "-lpthread"});
  std::optional<llvm::StringRef> streams[] = {std::nullopt, log->temporary(), log->temporary()};
  std::string why;
  int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, streams, 0, 0, &why);
  if (!status)
    return llvm::Error::success();
  if (why.empty())
    why = complaint(log->temporary());
  return problem("`" + linker + "` cannot link the program: " + why +
                 "\nit needs the static C library and zlib (on Debian: libc6-dev, zlib1g-dev)");
}

/// Code for every level of processors, or for the one that is asked for, and a `main` that takes the
/// best of them that the machine runs.
llvm::Error buildExecutable(ModuleOp module, CompileOptions options, llvm::StringRef path) {
  llvm::SmallVector<std::string> levels{options.cpu};
  if (options.cpu.empty())
    levels.assign(processorLevels().begin(), processorLevels().end());
  std::vector<std::unique_ptr<Output>> objects;
  llvm::SmallVector<llvm::StringRef> names;
  for (const std::string &level : levels) {
    options.cpu = level;
    bool last = level == levels.back();
    options.symbol = "apical_program" + (last ? "" : "_for_" + identifier(level));
    if (last)
      options.exports.push_back({"main", "apical_main_for", "iipA"});
    auto compiled = compile(module, options);
    if (!compiled)
      return compiled.takeError();
    options.alternatives.push_back(options.symbol);
    auto object = Output::create(path.str() + ".o");
    if (!object)
      return object.takeError();
    if (auto failed = object->write({compiled->object.data(), compiled->object.size()}))
      return failed;
    objects.push_back(std::make_unique<Output>(std::move(*object)));
    names.push_back(objects.back()->temporary());
  }
  auto program = Output::create(path);
  if (!program)
    return program.takeError();
  if (auto failed = link(names, program->temporary()))
    return failed;
  return program->keep(/*executable=*/true);
}

/// The object and the members of the runtime in one archive.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> archive(const CompiledProgram &compiled,
                                                            llvm::StringRef name) {
  std::string path;
  auto runtime = readRuntime(path);
  if (!runtime)
    return runtime.takeError();
  auto old = llvm::object::Archive::create(**runtime);
  if (!old)
    return problem("`" + path + "` is damaged: " + llvm::toString(old.takeError()));
  std::vector<llvm::NewArchiveMember> members;
  std::string memberName = name.str() + ".o";
  members.emplace_back(
      llvm::MemoryBufferRef({compiled.object.data(), compiled.object.size()}, memberName));
  llvm::Error damaged = llvm::Error::success();
  for (const auto &child : (*old)->children(damaged)) {
    auto member = llvm::NewArchiveMember::getOldMember(child, /*Deterministic=*/true);
    if (!member) {
      llvm::consumeError(std::move(damaged));
      return member.takeError();
    }
    members.push_back(std::move(*member));
  }
  if (damaged)
    return damaged;
  return llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                    llvm::object::Archive::K_GNU, /*Deterministic=*/true,
                                    /*Thin=*/false);
}

/// The header, and beside it the object or the archive.
llvm::Error buildLibrary(const CompiledProgram &compiled, llvm::StringRef path,
                         const CompileOptions &options, llvm::StringRef prefix, bool withRuntime) {
  auto jit = Jit::load(compiled, options); // to read the tables; nothing of it runs
  if (!jit)
    return jit.takeError();
  llvm::SmallString<256> headerPath(path);
  llvm::sys::path::remove_filename(headerPath);
  llvm::sys::path::append(headerPath, prefix + ".h");
  std::string name = llvm::sys::path::filename(path).str();
  std::string how =
      "Link with " + name + (withRuntime ? "" : " -lapical_runtime") + " -lz -lm -lpthread.";
  auto header = Output::create(headerPath);
  if (!header)
    return header.takeError();
  if (auto failed = header->write(libraryHeader(*(*jit)->program(), prefix, how)))
    return failed;
  llvm::StringRef bytes(compiled.object.data(), compiled.object.size());
  std::unique_ptr<llvm::MemoryBuffer> whole;
  if (withRuntime) {
    auto made = archive(compiled, prefix);
    if (!made)
      return made.takeError();
    whole = std::move(*made);
    bytes = whole->getBuffer();
  }
  if (auto failed = writeOutput(path, bytes))
    return failed;
  return header->keep();
}

} // namespace

static std::string defaultOutput(const Invocation &invocation) {
  std::string name = llvm::sys::path::stem(invocation.file).str();
  if (invocation.emit == "library")
    return "lib" + name + ".a";
  return invocation.emit == "object" ? name + ".o" : name;
}

static llvm::Error build(ModuleOp module, const Invocation &invocation) {
  bool executable = invocation.emit == "executable";
  std::string prefix = identifier(invocation.prefix.empty() ? llvm::sys::path::stem(invocation.file)
                                                            : llvm::StringRef(invocation.prefix));
  std::string path = invocation.output.empty() ? defaultOutput(invocation) : invocation.output;
  if (llvm::sys::fs::equivalent(path, invocation.file))
    return problem("`" + path + "` is the model itself: name another file with -o");
  if (auto failed = applySettings(module, invocation.run))
    return failed;
  if (auto failed = runDialectPasses(module))
    return failed;
  CompileOptions options;
  options.cpu = invocation.cpu;
  options.threads = 2; // as many as the program is given
  options.name = llvm::sys::path::filename(invocation.file).str();
  if (executable)
    return buildExecutable(module, options, path);
  if (options.cpu.empty())
    options.cpu = "x86-64-v3"; // one object, one processor
  options.symbol = prefix + "_program";
  options.exports = libraryExports(prefix);
  auto compiled = compile(module, options);
  if (!compiled)
    return compiled.takeError();
  return buildLibrary(*compiled, path, options, prefix, invocation.emit == "library");
}

int buildCommand(Invocation &invocation) {
  Session session(invocation.folders);
  session.forThisMachine = false;
  auto module = loadModule(session, invocation);
  if (!module || nothingToRun(session, invocation))
    return 1;
  if (auto failed = build(*module, invocation))
    return fail(llvm::toString(std::move(failed)));
  return 0;
}

} // namespace apical
