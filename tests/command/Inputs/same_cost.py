#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""same_cost.py RATIO A B: the costs of the epochs and tests in two files of metrics agree that well."""
import json
import sys

ratio = float(sys.argv[1])
runs = []
for path in sys.argv[2:]:
    records = [json.loads(line) for line in open(path)]
    runs.append([r["c"] for r in records if r["event"] in ("epoch", "test")])
a, b = runs
assert len(a) == len(b) > 0, runs
for x, y in zip(a, b):
    assert 0 < x and abs(x - y) <= ratio * abs(y), (x, y)
