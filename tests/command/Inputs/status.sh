#!/bin/sh
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# status.sh N TEXT COMMAND...: the command ends with status N and says TEXT.
expected=$1 text=$2
shift 2
said=$("$@" 2>&1)
status=$?
if [ "$status" != "$expected" ]; then
  echo "status $status instead of $expected: $said" >&2
  exit 1
fi
case $said in
  *"$text"*) ;;
  *) echo "\`$text\` is not in: $said" >&2; exit 1 ;;
esac
