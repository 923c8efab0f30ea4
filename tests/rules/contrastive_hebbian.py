# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Contrastive Hebbian learning (Xie & Seung 2003): settle freely, settle clamped, compare."""
import numpy

from harness import System, before, run
from networks import classes

system = System("contrastive_hebbian", "contrastive Hebbian learning")


def network(gamma):
    return f"""
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    area x[13]    : source
    area h1[11]   : contrastive_unit(gamma = {gamma})
    area h2[7]    : contrastive_unit(gamma = {gamma})
    area label[5] : contrastive_unit(gamma = {gamma}) {{ given target }}
    connect x -> h1.up     : dense(bias = true)
    connect h1 -> h2.up    : dense(bias = true)
    connect h2 -> label.up : dense(bias = true)
    connect h2 -> h1.down    : transpose(h1_h2)
    connect label -> h2.down : transpose(h2_label)
    cost c = sum((label.rate - label.target)^2) / 2
    learn c by contrastive_hebbian(ticks = 100, tolerance = 1e-13) with sgd(1)
}}
train n on points, batch = 8, trials = 1 {{ x.rate = x; label.target = one_hot(y, 5) }}
"""


# The limit: the same weights without feedback, and the cost whose error is target minus output.
LIMIT = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13]    : source
    area h1[11]   : logistic_unit
    area h2[7]    : logistic_unit
    area label[5] : logistic_unit { given target }
    connect x -> h1     : dense(bias = true)
    connect h1 -> h2    : dense(bias = true)
    connect h2 -> label : dense(bias = true)
    cost c = sum(softplus(label.drive) - label.target * label.drive)
    learn c by backprop() with sgd(1)
}
train n on points, batch = 8, trials = 1 { x.rate = x; label.target = one_hot(y, 5) }
"""


def change(model, rules=()):
    first, last = (how(model, data=classes(8), rules=rules, interpret=True) for how in (before, run))
    return {n: last[n] - first[n] for n in last.states if n.endswith((".w", ".b"))}


@system.check
def becomes_backpropagation_as_gamma_vanishes(rule):
    """Without the slope of the outputs (cross-entropy), in every array of weights; the difference is proportional to
    gamma (power 1 within 0.05). Interpreted: at small gamma the phases differ by less than single precision sees."""
    exact = change(LIMIT)
    off = []
    for gamma in (2e-3, 1e-3):
        got = change(network(gamma), rules=[rule])
        assert sorted(got) == sorted(exact)
        off.append({n: numpy.linalg.norm(got[n] - exact[n]) / numpy.linalg.norm(exact[n]) for n in got})
    for n in exact:
        power = numpy.log2(off[0][n] / off[1][n])
        assert off[1][n] < 5e-4 and abs(power - 1) < 0.05, f"{n}: power {power:.3f}, {off[0][n]:.1e}, {off[1][n]:.1e}"


system.mutant("anti-Hebbian", ("@free - (post.rate * pre)@clamped", "@clamped - (post.rate * pre)@free"))
system.mutant("not scaled by gamma", ("post.gamma^(-hops(post, outputs)) * ", ""))
system.mutant("the outputs stay free", ("o.rate = o.target", "o.rate = o.rate"))
system.mutant("settles for three ticks", ("free    { run ticks until change < tolerance }", "free    { run 3 }"))
system.mutant("the free phase is not subtracted", ("(post.rate * pre)@free - ", "-"))

system.main()
