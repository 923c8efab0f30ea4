# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward gradient (Baydin et al. 2022): dW = -eta (grad C . Xi) Xi, one Xi per weight and trial."""
import weight_noise
from harness import Rule, System
from perturbation import derivative_along

system = System("forward_gradient", "forward gradient")


@system.check
def is_the_derivative_along_what_was_drawn(rule):
    """One trial of one sample: what the rule gives is its direction times the central difference of the cost along that
    direction, which a rule with the same draw reveals."""
    derivative_along(rule, Rule("direction", """
rule direction(C: cost) : local { each connection { shared state xi ~ normal(0, 1); w.grad += xi } }
"""), "wb")


system.check(weight_noise.obeys_the_speed_law)
system.check(weight_noise.learns_at_that_speed)
system.check(weight_noise.estimates_the_gradient)

system.mutant("the sign", ("push(C, xi) * xi", "-push(C, xi) * xi"))
system.mutant("the modulator is detached", ("push(C, xi) * xi", "xi"))
system.mutant("the size of the derivative only", ("push(C, xi) * xi", "abs(push(C, xi)) * xi"))
system.mutant("the direction is another draw", ("shared state xi", "shared state other ~ normal(0, 1); shared state xi"),
              ("* xi", "* other"))
system.mutant("a direction of twice the length", ("push(C, xi)", "push(C, 2 * xi)"))
system.mutant("one sign of noise", ("xi ~ normal(0, 1)", "xi ~ uniform(0, 1)"))
system.mutant("only what feeds the output", ("each connection", "each connection to output"))

system.main()
