# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Templates over areas, units as functions and local derivatives (docs/language.md, 3.3, 5.2 and 6.3).

What a rule computes is compared with NumPy in double precision. The interpreter is in double precision too, but its
states are written as single precision: numbers near one differ by 1e-7, native code's by a few roundings more.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import on_both_engines, run

random = numpy.random.default_rng(5)
X, T = random.normal(size=(6, 3)), random.normal(size=(6, 2))
DATA = {"x.npy": X, "t.npy": T}


def model(rule, learn, unit="tanh_unit"):
    return rule + f"""
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {{
    area x[3] : source
    area h[4] : {unit}
    area k[5] : {unit}
    area y[2] : linear_unit {{ given target }}
    connect x -> h : dense(bias = true)
    connect h -> k : dense(bias = true)
    connect k -> y : dense(bias = true)
    cost c = squared_error(y.rate, y.target)
    learn c by {learn}
}}
train n on d, batch = 6, trials = 1 {{ x.rate = x; y.target = t; }}
"""


def states(text, interpret):
    return {name: value.astype(float) for name, value in run(text, DATA, interpret=interpret).states.items()}


def gated(text):
    """The same model before its only update."""
    lines = text.split("\n")
    return "\n".join(line + " while epoch < 0" if line.strip().startswith("learn ") else line for line in lines)


def forward(s):
    h = numpy.tanh(X @ s["n.x_h.w"] + s["n.x_h.b"])
    k = numpy.tanh(h @ s["n.h_k.w"] + s["n.h_k.b"])
    y = k @ s["n.k_y.w"] + s["n.k_y.b"]
    return h, k, y


def near(a, b, what, tolerance=3e-6):
    assert a.shape == b.shape, (what, a.shape, b.shape)
    assert numpy.abs(a - b).max() <= tolerance, (what, a, b)
    assert numpy.abs(b).max() > 1e-3, (what, "is nothing")


def inputs_collect_before_they_are_read(interpret):
    """Errors written as inputs of the rule: the chain from the last area to the first follows from what is read, and
    the statement order of the templates does not matter. The result is the exact gradient."""
    rule = """
rule collected(C: cost) : nonlocal {
    each connection { w.grad += post.delta * pre }
    each connection { pre.back += w * post.delta }
    each hidden a { input back; let delta = back * d(a.rate, a.drive) }
    each output o { let delta = error(o.drive) }
}
"""
    text = model(rule, "collected() with sgd(0.1)")
    exact = model("", "backprop() with sgd(0.1)")
    a, b, s = states(text, interpret), states(exact, interpret), states(gated(exact), interpret)
    for name in ("n.x_h.w", "n.x_h.b", "n.h_k.w", "n.h_k.b", "n.k_y.w", "n.k_y.b"):
        near(a[name] - s[name], b[name] - s[name], name)


def units_answer_to_other_inputs(interpret):
    """h.rate(e): the update is the unit's answer to twice its input plus 1; local derivatives pass through it."""
    rule = """
rule answers(C: cost) : local {
    each area a {
        let other = a.rate(2 * a.drive + 1)
        let gap = sum(other^2) / 2
        let tilt = d(gap, a.drive)
    }
    each connection { w.grad += (post.other + post.tilt) * pre }
}
"""
    text = model(rule, "answers() with sgd(1)")
    a, s = states(text, interpret), states(gated(text), interpret)
    h, k, y = forward(s)
    for name, pre, drive in (("x_h", X, numpy.arctanh(h)), ("h_k", h, numpy.arctanh(k))):
        other = numpy.tanh(2 * drive + 1)
        post = other + other * (1 - other**2) * 2
        near(s[f"n.{name}.w"] - a[f"n.{name}.w"], pre.T @ post / len(X), name)
        near(s[f"n.{name}.b"] - a[f"n.{name}.b"], post.mean(0), name)


def local_derivatives_stay_in_their_area(interpret):
    """d(y, x) holds other areas: k.rate depends on h.rate through the connection, and that path does not count."""
    rule = """
rule held(C: cost) : local {
    each area a { let own = d(sum(a.rate^2) / 2, a.rate) }
    each connection { w.grad += post.own * pre }
}
"""
    text = model(rule, "held() with sgd(1)")
    a, s = states(text, interpret), states(gated(text), interpret)
    h, k, y = forward(s)
    near(s["n.x_h.w"] - a["n.x_h.w"], X.T @ h / len(X), "x_h")


def units_have_weights_of_the_rule(interpret):
    """A weight per unit of each hidden area learns with an optimizer of its own; here towards the mean rate."""
    rule = """
rule means(C: cost) : local {
    each hidden a {
        weight c = 0.5
        let miss = sum((a.rate - c)^2) / 2
        c.grad += d(miss, c)
    }
    each connection to output { w.grad += error(post) * pre }
}
"""
    text = model(rule, "means() with sgd(0.1), c: sgd(0.25)")
    a, s = states(text, interpret), states(gated(text), interpret)
    h, k, y = forward(s)
    for area, rate in (("h", h), ("k", k)):
        assert numpy.all(s[f"n.learn0.{area}.c"] == 0.5)
        near(a[f"n.learn0.{area}.c"] - 0.5, 0.25 * (rate - 0.5).mean(0), area)
    near(s["n.k_y.w"] - a["n.k_y.w"], 0.1 * k.T @ (y - T) / len(X), "k_y")


def biases_read_nothing_of_their_pre(interpret):
    """In `post.x += w * (pre + pre.own)` a bias has pre = 1 and pre.own = 0 (3.3)."""
    rule = """
rule noisy_sum(C: cost) : feedback {
    each area a { input again; let own = 2 * a.rate }
    each input i { let own = 2 * i.rate }
    each connection { post.again += w * (pre + pre.own) }
    each connection { w.grad += post.again * pre }
}
"""
    text = model(rule, "noisy_sum() with sgd(0.1)")
    a, s = states(text, interpret), states(gated(text), interpret)
    again = 3 * X @ s["n.x_h.w"] + s["n.x_h.b"]
    near(s["n.x_h.w"] - a["n.x_h.w"], 0.1 * X.T @ again / len(X), "x_h")


if __name__ == "__main__":
    on_both_engines(inputs_collect_before_they_are_read, units_answer_to_other_inputs,
                    local_derivatives_stay_in_their_area, units_have_weights_of_the_rule,
                    biases_read_nothing_of_their_pre)
