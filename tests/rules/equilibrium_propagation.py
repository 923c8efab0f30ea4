# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equilibrium propagation (Scellier & Bengio 2017): settle, nudge, compare."""
import numpy

from harness import Rule, System, before, run
from networks import classes

system = System("equilibrium_propagation", "equilibrium propagation")

# The Hopfield energy with a smooth activation, so that the theorem holds at every point.
SMOOTH = """
unit smooth_unit(step = 0.5) {
    input drive
    state u = 0
    output rate = tanh(u)
    u += step * ((1 - rate^2) * drive - u)
}
"""


def network(learn, unit="bounded_unit", cost="c", batch=8, trials=1, ticks=1, size=0.3, hidden=(11,)):
    names = ["x"] + [f"h{k + 1}" for k in range(len(hidden))] + ["label"]
    lines = ["area x[13] : source"] + [f"area {n}[{s}] : {unit}" for n, s in zip(names[1:], hidden)]
    lines.append(f"area label[5] : {unit} {{ given target }}")
    for a, b in zip(names, names[1:]):
        lines.append(f"connect {a} -> {b} : dense(bias = true, w ~ normal(0.05, {size}))")
    for a, b in zip(names[1:], names[2:]):
        lines.append(f"connect {b} -> {a} : transpose({a}_{b})")
    body = "\n    ".join(lines)
    square = "sum((label.rate - label.target)^2) / 2"
    return f"""{SMOOTH}
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    {body}
    cost c = {square if cost == "c" else f"last * {square}"}
    learn c by {learn} with sgd(1)
}}
train n on points, batch = {batch}, trials = {trials}, trial = {ticks} ticks {{
    x.rate = x; label.target = one_hot(y, 5)
}}
"""


def change(model, **how):
    first, last = before(model, data=classes(8), **how), run(model, data=classes(8), **how)
    names = [n for n in first.states if n.endswith((".w", ".b"))]
    return numpy.concatenate([numpy.ravel(last[n].astype(float) - first[n]) for n in sorted(names)])


def ticks(w, b, s, x, target, count, beta, step=0.5):
    """The areas of `bounded_unit`s, all at once, from the states s."""
    for _ in range(count):
        below = [x] + s[:-1]
        drive = [p @ w[k] + b[k] for k, p in enumerate(below)]
        for k in range(len(s) - 1):
            drive[k] = drive[k] + s[k + 1] @ w[k + 1].T
        drive[-1] = drive[-1] - beta * (s[-1] - target)
        s = [numpy.clip(v + step * (d - v), 0, 1) for v, d in zip(s, drive)]
    return s


@system.check
def follows_its_equation(rule):
    """Three updates of a network with two hidden areas, 20 free ticks and 4 nudged ones either way, in NumPy. Double
    precision differs by the order of sums alone, 1e-13 a tick; single precision by 24 ticks of 6e-8, and three steps."""
    model = network(f"{rule.name}()", trials=3, hidden=(11, 7))
    start = before(model, data=classes(8), rules=[rule])
    end = run(model, data=classes(8), rules=[rule])
    names = ["x_h1", "h1_h2", "h2_label"]
    w = [start[f"n.{c}.w"].astype(float) for c in names]
    b = [start[f"n.{c}.b"].astype(float) for c in names]
    data = classes(8)
    x, target = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]]
    beta = 0.5
    for _ in range(3):
        free = ticks(w, b, [numpy.zeros((8, n)) for n in (11, 7, 5)], x, target, 20, 0)
        up, down = (ticks(w, b, free, x, target, 4, sign * beta) for sign in (1, -1))
        for k in range(3):
            pre = lambda s: x if k == 0 else s[k - 1]
            gradient = [(pre(s).T @ s[k] / 8, s[k].mean(0)) for s in (down, up)]
            w[k] = w[k] - (gradient[0][0] - gradient[1][0]) / (2 * beta)
            b[k] = b[k] - (gradient[0][1] - gradient[1][1]) / (2 * beta)
    bound = 1e-11 if end["n.x_h1.w"].dtype == numpy.float64 else 2e-5
    for k, c in enumerate(names):
        assert numpy.abs(end[f"n.{c}.w"] - start[f"n.{c}.w"]).max() > 1e-3, f"{c} has not moved"
        for got, wanted in ((end[f"n.{c}.w"], w[k]), (end[f"n.{c}.b"], b[k])):
            assert numpy.abs(got - wanted).max() < bound, f"{c} is off by {numpy.abs(got - wanted).max():.1e}"


