//===- Compile.cpp - from the dialect to machine code ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/Compile.h"
#include "codegen/Pipeline.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/AllInterfaces.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorTilingInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/SubsetOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace apical {

llvm::Error error(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Error runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> add) {
  PassManager manager(module.getContext());
  manager.enableVerifier(false); // once, at the end
  add(manager);
  return failed(manager.run(module)) ? error("a pass of the code generator failed")
                                     : llvm::Error::success();
}

llvm::Error cleanUp(ModuleOp module) {
  // Twice: copies of a value onto itself fold only once CSE has seen them.
  return runPasses(module, [](OpPassManager &manager) {
    manager.addPass(createCanonicalizerPass());
    manager.addPass(createCSEPass());
    manager.addPass(createCanonicalizerPass());
  });
}

void applyPatterns(Operation *op, llvm::function_ref<void(RewritePatternSet &)> add) {
  RewritePatternSet patterns(op->getContext());
  add(patterns);
  (void)applyPatternsAndFoldGreedily(op, std::move(patterns));
}

/// Without the external models the passes silently do nothing, or fail.
void registerCodegen(DialectRegistry &registry) {
  registry.insert<ir::ApicalDialect, affine::AffineDialect, arith::ArithDialect,
                  bufferization::BufferizationDialect, cf::ControlFlowDialect, func::FuncDialect,
                  index::IndexDialect, LLVM::LLVMDialect, linalg::LinalgDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect, ub::UBDialect,
                  vector::VectorDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerAllDialectInterfaceImplementations(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  tensor::registerSubsetOpInterfaceExternalModels(registry);
  tensor::registerTilingInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
  vector::registerSubsetOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

static CompiledProgram printed(ModuleOp module) {
  CompiledProgram result;
  llvm::raw_svector_ostream stream(result.object);
  module.print(stream);
  return result;
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
prepare(MLIRContext *context, const CompileOptions &options, Machine &machine) {
  DialectRegistry registry;
  registerCodegen(registry);
  context->appendDialectRegistry(registry);
  context->loadAllAvailableDialects();
  machine.parallel = options.threads != 1;
  return selectTarget(options.cpu, machine);
}

static void lap(const CompileOptions &options, StringRef part) {
  if (options.stopwatch)
    options.stopwatch->lap(part);
}

/// From kernels as linalg on tensors to vectors on tensors.
static llvm::Error makeVectors(ModuleOp kernels, const Machine &machine,
                               const CompileOptions &options) {
  SmallVector<func::FuncOp> functions(kernels.getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    if (auto failed = schedule(function, machine))
      return failed;
  if (auto failed = cleanUp(kernels))
    return failed;
  lap(options, "tiles");
  for (func::FuncOp function : functions)
    vectorizeTiles(function);
  if (auto failed = cleanUp(kernels))
    return failed;
  lap(options, "vectors");
  return llvm::Error::success();
}

/// What is copied between places of different strides becomes loops: LLVM would call a library that is not there.
static void expandCopies(ModuleOp kernels) {
  SmallVector<memref::CopyOp> copies;
  kernels.walk([&](memref::CopyOp copy) {
    auto whole = [](Value v) { return cast<MemRefType>(v.getType()).getLayout().isIdentity(); };
    if (!whole(copy.getSource()) || !whole(copy.getTarget()))
      copies.push_back(copy);
  });
  IRRewriter rewriter(kernels.getContext());
  for (memref::CopyOp copy : copies) {
    rewriter.setInsertionPoint(copy);
    linalg::GenericOp loops =
        linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
    rewriter.eraseOp(copy);
    rewriter.setInsertionPoint(loops);
    if (succeeded(linalg::linalgOpToLoops(rewriter, cast<linalg::LinalgOp>(loops.getOperation()))))
      rewriter.eraseOp(loops);
  }
}

llvm::Expected<std::vector<std::string>> findStoredGradients(ModuleOp module,
                                                             const CompileOptions &options) {
  Machine machine;
  auto target = prepare(module.getContext(), options, machine);
  if (!target)
    return target.takeError();
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  std::vector<StepPlan> plans;
  if (auto failed = lowerToLinalg(module, *kernels, machine, plans))
    return failed;
  if (auto failed = makeVectors(*kernels, machine, options))
    return failed;
  if (auto failed = bufferize(*kernels))
    return failed;
  moveBigTemporaries(*kernels);
  return checkMemory(module, *kernels, plans);
}

llvm::Expected<CompiledProgram> compile(ModuleOp module, const CompileOptions &options) {
  Machine machine;
  auto target = prepare(module.getContext(), options, machine);
  if (!target)
    return target.takeError();
  OwningOpRef<ModuleOp> source = module.clone();
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  std::vector<StepPlan> plans;
  if (auto failed = lowerToLinalg(*source, *kernels, machine, plans))
    return failed;
  lap(options, "kernels");
  if (options.stop == Stage::Linalg)
    return printed(*kernels);
  if (auto failed = makeVectors(*kernels, machine, options))
    return failed;
  if (options.stop == Stage::Vector)
    return printed(*kernels);
  if (auto failed = bufferize(*kernels))
    return failed;
  moveBigTemporaries(*kernels);
  for (func::FuncOp function : kernels->getOps<func::FuncOp>()) {
    auto bytes = planArena(function);
    if (!bytes)
      return bytes.takeError();
    for (StepPlan &plan : plans)
      if (plan.body == function.getName())
        plan.scratch = *bytes;
  }
  expandCopies(*kernels);
  for (func::FuncOp function : kernels->getOps<func::FuncOp>())
    if (!function->hasAttr("apical.step"))
      prefetchTiles(function);
  lap(options, "memory");
  if (auto failed = outlineForalls(*kernels))
    return failed;
  for (func::FuncOp function : kernels->getOps<func::FuncOp>())
    if (!function.isDeclaration())
      lowerVectors(function);
  if (auto failed = cleanUp(*kernels))
    return failed;
  lap(options, "vectors");
  if (auto failed = lowerToLLVM(*kernels))
    return failed;
  lap(options, "LLVM dialect");
  if (options.stop == Stage::LLVMDialect)
    return printed(*kernels);
  llvm::LLVMContext llvmContext;
  auto code = translateModuleToLLVMIR(*kernels, llvmContext);
  if (!code)
    return error("the generated code cannot be translated");
  code->setDataLayout((*target)->createDataLayout());
  code->setTargetTriple((*target)->getTargetTriple().str());
  bindParallelFor(*code);
  for (llvm::Function &f : *code)
    if (!f.isDeclaration())
      f.setLinkage(llvm::GlobalValue::InternalLinkage);
  emitProgram(*code, describe(*source, options.name), plans, options, machine.needs);
  expandMissing(*code, **target);
  // The back end reads the processor from each function.
  for (llvm::Function &f : *code)
    if (!f.isDeclaration()) {
      f.addFnAttr("target-cpu", machine.cpu);
      f.addFnAttr("target-features", machine.features);
    }
  lap(options, "LLVM IR");
  auto objects = emitCode(*code, **target, options);
  if (!objects)
    return objects.takeError();
  lap(options, "machine code");
  CompiledProgram result;
  result.object = std::move(objects->front());
  for (auto &part : llvm::drop_begin(*objects))
    result.more.push_back(std::move(part));
  return result;
}

} // namespace apical
