# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Costs that differ by area: one graph of three areas, three assignments of costs of three kinds, three functions."""
import os
import re

import numpy

from harness import ROOT, System, before, run

MODEL = """
data scenes = table(now = npy("now.npy"), next = npy("next.npy"), label = npy("label.npy"))

fn copies(y, now, next, label)     { return squared_error(y, now) }
fn predicts(y, now, next, label)   { return squared_error(y, next) }
fn classifies(y, now, next, label) { return sum(logistic_loss(y, label)) }

network n {
    area x[6] : source { given next; common given label }
    area a[5] : tanh_unit
    area b[5] : tanh_unit
    area c[5] : tanh_unit
    area a_out[6] : linear_unit
    area b_out[6] : linear_unit
    area c_out[6] : linear_unit
    connect x -> a : dense(bias = true)
    connect x -> b : dense(bias = true)
    connect x -> c : dense(bias = true)
    connect a -> b : dense
    connect b -> c : dense
    connect a -> a_out : dense(bias = true)
    connect b -> b_out : dense(bias = true)
    connect c -> c_out : dense(bias = true)
    cost of_a = FOR_A(a_out.rate, x.rate, x.next, x.label)
    cost of_b = FOR_B(b_out.rate, x.rate, x.next, x.label)
    cost of_c = FOR_C(c_out.rate, x.rate, x.next, x.label)
    learn of_a in x_a, a_a_out by backprop() with adam(0.01)
    learn of_b in x_b, a_b, b_b_out by backprop() with adam(0.01)
    learn of_c in x_c, b_c, c_c_out by backprop() with adam(0.01)
}
train n on scenes, batch = 20, epochs = EPOCHS { x.rate = now; x.next = next; x.label = label }
test n on scenes {
    x.rate = now; x.next = next; x.label = label
    measure size_copies = sum(x.rate^2); measure size_predicts = sum(x.next^2)
    measure a_copies = sum((a_out.rate - x.rate)^2); measure a_predicts = sum((a_out.rate - x.next)^2)
    measure b_copies = sum((b_out.rate - x.rate)^2); measure b_predicts = sum((b_out.rate - x.next)^2)
    measure c_copies = sum((c_out.rate - x.rate)^2); measure c_predicts = sum((c_out.rate - x.next)^2)
    measure a_classifies = (sum(a_out.rate) > 0) == (x.label > 0)
    measure b_classifies = (sum(b_out.rate) > 0) == (x.label > 0)
    measure c_classifies = (sum(c_out.rate) > 0) == (x.label > 0)
}
"""
KINDS = ("copies", "predicts", "classifies")
ASSIGNMENTS = [KINDS[k:] + KINDS[:k] for k in range(3)]
OWN = {"a": ("x_a", "a_a_out"), "b": ("x_b", "a_b", "b_b_out"), "c": ("x_c", "b_c", "c_c_out")}
system = System("area_costs", "costs by area", MODEL)


def scenes(samples=1000):
    """Six inputs that four causes make, one of them the label; next time three have changed places, and one its sign. This
    one alone changes the sum of the inputs, so that what copies or predicts tells nothing of the label by its sum."""
    r = numpy.random.default_rng(12)
    label = r.integers(0, 2, samples)
    causes = numpy.stack([2.0 * label - 1, *r.normal(size=(3, samples))], 1)
    mixing = r.normal(size=(6, 3))
    mixing = numpy.concatenate([numpy.linalg.qr(mixing - mixing.mean(0))[0].T, numpy.full((1, 6), 6**-0.5)])
    seen = lambda z: (z @ mixing + 0.1 * r.normal(size=(samples, 6))).astype(numpy.float32)
    return {"now.npy": seen(causes), "next.npy": seen(numpy.stack([causes[:, 2], causes[:, 0], causes[:, 1], -causes[:, 3]], 1)), "label.npy": label.astype(numpy.int32)}


