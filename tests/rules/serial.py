# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the rules that change one thing at a time have in common: they are finite differences of the cost."""
import numpy

from harness import Engine, Rule, run
from networks import classes, deep
from perturbation import MOMENTS


def gradients(name, arguments="", rules=(), batch=8, **how):
    """The first estimate of every array of weights and biases."""
    model = deep(name, arguments, batch=batch, trials=1, optimizer="moments()", **how)
    states = run(model, data=classes(batch), rules=[MOMENTS, *rules]).states
    return {k[len("n.learn0."):]: v.astype(float) for k, v in states.items() if k.endswith(".first")}


def off(rule, eps):
    """How far the estimate is from the exact gradient, relative to it, in each array."""
    exact, got = gradients("backprop"), gradients(rule.name, f"eps = {eps}", [rule])
    assert sorted(exact) == sorted(got) and len(got) == 6
    return {k: numpy.linalg.norm(got[k] - exact[k]) / numpy.linalg.norm(exact[k]) for k in exact}


def is_the_gradient_as_eps_vanishes(rule):
    """In double precision eps = 1e-6 leaves 1e-16 / 1e-6 of rounding. In single precision a cost near 2 is known to
    2e-7 at best, and so asks for a large eps: estimates D at eps, -eps, 2 eps and -2 eps are combined to
    (4 (D(eps) + D(-eps)) - (D(2 eps) + D(-2 eps))) / 6, whose error is of the fourth order. At eps = 1/16 that is 1e-5
    times fifth derivatives, and rounding of the mean cost is 1e-5 of the
    gradients: below 2e-4, where one difference at eps = 1/16 is off by some per cent."""
    if Engine.interpret:
        fine = off(rule, 1e-6)
        assert max(fine.values()) < 1e-5, fine
        coarse = [off(rule, eps) for eps in (2e-3, 1e-3)]
        for k in fine:
            power = numpy.log2(coarse[0][k] / coarse[1][k])
            assert abs(power - 1) < 0.05, f"{k}: power {power:.3f}"
    else:
        estimates = [(weight / 6, gradients(rule.name, f"eps = {eps}", [rule]))
                     for weight, eps in ((4, 1 / 16), (4, -1 / 16), (-1, 1 / 8), (-1, -1 / 8))]
        for k, exact in gradients("backprop").items():
            got = sum(weight * e[k] for weight, e in estimates)
            left = numpy.linalg.norm(got - exact) / numpy.linalg.norm(exact)
            assert left < 2e-4, f"{k} is off by {left:.1e}"


def is_the_same_for_native_code(rule):
    """Native code and the interpreter take the same differences: they differ by the rounding of two costs, 2 * 1.2e-7
    each, divided by eps, in the mean over 8 samples times an input below 4."""
    eps, bound = 0.02, 2 * 2.4e-7 / 0.02 * 4
    got = gradients(rule.name, f"eps = {eps}", [rule])
    interpret, Engine.interpret = Engine.interpret, not Engine.interpret
    other = gradients(rule.name, f"eps = {eps}", [rule])
    Engine.interpret = interpret
    for k in got:
        assert numpy.abs(got[k] - other[k]).max() < bound, k
