# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weight perturbation (Werfel et al. 2005): dW = -(eta / sigma^2) (C(W + Xi) - C(W)) Xi, one Xi per weight and trial."""
import perturbation
import weight_noise
from harness import System

system = System("weight_perturbation", "weight perturbation")

system.check(weight_noise.obeys_the_speed_law)
system.check(weight_noise.learns_at_that_speed)
system.check(weight_noise.estimates_the_gradient)
system.check(perturbation.does_not_depend_on_the_size_of_the_noise)

system.mutant("the sign", ("let gain = (C@noisy - C@clean)", "let gain = (C@clean - C@noisy)"))
system.mutant("the clean cost is not subtracted", ("(C@noisy - C@clean)", "C@noisy"))
system.mutant("the other noise scale", ("/ sigma^2", "/ sigma"))
system.mutant("the eligibility is another draw", ("shared state xi", "shared state other ~ normal(0, sigma); shared state xi"),
              ("gain * xi", "gain * other"))
system.mutant("noise of twice the size", ("w += xi", "w += 2 * xi"))
system.mutant("one sign of noise", ("xi ~ normal(0, sigma)", "xi ~ uniform(0, sigma)"))
system.mutant("the modulator is detached", ("let gain = (C@noisy - C@clean)", "let gain = 1"))

system.main()
