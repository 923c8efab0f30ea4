# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules on sparse connections: each unit receives from a few others, and what is absent does not exist."""
import json
import os
import re
import subprocess
import tempfile

import numpy

from harness import APICAL, Engine, Refused, Rule, System, before, changed, run

MODEL = """
rule messages(C: cost) : nonlocal {
    each connection {
        error(pre) += w * error(post)
        w.grad     += error(post) * pre
    }
}
data points = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[12] : source
    area h[9]  : relu_unit
    area y[4]  : linear_unit { given target }
    connect x -> h : sparse(fan_in = 4, bias = true)
    connect h -> y : sparse(p = 0.5)
    cost c = squared_error(y.rate, y.target)
    learn c by messages() with sgd(0.5)
}
train n on points, batch = 4, epochs = 1 { x.rate = x; y.target = t }
"""

system = System("sparse", "sparse connections", MODEL)


def data():
    r = numpy.random.default_rng(3)
    return {"x.npy": r.normal(size=(4, 12)).astype(numpy.float32), "t.npy": r.normal(size=(4, 4)).astype(numpy.float32)}


@system.check
def each_unit_has_its_number(rule):
    """With `fan_in = 4` each unit has 4 synapses, all different, which learn; the others are not there: their weights are
    0 in every bit before and after."""
    first, last = (how(rule.text, data=data()) for how in (before, run))
    mask = last["n.x_h.mask"]
    assert (mask.sum(0) == 4).all() and (mask == first["n.x_h.mask"]).all(), "units have other numbers of synapses"
    for connection in ("x_h", "h_y"):
        there = last[f"n.{connection}.mask"] == 1
        for result in (first, last):
            assert not result[f"n.{connection}.w"][~there].any(), f"{connection}: absent weights"
        assert (last[f"n.{connection}.w"] != first[f"n.{connection}.w"])[there].mean() > 0.9, f"{connection} does not learn"


@system.check
def is_dense_with_zeros(rule):
    """A dense network with the same weights, zeros among them, of which those are put back after the step, does the same.
    The numbers are such that every sum is exact in any order: equal to the bit, in every engine."""
    r = numpy.random.default_rng(7)
    d = {"x.npy": r.integers(-2, 3, (4, 12)).astype(numpy.float32), "t.npy": r.integers(-2, 3, (4, 4)).astype(numpy.float32)}
    first = before(rule.text, data=d)
    names = [n for n in first.states if n.endswith((".w", ".b"))]
    masks = {n: first.states.get(n[:-1] + "mask", numpy.ones(1)) if n.endswith(".w") else numpy.ones(1) for n in names}
    exact = {n: r.integers(1, 3, first[n].shape) * r.choice([-0.5, 0.5], first[n].shape) * masks[n] for n in names}
    last = run(rule.text, data=d, start=changed(first.checkpoint, exact))
    dense = re.sub(r"sparse\([^()]*?(, bias = true)?\)", lambda m: f"dense(bias = {'true' if m[1] else 'false'})", rule.text)
    other = run(dense, data=d, start=changed(before(dense, data=d).checkpoint, exact))
    for n in names:
        assert (other[n] * masks[n] == last[n]).all(), f"{n} differs"
        assert (last[n] != exact[n]).any(), f"{n} does not learn"
    assert (other["n.x_h.w"] != last["n.x_h.w"]).any(), "nothing was put back"


def cost(states, masks, d):
    h = numpy.maximum(0, d["x.npy"] @ (states["x_h.w"] * masks["x_h.w"]) + states["x_h.b"])
    return ((h @ (states["h_y.w"] * masks["h_y.w"]) - d["t.npy"]) ** 2).sum(1).mean() / 2


