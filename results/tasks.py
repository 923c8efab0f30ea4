# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tasks of docs/results.md: models, and what each of their networks should reach."""
from typing import NamedTuple, Optional


class Target(NamedTuple):
    network: str
    title: str
    published: str = "–"  # with its source
    low: float = 0  # least and greatest mean accuracy
    high: float = 1
    near: Optional[str] = None  # at most `within` below this network of the same model
    within: float = 0


class Task(NamedTuple):
    model: str
    title: str
    targets: tuple
    seeds: tuple = (1, 2, 3)


TASKS = (
    Task("fashion_mnist", "Fashion-MNIST, 784-100-100-10, 8 epochs", (
        Target("by_backprop", "backprop", low=0.880),
        Target("by_feedback", "feedback alignment", low=0.870),
        Target("by_direct_feedback", "direct feedback alignment", low=0.875),
    )),
    Task("mnist", "MNIST, 784-500-10, 20 epochs", (
        Target("digits", "backprop", "98.5 %, logistic units, 400 epochs (Akrout et al. 2019, code)", low=0.982),
    )),
    Task("feedback", "Fashion-MNIST, 784-500-10, 12 epochs", (
        Target("by_backprop", "backprop", low=0.888),
        Target("by_feedback", "feedback alignment", near="by_backprop", within=0.010),
        Target("by_direct_feedback", "direct feedback alignment", low=0.883),
        Target("by_target_projection", "direct random target projection"),
        Target("by_kolen_pollack", "Kolen–Pollack", near="by_backprop", within=0.003),
        Target("by_uniform_signs", "uniform sign symmetry", near="by_backprop", within=0.005),
        Target("by_fixed_signs", "sign symmetry, fixed sizes", near="by_backprop", within=0.005),
        Target("frozen_hidden", "null model: frozen hidden area", high=0.870),
    )),
)
