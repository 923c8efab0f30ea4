# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the checks of equilibrium propagation share: networks that settle, in Apical and in NumPy, and the gradient that
the rules approach."""
import numpy

from harness import Engine, Rule, before, run
from networks import classes

# The Hopfield energy with a smooth activation, so that the theorem holds at every point.
SMOOTH = """
unit smooth_unit(step = 0.5) {
    input drive
    state u = 0
    output rate = tanh(u)
    u += step * ((1 - rate^2) * drive - u)
}
"""


def network(learn, unit="bounded_unit", cost="c", batch=8, trials=1, ticks=1, weights="normal(0.05, 0.3)", hidden=(11,),
            probes="", rate=1):
    names = ["x"] + [f"h{k + 1}" for k in range(len(hidden))] + ["label"]
    lines = ["area x[13] : source"] + [f"area {n}[{s}] : {unit}" for n, s in zip(names[1:], hidden)]
    given = "item rate; given target" if "item rate" in unit else "given target"
    lines.append(f"area label[5] : {unit.split(' {')[0]} {{ {given} }}")
    for a, b in zip(names, names[1:]):
        lines.append(f"connect {a} -> {b} : dense(bias = true, w ~ {weights})")
    for a, b in zip(names[1:], names[2:]):
        lines.append(f"connect {b} -> {a} : transpose({a}_{b})")
    body = "\n    ".join(lines)
    square = "sum((label.rate - label.target)^2) / 2"
    return f"""{SMOOTH}
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    {body}
    cost c = {square if cost == "c" else f"last * {square}"}
    learn c by {learn} with sgd({rate})
}}
train n on points, batch = {batch}, trials = {trials}, trial = {ticks} ticks {{
    x.rate = x; label.target = one_hot(y, 5)
    {probes}
}}
"""


def change(model, start, data=None, **how):
    """What one update adds to all weights, in one row. Every rule starts from the same weights, those of `start`."""
    first, last = start, run(model, data=data or classes(8), **how)
    names = [n for n in first.states if n.endswith((".w", ".b"))]
    return numpy.concatenate([numpy.ravel(last[n].astype(float) - first[n]) for n in sorted(names)])


def ticks(w, b, s, x, target, count, beta, step=0.5):
    """The areas of `bounded_unit`s, all at once, from the states s."""
    for _ in range(count):
        below = [x] + s[:-1]
        drive = [p @ w[k] + b[k] for k, p in enumerate(below)]
        for k in range(len(s) - 1):
            drive[k] = drive[k] + s[k + 1] @ w[k + 1].T
        drive[-1] = drive[-1] - beta * (s[-1] - target)
        s = [numpy.clip(v + step * (d - v), 0, 1) for v, d in zip(s, drive)]
    return s


def follows(rule, nudges, scale):
    """Asserts that three updates of a network with two hidden areas, 20 free ticks and 4 nudged ones, are those of NumPy:
    (product of rates with the second nudge, minus that with the first) / scale. Double precision differs by the order of
    sums alone, 1e-13 a tick; single precision by 24 ticks of 6e-8, and three steps."""
    model = network(f"{rule.name}()", trials=3, hidden=(11, 7))
    start, end = (how(model, data=classes(8), rules=[rule]) for how in (before, run))
    names = ["x_h1", "h1_h2", "h2_label"]
    w, b = ([start[f"n.{c}.{kind}"].astype(float) for c in names] for kind in "wb")
    data = classes(8)
    x, target = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]]
    for _ in range(3):
        free = ticks(w, b, [numpy.zeros((8, n)) for n in (11, 7, 5)], x, target, 20, 0)
        ends = [ticks(w, b, free, x, target, 4 if beta else 0, beta) for beta in nudges]
        for k in range(3):
            products = [((x if k == 0 else s[k - 1]).T @ s[k] / 8, s[k].mean(0)) for s in ends]
            w[k], b[k] = (v - (second - first) / scale for v, first, second in zip((w[k], b[k]), *products))
    bound = 1e-11 if Engine.interpret else 2e-5
    for k, c in enumerate(names):
        assert numpy.abs(end[f"n.{c}.w"] - start[f"n.{c}.w"]).max() > 1e-3, f"{c} has not moved"
        for got, wanted in ((end[f"n.{c}.w"], w[k]), (end[f"n.{c}.b"], b[k])):
            assert numpy.abs(got - wanted).max() < bound, f"{c} is off by {numpy.abs(got - wanted).max():.1e}"


def settles_on(rule):
    """Asserts that with `item` states and fixed weights the free phase of a row starts where its free phase ended a
    trial ago: after four trials of three free ticks the states are those of twelve, whatever the nudges did."""
    model = network(f"{rule.name}(free = 3)", "bounded_unit { item rate }", trials=4, rate=0)
    start, end = (how(model, data=classes(8), rules=[rule]) for how in (before, run))
    w, b = ([start[f"n.{c}.{kind}"].astype(float) for c in ("x_h1", "h1_label")] for kind in "wb")
    x, target = classes(8)["x.npy"].astype(float), numpy.eye(5)[classes(8)["y.npy"]]
    free = ticks(w, b, [numpy.zeros((8, n)) for n in (11, 5)], x, target, 12, 0)
    for name, value in (("h1", free[0]), ("label", free[1])):
        got = end[f"n.{name}.rate.points"]
        worst = numpy.abs(got - value).max()
        assert worst < (1e-6 if Engine.interpret else 2e-5), f"{name} is {worst:.1e} from where it settles"
        assert got.std() > 0.01, "the states do not differ"


def inside():
    """Inputs for which, with small positive weights, no `bounded_unit` comes to its bounds."""
    return {**classes(8), "x.npy": numpy.random.default_rng(6).uniform(0.3, 0.7, (8, 13)).astype(numpy.float32)}


def powers(rule, name, betas, unit="smooth_unit"):
    """The powers of beta with which the update departs from the exact gradient of the settled cost, between one beta and
    the next, and how far it is off at each, relative to the gradient."""
    how = {"weights": "normal(0.05, 0.3)"} if unit == "smooth_unit" else {"weights": "uniform(0, 0.1)"}
    data = classes(8) if unit == "smooth_unit" else inside()
    start = before(network("backprop()", unit, **how), data=data)
    exact = change(network("backprop()", unit, "last", ticks=151, **how), start, data)
    off, settled = [], 75 if Engine.mutating else 150
    for beta in betas:
        learn = f"{name}(beta = {beta}, free = {settled}, nudged = {settled})"
        got = change(network(learn, unit, **how), start, data, rules=[rule] if name == rule.name else [])
        off.append(numpy.linalg.norm(got - exact) / numpy.linalg.norm(exact))
    return [numpy.log(a / b) / numpy.log(p / q) for a, b, p, q in zip(off, off[1:], betas, betas[1:])], off


def states_at(rule, phases, arguments, unit, variable):
    """Of one sample, the states of both areas at the end of each phase: kept in weights that the check adds to the rule."""
    added = "".join(f"    each area a {{ weight at_{p} = 0; at_{p} += a.{variable}@{p} }}\n" for p in phases)
    model = network(f"{rule.name}({arguments})", unit, batch=1)
    end = run(model, data=classes(1), rules=[Rule(rule.name, rule.text[:-1] + added + "}")])
    return [numpy.concatenate([end[f"n.learn0.{area}.at_{p}"] for area in ("h1", "label")]).astype(float) for p in phases]


def weights(learn="equilibrium_propagation()", **how):
    """Of the network of one sample and one hidden area: the input of either area, the weights between them, the target."""
    start = before(network(learn, batch=1, **how), data=classes(1))
    data = classes(1)
    bias = numpy.concatenate([data["x.npy"][0].astype(float) @ start["n.x_h1.w"] + start["n.x_h1.b"],
                              start["n.h1_label.b"]])
    w = numpy.zeros((16, 16))
    w[:11, 11:] = start["n.h1_label.w"]
    return bias, w + w.T, numpy.eye(5)[data["y.npy"][0]]
