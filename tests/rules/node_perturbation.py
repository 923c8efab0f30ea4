# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Node perturbation (Widrow & Lehr; Werfel et al. 2005): dW = -(eta / sigma^2) (C~ - C) xi x'."""
import numpy

import node_noise
import perturbation
from harness import Engine, Rule, System, before, run
from networks import Perceptron, classes, deep

system = System("node_perturbation", "node perturbation")

system.check(node_noise.obeys_the_speed_law)
system.check(node_noise.learns_at_that_speed)
system.check(node_noise.estimates_the_gradient)
system.check(perturbation.does_not_depend_on_the_size_of_the_noise)


@system.check
def follows_its_equation(rule):
    """One update of one sample in NumPy, with noise so large (sigma = 1/2) that the two passes are far apart: w.grad =
    (C~ - C) / sigma^2 xi x', x of the clean pass. The noise is read from weights that the check adds to the rule. In
    double precision the order of sums differs; single precision knows costs near 2 to 5e-7, times 1 / sigma^2 and a
    noise below 2."""
    kept = Rule(rule.name, rule.text[:-1] + "    each area a { weight kept = 0; kept += a.xi@noisy }\n}")
    model = deep(rule.name, "sigma = 0.5", batch=1, trials=1, optimizer="sgd(1)")
    data = classes(1)
    first, last = (how(model, data=data, rules=[kept]) for how in (before, run))
    xi = [last[f"n.learn0.{a}.kept"].astype(float) for a in ("h1", "h2", "label")]
    net, x, y = Perceptron(first), data["x.npy"].astype(float), data["y.npy"][0]
    clean = net.forward(x)
    net.b = [b + n for b, n in zip(net.b, xi)]  # noise on a drive is a bias of one trial
    noisy = net.forward(x)
    gain = (numpy.log(clean[-1][0, y]) - numpy.log(noisy[-1][0, y])) / 0.25
    assert abs(gain) > 0.1 and min(numpy.abs(a - b).max() for a, b in zip(clean[1:], noisy[1:])) > 0.1
    for c, n, pre in zip(net.connections, xi, clean):
        for key, wanted in ((f"n.{c}.w", gain * numpy.outer(pre[0], n)), (f"n.{c}.b", gain * n)):
            worst = numpy.abs(first[key].astype(float) - last[key] - wanted).max()
            assert worst < (1e-12 if Engine.interpret else 1e-5), f"{key} is {worst:.1e} from its equation"


system.mutant("the input of the noisy pass", ("pre@clean", "pre@noisy"))
system.mutant("the sign", ("let gain = (C@noisy - C@clean)", "let gain = (C@clean - C@noisy)"))
system.mutant("the clean cost is not subtracted", ("(C@noisy - C@clean)", "C@noisy"))
system.mutant("the other noise scale", ("/ sigma^2", "/ sigma"))
system.mutant("the input of the noisy phase is the probe", ("pre@clean", "post.xi@noisy"))
system.mutant("noise behind the unit", ("a.drive += xi", "a.drive += 2 * xi"))
system.mutant("one sign of noise", ("let xi ~ normal(0, sigma)", "let xi ~ uniform(0, sigma)"))
system.mutant("pre and post swapped", ("pre@clean", "post@clean"))
system.mutant("the modulator is detached", ("let gain = (C@noisy - C@clean)", "let gain = 1"))

system.main()
