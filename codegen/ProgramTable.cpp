//===- ProgramTable.cpp - the constant that hosts read ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The `apical_program` of a model as constants of the LLVM module, and for each
// step a function with the host's signature that unpacks `apical_call`. The
// JIT and an executable therefore read the same bytes.
//
//===----------------------------------------------------------------------===//

#include "codegen/Description.h"
#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

#include "apical/program.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace apical {
namespace {

class Tables {
public:
  Tables(llvm::Module &module, const Description &program, ArrayRef<StepPlan> plans)
      : module(module), program(program), plans(plans), b(module.getContext()), ptr(b.getPtrTy()) {}

  llvm::Constant *emit(StringRef symbol, StringRef processor) {
    std::vector<llvm::Constant *> states, params, experiments;
    for (const Description::State &state : program.states) {
      StateLayout layout = stateLayout(state.type);
      states.push_back(record({text(state.name), i32(state.role),
                               i32(state.type.getElementType().isF64() ? APICAL_F64 : APICAL_F32),
                               i32(layout.shape.size()), numbers(layout.shape),
                               numbers(layout.stride), i64(layout.bytes)}));
    }
    for (const Description::Param &param : program.params)
      params.push_back(
          record({text(param.name), real(param.value), text(param.unit), real(param.scale)}));
    for (const Description::Experiment &e : program.experiments)
      experiments.push_back(experiment(e));
    const StepPlan *init = program.init ? planOf(program.init) : nullptr;
    llvm::Constant *table =
        record({i32(APICAL_ABI_VERSION), text(program.name), text(program.hash), text(processor),
                i32(states.size()), list(states), i32(params.size()), list(params),
                i32(experiments.size()), list(experiments), init ? unpack(*init) : null(), null(),
                i64(init ? init->scratch : 0)});
    auto *global = new llvm::GlobalVariable(module, table->getType(), true,
                                            llvm::GlobalValue::ExternalLinkage, table, symbol);
    global->setAlignment(llvm::Align(64));
    return global;
  }

private:
  /// Null if the step has been left out.
  const StepPlan *planOf(ir::StepOp step) {
    auto *plan = llvm::find_if(plans, [&](const StepPlan &p) { return p.step == step; });
    return plan == plans.end() ? nullptr : &*plan;
  }

  llvm::Constant *experiment(const Description::Experiment &e) {
    std::vector<llvm::Constant *> columns, measures, outputs;
    for (const Description::Column &c : e.columns)
      columns.push_back(record({text(c.name), text(c.path), text(c.field), i32(c.format),
                                i32(c.type), i64(c.elements), i64(c.limit), i32(c.item)}));
    for (const Description::Measure &m : e.measures)
      measures.push_back(
          record({text(m.name), i32(m.kind), real(m.scale), text(m.unit), text(m.phase)}));
    for (const Description::Output &o : e.outputs)
      outputs.push_back(record({text(o.name), i64(o.elements), i32(o.item)}));
    const StepPlan *plan = planOf(e.step);
    return record({i32(e.kind), text(e.network), text(e.source), i64(e.batch), i64(e.epochs),
                   i64(e.trials), i64(e.shuffle), i32(columns.size()), list(columns),
                   i32(measures.size()), list(measures), i32(outputs.size()), list(outputs),
                   plan ? unpack(*plan) : null(), null(), i64(plan ? plan->scratch : 0),
                   i32(e.parent), i64(e.every), i64(e.everyEpochs)});
  }

