# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generalised recirculation as a midpoint method (O'Reilly 1996)."""
from harness import System
from two_phases import follows, weak_feedback

system = System("midpoint_generec", "generalised recirculation, midpoint")


@system.check
def follows_its_equation(rule):
    """Three updates in NumPy, feedback weights of their own that learn by the same rule. Double precision: 1e-15 a tick;
    single precision: 180 ticks of 6e-8."""
    follows(rule, middle=True)


@system.check
def becomes_the_gradient_where_feedback_is_weak(rule):
    """With transposed feedback of strength gamma, the update of the area below the outputs is gamma times the gradient of
    the cross-entropy, up to a part proportional to gamma (power 1 within 0.05)."""
    weak_feedback(rule)


system.mutant("anti-Hebbian", ("post.rate@minus - post.rate@plus", "post.rate@plus - post.rate@minus"))
system.mutant("the outputs stay free", ("o.rate = o.target", "o.rate = o.rate"))
system.mutant("not the mean", (") / 2", ")"))
system.mutant("the sender without the answer", ("(pre@minus + pre@plus) / 2", "pre@minus"))
system.mutant("pre and post swapped", ("(pre@minus + pre@plus) / 2", "(post@minus + post@plus) / 2"))

system.main()
