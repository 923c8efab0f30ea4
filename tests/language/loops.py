# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loops, families of phases, and phases of experiments (docs/language.md, 6.5 and 9.3), compared with NumPy.

Measures are means over samples, in double precision in the interpreter; native code rounds numbers near 1 a few times.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import Engine, Rule, run

random = numpy.random.default_rng(7)
X = random.normal(size=(6, 3)).astype(numpy.float32)
K = numpy.arange(6, dtype=numpy.int32) % 4
DATA = {"x.npy": X, "k.npy": K}
TOLERANCE = 2e-6

NET = """
data d = table(x = npy("x.npy"), k = npy("k.npy"))
network n {
    area x[3] : source
    area h[5] : tanh_unit
    area y[2] : tanh_unit
    connect x -> h : dense(bias = true)
    connect h -> y : dense(bias = true)
    cost c = sum(y.rate^2)
    LEARN
}
train n on d, batch = 6, trials = 1 { x.rate = x }
"""


def model(body="", learn="learn c by backprop() with sgd(0.1) while epoch < 0", rule="", batch=6):
    return rule + NET.replace("LEARN", learn) + (f"test n on d, batch = {batch} {{ {body} }}" if body else "")


def near(got, wanted, what):
    assert numpy.shape(got) == numpy.shape(wanted), (what, numpy.shape(got))
    worst = numpy.abs(got - wanted).max()
    assert worst <= TOLERANCE, (what, worst)


def forward(s, x):
    h = numpy.tanh(x @ s["n.x_h.w"] + s["n.x_h.b"])
    return h, numpy.tanh(h @ s["n.h_y.w"] + s["n.h_y.b"])


def families():
    """A family of ten presentations, read whole, in part, one by one, and by a column of the data."""
    r = run(model("""
        for k in 0..9 { phase scaled[k] from start { run with { x.rate = x * k / 10 } } }
        let out = sum(y.rate)
        measure whole = sum(out@scaled[0..9])
        measure some  = sum(out@scaled[2..4])
        measure one   = out@scaled[3]
        measure own   = out@scaled[k]
        measure best  = argmax(out@scaled[0..9])
        measure alike = sum((out * 0 + 2)@scaled[1..3])
        phase plain from start { run with { x.rate = x } }
        measure costs = c@scaled[3] + 10 * c
    """, batch=4), DATA)
    s = {n: v.astype(float) for n, v in r.states.items()}
    out = numpy.stack([forward(s, X.astype(float) * k / 10)[1].sum(1) for k in range(10)], 1)
    test = [e for e in r.records if e["event"] == "test"][-1]
    near(test["whole"], out.sum(1).mean(), "whole")
    near(test["some"], out[:, 2:5].sum(1).mean(), "some")
    near(test["one"], out[:, 3].mean(), "one")
    near(test["own"], out[numpy.arange(6), K].mean(), "own")
    near(test["best"], out.argmax(1).mean(), "best")
    near(test["alike"], 6, "alike")
    cost = lambda x: (forward(s, x)[1]**2).sum(1).mean()
    near(test["costs"], cost(X.astype(float) * 0.3) + 10 * cost(X.astype(float)), "costs")
    near(test["c"], cost(X.astype(float)), "the cost behind the last phase")


def nested():
    """A family for each member of an outer one, from whose end it starts; a phase of an inner loop is read in the outer one."""
    r = run(model("""
        for a in 1..3 {
            for b in 0..1 { phase inner[b] from start { run with { x.rate = x * a - b } } }
            phase outer[a] from start { run with { x.rate = x + max(sum(y.rate)@inner[0..1]) } }
        }
        measure all = sum(sum(y.rate)@outer[1..3])
    """), DATA)
    s = {n: v.astype(float) for n, v in r.states.items()}
    x, total = X.astype(float), 0
    for a in (1, 2, 3):
        top = numpy.max([forward(s, x * a - b)[1].sum(1) for b in (0, 1)], 0)
        total = total + forward(s, x + top[:, None])[1].sum(1)
    near([e for e in r.records if e["event"] == "test"][-1]["all"], total.mean(), "nested")


