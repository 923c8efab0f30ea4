# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes IDX files of bytes: idx.py FOLDER NAME=ROWSxCOLUMNS..."""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for argument in sys.argv[2:]:
    name, shape = argument.split("=")
    rows, columns = map(int, shape.split("x"))
    values = bytes((7 * k + 3) % 256 for k in range(rows * columns))
    (folder / name).write_bytes(struct.pack(">III", 0x802, rows, columns) + values)
