# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Connections that a rule makes, with plasticity of their own, and drawn matrices (docs/language.md, 3.1 and 6.3).

What a rule computes is compared with NumPy in double precision; native code adds the roundings of single precision.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import before, on_both_engines, run

random = numpy.random.default_rng(3)
X, T = (random.normal(size=(40, n)).astype(numpy.float32).astype(float) for n in (7, 3))
DATA = {"x.npy": X, "t.npy": T}


def model(rule, learn, batch, trials, hidden=""):
    first = "x" if not hidden else "h"
    return rule + f"""
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {{
    area x[7] : source
    {hidden}
    area y[3] : linear_unit {{ given target }}
    connect {first} -> y : dense
    cost c = squared_error(y.rate, y.target)
    learn c by {learn}
}}
train n on d, batch = {batch}, trials = {trials} {{ x.rate = x; y.target = t; }}
"""


HIDDEN = "area h[5] : tanh_unit; connect x -> h : dense"


def near(a, b, what, tolerance):
    assert a.shape == b.shape, (what, a.shape, b.shape)
    assert numpy.abs(a - b).max() <= tolerance, (what, numpy.abs(a - b).max())
    assert numpy.abs(b).max() > 1e-3, (what, "is nothing")


def a_connection_of_an_area_onto_itself_learns(interpret):
    """Recursive least squares: P, a matrix over the inputs, is a connection of that area onto itself. Behind all
    samples P is (alpha + sum x x')^-1 and w the ridge solution (alpha + sum x x')^-1 sum x t', in closed form, from
    w = 0. Condition: 40 samples of 7 inputs keep the inverse below 1/alpha; 40 steps of rounding."""
    rule = """
rule recursive(C: cost, alpha = 0.5) : nonlocal {
    each input r to output {
        input k
        connect r.rate -> r.k : dense(w = identity() / alpha) as P { w -= post.c * post.k * pre.k }
        let c = 1 / (1 + sum(r.rate * k))
    }
    each connection to output { w -= error(post) * pre.c * pre.k }
}
"""
    text = model(rule, "recursive()", 1, 40).replace("dense\n", "dense(w = 0)\n")
    last = run(text, DATA, interpret=interpret)
    inverse = numpy.linalg.inv(0.5 * numpy.eye(7) + X.T @ X)
    tolerance = 1e-10 if interpret else 2e-5
    near(last["n.learn0.P.x_x"].astype(float), inverse, "P", tolerance)
    near(last["n.x_y.w"].astype(float), inverse @ X.T @ T, "w", tolerance)


def a_connection_learns_by_an_optimizer_of_its_own(interpret):
    """The rule's connection predicts the target from the hidden area, by its own gradient and its own rate; what it
    predicts changes nothing else. NumPy's three steps on the whole batch."""
    rule = """
rule predicts(C: cost) : feedback {
    each output o { input guess; let gap = guess - o.target }
    connect hidden.rate -> outputs.guess : dense(w ~ normal(0, 1)) as P { w.grad += post.gap * pre }
    each connection to output { w.grad += error(post) * pre }
}
"""
    text = model(rule, "predicts() with sgd(0.125), P: sgd(0.5)", 40, 3, HIDDEN)
    first, last = (how(text, data=DATA, interpret=interpret) for how in (before, run))
    h = numpy.tanh(X @ first["n.x_h.w"].astype(float))
    P, w = first["n.learn0.P.h_y"].astype(float), first["n.h_y.w"].astype(float)
    for _ in range(3):
        P, w = P - 0.5 * h.T @ (h @ P - T) / 40, w - 0.125 * h.T @ (h @ w - T) / 40
    near(last["n.learn0.P.h_y"].astype(float), P, "P", 1e-12 if interpret else 5e-6)
    near(last["n.h_y.w"].astype(float), w, "w", 1e-12 if interpret else 5e-6)
    assert (last["n.x_h.w"] == first["n.x_h.w"]).all(), "a weight that nothing changes has changed"


