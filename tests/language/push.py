# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`push(v)`, the Jacobian of one tick times v (docs/language.md, 5.5), beside closed forms in NumPy.

Each rule is compared in double precision; tolerances as in templates.py.
"""
import numpy

from templates import X, T, forward, gated, model, near, states
from harness import on_both_engines

SETTLING = """
unit leaky { input drive; output state u = 0.2; u = u + 0.5 * (tanh(drive) - u) }
"""


def changes(text, interpret):
    a, s = states(text, interpret), states(gated(text), interpret)
    return {name: s[name] - a[name] for name in s if name.endswith((".w", ".b"))}, s


def displaced_inputs_move_outputs(interpret):
    """Without states: v is added to the input of every area at once, and reaches the outputs behind it through all
    connections. v differs from unit to unit."""
    rule = """
rule forwards(C: cost) : nonlocal {
    each area a { let moved = push(1 + a.rate) }
    each connection { w.grad += post.moved * pre }
}
"""
    got, s = changes(model(rule, "forwards() with sgd(1)"), interpret)
    h, k, y = forward(s)
    moved_h = (1 - h**2) * (1 + h)
    moved_k = (1 - k**2) * (1 + k + moved_h @ s["n.h_k.w"])
    moved_y = 1 + y + moved_k @ s["n.k_y.w"]
    for name, pre, moved in (("x_h", X, moved_h), ("h_k", h, moved_k), ("k_y", k, moved_y)):
        near(got[f"n.{name}.w"], pre.T @ moved / len(X), name)
        near(got[f"n.{name}.b"], moved.mean(0), name)


def only_the_areas_of_the_template_are_displaced(interpret):
    """In `each hidden` the output keeps its input; in a run that adds to an input, the derivative is taken there."""
    rule = """
rule hidden_only(C: cost) : nonlocal {
    phase p { run with each hidden a { a.drive += 0.3; let moved = push(a.drive) } }
    each connection to hidden { w.grad += post.moved@p * pre@p }
}
"""
    got, s = changes(model(rule, "hidden_only() with sgd(1)"), interpret)
    h_in = X @ s["n.x_h.w"] + s["n.x_h.b"] + 0.3
    h = numpy.tanh(h_in)
    k_in = h @ s["n.h_k.w"] + s["n.h_k.b"] + 0.3
    moved_h = (1 - h**2) * h_in
    moved_k = (1 - numpy.tanh(k_in) ** 2) * (k_in + moved_h @ s["n.h_k.w"])
    near(got["n.x_h.w"], X.T @ moved_h / len(X), "x_h")
    near(got["n.h_k.w"], h.T @ moved_k / len(X), "h_k")
    assert not got["n.k_y.w"].any()


def the_gradient_forwards(interpret):
    """Where every input moves by 1, the cost moves by the sum of its derivatives by all inputs: of what the exact gradient
    gives to the biases. Forwards, that is the error of the outputs times how far they move."""
    rule = """
rule along(C: cost) : nonlocal {
    each area a { let moved = push(1) }
    let steepness = sum(outputs.moved * error(outputs.rate))
    each connection { w.grad += steepness * pre }
}
"""
    got, s = changes(model(rule, "along() with sgd(1)"), interpret)
    exact, _ = changes(model("", "backprop() with sgd(1)"), interpret)
    slope = sum(exact[f"n.{name}.b"].sum() for name in ("x_h", "h_k", "k_y"))
    near(got["n.k_y.b"], numpy.full(2, slope), "slope")


def states_are_pushed_from_tick_to_tick(interpret):
    """With states: a displacement of all states at the start of a tick gives one at its end, once from tick to tick,
    as real-time recurrent learning does: e = J e + 1 over three ticks. `h` is read by `k` as it was."""
    rule = """
rule carried(C: cost) : nonlocal {
    phase p { run 3 with each area a { state e = 0; e = push(e) + 1 } }
    each connection { w.grad += post.e@p * pre }
}
"""
    text = model(SETTLING + rule, "carried() with sgd(1)", "leaky").replace("linear_unit", "leaky")
    text = text.replace("y.rate", "y.u")
    got, s = changes(text, interpret)
    weights = [s["n.x_h.w"], s["n.h_k.w"], s["n.k_y.w"]]
    biases = [s["n.x_h.b"], s["n.h_k.b"], s["n.k_y.b"]]
    u = [numpy.full((len(X), n), 0.2) for n in (4, 5, 2)]
    e = [numpy.zeros_like(x) for x in u]
    for _ in range(3):
        sent, moved = [X, *u[:-1]], [numpy.zeros_like(X), *e[:-1]]
        drive = [x @ w + b for x, w, b in zip(sent, weights, biases)]
        slope = [0.5 * (1 - numpy.tanh(d) ** 2) for d in drive]
        e = [0.5 * old + f * (m @ w) + 1 for old, f, m, w in zip(e, slope, moved, weights)]
        u = [x + 0.5 * (numpy.tanh(d) - x) for x, d in zip(u, drive)]
    plain = [X, *[0.2 + 0 * numpy.zeros((len(X), n)) for n in (4, 5)]]  # what a connection reads in the plain tick
    for name, pre, end in zip(("x_h", "h_k", "k_y"), plain, e):
        near(got[f"n.{name}.w"], pre.T @ end / len(X), name)


def maxima_and_reductions_pass_it_on(interpret):
    """Through a softmax, which looks at all units of the area, and a rectifier, which drops half."""
    unit = """
unit rival { input drive; let p = softmax(max(drive, 0)); output rate = p * drive }
"""
    rule = """
rule forwards(C: cost) : nonlocal {
    each area a { let moved = push(a.rate) }
    each connection { w.grad += post.moved * pre }
}
"""
    got, s = changes(model(unit + rule, "forwards() with sgd(1)", "rival"), interpret)
    drive = X @ s["n.x_h.w"] + s["n.x_h.b"]
    p = numpy.exp(numpy.maximum(drive, 0))
    p /= p.sum(1, keepdims=True)
    v = p * drive
    moved = numpy.where(drive > 0, v, 0)
    moved = p * v + drive * p * (moved - (p * moved).sum(1, keepdims=True))
    near(got["n.x_h.w"], X.T @ moved / len(X), "x_h")


if __name__ == "__main__":
    on_both_engines(displaced_inputs_move_outputs, only_the_areas_of_the_template_are_displaced,
                    the_gradient_forwards, states_are_pushed_from_tick_to_tick,
                    maxima_and_reductions_pass_it_on)
