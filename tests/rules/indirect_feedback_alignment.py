# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Indirect feedback alignment (Nøkland 2016): delta_1 = (B e) * f'(a_1), delta_l = (W_l delta_{l-1}) * f'(a_l)."""
import numpy

from harness import Engine, System, before, changed, run
from networks import Perceptron, classes, deep

system = System("indirect_feedback_alignment", "indirect feedback alignment")

B = "n.learn0.label_h1"
CONNECTIONS = ["x_h1", "h1_h2", "h2_h3", "h3_label"]


def three(name, **how):
    return deep(name, hidden=(11, 7, 6), **how)


@system.check
def follows_its_equation(rule):
    """Its equation in NumPy, 20 steps of a whole batch with three hidden areas. Tolerances as in networks.follows."""
    model = three(rule.name, batch=64, trials=20, optimizer="sgd(0.125)")
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    data, net = classes(), Perceptron(first, hidden=3)
    x, target, back = data["x.npy"].astype(float), numpy.eye(5)[data["y.npy"]], first[B].astype(float)
    for _ in range(20):
        rates = net.forward(x)
        e = rates[-1] - target
        deltas = [(e @ back) * (1 - rates[1] ** 2)]
        for w, r in zip(net.w[1:-1], rates[2:-1]):
            deltas.append((deltas[-1] @ w) * (1 - r**2))
        deltas.append(e)
        for l, (r, d) in enumerate(zip(rates, deltas)):
            net.w[l] = net.w[l] - 0.125 * r.T @ d / len(x)
            net.b[l] = net.b[l] - 0.125 * d.mean(0)
    bound = 1e-12 if Engine.interpret else 2e-5
    for l, c in enumerate(CONNECTIONS):
        assert numpy.abs(net.w[l] - first[f"n.{c}.w"]).max() > 1e-3, f"{c} does not learn"
        for wanted, name in ((net.w[l], f"n.{c}.w"), (net.b[l], f"n.{c}.b")):
            worst = numpy.abs(last[name] - wanted).max()
            assert worst <= bound, f"{name} is {worst:.1e} from its equation"
    assert last[B].tobytes() == first[B].tobytes(), "the feedback weights have changed"


# A cost that is linear in the output: its error is the target, whatever the network computes.
STEADY = three("RULE", batch=64, epochs=1, optimizer="sgd(0.125)").replace("softmax_unit", "linear_unit").replace(
    "cross_entropy(label.log_p, label.target)", "sum(label.rate * label.target)")


@system.check
def depends_on_what_the_equation_names(rule):
    """With a cost whose error does not depend on the network, the update of area l in one step depends on its own
    activity, the error, and the weights up to it. Other weights of one connection leave the updates before it
    unchanged to the bit and, below the output, change its own; other feedback changes those of all hidden areas."""
    model = STEADY.replace("RULE", rule.name)
    start = before(model, data=classes(), rules=[rule])
    weights = [f"n.{c}.w" for c in CONNECTIONS]

    def updates(values):
        begin = changed(start.checkpoint, values)
        first = {**start.states, **values}
        last = run(model, data=classes(), rules=[rule], start=begin)
        return [last[w].astype(float) - first[w].astype(float) for w in weights], last

    plain, run_plain = updates({})
    r = numpy.random.default_rng(1)
    for l, name in enumerate(weights[1:], 1):
        other = start[name] + r.normal(size=start[name].shape).astype(start[name].dtype)
        moved, run_moved = updates({name: other})
        for k in range(l):
            assert run_moved[weights[k]].tobytes() == run_plain[weights[k]].tobytes(), f"{name} matters to {weights[k]}"
        if l < 3:
            assert numpy.abs(moved[l] - plain[l]).max() > 1e-4, f"{name} does not matter to itself"
    back, _ = updates({B: start[B] + r.normal(size=start[B].shape).astype(start[B].dtype)})
    for k in range(3):
        assert numpy.abs(back[k] - plain[k]).max() > 1e-4, f"B does not matter to {weights[k]}"
    assert numpy.abs(back[3] - plain[3]).max() < 1e-6, "B matters to the output"


@system.check
def learns(rule):
    """It memorises 64 random labels better than frozen hidden areas do, whatever the sign of luck: three seeds."""
    for seed in (1, 2, 3):
        ours, null = (run(three(name, epochs=60, optimizer="sgd(0.05, momentum = 0.9)"), data=classes(), seed=seed,
                          rules=[rule] if name == rule.name else []).series("c")[-16:]
                      for name in (rule.name, "frozen"))
        assert numpy.mean(ours) < 0.8 * numpy.mean(null), f"{numpy.mean(ours):.3f}, frozen {numpy.mean(null):.3f}"


MESSAGE, UPDATE = "error(post.rate) += w * error(pre.drive)", "w.grad += error(post) * pre"
system.mutant("the sign of the update", (UPDATE, "w.grad += -error(post) * pre"))
system.mutant("the target instead of the error", ("error(outputs.drive) ->", "outputs.target ->"))
system.mutant("B reaches every hidden area", ("each hidden h from inputs", "each hidden h"))
system.mutant("the error goes on before the derivative", (MESSAGE, "error(post.rate) += w * error(pre.rate)"))
system.mutant("the error arrives behind the derivative", (MESSAGE, "error(post.drive) += w * error(pre.drive)"))
system.mutant("the sign of the message", (MESSAGE, "error(post.rate) += -w * error(pre.drive)"))
system.mutant("the error goes backwards", (MESSAGE, "error(pre.rate) += w * error(post.drive)"), (": feedback", ": nonlocal"))
system.mutant("the rate goes on instead", (MESSAGE, "error(post.rate) += w * pre"))
system.mutant("no derivative of the unit", (UPDATE, "w.grad += error(post.rate) * pre"))
system.mutant("nothing goes on", (MESSAGE, "error(post.rate) += 0 * w * error(pre.drive)"))
system.mutant("pre and post swapped", (UPDATE, "w.grad += error(post) * post"))
system.mutant("feedback redrawn in every step", ("dense(w ~ normal(0, 1 / sqrt(fan_in)))",
              "dense(w ~ normal(0, 1 / sqrt(fan_in))) { let fresh ~ normal(0, 1 / sqrt(fan_in)); w += fresh - w }"))

system.main()
