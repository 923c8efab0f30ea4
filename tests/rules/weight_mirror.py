# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weight mirror (Akrout et al. 2019): noise xi is sent, y = f(W xi + b) answers, and B moves by eta xi y'."""
import numpy

from harness import Engine, Rule, System, angle, before, changed, run
from networks import classes, deep

system = System("weight_mirror", "weight mirror")

PAIRS = [("n.h1_h2.w", "n.learn0.h1_h2.B"), ("n.h2_label.w", "n.learn0.h2_label.B")]
FORWARD = [f"n.{c}.{w}" for c in ("x_h1", "h1_h2", "h2_label") for w in "wb"]


def linear(name, arguments, batch, trials):
    return deep(name, arguments, unit="linear_unit", batch=batch, trials=trials, optimizer="sgd(0)").replace(
        "softmax_unit", "linear_unit").replace("cross_entropy(label.log_p, label.target)",
                                               "squared_error(label.rate, label.target)")


@system.check
def mirrors_linear_units(rule):
    """The mirror phase alone, 20 000 samples of noise and w fixed: B has moved along w, by eta sigma^2 a step. Of n
    inputs with noise of the same size, the mean of xi y' over N samples is sigma^2 w with an error of sigma^2 |w| /
    sqrt(N) an element, so that the angle is atan(sqrt(n / N)): 1.4 degrees for n = 11, 1.1 for n = 7. The bars are 2
    degrees and 3 %; along w the error is sqrt(2 / (N n)) or so, below 1 %."""
    eta, sigma = 2**-9, 2
    model = linear(rule.name, f"sigma = {sigma}, eta = {eta}, leak = 0", batch=100, trials=200)
    first, last = (how(model, data=classes(100), rules=[rule]) for how in (before, run))
    for w, B in PAIRS:
        forward, moved = last[w].astype(float), (last[B].astype(float) - first[B]) / 200
        assert (last[w] == first[w]).all()
        apart, scale = angle(moved, forward), (moved * forward).sum() / (forward**2).sum() / (eta * sigma**2)
        assert apart < 2, f"{B} moves {apart:.2f} degrees from {w}"
        assert abs(scale - 1) < 0.03, f"{B} moves {scale:.3f} times as far as it should"


@system.check
def the_leak_holds_it_at_a_multiple_of_the_weights(rule):
    """With eta sigma^2 = leak, B forgets where it began and stays at w: 250 steps of 1/32 leave exp(-7.8) of the start.
    Around w it keeps noise from about 2/leak steps of 50 samples, N = 3 200: sqrt(n / N) is 3.4 degrees for n = 11 and
    its length changes by as little."""
    model = linear(rule.name, "eta = 0.03125, leak = 0.03125", batch=50, trials=250)
    first, last = (how(model, data=classes(50), rules=[rule]) for how in (before, run))
    for w, B in PAIRS:
        assert angle(first[w], first[B]) > 20
        assert angle(last[w], last[B]) < 6, f"{B} is {angle(last[w], last[B]):.1f} degrees from {w}"
        ratio = numpy.linalg.norm(last[B]) / numpy.linalg.norm(last[w])
        assert 0.9 < ratio < 1.1, f"{B} is {ratio:.2f} times as long as {w}"


@system.check
def engaged_it_is_feedback_alignment(rule):
    """Without learning in the mirror, what remains is feedback alignment with the same B, to the bit of every forward
    weight: the noise of the mirror phase reaches nothing else. Null model: with the mirror on it is not."""
    fixed = run(deep("feedback_alignment"), data=classes())
    assert run(deep(rule.name, "eta = 0, leak = 0"), data=classes(), rules=[rule]).same(fixed, FORWARD)
    assert not run(deep(rule.name), data=classes(), rules=[rule]).same(fixed, FORWARD)


