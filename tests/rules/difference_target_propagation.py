# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Difference target propagation (Lee et al. 2015): g_l(x) = f(V_l x + c_l) learns min |g(f(x + eps)) - (x + eps)|^2;
the target below the output is x - step dC/dx, others x + g(target above) - g(x above); forward min |f(x) - target|^2."""
import numpy

from harness import Engine, System, angle, before, changed, run
from networks import Perceptron, classes, deep

system = System("difference_target_propagation", "difference target propagation")

FORWARD = [f"n.{c}.w" for c in ("x_h1", "h1_h2", "h2_h3", "h3_label")]
V = ["n.learn0.h1_h2.V", "n.learn0.h2_h3.V"]
C = ["n.learn0.h1.c", "n.learn0.h2.c"]


def three(arguments, hidden=(11, 7, 6), **how):
    return deep(system.rule, arguments, hidden=hidden, **how)


@system.check
def follows_its_equation(rule):
    """Its equations in NumPy, without noise, 20 steps of a whole batch: forward weights, inverses and their biases.
    Tolerances as in networks.follows."""
    model = three("step = 0.5, noise = 0", batch=64, trials=20, optimizer="sgd(0.125), V: sgd(0.25), c: sgd(0.25)")
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    data, net = classes(), Perceptron(first, hidden=3)
    v, c = [first[k].astype(float) for k in V], [first[k].astype(float) for k in C]
    x, wanted = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]]
    for _ in range(20):
        r = net.forward(x)
        e = r[4] - wanted
        target = {3: r[3] - 0.5 * e @ net.w[3].T}
        inverse = lambda k, y: numpy.tanh(y @ v[k].T + c[k])
        dv, dc = [], []
        for k in (1, 0):
            target[k + 1] = r[k + 1] + inverse(k, target[k + 2]) - inverse(k, r[k + 2])
        for k in (0, 1):
            restored = inverse(k, r[k + 2])
            miss = (restored - r[k + 1]) * (1 - restored**2)
            dv.append(miss.T @ r[k + 2] / 64)
            dc.append(miss.mean(0))
        deltas = [(r[l] - target[l]) * (1 - r[l] ** 2) for l in (1, 2, 3)] + [e]
        for l, d in enumerate(deltas):
            net.w[l] = net.w[l] - 0.125 * r[l].T @ d / 64
            net.b[l] = net.b[l] - 0.125 * d.mean(0)
        v = [a - 0.25 * d for a, d in zip(v, dv)]
        c = [a - 0.25 * d for a, d in zip(c, dc)]
    bound = 1e-12 if Engine.interpret else 2e-5
    for name, value in [*zip(FORWARD, net.w), *zip(V, v), *zip(C, c)]:
        worst = numpy.abs(last[name] - value).max()
        assert worst <= bound, f"{name} is {worst:.1e} from its equation"
        assert numpy.abs(value - first[name]).max() > 1e-4, f"{name} does not learn"


@system.check
def exact_inverses_give_the_gauss_newton_direction(rule):
    """Linear areas of equal size whose V are the inverses of w: then what area l should change is J^+ times what the
    last hidden area should, J the product of the weights between, which is the Gauss-Newton step towards that target.
    In closed form to 1e-8; weights of size 1 and a condition below 50 cost 1e-14 in double precision, and 1e-4 with
    single-precision weights and their single-precision inverses. Null model: backprop has J' in the place of J^+."""
    model = three("step = 0.5, noise = 0", hidden=(6, 6, 6), unit="linear_unit", batch=64, epochs=1,
                  optimizer="sgd(1), V: sgd(0), c: sgd(0)")
    start = before(model, data=classes(), rules=[rule])
    random = numpy.random.default_rng(2)
    values = {}
    for w, v in zip(FORWARD[1:3], V):
        kind = start[w].dtype
        values[w] = (numpy.eye(6) + 0.3 * random.normal(size=(6, 6))).astype(kind)
        values[v] = numpy.linalg.inv(values[w].astype(float)).T.astype(kind)
    last = run(model, data=classes(), rules=[rule], start=changed(start.checkpoint, values))
    s = {k: a.astype(float) for k, a in {**start.states, **values}.items()}
    data = classes()
    x, w = data["x.npy"].astype(float), [s[k] for k in FORWARD]
    r = [x]
    for k in w[:3]:
        r.append(r[-1] @ k)
    p = numpy.exp(r[3] @ w[3])
    wanted = 0.5 * (p / p.sum(1, keepdims=True) - numpy.eye(5)[data["y.npy"]]) @ w[3].T  # h3 minus its target
    bound = 1e-8 if Engine.interpret else 1e-4
    for l, J in ((2, numpy.eye(6)), (1, w[2]), (0, w[1] @ w[2])):
        step = r[l].T @ (wanted @ numpy.linalg.pinv(J)) / 64
        gradient = r[l].T @ (wanted @ J.T) / 64
        done = s[FORWARD[l]] - last[FORWARD[l]].astype(float)
        worst = numpy.abs(done - step).max() / numpy.abs(step).max()
        assert worst < bound, f"{FORWARD[l]} is {worst:.1e} from the closed form"
        assert l == 2 or angle(step, gradient) > 5, "the closed form is that of backprop"


