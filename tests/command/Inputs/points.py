#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes x.npy (60 rows of 20 numbers, float32) and y.csv (their labels, 0 to 4) to a folder."""
import pathlib
import random
import struct
import sys

rows, width, classes = 60, 20, 5
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random.seed(1)
labels = [row % classes for row in range(rows)]
centres = [[random.gauss(0, 1) for _ in range(width)] for _ in range(classes)]
numbers = [c + random.gauss(0, 0.5) for label in labels for c in centres[label]]
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (rows, width)
header += " " * (-(len(header) + 11) % 64) + "\n"
magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
folder.joinpath("x.npy").write_bytes(magic + header.encode() + struct.pack("<%df" % len(numbers), *numbers))
folder.joinpath("y.csv").write_text("label\n" + "".join("%d\n" % label for label in labels))
