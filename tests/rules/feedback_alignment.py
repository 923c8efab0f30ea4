# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feedback alignment (Lillicrap et al. 2016): delta_l = (B delta_{l+1}) * f'(a_l), B fixed."""
import numpy

from harness import System, angle, before, run
from networks import classes, deep, follows

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
        assert name in last.states, f"{name} is no weight"
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
train n on points, batch = 1, trials = 2000 { x.rate = x; y.target = t }
"""


def linear_task():
    r = numpy.random.default_rng(3)
    x = r.normal(size=(2000, 30))
    return {"x.npy": x, "t.npy": x @ r.uniform(-1, 1, (30, 10))}


@system.check
def forward_weights_align(rule):
    """Learning a linear map 30-20-10, the angle between w and B falls from a right angle to at most 45 degrees:
    two random matrices of 200 elements are 90 +- 4 degrees apart, so that ten deviations separate the two."""
    first, last = (how(LINEAR, data=linear_task(), rules=[rule]) for how in (before, run))
    start, end = (angle(r["n.h_y.w"], r["n.learn0.h_y.B"]) for r in (first, last))
    assert start > 75, f"they are aligned before learning: {start:.1f} degrees"
    assert end < 45, f"they are {end:.1f} degrees apart after learning"
    cost = last.series("c")
    assert numpy.mean(cost[-100:]) < 0.05 * numpy.mean(cost[:100]), "the task is not learned"


system.mutant("the sign of the message", ("B * error(post)", "-B * error(post)"))
system.mutant("no derivative of the unit", ("w.grad     += error(post) * pre", "w.grad     += error(post.rate) * pre"))
system.mutant("pre and post swapped in the message", ("+= B * error(post)", "+= B * post"))
system.mutant("pre and post swapped in the update", ("error(post) * pre\n", "error(post) * post\n"))
system.mutant("feedback redrawn in every step", ("weight B ~", "shared state B ~"))
system.mutant("feedback learns", ("w.grad     +=", "B.grad += error(post) * pre\n        w.grad     +="))
system.mutant("feedback decays", ("w.grad     +=", "B -= 1e-4 * B\n        w.grad     +="))
system.mutant("no feedback", ("B * error(post)", "0 * B * error(post)"))

system.main()