def assigned(rule, kinds, epochs=20):
    text = rule.text.replace("EPOCHS", str(epochs))
    for place, kind in zip(("FOR_A", "FOR_B", "FOR_C"), kinds):
        text = text.replace(place, kind)
    return text


@system.check
def each_area_serves_its_cost(rule):
    """One area is to copy what it sees, one to predict what it will see, one to classify it, in three assignments that
    differ in the three cost lines alone. Each area does its own task, with above 90 % of the variance explained or of the
    labels right, and no other's: labels of 1 000 samples by chance are 50 +- 1.6 %, so that 60 % is six deviations away,
    and of the variance of the other target less than a tenth is explained."""
    for kinds in ASSIGNMENTS:
        test = next(r for r in run(assigned(rule, kinds), data=scenes()).records if r["event"] == "test")
        for area, own in zip("abc", kinds):
            for kind in KINDS:
                score = test[f"{area}_{kind}"]
                if kind == "classifies":
                    good = score > 0.9 if kind == own else 0.4 < score < 0.6
                else:
                    score = 1 - score / test[f"size_{kind}"]
                    good = score > 0.9 if kind == own else score < 0.1
                assert good, f"{area} {kind}, where its cost {own}: {score:.3f}"


@system.check
def a_cost_reaches_what_its_line_names_and_nothing_else(rule):
    """b's cost depends on a, and c's on both, through the connections between them. In each assignment, with one learn
    line alone, the weights that the line does not name keep every bit over an epoch, and those that it names change: of
    the 42 pairs of a cost and an array of weights the ones not declared are exactly zero."""
    for kinds in ASSIGNMENTS:
        text = assigned(rule, kinds, epochs=1)
        first = before(text, data=scenes())
        names = [n for n in first.states if n.startswith("n.") and n.endswith((".w", ".b")) and "learn" not in n]
        assert len(names) == 14, names
        for area, own in OWN.items():
            alone = "\n".join(line for line in text.splitlines()
                              if not line.strip().startswith("learn of_") or f"learn of_{area} " in line)
            last = run(alone, data=scenes())
            for name in names:
                same = first[name].tobytes() == last[name].tobytes()
                declared = name.split(".")[1] in own
                assert same != declared, f"of_{area} ({kinds}): {name} {'has not' if same else 'has'} changed"


@system.check
def nothing_but_the_costs_differs_in_the_model(rule):
    """The three networks of models/area_costs.apical are the same text but for their three lines of costs, and so are their
    experiments."""
    with open(os.path.join(ROOT, "models", "area_costs.apical")) as file:
        text = file.read()
    found = re.findall(r"^network (\w+)_assignment \{\n(.*?)^\}", text, re.M | re.S)
    assert [name for name, _ in found] == ["first", "second", "third"]
    costs = [re.findall(r"^ +cost .*\n", body, re.M) for _, body in found]
    assert all(len(lines) == 3 for lines in costs) and len({tuple(lines) for lines in costs}) == 3
    assert len({re.sub(r"^ +cost .*\n", "", body, flags=re.M) for _, body in found}) == 1
    for kind in ("train", "test"):
        experiments = re.findall(rf"^{kind} +\w+_assignment (on .*?\}})$", text, re.M | re.S)
        assert len(experiments) == 3 and len(set(experiments)) == 1, experiments


system.mutant("b learns from c's cost", ("learn of_b in", "learn of_c in"))
system.mutant("credit crosses the border", ("in x_b, a_b, b_b_out", "in x_b, a_b, b_b_out, x_a"))
system.mutant("c has a's cost", ("FOR_C(", "FOR_A("))
system.mutant("a predicts the wrong thing", ("FOR_A(a_out.rate, x.rate, x.next", "FOR_A(a_out.rate, x.next, x.rate"))
system.mutant("a does not learn", ("in x_a, a_a_out by backprop() with adam(0.01)", "in x_a, a_a_out by backprop() with adam(0)"))

system.main()
