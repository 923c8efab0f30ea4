# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feedback alignment (Lillicrap et al. 2016): delta_l = (B delta_{l+1}) * f'(a_l), B fixed."""
import numpy

from harness import Engine, System, angle, before, run
from networks import Perceptron, classes, deep, follows

system = System("feedback_alignment", "feedback alignment")

MODEL = deep("feedback_alignment")
FEEDBACK = ["n.learn0.h1_h2.B", "n.learn0.h2_label.B"]
FORWARD = [f"n.{c}.{w}" for c in ("x_h1", "h1_h2", "h2_label") for w in "wb"]


@system.check
def equals_backprop_when_tied(rule):
    """B starts as a copy of w and changes as w does. Then it is w at every step, and the rule is backprop: not
    nearly, but in every bit of every weight and of every momentum, since the sums are the same sums."""
    tied = rule.edit(("B ~ normal(0, 1 / sqrt(fan_out))", "B = w"),
                     (": feedback", ": nonlocal"),
                     ("w.grad     +=", "B.grad += error(post) * pre\n        w.grad     +="))
    exact = run(deep("backprop"), data=classes())
    ours = run(MODEL, data=classes(), rules=[tied])
    momenta = [f"n.learn0.{c}.{w}.v" for c in ("x_h1", "h1_h2", "h2_label") for w in ("w", "w_bias")]
    assert ours.same(exact, FORWARD + momenta), "tied feedback differs from backprop"
    for name in FEEDBACK:
        w = name.replace(".learn0", "").replace(".B", ".w")
        assert ours[name].tobytes() == ours[w].tobytes(), f"{name} is not {w}"
    assert ours.series("c") == exact.series("c")
    # The null model: not tied, and so not backprop.
    assert not run(MODEL, data=classes(), rules=[rule]).same(exact, FORWARD)


@system.check
def feedback_is_constant(rule):
    """The feedback weights are the same bits before and after training, and the forward weights are not."""
    first, last = (how(MODEL, data=classes(), rules=[rule]) for how in (before, run))
    for name in FEEDBACK:
        assert first[name].tobytes() == last[name].tobytes(), f"{name} has changed"
        assert numpy.std(first[name]) > 0
    for name in FORWARD:
        assert first[name].tobytes() != last[name].tobytes(), f"{name} has not changed"


@system.check
def follows_its_equation(rule):
    """delta_l = (B delta_{l+1}) * f'(a_l), in NumPy."""
    follows(rule, "feedback_alignment", lambda net, s, l, deltas, target: deltas[l + 1] @ s[FEEDBACK[l]].T)


LINEAR = """
data points = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[30] : source
    area h[20] : linear_unit
    area y[10] : linear_unit { given target }
    connect x -> h : dense(w ~ uniform(-0.01, 0.01))
    connect h -> y : dense(w ~ uniform(-0.01, 0.01))
    cost c = squared_error(y.rate, y.target)
    learn c by feedback_alignment() with sgd(1e-3)
}
train n on points, batch = 1, trials = 1600 { x.rate = x; y.target = t }
"""


def linear_task():
    r = numpy.random.default_rng(3)
    x = r.normal(size=(2000, 30))
    return {"x.npy": x, "t.npy": x @ r.uniform(-1, 1, (30, 10))}


@system.check
def forward_weights_align(rule):
    """Learning a linear map 30-20-10 as published, with B in (-1, 1): in 1 600 steps at a rate of 1e-3 the angle between
    w and B falls from a right angle (two random matrices of 200 elements are 90 +- 4 degrees apart) to 30 degrees or
    less, the mean of three seeds, and the normalised error to 1e-3."""
    rule = rule.edit(("normal(0, 1 / sqrt(fan_out))", "uniform(-1, 1)"))
    data, ends = linear_task(), []
    for seed in (1,) if Engine.mutating else (1, 2, 3):
        first, last = (how(LINEAR, data=data, rules=[rule], seed=seed) for how in (before, run))
        start, end = (angle(r["n.h_y.w"], r["n.learn0.h_y.B"]) for r in (first, last))
        assert start > 75, f"they are aligned before learning: {start:.1f} degrees"
        ends.append(end)
        error = data["x.npy"] @ last["n.x_h.w"].astype(float) @ last["n.h_y.w"] - data["t.npy"]
        left = (error**2).sum() / (data["t.npy"] ** 2).sum()
        assert left < 1e-3, f"the error left is {left:.1e}"
    assert numpy.mean(ends) < (35 if Engine.mutating else 30), f"{ends} degrees apart after learning"


def apart(run):
    """Degrees between the deltas of the rule and of backprop, of both hidden areas, the mean over samples."""
    s, data = {k: v.astype(float) for k, v in run.states.items()}, classes()
    net, target = Perceptron(s), numpy.eye(5)[data["y.npy"]]
    rates = net.forward(data["x.npy"].astype(float))
    ours = exact = rates[-1] - target
    found = []
    for l in (1, 0):
        ours, exact = (d * (1 - rates[l + 1] ** 2) for d in (ours @ s[FEEDBACK[l]].T, exact @ net.w[l + 1].T))
        found.append(numpy.mean([angle(a, b) for a, b in zip(ours, exact)]))
    return numpy.mean(found)


@system.check
def deltas_align(rule):
    """The angle between what the hidden areas are told and what backprop would tell them: at first 80 to 100 degrees,
    random directions; it falls, and is below 60 after as many steps as an epoch of MNIST has, 940. The mean of three
    seeds and two areas."""
    seeds = (1, 2, 3)
    model = lambda epochs: deep(rule.name, epochs=epochs)
    start = numpy.mean([apart(before(model(5), data=classes(), rules=[rule], seed=s)) for s in seeds])
    soon, late = (numpy.mean([apart(run(model(n), data=classes(), rules=[rule], seed=s)) for s in seeds])
                  for n in (5, 60))
    assert 80 < start < 100, f"{start:.1f} degrees before learning"
    assert late < soon < start and late < 60, f"{start:.1f}, {soon:.1f}, {late:.1f} degrees"


system.mutant("the sign of the message", ("B * error(post)", "-B * error(post)"))
system.mutant("no derivative of the unit", ("w.grad     += error(post) * pre", "w.grad     += error(post.rate) * pre"))
system.mutant("pre and post swapped in the message", ("+= B * error(post)", "+= B * post"))
system.mutant("pre and post swapped in the update", ("error(post) * pre\n", "error(post) * post\n"))
system.mutant("feedback redrawn in every step",
              ("weight B ~ normal(0, 1 / sqrt(fan_out))",
               "weight B ~ normal(0, 1 / sqrt(fan_out))\n        shared state fresh ~ normal(0, 1 / sqrt(fan_out))"),
              ("B * error(post)", "fresh * error(post)"))
system.mutant("feedback learns", ("w.grad     +=", "B.grad += error(post) * pre\n        w.grad     +="))
system.mutant("feedback decays", ("w.grad     +=", "B -= 1e-4 * B\n        w.grad     +="))
system.mutant("no feedback", ("B * error(post)", "0 * B * error(post)"))

system.main()
