# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Between areas of one place each, a window joins every unit with every one: a dense connection.

Each test runs in the interpreter (double precision) and as native code.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rules"))
import numpy  # noqa: E402
from harness import on_both_engines, run  # noqa: E402
from networks import classes, deep  # noqa: E402

FORWARD = """
data points = table(x = npy("x.npy"))
network n {
    area x[13] : source { given negative = 0.25 }
    area h1[11] : normalised_relu_unit
    area h2[7] : normalised_relu_unit
    connect x -> h1 : dense(bias = true)
    connect h1 -> h2 : dense(bias = true)
    learn by forward_forward() with sgd(0.25)
}
train n on points, batch = 4, trials = 10 { x.rate = x }
"""


def through_windows(text, kind):
    """The same network, the units of each area at one place."""
    for name, n in (("x", 13), ("h1", 11), ("h2", 7), ("label", 5)):
        text = text.replace(f"area {name}[{n}]", f"area {name}[1, 1, {n}]")
    return text.replace(": dense(", f": {kind}(kernel = 1, ")


def learns_as_the_dense_one(interpret):
    """The same draws, and the same sums in another order: 10 steps of some hundred roundings of numbers near 1, which
    rules that compare two costs divide by 1e-3 or so. Null: other draws."""
    rules = {"backprop": "", "frozen": "", "feedback_alignment": "", "direct_feedback_alignment": "", "kolen_pollack": "",
             "weight_mirror": "", "redrawn_sign_symmetry": "", "node_perturbation": "sigma = 0.5",
             "weight_perturbation": "sigma = 0.5", "activity_node_perturbation": "sigma = 0.5", "forward_gradient": "",
             "activity_forward_gradient": "", "predictive_coding": "", "strict_predictive_coding": "precision = 0.5",
             "difference_target_propagation": ""}
    models = {name: deep(name, arguments, trials=10, optimizer="sgd(0.01)") for name, arguments in rules.items()}
    models["forward_forward"] = FORWARD
    for name, text in models.items():
        dense, null = (run(text, data=classes(), interpret=interpret, seed=s) for s in (1, 2))
        for kind in ("conv", "local"):
            if kind == "local" and name == "difference_target_propagation":  # whose weights start as a matrix
                continue
            seen = run(through_windows(text, kind), data=classes(), interpret=interpret)
            worst = max(numpy.abs(seen[n].astype(float).ravel() - dense[n].astype(float).ravel()).max()
                        for n in dense.states if not n.endswith(".updates"))
            other = numpy.abs(dense["n.x_h1.w"].astype(float) - null["n.x_h1.w"]).max()
            assert worst < (1e-6 if interpret else 1e-4) and other > 0.1, (name, kind, worst, other)


if __name__ == "__main__":
    on_both_engines(learns_as_the_dense_one)
