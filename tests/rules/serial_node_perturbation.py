# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serial node perturbation: (C(a + eps 1_i) - C(a)) / eps becomes dC/da_i as eps vanishes."""
import numpy

import serial
from harness import Engine, Rule, System, run
from perturbation import LINEAR, MOMENTS, speed_law

system = System("serial_node_perturbation", "serial node perturbation")


@system.check
def is_the_gradient_as_eps_vanishes(rule):
    """The gradient to 1e-5, with an error that is proportional to eps: the power is 1 within 0.05."""
    serial.is_the_gradient_as_eps_vanishes(rule)


@system.check
def needs_one_pass_for_each_unit(rule):
    """An estimate is the gradient, so that its kappa is N + 2 where that of the parallel form is (M + 2)(N + 2): per
    pass, of which it needs M, the two differ by (M + 2) / M, whatever N is. eps = 1e-3 in a cost that is quadratic
    adds eps / 2 to each delta; that is nothing beside deltas near 3."""
    speed_law(rule, lambda n, m: n + 2)


ONE_UNIT = """
rule one_unit(C: cost, sigma = 1e-3) : modulated {
    phase clean { run }
    phase noisy from start {
        run with each area a {
            let chosen ~ uniform(0, 1)
            let xi ~ normal(0, sigma)
            a.drive += where(chosen < 0.2, xi, 0)
        }
    }
    let gain = (C@noisy - C@clean) / sigma^2
    each connection { w.grad += gain * where(post.chosen@noisy < 0.2, post.xi@noisy, 0) * pre@clean }
}
"""


@system.check
def parallel_beats_serial_by_a_bounded_factor(rule):
    """Noise on one of five units per pass (each with probability 1/5), with the best eta of each: v.g = |v|^2 / 5 and
    |g|^2 = 5 terms of which each is there once in five passes. The best contraction is (E v.g)^2 / E|g|^2. With
    noise on m units of M, g's kappa is (m_eff + 2)(N + 2), so that the parallel form gains less than 3 however many
    units there are (Werfel 2005). Measured: the gain of the parallel form lies in (1, 3)."""
    if Engine.interpret:
        return
    data = {"x.npy": numpy.random.default_rng(1).normal(size=(100_000, 10)).astype(numpy.float32)}

    def best(name, rules):
        last = run(LINEAR.replace("RULE", name), data=data, rules=rules)
        v = last["n.x_y.w"].astype(float)
        first, second = (last[f"n.learn0.x_y.w.{m}"].astype(float) / 100_000 for m in ("first", "second"))
        return ((v * first).sum() / numpy.linalg.norm(v)) ** 2 / second.sum()

    parallel = best("node_perturbation", [MOMENTS])
    alone = best("one_unit", [MOMENTS, Rule("one_unit", ONE_UNIT)])
    assert 1 < parallel / alone < 3, f"parallel is {parallel / alone:.2f} times as fast"
    per_pass = best(rule.name, [MOMENTS, rule]) / 5
    assert abs(per_pass / parallel - 7 / 5) < 0.06, f"{per_pass / parallel:.3f}, not (M + 2) / M"


system.mutant("the sign", ("(C@bumped - C@clean)", "(C@clean - C@bumped)"))
system.mutant("not divided by eps", ("/ eps", ""))
system.mutant("the clean cost is not subtracted", ("(C@bumped - C@clean)", "C@bumped"))
system.mutant("every unit is bumped", ("with { u.drive += eps }", "with each area a { a.drive += eps }"))
system.mutant("bumped behind the unit", ("u.drive += eps", "u.rate = u.drive + eps"))
system.mutant("its input is the error", ("post.delta * pre@clean", "post.delta"))
system.mutant("pre and post swapped", ("post.delta * pre@clean", "post.delta * post@clean"))

system.main()
