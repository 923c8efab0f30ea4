# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decorrelation of an area's input (Ahmad, Schrauwen & van Gerven 2022): x* = R x, dR = -alpha (x* x*' - diag(x*^2)) R."""
import numpy

from harness import Engine, System, before, run

system = System("decorrelate", "decorrelation")

MODEL = """
data points = table(x = npy("x.npy"))
network n {
    area x[7] : source
    area white[7] : linear_unit
    connect x -> white : dense(w ~ identity())
    learn in x_white by decorrelate(ALPHA)
}
train n on points, batch = 16, epochs = EPOCHS { x.rate = x }
"""


def data(samples):
    r = numpy.random.default_rng(4)
    return (r.normal(size=(samples, 7)) @ (r.normal(size=(7, 7)) / numpy.sqrt(7))).astype(numpy.float32)


def model(alpha, epochs):
    return MODEL.replace("ALPHA", str(alpha)).replace("EPOCHS", str(epochs))


def matrix(states):
    """R as it stands in the equation: post by pre."""
    return states["n.x_white.w"].astype(float).T


@system.check
def starts_as_the_identity(rule):
    assert (matrix(before(model(0.01, 1), data={"x.npy": data(16)}, rules=[rule])) == numpy.eye(7)).all()


@system.check
def follows_its_equation(rule):
    """40 steps on one batch in NumPy. Doubles differ by the order of sums, 1e-14 a step; single precision by 6e-8 a
    step of numbers near 1, which the rule itself damps."""
    x = data(16)
    got = matrix(run(model(0.0625, 40), data={"x.npy": x}, rules=[rule]))
    R, x = numpy.eye(7), x.astype(float)
    for _ in range(40):
        y = x @ R.T
        c = y.T @ y / len(x)
        R = R - 0.0625 * (c - numpy.diag(numpy.diag(c))) @ R
    assert numpy.abs(R - numpy.eye(7)).max() > 0.1
    assert numpy.abs(got - R).max() < (1e-6 if Engine.interpret else 5e-6), numpy.abs(got - R).max()


@system.check
def takes_the_correlations_away(rule):
    """The off-diagonal covariance of x* falls by more than 90 %, from that of x, in 30 passes over 512 samples. Null
    model: with alpha = 0 nothing falls. What each unit has of its own stays: its variance does not vanish."""
    x = data(512)
    def left(alpha):
        R = matrix(run(model(alpha, 30), data={"x.npy": x}, rules=[rule]))
        y = x.astype(float) @ R.T
        c = y.T @ y / len(x)
        return numpy.abs(c - numpy.diag(numpy.diag(c))).sum(), numpy.diag(c).min()

    (old, _), (new, own) = left(0), left(0.02)
    assert old > 1 and new < 0.1 * old, f"{old:.3f} fell to {new:.3f}"
    assert own > 0.02, f"a variance fell to {own:.3f}"


system.mutant("the sign", ("w -= alpha", "w += alpha"))
system.mutant("the own variance falls too", (" - post.rate^2 * w", ""))
system.mutant("of other inputs", ("over = post", "over = pre"))
system.mutant("Oja's rule", ("(post.rate * sum(post.rate * w, over = post) - post.rate^2 * w)",
                             "(post.rate^2 * w - post.rate * pre)"))
system.mutant("no second R", ("sum(post.rate * w, over = post)", "pre"))
system.mutant("pre and post swapped", ("post.rate * sum(post.rate * w, over = post) - post.rate^2 * w",
                                      "pre * sum(pre * w, over = pre) - pre^2 * w"))

system.main()
