# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Symmetric generalised recirculation (O'Reilly 1996), which is contrastive Hebbian learning."""
import numpy

from harness import System
from two_phases import rounded

system = System("symmetric_generec", "generalised recirculation, symmetric")


@system.check
def is_contrastive_hebbian_learning(rule):
    """Bit for bit, over two updates, on rates for which the arithmetic is exact (`rounded_unit`)."""
    got, other = rounded(rule.name, [rule], trials=2), rounded("contrastive_hebbian", trials=2)
    for n in got:
        assert numpy.abs(got[n]).max() > 1e-3, f"{n} does not learn"
        assert numpy.array_equal(got[n], other[n]), n


system.mutant("one way only",
              ("+\n                   (post.rate@minus + post.rate@plus) * (pre@minus - pre@plus)", ""))
system.mutant("anti-Hebbian", ("post.rate@minus - post.rate@plus", "post.rate@plus - post.rate@minus"))
system.mutant("not the mean", (")) / 2", "))"))

system.main()
