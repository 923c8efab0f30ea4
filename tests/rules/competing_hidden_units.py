# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Krotov & Hopfield 2019: I = sum sign(w)|w|^(p-1) x; the winner learns g = 1, the unit at rank k learns g = -delta;
ds = g x - (g I) w summed over the batch; w += eps ds / max|ds|."""
import numpy

from harness import Engine, System, before, run

system = System("competing_hidden_units", "competing hidden units")

MODEL = """
data points = table(x = npy("x.npy"))
network n {
    area x[12] : source
    area h[9] : competing_unit(k = 3, delta = 0.4)
    connect x -> h : dense(w ~ normal(0, 1)) of signed_power(p = 3)
    learn in x_h by competing_hidden_units(EPS)
}
train n on points, batch = 20, OPTIONS { x.rate = x }
"""


def data(samples=200):
    """Twelve clusters on the unit sphere of the fourth power, positive as images are."""
    r = numpy.random.default_rng(6)
    x = numpy.abs(numpy.eye(12)[r.integers(0, 12, samples)] + 0.2 * r.uniform(size=(samples, 12)))
    return {"x.npy": x.astype(numpy.float32)}


@system.check
def weights_come_to_length_one(rule):
    """sum |w|^p is 1 at the fixed point of every unit. With eps falling linearly to 0 over 200 epochs the tremor ends
    below 5 %. As they were drawn, lengths are elsewhere."""
    last = run(MODEL.replace("OPTIONS", "epochs = 200").replace("EPS", "0.02 * (1 - epoch / 200)"),
               data=data(), rules=[rule])
    lengths = (numpy.abs(last["n.x_h.w"].astype(float)) ** 3).sum(0)
    assert (numpy.abs(lengths - 1) < 0.05).all(), f"lengths {numpy.round(lengths, 2)}"
    drawn = before(MODEL.replace("OPTIONS", "trials = 1").replace("EPS", "0.02"), data=data(), rules=[rule])
    assert (numpy.abs((numpy.abs(drawn["n.x_h.w"].astype(float)) ** 3).sum(0) - 1) > 0.5).all()


@system.check
def follows_its_equation(rule):
    """The published update on one batch, in NumPy."""
    d = {"x.npy": data()["x.npy"][:20]}
    first, last = (how(MODEL.replace("OPTIONS", "trials = 20").replace("EPS", "0.03125"), data=d, rules=[rule])
                   for how in (before, run))
    w, x = first["n.x_h.w"].astype(float), d["x.npy"].astype(float)
    delta = float(numpy.float32(0.4))
    for _ in range(20):
        drive = x @ (numpy.sign(w) * numpy.abs(w) ** 2)
        order = numpy.argsort(-drive, 1)
        g = numpy.zeros_like(drive)
        g[numpy.arange(20), order[:, 0]] = 1
        g[numpy.arange(20), order[:, 2]] = -delta
        ds = x.T @ g - (g * drive).sum(0) * w
        w = w + 0.03125 * ds / numpy.abs(ds).max()
    worst = numpy.abs(last["n.x_h.w"] - w).max()
    assert worst <= (1e-12 if Engine.interpret else 1e-4), f"off by {worst:.1e}"
    assert numpy.abs(w - first["n.x_h.w"]).max() > 0.1


system.mutant("no decay", (" - batch_sum(post.move * post.drive) * w", ""))
system.mutant("no rank: all units learn", ("post.move * pre", "post.drive * pre"))
system.mutant("the sign", ("w += eps", "w += -eps"))
system.mutant("not scaled to the largest change", (" / max(abs(change))", ""))
system.mutant("largest change per unit", ("max(abs(change))", "max(abs(change), over = pre)"))
system.mutant("pre and post swapped in the decay", ("post.move * post.drive", "pre * post.drive"))

system.main()
