//===- main.cpp - the apical command ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"
#include "driver/Commands.h"
#include "driver/Session.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace apical;

namespace {

constexpr int usageError = 2;

const char *const help = R"(apical: a language and compiler for learning-rule networks

usage: apical COMMAND [options] FILE

commands
  run     check, compile and run the experiments of a model
  check   check a model and report every error
  explain print what each connection learns, what that needs and how it stands to the gradient
  verify  train, and measure the angle between what each rule does and the gradient
  emit    print a stage of the compilation: --stage=tokens, ast or apical

options
  --steps N, --every K      verify: steps of each training (500), and from one measurement to the next (50)
  --interpret               run, verify: the reference interpreter, in double precision, instead of native code
  --cpu=native|x86-64|x86-64-v3|x86-64-v4   run, verify: the processor to generate code for
  --format=text|markdown|latex|json   explain, verify: the form of the report (text); verify: text, json
  --diagnostics=text|json   form of the errors (text)
  --data DIR                look for data files in DIR as well
  --help                    this text; `apical run --help` lists the options of a run
)";

int misuse(const llvm::Twine &message) {
  llvm::errs() << "apical: " << message << "\ntry `apical --help`\n";
  return usageError;
}

int report(Session &session, bool json) {
  if (json)
    session.diags.printJson(llvm::outs());
  else
    session.diags.print(llvm::errs(), llvm::errs().has_colors());
  return session.diags.hasErrors() ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2)
    return misuse("a command is missing");
  llvm::StringRef command = argv[1];
  if (command == "--help" || command == "help") {
    llvm::outs() << help;
    return 0;
  }
  if (command == "--version") {
    llvm::outs() << "apical " APICAL_VERSION "\n";
    return 0;
  }
  if (command != "run" && command != "check" && command != "explain" && command != "verify" &&
      command != "emit") {
    std::string near = nearest(command, {"run", "check", "explain", "verify", "emit"});
    return misuse("unknown command `" + command + "`" +
                  (near.empty() ? "" : "; did you mean `" + near + "`?"));
  }
  apical_run_options options;
  apical_run_options_init(&options);
  bool json = false;
  Execution execution;
  VerifyOptions verify;
  bool runs = command == "run" || command == "verify";
  std::string file, stage = "apical", format = "text";
  std::vector<std::string> folders;
  for (int i = 2; i < argc; ++i) {
    llvm::StringRef arg = argv[i];
    if (arg == "--diagnostics=json" || arg == "--diagnostics=text") {
      json = arg.ends_with("json");
    } else if (runs && arg == "--interpret") {
      execution.interpret = true;
    } else if (runs && arg.consume_front("--cpu=")) {
      execution.cpu = arg.str();
    } else if (command == "verify" &&
               (arg == "--steps" || arg == "--every" || arg.starts_with("--steps=") ||
                arg.starts_with("--every="))) {
      auto [name, value] = arg.split('=');
      if (value.empty() && i + 1 < argc)
        value = argv[++i];
      int64_t &count = name == "--steps" ? verify.steps : verify.every;
      if (value.getAsInteger(10, count) || count < 1)
        return misuse("`" + name + "` needs a whole number from 1 on");
    } else if ((command == "explain" || command == "verify") && arg.consume_front("--format=")) {
      format = arg.str();
    } else if (command == "emit" && arg.consume_front("--stage=")) {
      stage = arg.str();
    } else if (arg.starts_with("-") && arg != "-") {
      apical_error error{};
      int index = i;
      int known = apical_parse_option(argc, argv, &index, &options, &error);
      if (known == 0)
        return misuse("unknown option `" + arg + "`");
      if (known < 0)
        return misuse(error.message);
      i = index - 1;
    } else if (file.empty()) {
      file = arg.str();
    } else {
      return misuse("one model at a time: `" + arg + "` is one too many");
    }
  }
  if (options.help) {
    llvm::outs() << help << "\noptions of `run`\n" << apical_option_help();
    return 0;
  }
  if (file.empty())
    return misuse("the model's file is missing");
  for (int i = 0; i < options.directory_count; ++i)
    folders.push_back(options.directories[i]);

  Session session(folders);
  bool loaded = session.load(file);
  if (command == "emit" && (stage == "tokens" || stage == "ast")) {
    if (stage == "tokens")
      dumpTokens(0, session.sources, session.diags, llvm::outs());
    else if (!session.files.empty())
      ast::dump(session.files[0], session.sources, llvm::outs());
    return report(session, json);
  }
  if (stage != "apical")
    return misuse("unknown stage `" + stage + "`: one of tokens, ast, apical");
  if (!loaded)
    return report(session, json);
  if (command == "verify" && format != "text" && format != "json")
    return misuse("unknown format `" + format + "`: one of text, json");
  if (command == "explain") {
    if (!isExplainFormat(format))
      return misuse("unknown format `" + format + "`: one of text, markdown, latex, json");
    explainModel(session, format, llvm::outs());
    return report(session, json);
  }
  std::vector<std::string> all = session.dataFolders;
  for (size_t k = folders.size(); k < all.size() && options.directory_count < APICAL_MAX_LIST; ++k)
    options.directories[options.directory_count++] = all[k].c_str();
  if (command == "verify") {
    verify.json = format == "json";
    int status = verifyModel(session, file, options, execution, verify, llvm::outs());
    int failed = report(session, json);
    return failed ? failed : status;
  }
  auto module = session.elaborate();
  if (int failed = report(session, json))
    return failed;
  if (mlir::failed(mlir::verify(*module))) {
    llvm::errs()
        << "apical: a defect of the compiler: the model was elaborated wrongly; please report it\n";
    return 1;
  }
  if (command == "check")
    return 0;
  if (command == "emit") {
    module->print(llvm::outs());
    llvm::outs() << "\n";
    return 0;
  }
  return runModel(*module, file, options, execution);
}
