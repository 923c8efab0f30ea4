# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward gradient of what units receive (Ren et al. 2023): dW_l = -eta (sum_k dC/da_k . xi_k) xi_l x', one xi per unit
and sample."""
import node_noise
from harness import Rule, System
from perturbation import derivative_along

system = System("activity_forward_gradient", "forward gradient of what units receive")


@system.check
def is_the_derivative_along_what_was_drawn(rule):
    """One trial of one sample: what the rule gives the biases, which displace as the direction does, is its direction
    times the central difference of the cost along that direction, which a rule with the same draw reveals."""
    derivative_along(rule, Rule("direction", """
rule direction(C: cost) : local { each area a { let xi ~ normal(0, 1) }; each connection { w.grad += post.xi } }
"""), "b")


system.check(node_noise.obeys_the_speed_law)
system.check(node_noise.learns_at_that_speed)
system.check(node_noise.estimates_the_gradient)

system.mutant("the sign", ("post.along * post.xi", "-post.along * post.xi"))
system.mutant("the modulator is detached", ("post.along * post.xi", "post.xi"))
system.mutant("the size of the derivative only", ("post.along", "abs(post.along)"))
system.mutant("the direction is another draw", ("let along", "let other ~ normal(0, 1); let along"), ("post.xi", "post.other"))
system.mutant("a direction of twice the length", ("push(C, xi)", "push(C, 2 * xi)"))
system.mutant("one sign of noise", ("xi ~ normal(0, 1)", "xi ~ uniform(0, 1)"))
system.mutant("pre and post swapped", ("* pre", "* post"))
system.mutant("a derivative of the rates", ("push(C, xi)", "sum(push(xi))"))

system.main()
