# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What plain methods reach on the same data, in NumPy: the numbers that some targets are measured against."""
import functools

import numpy

import parzen
from images import images


@functools.lru_cache
def components():
    """The principal components of the training images about the origin, in their order, as columns."""
    x = images("train")
    return numpy.linalg.eigh(x.T @ x)[1][:, ::-1]


def principal(count):
    """The mean squared error of test images put together from their first components."""
    x, c = images("t10k"), components()[:, :count]
    return float(((x - x @ c @ c.T) ** 2).mean())


def about_the_mean(count):
    """The same about the mean of the training images."""
    x, train = images("t10k"), images("train")
    mean = train.mean(0)
    c = numpy.linalg.eigh(numpy.cov(train.T, bias=True))[1][:, ::-1][:, :count]
    return float((((x - mean) - (x - mean) @ c @ c.T) ** 2).mean())


def hole():
    """The pixels of the hole of models/autoencoder.apical."""
    row, column = numpy.divmod(numpy.arange(784), 28)
    return (row >= 9) & (row < 19) & (column >= 9) & (column < 19)


def mean_fill():
    """The mean squared error in the hole, filled with the mean of each pixel."""
    return float(((images("t10k")[:, hole()] - images("train")[:, hole()].mean(0)) ** 2).mean())


def linear_fill():
    """The same, filled by linear regression on all other pixels."""
    known = lambda x: numpy.c_[x[:, ~hole()], numpy.ones(len(x))]
    a, b = known(images("train")), images("train")[:, hole()]
    w = numpy.linalg.solve(a.T @ a + 1e-3 * numpy.eye(a.shape[1]), a.T @ b)
    return float(((known(images("t10k")) @ w - images("t10k")[:, hole()]) ** 2).mean())


REFERENCES = {
    "32 principal components about the mean": lambda: about_the_mean(32),
    "the mean of each pixel": mean_fill,
    "linear regression on the other pixels": linear_fill,
    "1 principal component": lambda: principal(1),
    "16 principal components": lambda: principal(16),
    "10 000 training images": lambda: parzen.likelihood(images("train")[:10000])["log_likelihood"],
    "10 000 draws with the mean and covariance of the training images": lambda: parzen.likelihood(parzen.gaussian())["log_likelihood"],
}
