//===- CommandLine.h - what the command line says ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_DRIVER_COMMANDLINE_H
#define APICAL_DRIVER_COMMANDLINE_H

#include "apical/runtime.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <string>
#include <vector>

namespace apical {

/// Exit status of a command line that cannot be understood; 1 is for all other
/// errors of the user's.
constexpr int usageError = 2;

/// What the words behind a command say. A command reads what its options can set.
struct Invocation {
  std::string file;
  std::vector<std::string> folders; ///< --data
  std::string diagnostics = "text";
  std::string cpu;
  std::string stage = "apical";
  std::string format = "text";
  std::string output; ///< -o, empty for the default
  std::string emit = "executable";
  std::string prefix;
  bool interpret = false;
  bool time = false;   ///< print what compiling took
  int64_t steps = 500; ///< of every training that is verified
  int64_t every = 50;  ///< steps from one measurement to the next
  int64_t ticks = 0;   ///< of a trial of a network that settles; 0: as the model says
  apical_run_options run;
  bool help = false;

  bool json() const { return diagnostics == "json"; }
};

/// An option of a command: `--name=value`, `--name value`, or a mere `--name`.
struct Option {
  const char *name;
  const char *value; ///< what --help calls the value; alternatives are separated by `|`
  const char *text;
  std::string Invocation::*set = nullptr;
  bool Invocation::*flag = nullptr;
  int64_t Invocation::*count = nullptr; ///< a whole number from 1 on
};

struct Command {
  const char *name;
  const char *summary;
  const char *examples;
  std::vector<Option> options;
  /// Which of the runtime's options it understands too.
  enum Runtime { Data, Settings, All } runtime; ///< --data; --set too; all
  int (*execute)(Invocation &invocation);
};

/// Prints `message` with a pointer to --help; returns usageError.
int misuse(const llvm::Twine &message, llvm::StringRef command = "");

/// Understands the arguments of `command`; 0 or usageError.
int parseArguments(const Command &command, int argc, char **argv, int first,
                   Invocation &invocation);

void printHelp(const Command &command);

} // namespace apical
#endif
