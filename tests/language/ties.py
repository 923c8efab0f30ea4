# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the derivative of max, min, abs, norm and clip is where it is one-sided (docs/language.md, 5.2).

All drives are exactly 0, so every unit stands on its kink; one descent of rate 1 then leaves minus the derivative in
the biases. Numbers are small integers: nothing is rounded.
"""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import on_both_engines, run

MODEL = """
unit kinked { input drive; output rate = UNIT }
data d = table(x = npy("x.npy"))
network n {
    area x[2] : source
    area y[3] : kinked
    connect x -> y : dense(w = 0, bias = true)
    cost c = COST
    learn c by backprop() with sgd(1)
}
train n on d, batch = 4, trials = 1 { x.rate = x }
"""


def derivatives(interpret, unit="drive", cost="sum(y.rate)"):
    model = MODEL.replace("UNIT", unit).replace("COST", cost)
    return (-run(model, {"x.npy": numpy.ones((4, 2))}, interpret=interpret)["n.x_y.b"]).tolist()


def the_second_of_two_takes_it(interpret):
    for unit, slope in (("max(2 * drive, 3 * drive)", 3), ("max(3 * drive, 2 * drive)", 2), ("max(drive, 0)", 0),
                        ("max(0, drive)", 1), ("min(2 * drive, 3 * drive)", 3), ("min(drive, 0)", 0),
                        ("abs(drive)", 0), ("sqrt(drive)", 0), ("clip(drive, 0, 1)", 1), ("clip(drive, -1, 0)", 1)):
        assert derivatives(interpret, unit) == [slope] * 3, (unit, derivatives(interpret, unit))


def what_is_smooth_has_its_derivative(interpret):
    """logistic and softplus are computed from |x|, and still have slopes at 0."""
    for unit, slope in (("4 * logistic(drive)", 1), ("2 * softplus(drive)", 1), ("tanh(drive)", 1)):
        assert derivatives(interpret, unit) == [slope] * 3, (unit, derivatives(interpret, unit))


def every_element_that_attains_it_counts(interpret):
    """Three units at 0: each is the maximum, and each receives all of the derivative. With one of them raised above the
    others it is the only one."""
    assert derivatives(interpret, cost="max(y.rate)") == [1, 1, 1]
    assert derivatives(interpret, cost="min(y.rate)") == [1, 1, 1]
    first = "where(cumsum(1 + 0 * drive) == 1, 1, 0)"
    assert derivatives(interpret, unit=f"drive + {first}", cost="max(y.rate)") == [1, 0, 0]
    assert derivatives(interpret, unit=f"drive + {first}", cost="min(y.rate)") == [0, 1, 1]


def the_norm_of_nothing_is_flat(interpret):
    """Where all units are at 0 their norm has no slope; where one is 3 and the others are 0 it has that one's sign."""
    assert derivatives(interpret, cost="norm(y.rate)") == [0, 0, 0]
    first = "where(cumsum(1 + 0 * drive) == 1, 3, 0)"
    assert derivatives(interpret, unit=f"drive - {first}", cost="norm(y.rate)") == [-1, 0, 0]


if __name__ == "__main__":
    on_both_engines(the_second_of_two_takes_it, what_is_smooth_has_its_derivative,
                    every_element_that_attains_it_counts, the_norm_of_nothing_is_flat)
