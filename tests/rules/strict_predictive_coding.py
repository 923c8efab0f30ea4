# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predictive coding with an output of low precision (Whittington & Bogacz 2017; Rosenbaum 2022)."""
import numpy

from harness import Engine, System, before, run
from networks import Perceptron, classes, deep
from predictive import distance, update

system = System("strict_predictive_coding", "strict predictive coding")


@system.check
def becomes_backpropagation_as_precision_vanishes(rule):
    """Settled, the update differs from the exact gradient by a part proportional to the output's precision (power 1
    within 0.05 over a factor of ten: the next order is as small as the precision itself). 150 steps of a quarter leave less
    than 1e-15 of the way. The errors inside are as small as the precision, and native code knows them to 1e-7: it takes
    precisions twenty times as large, where that is a hundredth of what is measured."""
    exact = update("backprop")
    off = []
    precisions = (1e-3, 1e-4) if Engine.interpret else (2e-2, 2e-3)
    for precision in precisions:
        got = update(rule.name, f"precision = {precision}, steps = 150, step = 0.25", rules=[rule])
        off.append(distance(got, exact))
    power = numpy.log10(off[0] / off[1])
    assert abs(power - 1) < 0.05 and 0.1 * precisions[1] < off[1] < 10 * precisions[1], f"power {power:.3f}, {off}"


@system.check
def follows_its_equation(rule):
    """One update in NumPy: value nodes x stand for rates, and the output's error is weighed with the precision where it
    meets them. 12 steps amplify nothing: 1e-13, or 12 single roundings."""
    got = update(rule.name, "precision = 0.25, steps = 12, step = 0.25", rules=[rule])
    data, net = classes(8), Perceptron(before(deep(rule.name, batch=8, trials=1), data=classes(8), rules=[rule]))
    rates, target = net.forward(data["x.npy"].astype(float)), numpy.eye(5)[data["y.npy"]]
    for _ in range(12):
        predicted = [numpy.tanh(r @ w + b) for r, w, b in zip(rates[:2], net.w, net.b)]
        top = rates[2] @ net.w[2] + net.b[2]
        top = numpy.exp(top) / numpy.exp(top).sum(1, keepdims=True)
        eps = [r - p for r, p in zip(rates[1:3], predicted)]
        errors = [-e * (1 - p**2) for e, p in zip(eps, predicted)] + [0.25 * (top - target)]
        used = list(rates)
        for k in range(2):
            rates[k + 1] = rates[k + 1] - 0.25 * (eps[k] + errors[k + 1] @ net.w[k + 1].T)
    for k, c in enumerate(net.connections):
        wanted = used[k].T @ errors[k] / 8 / 0.25
        assert numpy.abs(wanted).max() > 1e-3
        off = numpy.abs(got[f"n.{c}.w"] - wanted).max()
        assert off < (1e-13 if Engine.interpret else 2e-6), f"{c}: {off:.1e}"


system.mutant("the precision counts twice", ("precision * w *", "precision^2 * w *"))
system.mutant("the output is as precise as the others", ("precision * w *", "w *"))
system.mutant("not scaled up again", ("* pre@infer / precision", "* pre@infer"))
system.mutant("the error of the unit with the other sign", ("d(sum(eps^2) / 2", "d(-sum(eps^2) / 2"))
system.mutant("no slope", ("d(sum(eps^2) / 2, h.drive)", "-eps"))
system.mutant("nothing is predicted from above", ("x -= step * (eps + error(h.rate))", "x -= step * eps"))
system.mutant("neighbours see the prediction", ("h.rate = x\n", "h.rate = h.rate(h.drive)\n"))
system.mutant("pre and post swapped", ("* pre@infer / precision", "* post@infer / precision"))

system.main()
