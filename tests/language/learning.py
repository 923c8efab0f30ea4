# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""When and how a learn line changes weights: `every`, `while`, `keep` (docs/language.md, 7.3 and 3.6).

Each test runs in the interpreter (double precision) and as native code.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rules"))
import numpy  # noqa: E402
from harness import changed, on_both_engines, run  # noqa: E402
from networks import classes, deep  # noqa: E402

WEIGHTS = ["n.x_h1.w", "n.x_h1.b", "n.h1_h2.w", "n.h2_label.w", "n.h2_label.b"]


def farthest(a, b, names=WEIGHTS):
    return max(numpy.abs(a[n].astype(float) - b[n]).max() for n in names)


def every_sums_up_what_a_larger_batch_averages(interpret):
    """Four trials of 3 samples with one update are one trial of 12: mean over the trials of the mean over the batch.
    The sums differ in order: 10 updates of some hundred roundings of a number near 1. Null: without `every`."""
    bound = 1e-12 if interpret else 1e-5
    for optimizer in ("sgd(0.1, momentum = 0.9)", "adam(0.01)"):
        small = run(deep("backprop", optimizer=f"{optimizer} every 4 trials", batch=3, trials=40), data=classes(120),
                    interpret=interpret)
        large = run(deep("backprop", optimizer=optimizer, batch=12, trials=10), data=classes(120), interpret=interpret)
        null = run(deep("backprop", optimizer=optimizer, batch=3, trials=40), data=classes(120), interpret=interpret)
        assert farthest(small, large) < bound, farthest(small, large)
        assert farthest(null, large) > 1e-2
        assert small["n.learn0.updates"] == 10 and small["n.learn0.waited"] == 0


def every_epoch_updates_once_a_pass(interpret):
    """Five trials a pass, the last of 8 samples: one update of the mean over the five trials, as `every 5 trials`
    has it, to the bit. `every 2 epochs` sums ten. Null: `every 4 trials` acts elsewhere."""
    def weights(every, epochs=6):
        return run(deep("backprop", optimizer=f"sgd(0.1, momentum = 0.9) every {every}", batch=10, epochs=epochs),
                   data=classes(48), interpret=interpret)
    one, same, two, ten = (weights(e) for e in ("1 epoch", "5 trials", "2 epochs", "10 trials"))
    assert one.same(same, WEIGHTS) and two.same(ten, WEIGHTS)
    assert one["n.learn0.updates"] == 6 and two["n.learn0.updates"] == 3
    assert two["n.learn0.waited"] == 0 and two["n.learn0.waited_epochs"] == 0
    assert farthest(one, weights("4 trials")) > 1e-3
    odd = weights("2 epochs", epochs=7)  # the seventh pass waits
    assert odd.same(two, WEIGHTS) and odd["n.learn0.waited_epochs"] == 1 and odd["n.learn0.waited"] == 5


def unfinished_trials_wait(interpret):
    """Of 7 trials with `every 4` the last three are summed, counted and not applied."""
    seven, four = (run(deep("backprop", optimizer="sgd(0.1) every 4", batch=3, trials=n), data=classes(120),
                       interpret=interpret) for n in (7, 4))
    assert seven.same(four, WEIGHTS)
    assert seven["n.learn0.waited"] == 3 and numpy.abs(seven["n.learn0.x_h1.w.grad"]).max() > 1e-3
    assert numpy.abs(four["n.learn0.x_h1.w.grad"]).max() == 0


def nothing_moves_while_the_gate_is_closed(interpret):
    """Optimiser states, counters and sums included: the gate opens in epoch 1 only."""
    gated = run(deep("backprop", optimizer="adam(0.01) every 2 while epoch == 1", batch=12, epochs=3),
                data=classes(48), interpret=interpret)
    assert gated["n.learn0.updates"] == 2 and gated["n.learn0.waited"] == 0
    closed = run(deep("backprop", optimizer="adam(0.01) every 2 while epoch > 5", batch=12, epochs=3),
                 data=classes(48), interpret=interpret)
    for name in closed.states:
        if "learn0" in name:
            assert not closed[name].any(), name
    assert farthest(gated, closed) > 1e-3


def keep_holds_after_every_change(interpret):
    """Bounds hold for every weight and some lie on them; biases are free. Null: without `keep` they are left."""
    def model(body):
        text = deep("backprop", optimizer="sgd(0.5)", trials=60)
        return text.replace("connect h1 -> h2 : dense(bias = true)", f"connect h1 -> h2 : dense(bias = true) {body}")

    kept = run(model("{ keep w = clip(w, -0.25, 0.5) }"), data=classes(), interpret=interpret)
    free = run(model(""), data=classes(), interpret=interpret)
    w = kept["n.h1_h2.w"]
    assert w.min() == -0.25 and w.max() == 0.5 and free["n.h1_h2.w"].max() > 0.6
    assert numpy.abs(kept["n.h1_h2.b"]).max() > 0


