//===- Session.cpp - one compilation: from a file to a module ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Session.h"
#include "apical/runtime.h"
#include "codegen/Compile.h"
#include "driver/Installation.h"
#include "frontend/Elaborate.h"
#include "ir/ApicalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstdlib>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace apical {

static mlir::DialectRegistry dialects() {
  mlir::DialectRegistry registry;
  registry.insert<ir::ApicalDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  registerCodegen(registry);
  return registry;
}

Session::Session(std::vector<std::string> dataFolders)
    : context(dialects(), mlir::MLIRContext::Threading::DISABLED),
      dataFolders(std::move(dataFolders)) {
  context.loadAllAvailableDialects();
  // What MLIR has to say is about the compiler, not about the model.
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &defect) {
    if (std::getenv("APICAL_DEFECTS"))
      llvm::errs() << defect.getLocation() << ": " << defect << "\n";
    return mlir::success();
  });
}

bool Session::read(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  uint32_t id = sources.add(path, buffer ? (*buffer)->getBuffer().str() : "");
  if (!buffer) {
    diags.error(Code::CannotRead, {id, 0, 0},
                "cannot read `" + path + "`: " + buffer.getError().message());
    return false;
  }
  files.push_back(parse(id, sources, ast, diags));
  return true;
}

bool Session::load(llvm::StringRef path) {
  if (!read(path.str()))
    return false;
  llvm::SmallString<256> folder(path);
  llvm::sys::path::remove_filename(folder);
  dataFolders.push_back(folder.empty() ? "." : folder.str().str());
  return loadLibrary();
}

bool Session::loadText(llvm::StringRef text, llvm::StringRef name) {
  files.push_back(parse(sources.add(name.str(), text.str()), sources, ast, diags));
  return loadLibrary();
}

bool Session::loadLibrary() {
  bool loaded = false;
  for (size_t k = 0; k < files[0].body.size(); ++k) {
    auto *use = llvm::dyn_cast<ast::UseDecl>(files[0].body[k]);
    if (!use)
      continue;
    if (use->name.text != "std") {
      diags.error(Code::UnknownName, use->name.span, "unknown library `" + use->name.text + "`")
          .hint("the library is called `std`");
      continue;
    }
    if (std::exchange(loaded, true))
      continue;
    std::vector<std::string> paths;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(findInstalled({"share/apical/std"}), error), end;
         it != end && !error; it.increment(error))
      if (llvm::StringRef(it->path()).ends_with(".apical"))
        paths.push_back(it->path());
    std::sort(paths.begin(), paths.end());
    if (paths.empty())
      diags.error(Code::CannotRead, use->name.span, "the library `std` is not beside the program")
          .hint("install Apical again, or run it from its build tree");
    for (auto &p : paths)
      read(p);
  }
  return !diags.hasErrors();
}

static ColumnInfo columnInfo(const apical_data_info &data) {
  return {data.type, data.rows, {data.shape + 1, data.shape + data.rank}};
}

/// What this process may use: the machine's memory, or less where a limit is set.
static double memoryOfMachine() {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    bytes = std::min(bytes, static_cast<double>(limit.rlim_cur));
  return std::max(bytes, 0.);
}

mlir::OwningOpRef<mlir::ModuleOp> Session::elaborate(sema::Account *account, bool withoutData) {
  ElaborateOptions options;
  options.account = account;
  options.withoutData = withoutData;
  options.memory = {forThisMachine ? memoryOfMachine() : 0, interpreted};
  auto find = [this](llvm::StringRef path, char(&found)[4096], std::string &why) {
    std::vector<const char *> folders;
    for (auto &d : dataFolders)
      folders.push_back(d.c_str());
    apical_error error{};
    bool lost = apical_data_find(path.str().c_str(), folders.data(),
                                 static_cast<int>(folders.size()), found, sizeof found, &error);
    why = lost ? error.message : "";
    return !lost;
  };
  options.load = [this, find](llvm::StringRef path, int format, llvm::StringRef field,
                              std::vector<double> &values, std::string &why) {
    auto take = [&](const void *data, const apical_data_info &info) {
      for (int64_t k = 0; k < info.rows * info.elements; ++k)
        values.push_back(apical_number_at(data, info.type, k));
      return true;
    };
    if (const apical_array *array = apical_find_array(arrays.data(), arrays.size(),
                                                      path.str().c_str(), field.str().c_str()))
      return take(array->data, array->info);
    char found[4096];
    if (!find(path, found, why))
      return false;
    void *data = nullptr;
    apical_error error{};
    apical_data_info info{};
    if (apical_data_load(found, format, field.str().c_str(), &data, &info, &error)) {
      why = error.message;
      return false;
    }
    take(data, info);
    free(data);
    return true;
  };
  options.probe = [this, find](llvm::StringRef path, int format, llvm::StringRef field,
                               ColumnInfo &info, std::string &why) {
    if (const apical_array *array = apical_find_array(arrays.data(), arrays.size(),
                                                      path.str().c_str(), field.str().c_str())) {
      info = columnInfo(array->info);
      return true;
    }
    char found[4096];
    if (!find(path, found, why))
      return false;
    apical_error error{};
    apical_data_info data{};
    info.found = true;
    if (apical_data_probe(found, format, field.str().c_str(), &data, &error)) {
      why = error.message;
      return false;
    }
    info = columnInfo(data);
    return true;
  };
  return apical::elaborate(files, sources, diags, context, options);
}

} // namespace apical
