# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generalised recirculation (O'Reilly 1996): settle without and with the answer, move from the one to the other."""
import numpy

from harness import System
from two_phases import follows, rounded, weak_feedback

system = System("generec", "generalised recirculation")


@system.check
def follows_its_equation(rule):
    """Three updates in NumPy, feedback weights of their own that learn by the same rule. Double precision: 1e-15 a tick;
    single precision: 180 ticks of 6e-8."""
    follows(rule, middle=False)


@system.check
def becomes_the_gradient_where_feedback_is_weak(rule):
    """With transposed feedback of strength gamma, the update of the area below the outputs is gamma times the gradient of
    the cross-entropy, up to a part proportional to gamma (power 1 within 0.05)."""
    weak_feedback(rule)


@system.check
def is_not_contrastive_hebbian_learning(rule):
    """So that the bit check of the symmetric form is not idle."""
    got, other = rounded(rule.name, [rule]), rounded("contrastive_hebbian")
    assert numpy.abs(got["n.h1_h2.w"] - other["n.h1_h2.w"]).max() > 1e-3


system.mutant("anti-Hebbian", ("post.rate@minus - post.rate@plus", "post.rate@plus - post.rate@minus"))
system.mutant("the outputs stay free", ("o.rate = o.target", "o.rate = o.rate"))
system.mutant("the sum of the phases", ("post.rate@minus - post.rate@plus", "post.rate@minus + post.rate@plus"))
system.mutant("the sender with the answer", ("* pre@minus", "* pre@plus"))
system.mutant("pre and post swapped", ("* pre@minus", "* post@minus"))

system.main()
