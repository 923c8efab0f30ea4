# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Phases of an experiment that trains: they are the trial that rules learn from (docs/language.md, 9.3).

Weights are compared with NumPy in double precision; gradients there are taken by a complex step, which has no
differences to round off. Tolerances as in templates.py.
"""
import numpy

from templates import DATA, X, T, gated, near, states
from harness import Refused, on_both_engines, run

LEAKY = "unit leaky { input drive; output state u = 0.2; u = u + 0.5 * (tanh(drive) - u) }\n"


def model(rule, learn, phases, unit="tanh_unit", out="rate"):
    return rule + f"""
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {{
    area x[3] : source
    area h[4] : {unit}
    area y[2] : {"linear_unit" if unit == "tanh_unit" else unit} {{ given target }}
    connect x -> h : dense(bias = true)
    connect h -> y : dense(bias = true)
    cost c = squared_error(y.{out}, y.target)
    learn {learn}
}}
train n on d, batch = 6, trials = 1 {{ x.rate = x; y.target = t; {phases} }}
"""


def changes(text, interpret):
    a, s = states(text, interpret), states(gated(text), interpret)
    return {name: a[name] - s[name] for name in s if name.endswith((".w", ".b"))}, s


def a_clamp_teaches_a_rule_without_phases(interpret):
    """The output holds its target while a Hebbian rule looks. Null: without the phase it learns from its own answer."""
    rule = "rule hebb() : local { w += 0.1 * post.rate * pre }\n"
    got, s = changes(model(rule, "by hebb()", "phase teach { run with { y.rate = y.target } }"), interpret)
    h = numpy.tanh(X @ s["n.x_h.w"] + s["n.x_h.b"])
    near(got["n.h_y.w"], 0.1 * h.T @ T / len(X), "h_y")
    near(got["n.x_h.w"], 0.1 * X.T @ h / len(X), "x_h")
    free, _ = changes(model(rule, "by hebb()", ""), interpret)
    assert numpy.abs(free["n.h_y.w"] - got["n.h_y.w"]).max() > 1e-3


def unrolled(s, name, pushed=True):
    """The gradient of the cost, summed over three ticks, in the last of which 0.5 more arrives at h."""
    gradient = numpy.zeros_like(s[name])
    for place in numpy.ndindex(gradient.shape):
        w = {key: value.astype(complex) for key, value in s.items()}
        w[name][place] += 1e-30j
        h, y = numpy.full((len(X), 4), 0.2 + 0j), numpy.full((len(X), 2), 0.2 + 0j)
        total = 0
        for tick in range(3):
            total = total + ((y - T) ** 2).sum() / 2
            drive = X @ w["n.x_h.w"] + w["n.x_h.b"] + (0.5 if tick == 2 and pushed else 0)
            h, y = (h + 0.5 * (numpy.tanh(drive) - h),
                    y + 0.5 * (numpy.tanh(h @ w["n.h_y.w"] + w["n.h_y.b"]) - y))
        gradient[place] = total.imag / 1e-30 / len(X)
    return gradient


def the_exact_gradient_goes_through_all_phases(interpret):
    """A cost is summed over the ticks of the phases that lead to the last one; a phase that starts over drops those
    before. The cost of a tick reads states as they are at its start."""
    phases = "phase a { run 2 }; phase b { run 1 with { h.drive += 0.5 } }"
    text = model(LEAKY, "c by backprop() with sgd(1)", phases, "leaky", "u")
    got, s = changes(text, interpret)
    for name in ("n.h_y.w", "n.h_y.b"):
        near(-got[name], unrolled(s, name), name)
    over = model(LEAKY, "c by backprop() with sgd(1)", "phase z { run 5 with { h.drive += 3 } }; "
                 + phases.replace("phase a", "phase a from start"), "leaky", "u")
    again, _ = changes(over, interpret)
    assert all(numpy.array_equal(got[name], again[name]) for name in got)


def the_exact_gradient_of_a_phase_of_the_rule(interpret):
    """`grad(C@a, p)` goes through the ticks of the rule's own run. Of what is no cost there is none."""
    rule = """
rule through_time(C: cost) : nonlocal {
    phase a { run 3 }
    phase b { run 2 with each hidden a { a.drive += 3 } }
    each weight p { p.grad += grad(C@a, p) }
}
"""
    text = model(LEAKY + rule, "c by through_time() with sgd(1)", "", "leaky", "u")
    got, s = changes(text, interpret)
    for name in ("n.x_h.w", "n.x_h.b", "n.h_y.w", "n.h_y.b"):
        near(-got[name], unrolled(s, name, pushed=False), name)
    for wrong in ("grad(grad(C@a, p), p)", "grad(batch_mean(C@a), p)"):
        try:
            run(text.replace("grad(C@a, p)", wrong), DATA)
        except Refused as refused:
            assert "`grad` takes a cost, one number per sample" in str(refused), refused
        else:
            raise AssertionError(f"accepted: {wrong}")


