# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kolen–Pollack (Akrout et al. 2019, eq. 16 and 17): w and B get the same change and the same decay."""
import numpy

from harness import Engine, System, angle, before, run
from networks import classes, deep, follows

system = System("kolen_pollack", "Kolen–Pollack")

PAIRS = [("n.h1_h2.w", "n.learn0.h1_h2.B"), ("n.h2_label.w", "n.learn0.h2_label.B")]


@system.check
def difference_decays_in_closed_form(rule):
    """W_t - B_t = (1 - rate * decay)^t (W_0 - B_0), element by element, and with equal momentum as its recursion
    says. Doubles carry 300 steps of 1e-16 each; with rate and decay powers of two no constant is rounded, and 1e-10
    is generous. Single precision: 300 roundings of weights near 1, 300 * 6e-8."""
    steps, rate, decay = 300, 2**-4, 2**-4
    bound = 1e-10 if Engine.interpret else 2e-5
    for momentum in (0, 0.5):
        model = deep(rule.name, trials=steps, optimizer=f"sgd({rate}, momentum = {momentum}, decay = {decay})")
        first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
        factor, velocity = 1.0, 0.0
        for _ in range(steps):
            velocity = momentum * velocity + decay * factor
            factor -= rate * velocity
        for w, B in PAIRS:
            start, end = (r[w].astype(float) - r[B] for r in (first, last))
            worst = numpy.abs(end - factor * start).max()
            assert worst <= bound, f"{w} - {B} is {worst:.1e} from its closed form"
            assert numpy.abs(start).max() > 0.1 and numpy.abs(end - start).max() > 0.05
            assert numpy.abs(last[w] - first[w] * factor).max() > 0.05, f"{w} has only decayed"


@system.check
def follows_its_equation(rule):
    """Feedback alignment with a B that changes as w, in NumPy; without decay."""
    def after(net, states, gradients):
        for c, (g, _) in zip(net.connections, gradients):
            states[f"n.learn0.{c}.B"] -= 0.125 * g

    follows(rule, rule.name, lambda net, s, l, deltas, target: deltas[l + 1] @ s[PAIRS[l][1]].T, after=after)


@system.check
def feedback_becomes_the_forward_weights(rule):
    """After 1 500 steps with a decay of 1/16 and a rate of 1/16 the difference has shrunk by exp(-5.9), while the
    weights are held up by the gradient: w and B are within 10 degrees. Null model: fixed feedback is not."""
    model = deep(rule.name, trials=1500, optimizer="sgd(0.0625, decay = 0.0625)")
    null = run(model.replace(rule.name, "feedback_alignment"), data=classes())
    last = run(model, data=classes(), rules=[rule])
    for w, B in PAIRS:
        assert angle(last[w], last[B]) < 10, f"{w} and {B}: {angle(last[w], last[B]):.1f} degrees"
        assert angle(null[w], null[B]) > 20, f"{w} and {B}: {angle(null[w], null[B]):.1f} degrees"


LAST = "B.grad     += error(post) * pre"
system.mutant("B is fixed", (LAST, ""))
system.mutant("B changes the other way", (LAST, "B.grad += -error(post) * pre"))
system.mutant("B decays twice", (LAST, LAST + "; B.grad += B / 16"))
system.mutant("errors through w", ("+= B * error", "+= w * error"), (": feedback", ": nonlocal"))
system.mutant("feedback redrawn in every step",
              ("weight B ~ normal(0, 1 / sqrt(fan_out))",
               "weight B ~ normal(0, 1 / sqrt(fan_out))\n        shared state fresh ~ normal(0, 1 / sqrt(fan_out))"),
              ("+= B * error", "+= fresh * error"))
system.mutant("the sign of the message", ("+= B * error", "+= -B * error"))
system.mutant("no derivative of the unit, in both", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("B learns from pre and pre", (LAST, "B.grad += pre * pre"))
system.mutant("pre and post swapped in the update", ("w.grad     += error(post) * pre", "w.grad     += error(post) * post"))

system.main()
