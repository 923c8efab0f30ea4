# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What rules of the library, and some written here, make of `conv`, `local` and `pool` (docs/language.md, 2.5 and 3).

Beside the definitions of convolution.py in NumPy, whose tolerances hold here.
"""
import os
import re
import subprocess
import tempfile

import numpy

from convolution import Layer, N, Window, data, model, near, numbers, pooled
from harness import APICAL, before, library, on_both_engines, read_checkpoint, run

DEEP = """
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[9, 8, 2] : source
    area h[9, 8, 3] : tanh_unit
    area p[4, 4, 3] : linear_unit
    area k[2, 2, 5] : tanh_unit
    area y[4] : linear_unit { given target }
    connect x -> h : conv(kernel = 3, bias = true)
    connect h -> p : pool(kernel = 2, reduce = REDUCE)
    connect p -> k : LAST
    connect k -> y : dense(bias = true)
    cost c = squared_error(y.rate, y.target)
    learn c by RULE with OPT
}
train n on d, batch = 6, trials = TRIALS { x.rate = x; y.target = t }
"""


DEEP_DATA = {"x.npy": numbers(N, 144, seed=3), "t.npy": numbers(N, 4, seed=4)}


def deep(rule="backprop()", opt="sgd(0.02, momentum = 0.9)", trials=8, reduce="max", last="conv(kernel = 3, bias = true)",
         text=""):
    return text + DEEP.replace("RULE", rule).replace("OPT", opt).replace("TRIALS", str(trials)) \
        .replace("REDUCE", reduce).replace("LAST", last)


class Deep:
    """The network of `DEEP` with states of a run."""

    def __init__(self, states, reduce="max"):
        self.names = ["x_h", "p_k", "k_y"]
        self.w = [states[f"n.{c}.w"].astype(float) for c in self.names]
        self.b = [states[f"n.{c}.b"].astype(float) for c in self.names]
        self.windows = [Window([9, 8], [3, 3], [1, 1], [9, 8], 2), Window([4, 4], [3, 3], [1, 1], [2, 2], 3)]
        self.pool, self.reduce = Window([9, 8], [2, 2], [2, 2], [4, 4], 3, pool=True), reduce
        self.x, self.t = DEEP_DATA["x.npy"].astype(float), DEEP_DATA["t.npy"].astype(float)

    def forward(self, noise=(0, 0, 0)):
        """The rates of x, h, p, k and y; with noise on what h, k and y are driven by, or on weights."""
        one, two = (Layer(win, w, b) for win, w, b in zip(self.windows, self.w, self.b))
        h = numpy.tanh(one.forward(self.x) + noise[0])
        p, _ = pooled(self.reduce, self.pool.see(h), 0 * self.pool.see(h)[:, :, 0])
        k = numpy.tanh(two.forward(p) + noise[1])
        return [self.x, h, p, k, k @ self.w[2] + self.b[2] + noise[2]]

    def cost(self, rates):
        return ((rates[-1] - self.t) ** 2).sum(1) / 2

    def gradients(self, back=None, errors=None):
        """By the weights and the biases: errors go back through `back` instead of the weights, or the hidden areas'
        errors are given."""
        back = back or self.w
        x, h, p, k, y = self.forward()
        e = y - self.t
        gw, gb = [k.T @ e / N], [e.mean(0)]
        delta = (e @ numpy.asarray(back[2], float).T if errors is None else errors[1]) * (1 - k**2)
        dw, db, reach = Layer(self.windows[1], self.w[1]).backward(p, delta, back[1])
        gw, gb = [dw, *gw], [db, *gb]
        if errors is None:
            reach = self.pool.back(pooled(self.reduce, self.pool.see(h), reach)[1])
        else:
            reach = errors[0]
        dw, db, _ = Layer(self.windows[0], self.w[0]).backward(self.x, reach * (1 - h**2))
        return [dw, *gw], [db, *gb]

    def near(self, result, interpret, what):
        for c, w, b in zip(self.names, self.w, self.b):
            near(result[f"n.{c}.w"], w, interpret, (what, c, "w"))
            near(result[f"n.{c}.b"], b, interpret, (what, c, "b"))


def both(text, interpret, **how):
    """Before the first update, and after the last."""
    return before(text, data=DEEP_DATA, interpret=interpret, **how), run(text, DEEP_DATA, interpret=interpret, **how)


def training_step_by_step(interpret):
    """Eight steps with momentum. What a step adds is of size 0.1 and off as a value is; momentum sums ten of them, so the
    weights stay within the bound of a value. No maximum changes hands for a rounding: the data have none so near."""
    for reduce in ("max", "mean"):
        for last in ("conv(kernel = 3, bias = true)", "local(kernel = 3, bias = true)"):
            first, after = both(deep(reduce=reduce, last=last), interpret)
            net = Deep(first, reduce)
            velocity = [0.0] * 6
            for _ in range(8):
                gw, gb = net.gradients()
                velocity = [0.9 * v + g for v, g in zip(velocity, gw + gb)]
                net.w = [w - 0.02 * v for w, v in zip(net.w, velocity)]
                net.b = [b - 0.02 * v for b, v in zip(net.b, velocity[3:])]
            net.near(after, interpret, (reduce, last))


def training_with_adam(interpret):
    """Adam divides by the size of the gradient: what is off by a rounding of the largest element may be a large part of a
    small one, but then moves the weight by at most the rate, 1e-3 a step. No element is below 1e-4 here, to which a
    rounding of 1e-6 is one part in a hundred: a hundredth of 3e-3."""
    first, after = both(deep(opt="adam()", trials=3), interpret)
    net = Deep(first)
    m, v = [0.0] * 6, [0.0] * 6
    for step in range(1, 4):
        g = sum(net.gradients(), [])
        m, v = [0.9 * a + 0.1 * b for a, b in zip(m, g)], [0.999 * a + 0.001 * b**2 for a, b in zip(v, g)]
        moves = [0.001 * a / (1 - 0.9**step) / (numpy.sqrt(b / (1 - 0.999**step)) + 1e-8) for a, b in zip(m, v)]
        net.w, net.b = [w - x for w, x in zip(net.w, moves)], [b - x for b, x in zip(net.b, moves[3:])]
    net.near(after, interpret, "adam")


def learned(rule, interpret, back=None, text="", seed=1):
    """One step of rate 1 of a rule, beside the gradient with errors that travel through other weights."""
    first, after = both(deep(f"{rule}()", "sgd(1)", trials=1, text=text), interpret, seed=seed)
    net = Deep(first)
    gw, gb = net.gradients(back and back(net, first))
    net.w, net.b = [w - g for w, g in zip(net.w, gw)], [b - g for b, g in zip(net.b, gb)]
    net.near(after, interpret, rule)
    return net, first, after, gw


def errors_through_weights(interpret):
    learned("weight_transport", interpret)


def signs_of_weights_travel_back(interpret):
    """fan_in: all taps and channels in front; fan_out: all taps in space, and the channels behind."""
    fans = [(18, 27), (27, 45), (20, 4)]
    learned("uniform_sign_symmetry", interpret,
            lambda net, _: [numpy.sqrt(2 / (i + o)) * numpy.sign(w) for w, (i, o) in zip(net.w, fans)])


def feedback_weights_are_tied_as_the_weights_are(interpret):
    """A weight that the rule declares is one per weight element: B has the shape of w. So have sizes drawn for a batch."""
    def back(net, states):
        found = [next(v for k, v in states.states.items() if k.endswith(f"{c}.B")) for c in net.names]
        assert [b.shape for b in found] == [w.shape for w in net.w], [b.shape for b in found]
        assert abs(found[1].std() * numpy.sqrt(45) - 1) < 0.2, found[1].std()
        return found

    learned("feedback_alignment", interpret, back)
    net, first, after, gw = learned("kolen_pollack", interpret, back)
    for c, g in zip(net.names[1:], gw[1:]):  # B moves as w does; that of the first connection reaches nobody who learns
        name = next(k for k in after.states if k.endswith(f"{c}.B"))
        near(first[name] - after[name].astype(float), g, interpret, ("B", c))


def errors_reach_all_areas_directly(interpret):
    first, after = both(deep("direct_feedback_alignment()", "sgd(1)", trials=1), interpret)
    net = Deep(first)
    e = net.forward()[-1] - net.t
    feedback = {v.shape: v.astype(float) for v in first.states.values() if v.shape in ((4, 216), (4, 20))}
    gw, gb = net.gradients(errors=[e @ feedback[4, 216], e @ feedback[4, 20]])
    net.w, net.b = [w - g for w, g in zip(net.w, gw)], [b - g for b, g in zip(net.b, gb)]
    net.near(after, interpret, "direct feedback")


def local_derivatives_at_both_ends(interpret):
    """Of the unit that a tap meets, and of each channel of each place."""
    slopes = """
