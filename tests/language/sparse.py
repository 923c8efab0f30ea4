# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `sparse` and `self = false` mean (docs/language.md, 3): the synapses that are absent do not exist. Beside NumPy,
which gets the mask from the checkpoint.

Both engines start from the same weights. The interpreter differs from NumPy by the order of double-precision sums and by
the single-precision numbers of the data, native code rounds every product and sum to 6e-8; sums here have fewer than
50 terms of size 1: bounds of 1e-6 and 2e-5.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
import numpy  # noqa: E402
from harness import APICAL, before, changed, on_both_engines, read_checkpoint, run  # noqa: E402

N = 6  # samples
r = numpy.random.default_rng(5)
DATA = {"x.npy": r.normal(size=(N, 13)).astype(numpy.float32), "t.npy": r.normal(size=(N, 5)).astype(numpy.float32)}
PAIRS = numpy.array([(i, j) for i in range(13) for j in range(11) if (i + 2 * j) % 3 == 0])
r.shuffle(PAIRS)
LIST = {"pre.npy": PAIRS[:, 0].astype(numpy.int32), "post.npy": PAIRS[:, 1].astype(numpy.float64)}

MODEL = """
data points = table(x = npy("x.npy"), t = npy("t.npy"))
data wiring = table(pre = npy("pre.npy"), post = npy("post.npy"))
DEFINED
network n {
    area x[13] : source
    area h[11] : tanh_unit
    area y[5]  : linear_unit { given target }
    connect x -> h : TOPOLOGY
    connect h -> y : dense
    MORE
    cost c = squared_error(y.rate, y.target)
    learn c by RULE with sgd(RATE)
}
train n on points, batch = 6, trials = 1 { x.rate = x; y.target = t }
test n on points { x.rate = x; y.target = t; probe y.rate }
"""


def model(topology, rule="backprop()", more="", defined="", rate=1):
    return MODEL.replace("TOPOLOGY", topology).replace("RULE", rule).replace("MORE", more) \
        .replace("DEFINED", defined).replace("RATE", str(rate))


def both(text, interpret, **how):
    """Before the update, and after it."""
    return [f(text, data={**DATA, **LIST}, interpret=interpret, **how) for f in (before, run)]


def near(a, b, interpret, what):
    a, b = numpy.asarray(a, float), numpy.asarray(b, float)
    assert a.shape == b.shape, (what, a.shape, b.shape)
    worst = numpy.abs(a - b).max()
    assert worst <= max(1, numpy.abs(b).max()) * (1e-6 if interpret else 2e-5), (what, worst)
    assert numpy.abs(b).max() > 1e-3, (what, "is nothing")


def rates(result):
    return numpy.array([record["y.rate"] for record in result.probes], float)


class Net:
    """Tanh units behind weights that are there where the mask is 1."""

    def __init__(self, states, bias=True):
        self.mask = states["n.x_h.mask"].astype(float)
        self.w, self.v = states["n.x_h.w"].astype(float), states["n.h_y.w"].astype(float)
        self.b = states["n.x_h.b"].astype(float) if bias else 0
        self.x, self.t = (DATA[k].astype(float) for k in ("x.npy", "t.npy"))

    def forward(self, w=None):
        self.h = numpy.tanh(self.x @ (self.mask * (self.w if w is None else w)) + self.b)
        return self.h @ self.v

    def gradients(self, w=None):
        """Means over samples, by the weights, biases and the weights behind."""
        e = self.forward(w) - self.t
        back = e @ self.v.T * (1 - self.h**2)
        return self.mask * (self.x.T @ back) / N, back.mean(0), self.h.T @ e / N


TOPOLOGIES = {"sparse(p = 0.4, bias = true)": 0.4 * 13, "sparse(fan_in = 5, bias = true)": 5,
              "sparse(list = wiring, bias = true)": len(PAIRS) / 11}


