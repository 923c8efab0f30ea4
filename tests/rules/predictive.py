# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the checks of predictive coding share: its equations in NumPy, and updates beside the exact gradient."""
import numpy

from harness import before, run
from networks import classes, deep


def update(rule, arguments="", rules=(), data=None, interpret=None, **how):
    """What one descent at rate 1 takes from every array of weights."""
    model = deep(rule, arguments, batch=8, trials=1, optimizer=how.pop("optimizer", "sgd(1)"), **how)
    runs = [make(model, data=data or classes(8), rules=rules, interpret=interpret) for make in (before, run)]
    return {n: runs[0][n].astype(float) - runs[1][n] for n in runs[1].states if n.endswith((".w", ".b"))}


def distance(a, b):
    """Relative, over all weights."""
    assert sorted(a) == sorted(b)
    flat = [numpy.concatenate([numpy.ravel(g[n]) for n in sorted(a)]) for g in (a, b)]
    return numpy.linalg.norm(flat[0] - flat[1]) / numpy.linalg.norm(flat[1])


class Inference:
    """Value nodes x of the hidden areas of `networks.deep`, which stand for drives; the output is a softmax."""

    def __init__(self, net, x, y):
        self.net, self.input, self.target = net, x, numpy.eye(5)[y]
        self.x = []
        for w, b in zip(net.w[:-1], net.b[:-1]):
            below = net.function(self.x[-1]) if self.x else x
            self.x.append(below @ w + b)

    def tick(self, step):
        """Errors at the drives and the rates below them as they stand; then the value nodes move, all at once."""
        net = self.net
        rates = [self.input] + [net.function(x) for x in self.x]
        drives = [r @ w + b for r, w, b in zip(rates, net.w, net.b)]
        top = numpy.exp(drives[-1] - drives[-1].max(1, keepdims=True))
        top /= top.sum(1, keepdims=True)
        eps = [x - a for x, a in zip(self.x, drives)]
        errors = [-e for e in eps] + [top - self.target]
        self.energy = -(self.target * numpy.log(top)).sum(1) + sum((e**2).sum(1) for e in eps) / 2
        for k, e in enumerate(eps):
            arriving = errors[k + 1] @ net.w[k + 1].T
            self.x[k] = self.x[k] - step * (e + net.slope(rates[k + 1]) * arriving)
        return errors, rates

    def gradients(self, errors, rates):
        return [(r.T @ e / len(e), e.mean(0)) for r, e in zip(rates, errors)]
