# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demo's model on the real images: mean test accuracy of three seeds, with null models and mutants.

784-100-100-10 separates the rules: with hidden areas as they were drawn it is 9 points below backprop, where 500
hidden units are 4. The settings were chosen on held-out training images: see results/choose.py.
"""
import os
import re
import sys

from harness import ROOT, Rule, run

SEEDS = (1, 2, 3)
with open(os.path.join(ROOT, "models", "fashion_mnist.apical")) as file:
    DEMO = file.read().replace("use std\n", "")


def alone(network):
    """One network of the demo with its two experiments."""
    declaration = re.search(rf"^network {network} \{{.*?^\}}", DEMO, re.M | re.S)[0]
    experiments = re.findall(rf"^(?:train|test)\s+{network}\b.*$", DEMO, re.M)
    assert len(experiments) == 2
    return "\n".join(["param rate = " + re.search(r"param rate = (\S+)", DEMO)[1], declaration, *experiments])


def with_rule(name):
    return alone("by_backprop").replace("by backprop()", f"by {name}()")


redrawn = Rule("feedback_alignment").edit(("weight B ~", "shared state B ~"))
opposed = Rule("weight_transport").edit(("+= w *", "+= -w *"))

# model, its own rules, least and greatest mean accuracy (a name is that of a row above), what it shows
BARS = [
    ("backprop", alone("by_backprop"), [], 0.880, 1, "the demo"),
    ("direct feedback alignment", alone("by_direct_feedback"), [], 0.875, 1, "the demo"),
    ("feedback alignment", alone("by_feedback"), [], 0.870, 1, "the demo"),
    ("frozen hidden areas", with_rule("frozen"), [], 0.77, 0.81, "null model"),
    ("feedback redrawn in every step", alone("by_feedback"), [redrawn], 0, "frozen hidden areas", "mutant"),
    # Alignment cannot repair feedback that follows w; a fixed -B would learn as well as B.
    ("feedback through -w", with_rule("weight_transport"), [opposed], 0, "frozen hidden areas", "mutant"),
]

means, good = {}, True
print("| rule | what | seeds | mean | wanted |\n|---|---|---|---|---|")
for name, model, rules, low, high, what in BARS:
    found = []
    for seed in SEEDS:
        tests = run(model, rules=rules, seed=seed).series("accuracy", "test")
        assert len(tests) == 1, f"{name}: {len(tests)} tests"
        found += tests
    means[name] = sum(found) / len(found)
    top = means[high] if isinstance(high, str) else high
    fine = low <= means[name] <= top
    good &= fine
    print(f"| {name} | {what} | {' '.join(f'{100 * a:.2f}' for a in found)} | {100 * means[name]:.2f} % | "
          f"{100 * low:.1f} to {100 * top:.1f} %{'' if fine else ': MISSED'} |", flush=True)
sys.exit(not good)
