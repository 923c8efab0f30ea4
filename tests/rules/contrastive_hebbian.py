# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Contrastive Hebbian learning (Xie & Seung 2003): settle freely, settle clamped, compare."""
import numpy

from harness import Engine, System, before, run
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
    first, last = (how(model, data=classes(8), rules=rules) for how in (before, run))
    return {n: last[n] - first[n] for n in last.states if n.endswith((".w", ".b"))}


def settle(states, gamma, rates, x, target=None):
    """Sixty ticks of the three areas, all at once; the last is clamped if there is a target."""
    w = [(states[f"n.{c}.w"].astype(float), states[f"n.{c}.b"].astype(float)) for c in ("x_h1", "h1_h2", "h2_label")]
    for _ in range(60):
        below, above = [x, *rates[:2]], [rates[1] @ w[1][0].T, rates[2] @ w[2][0].T, 0]
        drives = [r @ a + b + gamma * down for r, (a, b), down in zip(below, w, above)]
        rates = [r + 0.5 * (1 / (1 + numpy.exp(-d)) - r) for r, d in zip(rates, drives)]
        if target is not None:
            rates[2] = target
    return rates


@system.check
def follows_its_equation(rule):
    """One update in NumPy with strong feedback, gamma = 1/2, so that single precision sees it too: after 60 ticks of either
    phase the products of rates without and with the answer, scaled up by gamma to the minus hops, at most 4. Rates are
    known to 1e-15, or 2e-7."""
    gamma = 0.5
    model = network(gamma).replace("ticks = 100, tolerance = 1e-13", "ticks = 60, tolerance = 0")
    first = before(model, data=classes(8), rules=[rule])
    got, data = change(model, rules=[rule]), classes(8)
    x, target = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]]
    free = settle(first, gamma, [numpy.zeros((8, n)) for n in (11, 7, 5)], x)
    clamped = settle(first, gamma, free, x, target)
    free, clamped = [x, *free], [x, *clamped]
    for k, (c, hops) in enumerate((("x_h1", 2), ("h1_h2", 1), ("h2_label", 0))):
        for n, wanted in ((f"n.{c}.w", clamped[k].T @ clamped[k + 1] / 8 - free[k].T @ free[k + 1] / 8),
                          (f"n.{c}.b", (clamped[k + 1] - free[k + 1]).mean(0))):
            wanted = gamma**-hops * wanted
            assert numpy.abs(wanted).max() > 1e-3, f"{n} does not learn"
            worst = numpy.abs(got[n] - wanted).max()
            assert worst < (1e-13 if Engine.interpret else 5e-6), f"{n} is {worst:.1e} from its equation"


@system.interpreted_check
def becomes_backpropagation_as_gamma_vanishes(rule):
    """Without the slope of the outputs (cross-entropy), in every array of weights; the difference is proportional to
    gamma (power 1 within 0.05). At small gamma the phases
    differ by less than single precision sees."""
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
