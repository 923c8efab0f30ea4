# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sanger 1989: dW = eta (y x' - LT(y y') W) finds the principal components in their order."""
import numpy

from harness import Engine, System, before, run
from networks import gaussian

system = System("sanger", "Sanger")

MODEL = """
data points = table(x = npy("x.npy"))
network n {
    area x[5] : source
    area y[3] : linear_unit
    connect x -> y : dense(w ~ normal(0, 0.3))
    learn in x_y by sanger(RATE)
}
train n on points, OPTIONS { x.rate = x }
"""


@system.check
def finds_the_components_in_order(rule):
    """Unit k has component k, with length 1: cosines above 0.998 (neighbours in the order are the last to separate)
    and lengths within 1 %, the tremor of a rate that falls from 0.004."""
    data, components, _ = gaussian()
    last = run(MODEL.replace("RATE", "0.004 * 0.99985^trial").replace("OPTIONS", "batch = 1, epochs = 8"),
               data=data, rules=[rule])
    for k, w in enumerate(last["n.x_y.w"].T.astype(float)):
        cosine = abs(w @ components[k]) / numpy.linalg.norm(w)
        assert cosine > 0.998, f"unit {k}: cosine {cosine:.4f}"
        assert abs(numpy.linalg.norm(w) - 1) < 0.01, f"unit {k}: length {numpy.linalg.norm(w):.4f}"


@system.check
def follows_its_equation(rule):
    """dW = eta mean(y x' - LT(y y') W), in NumPy; LT keeps the lower triangle with the diagonal."""
    data, _, _ = gaussian()
    data = {"x.npy": data["x.npy"][:16]}
    model = MODEL.replace("RATE", "0.0625").replace("OPTIONS", "batch = 16, trials = 30")
    first, last = (how(model, data=data, rules=[rule]) for how in (before, run))
    w, x = first["n.x_y.w"].T.astype(float), data["x.npy"].astype(float)
    for _ in range(30):
        y = x @ w.T
        w = w + 0.0625 * (y.T @ x - numpy.tril(y.T @ y) @ w) / len(x)
    worst = numpy.abs(last["n.x_y.w"] - w.T).max()
    assert worst <= (1e-12 if Engine.interpret else 1e-5), f"off by {worst:.1e}"
    assert numpy.abs(w.T - first["n.x_y.w"]).max() > 0.1


system.mutant("every unit sees all others", ("cumsum(post.rate * w, over = post)", "sum(post.rate * w, over = post)"))
system.mutant("each unit alone", ("cumsum(post.rate * w, over = post)", "post.rate * w"))
system.mutant("along the wrong end", ("over = post", "over = pre"))
system.mutant("the sign", ("w += eta", "w += -eta"))
system.mutant("no decay", ("(pre - cumsum(post.rate * w, over = post))", "pre"))
system.mutant("pre and post swapped", ("eta * post.rate * (pre -", "eta * pre * (post.rate -"))

system.main()
