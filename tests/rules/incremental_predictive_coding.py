# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Incremental predictive coding (Salvatori et al. 2024): weights move in every step of inference."""
import numpy

from harness import Engine, System, before, run
from networks import Perceptron, classes, deep
from predictive import Inference, distance

system = System("incremental_predictive_coding", "incremental predictive coding")


@system.check
def follows_its_equation(rule):
    """Three trials of eight steps in NumPy, the weights moving with the value nodes in each, with momentum: 24 updates.
    The next step sees the new weights. Double precision differs by the order of sums, 1e-15 an update; single precision
    by 6e-8 an update, times ten for the momentum."""
    model = deep(rule.name, "steps = 8, step = 0.25", batch=64, trials=3,
                 optimizer="sgd(0.0625, momentum = 0.75) every 1 ticks")
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    data, net = classes(), Perceptron(first)
    velocity = [[numpy.zeros_like(w), numpy.zeros_like(b)] for w, b in zip(net.w, net.b)]
    for _ in range(3):
        inference = Inference(net, data["x.npy"].astype(float), data["y.npy"])
        for _ in range(8):
            gradients = inference.gradients(*inference.tick(0.25))
            for k, g in enumerate(gradients):
                velocity[k] = [0.75 * v + part for v, part in zip(velocity[k], g)]
            net.w = [w - 0.0625 * v for w, (v, _) in zip(net.w, velocity)]
            net.b = [b - 0.0625 * v for b, (_, v) in zip(net.b, velocity)]
    assert last["n.learn0.updates"] == 24
    bound = 1e-12 if Engine.interpret else 2e-5
    for k, c in enumerate(net.connections):
        assert numpy.abs(net.w[k] - first[f"n.{c}.w"]).max() > 1e-3, f"{c} does not learn"
        for name, wanted in ((f"n.{c}.w", net.w[k]), (f"n.{c}.b", net.b[k])):
            worst = numpy.abs(last[name] - wanted).max()
            assert worst <= bound, f"{name} is {worst:.1e} from its equation"


@system.check
def differs_from_one_update_a_trial_by_what_the_weights_did_meanwhile(rule):
    """The gradients of the steps are summed up where the line does not say `every 1 ticks`. That the later steps see
    other weights changes the update by a part proportional to the rate: power 1 within 0.05. Native code knows an
    update to 1e-7 of the weights: it takes rates 32 times as large."""
    off = []
    for rate in (2**-10, 2**-11) if Engine.interpret else (2**-5, 2**-6):
        changes = []
        for when in (" every 1 ticks", ""):
            model = deep(rule.name, "steps = 8, step = 0.25", batch=8, trials=1, optimizer=f"sgd({rate}){when}")
            a, b = (how(model, data=classes(8), rules=[rule]) for how in (before, run))
            changes.append({n: a[n] - b[n] for n in b.states if n.endswith((".w", ".b"))})
        off.append(distance(*changes))
    assert off[1] > 1e-6, "no difference"
    power = numpy.log2(off[0] / off[1])
    assert abs(power - 1) < 0.05 and off[1] < 0.1, f"power {power:.3f}, {off}"


system.mutant("the error of the unit with the other sign", ("error(h.drive) += -eps", "error(h.drive) += eps"))
system.mutant("no slope", ("d(sum(stop(error(h.rate)) * h.rate(x)), x)", "error(h.rate)"))
system.mutant("learns from the rates of the guess", ("error(post) * pre }", "error(post) * pre@guess }"))
system.mutant("pre and post swapped", ("error(post) * pre }", "error(post) * post }"))
system.mutant("weights wait for the last step",
              ("; w.grad += error(post) * pre }", " }"), ("}\n    }\n}", "}\n    }\n    each connection { w.grad += error(post)@infer * pre@infer }\n}"))

system.main()