rule slopes(C: cost) : nonlocal {
    each connection { w.grad += d(post.rate, post.drive) * d(pre.rate, pre.drive) }
}
data d = table(x = npy("x.npy"))
network n {
    area x[7, 6, 2] : source
    area h[7, 6, 2] : tanh_unit
    area y[5, 2, 3] : tanh_unit
    connect x -> h : one_to_one(w = 1)
    connect h -> y : TOPOLOGY
    cost c = sum(y.rate)
    learn c in h_y by slopes() with sgd(1)
}
train n on d, batch = 6, trials = 1 { x.rate = x }
"""
    window = Window([7, 6], [3, 5], [1, 1], [5, 2], 2)
    given = {"x.npy": numbers(N, 84)}
    for kind in ("conv", "local"):
        last = run(slopes.replace("TOPOLOGY", f"{kind}(kernel = [3, 5], w = 0.5, bias = true)"), given, interpret=interpret)
        h = numpy.tanh(given["x.npy"].astype(float))
        layer = Layer(window, numpy.full((30, 3), 0.5) if kind == "conv" else numpy.full((10, 30, 3), 0.5))
        slope = 1 - numpy.tanh(layer.forward(h)) ** 2
        dw, _, _ = layer.backward(1 - h**2, slope)
        near(0.5 - last["n.h_y.w"].astype(float), dw, interpret, kind)
        assert not last["n.h_y.b"].any()  # `pre` of a bias has no slope


def errors_go_back_through_inputs_of_the_rule(interpret):
    """What a connection adds to `pre` reaches each unit from all synapses that see it."""
    rule = """
