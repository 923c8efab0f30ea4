//===- header.h - the header of a safetensors file ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_HEADER_H
#define APICAL_HEADER_H

#include "apical/runtime.h"

#define TENSOR_RANK 16

/// One array of the file; its bytes are [from, to) after the header.
typedef struct tensor {
  char *name;
  int32_t type; ///< apical_type
  int32_t rank;
  int64_t shape[TENSOR_RANK];
  int64_t from, to;
} tensor;

typedef struct entry {
  char *key, *value;
} entry;

typedef struct header {
  tensor *tensors;
  int64_t tensorCount;
  entry *metadata;
  int64_t metadataCount;
} header;

/// Parses `length` bytes of JSON: exactly what a safetensors header may hold.
/// `path` is for messages. Release with freeHeader, also after a failure.
int parseHeader(const char *path, const char *text, int64_t length, header *out,
                apical_error *error);
void freeHeader(header *h);

/// The metadata under `key`, or null.
const char *findMetadata(const header *h, const char *key);

/// The name that safetensors gives an apical_type: "F32".
const char *tensorTypeName(int32_t type);

/// Text that grows. After a failure to grow, `failed` is set and stays set.
typedef struct text {
  char *bytes;
  size_t length, room;
  int failed;
} text;

void appendText(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Appends `string` as a JSON string with its quotes.
void appendQuoted(text *t, const char *string);

#endif // APICAL_HEADER_H
