# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where variables live besides units and samples: `common` to an area, one per row of the data, one per rule.

Each check runs as native code and in the interpreter. What is compared with NumPy are sums and products of a few
numbers near one in single precision, 6e-8 each: they stay within 1e-5.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import Refused, on_both_engines, run

random = numpy.random.default_rng(9)
ROWS = 10
DATA = {"x.npy": random.normal(size=(ROWS, 3)), "t.npy": random.normal(size=(ROWS, 2))}
HEAD = 'data d = table(x = npy("x.npy"), t = npy("t.npy"))\n'

# A unit that follows its input from where its row of the data was left, and counts how often that was seen.
FOLLOWER = HEAD + """
unit follower {
    input drive
    output state rate = 0.5
    common item state seen = 0
    rate += 0.25 * (drive - rate)
    seen += 1
}
network n {
    area x[3] : source
    area y[2] : follower { given target; item rate }
    connect x -> y : dense
    cost c = sum((y.rate - y.target)^2)
    LEARN
}
train n on d, batch = 4, epochs = EPOCHS { x.rate = x; y.target = t }
"""
GATED = "learn c by backprop() with sgd(0.1) while epoch < 0"


def follower(epochs, learn=GATED):
    return FOLLOWER.replace("EPOCHS", str(epochs)).replace("LEARN", learn)


def each_row_goes_on_from_where_it_was(interpret):
    """Whatever order the rows are shuffled into, after k epochs each row has been seen k times, and its state is the
    closed form of k steps towards its own input; a last batch with fewer rows adds nothing to the others."""
    for epochs in (1, 5):
        for seed in (1, 2):
            s = run(follower(epochs), DATA, seed=seed, interpret=interpret)
            assert s["n.y.rate.d"].shape == (ROWS, 2) and s["n.y.seen.d"].shape == (ROWS,)
            drive = DATA["x.npy"] @ s["n.x_y.w"].astype(float)
            expected = drive + 0.75**epochs * (0.5 - drive)
            assert numpy.abs(s["n.y.rate.d"] - expected).max() < 1e-5
            assert (s["n.y.seen.d"] == epochs).all(), s["n.y.seen.d"]


def reset_states_forget(interpret):
    """The null model: without `item`, every trial starts anew, and nothing is kept."""
    text = follower(5).replace("; item rate", "").replace("common item state seen = 0", "common state seen = 0")
    states = run(text, DATA, interpret=interpret).states
    assert not any(".rate" in k or ".seen" in k for k in states), states.keys()


def interrupted_and_resumed(interpret):
    """A run that goes on from a checkpoint ends with the bits of one that was never stopped, item states included."""
    learn = "learn c by backprop() with sgd(0.1)"
    whole = run(follower(4, learn), DATA, interpret=interpret)
    half = run(follower(2, learn), DATA, interpret=interpret)
    again = run(follower(4, learn), DATA, interpret=interpret, start=half.checkpoint, epochs=4)
    assert whole.same(again, ["n.y.rate.d", "n.y.seen.d", "n.x_y.w"])
    assert not whole.same(half, ["n.y.rate.d"])


def tests_leave_them_alone(interpret):
    """A test on the same table starts from the rows that training left and changes none; on another table it starts
    from the first value, and no rows are kept for it."""
    train = follower(2)
    other = train.replace(HEAD, HEAD + 'data e = table(x = npy("x.npy"), t = npy("t.npy"))\n')
    body = "{ x.rate = x; y.target = t; measure seen = y.seen; measure rate = sum(y.rate) }"
    plain = run(train, DATA, interpret=interpret)
    tested = run(other + f"test n on d, batch = 10 {body}\ntest n on e, batch = 10 {body}", DATA, interpret=interpret)
    assert plain.same(tested, ["n.y.rate.d", "n.y.seen.d"])
    assert not any(k.endswith(".e") for k in tested.states)
    on_d, on_e = [r for r in tested.records if r["event"] == "test"]
    assert on_d["seen"] == 3 and on_e["seen"] == 1, (on_d, on_e)
    drive = DATA["x.npy"] @ plain["n.x_y.w"].astype(float)
    for record, epochs in ((on_d, 3), (on_e, 1)):
        expected = (drive + 0.75**epochs * (0.5 - drive)).sum(1).mean()
        assert abs(record["rate"] - expected) < 1e-5, (record, expected)


