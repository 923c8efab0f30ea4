//===- checkpoint.h - what writer and reader of checkpoints agree on ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint is a safetensors file. Its metadata hold the position of the
// run, the parameters, a CRC-32 for each tensor ("crc32:NAME") and one for the
// header itself, computed with its own eight digits replaced by zeros.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_CHECKPOINT_H
#define APICAL_CHECKPOINT_H

#define CHECKPOINT_FORMAT "apical checkpoint 1"
#define CHECKSUM_KEY "header_crc32"

#endif // APICAL_CHECKPOINT_H