def forward_and_gradients(interpret):
    for topology, fan_in in TOPOLOGIES.items():
        first, last = both(model(topology), interpret)
        net = Net(first)
        absent = net.mask == 0
        assert 0 < absent.sum() < absent.size and set(numpy.unique(net.mask)) == {0, 1}, topology
        bound = numpy.sqrt(6 / (fan_in * (1 + 11 / 13)))  # fan_out: as many synapses, from fewer units
        assert 0.8 * bound < numpy.abs(first["n.x_h.w"]).max() <= bound, topology
        for result in (first, last):
            assert not result["n.x_h.w"][absent].any() and result["n.x_h.w"][~absent].all(), topology
            assert (result["n.x_h.mask"] == net.mask).all(), topology
        near(rates(first), net.forward(), interpret, topology)
        for name, wanted in zip(("x_h.w", "x_h.b", "h_y.w"), net.gradients()):
            near(first[f"n.{name}"].astype(float) - last[f"n.{name}"], wanted, interpret, (topology, name))


def errors_cross_what_there_is(interpret):
    """By a rule that sends errors through weights: two sparse connections, one behind the other."""
    text = model("sparse(fan_in = 5, bias = true)", "weight_transport()").replace("h -> y : dense", "h -> y : sparse(p = 0.5)")
    first, last = both(text, interpret)
    net = Net(first)
    assert (net.v == 0).any() and not first["n.h_y.w"][first["n.h_y.mask"] == 0].any()
    g, b, v = net.gradients()
    near(first["n.x_h.w"].astype(float) - last["n.x_h.w"], g, interpret, "w")
    near(first["n.x_h.b"].astype(float) - last["n.x_h.b"], b, interpret, "b")
    near(first["n.h_y.w"].astype(float) - last["n.h_y.w"], v * first["n.h_y.mask"], interpret, "v")


WIDE = """
network n {
    area a[200] : source
    area b[300] : linear_unit
    connect a -> b : TOPOLOGY
    cost c = mean(b.rate)
    learn c by backprop() with sgd(0)
}
train n, trials = 1 { a.rate = 1 }
"""


def wide(topology, interpret, seed=1):
    return run(WIDE.replace("TOPOLOGY", topology), interpret=interpret, seed=seed)["n.a_b.mask"].astype(int)


def masks_are_drawn(interpret):
    """With probability p: of 60000 synapses 6000, with a deviation of sqrt(60000 * 0.1 * 0.9) = 73; six of them are passed
    with probability 2e-9. With fan_in = 20: exactly, and each unit in front is chosen by 300 units behind with
    probability 0.1: 30 times, with a deviation of 5.2, and the sum over 200 units of squares in units of the variance
    is 200 with a deviation of 20."""
    drawn = wide("sparse(p = 0.1)", interpret)
    assert abs(drawn.sum() - 6000) < 6 * 73, drawn.sum()
    assert drawn.sum(0).std() > 3 and drawn.sum(1).std() > 3
    assert (drawn == wide("sparse(p = 0.1)", interpret)).all() and (drawn != wide("sparse(p = 0.1)", interpret, 2)).any()
    for self, topology in ((False, "sparse(fan_in = 20)"), (True, "sparse(fan_in = 1)")):
        counted, k = wide(topology, interpret), 1 if self else 20
        assert (counted.sum(0) == k).all(), topology
        spread = ((counted.sum(1) - 300 * k / 200) ** 2 / (300 * k / 200 * (1 - k / 200))).sum()
        assert abs(spread - 200) < 6 * 20, (topology, spread)
    assert (wide("sparse(fan_in = 200)", interpret) == 1).all() and (wide("sparse(p = 1)", interpret) == 1).all()


def engines_agree(interpret):
    """The masks of both engines are the same: draws are compared, not computed with."""
    for topology in ("sparse(p = 0.1)", "sparse(fan_in = 20)"):
        assert (wide(topology, interpret) == wide(topology, not interpret)).all(), topology


