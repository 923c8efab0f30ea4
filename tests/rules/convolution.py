# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules on convolutions: a kernel is a dense connection in which synapses of equal place in it share their weight."""
import json
import os
import subprocess
import tempfile

import numpy

from harness import APICAL, Refused, Rule, System, before, changed, run

MODEL = """
rule messages(C: cost) : nonlocal {
    each connection {
        error(pre) += w * error(post)
        w.grad     += error(post) * pre
    }
}
data points = table(x = npy("x.npy"), t = npy("t.npy"))
network n {
    area x[5, 6, 2] : source
    area seen[5, 6, 3] : relu_unit
    area pooled[2, 3, 3] : linear_unit
    area parts[1, 2, 4] : relu_unit
    area y[3] : linear_unit { given target }
    connect x -> seen : conv(kernel = 3, bias = true)
    connect seen -> pooled : pool(kernel = 2)
    connect pooled -> parts : conv(kernel = 2, bias = true)
    connect parts -> y : dense(bias = true)
    cost c = squared_error(y.rate, y.target)
    learn c by messages() with sgd(0.0625)
}
train n on points, batch = 4, epochs = 1 { x.rate = x; y.target = t }
"""

system = System("convolution", "convolution", MODEL)


def whole_numbers(seed=3):
    """Inputs and targets for which every sum is exact, so that its order does not matter."""
    r = numpy.random.default_rng(seed)
    return {"x.npy": r.integers(-2, 3, (4, 60)).astype(numpy.float32),
            "t.npy": r.integers(-2, 3, (4, 3)).astype(numpy.float32)}


def exact_start(text):
    """A checkpoint before the first update with weights that are halves of small numbers."""
    r = numpy.random.default_rng(7)
    first = before(text, data=whole_numbers())
    return changed(first.checkpoint, {name: r.integers(-2, 3, value.shape) / 2.0
                                      for name, value in first.states.items() if name.startswith("n.")
                                      and name.rsplit(".", 1)[1] in ("w", "b")})


def pairs(shape, channels, kernel, before, places):
    """Of a convolution: (unit before, unit behind, tap, channel) of each synapse, as the language defines it."""
    height, width, depth = shape
    for py in range(places[0]):
        for px in range(places[1]):
            for ky in range(kernel):
                for kx in range(kernel):
                    y, x = py - before + ky, px - before + kx
                    if not (0 <= y < height and 0 <= x < width):
                        continue
                    for c in range(depth):
                        for o in range(channels):
                            yield ((y * width + x) * depth + c, (py * places[1] + px) * channels + o,
                                   (ky * kernel + kx) * depth + c, o)


FIRST = list(pairs((5, 6, 2), 3, 3, 1, (5, 6)))
SECOND = list(pairs((2, 3, 3), 4, 2, 0, (1, 2)))


def dense(kernel, synapses, shape):
    w = numpy.zeros(shape)
    for i, j, tap, channel in synapses:
        w[i, j] = kernel[tap, channel]
    return w


def tied(w, synapses, shape):
    """What changes of a dense connection do to the weights that synapses share."""
    kernel = numpy.zeros(shape)
    for i, j, tap, channel in synapses:
        kernel[tap, channel] += w[i, j]
    return kernel


def step(states, x, t):
    """One update of the network with dense, masked and tied weights, in exact arithmetic."""
    w1, b1, w2, b2, w3, b3 = (states[f"n.{n}"].astype(float) for n in (
        "x_seen.w", "x_seen.b", "pooled_parts.w", "pooled_parts.b", "parts_y.w", "parts_y.b"))
    d1, d2 = dense(w1, FIRST, (60, 90)), dense(w2, SECOND, (18, 8))
    a1 = x @ d1 + numpy.tile(b1, 30)
    seen = numpy.maximum(a1, 0)
    windows = seen.reshape(4, 5, 6, 3)[:, :4].reshape(4, 2, 2, 3, 2, 3)  # the last row has no window
    pooled = windows.max((2, 4))
    a2 = pooled.reshape(4, 18) @ d2 + numpy.tile(b2, 2)
    parts = numpy.maximum(a2, 0)
    e3 = parts @ w3 + b3 - t
    e2 = (e3 @ w3.T) * (a2 > 0)
    back = (e2 @ d2.T).reshape(4, 2, 1, 3, 1, 3) * (windows == pooled[:, :, None, :, None, :])
    e1 = numpy.zeros((4, 5, 6, 3))
    e1[:, :4] = back.reshape(4, 4, 6, 3)
    e1 = e1.reshape(4, 90) * (a1 > 0)
    rate = 0.0625 / 4
    return {"n.x_seen.w": w1 - rate * tied(x.T @ e1, FIRST, w1.shape),
            "n.x_seen.b": b1 - rate * e1.reshape(4, 30, 3).sum((0, 1)),
            "n.pooled_parts.w": w2 - rate * tied(pooled.reshape(4, 18).T @ e2, SECOND, w2.shape),
            "n.pooled_parts.b": b2 - rate * e2.reshape(4, 2, 4).sum((0, 1)),
            "n.parts_y.w": w3 - rate * parts.T @ e3, "n.parts_y.b": b3 - rate * e3.sum(0)}


