# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward-forward (Hinton 2022): G = mean x^2, L = log(1 + e^(s (theta - G+))) + log(1 + e^(s (G- - theta))), each area for
itself, with the steepness s."""
import numpy

from harness import Engine, System, before, run

system = System("forward_forward", "forward-forward")


def network(rule, upper="dense(bias = true)", trials=20, batch=8, extra="", optimizer="sgd(0.25)", length=1, options=""):
    return f"""
data points = table(x = npy("x.npy"), f = npy("f.npy"))
network n {{
    area x[13] : source {{ given negative = 0 }}
    area h1[11] : normalised_relu_unit(length = {length})
    area h2[7] : normalised_relu_unit(length = {length})
    connect x -> h1 : dense(bias = true)
    connect h1 -> h2 : {upper}
    learn by {rule}({options}) with {optimizer}
}}
train n on points, batch = {batch}, trials = {trials} {{ x.rate = x; x.negative = f }}
{extra}"""


def data(samples=8, seed=2):
    r = numpy.random.default_rng(seed)
    return {k: r.normal(size=(samples, 13)).astype(numpy.float32) for k in ("x.npy", "f.npy")}


def step(w, b, x, f, rate, theta=2, steepness=1, length=1):
    """One update of every area, from the rates that the area before hands on."""
    sent, grads = {True: x, False: f}, []
    for k in range(2):
        gw, gb, handed = 0, 0, {}
        for real, pre in sent.items():
            h = numpy.maximum(pre @ w[k] + b[k], 0)
            good = (h**2).mean(1)
            push = steepness / (1 + numpy.exp(steepness * (good - theta if real else theta - good))) * (-1 if real else 1)
            delta = push[:, None] * 2 * h / h.shape[1]
            gw, gb = gw + pre.T @ delta / len(x), gb + delta.mean(0)
            handed[real] = length * h / (numpy.linalg.norm(h, axis=1, keepdims=True) + 1e-8)
        sent = handed
        grads.append((gw, gb))
    for k, (gw, gb) in enumerate(grads):
        w[k], b[k] = w[k] - rate * gw, b[k] - rate * gb


@system.check
def follows_its_equation(rule):
    """20 steps on one batch in NumPy, as by default and with a steepness and a length of 3. In double precision the order
    of sums differs, 1e-15 a step, and the states are written in single precision, 6e-8; native code adds some 1e-7 of
    weights near 1 in each step."""
    for options, rate, how in (("", 0.25, {}), ("theta = 1, steepness = 3", 0.05, dict(theta=1, steepness=3, length=3))):
        model = network(rule.name, optimizer=f"sgd({rate})", length=how.get("length", 1), options=options)
        first, last = (go(model, data=data(), rules=[rule]) for go in (before, run))
        names = ["n.x_h1", "n.h1_h2"]
        w, b = ([first[f"{n}.{kind}"].astype(float) for n in names] for kind in "wb")
        points = {k: v.astype(float) for k, v in data().items()}
        for _ in range(20):
            step(w, b, points["x.npy"], points["f.npy"], rate, **how)
        for k, n in enumerate(names):
            for kind, wanted in (("w", w[k]), ("b", b[k])):
                got = last[f"{n}.{kind}"]
                assert numpy.abs(got - first[f"{n}.{kind}"]).max() > 1e-2, f"{n}.{kind} does not learn"
                worst = numpy.abs(got - wanted).max()
                assert worst < (1e-6 if Engine.interpret else 1e-5), f"{n}.{kind} is {worst:.1e} from its equation"


@system.check
def later_areas_do_not_reach_earlier_ones(rule):
    """With the second area's weights at zero the first learns the same, to the bit; the second does not."""
    one, two = (run(network(rule.name, upper), data=data(), rules=[rule]) for upper in ("dense(bias = true)", "dense(bias = true, w = 0)"))
    assert one.same(two, ["n.x_h1.w", "n.x_h1.b"])
    assert not one.same(two, ["n.h1_h2.w"])


READ = """
test n on points, batch = 8 {
    x.rate = x
    phase real from start { run }
    phase fake from start { run with { x.rate = f } }
    measure apart = mean(h1.rate^2)@real - mean(h1.rate^2)@fake
    measure above = mean(h2.rate^2)@real - mean(h2.rate^2)@fake
}
"""


@system.check
def tells_real_from_fake(rule):
    """After 400 steps both areas have more goodness for what is real, by more than theta / 2 in the mean. Null model:
    before learning the difference is less than a quarter."""
    model = network(rule.name, trials=400, extra=READ)
    untrained, trained = (how(model, data=data(), rules=[rule]) for how in (before, run))
    for name in ("apart", "above"):
        old, new = (r.series(name, "test")[-1] for r in (untrained, trained))
        assert abs(old) < 0.25 and new > 1, f"{name}: {old:.3f} became {new:.3f}"


system.mutant("the sign", ("theta - mean(a.rate^2)@real", "mean(a.rate^2)@real - theta"))
system.mutant("real and fake are the same", (" with each input i { i.rate = i.negative }", ""))
system.mutant("the sum in place of the mean", ("mean(a.rate^2)", "sum(a.rate^2)"))
system.mutant("goodness of what is handed on", ("a.rate^2", "a.sent^2"))
system.mutant("the inputs of the other pass", ("pre@real +", "pre@fake +"))
system.mutant("pre and post swapped", ("post@real) * pre@real", "post@real) * post@real"), ("post@fake) * pre@fake", "post@fake) * post@fake"))
system.mutant("a steepness of the real pass only", ("steepness * (mean", "(mean"))
system.mutant("no negative pass", (" + d(post.loss, post@fake) * pre@fake", ""))

system.main()