rule collected(C: cost) : nonlocal {
    each connection { pre.back += w * post.delta; w.grad += post.delta * pre }
    each hidden h { input back; let delta = back * d(h.rate, h.drive) }
    each output o { input back; let delta = error(o.drive) + 0 * back }
}
"""
    text = ONE_AND_TWO.replace("TOPOLOGY", "conv(kernel = [3, 4], stride = [1, 2], bias = true)")
    texts = [rule + text.replace("RULE", "collected()"), text.replace("RULE", "backprop()")]
    given = {"x.npy": numbers(N, 84)}
    written, exact = (run(t, given, interpret=interpret) for t in texts)
    for name in ("n.x_h.w", "n.x_h.b", "n.h_y.w", "n.h_y.b"):
        near(written[name], exact[name], interpret, name)


ONE_AND_TWO = """
data d = table(x = npy("x.npy"))
network n {
    area x[7, 6, 2] : source
    area h[6, 4, 3] : tanh_unit
    area y[4, 2, 2] : tanh_unit
    connect x -> h : conv(kernel = [2, 3], bias = true)
    connect h -> y : TOPOLOGY
    cost c = sum(y.rate^2)
    learn c by RULE with sgd(0.1)
}
train n on d, batch = 6, trials = 1 { x.rate = x }
"""


def perturbed(rule, draw, instead):
    """The text of a rule of the library, with noise that a check can know."""
    text = library(rule)
    assert draw in text
    return text.replace(draw, instead)


def noise_of_units(interpret):
    """Node perturbation, with a wave of what a unit was driven by in place of noise. One bias serves all places."""
    text = perturbed("node_perturbation", "let xi ~ normal(0, sigma)", "let xi = sigma * sin(20 * a.drive@clean)")
    first, after = both(deep("node_perturbation(sigma = 0.3)", "sgd(0.1)", trials=1, text=text), interpret)
    net = Deep(first)
    x, h, p, k, y = rates = net.forward()
    drives = [Layer(net.windows[0], net.w[0], net.b[0]).forward(x), Layer(net.windows[1], net.w[1], net.b[1]).forward(p), y]
    noise = [0.3 * numpy.sin(20 * d) for d in drives]
    gain = (net.cost(net.forward(noise)) - net.cost(rates)) / 0.09
    moves = [Layer(w, numpy.zeros((1, 1))).backward(pre, gain[:, None] * xi, numpy.zeros((w.units.shape[1], c)))
             for w, pre, xi, c in zip(net.windows, (x, p), noise, (3, 5))]
    top = gain[:, None] * noise[2]
    for j, (dw, db) in enumerate([m[:2] for m in moves] + [(k.T @ top / N, top.mean(0))]):
        net.w[j], net.b[j] = net.w[j] - 0.1 * dw, net.b[j] - 0.1 * db
    net.near(after, interpret, "node perturbation")


def noise_of_weights(interpret):
    """Weight perturbation, with lasting noise, which a checkpoint holds: one number for each weight, with which all places
    conduct. What the weight makes of it is the weight's own and counts once: the estimate is as large as the gradient."""
    text = perturbed("weight_perturbation", "shared state xi", "lasting state xi")
    first, after = both(deep("weight_perturbation(sigma = 0.1)", "sgd(0.01)", trials=1, text=text), interpret)
    net, noisy = Deep(first), Deep(first)
    xi = [first[f"n.learn0.{c}.{b}xi"].astype(float) for b in ("", "bias.") for c in net.names]
    assert [x.shape for x in xi] == [w.shape for w in net.w + net.b]
    noisy.w = [w + x for w, x in zip(net.w, xi)]
    noisy.b = [b + x for b, x in zip(net.b, xi[3:])]
    gain = (noisy.cost(noisy.forward()) - net.cost(net.forward())).mean() / 0.01
    for j in range(3):
        net.w[j] = net.w[j] - 0.01 * gain * xi[j]
        net.b[j] = net.b[j] - 0.01 * gain * xi[j + 3]
    net.near(after, interpret, "weight perturbation")


