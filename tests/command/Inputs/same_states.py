#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether two checkpoints hold the same bits: every state, and where the run stands."""
import json
import struct
import sys


def header(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length))["__metadata__"]


a, b = (header(path) for path in sys.argv[1:])
keys = [key for key in a if key.startswith("crc32:")] + ["hash", "trial", "experiment", "epoch", "seed"]
assert len(keys) > 10, "there is next to nothing to compare"
for key in keys:
    if a[key] != b.get(key):
        sys.exit("%s differs: %s and %s" % (key, a[key], b.get(key)))
