# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The image sets that models learn from, as arrays."""
import functools
import gzip
import os

import numpy

FOLDERS = {
    "fashion_mnist": "/usr/share/datasets/fashion-mnist",  # of the Debian package dataset-fashion-mnist
    "mnist": os.path.join(os.environ.get("XDG_DATA_HOME", os.path.expanduser("~/.local/share")), "apical", "mnist"),
}


def idx(path):
    """The array of an IDX file, plain or gzipped."""
    plain = os.path.exists(path)
    with open(path, "rb") if plain else gzip.open(path + ".gz") as file:
        raw = file.read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * k : 8 + 4 * k], "big") for k in range(rank)]
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


@functools.lru_cache
def images(part):
    """Images of Fashion-MNIST as rows of numbers from 0 to 1."""
    found = idx(os.path.join(FOLDERS["fashion_mnist"], f"{part}-images-idx3-ubyte"))
    return found.reshape(len(found), -1) / 255