def other_draws_stay(interpret):
    """A mask has a stream of its own: with p = 1, a sparse connection is the dense one, in every bit."""
    dense = both(model("dense(bias = true)"), interpret)
    for topology in ("sparse(p = 1, bias = true)", "sparse(fan_in = 13, bias = true)"):
        for one, other in zip(dense, both(model(topology), interpret)):
            assert one.same(other) and (other["n.x_h.mask"] == 1).all(), topology
    sparse = before(model("sparse(p = 0.4, bias = true)"), data={**DATA, **LIST}, interpret=interpret)
    assert (sparse["n.h_y.w"] == dense[0]["n.h_y.w"]).all()


def lists(interpret):
    wanted = numpy.zeros((13, 11))
    wanted[PAIRS[:, 0], PAIRS[:, 1]] = 1
    first = before(model("sparse(list = wiring, bias = true)"), data={**DATA, **LIST}, interpret=interpret)
    assert (first["n.x_h.mask"] == wanted).all()
    with tempfile.TemporaryDirectory() as folder:  # explain counts them, where the files are
        for present in (False, True):
            with open(os.path.join(folder, "model.apical"), "w") as file:
                file.write("use std\n" + model("sparse(list = wiring, bias = true)"))
            for name, array in LIST.items() if present else ():
                numpy.save(os.path.join(folder, name), array)
            done = subprocess.run([APICAL, "explain", os.path.join(folder, "model.apical"), "--format=json"],
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)["networks"][0]["learn"][0]["connections"][0]
            assert found["weights_are"] == ("exact" if present else "at most"), found
            assert (found["weights"] == len(PAIRS)) == present, found
    group = model("sparse(list = wires.front, bias = true)").replace(
        "data wiring =", 'data wires = table(front = table(post = npy("post.npy"), pre = npy("pre.npy")))\ndata wiring =')
    assert before(group, data={**DATA, **LIST}, interpret=interpret).same(first)


RECURRENT = """
data points = table(x = npy("x.npy"), t = npy("t.npy"))
unit leaky { input drive; state rate = 0; output read = rate; rate = tanh(drive) }
network n {
    area x[13] : source
    area h[9]  : leaky
    area y[5]  : linear_unit { given target }
    connect x -> h : dense
    connect h.rate -> h : TOPOLOGY
    connect h.rate -> y : dense
    cost c = last * squared_error(y.rate, y.target)
    learn c by backprop() with sgd(0.5)
}
train n on points, batch = 6, trials = 3, trial = 4 ticks { x.rate = x; y.target = t }
"""


def no_synapse_to_itself(interpret):
    """Four ticks of a recurrent area, and the gradient through them."""
    runs = {t: run(RECURRENT.replace("TOPOLOGY", t), data=DATA, interpret=interpret)
            for t in ("dense(self = false)", "sparse(p = 1, self = false)", "sparse(fan_in = 8, self = false)",
                      "sparse(p = 0.5, self = false)", "sparse(fan_in = 3, self = false)", "sparse(fan_in = 3)",
                      "dense", "dense(self = true)")}
    dense = runs["dense(self = false)"]
    assert (dense["n.h_h.mask"] == 1 - numpy.eye(9)).all()
    assert (numpy.diag(dense["n.h_h.w"]) == 0).all() and (dense["n.h_h.w"] != 0).sum() == 72
    for topology in ("sparse(p = 1, self = false)", "sparse(fan_in = 8, self = false)"):
        assert runs[topology].same(dense), topology
    assert not numpy.diag(runs["sparse(p = 0.5, self = false)"]["n.h_h.mask"]).any()
    three = runs["sparse(fan_in = 3, self = false)"]["n.h_h.mask"]
    assert not numpy.diag(three).any() and (three.sum(0) == 3).all()
    assert numpy.diag(runs["sparse(fan_in = 3)"]["n.h_h.mask"]).any()
    assert runs["dense"].same(runs["dense(self = true)"]) and "n.h_h.mask" not in runs["dense"].states
    first = before(RECURRENT.replace("TOPOLOGY", "dense(self = false)"), data=DATA, interpret=interpret)
    w = {name: first[f"n.{name}.w"].astype(float) for name in ("x_h", "h_h", "h_y")}
    x, t = (DATA[k].astype(float) for k in ("x.npy", "t.npy"))
    for _ in range(3):
        h = [numpy.zeros((N, 9))]
        for _ in range(4):
            h.append(numpy.tanh(x @ w["x_h"] + h[-1] @ w["h_h"]))
        e = h[3] @ w["h_y"] - t  # what others see of a state is its value at the start of the tick
        g = {"h_y": h[3].T @ e, "h_h": 0, "x_h": 0}
        back = e @ w["h_y"].T
        for k in (3, 2, 1):
            back = back * (1 - h[k] ** 2)
            g["h_h"], g["x_h"] = g["h_h"] + h[k - 1].T @ back, g["x_h"] + x.T @ back
            back = back @ w["h_h"].T
        g["h_h"] = g["h_h"] * (1 - numpy.eye(9))
        w = {k: v - 0.5 * g[k] / N for k, v in w.items()}
    for name, value in w.items():
        near(dense[f"n.{name}.w"], value, interpret, name)


