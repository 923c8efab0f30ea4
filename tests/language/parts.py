# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Networks inside networks: one part used twice, its names, its parameters, and which line changes it.

Each check runs as native code and in the interpreter. Single precision rounds to 6e-8 of a value; one update of numbers
near one stays within 1e-6.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import before, on_both_engines, run

random = numpy.random.default_rng(5)
DATA = {"x.npy": random.normal(size=(8, 2)), "z.npy": random.normal(size=(8, 3))}
JUDGE = """
data d = table(x = npy("x.npy"), z = npy("z.npy"))
network judge(width = 4) {
    area seen[2]  : source
    area h[width] : tanh_unit
    area out      : linear_unit
    connect seen -> h : dense(bias = true)
    connect h -> out  : dense(bias = true)
}
"""
PAIR = JUDGE + """
network pair {
    area noise[3] : source
    area made[2]  : linear_unit
    part real = judge(5)
    part fake = tied(real)
    connect noise -> made     : dense(bias = true)
    connect made -> fake.seen : wire
    cost tell = sum(logistic_loss(real.out.rate, 1)) + sum(logistic_loss(fake.out.rate, 0))
    cost fool = sum(logistic_loss(fake.out.rate, 1))
    LINES
}
train pair on d, batch = 8, trials = TRIALS { noise.rate = z; real.seen.rate = x; }
"""
TELL = "learn tell in real by RULE() with sgd(1)"
FOOL = "learn fool in noise_made through fake by RULE() with sgd(1)"


def pair(lines, trials=1):
    return PAIR.replace("LINES", lines).replace("TRIALS", str(trials))


def moved(lines, interpret):
    """What one step adds to each weight."""
    text = pair(lines)
    old, new = before(text, data=DATA, interpret=interpret), run(text, DATA, interpret=interpret)
    return {k[5:]: new[k].astype(float) - old[k].astype(float) for k in new.states if k.endswith((".w", ".b"))}


def gradients(interpret):
    """Of both costs, by NumPy."""
    s = before(pair(TELL.replace("RULE", "backprop")), data=DATA, interpret=interpret).states
    p = {k[5:]: v.astype(float) for k, v in s.items()}
    made = DATA["z.npy"] @ p["noise_made.w"] + p["noise_made.b"]
    logistic = lambda v: 1 / (1 + numpy.exp(-v))

    def through(seen, target):
        h = numpy.tanh(seen @ p["real.seen_h.w"] + p["real.seen_h.b"])
        e = (logistic(h @ p["real.h_out.w"] + p["real.h_out.b"]) - target) / 8
        eh = e @ p["real.h_out.w"].T * (1 - h**2)
        own = {"real.h_out.w": h.T @ e, "real.h_out.b": e.sum(0), "real.seen_h.w": seen.T @ eh, "real.seen_h.b": eh.sum(0)}
        return own, eh @ p["real.seen_h.w"].T

    real, fake = through(DATA["x.npy"], 1)[0], through(made, 0)[0]
    back = through(made, 1)[1]
    tell = {k: real[k] + fake[k] for k in real}
    fool = {"noise_made.w": DATA["z.npy"].T @ back, "noise_made.b": back.sum(0)}
    return tell, fool, real


def both_uses_add(interpret):
    """`in real` names the weights: both parts that conduct with them have their share, whether the rule asks for the
    gradient of the weight or writes a statement for each synapse; what is outside does not move."""
    tell, _, one_use = gradients(interpret)
    for rule in ("backprop", "weight_transport"):
        for part in ("real", "fake"):
            change = moved(TELL.replace("RULE", rule).replace("in real", "in " + part), interpret)
            assert set(change) == set(tell) | {"noise_made.w", "noise_made.b"}
            for name, g in tell.items():
                assert numpy.abs(change[name] + g).max() < 1e-6, (rule, name)
                assert numpy.abs(change[name] + one_use[name]).max() > 1e-2, "the uses differ too little to tell"
            assert not change["noise_made.w"].any() and not change["noise_made.b"].any()


def credit_passes_through(interpret):
    """`through fake`: the cost reaches the weights behind the part, whose own stay as they are to the bit."""
    _, fool, _ = gradients(interpret)
    for rule in ("backprop", "weight_transport"):
        change = moved(FOOL.replace("RULE", rule), interpret)
        for name, value in change.items():
            if name in fool:
                assert numpy.abs(value + fool[name]).max() < 1e-6, (rule, name)
            else:
                assert not value.any(), (rule, name)


