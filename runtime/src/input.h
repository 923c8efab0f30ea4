//===- input.h - reading plain or gzipped data files ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_INPUT_H
#define APICAL_INPUT_H

#include "apical/runtime.h"

#include <zlib.h>

/// An open data file; zlib passes plain files through.
typedef struct input {
  const char *path;
  gzFile file;
  int64_t size; ///< bytes on disk
} input;

int openInput(input *in, const char *path, apical_error *error);
void closeInput(input *in);

/// Reads up to `size` bytes; `*got` tells how many there were.
int readSome(input *in, void *out, int64_t size, int64_t *got, apical_error *error);

/// Reads `size` bytes or fails, saying that `what` is cut short.
int readAll(input *in, void *out, int64_t size, const char *what, apical_error *error);

/// Reads the elements described by `info`, which must be all that is left of
/// the file, into new memory. Sizes are checked before memory is asked for.
int readElements(input *in, const apical_data_info *info, void **data, apical_error *error);

/// Fills rows and elements from rank and shape. Fails on overflow.
int completeInfo(const char *path, apical_data_info *info, apical_error *error);

/// What a file that starts with `bytes` looks like, for messages.
const char *guessFormat(const unsigned char *bytes, int64_t count);

// One reader for each format. `data` is null to read no more than is needed
// to know `info`.
int readIdx(input *in, apical_data_info *info, void **data, apical_error *error);
int readNpy(input *in, apical_data_info *info, void **data, apical_error *error);
int readCsv(input *in, const char *field, apical_data_info *info, void **data, apical_error *error);

#endif // APICAL_INPUT_H
