//===- Library.cpp - a compiled model as a library for C ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Library.h"
#include "apical/runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

namespace apical {

std::string identifier(llvm::StringRef name) {
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result = "m" + result;
  return result;
}

namespace {

/// One function of the library; in declarations, `$` stands for the prefix.
struct Function {
  const char *name, *target, *signature; ///< as in Export
  const void *address;
  const char *declaration;
};

} // namespace

#define RUNTIME(FUNCTION, SIGNATURE) #FUNCTION, SIGNATURE, reinterpret_cast<const void *>(&FUNCTION)

static const Function functions[] = {
    {"init", RUNTIME(apical_instance_place, "iPlppp"),
     "/* Makes a model in `memory`: $_SIZE bytes, aligned to $_ALIGNMENT, which must stay. Every\n"
     "   state gets its first value from `seed`. The memory may be freed after the last use. */\n"
     "int $_init(uint64_t seed, void *memory, $ **model, $_error *error);\n"},
    {"threads", RUNTIME(apical_set_threads, "vi"),
     "/* Threads that the process uses, 0: as many as processors. Results do not depend on it. */\n"
     "void $_threads(int threads);\n"},
    {"set", RUNTIME(apical_set_param, "ippdp"),
     "/* A parameter of the source, in SI units. */\n"
     "int $_set($ *model, const char *parameter, double value, $_error *error);\n"},
    {"get", RUNTIME(apical_get_param, "ipppp"),
     "int $_get(const $ *model, const char *parameter, double *value, $_error *error);\n"},
    {"read", RUNTIME(apical_read_state_float, "ipiplp"),
     "/* A state ($_STATE_...) as a dense array, rows first; `count` is its number of elements. "
     "*/\n"
     "int $_read(const $ *model, int state, float *out, int64_t count, $_error *error);\n"},
    {"write", RUNTIME(apical_write_state_float, "ipiplp"),
     "int $_write($ *model, int state, const float *in, int64_t count, $_error *error);\n"},
    {"save", RUNTIME(apical_save, "ippp"),
     "/* A checkpoint of all states; `apical run` and other programs of the model read it too. */\n"
     "int $_save(const $ *model, const char *path, $_error *error);\n"},
    {"load", RUNTIME(apical_load, "ippp"),
     "int $_load($ *model, const char *path, $_error *error);\n"},
    {"run", RUNTIME(apical_step_once, "ipipplipp"),
     "/* One batch of experiment number `experiment`; the functions below call it. */\n"
     "int $_run($ *model, int experiment, const void *const *columns, const int64_t *rows,\n"
     "          int64_t samples, int training, double *measures, $_error *error);\n"},
    {"output", RUNTIME(apical_instance_output, "ppi"),
     "/* Rows of output number `output` of the last batch, until the next one. */\n"
     "const float *$_output(const $ *model, int output);\n"},
};

#undef RUNTIME

std::vector<Export> libraryExports(llvm::StringRef prefix) {
  std::vector<Export> exports;
  for (const Function &f : functions)
    exports.push_back({(prefix + "_" + f.name).str(), f.target, f.signature, f.address});
  return exports;
}

static std::string substitute(llvm::StringRef text, llvm::StringRef prefix) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    bool constant =
        text.substr(i).starts_with("$_") && i + 2 < text.size() && llvm::isUpper(text[i + 2]);
    if (text[i] == '$')
      result += constant ? prefix.upper() : prefix.str();
    else
      result += text[i];
  }
  return result;
}

static const char *typeName(int32_t type) {
  static const char *const names[] = {"float",   "double",  "uint8_t", "int8_t",
                                      "int16_t", "int32_t", "int64_t"};
  return names[type];
}

/// The name of an argument that is neither taken nor a word of C.
static std::string argument(llvm::StringRef name, llvm::StringSet<> &taken) {
  static const char *const reserved[] = {"auto",  "char", "const", "default", "double", "float",
                                         "int",   "long", "short", "signed",  "static", "switch",
                                         "union", "void", "class", "new",     "this",   "delete"};
  std::string result = identifier(name);
  if (llvm::is_contained(reserved, result))
    result += "_";
  while (!taken.insert(result).second)
    result += "_";
  return result;
}

static std::string shapeOf(const apical_state &state) {
  std::string text;
  for (int d = 0; d < state.rank; ++d)
    text += "[" + std::to_string(state.shape[d]) + "]";
  return text.empty() ? "a number" : text;
}

