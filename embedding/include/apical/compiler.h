//===- compiler.h - compiling models from C -----------------------*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The part of the C interface that compiles: a source becomes an
/// `apical_program`, and everything in runtime.h works on that: instances,
/// parameters, steps on the caller's rows, states, checkpoints, whole runs.
///
///     apical_compilation *c = apical_compile_file("model.apical", NULL);
///     const apical_program *program = apical_compilation_program(c);
///     if (!program)
///       fputs(apical_compilation_diagnostics(c, APICAL_TEXT), stderr);
///     …
///     apical_instance_create(program, seed, threads, &instance, &error);
///
/// Different compilations are independent and may be made by several threads.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_COMPILER_H
#define APICAL_COMPILER_H

#include "apical/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled model, or the reasons why there is none. It owns the program,
/// which instances use: destroy those first.
typedef struct apical_compilation apical_compilation;

typedef struct apical_compile_options {
  int interpret;       ///< by the reference interpreter, in double precision
  const char *cpu;     ///< as --cpu; null: the best of the levels that this machine runs
  int threads;         ///< among which loops can be split; 0: all processors
  int directory_count; ///< where data files are looked for
  const char *const *directories;
  int array_count; ///< arrays that take the place of data files; their sizes
                   ///< and types become part of the program
  const apical_array *arrays;
} apical_compile_options;

typedef enum apical_form {
  APICAL_TEXT = 0, ///< as `apical check` prints it
  APICAL_JSON = 1, ///< one object a line
} apical_form;

/// Checks and compiles. `options` may be null. The result is never null unless
/// there is no memory.
apical_compilation *apical_compile_file(const char *path, const apical_compile_options *options);
/// `name` stands for the file in messages.
apical_compilation *apical_compile_text(const char *text, const char *name,
                                        const apical_compile_options *options);
void apical_compilation_destroy(apical_compilation *compilation);

/// The program, or null after an error.
const apical_program *apical_compilation_program(const apical_compilation *compilation);
/// Errors and warnings; "" if there are none. Lives as long as the compilation.
const char *apical_compilation_diagnostics(const apical_compilation *compilation, apical_form form);

#ifdef __cplusplus
}
#endif
#endif // APICAL_COMPILER_H