def keep_normalises_what_a_unit_receives(interpret):
    """The norm over the synapses of each unit of h2 is 1: 11 squares summed, a few roundings."""
    text = deep("backprop", optimizer="sgd(0.5)", trials=20)
    body = "{ keep w = w / norm(w, over = pre) }"
    kept = run(text.replace("connect h1 -> h2 : dense(bias = true)", f"connect h1 -> h2 : dense(bias = true) {body}"),
               data=classes(), interpret=interpret)
    free = run(text, data=classes(), interpret=interpret)
    norms = [numpy.sqrt((r["n.h1_h2.w"].astype(float) ** 2).sum(0)) for r in (kept, free)]
    assert numpy.abs(norms[0] - 1).max() < (1e-14 if interpret else 1e-6), norms[0]
    assert numpy.abs(norms[1] - 1).max() > 0.05


def keep_waits_for_a_change(interpret):
    """A weight that a closed gate leaves alone is not projected either (3.6: after every change)."""
    text = deep("backprop", optimizer="sgd(0.5) while epoch > 5", trials=3)
    kept = run(text.replace("connect h1 -> h2 : dense(bias = true)",
                            "connect h1 -> h2 : dense(bias = true) { keep w = 0 * w }"), data=classes(),
               interpret=interpret)
    assert numpy.abs(kept["n.h1_h2.w"]).max() > 0.1


REPEATED = """
rule repeated(C: cost) : nonlocal {
    phase p { run 4 with each connection { error(pre) += w * error(post); w.grad += error(post) * pre } }
}
"""


def every_tick_is_a_trial_of_its_own(interpret):
    """Four ticks of one trial with an update in each are four trials of the same batch, whose rows are shuffled: sums
    differ in order. Optimiser states, counter and `keep` move with them. Null: without `every` the sum of four
    gradients at the same weights."""
    bound = 1e-12 if interpret else 1e-5
    for optimizer in ("sgd(0.125, momentum = 0.75)", "adam(0.0625)"):
        def model(rule, how, trials):
            text = deep(rule, optimizer=optimizer + how, batch=64, trials=trials)
            return REPEATED + text.replace("connect h1 -> h2 : dense(bias = true)",
                                           "connect h1 -> h2 : dense(bias = true) { keep w = clip(w, -0.25, 0.5) }")

        ticks, trials, null = (run(model(*how), data=classes(), interpret=interpret) for how in (
            ("repeated", " every 1 ticks", 3), ("weight_transport", "", 12), ("repeated", "", 3)))
        assert farthest(ticks, trials) < bound, farthest(ticks, trials)
        assert farthest(null, trials) > 1e-2
        assert ticks["n.learn0.updates"] == 12 and ticks["n.h1_h2.w"].max() == 0.5


def ticks_that_are_left_count_at_the_end(interpret):
    """`every 3 ticks` in a run of four: the sum of three gradients, then one. Null: `every 2 ticks`, twice the sum of two."""
    def weights(how, steps):
        text = deep("repeated", optimizer=f"sgd(0.125){how}", batch=64, trials=1)
        return run(REPEATED.replace("run 4", f"run {steps}") + text, data=classes(), interpret=interpret)

    three = weights(" every 3 ticks", 3)
    assert three["n.learn0.updates"] == 1 and three.same(weights("", 3), WEIGHTS)
    four, two = weights(" every 3 ticks", 4), weights(" every 2 ticks", 4)
    assert four["n.learn0.updates"] == 2 and two["n.learn0.updates"] == 2
    assert farthest(four, three) > 1e-3 and farthest(four, two) > 1e-5


def a_closed_gate_closes_the_ticks(interpret):
    """Where `while` does not hold nothing moves in any tick; where it does, everything."""
    closed, open_, free = (run(REPEATED + deep("repeated", optimizer=f"adam(0.01) every 1 ticks{gate}", batch=64,
                                               epochs=1), data=classes(), interpret=interpret)
                           for gate in (" while epoch > 5", " while epoch < 5", ""))
    assert not any(closed[n].any() for n in closed.states if "learn0" in n)
    assert open_.same(free) and farthest(open_, closed) > 1e-3


if __name__ == "__main__":
    on_both_engines(every_sums_up_what_a_larger_batch_averages, every_epoch_updates_once_a_pass,
                    unfinished_trials_wait, nothing_moves_while_the_gate_is_closed, keep_holds_after_every_change,
                    keep_normalises_what_a_unit_receives, keep_waits_for_a_change, every_tick_is_a_trial_of_its_own,
                    ticks_that_are_left_count_at_the_end, a_closed_gate_closes_the_ticks)
