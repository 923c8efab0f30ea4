#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What must hold of an executable that was built: size, time to start, independence."""
import os
import subprocess
import sys
import time

program = sys.argv[1]
assert os.path.getsize(program) <= 2_000_000, "%d bytes" % os.path.getsize(program)
with open(program, "rb") as file:
    assert b"libLLVM" not in file.read()
assert subprocess.run(["llvm-readelf", "-d", program], capture_output=True, text=True).stdout.count("NEEDED") == 0


def seconds():
    start = time.perf_counter()
    said = subprocess.run([program, "--help"], capture_output=True, text=True, cwd="/")
    assert said.returncode == 0 and "--resume" in said.stdout, said
    return time.perf_counter() - start


# The best of some: other programs run on this machine too.
assert min(seconds() for _ in range(20)) <= 0.020
