# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What networks and experiments declare: `let`, `given`, families of areas, drawn inputs.

Each check runs as native code and in the interpreter. Single precision rounds to 6e-8 of a value; a few updates of
numbers near one stay within 1e-6.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import Refused, on_both_engines, run

random = numpy.random.default_rng(3)
DATA = {"x.npy": random.normal(size=(8, 3)), "t.npy": random.normal(size=(8, 2)), "g.npy": random.uniform(1, 2, 8)}
DATA["g2.npy"] = numpy.stack([DATA["g.npy"]] * 2, 1)  # the same for both units
TABLE = 'data d = table(x = npy("x.npy"), t = npy("t.npy"), g = npy("g.npy"), g2 = npy("g2.npy"))\n'


def model(*, more="", cost="mse(y.rate, y.target)", bind="", batch=8, trials=1):
    return TABLE + f"""
network n {{
    area x[3] : source
    area y[2] : tanh_unit {{ given target }}
    connect x -> y : dense(bias = true)
    {more}
    cost c = {cost}
    learn c by backprop() with sgd(0.1)
}}
train n on d, batch = {batch}, trials = {trials} {{ x.rate = x; y.target = t; {bind} }}
"""


def weights(text, **how):
    states = run(text, DATA, **how).states
    return {name: states[name].astype(float) for name in ("n.x_y.w", "n.x_y.b") if name in states}


def close(a, b, tolerance=1e-6):
    assert a.keys() == b.keys()
    for name in a:
        assert numpy.abs(a[name] - b[name]).max() <= tolerance, (name, a[name], b[name])


def differ(a, b):
    assert all(numpy.abs(a[name] - b[name]).max() > 1e-3 for name in a), (a, b)


def network_let_and_given(interpret):
    """A number per sample weighs the cost of its sample."""
    given = model(more="given gain\n let weighted = gain * mse(y.rate, y.target)", cost="weighted", bind="gain = g")
    unit = model(cost="mse(sqrt(y.gain) * y.rate, sqrt(y.gain) * y.target)", bind="y.gain = g2")
    unit = unit.replace("{ given target }", "{ given target; given gain }")
    close(weights(given, interpret=interpret), weights(unit, interpret=interpret))
    differ(weights(given, interpret=interpret), weights(model(), interpret=interpret))
    missing = model(more="given gain", cost="gain * mse(y.rate, y.target)")
    try:
        run(missing, DATA, interpret=interpret)
    except Refused as refused:
        assert "nothing gives `gain` a value" in str(refused), refused
    else:
        raise AssertionError("a `given` without a value was accepted")


def families_are_areas_of_their_own(interpret):
    """A chain in a loop is the chain written out, to the bit: the same names draw the same numbers."""
    loop = TABLE + """
network n {
    area x[3] : source
    area h[1..3][4] : tanh_unit
    area y[2] : linear_unit { given target }
    connect x -> h[1] : dense
    for k in 1..2 { connect h[k] -> h[k + 1] : dense(bias = true) }
    connect h[3] -> y : dense
    cost c = mse(y.rate, y.target) + mean(h[2].rate)
    learn c by backprop() with sgd(0.1)
}
train n on d, batch = 8, trials = 2 { x.rate = x; y.target = t; }
"""
    written = loop.replace("area h[1..3][4] : tanh_unit", "area h1[4] : tanh_unit; area h2[4] : tanh_unit; area h3[4] : tanh_unit")
    written = written.replace("for k in 1..2 { connect h[k] -> h[k + 1] : dense(bias = true) }",
                              "connect h1 -> h2 : dense(bias = true); connect h2 -> h3 : dense(bias = true)")
    for k in "123":
        written = written.replace(f"h[{k}]", f"h{k}")
    a, b = run(loop, DATA, interpret=interpret), run(written, DATA, interpret=interpret)
    assert "n.h1_h2.w" in a.states and a.states.keys() == b.states.keys()
    assert a.same(b)


def what_is_the_same_for_all_synapses(interpret):
    """Counts once for each synapse: onto a unit behind there are three, and five back onto one in front."""
    text = TABLE + """
synapse flat { weight w; post += 0.5 }
network n {
    area x[3] : source
    area there[5] : linear_unit
    area back[3] : linear_unit
    connect x -> there : dense of flat
    connect there -> back : transpose(x_there)
}
test n on d { x.rate = x; probe there.rate, back.rate }
"""
    for sample in run(text, DATA, interpret=interpret).probes:
        assert sample["there.rate"] == [1.5] * 5 and sample["back.rate"] == [2.5] * 3, sample


def drawn_inputs(interpret):
    """Inputs that an experiment draws are new in every trial and have the law that is written."""
    text = model(batch=8, trials=200).replace("x.rate = x;", "x.rate ~ DRAW;")
    text = text.replace("train n", "train n").replace("cost c", "cost mean_x = mean(x.rate)\n cost square = mean(x.rate^2)\n cost c")
    for draw, mean, square in (("normal(2, 0.5)", 2, 4.25), ("bernoulli(0.25)", 0.25, 0.25),
                               ("choice(-1, 0, 4)", 1, 17 / 3), ("uniform(0, 3)", 1.5, 3)):
        records = run(text.replace("DRAW", draw), DATA, interpret=interpret)
        for name, expected in (("mean_x", mean), ("square", square)):
            values = numpy.array(records.series(name))
            # 200 trials of 24 draws: five standard errors of the mean of the trials' means.
            error = values.std() / numpy.sqrt(len(values))
            assert 0 < error and abs(values.mean() - expected) < 5 * error, (draw, name, values.mean(), expected)


if __name__ == "__main__":
    on_both_engines(network_let_and_given, families_are_areas_of_their_own, what_is_the_same_for_all_synapses, drawn_inputs)