@system.check
def particles_persist(rule):
    """With `item` states the free phase of a row starts where that row's free phase ended an epoch ago, not where its
    nudged phases did; in NumPy as above. Rows are shuffled, and each batch is all of them."""
    model = network(f"{rule.name}(free = 3)", trials=4, hidden=(11,)).replace(
        ": bounded_unit {", ": bounded_unit { item rate;").replace("h1[11] : bounded_unit", "h1[11] : bounded_unit { item rate }")
    start = before(model, data=classes(8), rules=[rule])
    end = run(model, data=classes(8), rules=[rule])
    w = [start[f"n.{c}.w"].astype(float) for c in ("x_h1", "h1_label")]
    b = [start[f"n.{c}.b"].astype(float) for c in ("x_h1", "h1_label")]
    x, target = classes(8)["x.npy"].astype(float), numpy.eye(5)[classes(8)["y.npy"]]
    free, settled = [numpy.zeros((8, n)) for n in (11, 5)], []
    for _ in range(4):
        free = ticks(w, b, free, x, target, 3, 0)
        up, down = (ticks(w, b, free, x, target, 4, sign * 0.5) for sign in (1, -1))
        for k in range(2):
            pre = lambda s: x if k == 0 else s[k - 1]
            w[k] = w[k] - (pre(down).T @ down[k] - pre(up).T @ up[k]) / 8
            b[k] = b[k] - (down[k] - up[k]).mean(0)
    for name, value in (("h1", free[0]), ("label", free[1])):
        got = end[f"n.{name}.rate.points"]
        assert got.shape == value.shape and numpy.abs(got - value).max() < 2e-5, f"{name}: {numpy.abs(got - value).max():.1e}"
        assert got.std() > 0.01, "the particles do not differ"
    assert numpy.abs(end["n.h1_label.w"] - w[1]).max() < 2e-5


def slope(rule, name, betas=(0.05, 0.002)):
    """The power of beta with which the update departs from the exact gradient of the settled cost, over a range of betas."""
    how = dict(interpret=True)
    exact = change(network("backprop()", "smooth_unit", "last", ticks=151), **how)
    off = []
    for beta in betas:
        learn = f"{name}(beta = {beta}, free = 150, nudged = 150)"
        rules = [rule] if name == rule.name else []
        got = change(network(learn, "smooth_unit"), rules=rules, **how)
        off.append(numpy.linalg.norm(got - exact) / numpy.linalg.norm(exact))
    return numpy.log(off[0] / off[1]) / numpy.log(betas[0] / betas[1]), off


@system.check
def is_the_gradient_as_beta_vanishes(rule):
    """Nudging either way leaves a bias of the second order in beta, nudging one way a bias of the first; the exact
    gradient goes back through 151 ticks. Interpreted: 300 ticks of single precision would drown beta squared."""
    power, off = slope(rule, rule.name)
    assert abs(power - 2) < 0.05 and off[1] < 1e-2, f"power {power:.3f}, {off}"
    power, off = slope(rule, "one_sided_equilibrium_propagation")
    assert abs(power - 1) < 0.05 and off[1] < 0.1, f"one-sided: power {power:.3f}, {off}"


def states_at(rule, phase, arguments, unit, variable):
    """Of one sample, the states of both areas at the end of a phase: kept in weights that the check adds to the rule."""
    text = rule.text[:-1] + f"    each area a {{ weight kept = 0; kept += a.{variable}@{phase} }}\n}}"
    model = network(f"{rule.name}({arguments})", unit, batch=1)
    end = run(model, data=classes(1), rules=[Rule(rule.name, text)], interpret=True)
    return numpy.concatenate([end["n.learn0.h1.kept"], end["n.learn0.label.kept"]]).astype(float)


