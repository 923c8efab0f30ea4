# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Backprop written as messages: delta_l = (w^T delta_{l+1}) * f'(a_l)."""
import numpy

from harness import System, run
from networks import classes, deep
from perturbation import speed_law

system = System("weight_transport", "backprop as messages")


@system.check
def equals_the_gradient(rule):
    """`grad` differentiates the whole graph, `error` area by area: two ways through the compiler. They are the same
    sums in the same order, and so the same bits, in every weight, momentum and cost."""
    for unit in ("tanh_unit", "logistic_unit", "softplus_unit"):
        exact = run(deep("backprop", unit=unit), data=classes())
        ours = run(deep("weight_transport", unit=unit), data=classes(), rules=[rule])
        assert sorted(exact.states) == sorted(ours.states)
        assert ours.same(exact), f"differs from `grad` with {unit}"
        assert ours.series("c") == exact.series("c")
        assert len(set(exact.series("c"))) > 30, "nothing is learned"


WIRED = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13] : source
    area h[5] : tanh_unit
    area copy[5] : linear_unit
    area out[5] : linear_unit { given target }
    connect x -> h : dense(bias = true)
    connect h -> copy : wire
    connect copy -> out : wire
    cost c = squared_error(out.rate, out.target) + mean(copy.rate^4)
    learn c by RULE() with sgd(0.1)
}
train n on points, batch = 4, trials = 20 { x.rate = x; out.target = one_hot(y, 5) }
"""


@system.check
def counts_a_value_once(rule):
    """Through wires and units that pass on what they get, one value has several names; its error is counted once.
    Equal to the bit, as above."""
    exact = run(WIRED.replace("RULE", "backprop"), data=classes())
    ours = run(WIRED.replace("RULE", "weight_transport"), data=classes(), rules=[rule])
    assert ours.same(exact) and ours.series("c") == exact.series("c")


@system.check
def obeys_the_speed_law(rule):
    """E|v'|^2 = |v|^2 (1 - 2 eta + eta^2 kappa) with kappa = N + 2: what the perturbation rules are compared with."""
    speed_law(rule, lambda n, m: n + 2)


LINEAR = """
data points = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[5] : source
    area h[4] : linear_unit
    area y[3] : linear_unit { given target }
    connect x -> h : dense(bias = true, w ~ normal(0, 0.5))
    connect h -> y : dense(bias = true, w ~ normal(0, 0.5))
    cost c = squared_error(y.rate, y.target)
    learn c by weight_transport() with sgd(0.0625)
}
train n on points, batch = 6, trials = 40 { x.rate = x; y.target = t }
"""


@system.check
def follows_the_closed_form(rule):
    """A linear network on one batch has updates in closed form, computed here in double precision. The interpreter
    agrees to 40 steps of double rounding (1e-12; the rate is a power of two, exact in any precision); native code to 40 steps of single rounding, each of which may
    double the last one's error at most as often as the task is unstable, which it is not (1e-5)."""
    from harness import Engine, before

    r = numpy.random.default_rng(2)
    data = {"x.npy": r.normal(size=(6, 5)), "t.npy": r.normal(size=(6, 3))}
    first, last = (how(LINEAR, data=data, rules=[rule]) for how in (before, run))
    w1, b1, w2, b2 = (first[n].astype(float) for n in ("n.x_h.w", "n.x_h.b", "n.h_y.w", "n.h_y.b"))
    x, t = data["x.npy"], data["t.npy"]
    if not Engine.interpret:
        x, t = x.astype(numpy.float32), t.astype(numpy.float32)
    for _ in range(40):
        h = x @ w1 + b1
        e = (h @ w2 + b2 - t) / len(x)
        d = e @ w2.T
        w1, b1, w2, b2 = (w1 - 0.0625 * x.T @ d, b1 - 0.0625 * d.sum(0), w2 - 0.0625 * h.T @ e, b2 - 0.0625 * e.sum(0))
    bound = 1e-12 if Engine.interpret else 1e-5
    for name, want in (("n.x_h.w", w1), ("n.x_h.b", b1), ("n.h_y.w", w2), ("n.h_y.b", b2)):
        worst = numpy.abs(last[name] - want).max()
        assert worst <= bound, f"{name} is off by {worst:.1e}"
        assert numpy.abs(last[name] - first[name]).max() > 100 * bound


system.mutant("the sign of the message", ("w * error(post)", "-w * error(post)"))
system.mutant("the sign of the weight in the message only", ("w * error(post)", "sign(w) * error(post)"))
system.mutant("no derivative of the unit", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("no message", ("w * error(post)", "0 * w * error(post)"))
system.mutant("a factor of two", ("error(post) * pre", "2 * error(post) * pre"))

system.main()
