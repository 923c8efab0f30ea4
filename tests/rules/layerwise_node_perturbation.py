# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Node perturbation area by area (Dalm, van Gerven & Ahmad 2023): dW = -eta n dC xi x' / |xi|^2."""
import re

import numpy

from harness import Engine, Rule, System, run
from networks import classes, deep
from perturbation import LINEAR, MOMENTS, estimate

system = System("layerwise_node_perturbation", "layer-wise node perturbation")


@system.check
def estimates_the_gradient(rule):
    """xi xi' n / |xi|^2 has the mean 1, so that the mean of 1e5 estimates (6 400 trials of 16 samples) is the
    gradient: cosine > .99."""
    estimate(rule, 6400, 0.99)


@system.check
def has_the_length_of_its_direction(rule):
    """A linear perceptron with M = 5 outputs: g = n (e.u) u x' with a random direction u of length 1. E v.g = |v|^2 as
    for all; E|g|^2 = M |x|^2 (e.u)^2 M / M, so kappa = M (N + 2), where plain noise has (M + 2)(N + 2). 100 000
    trials give kappa to 1 %, the interpreter's 20 000 to 2.5 %: 3 % and 10 %."""
    samples, bound = (20_000, 0.1) if Engine.interpret else (100_000, 0.03)
    data = {"x.npy": numpy.random.default_rng(1).normal(size=(samples, 10)).astype(numpy.float32)}
    last = run(LINEAR.replace("RULE", rule.name), data=data, rules=[rule, MOMENTS])
    v = last["n.x_y.w"].astype(float)
    first, second = (last[f"n.learn0.x_y.w.{m}"].astype(float) / samples for m in ("first", "second"))
    along, kappa = (v * first).sum() / (v**2).sum(), second.sum() / (v**2).sum()
    assert abs(along - 1) < bound, f"E v.g / |v|^2 is {along:.3f}"
    assert abs(kappa / (5 * 12) - 1) < bound, f"kappa is {kappa:.2f}, not 60"


@system.check
def areas_do_not_disturb_each_other(rule):
    """The estimate for the last area comes from noise there alone: to the bit the same if the noise of the hidden
    areas has twice the size."""
    def last(rule):
        model = deep(rule.name, batch=4, trials=1, optimizer="moments()")
        return run(model, data=classes(), rules=[rule, MOMENTS])["n.learn0.h2_label.w_bias.first"]

    twice, count = re.subn(r"each area a (\{ state.*\})", lambda declared: "each output a " + declared[1] + "\n"
                           + "each hidden a " + declared[1].replace("sigma", "2 * sigma"), rule.text)
    got = last(rule)
    assert count == 1 and numpy.abs(got).max() > 0
    assert got.tobytes() == last(Rule(rule.name, twice)).tobytes()


system.mutant("the sign", ("(C@noisy - C@clean)", "(C@clean - C@noisy)"))
system.mutant("all areas at once", ("with { a.drive += a.xi }", "with each area b { b.drive += b.xi }"))
system.mutant("the expected length", ("mean(a.xi^2)", "sigma^2"))
system.mutant("the sum of the squares", ("mean(a.xi^2)", "sum(a.xi^2)"))
system.mutant("the clean cost is not subtracted", ("(C@noisy - C@clean)", "C@noisy"))
system.mutant("one sign of noise", ("state xi ~ normal(0, sigma)", "state xi ~ uniform(0, sigma)"))
system.mutant("pre and post swapped", ("* pre@clean", "* post@clean"))
system.mutant("the modulator is detached", ("a.gain = (C@noisy - C@clean)", "a.gain = 1"))

system.main()
