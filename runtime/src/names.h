//===- names.h - a prefix for functions that only the runtime calls ---*- C -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled models bring the runtime into other people's programs as a static
// library, where every function of several files is visible. Included before
// each file of the runtime, so that `openTable` may be theirs as well.
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_NAMES_H
#define APICAL_NAMES_H

#define allocateAligned apical_internal_allocateAligned
#define appendQuoted apical_internal_appendQuoted
#define appendText apical_internal_appendText
#define batchesPerEpoch apical_internal_batchesPerEpoch
#define callStep apical_internal_callStep
#define checkLabels apical_internal_checkLabels
#define checkProcessor apical_internal_checkProcessor
#define clearBar apical_internal_clearBar
#define closeInput apical_internal_closeInput
#define closeTable apical_internal_closeTable
#define completeInfo apical_internal_completeInfo
#define drawBar apical_internal_drawBar
#define findMetadata apical_internal_findMetadata
#define freeHeader apical_internal_freeHeader
#define freeLoaded apical_internal_freeLoaded
#define gatherBatch apical_internal_gatherBatch
#define guessFormat apical_internal_guessFormat
#define measureValue apical_internal_measureValue
#define notFinite apical_internal_notFinite
#define openInput apical_internal_openInput
#define openProgress apical_internal_openProgress
#define openTable apical_internal_openTable
#define parseHeader apical_internal_parseHeader
#define printResult apical_internal_printResult
#define readAll apical_internal_readAll
#define readCsv apical_internal_readCsv
#define readElements apical_internal_readElements
#define readIdx apical_internal_readIdx
#define readNpy apical_internal_readNpy
#define readSome apical_internal_readSome
#define tensorTypeName apical_internal_tensorTypeName
#define unknownName apical_internal_unknownName
#define writeProbes apical_internal_writeProbes
#define writeRecord apical_internal_writeRecord

#endif // APICAL_NAMES_H
