# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`push(v)` and `push(y, v)`, the Jacobian times v (docs/language.md, 5.5), beside closed forms in NumPy.

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


def weights(s):
    return [(s[f"n.{c}.w"], s[f"n.{c}.b"]) for c in ("x_h", "h_k", "k_y")]


def the_cost_moves_with_what_units_receive(interpret):
    """push(C, v): how the cost of each sample moves, which here reads no rate but log-probabilities. v differs from unit
    to unit and from sample to sample."""
    rule = """
rule along(C: cost) : nonlocal {
    each area a { let along = push(C, a.drive + 1) }
    each connection { w.grad += post.along * pre }
}
"""
    text = model(rule, "along() with sgd(1)").replace("y[2] : linear_unit", "y[2] : softmax_unit")
    got, s = changes(text.replace("squared_error(y.rate, y.target)", "cross_entropy(y.log_p, y.target)"), interpret)
    below, moved = X, numpy.zeros_like(X)
    rates = [X]
    for k, (w, b) in enumerate(weights(s)):
        drive = below @ w + b
        moved = moved @ w + drive + 1
        if k < 2:
            below = numpy.tanh(drive)
            rates.append(below)
            moved = (1 - below**2) * moved
    p = numpy.exp(drive) / numpy.exp(drive).sum(1, keepdims=True)
    steepness = -(T * (moved - (p * moved).sum(1, keepdims=True))).sum(1)
    for name, pre in zip(("x_h", "h_k", "k_y"), rates):
        near(got[f"n.{name}.w"], pre.T @ numpy.tile(steepness[:, None], got[f"n.{name}.w"].shape[1]) / len(X), name)


def the_cost_moves_with_the_weights(interpret):
    """In `each connection` all weights are displaced at once, biases too; the derivative goes through what other
    connections do with what a displaced one made of it."""
    rule = """
rule along(C: cost) : nonlocal {
    each connection { w.grad += push(C, 0.5 * w + 1) * pre }
}
"""
    got, s = changes(model(rule, "along() with sgd(1)"), interpret)
    rates = [X, *forward(s)]
    moved = numpy.zeros_like(X)
    for k, (w, b) in enumerate(weights(s)):
        moved = rates[k] @ (0.5 * w + 1) + 0.5 * b + 1 + moved @ w
        if k < 2:
            moved = (1 - rates[k + 1] ** 2) * moved
    steepness = ((rates[3] - T) * moved).sum(1)
    for name, pre in zip(("x_h", "h_k", "k_y"), rates):
        near(got[f"n.{name}.w"], pre.T @ numpy.tile(steepness[:, None], got[f"n.{name}.w"].shape[1]) / len(X), name)


def the_cost_of_a_phase_moves_with_the_weights(interpret):
    """Through the states of several ticks: weights stay displaced. C@p is the sum over the ticks of p."""
    rule = """
rule along(C: cost) : nonlocal {
    phase p { run 3 }
    each connection { w.grad += push(C@p, 0.5 * w + 1) }
}
"""
    text = model(SETTLING + rule, "along() with sgd(1)", "leaky").replace("linear_unit", "leaky")
    got, s = changes(text.replace("y.rate", "y.u"), interpret)
    u = [numpy.full((len(X), n), 0.2) for n in (4, 5, 2)]
    e = [numpy.zeros_like(x) for x in u]
    steepness = 0
    for _ in range(3):
        steepness = steepness + ((u[2] - T) * e[2]).sum(1)  # a cost reads the state at the tick's start
        sent, moved = [X, *u[:-1]], [numpy.zeros_like(X), *e[:-1]]
        for k, (w, b) in enumerate(weights(s)):
            drive = sent[k] @ w + b
            by = sent[k] @ (0.5 * w + 1) + 0.5 * b + 1 + moved[k] @ w
            u[k], e[k] = (u[k] + 0.5 * (numpy.tanh(drive) - u[k]),
                          0.5 * e[k] + 0.5 * (1 - numpy.tanh(drive) ** 2) * by)
    for name in ("x_h", "h_k", "k_y"):
        near(got[f"n.{name}.w"], numpy.full_like(s[f"n.{name}.w"], steepness.mean()), name)


if __name__ == "__main__":
    on_both_engines(displaced_inputs_move_outputs, only_the_areas_of_the_template_are_displaced,
                    the_gradient_forwards, states_are_pushed_from_tick_to_tick,
                    maxima_and_reductions_pass_it_on, the_cost_moves_with_what_units_receive,
                    the_cost_moves_with_the_weights, the_cost_of_a_phase_moves_with_the_weights)