def transposed_and_tied(interpret):
    """`transpose` conducts the same synapses backwards, `tied` has others of the same weights: both have the mask."""
    text = """
data points = table(x = npy("x.npy"))
network n {
    area x[13] : source
    area h[11] : tanh_unit
    area back[13] : linear_unit { given target }
    area other[11] : linear_unit { given target }
    connect x -> h : sparse(p = 0.4, bias = true)
    connect h -> back : transpose(x_h)
    connect x -> other : tied(x_h)
    cost c = squared_error(back.rate, back.target) + squared_error(other.rate, other.target)
    learn c by backprop() with sgd(1)
}
train n on points, batch = 6, trials = 1 { x.rate = x; back.target = x; other.target = 0.5 }
test n on points { x.rate = x; back.target = x; other.target = 0.5; probe back.rate, other.rate }
"""
    first, last = (f(text, data=DATA, interpret=interpret) for f in (before, run))
    x = DATA["x.npy"].astype(float)
    w, mask = first["n.x_h.w"].astype(float), first["n.x_h.mask"].astype(float)
    assert (w[mask == 0] == 0).all() and (mask == 0).any()
    h = numpy.tanh(x @ w)
    probe = lambda name: numpy.array([p[name] for p in first.probes], float)
    near(probe("back.rate"), h @ w.T, interpret, "back")
    near(probe("other.rate"), x @ w, interpret, "tied")
    e, o = h @ w.T - x, x @ w - 0.5
    delta = e @ w * (1 - h**2)
    near(w - last["n.x_h.w"], mask * (x.T @ delta + e.T @ h + x.T @ o) / N, interpret, "w")
    near(-last["n.x_h.b"].astype(float), (delta + o).mean(0), interpret, "b")


PARTS = """
data points = table(x = npy("x.npy"))
network inner {
    area x[13] : source
    area h[11] : tanh_unit
    connect x -> h : sparse(p = 0.4)
}
network n {
    part a = inner()
    part b = tied(a)
    cost c = sum(a.h.rate^2) + sum(b.h.rate)
    learn c in a by backprop() with sgd(1)
}
train n on points, batch = 6, trials = 1 { a.x.rate = x; b.x.rate = x^2 }
"""


def parts_share_their_wiring(interpret):
    first, last = (f(PARTS, data=DATA, interpret=interpret) for f in (before, run))
    assert [n for n in first.states if n.endswith(".mask")] == ["n.a.x_h.mask"]
    x, w, mask = DATA["x.npy"].astype(float), first["n.a.x_h.w"].astype(float), first["n.a.x_h.mask"].astype(float)
    a, b = numpy.tanh(x @ w), numpy.tanh(x**2 @ w)
    g = mask * (x.T @ (2 * a * (1 - a**2)) + (x**2).T @ (1 - b**2)) / N
    near(w - last["n.a.x_h.w"], g, interpret, "w")


