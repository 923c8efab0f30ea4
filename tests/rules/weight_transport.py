# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Backprop written as messages: delta_l = (w^T delta_{l+1}) * f'(a_l)."""
import numpy

from harness import Engine, System, before, run
from networks import classes, deep
from perturbation import learning_speed, speed_law

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


@system.check
def learns_at_that_speed(rule):
    """Over 2 kappa updates with eta = 1 / kappa, many times over, E|v|^2 falls by 1 / kappa per update, within 3 %
    of it: kappa = N + 2."""
    learning_speed(rule, lambda n, m: n + 2)


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
    agrees to 40 steps of double rounding (1e-12; the rate is a power of two, exact in any precision); native code to
    40 steps of single rounding, each of which may double the last one's error at most as often as the task is
    unstable, which it is not (1e-5)."""
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


MODES = """
data points = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[4] : source
    area h[4] : linear_unit
    area y[4] : linear_unit { given target }
    connect x -> h : dense(w ~ 0.1 * identity())
    connect h -> y : dense(w ~ 0.1 * identity())
    cost c = squared_error(y.rate, y.target)
    learn c by RULE() with sgd(ETA)
}
train n on points, batch = 4, trials = TRIALS { x.rate = x; y.target = t }
"""


@system.check
def modes_grow_as_in_closed_form(rule):
    """A linear network with two layers that starts small and balanced learns each mode of a task by itself, along a
    sigmoid: with inputs of covariance 1 the strength u of a mode whose target is s follows du/dt = 2 u (s - u), and so
    u(t) = s e^(2st) / (e^(2st) - 1 + s / u(0)), t = eta times the updates (Saxe, McClelland & Ganguli 2014). Steps of
    eta leave an error of the order of eta: below 0.02 of modes up to 2 for eta = 1/64, and half of it for 1/128 (within
    5 %; rounding is a thousandth of it). What couples different modes stays 0. Null model: only the output learns."""
    s = numpy.array([0.5, 1, 1.5, 2])
    data = {"x.npy": 2 * numpy.eye(4), "t.npy": 2 * numpy.eye(4) * s}

    def off(name, updates_per_time):
        worst = 0
        for time in (1, 2, 3):
            text = MODES.replace("RULE", name).replace("ETA", f"{1 / updates_per_time}")
            last = run(text.replace("TRIALS", f"{time * updates_per_time}"), data=data, rules=[rule])
            product = last["n.x_h.w"].astype(float) @ last["n.h_y.w"]
            wanted = s * numpy.exp(2 * s * time) / (numpy.exp(2 * s * time) - 1 + s / 0.01)
            worst = max(worst, numpy.abs(product - numpy.diag(wanted)).max())
        return worst

    coarse, fine = off(rule.name, 64), off(rule.name, 128)
    assert coarse < 0.02, f"off by {coarse:.4f}"
    assert abs(coarse / fine - 2) < 0.1, f"off by {coarse:.4f} and {fine:.4f}"
    assert off("frozen", 64) > 1, "what must be learned is there without learning below"


TRUTH = """
data truth = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[2] : source
    area h[3] : tanh_unit
    area y[1] : linear_unit { given target }
    connect x -> h : dense(bias = true)
    connect h -> y : dense(bias = true)
    cost c = squared_error(y.rate, y.target)
    learn c by RULE() with sgd(0.25)
}
train n on truth, batch = 4, trials = 800 { x.rate = x; y.target = t }
"""


@system.check
def learns_exclusive_or(rule):
    """Two inputs of -1 or 1, and a target of 1 where they differ, else of -1: from each of six seeds the cost of three
    hidden units falls below 0.01. Null models: without hidden units, or with hidden units that keep
    their first weights, it never falls below 1/2, which is that of the answer 0. This is exact: such units are odd
    functions of the input (their biases start at 0) and the target is even, so that over the four inputs it is
    uncorrelated with each of them, and with the output's bias (1e-5 for rounding)."""
    signs = numpy.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], numpy.float32)
    data = {"x.npy": signs, "t.npy": -signs[:, :1] * signs[:, 1:]}
    two_areas = TRUTH.replace("x -> h", "x -> y")
    two_areas = "".join(l for l in two_areas.splitlines(True) if "h[" not in l and "h ->" not in l)

    def costs(text, name, seeds):
        return [run(text.replace("RULE", name), data=data, seed=seed, rules=[rule]).series("c")[-1] for seed in seeds]

    learned = costs(TRUTH, rule.name, range(1, 7))
    assert max(learned) < 0.01, f"costs {learned}"
    fixed = costs(TRUTH, "frozen", range(1, 4))
    assert min(fixed) > 0.5 - 1e-5, f"without plasticity below: {fixed}"
    alone = costs(two_areas, rule.name, [1])
    assert min(alone) > 0.5 - 1e-5, f"without hidden units: {alone}"


system.mutant("the sign of the message", ("w * error(post)", "-w * error(post)"))
system.mutant("the sign of the weight in the message only", ("w * error(post)", "sign(w) * error(post)"))
system.mutant("no derivative of the unit", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("no message", ("w * error(post)", "0 * w * error(post)"))
system.mutant("a factor of two", ("error(post) * pre", "2 * error(post) * pre"))

system.main()
