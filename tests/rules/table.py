# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The mutants of every system and the checks that caught each: table.py [SYSTEM...]"""
import importlib
import os
import sys

import harness

names = sys.argv[1:] or sorted(
    f[:-3] for f in os.listdir(harness.HERE)
    if f.endswith(".py") and f[:-3] not in ("harness", "networks", "perturbation", "table", "fashion_mnist"))
harness.System.main = lambda self: None
rows, good = [], True
for name in names:
    print(f"\n{name}")
    of_system, passed = importlib.import_module(name).system.run()
    rows += of_system
    good &= passed
harness.print_table(rows)
print(f"\n{len(rows)} mutants, {sum(r[2] == 'NOTHING' for r in rows)} not caught")
sys.exit(not good)