OWN = """
synapse mine { weight w, g ~ normal(0, 1); post += w * pre + 0.5 * g + exp(0.1 * w) + 0.25 }
synapse competing { weight w; post += softmax(3 * w, over = pre) * pre + 0.1 * max(w, over = post) * pre }
"""


def synapses_of_other_kinds(interpret):
    """What does not vanish with the weight is sent by no absent synapse; a softmax, and a maximum, are among those that
    there are."""
    first, last = both(model("sparse(p = 0.4) of mine", defined=OWN), interpret)
    x, m = DATA["x.npy"].astype(float), first["n.x_h.mask"].astype(float)
    w, g, v = (first[f"n.{k}"].astype(float) for k in ("x_h.w", "x_h.g", "h_y.w"))
    assert not g[m == 0].any() and g[m == 1].all()
    h = numpy.tanh(x @ w + (m * (0.5 * g + numpy.exp(0.1 * w) + 0.25)).sum(0))
    near(rates(first), h @ v, interpret, "rate")
    delta = (h @ v - DATA["t.npy"]) @ v.T * (1 - h**2)
    near(w - last["n.x_h.w"], m * (x.T @ delta / N + 0.1 * numpy.exp(0.1 * w) * delta.mean(0)), interpret, "w")
    near(g - last["n.x_h.g"], m * 0.5 * delta.mean(0), interpret, "g")

    first, last = both(model("sparse(p = 0.4) of competing", defined=OWN), interpret)
    m, v = first["n.x_h.mask"].astype(float), first["n.h_y.w"].astype(float)

    def cost(w):
        among = m * numpy.exp(3 * w)
        share = among / among.sum(0)
        top = numpy.where(m == 1, w, -numpy.inf).max(1, keepdims=True)
        h = numpy.tanh(x @ (share + 0.1 * m * numpy.where(numpy.isfinite(top), top, 0)))
        return h @ v, ((h @ v - DATA["t.npy"]) ** 2).sum(1).mean() / 2

    w = first["n.x_h.w"].astype(float)
    near(rates(first), cost(w)[0], interpret, "rate")
    g = numpy.zeros(w.shape)
    for i, j in numpy.argwhere(m == 1):
        moved = [w.copy(), w.copy()]
        moved[0][i, j] += 1e-5
        moved[1][i, j] -= 1e-5
        g[i, j] = (cost(moved[0])[1] - cost(moved[1])[1]) / 2e-5
    near(w - last["n.x_h.w"], g, interpret, "w")


def singular_functions(interpret):
    """Nothing divides by an absent weight, nor takes its logarithm: neither what is kept, nor what travels back, is infinite
    there, which 0 times would be no number. Beside NumPy over the weights that there are; through a synapse of such a
    kind the error in front is finite."""
    first = before(model("sparse(p = 0.5)"), data={**DATA, **LIST}, interpret=interpret)
    m, w = first["n.x_h.mask"] == 1, first["n.x_h.w"].astype(float)
    safe = numpy.where(m, w, 1)
    for code, wanted in {"w * log(abs(w))": safe * numpy.log(abs(safe)), "w / w": m, "w * w^(-1)": m,
                         "sum(w * log(abs(w)), over = pre)": (m * safe * numpy.log(abs(safe))).sum(0),
                         "w * sqrt(abs(w))": safe * numpy.sqrt(abs(safe))}.items():
        ruled = model("sparse(p = 0.5)", "nothing()", defined="rule nothing(C: cost) : nonlocal { each connection { w = "
                      + code + " } }").replace(" with sgd(1)", "")
        last = run(ruled, data={**DATA, **LIST}, interpret=interpret)
        near(last["n.x_h.w"], numpy.where(m, wanted, 0), interpret, code)
    for code in ("pre / w", "pre * log(abs(w))", "pre * w / norm(w, over = pre)"):
        text = """
synapse odd { weight w; post += CODE }
data rows = table(x = npy("x.npy"))
network n {
    area x[5] : source
    area h[4] : tanh_unit
    area y[3] : tanh_unit
    connect x -> h : dense
    connect h -> y : sparse(p = 0.4) of odd
    cost c = mean(y.rate^2)
    learn c by backprop() with sgd(0.1)
}
train n on rows, batch = 2, epochs = 1 { x.rate = x }
""".replace("CODE", code)
        x = numpy.random.default_rng(2).normal(size=(2, 5))
        states = run(text, data={"x.npy": x}, interpret=interpret)
        absent = states["n.h_y.mask"] == 0
        assert absent.any() and all(numpy.isfinite(states[s]).all() for s in ("n.x_h.w", "n.h_y.w")), code
        assert not states["n.h_y.w"][absent].any(), code


