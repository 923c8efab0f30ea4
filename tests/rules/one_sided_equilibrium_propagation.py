# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equilibrium propagation with one nudge (Scellier & Bengio 2017), which leaves a bias of the first order."""
import nudging
from harness import Engine, System

system = System("one_sided_equilibrium_propagation", "equilibrium propagation, one-sided")


@system.check
def follows_its_equation(rule):
    """Three updates of a network with two hidden areas, 20 free ticks and 4 nudged ones, in NumPy. Double precision
    differs by the order of sums alone, 1e-13 a tick; single precision by 24 ticks of 6e-8, and three steps."""
    nudging.follows(rule, nudges=(0.5, 0), scale=0.5)


@system.check
def the_free_state_persists(rule):
    """With `item` states and fixed weights, four trials of three free ticks settle as twelve free ticks do, in NumPy."""
    nudging.settles_on(rule)


@system.check
def is_the_gradient_as_beta_vanishes(rule):
    """Nudging one way leaves a bias of the first order in beta: between five betas from 0.05 to 0.002 the power is 1, up
    to the next order, 2 beta. So it is with units of a smooth energy, and with those of the library where no state comes
    to its bounds. The exact gradient goes back through 151 ticks. Native code: 300 ticks of single precision, 1e-6 of
    states, over beta are a hundredth of a bias that falls with beta down to 0.01."""
    betas = (0.05, 0.01) if Engine.mutating else (0.05, 0.02, 0.01, 0.005, 0.002) if Engine.interpret else (0.05, 0.02, 0.01)
    for unit in ("smooth_unit",) if Engine.mutating else ("smooth_unit", "bounded_unit"):
        powers, off = nudging.powers(rule, rule.name, betas, unit)
        for power, beta in zip(powers, betas):
            assert abs(power - 1) < 2 * beta + (0.005 if Engine.interpret else 0.02), f"{unit}: {powers}, {off}"
        assert off[0] < 0.1, f"{unit}: {off}"


system.mutant("nudged the other way", ("o.drive -= beta", "o.drive += beta"))
system.mutant("the nudged state persists", ("phase rest from settled {}", ""))
system.mutant("half the scale", ("/ beta", "/ (2 * beta)"))
system.mutant("nudged by the state", ("beta * error(o.rate)", "beta * o.rate"))
system.mutant("the sign", ("(post.rate * pre)@settled - (post.rate * pre)@up", "(post.rate * pre)@up - (post.rate * pre)@settled"))
system.mutant("the free phase is not subtracted", ("(post.rate * pre)@settled - ", "-"))
system.mutant("the nudge starts from nothing", ("phase up from settled", "phase up from start"))
system.mutant("the sender stays free", ("(post.rate * pre)@up", "post.rate@up * pre@settled"))

system.main()