def displacements_are_pushed_through(interpret):
    """push(v) and push(C, v), beside central differences in NumPy: these err by 1e-10."""
    rule = """
rule along(C: cost) : nonlocal {
    each hidden a { let moved = push(a.drive) }
    each area a { let along = push(C, 1 + a.rate) }
    each connection to hidden { w.grad += post.moved * pre }
    each connection to output { w.grad += post.along * pre }
}
rule of_weights(C: cost) : nonlocal { each connection { w.grad += push(C, w) } }
"""
    first, after = both(deep("along()", "sgd(0.1)", trials=1, text=rule), interpret)
    net, eps = Deep(first), 1e-5
    x, h, p, k, y = net.forward()
    drives = [Layer(net.windows[0], net.w[0], net.b[0]).forward(x), Layer(net.windows[1], net.w[1], net.b[1]).forward(p)]

    def slope(noise, what):
        return (what(net.forward([eps * n for n in noise])) - what(net.forward([-eps * n for n in noise]))) / (2 * eps)

    # What moves is the output of each area; `h` moves alone, `k` with all before it.
    moved = [slope([*drives, 0], lambda rates: rates[1]), slope([*drives, 0], lambda rates: rates[3])]
    along = slope([1 + h, 1 + k, 1 + y], net.cost)
    for j, (window, pre, e) in enumerate(zip(net.windows, (x, p), moved)):
        dw, db, _ = Layer(window, net.w[j]).backward(pre, e)
        net.w[j], net.b[j] = net.w[j] - 0.1 * dw, net.b[j] - 0.1 * db
    top = numpy.repeat(along[:, None], 4, 1)
    net.w[2], net.b[2] = net.w[2] - 0.1 * k.T @ top / N, net.b[2] - 0.1 * top.mean(0)
    net.near(after, interpret, "push")
    first, after = both(deep("of_weights()", "sgd(0.01)", trials=1, text=rule), interpret)
    net, more, less = Deep(first), Deep(first), Deep(first)
    for moved, sign in ((more, 1), (less, -1)):  # biases, which begin at 0, stay
        moved.w = [w * (1 + sign * eps) for w in net.w]
    along = (more.cost(more.forward()) - less.cost(less.forward())).mean() / (2 * eps)
    for j in range(3):
        net.w[j], net.b[j] = net.w[j] - 0.01 * along, net.b[j] - 0.01 * along
    net.near(after, interpret, "push of weights")


