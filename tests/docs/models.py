#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every file of models/ says at its top what it shows, is accepted in silence, and can be explained: models.py APICAL"""
import os
import struct
import subprocess
import sys
import tempfile

APICAL = os.path.abspath(sys.argv[1])
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "models")


def stand_in(folder):
    """MNIST's files as far as checking reads them, which is their headers: not every machine has the data."""
    os.mkdir(os.path.join(folder, "mnist"))
    for part, rows in (("train", 60000), ("t10k", 10000)):
        for name, shape in (("images-idx3-ubyte", (rows, 28, 28)), ("labels-idx1-ubyte", (rows,))):
            with open(os.path.join(folder, "mnist", f"{part}-{name}"), "wb") as file:
                file.write(struct.pack(f">I{len(shape)}I", 0x800 + len(shape), *shape))
                file.truncate(file.tell() + rows * (784 if len(shape) == 3 else 1))  # takes no place


data = tempfile.TemporaryDirectory()
stand_in(data.name)
problems, names = [], sorted(n for n in os.listdir(FOLDER) if n.endswith(".apical"))
for name in names:
    path = os.path.join(FOLDER, name)
    with open(path, encoding="utf-8") as file:
        if not file.readline().startswith(("// ", "/// ")):
            problems.append(f"{name} does not say at its top what it shows")
    for command, silent in (("check", True), ("explain", False)):
        done = subprocess.run([APICAL, command, path, "--data", data.name], capture_output=True, text=True)
        if done.returncode or done.stderr or bool(done.stdout) == silent:
            problems.append(f"apical {command} {name}: {done.stderr or done.stdout or 'says nothing'}")
print("\n".join(problems))
print(f"{len(names)} models, {len(problems)} problems")
sys.exit(not names or bool(problems))
