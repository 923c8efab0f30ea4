# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serial weight perturbation: one weight at a time, the finite difference, which becomes the gradient."""
import numpy

import serial
from harness import Engine, System, before, run
from networks import classes, deep
from perturbation import MOMENTS

system = System("serial_weight_perturbation", "serial weight perturbation")


@system.check
def is_the_gradient_as_eps_vanishes(rule):
    """Interpreted, the gradient to 1e-5, with an error that is proportional to eps: the power is 1 within 0.05. Native
    code, which knows a cost to 2e-7, combines four large eps and gives the gradient to 2e-4."""
    serial.is_the_gradient_as_eps_vanishes(rule)


@system.check
def is_the_finite_difference(rule):
    """(C(w + eps) - C(w)) / eps in NumPy, for every weight and bias of a network 13-3-5. Both sides are finite
    differences with the same eps = 1e-2: what is left is rounding, 1e-14 / eps of double precision and, of single
    precision, 2 * 2.4e-7 / eps in the mean cost."""
    eps, bound = 1e-2, 1e-9 if Engine.interpret else 1e-4
    data = classes(8)
    model = deep(rule.name, f"eps = {eps}", hidden=(3,), batch=8, trials=1, optimizer="moments()")
    states = run(model, data=data, rules=[rule, MOMENTS]).states
    w = {k: states[f"n.{k}"].astype(float) for k in ("x_h1.w", "x_h1.b", "h1_label.w", "h1_label.b")}
    x, y = data["x.npy"].astype(float), data["y.npy"]

    def cost(w):
        top = numpy.tanh(x @ w["x_h1.w"] + w["x_h1.b"]) @ w["h1_label.w"] + w["h1_label.b"]
        return (numpy.log(numpy.exp(top).sum(1)) - top[numpy.arange(8), y]).mean()

    for k in w:
        got = states[f"n.learn0.{k.replace('.b', '.w_bias')}.first"]
        for place in numpy.ndindex(w[k].shape):
            bumped = dict(w)
            bumped[k] = w[k].copy()
            bumped[k][place] += eps
            wanted = (cost(bumped) - cost(w)) / eps
            assert abs(got[place] - wanted) < bound, f"{k}{place}: {got[place]} where {wanted} is right"


system.mutant("the sign", ("(C@bumped - C@clean)", "(C@clean - C@bumped)"))
system.mutant("not divided by eps", ("/ eps", ""))
system.mutant("the clean cost is not subtracted", ("(C@bumped - C@clean)", "C@bumped"))
system.mutant("every weight is bumped", ("with { s.w += eps }", "with each connection { w += eps }"))
system.mutant("bumped in proportion", ("s.w += eps", "s.w += eps * s.w"))

system.main()
