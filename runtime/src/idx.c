//===- idx.c - IDX files, as of MNIST ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two zero bytes, the element type, the rank; the sizes as big-endian 32-bit
// numbers; the elements, big-endian.
//
//===----------------------------------------------------------------------===//
#include "input.h"

#include <stdlib.h>
#include <string.h>

static int typeOfCode(int code) {
  switch (code) {
  case 0x08:
    return APICAL_U8;
  case 0x09:
    return APICAL_I8;
  case 0x0B:
    return APICAL_I16;
  case 0x0C:
    return APICAL_I32;
  case 0x0D:
    return APICAL_F32;
  case 0x0E:
    return APICAL_F64;
  default:
    return -1;
  }
}

static void toNative(void *data, int64_t count, int64_t size) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  unsigned char *bytes = data;
  for (int64_t i = 0; i < count; ++i, bytes += size)
    for (int64_t j = 0; j < size / 2; ++j) {
      unsigned char byte = bytes[j];
      bytes[j] = bytes[size - 1 - j];
      bytes[size - 1 - j] = byte;
    }
#else
  (void)data, (void)count, (void)size;
#endif
}

int readIdx(input *in, apical_data_info *info, void **data, apical_error *error) {
  unsigned char magic[8];
  int64_t got;
  int failed = readSome(in, magic, 4, &got, error);
  if (failed)
    return failed;
  if (got < 4 || magic[0] || magic[1] || magic[3] == 0 || typeOfCode(magic[2]) < 0) {
    if (got == 4 && !magic[0] && !magic[1] && magic[3])
      return apical_fail(error, APICAL_ERROR_FORMAT,
                         "%s is not a known IDX file: its element type is 0x%02x, expected one "
                         "of 08 09 0b 0c 0d 0e",
                         in->path, magic[2]);
    int64_t more = 0;
    if (got == 4 && (failed = readSome(in, magic + 4, 4, &more, error)))
      return failed;
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is not an IDX file: expected it to start with 00 00, an element type "
                       "and a rank; it looks like %s",
                       in->path, guessFormat(magic, got + more));
  }
  info->type = typeOfCode(magic[2]);
  info->rank = magic[3];
  if (info->rank > APICAL_MAX_RANK)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s has %d dimensions, at most %d are supported; reshape the data", in->path,
                       magic[3], APICAL_MAX_RANK);
  unsigned char sizes[4 * APICAL_MAX_RANK];
  if ((failed = readAll(in, sizes, 4 * info->rank, "the list of sizes", error)))
    return failed;
  for (int i = 0; i < info->rank; ++i)
    info->shape[i] = (int64_t)((uint32_t)sizes[4 * i] << 24 | (uint32_t)sizes[4 * i + 1] << 16 |
                               (uint32_t)sizes[4 * i + 2] << 8 | sizes[4 * i + 3]);
  if ((failed = completeInfo(in->path, info, error)))
    return failed;
  if (!data)
    return 0;
  if ((failed = readElements(in, info, data, error)))
    return failed;
  toNative(*data, info->rows * info->elements, apical_type_size(info->type));
  return 0;
}
