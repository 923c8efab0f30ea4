# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sign symmetry with fixed sizes (Liao, Leibo & Poggio 2016): errors travel through |R| sign(w), R drawn once."""
import numpy

import sign_symmetry
from harness import System, before, run
from networks import classes, deep, follows

system = System("fixed_sign_symmetry", "sign symmetry, fixed sizes")

SIZES = ["n.learn0.h1_h2.size", "n.learn0.h2_label.size"]


@system.check
def follows_its_equation(rule):
    """delta_l = (|R| sign(w) delta_{l+1}) * f'(a_l), in NumPy, with the signs of the moment and the first sizes."""
    follows(rule, rule.name, lambda net, s, l, deltas, target:
            deltas[l + 1] @ (numpy.abs(s[SIZES[l]]) * numpy.sign(net.w[l + 1])).T)


@system.check
def sizes_are_constant(rule):
    """The sizes are the same bits before and after training; their law is normal with deviation
    sqrt(2 / (in + out)): 77 draws have that deviation within a third (four standard errors of it)."""
    first, last = (how(deep(rule.name), data=classes(), rules=[rule]) for how in (before, run))
    for name in SIZES:
        assert first[name].tobytes() == last[name].tobytes(), f"{name} has changed"
    deviation = numpy.std(first[SIZES[0]])
    assert abs(deviation / numpy.sqrt(2 / 18) - 1) < 1 / 3, f"deviation {deviation:.3f}"


system.check(sign_symmetry.signs_agree_at_all_times)
system.check(sign_symmetry.half_of_the_signs_is_not_enough)

system.mutant("the sizes of the weights", ("abs(size)", "abs(w)"))
system.mutant("no signs: fixed positive feedback", ("sign(w)", "1"))
system.mutant("signs of the sizes as well", ("abs(size)", "size"))
system.mutant("the sign of the message", ("abs(size)", "-abs(size)"))
system.mutant("sizes learn", ("w.grad     +=", "size.grad += error(post) * pre\n        w.grad     +="))
system.mutant("no derivative of the unit", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("sizes redrawn in every step",
              ("weight size ~", "weight size ~ normal(0, sqrt(2 / (fan_in + fan_out)))\n        shared state fresh ~"),
              ("abs(size)", "abs(fresh)"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("the first signs of the weights", ("each connection {", "each connection {\n        weight first = w"),
              ("sign(w)", "sign(first)"))

system.main()
