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
         batch=4, trials=40, epochs=None, extra="", first="dense(bias = true)", upper="dense(bias = true)"):
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
    many = f"epochs = {epochs}" if epochs else f"trials = {trials}"
    return f"""
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {{
    {body}
}}
train n on points, batch = {batch}, {many} {{ x.rate = x; label.target = one_hot(y, 5) }}
"""


class Perceptron:
    """The network of `deep` in NumPy, double precision, as its published equations have it."""

    def __init__(self, states, hidden=2, function=numpy.tanh, slope=lambda rate: 1 - rate**2):
        names = ["x"] + [f"h{k + 1}" for k in range(hidden)] + ["label"]
        self.connections = [f"{a}_{b}" for a, b in zip(names, names[1:])]
        self.w = [states[f"n.{c}.w"].astype(float) for c in self.connections]
        self.b = [states[f"n.{c}.b"].astype(float) for c in self.connections]
        self.function, self.slope = function, slope

    def forward(self, x):
        """The rates of all areas; the last is a softmax."""
        rates = [x]
        for w, b in zip(self.w[:-1], self.b[:-1]):
            rates.append(self.function(rates[-1] @ w + b))
        top = rates[-1] @ self.w[-1] + self.b[-1]
        top = numpy.exp(top - top.max(1, keepdims=True))
        return rates + [top / top.sum(1, keepdims=True)]

    def step(self, x, y, rate, hidden_error):
        """One descent on the whole batch. hidden_error(l, deltas, target) is what reaches the rates of hidden area l,
        with deltas[l + 1] that of the area above; the output's delta is exact. Returns the deltas."""
        rates, target = self.forward(x), numpy.eye(5)[y]
        deltas = [None] * (len(self.w) - 1) + [rates[-1] - target]
        for l in reversed(range(len(self.w) - 1)):
            deltas[l] = hidden_error(l, deltas, target) * self.slope(rates[l + 1])
        gradients = [(r.T @ d / len(x), d.mean(0)) for r, d in zip(rates, deltas)]
        self.w = [w - rate * g for w, (g, _) in zip(self.w, gradients)]
        self.b = [b - rate * g for b, (_, g) in zip(self.b, gradients)]
        return deltas, gradients


def follows(rule, name, hidden_error, steps=20, optimizer="sgd(0.125)", after=None):
    """Asserts that the rule's weights are those of its published equation after some steps on one batch.

    hidden_error(net, states, l, deltas, target) as in `Perceptron.step`, with the rule's own first weights in
    `states`; after(net, states, gradients) changes them. The interpreter differs from NumPy by the order of its
    sums, some hundred roundings of 1e-16 a step: 1e-12. Native code adds 20 steps of single rounding, 6e-8 each,
    and the inputs are the same: 2e-5."""
    from harness import Engine, before, run

    model = deep(name, batch=64, trials=steps, optimizer=optimizer)
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    data, net = classes(), Perceptron(first)
    states = {k: v.astype(float) for k, v in first.states.items()}
    for _ in range(steps):
        _, gradients = net.step(data["x.npy"].astype(float), data["y.npy"], 0.125,
                                lambda l, deltas, target: hidden_error(net, states, l, deltas, target))
        if after:
            after(net, states, gradients)
    bound = 1e-12 if Engine.interpret else 2e-5
    wanted = dict(states)
    for k, c in enumerate(net.connections):
        wanted[f"n.{c}.w"], wanted[f"n.{c}.b"] = net.w[k], net.b[k]
        assert numpy.abs(net.w[k] - first[f"n.{c}.w"]).max() > 1e-3, f"{c} does not learn"
    for key in wanted:
        if key.endswith((".updates", ".v")):
            continue  # the optimizer's own
        worst = numpy.abs(last[key] - wanted[key]).max()
        assert worst <= bound, f"{key} is {worst:.1e} from its equation"


def gaussian(samples=4000):
    """5-dimensional Gaussian data, the principal components in their order (rows) and the variances along them."""
    r = numpy.random.default_rng(8)
    rotation, _ = numpy.linalg.qr(r.normal(size=(5, 5)))
    x = (r.normal(size=(samples, 5)) * numpy.sqrt([4, 2, 1, 0.5, 0.25]) @ rotation.T).astype(numpy.float32)
    values, vectors = numpy.linalg.eigh(x.T.astype(float) @ x / samples)  # about the origin, as the rules see it
    return {"x.npy": x}, vectors.T[::-1], values[::-1]
