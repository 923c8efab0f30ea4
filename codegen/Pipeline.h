//===- Pipeline.h - the phases of code generation ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to this folder. Every phase is one file and one function; Compile.cpp
// runs them in this order. The recipes and their order are measured; see each
// file for why.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_CODEGEN_PIPELINE_H
#define APICAL_CODEGEN_PIPELINE_H

#include "codegen/Compile.h"
#include "codegen/Description.h"
#include "ir/ApicalDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace apical {

/// A processor, as far as schedules depend on it.
struct Machine {
  std::string cpu, features;
  std::string needs;           ///< apical_program.processor
  int64_t rows = 8, cols = 32; ///< register tile of a contraction
  bool fused = false;          ///< multiplies and adds in one rounding
  bool parallel = false;
};

/// One `apical.step` on its way to machine code.
struct StepPlan {
  ir::StepOp step;
  int64_t batch = 1;
  std::string body;                        ///< name of the function on pointers
  llvm::SmallVector<ir::ReportOp> reports; ///< numbers
  llvm::SmallVector<ir::ReportOp> probes;  ///< fields, one row per sample
  llvm::SmallVector<ir::WriteOp> copied;   ///< new values that a copy puts into their states
  int64_t scratch = 0;
};

llvm::Error error(const llvm::Twine &message);
llvm::Error runPasses(mlir::ModuleOp module, llvm::function_ref<void(mlir::OpPassManager &)> add);
llvm::Error cleanUp(mlir::ModuleOp module);
void applyPatterns(mlir::Operation *op, llvm::function_ref<void(mlir::RewritePatternSet &)> add);

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> selectTarget(llvm::StringRef cpu,
                                                                  Machine &machine);
llvm::Error lowerToLinalg(mlir::ModuleOp source, mlir::ModuleOp kernels, const Machine &machine,
                          std::vector<StepPlan> &plans);
/// Divisions of small integers by constants become products, with the same bits.
void divideByProducts(mlir::ModuleOp kernels, const Machine &machine);
/// Where the columns of a product fill little of their last vector, that is computed in another way.
void takeRestApart(mlir::func::FuncOp kernel, const Machine &machine);
llvm::Error schedule(mlir::func::FuncOp function, const Machine &machine);
void vectorizeTiles(mlir::func::FuncOp function);
llvm::Error bufferize(mlir::ModuleOp kernels);
void moveBigTemporaries(mlir::ModuleOp kernels);
llvm::Expected<int64_t> planArena(mlir::func::FuncOp function);
/// The temporaries and copies of a step that are as large as one of the weights.
std::vector<std::string> checkMemory(mlir::ModuleOp source, mlir::ModuleOp kernels,
                                     llvm::ArrayRef<StepPlan> plans);
void prefetchTiles(mlir::func::FuncOp function);
llvm::Error outlineForalls(mlir::ModuleOp kernels);
void bindParallelFor(llvm::Module &module);
void lowerVectors(mlir::func::FuncOp function);
llvm::Error lowerToLLVM(mlir::ModuleOp kernels);
/// Adds the tables as the constant `options.symbol`, and the exports.
void emitProgram(llvm::Module &module, const Description &program, llvm::ArrayRef<StepPlan> plans,
                 const CompileOptions &options, llvm::StringRef processor);
/// Replaces what would become calls of a library because the processor has no instruction for it.
void expandMissing(llvm::Module &module, const llvm::TargetMachine &target);
/// Runs LLVM's passes and writes LLVM IR, assembly or object files.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
emitCode(llvm::Module &code, llvm::TargetMachine &target, const CompileOptions &options);

} // namespace apical

#endif // APICAL_CODEGEN_PIPELINE_H