@system.check
def reconstruction_improves(rule):
    """With forward weights fixed and noise on, the inverses learn: g(f(x)) comes closer to x, and closer than the
    best constant, for both inverses. Null model: without their learning nothing changes."""
    def errors(states):
        s = {k: a.astype(float) for k, a in states.items()}
        rates = Perceptron(s, hidden=3).forward(classes()["x.npy"].astype(float))
        return [((numpy.tanh(rates[k + 2] @ s[V[k]].T + s[C[k]]) - rates[k + 1]) ** 2).sum(1).mean() for k in (0, 1)], [
            rates[k + 1].var(0).sum() for k in (0, 1)]

    model = three("noise = 0.1", batch=16, trials=400, optimizer="sgd(0), V: sgd(0.2), c: sgd(0.2)")
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    (start, constant), (end, _) = errors(first.states), errors(last.states)
    for k in (0, 1):
        assert end[k] < 0.8 * start[k] and end[k] < constant[k], f"{V[k]}: {start[k]:.3f}, then {end[k]:.3f}"
    null = run(model.replace("sgd(0.2)", "sgd(0)"), data=classes(), rules=[rule])
    assert null.same(first, V + C)
    assert last.same(first, FORWARD)


@system.check
def noise_reaches_the_inverses_only(rule):
    """Noise changes what V learns, and no forward weight as long as V does not."""
    runs = {noise: run(three(f"noise = {noise}", optimizer="sgd(0.1), V: sgd(0), c: sgd(0)"), data=classes(), rules=[rule])
            for noise in (0, 0.5)}
    assert runs[0].same(runs[0.5], FORWARD)
    runs = {noise: run(three(f"noise = {noise}", optimizer="sgd(0), V: sgd(0.1), c: sgd(0)"), data=classes(), rules=[rule])
            for noise in (0, 0.5)}
    assert not runs[0].same(runs[0.5], V)


@system.check
def noise_is_restored_too(rule):
    """The inverse restores the noisy rate, not the clean one. Of linear areas with orthogonal weights that can be done
    without an error, however large the noise, and by V = w only, which inverts w: 400 steps of a rate of 0.1, over
    inputs of variance 1 and more, leave 0.9^400 of the start. An inverse of clean rates would be shorter, by half."""
    model = three("noise = 1", hidden=(6, 6, 6), unit="linear_unit", batch=16, trials=400,
                  upper="dense(bias = true, w ~ orthogonal())", optimizer="sgd(0), V: sgd(0.1), c: sgd(0.1)")
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    for w, v in zip(FORWARD[1:3], V):
        assert numpy.abs(first[v] - first[w]).max() > 0.3
        apart = numpy.abs(last[v].astype(float) - last[w]).max()
        assert apart < 1e-5, f"{v} is {apart:.1e} from {w}, which it should invert"


system.mutant("the sign of the step", ("- step * error", "+ step * error"))
system.mutant("plain targets, without the difference", ("- h.rate(from_rate + c)", "- h.rate"))
system.mutant("targets without the inverse", ("h.rate(from_target + c) - h.rate(from_rate + c)", "from_target - from_rate"))
system.mutant("the rate in place of the target", ("V * post.target", "V * post.rate"))
system.mutant("no stop", ("stop(target)", "target"), ("d(post.gap, post)", "d(post.gap, post.rate)"))
system.mutant("the target moves the other way", ("h.rate(h.drive) - stop(target)", "h.rate(h.drive) - stop(2 * h.rate - target)"))
system.mutant("the inverse restores without noise", ("- h.rate - xi)", "- h.rate)"))
system.mutant("no noise is sent", ("(pre + pre.xi)", "pre"))
system.mutant("the inverse learns the other way", ("V.grad +=", "V.grad += -"))
system.mutant("the wrong factor", ("* post.rate(post.noisy)\n    }", "* post.noisy\n    }"))
system.mutant("the inverse has no bias", ("c.grad += d(miss, c)", "c.grad += 0 * d(miss, c)"))
system.mutant("the forward weight backwards", ("+= V * post.target", "+= w * post.target"), ("+= V * post.rate\n", "+= w * post.rate\n"))
system.mutant("no derivative of the unit", ("d(post.gap, post) * pre", "d(post.gap, post.rate) * pre"))
system.mutant("pre and post swapped", ("d(post.gap, post) * pre", "d(post.gap, post) * post"))

system.main()