def weights():
    """Of the network of `states_at` with one hidden area: the input of either area, and the weights between them."""
    start = before(network("equilibrium_propagation()", batch=1), data=classes(1), interpret=True)
    data = classes(1)
    bias = numpy.concatenate([data["x.npy"][0].astype(float) @ start["n.x_h1.w"] + start["n.x_h1.b"],
                              start["n.h1_label.b"]])
    w = numpy.zeros((16, 16))
    w[:11, 11:] = start["n.h1_label.w"]
    return bias, w + w.T, numpy.eye(5)[data["y.npy"][0]]


@system.check
def every_nudged_tick_is_a_step_of_backpropagation(rule):
    """From a fixed point, what the nudge adds in tick t, over beta, is the gradient that backpropagation through time
    carries t ticks back (Ernoult et al. 2019): J'^t of -step dC/du, with J the Jacobian of a tick there. Half the
    difference of the two nudges errs by beta squared, so that 1e-3 at beta = 1e-3 leaves room for its factor."""
    bias, w, target = weights()
    beta, step = 1e-3, 0.5
    arguments = f"beta = {beta}, free = 150"
    u = states_at(rule, "settled", arguments, "smooth_unit", "u")
    rho = numpy.tanh(u)
    slope, drive = 1 - rho**2, w @ rho + bias
    assert numpy.abs(slope * drive - u).max() < 1e-7, "this is no fixed point"
    jacobian = (1 - step) * numpy.eye(16) + step * (numpy.diag(-2 * rho * slope * drive)
                                                    + slope[:, None] * w * slope[None, :])
    carried = numpy.zeros(16)
    carried[11:] = -step * slope[11:] * (rho[11:] - target)
    previous = numpy.zeros(16)
    for t in range(1, 6):
        up, down = (states_at(rule, p, f"{arguments}, nudged = {t}", "smooth_unit", "u") for p in ("up", "down"))
        moved = (up - down) / (2 * beta)
        got, previous = moved - previous, moved
        off = numpy.linalg.norm(got - carried) / numpy.linalg.norm(carried)
        assert off < 1e-3, f"tick {t}: {off:.1e}"
        carried = jacobian.T @ carried


@system.check
def the_energy_never_rises(rule):
    """E = |s|^2 / 2 - s W s / 2 - b s, in 16 free ticks of `bounded_unit`s: explicit steps down the gradient of E inside
    the box. With a step of 4, beyond twice the inverse of the largest curvature, it does rise."""
    bias, w, _ = weights()
    for step, falls in ((0.5, True), (4, False)):
        energy = [0.0]
        for n in range(1, 17 if falls else 4):
            s = states_at(rule, "settled", f"free = {n}, nudged = 1", f"bounded_unit(step = {step})", "rate")
            energy.append(s @ s / 2 - s @ w @ s / 2 - bias @ s)
        assert numpy.all(numpy.diff(energy) <= 1e-9) == falls, energy
        assert min(energy) < -0.1


system.mutant("nudged the same way twice", ("o.drive += beta", "o.drive -= beta"))
system.mutant("the second nudge starts from the first", ("down from settled", "down from up"))
system.mutant("the nudged state persists", ("phase rest from settled {}", ""))
system.mutant("half the scale", ("/ (2 * beta)", "/ beta"))
system.mutant("nudged by the state", ("beta * error(o.rate) } }\n    phase down", "beta * o.rate } }\n    phase down"))
system.mutant("the free state in place of a nudged one", ("(post.rate * pre)@up", "(post.rate * pre)@settled"))
system.mutant("the sign", ("((post.rate * pre)@down - (post.rate * pre)@up)", "((post.rate * pre)@up - (post.rate * pre)@down)"))
system.mutant("one phase is not subtracted", ("(post.rate * pre)@down - ", "-"))

system.main()
