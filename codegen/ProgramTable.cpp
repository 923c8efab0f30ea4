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

#include "codegen/Layout.h"
#include "codegen/Pipeline.h"

#include "apical/program.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace apical {
namespace {

class Tables {
public:
  Tables(llvm::Module &module, ModuleOp source)
      : module(module), source(source), b(module.getContext()), ptr(b.getPtrTy()) {}

  void emit(ArrayRef<StepPlan> plans, StringRef name) {
    std::vector<llvm::Constant *> states, params, experiments;
    std::string identity;
    for (auto state : source.getOps<ir::StateOp>()) {
      auto type = cast<RankedTensorType>(state.getType());
      StateLayout layout = stateLayout(type);
      identity += state.getSymName().str() + ":";
      for (int64_t size : layout.shape)
        identity += std::to_string(size) + "x";
      states.push_back(record({text(state.getSymName()), i32(role(state.getRole())),
                               i32(APICAL_F32), i32(type.getRank()), numbers(layout.shape),
                               numbers(layout.stride), i64(layout.bytes)}));
    }
    for (auto param : source.getOps<ir::ParamOp>())
      params.push_back(record({text(param.getSymName()), real(param.getValue().convertToDouble()),
                               text(param.getUnit()), real(param.getScale().convertToDouble())}));
    llvm::Constant *init = null(), *initScratch = i64(0);
    for (const StepPlan &plan : plans) {
      llvm::Function *entry = unpack(plan);
      ir::StepOp step = plan.step;
      DictionaryAttr e = step.getExperimentAttr();
      StringRef kind = string(e, "kind");
      if (kind == "init") {
        init = entry;
        initScratch = i64(plan.scratch);
        continue;
      }
      experiments.push_back(experiment(plan, e, kind, entry));
    }
    uint64_t hash = 0xCBF29CE484222325u;
    for (unsigned char c : identity)
      hash = (hash ^ c) * 0x100000001B3u;
    llvm::Constant *program =
        record({i32(APICAL_ABI_VERSION), text(name), text(llvm::utohexstr(hash, true, 16)),
                i32(states.size()), table(states), i32(params.size()), table(params),
                i32(experiments.size()), table(experiments), init, null(), initScratch});
    auto *global =
        new llvm::GlobalVariable(module, program->getType(), true,
                                 llvm::GlobalValue::ExternalLinkage, program, "apical_program");
    global->setAlignment(llvm::Align(64));
  }

private:
  llvm::Constant *experiment(const StepPlan &plan, DictionaryAttr e, StringRef kind,
                             llvm::Function *entry) {
    std::vector<llvm::Constant *> columns, measures;
    if (auto list = e ? e.getAs<ArrayAttr>("columns") : ArrayAttr())
      for (Attribute attr : list) {
        auto c = cast<DictionaryAttr>(attr);
        columns.push_back(
            record({text(string(c, "name")), text(string(c, "path")), text(string(c, "field")),
                    i32(integer(c, "format", 0)), i32(integer(c, "type", 0)),
                    i64(integer(c, "elements", 1)), i64(integer(c, "limit", 0))}));
      }
    for (ir::ReportOp report : plan.reports) {
      int kindOf = llvm::StringSwitch<int>(report.getKind())
                       .Case("cost", APICAL_COST)
                       .Case("health", APICAL_HEALTH)
                       .Case("whole", APICAL_WHOLE)
                       .Case("residual", APICAL_RESIDUAL)
                       .Default(APICAL_MEASURE);
      auto scale = report->getAttrOfType<FloatAttr>("scale");
      auto unit = report->getAttrOfType<StringAttr>("unit");
      measures.push_back(
          record({text(report.getName()), i32(kindOf), real(scale ? scale.getValueAsDouble() : 1.0),
                  text(unit ? unit.getValue() : "")}));
    }
    int kindOf = kind == "test" ? APICAL_TEST : kind == "simulate" ? APICAL_SIMULATE : APICAL_TRAIN;
    return record({i32(kindOf), text(string(e, "network")), text(string(e, "source")),
                   i64(plan.batch), i64(integer(e, "epochs", 1)), i64(integer(e, "trials", 0)),
                   i64(integer(e, "shuffle", 0)), i32(columns.size()), table(columns),
                   i32(measures.size()), table(measures), entry, null(), i64(plan.scratch)});
  }

  /// void NAME(const apical_call *, void *): loads what the body takes.
  llvm::Function *unpack(const StepPlan &plan) {
    ir::StepOp step = plan.step;
    llvm::Function *body = module.getFunction(plan.body);
    body->setLinkage(llvm::GlobalValue::InternalLinkage);
    auto *entry =
        llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {ptr, ptr}, false),
                               llvm::GlobalValue::ExternalLinkage, step.getSymName(), module);
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
    uint64_t k = 0;
    for (auto state : source.getOps<ir::StateOp>())
      (void)state, args.push_back(element(states, k++, ptr));
    for (k = 0; k < step.getBody().front().getNumArguments(); ++k)
      args.push_back(element(columns, k, ptr));
    k = 0;
    for (auto param : source.getOps<ir::ParamOp>())
      (void)param, args.push_back(element(params, k++, b.getDoubleTy()));
    args.push_back(field(offsetof(apical_call, results), ptr));
    args.push_back(field(offsetof(apical_call, rows), ptr));
    for (size_t offset :
         {offsetof(apical_call, samples), offsetof(apical_call, seed), offsetof(apical_call, trial),
          offsetof(apical_call, epoch), offsetof(apical_call, training)})
      args.push_back(field(offset, b.getInt64Ty()));
    args.push_back(field(offsetof(apical_call, scratch), ptr));
    b.CreateCall(body, args);
    b.CreateRetVoid();
    return entry;
  }

  static int role(StringRef role) {
    return llvm::StringSwitch<int>(role)
        .Case("lasting", APICAL_LASTING)
        .Case("optimizer", APICAL_OPTIMIZER)
        .Case("counter", APICAL_COUNTER)
        .Case("item", APICAL_ITEM)
        .Default(APICAL_WEIGHT);
  }
  static StringRef string(DictionaryAttr dictionary, StringRef key) {
    auto attr = dictionary ? dictionary.getAs<StringAttr>(key) : StringAttr();
    return attr ? attr.getValue() : StringRef();
  }
  static int64_t integer(DictionaryAttr dictionary, StringRef key, int64_t otherwise) {
    auto attr = dictionary ? dictionary.getAs<IntegerAttr>(key) : IntegerAttr();
    return attr ? attr.getValue().getSExtValue() : otherwise;
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
  llvm::Constant *table(ArrayRef<llvm::Constant *> rows) {
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
  ModuleOp source;
  llvm::IRBuilder<> b;
  llvm::PointerType *ptr;
};

} // namespace

void emitProgram(llvm::Module &module, ModuleOp source, ArrayRef<StepPlan> plans, StringRef name) {
  Tables(module, source).emit(plans, name);
}

} // namespace apical
