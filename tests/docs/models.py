#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every file of models/ says at its top what it shows, is accepted in silence, and can be explained: models.py APICAL"""
import os
import subprocess
import sys

APICAL = os.path.abspath(sys.argv[1])
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "models")
problems, names = [], sorted(n for n in os.listdir(FOLDER) if n.endswith(".apical"))
for name in names:
    path = os.path.join(FOLDER, name)
    with open(path, encoding="utf-8") as file:
        if not file.readline().startswith(("// ", "/// ")):
            problems.append(f"{name} does not say at its top what it shows")
    for command, silent in (("check", True), ("explain", False)):
        done = subprocess.run([APICAL, command, path], capture_output=True, text=True)
        if done.returncode or done.stderr or bool(done.stdout) == silent:
            problems.append(f"apical {command} {name}: {done.stderr or done.stdout or 'says nothing'}")
print("\n".join(problems))
print(f"{len(names)} models, {len(problems)} problems")
sys.exit(not names or bool(problems))
