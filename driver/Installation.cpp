//===- Installation.cpp - what lies beside this program ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Installation.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>
#include <link.h>

namespace apical {

/// The file that holds this code: the program itself, or a shared library.
static std::string thisFile() {
  static int anchor;
  Dl_info info;
  link_map *map = nullptr;
  bool library = dladdr1(&anchor, &info, reinterpret_cast<void **>(&map), RTLD_DL_LINKMAP) && map &&
                 map->l_name && *map->l_name;
  llvm::SmallString<256> real;
  if (library && !llvm::sys::fs::real_path(map->l_name, real))
    return real.str().str();
  return llvm::sys::fs::getMainExecutable(nullptr, &anchor);
}

std::string findInstalled(llvm::ArrayRef<llvm::StringRef> candidates) {
  const int deepest = 4; // PREFIX/lib/ARCHITECTURE/libapical.so
  llvm::SmallString<256> folder(thisFile());
  for (int depth = 0; depth < deepest && !folder.empty(); ++depth) {
    llvm::sys::path::remove_filename(folder);
    for (llvm::StringRef candidate : candidates) {
      llvm::SmallString<256> path(folder);
      llvm::sys::path::append(path, candidate);
      if (llvm::sys::fs::exists(path))
        return path.str().str();
    }
  }
  return "";
}

} // namespace apical
