# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the rules that send errors back through the signs of the weights have in common."""
import numpy

from harness import Rule, before, changed, run
from networks import classes, deep

# Remembers the sum of the gradients; changes nothing.
REMEMBERED = Rule("remembered", """
optimizer remembered() {
    state seen = 0
    seen += grad
    w -= 0 * grad
}
""")

# Sample k is an error of output k alone, which reaches the lower weights of input k alone, as k's feedback.
ONE_BY_ONE = """
data points = table(k = npy("k.npy"))
network n {
    area x[UPPER] : source
    area h[LOWER] : linear_unit
    area y[UPPER] : linear_unit { given target }
    connect x -> h : dense(w = 0)
    connect h -> y : dense(w = 1)
    cost c = sum(y.rate * y.target)
    learn c in x_h through h_y by RULE() with remembered()
}
train n on points, batch = UPPER, trials = 1 { x.rate = one_hot(k, UPPER); y.target = one_hot(k, UPPER) }
"""


def feedback(rule, w):
    """The matrix through which the rule sends errors back past the weights w."""
    lower, upper = w.shape
    text = ONE_BY_ONE.replace("RULE", rule.name).replace("LOWER", str(lower)).replace("UPPER", str(upper))
    how = {"data": {"k.npy": numpy.arange(upper, dtype=numpy.int32)}, "rules": [rule, REMEMBERED]}
    start = changed(before(text, **how).checkpoint, {"n.h_y.w": w})
    return run(text, start=start, **how)["n.learn0.x_h.w.seen"].T * upper


def signs_agree_at_all_times(rule):
    """Before training, after 40 and after 400 updates, in which a tenth of the weights at least change their sign, all
    elements of the feedback have the sign of their weight, in both connections. Null model: about half of those of
    fixed random feedback (below 70 %)."""
    def agreement(rule):
        shares, w = [], {}
        for trials in (0, 40, 400):
            how = run if trials else before
            net = how(deep(rule.name, trials=trials or 1), data=classes(), rules=[rule])
            for c in ("h1_h2", "h2_label"):
                signs = numpy.sign(net[f"n.{c}.w"])
                shares.append((numpy.sign(feedback(rule, net[f"n.{c}.w"])) == signs).mean())
                first = w.setdefault(c, signs)
        assert (first != signs).mean() > 0.1, "the weights keep their signs anyway"
        return shares

    shares = agreement(rule)
    assert min(shares) == 1, f"agreement of the signs {numpy.round(shares, 3)}"
    fixed = agreement(Rule("feedback_alignment"))
    assert max(fixed) < 0.7, f"fixed feedback agrees too: {numpy.round(fixed, 3)}"


def half_of_the_signs_is_not_enough(rule):
    """Null model: with the signs of half of the synapses flipped in the feedback, the cost after 400 updates is more
    than five times as large in the mean over three seeds (measured: fifteen times and more)."""
    # Whose signs are flipped is drawn once. Whatever sign a weight of these comes to have, its feedback has the other,
    # so that unlike fixed feedback it cannot come to agree.
    flipped = rule.edit(("each connection {", "each connection {\n        weight flip ~ uniform(-1, 1)"),
                        ("error(pre) += ", "error(pre) += sign(flip) * "))
    model = deep(rule.name, batch=16, trials=400)
    ours, null = (numpy.mean([numpy.mean(run(model, data=classes(), seed=seed, rules=[r]).series("c")[-4:])
                              for seed in (1, 2, 3)]) for r in (rule, flipped))
    assert null > 5 * ours, f"the cost falls to {ours:.3f}, and with half of the signs flipped to {null:.3f}"