REDUCE = """
optimizer look() { w = VALUE }
rule nothing(C: cost) : nonlocal { each connection { w.grad += pre } }
"""


def reductions_are_over_what_there_is(interpret):
    """In optimizers, `keep` and rules, over all synapses and over those of one unit. What only differs in front counts
    once for each unit that has a synapse."""
    cases = {
        "sum(w)": lambda w, m: w.sum(), "mean(w)": lambda w, m: w.sum() / m.sum(), "max(w)": lambda w, m: w[m].max(),
        "min(w)": lambda w, m: w[m].min(), "norm(w)": lambda w, m: numpy.sqrt((w**2).sum()),
        "mean(w - 10)": lambda w, m: (w - 10)[m].mean(), "norm(w + 1)": lambda w, m: numpy.sqrt(((w + 1)[m] ** 2).sum()),
        "max(w - 10)": lambda w, m: w[m].max() - 10, "min(w + 10)": lambda w, m: w[m].min() + 10,
        "sum(w / w)": lambda w, m: m.sum(),
        "mean(exp(w), over = pre)": lambda w, m: (numpy.exp(w) * m).sum(0) / numpy.maximum(m.sum(0), 1),
        "sum(w + 1, over = post)": lambda w, m: ((w + 1) * m).sum(1, keepdims=True),
        "max(w - 10, over = post)": lambda w, m: numpy.where(m, w - 10, -99).max(1, keepdims=True),
        "logsumexp(w)": lambda w, m: numpy.log(numpy.exp(w[m]).sum()),
        "softmax(w, over = pre)": lambda w, m: numpy.exp(w) * m / (numpy.exp(w) * m).sum(0),
        "rank(w, over = pre)": lambda w, m: 1 + ((w[:, None] < w[None]) & m[None]).sum(1),
        "argmax(w, over = pre)": lambda w, m: numpy.where(m, w, -99).argmax(0),
        "cumsum(w + 1, over = pre)": lambda w, m: ((w + 1) * m).cumsum(0),
    }
    first = before(model("sparse(p = 0.5)"), data={**DATA, **LIST}, interpret=interpret)
    m, w = first["n.x_h.mask"] == 1, first["n.x_h.w"].astype(float)
    for code, wanted in cases.items():
        value = numpy.where(m, wanted(w, m), 0)
        optimized = model("sparse(p = 0.5)", "nothing()", defined=REDUCE.replace("VALUE", code)).replace("sgd(1)", "look()")
        kept = model("sparse(p = 0.5)" + " { keep w = " + code + " }", rate=0)
        ruled = model("sparse(p = 0.5)", "nothing()", defined="rule nothing(C: cost) : nonlocal { each connection { w = "
                      + code + " } }").replace(" with sgd(1)", "")
        for text in (optimized, kept, ruled):
            last = run(text, data={**DATA, **LIST}, interpret=interpret)
            near(last["n.x_h.w"], value, interpret, code)
    for code, wanted in (("mean(pre, over = pre)", lambda x: (x[:, :, None] * m).sum(1) / m.sum(0)),
                         ("sum(pre)", lambda x: x[:, m.any(1)].sum(1)[:, None] + numpy.zeros((1, 11))),
                         ("max(pre + post, over = pre)", lambda x: numpy.where(
                             m, x[:, :, None] + (x @ w)[:, None], -99).max(1))):
        text = model("sparse(p = 0.5)", "nothing()", defined="rule nothing(C: cost) : nonlocal { each connection "
                     "{ w = batch_mean(" + code + ") } }").replace(" with sgd(1)", "")
        last = run(text, data={**DATA, **LIST}, interpret=interpret)
        near(last["n.x_h.w"], m * wanted(DATA["x.npy"].astype(float)).mean(0), interpret, code)


