# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Do the angles of `apical verify --format=json` lie where they must?

angles.py FILE WEIGHT WHEN LOW HIGH ...: in groups of four; WEIGHT is `image_h.w` or `all`, WHEN is `first`,
`last`, `every`, and the bounds are degrees. Whatever is asked, every gradient must have passed its check by
differences, and something must have been compared.
"""
import json
import sys

with open(sys.argv[1]) as f:
    report = json.load(f)
weights = {f"{w['connection']}.{w['weight']}": w for line in report["lines"] for w in line["weights"]}
for name, w in weights.items():
    if w["updated"]:
        check = w["gradient_check"]
        if not check["passed"] or check["compared"] < 1 or check["largest"] <= 0:
            sys.exit(f"{name}: {check}")
groups = sys.argv[2:]
for name, when, low, high in zip(groups[0::4], groups[1::4], groups[2::4], groups[3::4]):
    for key, w in weights.items():
        if name not in ("all", key):
            continue
        angles = {"first": w["angle"][:1], "last": w["angle"][-1:], "every": w["angle"]}[when]
        print(key, when, angles)
        if not angles or not all(a is not None and float(low) <= a <= float(high) for a in angles):
            sys.exit(f"{key}: {when} angle outside {low}..{high}")
