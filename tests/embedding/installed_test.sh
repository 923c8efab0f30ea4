#!/usr/bin/env bash
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Installs into the build folder, moves the tree elsewhere, and builds and runs
# examples/embedding against it: whatever still pointed to the build tree, or to
# where the tree was first, is gone or missed.
#
#   installed_test.sh CMAKE SOURCE BUILD CC CXX GENERATOR
set -euo pipefail
cmake=$1 source=$2 build=$3 cc=$4 cxx=$5 generator=$6
here=$build/tests/embedding/work
rm -rf "$here"
mkdir -p "$here"
"$cmake" --install "$build" --prefix "$here/first" >/dev/null
mv "$here/first" "$here/apical"
cp -r "$source/examples/embedding" "$here/examples"

for header in "$here"/apical/include/apical/*; do
  if grep -nE '#include.*(mlir|llvm)/' "$header"; then
    echo "$header shows LLVM" >&2
    exit 1
  fi
done

"$cmake" -S "$here/examples" -B "$here/build" -G "$generator" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$here/apical" \
  -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" >"$here/log" ||
  { cat "$here/log"; exit 1; }
"$cmake" --build "$here/build" >"$here/log" 2>&1 || { cat "$here/log"; exit 1; }

cd "$here"
build/from_cpp examples/exclusive_or.apical cpp.safetensors
build/from_c examples/exclusive_or.apical c.safetensors
build/compiled_in library.safetensors
# Checkpoints go from each to each: the same model, however it runs.
apical/bin/apical run examples/exclusive_or.apical --resume library.safetensors --quiet
apical/bin/apical run examples/exclusive_or.apical --resume cpp.safetensors --interpret --quiet

# Nothing without LLVM needs LLVM.
if ldd build/compiled_in | grep -iE 'llvm|mlir|libapical|stdc'; then
  echo "compiled_in needs more than the C library" >&2
  exit 1
fi
# What the shared library shows is ours.
if nm -D --defined-only apical/lib*/libapical.so 2>/dev/null | awk '$2 ~ /[TDBR]/ {print $3}' |
  grep -v '^apical_'; then
  echo "libapical.so shows other names" >&2
  exit 1
fi
echo Success