def common_is_one_number(interpret):
    """A `common` draw is the same for all units and another for each sample; a common state collects what the body
    reduces; connections read it as an area of one unit."""
    text = HEAD + """
unit noisy {
    given rate_in
    common let shift ~ uniform(0, 1)
    common state total = 0
    common lasting state trials = 0
    let own ~ uniform(0, 1)
    output rate = rate_in + shift
    total += sum(rate)
    trials += 1
}
network n {
    area x[3] : noisy
    area y[2] : linear_unit
    connect x.shift -> y : dense
    cost spread = max(x.rate - x.rate_in) - min(x.rate - x.rate_in)
    cost own = max(x.own) - min(x.own)
    cost shift = x.shift
    cost square = x.shift^2
    cost total = x.total - sum(x.rate)
    cost sum_y = sum(y.rate)
    learn sum_y by backprop() with sgd(0)
}
train n on d, batch = 10, trials = 60 { x.rate_in = x }
"""
    r = run(text, DATA, interpret=interpret)
    assert r["n.x_y.w"].shape == (1, 2) and r["n.x.trials"] == 60
    assert max(r.series("spread")) < 1e-6 and min(r.series("own")) > 0.2
    assert max(abs(v) for v in r.series("total")) < 1e-6
    shift, square = numpy.array(r.series("shift")), numpy.array(r.series("square"))
    # 600 draws: five standard errors of a uniform number, and the samples of a batch differ: its variance is 1/12.
    assert abs(shift.mean() - 0.5) < 5 * numpy.sqrt(1 / 12 / 600), shift.mean()
    assert abs((square - shift**2).mean() - 1 / 12 * 0.9) < 0.02
    assert abs(numpy.array(r.series("sum_y")) - shift * r["n.x_y.w"].astype(float).sum()).max() < 1e-6


def refused(text, *said, interpret=False):
    try:
        run(text, DATA, interpret=interpret)
    except Refused as refusal:
        assert all(s in str(refusal) for s in said), refusal
    else:
        raise AssertionError(f"accepted, though: {said}")


def what_does_not_fit_is_said(interpret):
    """Messages of the things above."""
    if interpret:
        return
    good = follower(1)
    refused(good.replace("seen += 1", "seen += rate"), "E0201", "common to the area", "reduce it")
    refused(good.replace("item rate", "item rat"), "E0104", "has no state `rat`")
    refused(good.replace(" on d, batch = 4, epochs = 1 { x.rate = x; y.target = t }", ", trials = 3 { x.rate = 1; y.target = 1 }"),
            "E0504", "kept for each row of the data")
    refused(good.replace(" on d, batch = 4, epochs = 1 { x.rate = x; y.target = t }", " { x.rate = 1; y.target = 1 }"),
            "E0504", "has no end")
    phased = """rule p(C: cost, n = 3) : local {
        phase a { run n }
        each connection { w.grad += (post.rate * pre)@a }
    }
"""
    two = phased + follower(1, "learn c by p() with sgd(1)\n learn c by p(n = 4) with sgd(1)")
    refused(two, "E0414", "would leave another `y.rate` behind")
    run(two.replace("n = 4", "n = 3"), DATA)  # identical runs are one


RULE = HEAD + """
rule baseline(C: cost, memory = 0.9) : modulated {
    shared state sign ~ choice(-1, 1)
    state noise ~ normal(0, 1)
    lasting state mean = 0, trials = 0
    phase once { run }
    let advantage = C@once - mean
    mean += (1 - memory) * (C@once - mean)
    trials += 1
    each connection { w.grad += advantage * pre + 0 * sign * noise }
}
network n {
    area x[3] : source
    area y[2] : linear_unit { given target }
    connect x -> y : dense
    cost c = sum((y.rate - y.target)^2)
    learn c by baseline() with sgd(0.01) as b
}
train n on d, batch = 10, trials = 4 { x.rate = x; y.target = t }
"""


