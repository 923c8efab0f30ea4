//===- main.cpp - the apical command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/Commands.h"
#include "driver/Session.h"
#include "frontend/Diagnostics.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace apical;

#define PROCESSORS "native|x86-64|x86-64-v2|x86-64-v3|x86-64-v4"
#define HERE                                                                                       \
  "the processor to generate code for (the best of\n"                                              \
  "                       x86-64, x86-64-v3 and x86-64-v4 that this machine runs)"

static const std::vector<Command> &commands() {
  static const std::vector<Command> list = {
      {"run",
       "Checks and compiles a model and runs its experiments.",
       "  apical run model.apical\n"
       "  apical run model.apical --set rate=0.1 --seed 3 --metrics run.jsonl\n"
       "  apical run model.apical --save model.safetensors     then, to go on:\n"
       "  apical run model.apical --resume model.safetensors --epochs 20\n",
       {{"--interpret", nullptr, "by the reference interpreter, in double precision", nullptr,
         &Invocation::interpret},
        {"--cpu", PROCESSORS, HERE, &Invocation::cpu},
        {"--time", nullptr, "print what the parts of the compilation took", nullptr,
         &Invocation::time}},
       Command::All,
       runCommand},
      {"build",
       "Compiles a model into a program or a library that needs nothing else.",
       "  apical build model.apical                   the program ./model; its options are those\n"
       "                                              of `apical run`\n"
       "  apical build model.apical --emit=library    libmodel.a and model.h, for C and C++\n"
       "  apical build model.apical --cpu=native -o fast --set rate=0.1\n",
       {{"-o", "FILE", "the file to write, named after the model otherwise", &Invocation::output},
        {"--emit", "executable|library|object",
         "what to write (executable); a library holds the\n"
         "                       runtime, an object does not; both come with a C header",
         &Invocation::emit},
        {"--cpu", PROCESSORS,
         "the only processor to generate code for; without it, an\n"
         "                       executable chooses between code for x86-64, x86-64-v3\n"
         "                       (AVX2) and x86-64-v4 (AVX-512) when it starts, and a\n"
         "                       library holds code for x86-64-v3",
         &Invocation::cpu},
        {"--prefix", "NAME", "of the names in a library (the model's name)", &Invocation::prefix}},
       Command::Settings,
       buildCommand},
      {"check",
       "Checks a model and reports every error.",
       "  apical check model.apical\n"
       "  apical check model.apical --diagnostics=json\n",
       {},
       Command::Data,
       checkCommand},
      {"explain",
       "Prints what each connection learns, what that needs and how it stands to the gradient.",
       "  apical explain model.apical\n"
       "  apical explain model.apical --format=latex\n",
       {{"--format", "text|markdown|latex|json", "form of the report (text)", &Invocation::format}},
       Command::Data,
       explainCommand},
      {"verify",
       "Trains, and measures the angle between what each rule does and the gradient.",
       "  apical verify model.apical\n"
       "  apical verify model.apical --steps=2000 --every=200 --format=json\n",
       {{"--steps", "N", "steps of each training (500)", nullptr, nullptr, &Invocation::steps},
        {"--ticks", "T", "length of a trial of networks that settle, if the model names none (1)",
         nullptr, nullptr, &Invocation::ticks},
        {"--every", "K", "steps from one measurement to the next (50)", nullptr, nullptr,
         &Invocation::every},
        {"--format", "text|json", "form of the report (text)", &Invocation::format},
        {"--interpret", nullptr, "by the reference interpreter, in double precision", nullptr,
         &Invocation::interpret},
        {"--cpu", PROCESSORS, HERE, &Invocation::cpu}},
       Command::All,
       verifyCommand},
      {"emit",
       "Prints the model at one stage of the compilation:\n\n"
       "  tokens          the words of the source\n"
       "  ast             its syntax tree\n"
       "  apical          the elaborated model, in the dialect, before any pass\n"
       "  differentiated  derivatives are ordinary code\n"
       "  fused           after all passes of the dialect\n"
       "  linalg          kernels on tensors\n"
       "  vector          kernels tiled and vectorized\n"
       "  llvm-dialect    the last stage in MLIR\n"
       "  llvm-ir         after LLVM's passes\n"
       "  asm             assembly\n"
       "  obj             an object file",
       "  apical emit model.apical --stage=fused\n"
       "  apical emit model.apical --stage=asm --cpu=x86-64-v4 -o model.s\n",
       {{"--stage",
         "tokens|ast|apical|differentiated|fused|linalg|vector|llvm-dialect|llvm-ir|asm|obj",
         "(apical)", &Invocation::stage},
        {"--cpu", PROCESSORS, HERE, &Invocation::cpu},
        {"-o", "FILE", "the file to write instead of the standard output", &Invocation::output}},
       Command::Data,
       emitCommand},
  };
  return list;
}

static void printOverview() {
  llvm::raw_ostream &os = llvm::outs();
  os << "apical: a language and compiler for learning-rule networks\n\n"
        "usage: apical COMMAND [options] MODEL\n\ncommands\n";
  for (const Command &command : commands())
    os << "  " << llvm::left_justify(command.name, 9)
       << llvm::StringRef(command.summary).split('\n').first.rtrim(".:") << "\n";
  os << "\n`apical COMMAND --help` tells the options of a command, `apical --version` the "
        "version.\n"
        "exit status: 0; 1 for an error in the model, the data or the system; 2 for misuse.\n";
}

int main(int argc, char **argv) {
  llvm::StringRef name = argc < 2 ? "" : argv[1];
  if (name == "--version") {
    llvm::outs() << "apical " APICAL_VERSION "\n";
    return 0;
  }
  bool help = name == "--help" || name == "-h" || name == "help";
  if (help && argc < 3) {
    printOverview();
    return 0;
  }
  if (help)
    name = argv[2];
  if (name.empty())
    return misuse("a command is missing");
  std::vector<std::string> names;
  for (const Command &command : commands()) {
    names.push_back(command.name);
    if (name != command.name)
      continue;
    Invocation invocation;
    if (!help)
      if (int failed = parseArguments(command, argc, argv, 2, invocation))
        return failed;
    if (help || invocation.help) {
      printHelp(command);
      return 0;
    }
    return command.execute(invocation);
  }
  std::string near = nearest(name, names);
  return misuse("unknown command `" + name + "`" +
                (near.empty() ? "" : "; did you mean `" + near + "`?"));
}
