# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Is the mean test accuracy of a network within bounds? accuracy.py NETWORK LOW HIGH METRICS..."""
import json
import sys

network, low, high = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
found = []
for path in sys.argv[4:]:
    with open(path) as f:
        records = [json.loads(line) for line in f]
    tests = [r["accuracy"] for r in records if r["event"] == "test" and r["network"] == network]
    if len(tests) != 1:
        sys.exit(f"{path}: {len(tests)} tests of {network}")
    found += tests
mean = sum(found) / len(found)
print(f"{network}: {found}, mean {mean:.4f}, wanted {low} to {high}")
sys.exit(not low <= mean <= high)
