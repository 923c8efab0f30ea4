# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Serial node perturbation: (C(a + eps 1_i) - C(a)) / eps becomes dC/da_i as eps vanishes."""
import numpy

import serial
from harness import Engine, Rule, System, run
from perturbation import MOMENTS, speed_law

system = System("serial_node_perturbation", "serial node perturbation")


@system.check
def is_the_gradient_as_eps_vanishes(rule):
    """Interpreted, the gradient to 1e-5, with an error that is proportional to eps: the power is 1 within 0.05. Native
    code, which knows a cost to 2e-7, combines four large eps and gives the gradient to 2e-4."""
    serial.is_the_gradient_as_eps_vanishes(rule)


@system.check
def needs_one_pass_for_each_unit(rule):
    """An estimate is the gradient, so that its kappa is N + 2 where that of the parallel form is (M + 2)(N + 2): per
    pass, of which it needs M, the two differ by (M + 2) / M, whatever N is. eps = 1e-3 in a cost that is quadratic
    adds eps / 2 to each delta; that is nothing beside deltas near 3."""
    speed_law(rule, lambda n, m: n + 2)


ONE_UNIT = Rule("one_unit", """
rule one_unit(C: cost, sigma = 1e-3) : population, modulated {
    phase clean { run }
    phase noisy from start {
        run with each area a {
            let lot ~ uniform(0, 1)
            let xi ~ normal(0, sigma)
            let alone = where(lot == max(lot), xi, 0)
            a.drive += alone
        }
    }
    let gain = (C@noisy - C@clean) / sigma^2
    each connection { w.grad += gain * post.alone@noisy * pre@clean }
}
""")

SIZED = """
network n {
    area x[INPUTS] : source
    area y[OUTPUTS] : linear_unit
    connect x -> y : dense(w ~ normal(0, 1))
    cost c = sum(y.rate^2) / 2
    learn c by RULE() with moments()
}
train n, batch = 1, trials = 200_000 { x.rate ~ normal(0, 1) }
"""


@system.check
def parallel_beats_serial_by_a_bounded_factor(rule):
    """Noise on all M units at once, or on one of them, drawn by lot: the best contraction of |v|^2 per pass is
    1 - (E v.g)^2 / (|v|^2 E|g|^2), in which the second term is 1 / ((M + 2)(N + 2)) and 1 / (3 M (N + 2)). So the
    parallel form is faster by 3 M / (M + 2), whatever N is, and by less than 3, however many units there are (Werfel,
    Xie & Seung 2005); but a serial form that uses exact differences of all units, as this one, needs M passes and is
    faster than both: by (M + 2) / M. Measured at four sizes, each term to 1 % (200 000 trials), the ratios within 6 %,
    four deviations. Null model: weight perturbation, behind which no such bound holds; it is slower by
    (M N + 2) / (M + 2)."""
    if Engine.interpret:
        return

    def speed(name, n, m):
        text = SIZED.replace("INPUTS", str(n)).replace("OUTPUTS", str(m)).replace("RULE", name)
        last = run(text, rules=[MOMENTS, ONE_UNIT, rule])
        v = last["n.x_y.w"].astype(float)
        first, second = (last[f"n.learn0.x_y.w.{k}"].astype(float) / 200_000 for k in ("first", "second"))
        return ((v * first).sum() / numpy.linalg.norm(v)) ** 2 / second.sum()

    for n, m in ((10, 5), (30, 5), (10, 2), (10, 20)):
        parallel = speed("node_perturbation", n, m)
        for what, found, wanted in (("one unit", parallel / speed("one_unit", n, m), 3 * m / (m + 2)),
                                    ("all differences", speed(rule.name, n, m) / m / parallel, (m + 2) / m),
                                    ("weights", parallel / speed("weight_perturbation", n, m), (m * n + 2) / (m + 2))):
            assert abs(found / wanted - 1) < 0.06, f"{what}, N = {n}, M = {m}: {found:.3f}, not {wanted:.3f}"


system.mutant("the sign", ("(C@bumped - C@clean)", "(C@clean - C@bumped)"))
system.mutant("not divided by eps", ("/ eps", ""))
system.mutant("the clean cost is not subtracted", ("(C@bumped - C@clean)", "C@bumped"))
system.mutant("every unit is bumped", ("with { u.drive += eps }", "with each area a { a.drive += eps }"))
system.mutant("bumped behind the unit", ("u.drive += eps", "u.rate = u.drive + eps"))
system.mutant("its input is the error", ("post.delta * pre@clean", "post.delta"))
system.mutant("pre and post swapped", ("post.delta * pre@clean", "post.delta * post@clean"))

system.main()
