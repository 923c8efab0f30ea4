# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Oja 1982: dw = eta y (x - y w) finds the first principal component, with length 1."""
import numpy

from harness import Engine, System, before, run
from networks import gaussian

system = System("oja", "Oja")

MODEL = """
data points = table(x = npy("x.npy"))
network n {
    area x[5] : source
    area y[1] : linear_unit
    connect x -> y : dense(w ~ normal(0, 0.3))
    learn in x_y by oja(RATE)
}
train n on points, OPTIONS { x.rate = x }
"""


@system.check
def finds_the_first_component(rule):
    """5-dimensional Gaussian data. With a rate of eta the weights tremble with a variance of the order of
    eta * lambda around the component: eta = 0.002 and lambda near 4 leave less than 1 % in the length and
    a cosine above 0.998."""
    data, components, _ = gaussian()
    last = run(MODEL.replace("RATE", "0.002 * 0.9999^trial").replace("OPTIONS", "batch = 1, epochs = 4"),
               data=data, rules=[rule])
    w = last["n.x_y.w"].ravel().astype(float)
    length = numpy.linalg.norm(w)
    cosine = abs(w @ components[0]) / length
    assert cosine > 0.998, f"cosine {cosine:.4f}"
    assert abs(length - 1) < 0.01, f"length {length:.4f}"


@system.check
def follows_its_equation(rule):
    """Batches are averaged: dw = eta mean(y (x - y w)), in NumPy. In the interpreter to 30 steps of double rounding,
    in native code to 30 of single rounding."""
    data, _, _ = gaussian()
    data = {"x.npy": data["x.npy"][:16]}
    model = MODEL.replace("RATE", "0.0625").replace("OPTIONS", "batch = 16, trials = 30")
    first, last = (how(model, data=data, rules=[rule]) for how in (before, run))
    w, x = first["n.x_y.w"].astype(float), data["x.npy"].astype(float)
    for _ in range(30):
        y = x @ w
        w = w + 0.0625 * (y[:, :, None] * (x[:, None, :] - y[:, :, None] * w.T)).mean(0).T
    worst = numpy.abs(last["n.x_y.w"] - w).max()
    assert worst <= (1e-12 if Engine.interpret else 1e-5), f"off by {worst:.1e}"
    assert numpy.abs(w - first["n.x_y.w"]).max() > 0.1


system.mutant("no decay: plain Hebb", ("(pre - post.rate * w)", "pre"))
system.mutant("decay without the square of the rate", ("post.rate * w)", "w)"))
system.mutant("the sign: anti-Hebb", ("w += eta", "w += -eta"))
system.mutant("pre and post swapped", ("eta * post.rate * (pre - post.rate * w)", "eta * pre * (post.rate - pre * w)"))
system.mutant("pre and post swapped in the decay", ("post.rate * w)", "pre * w)"))

system.main()
