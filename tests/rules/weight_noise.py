# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What rules have in common that try random changes of weights."""
from perturbation import estimate, learning_speed, speed_law


def obeys_the_speed_law(rule):
    """E|v'|^2 = |v|^2 (1 - 2 eta + eta^2 kappa) with kappa = (M N + 2)(N + 2): the best contraction is 1 - 1 / kappa."""
    speed_law(rule, lambda n, m: (m * n + 2) * (n + 2))


def learns_at_that_speed(rule):
    """Over 2 kappa updates with eta = 1 / kappa, many times over, E|v|^2 falls by 1 / kappa per update, within 3 %
    of it: kappa = (M N + 2)(N + 2)."""
    learning_speed(rule, lambda n, m: (m * n + 2) * (n + 2))


def estimates_the_gradient(rule):
    """The mean of many estimates is the gradient of a nonlinear network: a cosine above .99 in every connection."""
    estimate(rule, 100000, 0.99)