def rules_have_states(interpret):
    """A number of the rule itself that lasts: the running mean of the cost, averaged over the batch, and read before it
    moves. The same in NumPy."""
    first = run(RULE.replace("learn c", "learn c ").replace("sgd(0.01)", "sgd(0)"), DATA, interpret=interpret)
    r = run(RULE, DATA, interpret=interpret)
    assert r["n.b.trials"] == 4
    w, mean = first["n.x_y.w"].astype(float), 0.0
    for _ in range(4):
        cost = ((DATA["x.npy"] @ w - DATA["t.npy"]) ** 2).sum(1)
        advantage = cost - mean
        mean += 0.1 * (cost - mean).mean()
        w = w - 0.01 * (advantage[:, None] * DATA["x.npy"]).mean(0)[:, None]
    assert abs(r["n.b.mean"] - mean) < 1e-5 * max(1, mean), (r["n.b.mean"], mean)
    assert numpy.abs(r["n.x_y.w"] - w).max() < 1e-5


LASTING = HEAD + """
rule homeostatic() : local {
    each area a { lasting state usual = 0.5; usual += 0.1 * (a.rate - usual) }
    each connection {
        lasting state trace = 0.25
        trace += 0.2 * (post.rate * pre - trace)
        w += 0.01 * (post.rate - post.usual) * trace
    }
}
network n {
    area x[3] : source
    area y[2] : tanh_unit
    connect x -> y : dense(bias = true)
    learn by homeostatic() as h
}
train n on d, batch = 5, epochs = EPOCHS { x.rate = x }
"""


def units_and_synapses_of_a_rule_keep(interpret):
    """What a rule keeps of each unit and of each synapse goes on from trial to trial and through a checkpoint, moves by the
    mean over the batch, and is read as it was at the trial's start, a synapse's own as the statements before have left it.
    The same in NumPy, in batches of all rows."""
    text = LASTING.replace("batch = 5", "batch = 10")
    first = run(text.replace("EPOCHS", "1").replace("0.01", "0").replace("0.1 *", "0 *").replace("0.2 *", "0 *"), DATA,
                interpret=interpret)
    r = run(text.replace("EPOCHS", "4"), DATA, interpret=interpret)
    x = DATA["x.npy"]
    w, b = first["n.x_y.w"].astype(float), first["n.x_y.b"].astype(float)
    usual, trace, biased = numpy.full(2, 0.5), numpy.full((3, 2), 0.25), numpy.full(2, 0.25)
    for _ in range(4):
        y = numpy.tanh(x @ w + b)
        trace = trace + 0.2 * (x.T @ y / ROWS - trace)
        biased = biased + 0.2 * (y.mean(0) - biased)
        w, b = w + 0.01 * (y.mean(0) - usual) * trace, b + 0.01 * (y.mean(0) - usual) * biased
        usual = usual + 0.1 * (y.mean(0) - usual)
    for name, expected in (("n.h.y.usual", usual), ("n.h.x_y.trace", trace), ("n.h.x_y.bias.trace", biased),
                           ("n.x_y.w", w), ("n.x_y.b", b)):
        assert numpy.abs(r[name] - expected).max() < 1e-5, (name, r[name], expected)
    half = run(LASTING.replace("EPOCHS", "2"), DATA, interpret=interpret)
    whole = run(LASTING.replace("EPOCHS", "4"), DATA, interpret=interpret)
    again = run(LASTING.replace("EPOCHS", "4"), DATA, interpret=interpret, start=half.checkpoint, epochs=4)
    assert whole.same(again) and not whole.same(half)


def what_a_rule_cannot_keep_is_said(interpret):
    if interpret:
        return
    text = LASTING.replace("EPOCHS", "1")
    for old, new, said in (("usual += 0.1 * (a.rate - usual)", "usual = a.rate", "E0205"),
                           ("usual = 0.5", "usual[2] = 0.5", "E0901"),
                           ("each area a {", "item state seen = 0; each area a {", "E0901"),
                           ("each area a {", "phase p { run 2 with each area a { lasting state v = 0 } }; each area a {",
                            "E0901")):
        try:
            run(text.replace(old, new), DATA)
        except Refused as refused:
            assert said in str(refused), refused
        else:
            raise AssertionError(f"accepted: {new}")


if __name__ == "__main__":
    on_both_engines(each_row_goes_on_from_where_it_was, reset_states_forget, interrupted_and_resumed,
                    tests_leave_them_alone, common_is_one_number, what_does_not_fit_is_said, rules_have_states,
                    units_and_synapses_of_a_rule_keep, what_a_rule_cannot_keep_is_said)
