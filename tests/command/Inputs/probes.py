#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""probes.py FILE LINES NAME ELEMENTS: each line is an object with so many finite numbers under that name, and the rows
come in their order."""
import json
import math
import sys

path, lines, name, elements = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with open(path) as file:
    records = [json.loads(line) for line in file]
assert len(records) == lines, len(records)
for k, record in enumerate(records):
    assert record["row"] == k % 60, record
    values = record[name] if elements > 1 else [record[name]]
    assert len(values) == elements and all(math.isfinite(v) for v in values), record
