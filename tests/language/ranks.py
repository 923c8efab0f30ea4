# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `rank` says (docs/language.md, 5): 1 for the largest; of equals, the first comes first; NaN takes no place.

What is ranked are small integers or halves: nothing is rounded there.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import before, on_both_engines, run


def defined(x, axis=-1):
    """One more than those that are greater, or equal and before."""
    x = numpy.moveaxis(numpy.asarray(x, float), axis, -1)
    own, other, n = x[..., :, None], x[..., None, :], x.shape[-1]
    before = numpy.arange(n)[None, :] < numpy.arange(n)[:, None]
    return numpy.moveaxis(1 + numpy.sum((other > own) | ((other == own) & before), -1), -1, axis)


def ranks(x, interpret, what="drive", batch=5):
    """Of every row of x, in batches that do not divide the rows."""
    model = f"""
unit ranked {{ given drive; output rate = rank({what}) }}
data d = table(x = npy("x.npy"))
network n {{ area a[{x.shape[1]}] : ranked }}
test n on d, batch = {batch} {{ a.drive = x; probe a.rate }}
"""
    return numpy.array([p["a.rate"] for p in run(model, {"x.npy": x}, interpret=interpret).probes])


def areas_of_any_size(interpret):
    random = numpy.random.default_rng(1)
    for units in (2, 3, 16, 17, 63, 64, 65, 100, 256, 1000, 2000):
        for values in (4, 10000):
            x = random.integers(-values, values, (7, units)).astype(numpy.float32) / 2
            assert (ranks(x, interpret) == defined(x)).all(), (units, values)
            assert (ranks(x, interpret, batch=1) == defined(x)).all(), (units, values)


def numbers_that_are_none(interpret):
    """Zeros of either sign are equal; 1 / 0 is the largest, and 0 / 0 has rank 1 and takes no place."""
    x = numpy.array([[1, 0, -1, 2, 0, 3, 0, -2]], numpy.float32)
    for units in (8, 200):
        row = numpy.resize(x, (1, units))
        with numpy.errstate(all="ignore"):
            for what, value in (("0 * drive", 0 * row), ("1 / drive", 1 / row), ("drive / drive", row / row),
                                ("-1 / abs(drive)", -1 / abs(row)),
                                ("where(drive > 2, drive / 0, where(drive < 0, 0 / (drive - drive), drive))",
                                 numpy.where(row > 2, numpy.inf, numpy.where(row < 0, numpy.nan, row)))):
                assert (ranks(row, interpret, what) == defined(value)).all(), what


def synapses_along_either_end(interpret):
    """In synapse code, among those that share the other end: of the weights alone, and with samples."""
    random = numpy.random.default_rng(2)
    for pre, post in ((3, 70), (70, 3), (5, 6)):
        x = random.integers(-3, 4, (4, pre)).astype(numpy.float32)
        for over, axis in (("pre", 0), ("post", 1)):
            for change in (f"rank(floor(w), over = {over})", f"batch_sum(rank(pre * floor(w), over = {over}))"):
                model = f"""
rule ranked() : population {{ w += {change} - w }}
data d = table(x = npy("x.npy"))
network n {{
    area a[{pre}] : source
    area b[{post}] : linear_unit
    connect a -> b : dense(w ~ normal(0, 3))
    learn in a_b by ranked()
}}
train n on d, batch = 4, trials = 1 {{ a.rate = x }}
"""
                how = {"data": {"x.npy": x}, "interpret": interpret}
                w = numpy.floor(before(model, **how)["n.a_b.w"])
                wanted = defined(w, axis) if change.startswith("rank") else defined(x[:, :, None] * w, axis + 1).sum(0)
                assert (abs(run(model, **how)["n.a_b.w"] - wanted) < 1e-4).all(), (pre, post, change)


def ranks_have_no_slope(interpret):
    """A cost that ranks enter as factors: they are constants for the derivative."""
    model = """
unit placed { input drive; let place = rank(drive); output rate = place * drive }
data d = table(x = npy("x.npy"))
network n {
    area a[2] : source
    area b[3] : placed
    connect a -> b : dense(w = 0, bias = true)
    cost c = sum(b.rate)
    learn c by backprop() with sgd(1)
}
train n on d, batch = 4, trials = 1 { a.rate = x }
"""
    assert (-run(model, {"x.npy": numpy.ones((4, 2))}, interpret=interpret)["n.a_b.b"]).tolist() == [1, 2, 3]


if __name__ == "__main__":
    on_both_engines(areas_of_any_size, numbers_that_are_none, synapses_along_either_end, ranks_have_no_slope)
