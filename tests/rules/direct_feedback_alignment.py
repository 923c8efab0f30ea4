# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Direct feedback alignment (Nøkland 2016): delta_l = (B_l e) * f'(a_l) for every hidden l."""
import numpy

from harness import System, before, changed, run
from networks import classes, deep, follows

system = System("direct_feedback_alignment", "direct feedback alignment")

ROUTES = ["n.learn0.label_h1", "n.learn0.label_h2"]


@system.check
def follows_its_equation(rule):
    """delta_l = (B_l e) * f'(a_l), in NumPy."""
    follows(rule, rule.name, lambda net, s, l, deltas, target: deltas[-1] @ s[ROUTES[l]])


@system.check
def feedback_is_constant(rule):
    """The feedback weights are the same bits before and after training."""
    model = deep(rule.name)
    first, last = (how(model, data=classes(), rules=[rule]) for how in (before, run))
    for name in ROUTES:
        assert first[name].tobytes() == last[name].tobytes(), f"{name} has changed"
        assert numpy.std(first[name]) > 0


@system.check
def with_one_hidden_area_it_is_feedback_alignment(rule):
    """The same feedback weights, loaded into both, and the same forward weights: then the same sums, and every bit
    of every forward weight and momentum agrees. The null model has feedback weights of its own."""
    model = {name: deep(name, hidden=(11,), epochs=2) for name in (rule.name, "feedback_alignment")}
    start = {name: run(m, data=classes(), rules=[rule] if name == rule.name else [], epochs=1)
             for name, m in model.items()}
    plain, direct = start["feedback_alignment"], start[rule.name]
    B = plain["n.learn0.h1_label.B"]
    common = sorted(set(plain.states) & set(direct.states))
    assert len(common) == 9, common
    values = {name: plain[name] for name in common}
    end = run(model["feedback_alignment"], data=classes(), start=changed(plain.checkpoint, {}))
    same = run(model[rule.name], data=classes(), rules=[rule],
               start=changed(direct.checkpoint, {**values, "n.learn0.label_h1": B.T}))
    null = run(model[rule.name], data=classes(), rules=[rule], start=changed(direct.checkpoint, values))
    assert not end.same(plain, common), "the second epoch changes nothing"
    assert same.same(end, common), "with the same feedback weights, the two differ"
    assert not null.same(end, common), "with other feedback weights, the two agree"


# A cost that is linear in the output: its error is the target, whatever the network computes.
STEADY = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13] : source
    area h1[11] : tanh_unit
    area h2[7] : tanh_unit
    area label[5] : linear_unit { given target }
    connect x -> h1 : dense(bias = true)
    connect h1 -> h2 : dense(bias = true, w ~ normal(0, MIDDLE))
    connect h2 -> label : dense(bias = true, w ~ normal(0, UPPER))
    cost c = sum(label.rate * label.target)
    learn c by RULE() with sgd(0.125)
}
train n on points, batch = 4, trials = 1 { x.rate = x; label.target = one_hot(y, 5) }
"""


@system.check
def upper_weights_do_not_matter(rule):
    """What a hidden area learns depends on its own activity and on the output's error only. With a cost that keeps
    that error, other weights in the connection that leaves a hidden area, or in all above it, leave its own update
    unchanged to the bit: of the first area, and of the second. Null model: backprop with the same weights, where they
    change the update of either."""
    def updated(name, middle, upper):
        model = STEADY.replace("RULE", name).replace("MIDDLE", middle).replace("UPPER", upper)
        last = run(model, data=classes(), rules=[rule] if name == rule.name else [])
        return [last[f"n.{c}.w"].tobytes() + last[f"n.{c}.b"].tobytes() for c in ("x_h1", "h1_h2", "h2_label")]

    for middle, upper, same in (("1.5", "0.5", 1), ("0.5", "1.5", 2), ("1.5", "1.5", 1)):
        one, other = updated(rule.name, "0.5", "0.5"), updated(rule.name, middle, upper)
        assert one[same] != other[same], "the weights above are the same"
        assert one[:same] == other[:same], "the weights above matter"
        one, other = updated("weight_transport", "0.5", "0.5"), updated("weight_transport", middle, upper)
        assert all(a != b for a, b in zip(one[:same], other[:same])), "they do not matter to backprop"


@system.check
def learns_from_nothing(rule):
    """All forward weights start at 0: then the output's error still reaches the hidden areas, which begin to differ,
    and 64 random labels are memorised further than their frequencies allow. Null model: backprop stays where it is,
    since nothing passes through weights of 0, except that the output's biases learn the frequencies."""
    cost, last = {}, {}
    for name in (rule.name, "backprop"):
        model = deep(name, first="dense(bias = true, w = 0)", upper="dense(bias = true, w = 0)", epochs=60,
                     optimizer="sgd(0.05, momentum = 0.9)")
        last[name] = run(model, data=classes(), rules=[rule] if name == rule.name else [])
        cost[name] = numpy.mean(last[name].series("c")[-16:])
    frequencies = numpy.bincount(classes()["y.npy"]) / 64
    entropy = -(frequencies * numpy.log(frequencies)).sum()
    assert not last["backprop"]["n.h1_h2.w"].any() and cost["backprop"] > 0.9 * entropy
    assert last[rule.name]["n.h1_h2.w"].any(), "the first hidden areas do not learn"
    assert cost[rule.name] < 0.7 * entropy, f"{cost[rule.name]:.3f}, of {entropy:.3f}"


system.mutant("the sign of the update", ("w.grad += error(post)", "w.grad += -error(post)"))
system.mutant("the target instead of the error", ("error(outputs.drive) ->", "outputs.target ->"))
system.mutant("the output's rate instead of its error", ("error(outputs.drive) ->", "outputs.rate ->"))
system.mutant("no derivative of the unit", ("w.grad += error(post) * pre", "w.grad += error(post.rate) * pre"))
system.mutant("the error arrives behind the derivative", ("error(hidden.rate)", "error(hidden.drive)"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("messages through the forward weights as well", (": feedback", ": nonlocal"),
              ("w.grad +=", "error(pre) += w * error(post); w.grad +="))
system.mutant("feedback redrawn in every step", ("dense(w ~ normal(0, 1 / sqrt(fan_in)))",
              "dense(w ~ normal(0, 1 / sqrt(fan_in))) { let fresh ~ normal(0, 1 / sqrt(fan_in)); w += fresh - w }"))

system.main()
