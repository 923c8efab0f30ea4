//===- data.c - columns of data files ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "input.h"

#include <string.h>

int64_t apical_type_size(int32_t type) {
  static const int8_t sizes[] = {4, 8, 1, 1, 2, 4, 8};
  return type >= 0 && type <= APICAL_I64 ? sizes[type] : 0;
}

double apical_number_at(const void *data, int32_t type, int64_t i) {
  switch (type) {
  case APICAL_F32:
    return ((const float *)data)[i];
  case APICAL_F64:
    return ((const double *)data)[i];
  case APICAL_U8:
    return ((const uint8_t *)data)[i];
  case APICAL_I8:
    return ((const int8_t *)data)[i];
  case APICAL_I16:
    return ((const int16_t *)data)[i];
  case APICAL_I32:
    return ((const int32_t *)data)[i];
  default:
    return (double)((const int64_t *)data)[i];
  }
}

const char *apical_type_name(int32_t type) {
  static const char *const names[] = {"f32", "f64", "u8", "i8", "i16", "i32", "i64"};
  return type >= 0 && type <= APICAL_I64 ? names[type] : "unknown";
}

static int readColumn(const char *path, int32_t format, const char *field, apical_data_info *info,
                      void **data, apical_error *error) {
  input in;
  memset(info, 0, sizeof *info);
  int failed = openInput(&in, path, error);
  if (failed)
    return failed;
  switch (format) {
  case APICAL_IDX:
    failed = readIdx(&in, info, data, error);
    break;
  case APICAL_NPY:
    failed = readNpy(&in, info, data, error);
    break;
  case APICAL_CSV:
    failed = readCsv(&in, field, info, data, error);
    break;
  default:
    failed =
        apical_fail(error, APICAL_ERROR_ARGUMENT, "%s: unknown data format %d", path, (int)format);
  }
  closeInput(&in);
  return failed;
}

int apical_data_probe(const char *path, int32_t format, const char *field, apical_data_info *info,
                      apical_error *error) {
  return readColumn(path, format, field, info, NULL, error);
}

int apical_data_load(const char *path, int32_t format, const char *field, void **data,
                     apical_data_info *info, apical_error *error) {
  apical_data_info local;
  *data = NULL;
  return readColumn(path, format, field, info ? info : &local, data, error);
}

int apical_array_init(apical_array *array, const char *path, const char *field, int32_t type,
                      int rank, const int64_t *shape, const void *data, apical_error *error) {
  *array = (apical_array){.path = path, .field = field ? field : "", .data = data};
  apical_data_info *info = &array->info;
  if (!apical_type_size(type))
    return apical_fail(error, APICAL_ERROR_ARGUMENT, "array '%s': there is no type number %d", path,
                       (int)type);
  if (rank < 1 || rank > APICAL_MAX_RANK || !data)
    return apical_fail(error, APICAL_ERROR_ARGUMENT,
                       "array '%s': expected 1 to %d sizes, rows first, and its memory", path,
                       APICAL_MAX_RANK);
  info->type = type;
  info->rank = rank;
  for (int i = 0; i < rank; ++i) {
    if (shape[i] < 1)
      return apical_fail(error, APICAL_ERROR_ARGUMENT, "array '%s': a size of %lld is none", path,
                         (long long)shape[i]);
    info->shape[i] = shape[i];
  }
  return completeInfo(path, info, error);
}

const apical_array *apical_find_array(const apical_array *arrays, int count, const char *path,
                                      const char *field) {
  for (int i = 0; i < count; ++i)
    if (strcmp(arrays[i].path, path) == 0 && strcmp(arrays[i].field, field) == 0)
      return &arrays[i];
  return NULL;
}
