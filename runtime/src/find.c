//===- find.c - where data files are ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct search {
  const char *path;
  char *out;
  size_t size;
  char tried[1400]; ///< the places, for the message
  size_t used;
} search;

static int isFile(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/// Looks for the file, then for the file with .gz, under `directory`, which is
/// "" for the path as it stands.
static int look(search *s, const char *directory, const char *below) {
  size_t length = strlen(directory);
  const char *slash = length && directory[length - 1] != '/' ? "/" : "";
  int n = snprintf(s->out, s->size, "%s%s%s%s.gz", directory, *below ? below : "",
                   *below ? "/" : slash, s->path);
  if (n < 0 || (size_t)n >= s->size)
    return 0;
  s->out[n - 3] = 0;
  if (isFile(s->out))
    return 1;
  int written = snprintf(s->tried + s->used, sizeof s->tried - s->used, "\n  %s", s->out);
  if (written > 0 && s->used + (size_t)written < sizeof s->tried)
    s->used += (size_t)written;
  else
    s->tried[s->used] = 0;
  s->out[n - 3] = '.';
  return isFile(s->out);
}

int apical_data_find(const char *path, const char *const *directories, int directory_count,
                     char *out, size_t size, apical_error *error) {
  search s = {.path = path, .out = out, .size = size};
  if (*path == '/') {
    if (look(&s, "", ""))
      return 0;
    out[0] = 0;
    return apical_fail(error, APICAL_ERROR_FILE,
                       "cannot find data file %s (nor %s.gz); correct the path", path, path);
  }
  int found = 0;
  for (int i = 0; i < directory_count && !found; ++i)
    found = look(&s, directories[i] && *directories[i] ? directories[i] : ".", "");
  const char *variable = getenv("APICAL_DATA");
  if (!found && variable && *variable)
    found = look(&s, variable, "");
  if (!found)
    found = look(&s, "data", "");
  const char *home = getenv("XDG_DATA_HOME");
  if (!found && home && *home == '/') {
    found = look(&s, home, "/apical");
  } else if (!found) {
    home = getenv("HOME");
    if (home && *home)
      found = look(&s, home, "/.local/share/apical");
  }
  if (!found)
    found = look(&s, "/usr/local/share/datasets", "") || look(&s, "/usr/share/datasets", "");
  if (found)
    return 0;
  if (size)
    out[0] = 0;
  return apical_fail(error, APICAL_ERROR_FILE,
                     "cannot find data file '%s'; name its folder with --data DIR or the "
                     "environment variable APICAL_DATA. tried, each with and without .gz:%s",
                     path, s.tried);
}