/// A function for one experiment, and its sizes.
static void printExperiment(llvm::raw_ostream &os, const apical_experiment &e, int index,
                            llvm::StringRef prefix, llvm::StringSet<> &functionsTaken) {
  const char *verb = e.kind == APICAL_TRAIN ? "step" : e.kind == APICAL_TEST ? "infer" : "simulate";
  std::string base = prefix.str() + "_" + identifier(e.network) + "_" + verb, name = base;
  for (int k = 2; !functionsTaken.insert(name).second; ++k)
    name = base + std::to_string(k);
  std::string constant = llvm::StringRef(name).upper();
  llvm::StringSet<> taken;
  for (const char *own : {"model", "samples", "measures", "error", "columns", "failed"})
    taken.insert(own);
  std::string parameters, columns, bodies;
  os << "/* " << (e.kind == APICAL_TEST ? "test " : "train ") << e.network;
  if (*e.source)
    os << " on " << e.source;
  os << ": up to " << constant << "_BATCH samples.\n";
  for (int c = 0; c < e.column_count; ++c) {
    const apical_column &column = e.columns[c];
    if (column.item) { // looked up by the runtime
      columns += "0, ";
      continue;
    }
    std::string at = argument(column.name, taken);
    os << "   " << at << ": " << column.elements << " numbers per sample";
    if (column.limit)
      os << ", each from 0 to " << column.limit - 1 << "; or null, and costs mean nothing";
    os << "\n";
    parameters += std::string(", const ") + typeName(column.type) + " *" + at;
    columns += at + ", ";
  }
  for (int k = 0; k < e.output_count; ++k) {
    if (e.outputs[k].item)
      continue;
    std::string at = argument(e.outputs[k].name, taken);
    os << "   " << at << ": receives a pointer to `samples` rows of " << e.outputs[k].elements
       << " numbers, valid until the next call; or null\n";
    parameters += ", const float **" + at;
    bodies += "  if (!failed && " + at + ")\n    *" + at + " = " + prefix.str() +
              "_output(model, " + std::to_string(k) + ");\n";
  }
  os << "   measures: receives " << constant << "_MEASURES sums over the samples, or null:";
  for (int m = 0; m < e.measure_count; ++m)
    os << (m ? ", " : " ") << e.measures[m].name << (e.measures[m].phase[0] ? " in phase " : "")
       << e.measures[m].phase
       << (e.measures[m].kind == APICAL_HEALTH     ? " (health)"
           : e.measures[m].kind == APICAL_RESIDUAL ? " (residual)"
                                                   : "");
  os << " */\n"
     << "#define " << constant << "_BATCH " << e.batch << "\n#define " << constant << "_MEASURES "
     << e.measure_count << "\n"
     << "static inline int " << name << "(" << prefix << " *model, int64_t samples" << parameters
     << ", double *measures, " << prefix << "_error *error) {\n"
     << "  const void *columns[] = {" << columns << "0};\n"
     << "  int failed = " << prefix << "_run(model, " << index << ", columns, 0, samples, "
     << (e.kind == APICAL_TEST ? 0 : 1) << ", measures, error);\n"
     << bodies << "  return failed;\n}\n\n";
}

std::string libraryHeader(const apical_program &program, llvm::StringRef prefix,
                          llvm::StringRef link) {
  std::string text, upper = prefix.upper();
  llvm::raw_string_ostream os(text);
  os << "/* " << prefix << ".h: " << program.name << ", compiled by apical " APICAL_VERSION
     << ".\n   " << link << "\n\n"
     << substitute(
            "   Functions that return int return 0, or the kind of an error that is described in\n"
            "   `error`, which may be null. A model is for one thread at a time; different models "
            "are\n"
            "   independent.",
            prefix)
     << " */\n#ifndef " << upper << "_H\n#define " << upper
     << "_H\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << substitute("typedef struct $ $;\n"
                   "typedef struct $_error {\n  int kind;\n  char message[2048];\n} $_error;\n\n",
                   prefix)
     << "/* Memory of one model, in bytes: states, and all that a batch needs. */\n#define "
     << upper << "_SIZE " << apical_instance_size(&program) << "\n#define " << upper
     << "_ALIGNMENT 64\n\n";
  for (const Function &f : functions)
    os << substitute(f.declaration, prefix) << "\n";
  if (program.param_count) {
    os << "/* Parameters and their defaults:";
    for (int p = 0; p < program.param_count; ++p)
      os << "\n   " << program.params[p].name << " = " << program.params[p].value;
    os << " */\n\n";
  }
  llvm::StringSet<> taken;
  os << "/* States: number, then elements. */\n";
  for (int s = 0; s < program.state_count; ++s) {
    std::string name = upper + "_STATE_" + argument(program.states[s].name, taken);
    os << "#define " << name << " " << s << " /* " << shapeOf(program.states[s]) << " */\n#define "
       << name << "_COUNT " << apical_state_elements(&program.states[s]) << "\n";
  }
  os << "\n";
  llvm::StringSet<> functionsTaken;
  for (int e = 0; e < program.experiment_count; ++e)
    printExperiment(os, program.experiments[e], e, prefix, functionsTaken);
  os << "#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}

} // namespace apical