def fans_are_known(interpret):
    """`fan_in` and `fan_out` are numbers that are known when compiling: expected for a probability, means for a list."""
    for topology, fan_in in TOPOLOGIES.items():
        text = model(topology, "nothing()", defined="rule nothing(C: cost) : local { each connection { "
                     "assume(fan_in < 1000, \"few\"); w = fan_in + 100 * fan_out } }").replace(" with sgd(1)", "")
        last = run(text, data={**DATA, **LIST}, interpret=interpret)
        mask = last["n.x_h.mask"] == 1
        near(last["n.x_h.w"][mask], numpy.full(mask.sum(), fan_in * (1 + 100 * 11 / 13)), interpret, topology)
        assert not last["n.x_h.w"][~mask].any()


def a_checkpoint_has_the_wiring(interpret):
    """What goes on from a checkpoint has the mask that is saved there, and draws none: as if it had not stopped, or with
    the wiring of another seed, if a checkpoint has that."""
    text = model("sparse(p = 0.4, bias = true)").replace("trials = 1", "epochs = 2")
    text = text[:text.index("test n")]
    whole = run(text, data={**DATA, **LIST}, interpret=interpret)
    half = run(text.replace("epochs = 2", "epochs = 1"), data={**DATA, **LIST}, interpret=interpret)
    go_on = run(text, data={**DATA, **LIST}, interpret=interpret, start=half.checkpoint, epochs=2)
    assert go_on.same(whole)
    first, fresh = both(text, interpret, seed=7)
    go_on = run(text, data={**DATA, **LIST}, interpret=interpret, start=changed(half.checkpoint, first.states))
    assert (go_on["n.x_h.mask"] == fresh["n.x_h.mask"]).all() and (fresh["n.x_h.mask"] != whole["n.x_h.mask"]).any()
    for name in ("n.x_h.w", "n.x_h.b", "n.h_y.w"):  # the samples come in another order
        near(go_on[name], fresh[name], interpret, name)
    assert not go_on["n.x_h.w"][fresh["n.x_h.mask"] == 0].any()


def an_executable_has_the_list(interpret):
    """The list is read when compiling: the program needs no file of it, and does what `run` does, in every bit."""
    if interpret:
        return
    for topology in TOPOLOGIES:
        text = model(topology)
        here = run(text, data={**DATA, **LIST}, interpret=False)
        with tempfile.TemporaryDirectory() as folder:
            path = lambda name: os.path.join(folder, name)
            with open(path("model.apical"), "w") as file:
                file.write("use std\n\n" + text)
            for name, array in {**DATA, **LIST}.items():
                numpy.save(path(name), array)
            done = subprocess.run([APICAL, "build", path("model.apical"), "-o", path("program")], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            os.remove(path("pre.npy"))
            done = subprocess.run([path("program"), "--quiet", "--threads=1", "--save", path("saved")], cwd=folder,
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            with open(path("saved"), "rb") as file:
                states = read_checkpoint(file.read())
        for name, value in here.states.items():
            assert states[name].tobytes() == value.tobytes(), (topology, name)


if __name__ == "__main__":
    on_both_engines(forward_and_gradients, errors_cross_what_there_is, masks_are_drawn, engines_agree, other_draws_stay,
                    lists, no_synapse_to_itself, transposed_and_tied, parts_share_their_wiring, synapses_of_other_kinds,
                    reductions_are_over_what_there_is, singular_functions, fans_are_known, a_checkpoint_has_the_wiring,
                    an_executable_has_the_list)
