# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small networks and data that several systems are checked on.

Sizes are coprime and no multiples of a vector, so that a transposed or padded
array cannot pass for the right one.
"""
import numpy


def classes(samples=64, seed=5):
    """Random inputs with random labels: every direction of the gradient is at work."""
    r = numpy.random.default_rng(seed)
    return {
        "x.npy": r.normal(size=(samples, 13)).astype(numpy.float32),
        "y.npy": r.integers(0, 5, samples).astype(numpy.int32),
    }


def deep(rule, arguments="", hidden=(11, 7), unit="tanh_unit", optimizer="sgd(0.1, momentum = 0.9)",
         batch=4, trials=40, extra="", first="dense(bias = true)", upper="dense(bias = true)"):
    """An image-like input, hidden areas h1, h2 …, a softmax output, cross-entropy."""
    areas = ["x"] + [f"h{k + 1}" for k in range(len(hidden))] + ["label"]
    lines = ["area x[13] : source"]
    lines += [f"area h{k + 1}[{n}] : {unit}" for k, n in enumerate(hidden)]
    lines += ["area label[5] : softmax_unit { given target }"]
    for k, (a, b) in enumerate(zip(areas, areas[1:])):
        lines.append(f"connect {a} -> {b} : {first if k == 0 else upper}")
    lines += ["cost c = cross_entropy(label.log_p, label.target)", extra,
              f"learn c by {rule}({arguments}) with {optimizer}"]
    body = "\n    ".join(line for line in lines if line)
    return f"""
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    {body}
}}
train n on points, batch = {batch}, trials = {trials} {{ x.rate = x; label.target = one_hot(y, 5) }}
"""
