# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How likely images of Fashion-MNIST are under what a generator made, as Goodfellow et al. 2014 measured it.

A Gaussian kernel stands around each made image (a Parzen window). Its width is the one under which training images are
likeliest that the generator has not learned from, the last 10 000; what counts is then the mean log-likelihood of the test
images, in nats.
"""
import numpy

from images import images

WIDTHS = tuple(float(f"{w:.3f}") for w in numpy.geomspace(0.1, 0.5, 10))


def log_density(points, centres, widths):
    """The logarithm of the mean of the kernels around the centres: a row for each width, a column for each point."""
    points, centres = (numpy.asarray(x, numpy.float32) for x in (points, centres))
    lengths, found = (centres**2).sum(1), numpy.empty((len(widths), len(points)))
    for k in range(0, len(points), 500):
        some = points[k : k + 500]
        distances = (some**2).sum(1)[:, None] + lengths - 2 * some @ centres.T
        for row, width in zip(found, widths):
            p = distances / (-2 * width**2)
            top = p.max(1)
            kernels = numpy.exp(p - top[:, None]).mean(1)
            row[k : k + 500] = top + numpy.log(kernels) - centres.shape[1] / 2 * numpy.log(2 * numpy.pi * width**2)
    return found


def by_width(made):
    """The mean log-likelihood of the held-out training images for each width of the kernels."""
    return dict(zip(WIDTHS, log_density(images("train")[50000:], made, WIDTHS).mean(1).tolist()))


def likelihood(made, width=None):
    """The mean log-likelihood of the test images, and its standard error over them. A width that is not given is chosen,
    which wants images that were made without the held-out ones."""
    if width is None:
        scores = by_width(made)
        width = max(scores, key=scores.get)
    found = log_density(images("t10k"), made, [width])[0]
    return {"log_likelihood": float(found.mean()), "standard_error": float(found.std(ddof=1) / len(found) ** 0.5)}


def made_by(records):
    """The images and the width of kernels that each network of a run probed as `made` and, where it has one, `width`."""
    made, widths = {}, {}
    for record in records:
        made.setdefault(record["network"], []).append(numpy.array(record["made"], numpy.float32))
        widths[record["network"]] = record.get("width")
    return {network: (numpy.array(rows), widths[network]) for network, rows in made.items()}


def measures(records):
    """The measures of each network, from what a run probed."""
    return {network: likelihood(*found) for network, found in made_by(records).items()}


def held_out(records):
    """The score of a run for each width, for results/choose.py."""
    (made, _), = made_by(records).values()
    return by_width(made)


def gaussian(seed=1, count=10000):
    """Draws with the mean and covariance of the training images, kept between 0 and 1."""
    x = images("train")[:50000]
    values, axes = numpy.linalg.eigh(numpy.cov(x.T))
    draws = numpy.random.default_rng(seed).standard_normal((count, len(values)))
    return numpy.clip(x.mean(0) + draws @ (axes * numpy.sqrt(numpy.maximum(values, 0))).T, 0, 1)
