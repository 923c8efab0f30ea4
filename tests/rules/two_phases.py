# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the checks of generalised recirculation share: networks that settle without and with the answer."""
import numpy

from harness import Engine, before, run
from networks import classes

# Rates of seven bits: products of two and sums over a batch of 8 are exact, and what is equal in algebra is equal.
ROUNDED = """
unit rounded_unit(gamma = 1, step = 1) {
    input up, down
    output state rate = 0
    rate += step * (floor(128 * logistic(up + gamma * down)) / 128 - rate)
}
"""


def network(learn, unit="relaxing_unit", back="dense", trials=1, optimizer="sgd(1)", up="", down=""):
    return f"""{ROUNDED}
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    area x[13]    : source
    area h1[11]   : {unit}
    area h2[7]    : {unit}
    area label[5] : {unit} {{ given target }}
    connect x -> h1{up}     : dense(bias = true)
    connect h1 -> h2{up}    : dense(bias = true)
    connect h2 -> label{up} : dense(bias = true)
    connect h2 -> h1{down}    : {back.replace("WEIGHTS", "h1_h2")}
    connect label -> h2{down} : {back.replace("WEIGHTS", "h2_label")}
    cost c = sum((label.rate - label.target)^2) / 2
    learn c by {learn} with {optimizer}
}}
train n on points, batch = 8, trials = {trials} {{ x.rate = x; label.target = one_hot(y, 5) }}
"""


def changes(model, data=None, **how):
    first, last = (make(model, data=data or classes(8), **how) for make in (before, run))
    return {n: first[n].astype(float) - last[n] for n in last.states if n.endswith((".w", ".b"))}, first


def settle(states, rates, x, target=None, ticks=60):
    """Three areas of `relaxing_unit`s and their feedback, all at once; the last clamped if there is a target."""
    w = {n: states[f"n.{n}"].astype(float) for n in ("x_h1.w", "x_h1.b", "h1_h2.w", "h1_h2.b", "h2_label.w",
                                                     "h2_label.b", "h2_h1.w", "label_h2.w")}
    for _ in range(ticks):
        h1, h2, label = rates
        drives = [x @ w["x_h1.w"] + w["x_h1.b"] + h2 @ w["h2_h1.w"],
                  h1 @ w["h1_h2.w"] + w["h1_h2.b"] + label @ w["label_h2.w"],
                  h2 @ w["h2_label.w"] + w["h2_label.b"]]
        rates = [r + 0.5 * (1 / (1 + numpy.exp(-d)) - r) for r, d in zip(rates, drives)]
        if target is not None:
            rates[2] = target
    return rates


def follows(rule, middle):
    """Three updates in NumPy, feedback weights of their own that learn by the same rule; 60 ticks of either phase,
    so that no sample is through early. Double precision: 1e-15 a tick; single precision: 180 ticks of 6e-8."""
    model = network(f"{rule.name}(ticks = 60, tolerance = 0)", trials=3)
    first, last = (how(model, data=classes(8), rules=[rule]) for how in (before, run))
    w = {n: v.astype(float) for n, v in first.states.items() if n.endswith((".w", ".b"))}
    assert "n.label_h2.w" in w
    data = classes(8)
    x, target = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]]
    for _ in range(3):
        minus = settle(w, [numpy.zeros((8, n)) for n in (11, 7, 5)], x)
        plus = settle(w, minus, x, target)
        minus, plus = ([x, *rates] for rates in (minus, plus))
        for n, (pre, post) in {"x_h1": (0, 1), "h1_h2": (1, 2), "h2_label": (2, 3), "h2_h1": (2, 1),
                               "label_h2": (3, 2)}.items():
            sender = (minus[pre] + plus[pre]) / 2 if middle else minus[pre]
            w[f"n.{n}.w"] = w[f"n.{n}.w"] + sender.T @ (plus[post] - minus[post]) / 8
            if f"n.{n}.b" in w:
                w[f"n.{n}.b"] = w[f"n.{n}.b"] + (plus[post] - minus[post]).mean(0)
    bound = 1e-11 if Engine.interpret else 5e-5
    for n in w:
        assert numpy.abs(w[n] - first[n]).max() > 1e-3, f"{n} does not learn"
        worst = numpy.abs(w[n] - last[n]).max()
        assert worst < bound, f"{n} is {worst:.1e} from its equation"


def weak_feedback(rule):
    """With transposed feedback of strength gamma, the update of the area below the outputs is gamma times the gradient of
    the cross-entropy, up to a part proportional to gamma (power 1 within 0.05): half of gamma at the most. Single
    precision knows the difference of the phases to 1e-7, over gamma, so that native code takes 0.08 and 0.04."""
    gammas = (2e-3, 1e-3) if Engine.interpret else (0.08, 0.04)
    exact, _ = changes(network("backprop()", "contrastive_unit(gamma = 0)", "transpose(WEIGHTS)", up=".up", down=".down")
                       .replace("sum((label.rate - label.target)^2) / 2",
                                "sum(softplus(label.up) - label.target * label.up)")
                       .replace("batch = 8,", "batch = 8, trial = 60 ticks,").replace("cost c = ", "cost c = last * "))
    off = []
    for gamma in gammas:
        got, _ = changes(network(f"{rule.name}(ticks = 100, tolerance = 1e-13)", f"contrastive_unit(gamma = {gamma})",
                                 "transpose(WEIGHTS)", up=".up", down=".down"), rules=[rule])
        off.append([numpy.linalg.norm(got[n] / scale - exact[n]) / numpy.linalg.norm(exact[n])
                    for n, scale in (("n.h2_label.w", 1), ("n.h1_h2.w", gamma), ("n.h1_h2.b", gamma))])
    for a, b in zip(*off):
        assert b < gammas[1] / 2 and abs(numpy.log2(a / b) - 1) < 0.05, off


def rounded(name, rules=(), **how):
    """Updates between areas of `rounded_unit`s with transposed feedback."""
    model = network(f"{name}(ticks = 30)", "rounded_unit", "transpose(WEIGHTS)", up=".up", down=".down", **how)
    data = classes(8)
    data["x.npy"] = numpy.round(data["x.npy"] * 8) / 8
    return changes(model, data, rules=rules)[0]