def what_is_the_same_at_all_places_counts_once(interpret):
    """A weight's own decay is that of any other weight, not one for each of the 15 places that conduct with it; what the
    places see is summed over them. A number for all synapses is the weight's own, too."""
    for kind in ("conv", "local"):
        text = model([5, 7], [3, 5], f"{kind}(kernel = 3)", line="learn c by decay() with sgd(0.01)",
                     rules="rule decay(C: cost) : local { each connection { w.grad += w + 0.5 } }")
        first, last = (how(text, data=data([5, 7], [3, 5]), interpret=interpret) for how in (before, run))
        near(last["n.x_y.w"], 0.99 * first["n.x_y.w"].astype(float) - 0.005, interpret, kind)


def reductions_in_synapse_code(interpret):
    """Over all synapses of the connection, and over those of one unit behind."""
    given, window = data([7, 6, 2], [4, 2, 3]), Window([7, 6], [4, 4], [1, 2], [4, 2], 2)
    seen = window.see(given["x.npy"])
    for kind in ("conv", "local"):
        for code, value in (("sum(pre * post.drive)", lambda e: numpy.einsum("npt,npc->n", seen, e)[:, None, None, None]),
                            ("max(pre)", lambda e: seen.max((1, 2))[:, None, None, None]),
                            ("mean(pre, over = pre)", lambda e: seen.mean(2)[:, :, None, None]),
                            ("argmax(pre^2, over = pre)", lambda e: (seen**2).argmax(2)[:, :, None, None]),
                            ("sum(post.drive)", lambda e: e.sum((1, 2))[:, None, None, None])):
            text = model([7, 6, 2], [4, 2, 3], f"{kind}(kernel = 4, stride = [1, 2])",
                         line="learn c by reduced() with sgd(0.01)",
                         rules=f"rule reduced(C: cost) : nonlocal {{ each connection {{ w.grad += ({code}) * post.drive }} }}")
            first, last = (how(text, data=given, interpret=interpret) for how in (before, run))
            e = Layer(window, first["n.x_y.w"]).forward(given["x.npy"]).reshape(N, 8, 3)
            each = numpy.broadcast_to(value(e) * e[:, :, None, :], (N, 8, 32, 3)).mean(0)
            each = each.sum(0) if kind == "conv" else each
            near(first["n.x_y.w"] - last["n.x_y.w"].astype(float), 0.01 * each, interpret, (kind, code))


SETTLES = """
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[6, 5] : source
    area h[4, 4, 2] : bounded_unit
    area k[2, 3, 3] : bounded_unit
    area y[2] : bounded_unit { given target }
    connect x -> h : conv(kernel = 3, bias = true)
    connect h -> k : conv(kernel = [3, 2])
    connect k -> y : dense
    connect k -> h : transpose(h_k)
    connect y -> k : transpose(k_y)
    cost c = squared_error(y.rate, y.target)
    learn c by equilibrium_propagation(beta = 0.5, free = 6, nudged = 3) with sgd(1)
}
train n on d, batch = 6, trials = 1 { x.rate = x; y.target = t }
"""