def errors_arrive_at_inputs_of_the_rule(interpret):
    """An error sent to an input that the rule declares, times the unit's slope, is what `error(hidden.rate)` makes of
    the same error: the two rules change the same weights by the same amounts, over the same feedback."""
    arrives = """
rule sent(C: cost) : feedback {
    connect error(outputs.drive) -> hidden.back : dense(w ~ normal(0, 1)) as B
    each hidden h { input back; let delta = back * d(h.rate, h.drive) }
    each connection to hidden { w.grad += post.delta * pre }
    each connection to output { w.grad += error(post) * pre }
}
"""
    error = """
rule sent(C: cost) : feedback {
    connect error(outputs.drive) -> error(hidden.rate) : dense(w ~ normal(0, 1)) as B
    each connection { w.grad += error(post) * pre }
}
"""
    texts = [model(rule, "sent() with sgd(0.125)", 4, 20, HIDDEN) for rule in (arrives, error)]
    one, other = (run(text, DATA, interpret=interpret) for text in texts)
    assert one.same(other, ["n.learn0.B.y_h"])
    for name in ("n.x_h.w", "n.h_y.w"):
        near(one[name].astype(float), other[name].astype(float), name, 1e-12 if interpret else 2e-6)


def errors_go_forwards(interpret):
    """`error(post.x) += …` sends an error with the connection, as `error(pre)` does against it: over the connection's
    own weights used forwards, which is local."""
    rule = """
rule forwards(C: cost) : local {
    each connection to hidden { error(post.rate) += w * pre; w.grad += error(post) * pre }
}
"""
    text = model(rule, "forwards() with sgd(0.125)", 40, 1, HIDDEN)
    first, last = (how(text, data=DATA, interpret=interpret) for how in (before, run))
    w = first["n.x_h.w"].astype(float)
    h = numpy.tanh(X @ w)
    wanted = w - 0.125 * X.T @ ((X @ w) * (1 - h**2)) / 40
    near(last["n.x_h.w"].astype(float), wanted, "w", 1e-12 if interpret else 2e-6)


def drawn_matrices_are_orthogonal(interpret):
    """The shorter side holds orthonormal vectors, rounded to single precision: 1e-6 of 1 over 40 products. It is a
    draw: other seeds give other matrices, and the mean of an element is 0. Native code and the interpreter have the
    same bits."""
    made = {}
    for seed in (1, 2):
        for a, b in ((7, 40), (40, 7), (33, 33)):
            text = f"""
data d = table(x = npy("x.npy"))
network n {{ area x[{a}] : source; area y[{b}] : tanh_unit; area z[{b}] : tanh_unit
    connect x -> y : dense(w ~ 2 * orthogonal()); connect y -> z : dense(w ~ orthogonal())
    cost c = sum(z.rate); learn c in x_y by backprop() with sgd(0) }}
train n on d, batch = 1, trials = 1 {{ x.rate = x }}
"""
            data = {"x.npy": numpy.ones((2, a))}
            last, same = (run(text, data, interpret=engine, seed=seed) for engine in (interpret, not interpret))
            q = last["n.x_y.w"].astype(float) / 2
            gram = q @ q.T if a < b else q.T @ q
            near(gram, numpy.eye(min(a, b)), f"{a} x {b}", 1e-6)
            assert abs(q.mean()) < 5 / numpy.sqrt(a * b * max(a, b)), "the elements are not centred"
            z = last["n.y_z.w"].astype(float)
            near(z @ z.T, numpy.eye(b), f"{b} x {b}", 1e-6)
            made[seed, a, b] = q
            for name in ("n.x_y.w", "n.y_z.w"):
                assert (last[name].astype(float) == same[name].astype(float)).all(), f"{name} depends on the engine"
    for a, b in ((7, 40), (40, 7), (33, 33)):
        assert numpy.abs(made[1, a, b] - made[2, a, b]).max() > 0.01, "the seed does not matter"


if __name__ == "__main__":
    on_both_engines(a_connection_of_an_area_onto_itself_learns, a_connection_learns_by_an_optimizer_of_its_own,
                    errors_arrive_at_inputs_of_the_rule, errors_go_forwards, drawn_matrices_are_orthogonal)
