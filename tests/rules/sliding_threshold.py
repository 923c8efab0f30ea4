# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bienenstock, Cooper & Munro 1982: dw = eta y (y - theta) x, theta the average of y^2."""
import numpy

from harness import Engine, System, before, run

system = System("sliding_threshold", "BCM")

MODEL = """
data points = table(x = npy("x.npy"))
network n {
    area x[6] : source
    area y[4] : bcm_unit(tau = 4)
    connect x -> y : dense(w ~ uniform(0, 0.5))
    learn in x_y by sliding_threshold(0.03125)
}
train n on points, batch = PATTERNS, trials = TRIALS { x.rate = x }
"""


def patterns(count):
    """So many overlapping input patterns of 6 lines, linearly independent."""
    r = numpy.random.default_rng(4)
    x = 0.3 * r.uniform(size=(count, 6)) + numpy.eye(6)[:count]
    return {"x.npy": x.astype(numpy.float32)}


@system.check
def becomes_selective(rule):
    """With n equally frequent patterns the stable fixed points are known: a unit answers n to one pattern and 0 to
    the others, and its threshold is n (from y = theta for the preferred one and theta = y^2 / n). The approach is
    exponential and 6 000 trials long: to 1e-3."""
    for count in (2, 3):
        data = patterns(count)
        model = MODEL.replace("PATTERNS", str(count)).replace("TRIALS", "6000")
        last = run(model, data=data, rules=[rule])
        y = data["x.npy"].astype(float) @ last["n.x_y.w"].astype(float)
        for k, answers in enumerate(y.T):
            want = numpy.zeros(count)
            want[answers.argmax()] = count
            assert numpy.abs(answers - want).max() < 1e-3, f"{count} patterns, unit {k} answers {answers}"
        theta = last["n.y.threshold"]
        assert numpy.abs(theta - count).max() < 1e-3, f"thresholds {theta}"


@system.check
def follows_its_equation(rule):
    """dw = eta mean(y (y - theta) x) with the threshold from before the trial, in NumPy."""
    data = patterns(3)
    first, last = (how(MODEL.replace("PATTERNS", "3").replace("TRIALS", "30"), data=data, rules=[rule])
                   for how in (before, run))
    w, theta, x = first["n.x_y.w"].astype(float), numpy.zeros(4), data["x.npy"].astype(float)
    for _ in range(30):
        y = x @ w
        w = w + 0.03125 * x.T @ (y * (y - theta)) / len(x)
        theta = theta + ((y**2).mean(0) - theta) / 4
    for name, want in (("n.x_y.w", w), ("n.y.threshold", theta)):
        worst = numpy.abs(last[name] - want).max()
        assert worst <= (1e-12 if Engine.interpret else 1e-5), f"{name} is off by {worst:.1e}"


system.mutant("no threshold", ("(post.rate - post.threshold)", "post.rate"))
system.mutant("the sign", ("w += eta", "w += -eta"))
system.mutant("linear in the rate", ("eta * post.rate * (", "eta * ("))
system.mutant("the rate and the threshold swapped", ("(post.rate - post.threshold)", "(post.threshold - post.rate)"))
system.mutant("pre and post swapped", ("post.threshold) * pre", "post.threshold) * post.rate"))
system.mutant("a fixed threshold", ("post.threshold", "1"))

system.main()