@system.check
def feedback_follows_the_forward_weights(rule):
    """Engaged and mirror in every trial, with units that are not linear and weights that learn: B stays within 15
    degrees of w, where fixed feedback is beyond 20 (as in Kolen–Pollack's check), and errors are those of backprop to
    that extent: the network learns its 64 labels."""
    arguments = "eta = 0.03125, leak = 0.015625"
    model = deep(rule.name, arguments, batch=16, trials=600, optimizer="sgd(0.0625, decay = 0.0078125)")
    last = run(model, data=classes(), rules=[rule])
    null = run(model.replace(f"{rule.name}({arguments})", "feedback_alignment()"), data=classes())
    for w, B in PAIRS:
        if w == "n.h2_label.w":  # a softmax answers to differences only, and its errors sum to nothing
            centre = lambda a: a.astype(float) - a.astype(float).mean(1, keepdims=True)
        else:
            centre = lambda a: a.astype(float)
        ours, fixed = (angle(centre(r[w]), centre(r[B])) for r in (last, null))
        assert ours < 15, f"{w} and {B}: {ours:.1f} degrees"
        assert fixed > 20, f"{w} and fixed {B}: {fixed:.1f} degrees"
    cost = last.series("c")
    assert numpy.mean(cost[-100:]) < 0.75 * numpy.mean(cost[:20]), "the labels are not learned"


@system.check
def the_mirror_follows_its_equation(rule):
    """One trial of one sample in NumPy, with units that are not linear: y = f(W xi + b), tanh in the hidden area above
    and a softmax in the output, and B moves by eta xi y' - leak B. The noise is read from weights that the check adds to
    the rule, biases are those of 40 trials before. Double precision differs by the order of sums, single precision by
    eleven products of numbers below 4 and their sum, 3e-6, times eta = 1/2."""
    eta, leak = 0.5, 0.25
    kept = Rule(rule.name, rule.text[:-1] + "    each hidden h { weight kept = 0; kept += h.xi@mirror }\n}")
    trained = run(deep(rule.name, "eta = 0, leak = 0", batch=1, trials=40), data=classes(), rules=[kept])
    model = deep(rule.name, f"eta = {eta}, leak = {leak}", batch=1, trials=1, optimizer="sgd(0)")
    first = before(model, data=classes(), rules=[kept])
    forward = {n: trained[n] for n in FORWARD}
    last = run(model, data=classes(), rules=[kept], epochs=1, start=changed(first.checkpoint, forward))
    for area, (w, B) in zip(("h1", "h2"), PAIRS):
        xi = last[f"n.learn0.{area}.kept"].astype(float) - first[f"n.learn0.{area}.kept"]
        drive = xi @ trained[w].astype(float) + trained[w[:-1] + "b"]
        answer = numpy.tanh(drive) if area == "h1" else numpy.exp(drive) / numpy.exp(drive).sum()
        wanted = (1 - leak) * first[B].astype(float) + eta * numpy.outer(xi, answer)
        worst = numpy.abs(last[B] - wanted).max()
        assert worst < (1e-13 if Engine.interpret else 2e-6), f"{B} is {worst:.1e} from its equation"
        assert numpy.abs(numpy.outer(xi, answer - drive)).max() > 0.1, "the units are linear here"
        assert numpy.abs(trained[w[:-1] + "b"]).max() > 0.01, "the biases are zero"


MIRROR = "B += eta * post.rate(post) * pre - leak * B"
system.mutant("the sign of the mirror", (MIRROR, "B += -eta * post.rate(post) * pre - leak * B"))
system.mutant("pre and post swapped", (MIRROR, "B += eta * post.rate(post) * post - leak * B"))
system.mutant("the drive in place of the answer", (MIRROR, "B += eta * post * pre - leak * B"))
system.mutant("what was sent instead of the answer", (MIRROR, "B += eta * post.rate * pre - leak * B"))
system.mutant("no noise is sent", ("h.rate = xi }", "}"))
system.mutant("the noise arrives as drive", ("h.rate = xi", "h.drive += xi"))
system.mutant("no leak", (MIRROR, "B += eta * post.rate(post) * pre"))
system.mutant("errors through w", ("+= B * error", "+= w * error"), (": feedback", ": nonlocal"))
system.mutant("feedback redrawn in every step",
              ("weight B ~ normal(0, 1 / sqrt(fan_out))",
               "weight B ~ normal(0, 1 / sqrt(fan_out))\n        shared state fresh ~ normal(0, 1 / sqrt(fan_out))"),
              ("+= B * error", "+= fresh * error"))
system.mutant("the sign of the message", ("+= B * error", "+= -B * error"))
system.mutant("no derivative of the unit", ("error(post) * pre }", "error(post.rate) * pre }"))
system.mutant("sigma counts once more", (MIRROR, "B += eta * sigma * post.rate(post) * pre - leak * B"))

system.main()
