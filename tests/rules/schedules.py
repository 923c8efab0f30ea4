# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Costs and plasticity in time: windows, gates and schedules. Outside of its window a weight does not change."""
import numpy

from harness import System, before, run
from networks import classes

MODEL = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13] : source
    area h[7] : tanh_unit
    area label[5] : softmax_unit { given target }
    connect x -> h : dense(bias = true)
    connect h -> label : dense(bias = true)
    cost c = cross_entropy(label.log_p, label.target)
    cost early = where(epoch < 2, 1, 0) * sum(h.rate^2)
    learn c in h_label by backprop() with sgd(0.1, momentum = 0.9)
    learn c in x_h through h_label by backprop() with adam(0.01) while epoch >= 2 and epoch < 4 as critical
    learn early in x_h by backprop() with sgd(0.1) as early
}
train n on points, batch = 8, epochs = EPOCHS { x.rate = x; label.target = one_hot(y, 5) }
"""
system = System("schedules", "schedules and windows", MODEL)
LOWER = ["n.x_h.w", "n.x_h.b"]


def after(rule, epochs):
    return run(rule.text.replace("EPOCHS", str(epochs)), data=classes())


@system.check
def outside_its_window_nothing_changes(rule):
    """The window of the critical line is epochs 2 and 3 (from 0): before it, its optimizer's moments are exactly 0;
    after it, the weights and the moments keep every bit, while the other line goes on."""
    runs = [after(rule, n) for n in (2, 4, 7)]
    moments = [n for n in runs[0].states if n.startswith("n.critical.") and not n.endswith("updates")]
    assert len(moments) == 4, moments
    for name in moments:
        assert not runs[0][name].any(), f"{name} has moved before the window"
        assert runs[1][name].any(), f"{name} has not moved in the window"
    assert runs[0]["n.critical.updates"] == 0 and runs[1]["n.critical.updates"] == 16
    assert runs[2].same(runs[1], LOWER + moments + ["n.critical.updates"]), "changes after the window"
    assert not runs[1].same(runs[0], LOWER), "no change in the window"
    assert not runs[2].same(runs[1], ["n.h_label.w"]), "the other line has stopped"


@system.check
def a_cost_weighs_in_its_time_only(rule):
    """The early cost is 0 from epoch 2 on: then it teaches nothing, and until then it does. Its reports say so."""
    costs = after(rule, 4).series("early")
    assert len(costs) == 32 and min(costs[:16]) > 0 and max(costs[16:]) == 0
    first, early = before(rule.text.replace("EPOCHS", "2"), data=classes()), after(rule, 2)
    assert not early.same(first, ["n.x_h.w"]), "the early cost teaches nothing"
    without = rule.edit(("learn early in x_h by backprop() with sgd(0.1) as early", ""))
    assert after(without, 2).same(first, LOWER), "something else has changed the lower weights"
    norm = lambda r: numpy.linalg.norm(r["n.x_h.w"])
    assert norm(early) < norm(first), "the early cost does not shrink the activity"


system.mutant("the window never closes", ("and epoch < 4", ""))
system.mutant("the window is always open", (" while epoch >= 2 and epoch < 4", ""))
system.mutant("the window closes an epoch late", ("epoch < 4", "epoch < 5"))
system.mutant("the window opens an epoch early", ("epoch >= 2", "epoch >= 1"))
system.mutant("the early cost stays", ("where(epoch < 2, 1, 0)", "1"))
system.mutant("the early cost never counts", ("where(epoch < 2, 1, 0)", "0"))

system.main()
