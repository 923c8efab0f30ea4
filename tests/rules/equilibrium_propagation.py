# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equilibrium propagation (Scellier & Bengio 2017): settle, nudge, compare."""
import numpy

import nudging
from harness import Engine, System, before, run
from networks import classes

system = System("equilibrium_propagation", "equilibrium propagation")


@system.check
def follows_its_equation(rule):
    """Three updates of a network with two hidden areas, 20 free ticks and 4 nudged ones either way, in NumPy. Double
    precision differs by the order of sums alone, 1e-13 a tick; single precision by 24 ticks of 6e-8, and three steps."""
    nudging.follows(rule, nudges=(0.5, -0.5), scale=1)


@system.check
def particles_persist(rule):
    """With `item` states the free phase of a row starts where that row's free phase ended an epoch ago, not where its
    nudged phases did; in NumPy as above. Rows are shuffled, and each batch is all of them."""
    model = nudging.network(f"{rule.name}(free = 3)", "bounded_unit { item rate }", trials=4)
    start = before(model, data=classes(8), rules=[rule])
    end = run(model, data=classes(8), rules=[rule])
    w = [start[f"n.{c}.w"].astype(float) for c in ("x_h1", "h1_label")]
    b = [start[f"n.{c}.b"].astype(float) for c in ("x_h1", "h1_label")]
    x, target = classes(8)["x.npy"].astype(float), numpy.eye(5)[classes(8)["y.npy"]]
    free, settled = [numpy.zeros((8, n)) for n in (11, 5)], []
    for _ in range(4):
        free = nudging.ticks(w, b, free, x, target, 3, 0)
        up, down = (nudging.ticks(w, b, free, x, target, 4, sign * 0.5) for sign in (1, -1))
        for k in range(2):
            pre = lambda s: x if k == 0 else s[k - 1]
            w[k] = w[k] - (pre(down).T @ down[k] - pre(up).T @ up[k]) / 8
            b[k] = b[k] - (down[k] - up[k]).mean(0)
    for name, value in (("h1", free[0]), ("label", free[1])):
        got = end[f"n.{name}.rate.points"]
        assert got.shape == value.shape and numpy.abs(got - value).max() < 2e-5, f"{name}: {numpy.abs(got - value).max():.1e}"
        assert got.std() > 0.01, "the particles do not differ"
    assert numpy.abs(end["n.h1_label.w"] - w[1]).max() < 2e-5


@system.check
def is_the_gradient_as_beta_vanishes(rule):
    """Nudging either way leaves a bias of the second order in beta: between five betas from 0.05 to 0.002 the power is 2,
    up to the next order, 30 beta^2. So it is with units of a smooth energy, and with those of the library where no state
    comes to its bounds. The exact gradient goes back through 151 ticks. Native code: to 0.02 only, where 300 ticks of
    single precision, 1e-6 of states, over beta are a tenth of the bias, and half of that in the power."""
    betas = (0.05, 0.01) if Engine.mutating else (0.05, 0.02, 0.01, 0.005, 0.002) if Engine.interpret else (0.05, 0.02)
    for unit in ("smooth_unit",) if Engine.mutating else ("smooth_unit", "bounded_unit"):
        powers, off = nudging.powers(rule, rule.name, betas, unit)
        for power, beta in zip(powers, betas):
            assert abs(power - 2) < 30 * beta**2 + (0.005 if Engine.interpret else 0.05), f"{unit}: {powers}, {off}"
        assert off[0] < 0.02, f"{unit}: {off}"


@system.check
def every_nudged_tick_is_a_step_of_backpropagation(rule):
    """From a fixed point, what the nudge adds in tick t, over beta, is the gradient that backpropagation through time
    carries t ticks back (Ernoult et al. 2019): J'^t of -step dC/du, with J the Jacobian of a tick there. Half the
    difference of the two nudges errs by beta squared, so that 1e-3 at beta = 1e-3 leaves room for its factor. Native
    code: beta = 0.02 errs by 400 times as much, and rounding, 1e-7 / beta, is as small as that: 1e-2."""
    bias, w, target = nudging.weights()
    beta, bound, still = (1e-3, 1e-3, 1e-7) if Engine.interpret else (0.02, 1e-2, 1e-6)
    step = 0.5
    arguments = f"beta = {beta}, free = 150"
    carried, previous = None, numpy.zeros(16)
    for t in range(1, 3 if Engine.mutating else 6):
        u, up, down = nudging.states_at(rule, ("settled", "up", "down"), f"{arguments}, nudged = {t}", "smooth_unit", "u")
        if carried is None:
            rho = numpy.tanh(u)
            slope, drive = 1 - rho**2, w @ rho + bias
            assert numpy.abs(slope * drive - u).max() < still, "this is no fixed point"
            jacobian = (1 - step) * numpy.eye(16) + step * (numpy.diag(-2 * rho * slope * drive)
                                                            + slope[:, None] * w * slope[None, :])
            carried = numpy.zeros(16)
            carried[11:] = -step * slope[11:] * (rho[11:] - target)
        moved = (up - down) / (2 * beta)
        got, previous = moved - previous, moved
        off = numpy.linalg.norm(got - carried) / numpy.linalg.norm(carried)
        assert off < bound, f"tick {t}: {off:.1e}"
        carried = jacobian.T @ carried


@system.check
def the_energy_never_rises(rule):
    """E = |s|^2 / 2 - s W s / 2 - b s, in 16 free ticks of `bounded_unit`s, one a trial with states that persist:
    explicit steps down the gradient of E inside the box. With a step of 4, beyond twice the inverse of the largest
    curvature, it does rise. Native code: energies below 10 are known to 1e-5."""
    bias, w, _ = nudging.weights()
    for step, falls in ((0.5, True), (4, False)):
        model = nudging.network(f"{rule.name}(free = 1, nudged = 1)", f"bounded_unit(step = {step}) {{ item rate }}", batch=1,
                                trials=16 if falls else 3, probes="probe h1.rate, label.rate", rate=0)
        energy = [0.0]
        for probe in run(model, data=classes(1), rules=[rule]).probes:
            s = numpy.array(probe["h1.rate"] + probe["label.rate"])
            energy.append(s @ s / 2 - s @ w @ s / 2 - bias @ s)
        assert len(energy) == (17 if falls else 4)
        assert numpy.all(numpy.diff(energy) <= (1e-9 if Engine.interpret else 1e-5)) == falls, energy
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
