# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`x[n]`: several components per element (docs/language.md, 2.3, 2.6 and 3.1), beside closed forms in NumPy.

Tolerances as in templates.py.
"""
import numpy

from templates import X, T, near
from harness import on_both_engines, run

DATA = {"x.npy": X, "t.npy": T}
DRAWN = "data d = table(x = npy(\"x.npy\"), t = npy(\"t.npy\"))\n"


def probed(text, what, interpret):
    """What one untrained trial leaves in each expression, by sample; and the weights."""
    probes = "; ".join(f"probe {name} = {e}" for name, e in what.items())
    made = run(DRAWN + text.replace("PROBES", probes), DATA, interpret=interpret)
    s = {name: value.astype(float) for name, value in made.states.items()}
    return [numpy.array([r[name] for r in made.probes], float) for name in what], s


def one(unit, what, interpret, given="", bind="", extra=""):
    text = unit + f"""
network n {{
    area x[3] : source
    area h[4] : mine {{ {given} }}
    connect x -> h : dense(bias = true)
    {extra}
}}
test n on d, batch = 6 {{ x.rate = x; {bind} PROBES }}
"""
    return probed(text, what, interpret)


def components_are_made_chosen_and_reduced(interpret):
    """`[a, b]`, `v[i]`, reductions over components or over units, a `let` that has the components of its value, and one
    that repeats a number."""
    unit = """
unit mine(width = 3) {
    input drive
    let v[width] = [drive, drive^2, 1]
    let w = [v, 5, v[1]]
    let same[2] = drive
    let share = softmax(v, over = components)
    let total = sum(w, over = components)
    let rivals = sum(v, over = units)
    output rate = v[0] + 10 * v[1] + 100 * w[3] + same[1] * share[2] + total + rivals[1]
}
"""
    (rate,), s = one(unit, {"r": "h.rate"}, interpret)
    a = X @ s["n.x_h.w"] + s["n.x_h.b"]
    e = numpy.exp(numpy.stack([a, a**2, 1 + 0 * a]))
    total = a + a**2 + 1 + 5 + a**2
    near(rate, a + 10 * a**2 + 500 + a * e[2] / e.sum(0) + total + (a**2).sum(1, keepdims=True), "rate", 3e-3)


def states_keep_components(interpret):
    """A state of three components holds the last three drives: it moves up by one in every tick."""
    unit = """
unit mine {
    input drive
    state past[3] = 0.5
    past = [drive + tick, past[0], past[1]]
    output rate = past[2] + 10 * past[1] + 100 * past[0]
}
"""
    text = unit + """
network n {
    area x[3] : source
    area h[4] : mine
    connect x -> h : dense
}
test n on d, batch = 6, trial = 2 { x.rate = x; PROBES }
"""
    (rate,), s = probed(text, {"r": "h.rate"}, interpret)
    a = X @ s["n.x_h.w"]
    near(rate, 0.5 + 10 * (a + 0) + 100 * (a + 1), "rate", 2e-4)


def data_and_networks_have_components(interpret):
    """`given` of a network and of an area of one unit, from columns; `let` of a network; a probe of components."""
    text = """
unit mine { input drive; given goal[2]; output gap[2] = goal - drive }
network n {
    area x[3] : source
    area h : mine
    given place[2]
    let turned[2] = [place[1], -place[0]]
    let size = norm(turned)
    connect x -> h : dense
}
test n on d, batch = 6 { x.rate = x; place = t; h.goal = 2 * t; PROBES }
"""
    (gap, turned, size), s = probed(text, {"gap": "h.gap", "turned": "turned", "size": "size"}, interpret)
    near(gap, 2 * T - X @ s["n.x_h.w"], "gap")
    near(turned, numpy.stack([T[:, 1], -T[:, 0]], 1), "turned")
    near(size.reshape(-1), numpy.hypot(T[:, 0], T[:, 1]), "size")


def connections_reach_each_component(interpret):
    """A connection ends at three components of an input that is common to the area, and begins at two of an output:
    they are its synapses' ends, as units would be. Errors cross it, and weights change, in the same way."""
    rule = """
rule carried(C: cost) : nonlocal { each connection { error(pre) += w * error(post); w.grad += error(post) * pre } }
"""
    text = """
unit slots { common input key[3]; let m = tanh(key[0] * (position + 1) + key[1]) ; output common read[2] = [sum(m), key[2]] }
network n {
    area x[3] : source
    area h[4] : slots
    area y[2] : linear_unit { given target }
    connect x -> h.key : dense(bias = true)
    connect h.read -> y : dense(bias = true)
    cost c = squared_error(y.rate, y.target)
    learn c by LEARN with sgd(1) GATE
}
train n on d, batch = 6, trials = 1 { x.rate = x; y.target = t }
"""
    def after(learn, gate=""):
        made = run(DRAWN + rule + text.replace("LEARN", learn).replace("GATE", gate), DATA, interpret=interpret)
        return {name: value.astype(float) for name, value in made.states.items()}

    s = after("carried()", "while epoch < 0")
    assert s["n.x_h.w"].shape == (3, 3) and s["n.h_y.w"].shape == (2, 2)
    key = X @ s["n.x_h.w"] + s["n.x_h.b"]
    place = numpy.arange(1, 5)
    m = numpy.tanh(key[:, :1] * place + key[:, 1:2])
    read = numpy.stack([m.sum(1), key[:, 2]], 1)
    y = read @ s["n.h_y.w"] + s["n.h_y.b"]
    back = (y - T) @ s["n.h_y.w"].T
    e = numpy.stack([back[:, 0] * ((1 - m**2) * place).sum(1), back[:, 0] * (1 - m**2).sum(1), back[:, 1]], 1)
    for learn in ("carried()", "backprop()"):
        a = after(learn)
        near(s["n.h_y.w"] - a["n.h_y.w"], read.T @ (y - T) / len(X), "h_y")
        near(s["n.x_h.w"] - a["n.x_h.w"], X.T @ e / len(X), "x_h")
        near(s["n.x_h.b"] - a["n.x_h.b"], e.mean(0), "bias")


def rules_have_components_of_their_own(interpret):
    """States and `let`s of templates: a synapse keeps two traces in one state."""
    text = """
rule traced(C: cost) : local {
    phase p { run 3 with each connection { state e[2] = [0, 1]; e = [e[0] + pre, e[1] * 2] }
                    with each area a { let v[2] = [1, a.rate] } }
    each connection { let both = sum(e@p, over = components); w += both * post.v[1]@p }
}
network n {
    area x[3] : source
    area h[4] : tanh_unit
    connect x -> h : dense
    learn by traced()
}
train n on d, batch = 6, trials = 1 { x.rate = x }
""".replace("rule traced(C: cost)", "rule traced()")
    made = {gate: run(DRAWN + text.replace("traced()\n", f"traced() {gate}\n", 2).replace(f"rule traced() {gate}", "rule traced()"),
                      DATA, interpret=interpret).states for gate in ("", "while epoch < 0")}
    s = made["while epoch < 0"]["n.x_h.w"].astype(float)
    near(made[""]["n.x_h.w"] - s, (3 * X + 8).T @ numpy.tanh(X @ s) / len(X), "x_h", 2e-5)


if __name__ == "__main__":
    on_both_engines(components_are_made_chosen_and_reduced, states_keep_components,
                    data_and_networks_have_components, connections_reach_each_component,
                    rules_have_components_of_their_own)
