# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Experiments inside experiments, and experiments without data (docs/language.md, 9.2 and 9.3).

Each check runs as native code and in the interpreter. Sums over rows in another order differ by a few roundings of
numbers near one: a few updates stay within 1e-6.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import Refused, on_both_engines, run

random = numpy.random.default_rng(4)
DATA = {name: random.normal(size=(rows, 2)).astype(numpy.float32)
        for name, rows in (("x.npy", 12), ("t.npy", 12), ("u.npy", 5), ("v.npy", 5))}
NETWORK = """
data d = table(x = npy("x.npy"), t = npy("t.npy"))
data e = table(x = npy("u.npy"), t = npy("v.npy"))
network n {
    area x[2] : source
    area y[2] : tanh_unit { given target }
    connect x -> y : dense(bias = true)
    cost c = sum((y.rate - y.target)^2)
    learn c by backprop() with sgd(0.1, momentum = 0.5)
}
"""
BIND = "x.rate = x; y.target = t"
TEST = f"test n on e, batch = 5 {{ {BIND}; measure mean = sum(y.rate) }}"
TRAIN = f"train n on e, batch = 5, trials = 2 {{ {BIND} }}"
WEIGHTS = ["n.x_y.w", "n.x_y.b"]


def outer(inside="", trials="", batch=4):
    return NETWORK + f"train n on d, batch = {batch}{trials} {{ {BIND}\n {inside} }}\n"


def tests_watch(interpret):
    """A test every two trials sees the weights of its moment, and training does not know of it, to the bit."""
    plain = run(outer(trials=", trials = 7"), DATA, interpret=interpret)
    watched = run(outer(f"on every 2 trials {{ {TEST} }}", ", trials = 7"), DATA, interpret=interpret)
    assert plain.same(watched)
    tests = [r for r in watched.records if r["event"] == "test"]
    assert [r["step"] for r in tests] == [2, 4, 6], tests
    for record, trials in zip(tests, (2, 4, 6)):
        s = run(outer(trials=f", trials = {trials}"), DATA, interpret=interpret).states
        y = numpy.tanh(DATA["u.npy"] @ s["n.x_y.w"].astype(float) + s["n.x_y.b"])
        assert abs(record["mean"] - y.sum(1).mean()) < 1e-5, (record, y.sum(1).mean())
    assert len({r["mean"] for r in tests}) == 3


def tests_watch_epochs(interpret):
    """Behind every second pass of three batches, not where `trials` cut the last pass short, and as often if resumed."""
    inside = f"on every 2 epochs {{ {TEST} }}"
    watched = run(outer(inside, ", trials = 14"), DATA, interpret=interpret)
    tests = [r for r in watched.records if r["event"] == "test"]
    assert [r["step"] for r in tests] == [6, 12], tests
    assert run(outer(trials=", trials = 14"), DATA, interpret=interpret).same(watched)
    for record in tests:
        s = run(outer(trials=f", trials = {record['step']}"), DATA, interpret=interpret).states
        y = numpy.tanh(DATA["u.npy"] @ s["n.x_y.w"].astype(float) + s["n.x_y.b"])
        assert abs(record["mean"] - y.sum(1).mean()) < 1e-5, (record, y.sum(1).mean())
    inside = f"on every 2 epochs {{ train n on e, batch = 2 {{ {BIND} }} }}"
    whole = run(outer(inside, ", epochs = 4"), DATA, interpret=interpret)
    half = run(outer(inside, ", epochs = 3"), DATA, interpret=interpret)
    assert whole.same(run(outer(inside, ", epochs = 4"), DATA, interpret=interpret, start=half.checkpoint, epochs=4))


def training_inside_shares_the_weights(interpret):
    """Two trials on another table after each three of the outer ones: the same as experiments one after the other, but
    for the order of the rows in a sum, since each batch is its whole table."""
    inside = run(outer(f"on every 3 trials {{ {TRAIN} }}", ", trials = 7", batch=12), DATA, interpret=interpret)
    piece = lambda n: f"train n on d, batch = 12, trials = {n} {{ {BIND} }}\n"
    apart = run(NETWORK + piece(3) + TRAIN + "\n" + piece(3) + TRAIN + "\n" + piece(1), DATA, interpret=interpret)
    alone = run(outer(trials=", trials = 7", batch=12), DATA, interpret=interpret)
    for name in WEIGHTS:
        assert numpy.abs(inside[name].astype(float) - apart[name]).max() < 1e-6, name
        assert numpy.abs(inside[name].astype(float) - alone[name]).max() > 1e-3, name
    assert [r["step"] for r in inside.records if r["event"] == "epoch" and r["experiment"] == 1] == [5, 10]


def resumed_with_the_same_bits(interpret):
    """What runs inside has its place in a checkpoint: how often it ran decides how its rows are shuffled."""
    inside = f"on every 2 trials {{ train n on e, batch = 2 {{ {BIND} }} }}"
    whole = run(outer(inside, ", epochs = 4"), DATA, interpret=interpret)
    half = run(outer(inside, ", epochs = 2"), DATA, interpret=interpret)
    again = run(outer(inside, ", epochs = 4"), DATA, interpret=interpret, start=half.checkpoint, epochs=4)
    assert whole.same(again) and not whole.same(half, WEIGHTS)


def without_data(interpret):
    """An experiment may draw all that it presents; it lasts as long as it says."""
    text = NETWORK + "train n, batch = 50, trials = 40 { x.rate ~ normal(0, 1); y.target = 0.5 }\n" \
        "test n, batch = 10, trials = 3 { x.rate ~ uniform(2, 3); y.target = 0; measure low = min(x.rate); measure high = max(x.rate) }"
    r = run(text, DATA, interpret=interpret)
    test = next(r for r in r.records if r["event"] == "test")
    assert 2 < test["low"] < test["high"] < 3 and r["n.learn0.updates"] == 40
    costs = r.series("c")
    assert len(costs) == 40 and costs[-1] < costs[0]


def what_does_not_fit_is_said(interpret):
    if interpret:
        return
    for inside, said in ((f"on every 0 trials {{ {TEST} }}", "E0204"), (f"on every 2 ms {{ {TEST} }}", "E0901"), (f"on every 0 epochs {{ {TEST} }}", "E0204"),
                         ("on every 2 trials { x.rate = 1 }", "E0901"),
                         (f"on every 2 trials {{ train n on e {{ {BIND}; on every 2 trials {{ {TEST} }} }} }}", "E0901")):
        try:
            run(outer(inside, ", trials = 3"), DATA)
        except Refused as refused:
            assert said in str(refused), refused
        else:
            raise AssertionError(f"accepted: {inside}")
    try:
        run(NETWORK + f"train n, trials = 3 {{ x.rate = 1; y.target = 0; on every 2 epochs {{ {TEST} }} }}\n", DATA)
    except Refused as refused:
        assert "E0504" in str(refused) and "say how many `trials` lie between" in str(refused), refused
    else:
        raise AssertionError("accepted: epochs without data")


if __name__ == "__main__":
    on_both_engines(tests_watch, tests_watch_epochs, training_inside_shares_the_weights, resumed_with_the_same_bits, without_data,
                    what_does_not_fit_is_said)
