# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Autoencoders: the rule is the gradient, the cost is the reconstruction of what the network was given, of what was
hidden from it, or of what was there before it was corrupted."""
import numpy

from harness import Engine, System, angle, before, run
from networks import gaussian

system = System("backprop", "autoencoders")

LINEAR = """
data points = table(x = npy("x.npy"))
network n {
    area x[5] : source
    area code[2] : linear_unit
    area copy[5] : linear_unit
    connect x -> code : dense(w ~ normal(0, 0.3))
    connect code -> copy : dense(w ~ normal(0, 0.3))
    cost c = sum((copy.rate - x.rate)^2)
    learn c by backprop() with sgd(0.02)
}
train n on points, batch = 500, epochs = 3000 { x.rate = x }
"""


@system.check
def linear_autoencoder_is_principal_components(rule):
    """A linear code of 2 spans the plane of the first two components (Baldi & Hornik 1989): below 1 degree from it,
    and the loss is the sum of the discarded variances, to 1e-4 of it."""
    data, _, _ = gaussian(500)
    x = data["x.npy"].astype(float)
    values, vectors = numpy.linalg.eigh(x.T @ x / len(x))
    last = run(LINEAR, data=data, rules=[rule])
    plane, _ = numpy.linalg.qr(last["n.code_copy.w"].T.astype(float))
    cosines = numpy.linalg.svd(plane.T @ vectors[:, -2:])[1]
    worst = numpy.degrees(numpy.arccos(numpy.clip(cosines.min(), -1, 1)))
    assert worst < 1, f"{worst:.2f} degrees from the principal plane"
    loss, least = last.series("c")[-1], values[:3].sum()
    assert abs(loss / least - 1) < 1e-4, f"loss {loss:.6f}, discarded variance {least:.6f}"


INPAINT = """
data points = table(x = npy("x.npy"), seen = npy("seen.npy"), noise = npy("noise.npy"))
network n {
    area x[5] : source { given mask, whole }
    area code[4] : tanh_unit
    area copy[5] : linear_unit
    connect x -> code : dense(bias = true, w ~ normal(0, 0.3))
    connect code -> copy : dense(bias = true, w ~ normal(0, 0.3))
    cost c = COST
    learn c by backprop() with sgd(0.0625)
}
train n on points, batch = 16, trials = 5 { x.rate = INPUT; x.mask = seen; x.whole = x }
"""
HOLE = "sum(((1 - x.mask) * (copy.rate - x.whole))^2)"
ALL = "sum((copy.rate - x.whole)^2)"


def corrupted(noise=0.0, hidden=(1, 3)):
    r = numpy.random.default_rng(9)
    x = gaussian()[0]["x.npy"][:16]
    seen = numpy.ones_like(x)
    seen[:, list(hidden)] = 0
    return {"x.npy": x, "seen.npy": seen, "noise.npy": (noise * r.normal(size=x.shape)).astype(numpy.float32)}


@system.check
def only_the_hole_teaches(rule):
    """Inpainting: weights to units outside of the hole get no gradient, to the bit. Null model: with the cost over
    everything they do."""
    model = INPAINT.replace("INPUT", "x * seen")
    outside = [0, 2, 4]
    first = before(model.replace("COST", HOLE), data=corrupted(), rules=[rule])
    hole, everything = (run(model.replace("COST", c), data=corrupted(), rules=[rule]) for c in (HOLE, ALL))
    assert hole["n.code_copy.w"][:, outside].tobytes() == first["n.code_copy.w"][:, outside].tobytes()
    assert numpy.abs(hole["n.code_copy.w"] - first["n.code_copy.w"])[:, [1, 3]].min() > 1e-4
    assert numpy.abs(everything["n.code_copy.w"] - first["n.code_copy.w"])[:, outside].min() > 1e-6
    # What is hidden is not seen: other values in the hole change the targets only.
    blind = first["n.x_code.w"][[1, 3]].tobytes() == hole["n.x_code.w"][[1, 3]].tobytes()
    assert blind, "weights from the hole have learned, though nothing came from there"


@system.check
def without_corruption_denoising_is_copying(rule):
    """At zero noise the denoising autoencoder is the autoencoder, to the bit; at other noise it is not."""
    model = INPAINT.replace("COST", ALL)
    plain = run(model.replace("INPUT", "x"), data=corrupted(), rules=[rule])
    clean, noisy = (run(model.replace("INPUT", "x + noise"), data=corrupted(s), rules=[rule]) for s in (0.0, 0.3))
    assert clean.same(plain) and not noisy.same(plain)


system.mutant("the sign", ("p.grad += ", "p.grad += -"))
system.mutant("weights decay", ("grad(C, p)", "grad(C, p) + 0.01 * p"))
system.mutant("the sign of the gradient only", ("grad(C, p)", "sign(grad(C, p))"))
system.mutant("a constant push", ("grad(C, p)", "grad(C, p) + 0.001"))

system.main()
