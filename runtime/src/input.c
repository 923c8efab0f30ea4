//===- input.c - reading plain or gzipped data files ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int openInput(input *in, const char *path, apical_error *error) {
  struct stat status;
  in->path = path;
  in->file = NULL;
  if (stat(path, &status) != 0)
    return apical_fail(error, APICAL_ERROR_FILE, "cannot open data file %s: %s", path,
                       strerror(errno));
  if (!S_ISREG(status.st_mode))
    return apical_fail(error, APICAL_ERROR_FILE, "cannot read %s: it is %s; name a file", path,
                       S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  in->size = (int64_t)status.st_size;
  errno = 0;
  in->file = gzopen(path, "rb");
  if (!in->file)
    return apical_fail(error, errno ? APICAL_ERROR_FILE : APICAL_ERROR_MEMORY,
                       "cannot open data file %s: %s", path,
                       errno ? strerror(errno) : "out of memory");
  gzbuffer(in->file, 1 << 18);
  return 0;
}

void closeInput(input *in) {
  if (in->file)
    gzclose(in->file);
  in->file = NULL;
}

int readSome(input *in, void *out, int64_t size, int64_t *got, apical_error *error) {
  *got = 0;
  while (*got < size) {
    int64_t left = size - *got;
    unsigned step = left > 1 << 30 ? 1u << 30 : (unsigned)left;
    int n = gzread(in->file, (char *)out + *got, step);
    if (n == 0)
      break;
    if (n < 0) {
      int code;
      const char *text = gzerror(in->file, &code);
      if (code == Z_ERRNO)
        return apical_fail(error, APICAL_ERROR_FILE, "cannot read %s: %s", in->path,
                           strerror(errno));
      return apical_fail(error, APICAL_ERROR_FORMAT,
                         "%s is damaged: the gzip stream is %s (%s); fetch the file again",
                         in->path, code == Z_BUF_ERROR ? "cut short" : "corrupt", text);
    }
    *got += n;
  }
  // A gzip stream that ends early shows as an error only when asked for.
  int code;
  if (*got < size && (gzerror(in->file, &code), code == Z_BUF_ERROR))
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is damaged: the gzip stream is cut short; fetch the file again",
                       in->path);
  return 0;
}

int readAll(input *in, void *out, int64_t size, const char *what, apical_error *error) {
  int64_t got;
  int failed = readSome(in, out, size, &got, error);
  if (failed)
    return failed;
  if (got < size)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is cut short: %s should be %lld bytes, but only %lld are there; "
                       "fetch the file again",
                       in->path, what, (long long)size, (long long)got);
  return 0;
}

int completeInfo(const char *path, apical_data_info *info, apical_error *error) {
  int64_t elements = 1, bytes;
  int bad = 0;
  for (int i = 0; i < info->rank; ++i) {
    bad |= info->shape[i] < 0;
    if (i)
      bad |= __builtin_mul_overflow(elements, info->shape[i], &elements);
  }
  bad |= __builtin_mul_overflow(elements, info->rank ? info->shape[0] : 1, &bytes);
  bad |= __builtin_mul_overflow(bytes, apical_type_size(info->type), &bytes);
  if (bad || bytes > INT64_MAX / 4)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s has an impossible header: its sizes multiply to more than any file "
                       "can hold; the file is damaged or of another format",
                       path);
  info->rows = info->shape[0];
  info->elements = elements;
  return 0;
}

int readElements(input *in, const apical_data_info *info, void **data, apical_error *error) {
  int64_t bytes = info->rows * info->elements * apical_type_size(info->type);
  // Deflate shrinks by no more than 1032 to 1: refuse a header that promises
  // what the file cannot hold before asking for the memory.
  int64_t most = gzdirect(in->file) ? in->size : in->size * 1040;
  if (bytes > most)
    return apical_fail(error, APICAL_ERROR_FORMAT,
                       "%s is cut short: its header promises %lld rows of %lld %s (%lld bytes), "
                       "but the file has %lld bytes%s; fetch the file again",
                       in->path, (long long)info->rows, (long long)info->elements,
                       apical_type_name(info->type), (long long)bytes, (long long)in->size,
                       gzdirect(in->file) ? "" : ", compressed");
  void *memory = malloc(bytes ? (size_t)bytes : 1);
  if (!memory)
    return apical_fail(error, APICAL_ERROR_MEMORY, "not enough memory for the %lld bytes of %s",
                       (long long)bytes, in->path);
  int failed = readAll(in, memory, bytes, "the data after the header", error);
  if (!failed) {
    char extra;
    int64_t got;
    failed = readSome(in, &extra, 1, &got, error);
    if (!failed && got)
      failed = apical_fail(error, APICAL_ERROR_FORMAT,
                           "%s is longer than its header says: expected the end after %lld rows "
                           "of %lld %s; the file is damaged or of another format",
                           in->path, (long long)info->rows, (long long)info->elements,
                           apical_type_name(info->type));
  }
  if (failed) {
    free(memory);
    return failed;
  }
  *data = memory;
  return 0;
}

const char *guessFormat(const unsigned char *bytes, int64_t count) {
  if (count == 0)
    return "an empty file";
  if (count >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0)
    return "a NumPy file (declare it with npy)";
  if (count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
    return "a file compressed twice (decompress it once)";
  if (count >= 2 && bytes[0] == 'P' && bytes[1] == 'K')
    return "a zip archive (unpack it first)";
  if (count >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 8 && bytes[2] <= 14 &&
      bytes[3] >= 1)
    return "an IDX file (declare it with idx)";
  if (bytes[0] == '<')
    return "a web page (the download failed; fetch the file again)";
  for (int64_t i = 0; i < count; ++i)
    if (bytes[i] < 9 || (bytes[i] > 13 && bytes[i] < 32))
      return "something else";
  return "a text file (declare it with csv if it is a table)";
}