def networks_that_settle(interpret):
    """Equilibrium propagation where convolutions conduct in both directions."""
    given = {"x.npy": numbers(N, 30, seed=1), "t.npy": numbers(N, 2, seed=2)}
    first, last = (how(SETTLES, data=given, interpret=interpret) for how in (before, run))
    w = {c: first[f"n.{c}.w"].astype(float) for c in ("x_h", "h_k", "k_y")}
    one = Layer(Window([6, 5], [3, 3], [1, 1], [4, 4]), w["x_h"])
    two = Layer(Window([4, 4], [3, 2], [1, 1], [2, 3], 2), w["h_k"])

    def settle(state, ticks, beta):
        for _ in range(ticks):
            h, k, y = state
            drives = (one.forward(given["x.npy"]) + two.backward(h, k)[2], two.forward(h) + y @ w["k_y"].T,
                      k @ w["k_y"] - beta * (y - given["t.npy"]))
            state = [numpy.clip(s + 0.5 * (d - s), 0, 1) for s, d in zip(state, drives)]
        return state

    free = settle([numpy.zeros((N, n)) for n in (32, 18, 2)], 6, 0)
    down, up = settle(free, 3, -0.5), settle(free, 3, 0.5)
    for sign, (h, k, y) in ((1, up), (-1, down)):
        dw, db, _ = one.backward(given["x.npy"], h)
        for name, move in (("x_h.w", dw), ("x_h.b", db), ("h_k.w", two.backward(h, k)[0]), ("k_y.w", k.T @ y / N)):
            w[name] = w.get(name, first[f"n.{name}"].astype(float)) + sign * move
    for name in ("x_h.w", "x_h.b", "h_k.w", "k_y.w"):
        near(last[f"n.{name}"], w[name], interpret, name)


def a_checkpoint_goes_on_where_it_was_saved(interpret):
    half, whole = (run(deep().replace("trials = 8", f"epochs = {n}"), DEEP_DATA, interpret=interpret) for n in (2, 4))
    rest = run(deep().replace("trials = 8", "epochs = 4"), DEEP_DATA, interpret=interpret, start=half.checkpoint, epochs=4)
    assert rest.same(whole) and not half.same(whole)


def threads_do_not_change_bits(interpret):
    """Enough samples for threads to share the work of every window."""
    given = {"x.npy": numbers(96, 144, seed=3), "t.npy": numbers(96, 4, seed=4)}
    text = "use std\n" + deep(trials=3, last="local(kernel = 3, bias = true)").replace("batch = 6", "batch = 96")
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("model.apical"), "w") as file:
            file.write(text)
        for name, array in given.items():
            numpy.save(path(name), array)
        saved = []
        for threads in ("1", "2"):
            subprocess.run([APICAL, "run", path("model.apical"), "--quiet", "--threads", threads, "--save", path(threads)]
                           + ["--interpret"] * interpret, check=True)
            with open(path(threads), "rb") as file:
                saved.append(read_checkpoint(file.read()))
    assert saved[0].keys() == saved[1].keys()
    assert all(saved[0][name].tobytes() == saved[1][name].tobytes() for name in saved[0])


def gradients_are_those_of_central_differences(interpret):
    """`apical verify` compares each weight's gradient with a difference in double precision."""
    for first, pool, last in (("conv(kernel = 3, bias = true)", "max", "conv(kernel = 3, bias = true)"),
                              ("local(kernel = 3, bias = true)", "mean", "local(kernel = 3, bias = true)"),
                              ("conv(kernel = 3, bias = true)", "min", "dense(bias = true)")):
        text = "use std\n" + deep(reduce=pool, last=last).replace("conv(kernel = 3, bias = true)", first, 1)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "model.apical"), "w") as file:
                file.write(text)
            for name, array in DEEP_DATA.items():
                numpy.save(os.path.join(folder, name), array)
            done = subprocess.run([APICAL, "verify", os.path.join(folder, "model.apical"), "--steps", "1"]
                                  + ["--interpret"] * interpret, capture_output=True, text=True)
        said = re.search(r"(\d+) weights, largest relative error (\S+?)[;\s]", done.stdout)
        assert said and done.returncode == 0, done.stdout + done.stderr
        assert float(said[2]) <= 1e-6, done.stdout


if __name__ == "__main__":
    on_both_engines(training_step_by_step, training_with_adam, errors_through_weights, signs_of_weights_travel_back,
                    feedback_weights_are_tied_as_the_weights_are, errors_reach_all_areas_directly,
                    local_derivatives_at_both_ends, errors_go_back_through_inputs_of_the_rule, noise_of_units,
                    noise_of_weights, displacements_are_pushed_through,
                    what_is_the_same_at_all_places_counts_once, reductions_in_synapse_code,
                    networks_that_settle, a_checkpoint_goes_on_where_it_was_saved, threads_do_not_change_bits,
                    gradients_are_those_of_central_differences)
