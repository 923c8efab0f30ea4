# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The mutants of every system and the checks that caught each: table.py [SYSTEM...]

Prints the table and keeps it in results/mutants.json, of which `./x docs` makes docs/mutants.md.
"""
import importlib
import json
import os
import sys

import harness

KEPT = os.path.join(harness.ROOT, "results", "mutants.json")


def is_system(name):
    with open(os.path.join(harness.HERE, name)) as file:
        return "\nsystem.main()" in file.read()


names = sys.argv[1:] or sorted(f[:-3] for f in os.listdir(harness.HERE) if f.endswith(".py") and is_system(f))
harness.System.main = lambda self: None
rows, good = [], True
for name in names:
    print(f"\n{name}")
    of_system, passed = importlib.import_module(name).system.run()
    rows += of_system
    good &= passed
    kept = {}
    if os.path.exists(KEPT):
        with open(KEPT) as file:
            kept = json.load(file)
    kept[name] = {mutant: caught for _, mutant, caught in of_system}
    with open(KEPT, "w") as file:
        json.dump(kept, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
harness.print_table(rows)
print(f"\n{len(rows)} mutants, {sum(r[2] == 'NOTHING' for r in rows)} not caught")
sys.exit(not good)