def the_exact_gradient_of_recurrent_weights(interpret):
    """An area that hears itself, one tick late: each weight counts in every tick, and every parameter has its share."""
    text = model(LEAKY, "c by backprop() with sgd(1)", "phase a { run 4 }", "leaky", "u").replace(
        "    cost c", "    connect h -> h : dense(bias = true)\n    cost c")
    got, s = changes(text, interpret)
    for name in ("n.x_h.w", "n.x_h.b", "n.h_h.w", "n.h_h.b", "n.h_y.w", "n.h_y.b"):
        gradient = numpy.zeros_like(s[name])
        for place in numpy.ndindex(gradient.shape):
            w = {key: value.astype(complex) for key, value in s.items()}
            w[name][place] += 1e-30j
            h, y, total = numpy.full((len(X), 4), 0.2 + 0j), numpy.full((len(X), 2), 0.2 + 0j), 0
            for _ in range(4):
                total = total + ((y - T) ** 2).sum() / 2
                drive = X @ w["n.x_h.w"] + w["n.x_h.b"] + h @ w["n.h_h.w"] + w["n.h_h.b"]
                h, y = (h + 0.5 * (numpy.tanh(drive) - h),
                        y + 0.5 * (numpy.tanh(h @ w["n.h_y.w"] + w["n.h_y.b"]) - y))
            gradient[place] = total.imag / 1e-30 / len(X)
        near(-got[name], gradient, name, 1e-6)
        assert numpy.abs(gradient).max() > 1e-4, name


def a_rule_presents_the_trial_with_its_phases(interpret):
    """`run` in a rule presents what the experiment's phases make of the trial, and adds its own: the input of h is 0.5
    higher, and 0.1 more in the noisy phase. Where both clamp, the rule does. `run 1` holds the inputs only."""
    rule = """
rule bumped(C: cost) : modulated {
    phase clean { run }
    phase noisy from start { run with each hidden a { a.drive += 0.1 } }
    phase held from start { run with each hidden a { a.rate = 0.25 } }
    phase bare from start { run 1 }
    let gain = C@noisy - C@clean
    each connection to outputs { w.grad += gain * pre@held + pre@bare }
    each connection to hidden { w.grad += gain * post.rate@noisy * pre }
}
"""
    phases = "phase shape { run with { h.drive += 0.5 } }"
    got, s = changes(model(rule, "c by bumped() with sgd(1)", phases), interpret)

    def cost(more):
        h = numpy.tanh(X @ s["n.x_h.w"] + s["n.x_h.b"] + more)
        y = h @ s["n.h_y.w"] + s["n.h_y.b"]
        return h, ((y - T) ** 2).sum(1, keepdims=True) / 2

    (_, clean), (noisy, bumped), (bare, _) = cost(0.5), cost(0.6), cost(0)
    gain = bumped - clean
    near(-got["n.x_h.w"], X.T @ (gain * noisy) / len(X), "x_h")
    held = numpy.full((len(X), 4), 0.25)
    near(-got["n.h_y.w"], ((gain * held + bare).mean(0)[:, None] * numpy.ones((1, 2))), "h_y")


def states_are_left_as_the_last_phase_left_them(interpret):
    """A lasting state holds what three ticks of two phases made of it; a `let` of an experiment's block is kept apart from
    those of the rule."""
    unit = "unit counter { input drive; lasting state n = 0; output rate = tanh(drive); n += 1 }\n"
    rule = "rule still(C: cost) : local { phase p { run with each area a { let m = 2; a.drive += m } } " \
           "each connection { w.grad += post.m@p * pre@p } }\n"
    text = model(unit + rule, "c by still() with sgd(1)", "phase a { run 2 }; phase b { run }", "counter")
    got, s = changes(text, interpret)
    a = states(text, interpret)
    assert (a["n.h.n"] == 3).all() and (a["n.y.n"] == 3).all(), a["n.h.n"]
    near(-got["n.x_h.b"], numpy.full(4, 2.0), "x_h")


def a_sample_that_has_settled_costs_nothing_more(interpret):
    """`until` in training: the ticks of a sample behind that in which it holds are no part of its cost. Every sample
    is through after one tick here, so that the gradient is that of one tick."""
    text = model(LEAKY, "c by backprop() with sgd(1)", "phase a { run 1 }; phase b { run 4 until change < 100 }",
                 "leaky", "u")
    one = model(LEAKY, "c by backprop() with sgd(1)", "phase a { run 2 }", "leaky", "u")
    got, _ = changes(text, interpret)
    expected, _ = changes(one, interpret)
    for name in got:
        assert numpy.abs(got[name] - expected[name]).max() < 3e-6, name
    assert numpy.abs(got["n.h_y.w"]).max() > 1e-3


if __name__ == "__main__":
    on_both_engines(a_clamp_teaches_a_rule_without_phases, the_exact_gradient_goes_through_all_phases,
                    the_exact_gradient_of_a_phase_of_the_rule, the_exact_gradient_of_recurrent_weights,
                    a_rule_presents_the_trial_with_its_phases, states_are_left_as_the_last_phase_left_them,
                    a_sample_that_has_settled_costs_nothing_more)
