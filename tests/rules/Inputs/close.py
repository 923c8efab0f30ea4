# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Do the costs of two metrics files agree at every step? close.py A B TOLERANCE"""
import json
import sys


def costs(path):
    with open(path) as f:
        records = [json.loads(line) for line in f]
    return [r["c"] for r in records if r["event"] == "step"]


a, b, tolerance = costs(sys.argv[1]), costs(sys.argv[2]), float(sys.argv[3])
if not a or len(a) != len(b):
    sys.exit(f"{len(a)} steps against {len(b)}")
worst = max(abs(x - y) for x, y in zip(a, b))
print(f"{len(a)} steps, largest difference {worst:.2e}")
sys.exit(worst > tolerance)
