//===- CommandLine.cpp - what the command line says ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "driver/CommandLine.h"
#include "frontend/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace apical {

int misuse(const llvm::Twine &message, llvm::StringRef command) {
  llvm::errs() << "apical: " << message << "\ntry `apical " << command
               << (command.empty() ? "" : " ") << "--help`\n";
  return usageError;
}

/// Understood by every command.
static const Option common[] = {
    {"--diagnostics", "text|json", "form of the errors (text)", &Invocation::diagnostics},
    {"--help", nullptr, "this text", nullptr, &Invocation::help},
};

static std::vector<Option> optionsOf(const Command &command) {
  std::vector<Option> all = command.options;
  all.insert(all.end(), std::begin(common), std::end(common));
  return all;
}

static int unknownOption(const Command &command, llvm::StringRef argument) {
  std::vector<std::string> names;
  for (const Option &option : optionsOf(command))
    names.push_back(option.name);
  if (command.runtime == Command::All)
    for (int k = 0; apical_option_name(k); ++k)
      names.push_back(apical_option_name(k));
  else
    names.insert(names.end(), {"--set", "--data"});
  std::string near = nearest(argument.split('=').first, names);
  return misuse("`apical " + llvm::Twine(command.name) + "` has no option `" + argument + "`" +
                    (near.empty() ? "" : "; did you mean `" + near + "`?"),
                command.name);
}

/// Whether `value` is one of the alternatives that the option's help lists.
static bool fits(const Option &option, llvm::StringRef value) {
  llvm::StringRef known = option.value;
  if (!known.contains('|'))
    return true;
  llvm::SmallVector<llvm::StringRef> list;
  known.split(list, '|');
  return llvm::is_contained(list, value);
}

/// 1 if the argument at `i` was an option of the command itself, 0 if not; `i`
/// is then the last word that belongs to it. -1 after an error.
static int parseOwn(const Command &command, int argc, char **argv, int &i, Invocation &invocation) {
  auto [name, value] = llvm::StringRef(argv[i]).split('=');
  bool hasValue = llvm::StringRef(argv[i]).contains('=');
  for (const Option &option : optionsOf(command)) {
    if (name != option.name && !(name == "-h" && option.flag == &Invocation::help))
      continue;
    if (option.flag) {
      if (hasValue)
        return misuse(name + " takes no value", command.name), -1;
      invocation.*option.flag = true;
      return 1;
    }
    if (!hasValue && i + 1 < argc)
      value = argv[++i];
    if (value.empty())
      return misuse(name + " needs a value: " + option.value, command.name), -1;
    if (!fits(option, value)) {
      llvm::SmallVector<llvm::StringRef> list;
      llvm::StringRef(option.value).split(list, '|');
      std::string near = nearest(value, {list.begin(), list.end()});
      return misuse("`" + value + "` is no value of " + name + ": " +
                        (near.empty() ? "one of " + llvm::join(list, ", ")
                                      : "did you mean `" + near + "`?"),
                    command.name),
             -1;
    }
    if (option.set) {
      invocation.*option.set = value.str();
    } else if (int64_t &count = invocation.*option.count;
               value.getAsInteger(10, count) || count < 1) {
      return misuse(name + " expects a whole number from 1 on, found `" + value + "`",
                    command.name),
             -1;
    }
    return 1;
  }
  return 0;
}

/// The same for an option of the runtime's.
static int parseRuntime(const Command &command, int argc, char **argv, int &i,
                        Invocation &invocation) {
  llvm::StringRef name = llvm::StringRef(argv[i]).split('=').first;
  bool understood = command.runtime == Command::All || name == "--data" ||
                    (command.runtime == Command::Settings && name == "--set");
  if (!understood)
    return 0;
  apical_error error{};
  int next = i;
  int known = apical_parse_option(argc, argv, &next, &invocation.run, &error);
  if (known < 0)
    return misuse(error.message, command.name), -1;
  if (known)
    i = next - 1;
  return known;
}

int parseArguments(const Command &command, int argc, char **argv, int first,
                   Invocation &invocation) {
  apical_run_options_init(&invocation.run);
  for (int i = first; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (!argument.starts_with("-")) {
      if (!invocation.file.empty())
        return misuse("one model at a time: `" + argument + "` is one too many", command.name);
      invocation.file = argument.str();
      continue;
    }
    int known = parseOwn(command, argc, argv, i, invocation);
    if (!known)
      known = parseRuntime(command, argc, argv, i, invocation);
    if (known < 0)
      return usageError;
    if (!known)
      return unknownOption(command, argument);
  }
  if (invocation.help)
    return 0;
  if (invocation.file.empty())
    return misuse("the model's file is missing", command.name);
  for (int k = 0; k < invocation.run.directory_count; ++k)
    invocation.folders.push_back(invocation.run.directories[k]);
  return 0;
}

void printHelp(const Command &command) {
  llvm::raw_ostream &os = llvm::outs();
  os << "usage: apical " << command.name << " [options] MODEL\n\n"
     << command.summary << "\n\noptions\n";
  for (const Option &option : optionsOf(command)) {
    std::string left = option.name;
    if (option.value)
      left += (left.size() == 2 ? " " : "=") + std::string(option.value);
    if (left.size() > 20)
      os << "  " << left << "\n  " << llvm::left_justify("", 20) << " " << option.text << "\n";
    else
      os << "  " << llvm::left_justify(left, 20) << " " << option.text << "\n";
  }
  if (command.runtime == Command::Settings)
    os << "  --set NAME=VALUE     change a parameter; a plain number is in the unit of its "
          "default\n";
  if (command.runtime != Command::All)
    os << "  --data DIR           look for data files here first; may be repeated\n";
  if (command.runtime == Command::All) // --help has been said
    os << "\noptions of the run\n"
       << llvm::StringRef(apical_option_help()).split("  --help ").first;
  os << "\nexamples\n" << command.examples;
}

} // namespace apical