def lines_see_the_weights_before(interpret):
    """Two lines in one trial compute from the same weights: their changes are those of each alone."""
    lines = [TELL.replace("RULE", "backprop"), FOOL.replace("RULE", "backprop")]
    both, alone = moved("\n".join(lines), interpret), [moved(line, interpret) for line in lines]
    for name in both:
        assert numpy.abs(both[name] - alone[0][name] - alone[1][name]).max() < 1e-7, name


def weights_of_a_rule_are_shared_too(interpret):
    """A rule declares one weight for each weight of the network, so that the law of Kolen and Pollack holds for parts
    that share: with the same decay, W - B shrinks by 1 - 0.1 in each of 10 steps. Each step rounds numbers below 2 a
    few times: 10 * 4 * 1.2e-7 < 1e-5."""
    lines = "learn tell in real by kolen_pollack() with sgd(0.1, decay = 1) as kp"
    old = before(pair(lines, 10), data=DATA, interpret=interpret)
    new = run(pair(lines, 10), DATA, interpret=interpret)
    own = [k for k in new.states if k.startswith("pair.kp.") and k.endswith(".B")]
    assert own == ["pair.kp.real.seen_h.B", "pair.kp.real.h_out.B"], own
    for name in ("real.seen_h", "real.h_out"):
        difference = lambda r: r[f"pair.{name}.w"].astype(float) - r[f"pair.kp.{name}.B"]
        assert numpy.abs(difference(new) - 0.9**10 * difference(old)).max() < 1e-5, name
        assert numpy.abs(new[f"pair.{name}.w"] - 0.9**10 * old[f"pair.{name}.w"]).max() > 1e-3


def names_and_sizes(interpret):
    """Parameters are given by whoever makes a part or runs the network; a network that is only a part has no states."""
    states = run(pair(TELL.replace("RULE", "backprop")), DATA, interpret=interpret).states
    assert {k: v.shape for k, v in states.items() if not k.endswith("updates")} == {
        "pair.real.seen_h.w": (2, 5), "pair.real.seen_h.b": (5,), "pair.real.h_out.w": (5, 1), "pair.real.h_out.b": (1,),
        "pair.noise_made.w": (3, 2), "pair.noise_made.b": (2,)}
    alone = JUDGE.replace("connect h ->", "cost c = sum(out.rate^2)\n learn c by backprop() with sgd(0.1)\n connect h ->")
    alone += "train judge(7) on d, batch = 8, trials = 1 { seen.rate = x }"
    assert run(alone, DATA, interpret=interpret)["judge.seen_h.w"].shape == (2, 7)


def parts_bring_their_lines(interpret):
    """A part learns as its network does, from what it is given there, and a tied one adds nothing of its own."""
    inner = JUDGE.replace("connect h ->", """given goal
    cost c = sum((out.rate - goal)^2)
    learn c by backprop() with sgd(0.1) as own
    connect h ->""")
    bound = "train {} on d, batch = 8, trials = 3 {{ {} }}"
    alone = run(inner + bound.format("judge", "seen.rate = x; goal = 1"), DATA, interpret=interpret)
    outer = inner + """network outer { part a = judge(); part b = tied(a) }
""" + bound.format("outer", "a.seen.rate = x; a.goal = 1; b.seen.rate = x; b.goal = 5")
    # The names of the draws differ, so that both start from the same values.
    start = {k: numpy.full(v.shape, 0.1) + numpy.arange(v.size).reshape(v.shape) / 10 for k, v in alone.states.items() if k[-2:] in (".w", ".b")}
    from harness import changed
    first = lambda r, prefix: changed(r.checkpoint, {k.replace("judge.", prefix, 1): v for k, v in start.items()})
    again = run(inner + bound.format("judge", "seen.rate = x; goal = 1"), DATA, interpret=interpret, epochs=6, start=first(alone, "judge."))
    outside = run(outer, DATA, interpret=interpret)
    assert "outer.a.own.updates" in outside.states and not any(".b.own" in k for k in outside.states)
    inside = run(outer, DATA, interpret=interpret, epochs=6, start=first(outside, "outer.a."))
    for k in start:
        assert (inside[k.replace("judge.", "outer.a.", 1)] == again[k]).all(), k
        assert not (again[k] == start[k].astype(numpy.float32)).all()
    assert {"a.c", "b.c"} <= set(outside.records[0]), outside.records[0]


if __name__ == "__main__":
    on_both_engines(both_uses_add, credit_passes_through, lines_see_the_weights_before,
                    weights_of_a_rule_are_shared_too, names_and_sizes, parts_bring_their_lines)
