# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Node perturbation (Widrow & Lehr; Werfel et al. 2005): dW = -(eta / sigma^2) (C~ - C) xi x'."""
import numpy

from harness import System, run
from networks import classes, deep
from perturbation import MOMENTS, estimate, learning_speed, speed_law

system = System("node_perturbation", "node perturbation")


@system.check
def obeys_the_speed_law(rule):
    """E|v'|^2 = |v|^2 (1 - 2 eta + eta^2 kappa) with kappa = (M + 2)(N + 2): the best contraction is 1 - 1 / kappa."""
    speed_law(rule, lambda n, m: (m + 2) * (n + 2))


@system.check
def learns_at_that_speed(rule):
    """Over 2 kappa updates with eta = 1 / kappa, many times over, E|v|^2 falls by 1 / kappa per update, within 3 %
    of it: kappa = (M + 2)(N + 2)."""
    learning_speed(rule, lambda n, m: (m + 2) * (n + 2))


@system.check
def estimates_the_gradient(rule):
    """The mean of many estimates is the gradient of a nonlinear network."""
    estimate(rule, 20000, 0.99)


@system.check
def does_not_depend_on_the_size_of_the_noise(rule):
    """The same draws at half the size give the same estimate up to the curvature of the cost, which sigma = 1e-3
    leaves below a hundredth: within 5 %."""
    small, twice = (run(deep(rule.name, f"sigma = {s}", trials=1, optimizer="moments()"), data=classes(),
                        rules=[rule, MOMENTS])["n.learn0.x_h1.w.first"] for s in (1e-3, 2e-3))
    assert numpy.linalg.norm(small - twice) < 0.05 * numpy.linalg.norm(small)


system.mutant("the sign", ("let gain = (C@noisy - C@clean)", "let gain = (C@clean - C@noisy)"))
system.mutant("the clean cost is not subtracted", ("(C@noisy - C@clean)", "C@noisy"))
system.mutant("the other noise scale", ("/ sigma^2", "/ sigma"))
system.mutant("the input of the noisy phase is the probe", ("pre@clean", "post.xi@noisy"))
system.mutant("noise behind the unit", ("a.drive += xi", "a.drive += 2 * xi"))
system.mutant("one sign of noise", ("let xi ~ normal(0, sigma)", "let xi ~ uniform(0, sigma)"))
system.mutant("pre and post swapped", ("pre@clean", "post@clean"))
system.mutant("the modulator is detached", ("let gain = (C@noisy - C@clean)", "let gain = 1"))

system.main()