def units():
    """Silence each unit in turn; areas one by one. What a loop found out is read by the synapses."""
    rule = """
rule lesions(C: cost) : modulated, population {
    each area a { state delta = 0, all = 0 }
    phase clean { run }
    for u in units {
        phase without from start { run with { u.rate = 0 } }
        u.delta = C@clean - C@without
    }
    for a in areas {
        phase without from start { run with { a.rate = 0 } }
        a.all += 2 * (C@clean - C@without) + mean(areas.delta)
    }
    each connection { w.grad += post.delta * 10 + post.all }
}
"""
    keep = Rule("first", "optimizer first() { state seen = 0\n seen += grad\n w -= 0 * grad }")
    r = run(model(learn="learn c by lesions() with first()", rule=rule), DATA, rules=[keep])
    s = {n: v.astype(float) for n, v in r.states.items()}
    x = X.astype(float)
    h, y = forward(s, x)
    top = lambda h: numpy.tanh(h @ s["n.h_y.w"] + s["n.h_y.b"])
    c = (y**2).sum(1)
    dh = numpy.stack([c - (top(h * (numpy.arange(5) != j))**2).sum(1) for j in range(5)], 1)
    mean = numpy.concatenate([dh, y**2], 1).mean(1)
    got = r["n.learn0.x_h.w_bias.seen"].astype(float)
    near(got, (10 * dh + (2 * (c - (top(0 * h)**2).sum(1)) + mean)[:, None]).mean(0), "hidden units")
    near(r["n.learn0.h_y.w_bias.seen"].astype(float), (10 * y**2 + (2 * c + mean)[:, None]).mean(0), "outputs")


def names():
    """In an experiment with phases a network's own area `hidden`, here its output, is that area, not the set."""
    text = model("""
        phase plain from start { run with { x.rate = x } }
        measure level = mean(hidden.rate)
        measure whole = mean(areas.rate)
    """).replace("area y[2]", "area hidden[2]").replace("h -> y", "h -> hidden").replace("y.rate", "hidden.rate")
    r = run(text, DATA)
    h, y = forward({n.replace("hidden", "y"): v.astype(float) for n, v in r.states.items()}, X.astype(float))
    test = [e for e in r.records if e["event"] == "test"][-1]
    near(test["level"], y.mean(), "the area")
    near(test["whole"], numpy.concatenate([h, y], 1).mean(), "the set")


def draws():
    """Each member of a loop draws for itself; what the network draws is paired. The mean over members of a noise of
    deviation 1 at 40 members has a deviation of .16, and would have 1 if they shared it."""
    body = """
        for k in 1..40 { phase noisy[k] from start { run with { let xi ~ normal(0, 1); x.rate = xi } } }
        measure square = mean(sum(x.rate)@noisy[1..40])^2 / 3
        measure size = mean(sum(x.rate^2)@noisy[1..40]) / 3
        let other ~ floor(uniform(1, 4))
        measure drawn = (other == 1 or other == 2 or other == 3) and other@noisy[2] == other
    """
    test = [e for e in run(model(body), DATA).records if e["event"] == "test"][-1]
    assert test["square"] < 0.2 and 0.6 < test["size"] < 1.4 and test["drawn"] == 1, test


def places():
    """`index` counts units, and synapses by either end; `identity` starts weights."""
    rule = """
rule places() : local { w += 10 * index(w, over = pre) + index(w, over = post) }
"""
    text = rule + """
data d = table(x = npy("x.npy"), k = npy("k.npy"))
network n {
    area x[3] : source
    area h[3] : linear_unit
    connect x -> h : dense(w ~ identity())
    learn by places()
}
train n on d, batch = 6, trials = 1 { x.rate = where(index(x) == k, 1, x) }
test n on d { x.rate = where(index(x) == k, 100, 0); measure seen = sum(x.rate) }
"""
    r = run(text, DATA)
    near(r["n.x_h.w"], numpy.eye(3) + 10 * numpy.arange(3)[:, None] + numpy.arange(3), "index")
    near([e for e in r.records if e["event"] == "test"][-1]["seen"], 100 * (K < 3).mean(), "columns")


def gates():
    """With phases too, `every 2 trials` applies the mean of two estimates, and `while` lets nothing move. Single
    precision sums two gradients below 1 and adds them to weights below 2: 4e-7."""
    sums = Rule("first", "optimizer first() { state seen = 0\n seen += grad\n w -= 0 * grad }")
    text = model().replace("trials = 1", "trials = 2")
    learn = "learn c by backprop() with sgd(0.1) while epoch < 0"
    seen = run(text.replace(learn, "learn c by serial_node_perturbation(eps = 0.125) with first()"), DATA, rules=[sums])
    both = run(text.replace(learn, "learn c by serial_node_perturbation(eps = 0.125) with sgd(1) every 2 trials"), DATA)
    none = run(text.replace(learn, "learn c by serial_node_perturbation() with sgd(1) while epoch > 5"), DATA)
    for w in ("x_h", "h_y"):
        near(both[f"n.{w}.w"] - none[f"n.{w}.w"], -seen[f"n.learn0.{w}.w.seen"] / 2, w)
        assert numpy.abs(seen[f"n.learn0.{w}.w.seen"]).max() > 1e-2 and seen.same(none, [f"n.{w}.w"])


for Engine.interpret in (True, False):
    for check in (families, nested, units, names, draws, places, gates):
        check()
        print("pass", check.__name__, "interpreted" if Engine.interpret else "native")
