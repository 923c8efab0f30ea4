# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sign symmetry with redrawn sizes (Liao, Leibo & Poggio 2016): errors travel through |R| sign(w), R drawn anew for
every batch."""
import numpy

import sign_symmetry
from harness import Rule, System, run
from networks import classes, deep

system = System("redrawn_sign_symmetry", "sign symmetry, redrawn sizes")

STEADY = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13] : source
    area h[11] : linear_unit
    area label[1] : linear_unit
    connect x -> h : dense(w = 0)
    connect h -> label : dense(w ~ normal(0, 0.5))
    cost c = sum(label.rate)
    learn c in x_h through h_label by RULE() with recorded()
}
train n on points, batch = 64, trials = TRIALS { x.rate = 1 + 0 * x }
"""

# Sums the gradient, its size and its square; changes nothing.
RECORDED = Rule("recorded", """
optimizer recorded() {
    state signed = 0, total = 0, square = 0
    signed += grad
    total += abs(grad)
    square += grad^2
    w -= 0 * grad
}
""")


def feedback(rule, trials):
    """With inputs of 1 and an error of 1 the gradient of the lower weights is the feedback itself."""
    found = run(STEADY.replace("RULE", rule.name).replace("TRIALS", str(trials)), data=classes(),
                rules=[rule, RECORDED])
    return {k: found[f"n.learn0.x_h.w.{k}"][0].astype(float) for k in ("signed", "total", "square")}, found["n.h_label.w"]


@system.check
def signs_are_those_of_the_weights(rule):
    """Every element of the feedback has the sign of its weight in all of 50 trials, so that the sum of the elements
    is as large as the sum of their sizes (to 50 single roundings); and the sizes differ between trials: their mean
    square exceeds the square of their mean by 57 % for normal draws, and by a tenth at the very least here."""
    found, w = feedback(rule, 50)
    assert (numpy.sign(found["signed"]) == numpy.sign(w[:, 0])).all(), "a sign differs"
    assert numpy.allclose(numpy.abs(found["signed"]), found["total"], rtol=1e-5), "a sign has changed"
    assert (50 * found["square"] > 1.1 * found["total"] ** 2).all(), "the sizes are the same in every trial"


@system.check
def sizes_follow_their_law(rule):
    """|R| with R normal of variance s^2 = 2 / (in + out): the mean size is s sqrt(2 / pi), the mean square s^2. From
    4 000 trials of 11 synapses the deviations of the two means are 0.4 and 0.7 %: within 3 %."""
    found, _ = feedback(rule, 4000)
    s = numpy.sqrt(2 / 12)
    assert abs(found["total"].mean() / 4000 / (s * numpy.sqrt(2 / numpy.pi)) - 1) < 0.03
    assert abs(found["square"].mean() / 4000 / s**2 - 1) < 0.03


@system.check
def output_learns_exactly(rule):
    """The output's weights have the exact gradient: one step of them is backprop's, to the bit."""
    ours, exact = (run(deep(name, trials=1), data=classes(), rules=[rule] if name == rule.name else [])
                   for name in (rule.name, "backprop"))
    assert ours.same(exact, ["n.h2_label.w", "n.h2_label.b"])
    assert not ours.same(exact, ["n.h1_h2.w"])


system.check(sign_symmetry.signs_agree_at_all_times)
system.check(sign_symmetry.half_of_the_signs_is_not_enough)

system.mutant("sizes drawn once", ("shared state size", "weight size"))
system.mutant("no signs", ("sign(w)", "1"))
system.mutant("signs of the sizes as well", ("abs(size)", "size"))
system.mutant("the sizes of the weights", ("abs(size)", "abs(w)"))
system.mutant("the sign of the message", ("abs(size)", "-abs(size)"))
system.mutant("sizes of another law", ("sqrt(2 /", "sqrt(6 /"))
system.mutant("the update of the output scaled", ("+= error(post) * pre", "+= 2 * error(post) * pre"))
system.mutant("no derivative of the unit", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("the first signs of the weights", ("each connection {", "each connection {\n        weight first = w"),
              ("sign(w)", "sign(first)"))

system.main()
