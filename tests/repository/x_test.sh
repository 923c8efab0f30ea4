#!/usr/bin/env bash
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The command x answers what it does not understand with its usage and exit
# code 2: x_test.sh ROOT.
set -euo pipefail
x=$1/x
failures=0

expect() {
  local wanted=$1 text=$2 got=0 output
  shift 2
  output=$("$x" "$@" 2>&1) || got=$?
  if [[ $got != "$wanted" || $output != *"$text"* ]]; then
    printf 'x %s: wanted exit code %s and `%s`, got %s:\n%s\n' "$*" "$wanted" "$text" "$got" "$output"
    failures=$((failures + 1))
  fi
}

expect 0 "usage: ./x COMMAND" --help
expect 2 "which command?"
expect 2 "there is no command 'fly'" fly
expect 2 "data knows one set: mnist" data cifar
expect 2 "data knows one set: mnist" data
expect 2 "fmt knows --check, not '--all'" fmt --all
expect 2 "docs knows --plots, not 'plots'" docs plots
expect 2 "build takes no arguments" build everything

exit $((failures > 0))
