# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predictive coding with the predictions of the forward pass (Millidge, Tschantz & Buckley 2022)."""
import math

import numpy

from harness import Engine, System, run
from networks import classes, deep
from predictive import update

system = System("fixed_prediction_coding", "fixed-prediction coding")


@system.check
def equals_backpropagation_to_the_bit(rule):
    """With a step of 1 and a sweep for each layer of weights: 40 updates, with momentum, are those of errors that
    travel back through the weights. More sweeps change nothing; with one less the first layer has learned nothing."""
    exact = run(deep("weight_transport"), data=classes())
    names = [n for n in exact.states if n.endswith((".w", ".b"))]
    for sweeps in (3, 10):
        assert run(deep(rule.name, f"sweeps = {sweeps}"), data=classes(), rules=[rule]).same(exact, names), sweeps
    two = update(rule.name, "sweeps = 2", rules=[rule])
    assert not two["n.x_h1.w"].any() and two["n.h1_h2.w"].any()


@system.check
def converges_as_the_binomial_law_says(rule):
    """With a step s, an error that has to pass k hidden areas from the output has arrived with the weight P(at least k
    of n - 1 sweeps with a chance of s each): the last sweep reads what those before it left. The step is a power of two
    and exact; double precision leaves the roundings of the sums, 1e-13, single precision 1e-5."""
    exact = update("weight_transport")
    for sweeps in (2, 5, 20):
        got = update(rule.name, f"sweeps = {sweeps}, step = 0.125", rules=[rule])
        for behind, c in enumerate(("h2_label", "h1_h2", "x_h1")):
            arrived = 1 - sum(math.comb(sweeps - 1, k) * 0.125**k * 0.875 ** (sweeps - 1 - k) for k in range(behind))
            for n in (f"n.{c}.w", f"n.{c}.b"):
                off = numpy.abs(got[n] - arrived * exact[n]).max() / numpy.abs(exact[n]).max()
                assert off < (1e-13 if Engine.interpret else 1e-5), f"{n} after {sweeps} sweeps: {off:.1e}"


system.mutant("predictions move", ("h.rate = h.rate@guess\n", ""))
system.mutant("the error of the unit with the other sign", ("sum(stop(eps)", "sum(-stop(eps)"))
system.mutant("no slope", ("d(sum(stop(eps) * h.rate(h.drive)), h.drive)", "eps"))
system.mutant("errors add up", ("(1 - step) * eps + step * error(h.rate)", "eps + step * error(h.rate)"))
system.mutant("the wrong end learns", ("error(post)@infer * pre@guess", "error(post)@infer * post.rate@guess"))

system.main()