@system.check
def agrees_with_differences(rule):
    """Of every parameter: what the rule does is the derivative of the cost, by central differences of width 1e-4 in double
    precision, which for this cost are off by rounding alone, 1e-16 / 1e-4, since no unit is at its kink: within 1e-6
    of the largest in the interpreter. Native code rounds to 6e-8, and sums some ten such errors: 1e-5."""
    first, last = (how(rule.text, data=data()) for how in (before, run))
    d = {k: v.astype(float) for k, v in data().items()}
    names = ("x_h.w", "x_h.b", "h_y.w")
    states = {n: first[f"n.{n}"].astype(float) for n in names}
    masks = {n: first[f"n.{n[:-1]}mask"].astype(float) if n.endswith("w") else 1 for n in names}
    for n in names:
        g = numpy.zeros(states[n].shape)
        for place in numpy.ndindex(g.shape):
            ends = []
            for by in (-1e-4, 1e-4):
                moved = {k: v.copy() for k, v in states.items()}
                moved[n][place] += by
                ends.append(cost(moved, masks, d))
            g[place] = (ends[1] - ends[0]) / 2e-4
        step = (first[f"n.{n}"].astype(float) - last[f"n.{n}"]) / 0.5
        worst = numpy.abs(step - g).max() / numpy.abs(g).max()
        assert worst < (1e-6 if Engine.interpret else 1e-5), f"{n}: {worst}"


@system.check
def verify_compares_what_there_is(rule):
    """`apical verify` moves weights that exist, and finds the gradient within 1e-6 in double precision."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "model.apical"), "w") as file:
            file.write("use std\n" + rule.text)
        for name, array in data().items():
            numpy.save(os.path.join(folder, name), array)
        done = subprocess.run([APICAL, "verify", os.path.join(folder, "model.apical"), "--steps=2", "--every=1",
                               "--threads=1", "--format=json"], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    weights = json.loads(done.stdout)["lines"][0]["weights"]
    assert len(weights) == 3
    for w in weights:
        name, found = f"{w['connection']}.{w['weight']}", w["gradient_check"]
        assert found["compared"] > 2 and found["relative_error"] <= 1e-6, f"{name}: {found}"
        assert w["updated"] and None not in w["cosine"], f"{name} does not learn"
        assert min(w["cosine"]) > 1 - 1e-9 and abs(w["norm_ratio"][0] - 1) < 1e-5, f"{name} is not the gradient"


@system.check
def same_rule_same_synapses(rule):
    """Feedback weights of a rule are as sparse as the forward ones. Where they start as a copy and change as those do,
    feedback alignment is backprop, in every bit; where they are drawn, it is not (null model)."""
    tied = Rule("feedback_alignment").edit(
        ("B ~ normal(0, 1 / sqrt(fan_out))", "B = w"), (": feedback", ": nonlocal"),
        ("w.grad     +=", "B.grad += error(post) * pre\n        w.grad     +="))
    ours, drawn, exact = (run(text, data=data(), rules=rules, epochs=5) for text, rules in (
        (rule.text.replace("by messages", "by feedback_alignment"), [tied]),
        (rule.text.replace("by messages", "by feedback_alignment"), []), (rule.text, [])))
    assert ours.series("c") == exact.series("c") and len(set(exact.series("c"))) == 5
    assert drawn.series("c") != exact.series("c")
    for feedback in (ours["n.learn0.h_y.B"], drawn["n.learn0.h_y.B"]):
        assert not feedback[exact["n.h_y.mask"] == 0].any() and feedback[exact["n.h_y.mask"] == 1].all()
    assert ours["n.learn0.h_y.B"].tobytes() == ours["n.h_y.w"].tobytes()


system.mutant("a dense connection", ("sparse(fan_in = 4, bias = true)", "dense(bias = true)"))
system.mutant("another number of synapses", ("fan_in = 4", "fan_in = 5"))
system.mutant("a probability for a number", ("fan_in = 4", "p = 0.3333"))
system.mutant("what all synapses share", ("w.grad     += error(post) * pre", "w.grad     += error(post) * pre + sum(w)"))
system.mutant("the mean over the synapses of a unit", ("error(post) * pre", "error(post) * pre / fan_in"))
system.mutant("the sign of what travels back", ("error(pre) += w", "error(pre) += -w"))
system.mutant("what travels back crosses all pairs", ("error(pre) += w * error(post)", "error(pre) += (w + 0.1) * error(post)"))
system.mutant("nothing travels back", ("error(pre) += w * error(post)", ""))
system.main()