  /// void NAME(const apical_call *, void *): loads what the body takes.
  llvm::Function *unpack(const StepPlan &plan) {
    ir::StepOp step = plan.step;
    llvm::Function *body = module.getFunction(plan.body);
    body->setLinkage(llvm::GlobalValue::InternalLinkage);
    auto *entry =
        llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {ptr, ptr}, false),
                               llvm::GlobalValue::InternalLinkage, step.getSymName(), module);
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", entry));
    auto field = [&](uint64_t offset, llvm::Type *type) {
      return b.CreateLoad(type, b.CreateConstGEP1_64(b.getInt8Ty(), entry->getArg(0), offset));
    };
    auto element = [&](llvm::Value *array, uint64_t k, llvm::Type *type) {
      return b.CreateLoad(type, b.CreateConstGEP1_64(type, array, k));
    };
    std::vector<llvm::Value *> args;
    llvm::Value *states = field(offsetof(apical_call, states), ptr);
    llvm::Value *columns = field(offsetof(apical_call, columns), ptr);
    llvm::Value *params = field(offsetof(apical_call, params), ptr);
    for (size_t k = 0; k < program.states.size(); ++k)
      args.push_back(element(states, k, ptr));
    for (size_t k = 0; k < step.getBody().front().getNumArguments(); ++k)
      args.push_back(element(columns, k, ptr));
    for (size_t k = 0; k < program.params.size(); ++k)
      args.push_back(element(params, k, b.getDoubleTy()));
    llvm::Value *outputs = field(offsetof(apical_call, outputs), ptr);
    for (size_t k = 0; k < plan.probes.size(); ++k)
      args.push_back(element(outputs, k, ptr));
    args.push_back(field(offsetof(apical_call, results), ptr));
    args.push_back(field(offsetof(apical_call, rows), ptr));
    for (size_t offset : {offsetof(apical_call, samples), offsetof(apical_call, seed),
                          offsetof(apical_call, trial), offsetof(apical_call, epoch),
                          offsetof(apical_call, training), offsetof(apical_call, epoch_end)})
      args.push_back(field(offset, b.getInt64Ty()));
    args.push_back(field(offsetof(apical_call, scratch), ptr));
    b.CreateCall(body, args);
    b.CreateRetVoid();
    return entry;
  }

  llvm::Constant *null() { return llvm::ConstantPointerNull::get(ptr); }
  llvm::Constant *i32(int64_t v) { return b.getInt32(v); }
  llvm::Constant *i64(int64_t v) { return b.getInt64(v); }
  llvm::Constant *real(double v) { return llvm::ConstantFP::get(b.getDoubleTy(), v); }
  llvm::Constant *text(StringRef s) {
    return global(llvm::ConstantDataArray::getString(module.getContext(), s));
  }
  llvm::Constant *numbers(ArrayRef<int64_t> list) {
    std::vector<uint64_t> words(list.begin(), list.end());
    words.push_back(0); // never an empty array
    return global(llvm::ConstantDataArray::get(module.getContext(), words));
  }
  llvm::Constant *record(std::vector<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(fields);
  }
  llvm::Constant *list(ArrayRef<llvm::Constant *> rows) {
    if (rows.empty())
      return null();
    return global(
        llvm::ConstantArray::get(llvm::ArrayType::get(rows[0]->getType(), rows.size()), rows));
  }
  llvm::Constant *global(llvm::Constant *value) {
    return new llvm::GlobalVariable(module, value->getType(), true,
                                    llvm::GlobalValue::PrivateLinkage, value);
  }

  llvm::Module &module;
  const Description &program;
  ArrayRef<StepPlan> plans;
  llvm::IRBuilder<> b;
  llvm::PointerType *ptr;
};

} // namespace

/// The same program for several processors: those of other objects, this one, NULL.
static llvm::Constant *listAlternatives(llvm::Module &module, llvm::Constant *program,
                                        ArrayRef<std::string> symbols) {
  auto *pointer = llvm::PointerType::get(module.getContext(), 0);
  std::vector<llvm::Constant *> programs;
  for (const std::string &symbol : symbols)
    programs.push_back(
        module.getOrInsertGlobal(symbol, llvm::Type::getInt8Ty(module.getContext())));
  programs.push_back(program);
  programs.push_back(llvm::ConstantPointerNull::get(pointer));
  auto *array = llvm::ConstantArray::get(llvm::ArrayType::get(pointer, programs.size()), programs);
  return new llvm::GlobalVariable(module, array->getType(), true, llvm::GlobalValue::PrivateLinkage,
                                  array);
}

/// A function with the target's signature but for the program, which it adds.
static void emitExport(llvm::Module &module, llvm::Constant *program, llvm::Constant *alternatives,
                       const Export &wanted) {
  llvm::IRBuilder<> b(module.getContext());
  auto typeOf = [&](char letter) -> llvm::Type * {
    switch (letter) {
    case 'i':
      return b.getInt32Ty();
    case 'l':
      return b.getInt64Ty();
    case 'd':
      return b.getDoubleTy();
    case 'v':
      return b.getVoidTy();
    default:
      return b.getPtrTy();
    }
  };
  std::vector<llvm::Type *> taken, passed;
  llvm::StringRef letters = llvm::StringRef(wanted.signature).drop_front();
  for (char letter : letters) {
    passed.push_back(typeOf(letter));
    if (letter != 'P' && letter != 'A')
      taken.push_back(typeOf(letter));
  }
  llvm::Type *result = typeOf(wanted.signature[0]);
  llvm::FunctionCallee target =
      module.getOrInsertFunction(wanted.target, llvm::FunctionType::get(result, passed, false));
  auto *function = llvm::Function::Create(llvm::FunctionType::get(result, taken, false),
                                          llvm::GlobalValue::ExternalLinkage, wanted.name, module);
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", function));
  std::vector<llvm::Value *> arguments;
  auto next = function->arg_begin();
  for (char letter : letters)
    if (letter == 'P' || letter == 'A')
      arguments.push_back(letter == 'P' ? program : alternatives);
    else
      arguments.push_back(&*next++);
  llvm::Value *called = b.CreateCall(target, arguments);
  if (result->isVoidTy())
    b.CreateRetVoid();
  else
    b.CreateRet(called);
}

void emitProgram(llvm::Module &module, const Description &program, ArrayRef<StepPlan> plans,
                 const CompileOptions &options, StringRef processor) {
  llvm::Constant *table = Tables(module, program, plans).emit(options.symbol, processor);
  llvm::Constant *alternatives = nullptr;
  for (const Export &wanted : options.exports) {
    if (!alternatives && llvm::StringRef(wanted.signature).contains('A'))
      alternatives = listAlternatives(module, table, options.alternatives);
    emitExport(module, table, alternatives, wanted);
  }
}

} // namespace apical