@system.check
def is_dense_with_a_tied_mask(rule):
    """A convolution is a dense connection with a mask whose weights are tied: its update is that of the dense one, summed
    over the synapses of each tap and channel; so are a border, biases, a max pool with a row left over, and the error
    that crosses them. The numbers are such that every sum is exact in any order: equal to the bit, in every engine."""
    data, start = whole_numbers(), exact_start(rule.text)
    last = run(rule.text, data=data, start=start)
    first = run(rule.text.replace("sgd(0.0625)", "sgd(0)"), data=data, start=start)
    assert first["n.x_seen.w"].shape == (18, 3) and first["n.pooled_parts.w"].shape == (12, 4), "kernels of other sizes"
    wanted = step(first, data["x.npy"].astype(float), data["t.npy"].astype(float))
    for name, value in wanted.items():
        assert last[name].shape == value.shape and (last[name] == value).all(), f"{name} differs"
        assert (last[name] != first[name]).any(), f"{name} does not learn"


@system.check
def agrees_with_differences(rule):
    """`apical verify` compares the derivative of the cost with central differences in double precision, for some weights
    and biases of each convolutional, local and dense connection: within 1e-6. What the rule does is that derivative:
    cosine 1 within the square of single rounding, size within a hundred roundings."""
    r = numpy.random.default_rng(5)
    text = rule.text.replace("connect pooled -> parts : conv", "connect pooled -> parts : local")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "model.apical"), "w") as file:
            file.write("use std\n" + text.replace("relu_unit", "tanh_unit"))
        for name, units in (("x.npy", 60), ("t.npy", 3)):
            numpy.save(os.path.join(folder, name), r.normal(size=(4, units)).astype(numpy.float32))
        done = subprocess.run([APICAL, "verify", os.path.join(folder, "model.apical"), "--steps=3", "--every=1",
                               "--threads=1", "--format=json"], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    weights = json.loads(done.stdout)["lines"][0]["weights"]
    for w in weights:
        name, found = f"{w['connection']}.{w['weight']}", w["gradient_check"]
        assert found["compared"] > 2 and found["relative_error"] <= 1e-6, f"{name}: {found}"
        assert w["updated"] and None not in w["cosine"], f"{name} does not learn"
        assert min(w["cosine"]) > 1 - 1e-9 and abs(w["norm_ratio"][0] - 1) < 1e-5, f"{name} is not the gradient"


@system.check
def same_rule_same_kernel(rule):
    """Feedback alignment has a feedback kernel, one weight for each of the forward kernel. If it starts as a copy and
    changes as that does, the rule is backprop, in every bit."""
    tied = Rule("feedback_alignment").edit(
        ("B ~ normal(0, 1 / sqrt(fan_out))", "B = w"), (": feedback", ": nonlocal"),
        ("w.grad     +=", "B.grad += error(post) * pre\n        w.grad     +="))
    r = numpy.random.default_rng(5)
    data = {"x.npy": r.normal(size=(4, 60)).astype(numpy.float32), "t.npy": r.normal(size=(4, 3)).astype(numpy.float32)}
    ours = run(rule.text.replace("by messages", "by feedback_alignment"), data=data, rules=[tied], epochs=5)
    exact = run(rule.text, data=data, epochs=5)
    assert ours.series("c") == exact.series("c") and len(set(exact.series("c"))) == 5
    kernel = ours["n.learn0.pooled_parts.B"]
    assert kernel.shape == (12, 4) and kernel.tobytes() == ours["n.pooled_parts.w"].tobytes()


system.mutant("weights of each place's own", ("x -> seen : conv", "x -> seen : local"))
system.mutant("no border", ("seen[5, 6, 3]", "seen[3, 4, 3]"), ("pooled[2, 3, 3]", "pooled[1, 2, 3]"),
              ("pooled -> parts : conv(kernel = 2", "pooled -> parts : conv(kernel = 1"))
system.mutant("a mean for the maximum", ("pool(kernel = 2)", "pool(kernel = 2, reduce = mean)"))
system.mutant("the mean over the places of a kernel", ("error(post) * pre", "error(post) * pre / 30"))
system.mutant("the sign of what travels back", ("error(pre) += w", "error(pre) += -w"))
system.mutant("nothing travels back", ("error(pre) += w * error(post)", ""))
system.main()
