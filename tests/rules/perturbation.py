# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the rules that estimate the gradient by noise have in common."""
import numpy

from harness import Engine, Rule, before, run
from networks import Perceptron, classes, deep

# An optimizer that changes nothing and remembers the first two moments of what it is given.
MOMENTS = Rule("moments", """
optimizer moments() {
    state first = 0, second = 0
    first += grad
    second += grad^2
    w -= 0 * grad
}
""")

LINEAR = """
data points = table(x = npy("x.npy"))
network n {
    area x[10] : source
    area y[5] : linear_unit
    connect x -> y : dense(w ~ normal(0, 1))
    cost c = sum(y.rate^2) / 2
    learn c by RULE() with moments()
}
train n on points, batch = 1, epochs = 1 { x.rate = x }
"""


def speed_law(rule, kappa):
    """A linear perceptron y = W x with targets 0, so that v = W, and x ~ N(0, I). The law of the learning speed is
    that of two moments of the estimate g at fixed W: E v.g = |v|^2, from which -2 eta comes, and E |g|^2 =
    kappa |v|^2, from which eta^2 kappa comes. Both are measured here over independent trials. The relative deviation
    of |g|^2 is about 3 (products of Gaussians), so that 200 000 trials give it to 0.7 %: 3 % is four deviations.
    The interpreter, for mutants, makes do with 20 000 and 12 %."""
    samples, bound = (20_000, 0.12) if Engine.interpret else (200_000, 0.03)
    data = {"x.npy": numpy.random.default_rng(1).normal(size=(samples, 10)).astype(numpy.float32)}
    last = run(LINEAR.replace("RULE", rule.name), data=data, rules=[rule, MOMENTS])
    v = last["n.x_y.w"].astype(float)
    first, second = (last[f"n.learn0.x_y.w.{m}"].astype(float) / samples for m in ("first", "second"))
    size = (v**2).sum()
    along = (v * first).sum() / size
    assert abs(along - 1) < bound, f"E v.g / |v|^2 is {along:.4f}, not 1"
    found, wanted = second.sum() / size, kappa(10, 5)
    assert abs(found / wanted - 1) < bound, f"kappa is {found:.2f}, not {wanted}"


# An optimizer that descends, and puts the weights back to 1 after every `length` updates; `ended` sums the squares of
# where they had come to by then.
RESTARTED = Rule("restarted", """
optimizer restarted(rate, length) {
    state ended = 0
    let moved = w - rate * grad
    let over = floor(updates / length) == updates / length
    ended += where(over, moved^2, 0)
    w = where(over, 1, moved)
}
""")

LEARNING = """
network n {
    area x[10] : source
    area y[5] : linear_unit
    connect x -> y : dense(w = 1)
    cost c = sum(y.rate^2) / 2
    learn c by RULE() with restarted(1 / KAPPA, LENGTH)
}
train n, batch = 1, trials = TRIALS { x.rate ~ normal(0, 1) }
"""


def learning_speed(rule, kappa):
    """The law during learning: at the best rate, eta = 1 / kappa, E|v|^2 falls by the factor (1 - 1 / kappa)^T in T
    updates, whatever v is on the way. Runs of T = 2 kappa updates (to e^-2) begin at one place and are independent,
    since inputs and noise are drawn anew. One update changes |v|^2 by 1 / kappa in the mean with a deviation of 3 to 4
    times that, so that 400 000 updates, in runs of any length, give 1 / kappa within 0.6 %: 3 % is five deviations.
    The interpreter, for mutants, makes do with 20 000 and 12 %."""
    updates, bound = (20_000, 0.12) if Engine.interpret else (400_000, 0.03)
    kappa = kappa(10, 5)
    length = 2 * kappa
    runs = updates // length
    text = LEARNING.replace("RULE", rule.name).replace("KAPPA", str(kappa)).replace("LENGTH", str(length))
    last = run(text.replace("TRIALS", str(runs * length)), rules=[rule, RESTARTED])
    left = last["n.learn0.x_y.w.ended"].astype(float).sum() / 50 / runs
    found = 1 - left ** (1 / length)
    assert abs(found * kappa - 1) < bound, f"falls by {found:.6f} per update, not by 1 / {kappa} = {1 / kappa:.6f}"


def estimate(rule, trials, least):
    """The mean over many trials has this cosine with the exact gradient of a nonlinear network, in every connection,
    and a tenth is the most that its length along the gradient is off. The noise of the mean falls with the square
    root of the trials: the interpreter, for mutants, makes do with a fifth of them and with wider bounds."""
    if Engine.interpret:
        trials, least, off = trials // 5, least - 0.25, 0.25
    else:
        off = 0.1
    last = run(deep(rule.name, batch=16, trials=trials, optimizer="moments()"), data=classes(), rules=[rule, MOMENTS])
    exact = run(deep("backprop", batch=16, trials=4, optimizer="moments()"), data=classes(), rules=[MOMENTS])
    for name in exact.states:
        if name.endswith(".w.first"):
            g, e = last[name].ravel().astype(float), exact[name].ravel().astype(float)
            cosine = g @ e / numpy.linalg.norm(g) / numpy.linalg.norm(e)
            assert cosine > least, f"{name}: cosine {cosine:.3f}"
            length = g @ e / (e @ e) / (last["n.learn0.updates"] / exact["n.learn0.updates"])
            assert abs(length - 1) < off, f"{name}: {float(length):.2f} times the gradient"


def derivative_along(rule, direction, kinds):
    """One trial of one sample, for four seeds: the change of each array of weights that the direction displaces (`kinds`:
    w, b) is minus its part of the direction times the central difference of the cost along the whole of it, in NumPy.
    Changes of order one are read from single precision, to 1e-7, and native code rounds sums of a few dozen terms: 1e-5."""
    data = classes(1)
    x, y = data["x.npy"].astype(float), data["y.npy"]
    for seed in range(1, 5):
        how = dict(data=data, seed=seed, rules=[rule, direction])
        model = deep(rule.name, batch=1, trials=1, optimizer="sgd(1)")
        first, last = before(model, **how), run(model, **how)
        drawn = run(deep("direction", batch=1, trials=1, optimizer="sgd(1)"), **how)
        names = [n for n in first.states if n[-1] in kinds]
        xi = {n: first[n].astype(float) - drawn[n] for n in names}

        def cost(step):
            net = Perceptron({n: first[n].astype(float) + step * xi.get(n, 0) for n in first.states})
            return -numpy.log(net.forward(x)[-1][0, y[0]])

        along = (cost(1e-5) - cost(-1e-5)) / 2e-5
        assert abs(along) > 1e-2, "the cost does not move: another seed"
        for n in names:
            off = numpy.abs(first[n].astype(float) - last[n] - along * xi[n]).max()
            assert off <= 1e-5 * (1 + abs(along)), f"{n} is {off:.1e} from {along:.3f} times its direction"


def does_not_depend_on_the_size_of_the_noise(rule):
    """The same draws at half the size give the same estimate up to the curvature of the cost, which sigma = 1e-3
    leaves below a hundredth: within 5 %."""
    small, twice = (run(deep(rule.name, f"sigma = {s}", trials=1, optimizer="moments()"), data=classes(),
                        rules=[rule, MOMENTS])["n.learn0.x_h1.w.first"] for s in (1e-3, 2e-3))
    assert numpy.linalg.norm(small - twice) < 0.05 * numpy.linalg.norm(small)
