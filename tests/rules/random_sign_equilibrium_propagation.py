# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equilibrium propagation with a nudge of random sign (Scellier & Bengio 2017)."""
import numpy

import nudging
from harness import Engine, System, before, run
from networks import classes
from perturbation import MOMENTS

system = System("random_sign_equilibrium_propagation", "equilibrium propagation, random sign")


def update(learn, rules=(), seed=1):
    """Of a network with two hidden areas, on one batch."""
    first = before(nudging.network("backprop()", hidden=(11, 7)), data=classes(8), seed=seed)
    last = run(nudging.network(learn, hidden=(11, 7)), data=classes(8), rules=rules, seed=seed)
    return {n: first[n] - last[n] for n in last.states if n.endswith((".w", ".b"))}


@system.check
def is_one_of_the_two_one_sided_forms(rule):
    """For each of five seeds the update is that of a nudge of beta or of -beta, bit for bit, over all arrays at once: one
    sign for the whole batch and network. Both occur: five fair draws agree once in 16, and these do not. (That
    `choice` is fair is checked where it is defined.)"""
    signs = set()
    for seed in range(1, 6):
        got = update(f"{rule.name}()", [rule], seed)
        fits = [sign for sign in (1, -1)
                if all(numpy.array_equal(got[n], value) for n, value in
                       update(f"one_sided_equilibrium_propagation(beta = {sign * 0.5})", seed=seed).items())]
        assert len(fits) == 1, f"seed {seed}: {fits}"
        signs.add(fits[0])
    assert signs == {1, -1}


@system.check
def the_two_signs_average_to_the_symmetric_form(rule):
    """So that no bias of the first order is left. In five trials of one batch with fixed weights the estimates are of two
    kinds, and half the sum of the two is the estimate of the symmetric form, to rounding: 1e-13, or the 1e-6 of sums over
    five trials in single precision. The two themselves are apart by a tenth of it at the least."""
    def sums(name, trials):
        model = nudging.network(f"{name}()", trials=trials).replace("sgd(1)", "moments()")
        end = run(model, data=classes(8), rules=[rule, MOMENTS] if name == rule.name else [MOMENTS])
        return numpy.concatenate([end[n].ravel().astype(float) for n in sorted(end.states) if n.endswith(".first")])

    totals = [sums(rule.name, n) for n in range(1, 6)]
    estimates = [totals[0]] + [b - a for a, b in zip(totals, totals[1:])]
    wanted, bound = sums("equilibrium_propagation", 1), 1e-13 if Engine.interpret else 5e-6
    other = [e for e in estimates if numpy.abs(e - estimates[0]).max() > bound]
    assert other, "every trial has the same sign"
    assert numpy.linalg.norm(other[0] - estimates[0]) > 0.1 * numpy.linalg.norm(wanted)
    assert max(numpy.abs(e - other[0]).max() for e in other) < bound, "there are more than two kinds"
    worst = numpy.abs((estimates[0] + other[0]) / 2 - wanted).max()
    assert worst < bound, f"the average is {worst:.1e} from the symmetric form"


@system.check
def the_free_state_persists(rule):
    """With `item` states and fixed weights, four trials of three free ticks settle as twelve free ticks do, in NumPy."""
    nudging.settles_on(rule)


system.mutant("always up", ("choice(-beta, beta)", "choice(beta, beta)"))
system.mutant("a sign for each sample", ("shared state b", "state b"))
system.mutant("anti-Hebbian", ("@settled - (post.rate * pre)@up", "@up - (post.rate * pre)@settled"))
system.mutant("the sign does not reach the update", (") / b", ") / beta"))
system.mutant("nudged by the state", ("b * error(o.rate)", "b * o.rate"))
system.mutant("the nudged state persists", ("phase rest from settled {}", ""))

system.main()
