# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What plain methods reach on the same data, in NumPy: the numbers that some targets are measured against."""
import functools
import os

import numpy

from choose import FOLDERS, idx


@functools.lru_cache
def images(part):
    """Images of Fashion-MNIST as rows of numbers from 0 to 1."""
    found = idx(os.path.join(FOLDERS["fashion_mnist"], f"{part}-images-idx3-ubyte"))
    return found.reshape(len(found), -1) / 255


@functools.lru_cache
def components():
    """The principal components of the training images about the origin, in their order, as columns."""
    x = images("train")
    return numpy.linalg.eigh(x.T @ x)[1][:, ::-1]


def principal(count):
    """The mean squared error of test images put together from their first components."""
    x, c = images("t10k"), components()[:, :count]
    return float(((x - x @ c @ c.T) ** 2).mean())


REFERENCES = {
    "1 principal component": lambda: principal(1),
    "16 principal components": lambda: principal(16),
}
