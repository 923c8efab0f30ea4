//===- Output.cpp - files that are written whole or not at all ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Output.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <sys/stat.h>

namespace apical {

static llvm::Error cannotWrite(llvm::StringRef path, std::error_code code) {
  return llvm::createStringError(code, "cannot write `" + path.str() + "`: " + code.message());
}

llvm::Expected<Output> Output::create(llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return cannotWrite(path, std::make_error_code(std::errc::is_a_directory));
  llvm::SmallString<256> place;
  int file;
  if (auto code = llvm::sys::fs::createUniqueFile(path + ".tmp-%%%%%%", file, place))
    return cannotWrite(path, code);
  llvm::sys::Process::SafelyCloseFileDescriptor(file);
  return Output(path.str(), place.str().str());
}

Output::Output(Output &&other) : path(std::move(other.path)), place(std::move(other.place)) {
  other.place.clear();
}

Output::~Output() {
  if (!place.empty())
    llvm::sys::fs::remove(place);
}

llvm::Error Output::write(llvm::StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream file(place, code);
  if (code)
    return cannotWrite(path, code);
  file << bytes;
  file.close();
  if (!file.has_error())
    return llvm::Error::success();
  code = file.error();
  file.clear_error();
  return cannotWrite(path, code);
}

llvm::Error Output::keep(bool executable) {
  // As if the file had just been created, not as a temporary one.
  mode_t mask = umask(0);
  umask(mask);
  mode_t mode = (executable ? 0777 : 0666) & ~mask;
  if (chmod(place.c_str(), mode) != 0)
    return cannotWrite(path, std::error_code(errno, std::generic_category()));
  if (auto code = llvm::sys::fs::rename(place, path))
    return cannotWrite(path, code);
  place.clear();
  return llvm::Error::success();
}

llvm::Error writeOutput(llvm::StringRef path, llvm::StringRef bytes) {
  auto output = Output::create(path);
  if (!output)
    return output.takeError();
  if (auto failed = output->write(bytes))
    return failed;
  return output->keep();
}

} // namespace apical
