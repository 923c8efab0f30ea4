# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules of the library on sparse connections: with all synapses they do what they do on dense ones, and synapses that are
absent have no part in anything.

Each test runs in the interpreter (double precision) and as native code.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
import nudging  # noqa: E402
import numpy  # noqa: E402
import two_phases  # noqa: E402
from harness import before, changed, library, on_both_engines, run  # noqa: E402
from networks import classes, deep  # noqa: E402

DEEP = {"backprop": "", "weight_transport": "", "frozen": "", "feedback_alignment": "", "direct_feedback_alignment": "",
        "indirect_feedback_alignment": "", "random_target_projection": "", "kolen_pollack": "", "weight_mirror": "",
        "uniform_sign_symmetry": "", "fixed_sign_symmetry": "", "redrawn_sign_symmetry": "", "forward_gradient": "",
        "activity_forward_gradient": "", "node_perturbation": "sigma = 0.5", "weight_perturbation": "sigma = 0.5",
        "layerwise_node_perturbation": "sigma = 0.5", "activity_node_perturbation": "sigma = 0.5",
        "serial_node_perturbation": "eps = 0.1", "serial_weight_perturbation": "eps = 0.1", "predictive_coding": "steps = 5",
        "incremental_predictive_coding": "steps = 5", "fixed_prediction_coding": "sweeps = 3",
        "strict_predictive_coding": "precision = 0.5, steps = 5"}

PLAIN = """
data points = table(x = npy("x.npy"))
network n {
    area x[13] : source { given negative = 0.25 }
    area y[7] : UNIT
    connect x -> y : dense(w ~ uniform(0, 0.5))
    learn by RULE
}
train n on points, batch = 4, epochs = 1 { x.rate = x }
"""
ALONE = {"oja(0.01)": "linear_unit", "sanger(0.01)": "linear_unit", "sliding_threshold(0.01)": "bcm_unit(tau = 4)",
         "competing_hidden_units(0.02)": "competing_unit(k = 2, delta = 0.4)", "decorrelate(0.01)": "linear_unit",
         "forward_forward() with sgd(0.25)": "normalised_relu_unit"}


LOOP = """
data points = table(x = npy("x.npy"))
network n {
    area seen[13] : visible_unit(memory = 0.75)
    area code[7] : code_unit(memory = 0.75)
    connect seen -> code : dense(bias = true)
    connect code -> seen : dense(bias = true)
    cost c = sum(logistic_loss(seen.drive, seen.pattern))
    learn c by recirculation() with sgd(1)
}
train n on points, batch = 4, epochs = 1 { seen.pattern = x }
"""


def models():
    """Of every rule, with dense connections."""
    for name, arguments in DEEP.items():
        small = (5, 3) if name == "serial_weight_perturbation" else (11, 7)
        yield name, deep(name, arguments, hidden=small, epochs=1, optimizer="adam()" if name == "backprop" else "sgd(0.05)")
    yield "every", deep("backprop", hidden=(11,), epochs=1, optimizer="sgd(0.05, momentum = 0.9) every 2 trials")
    yield "every ticks", deep("incremental_predictive_coding", "steps = 4", hidden=(11,), epochs=1,
                              optimizer="adam(0.01) every 2 ticks")
    yield "kept", deep("backprop", epochs=1, upper="dense(bias = true) { keep w = w / (1 + norm(w, over = pre)) }")
    for name, unit in ALONE.items():
        yield name, PLAIN.replace("RULE", name).replace("UNIT", unit)
    for name in ("equilibrium_propagation", "one_sided_equilibrium_propagation", "random_sign_equilibrium_propagation"):
        yield name, nudging.network(f"{name}(free = 5)")
    for name in ("generec", "midpoint_generec", "symmetric_generec"):
        back = "transpose(WEIGHTS)" if name == "symmetric_generec" else "dense"
        yield name, two_phases.network(f"{name}(ticks = 5, tolerance = 1)", back=back)
    yield "contrastive_hebbian", two_phases.network(
        "contrastive_hebbian(ticks = 5, tolerance = 1)", unit="contrastive_unit(gamma = 0.25)", back="transpose(WEIGHTS)",
        up=".up", down=".down")
    yield "recirculation", LOOP


def sparse(text, arguments):
    """Every dense connection becomes a sparse one; FAN_IN is the number of units in front."""
    sizes = dict(re.findall(r"area (\w+)\[(\d+)\]", text))

    def edit(found):
        known = arguments.replace("FAN_IN", sizes[found[2]])
        return f"{found[1]}sparse({known}" + (", " if found[3] else ")")

    text, count = re.subn(r"(connect (\w+)\S* -> \S+ *: )dense(\()?", edit, text)
    assert count
    return text


def with_all_synapses_as_dense(interpret):
    """The same draws and the same sums: equal in every bit."""
    for name, text in models():
        dense = run(text, data=classes(16), interpret=interpret)
        for arguments in ("p = 1", "fan_in = FAN_IN")[:1 + interpret]:  # compiling is what takes the time
            all_there = run(sparse(text, arguments), data=classes(16), interpret=interpret)
            names = [n for n in all_there.states if not n.endswith(".mask")]
            assert len(names) < len(all_there.states) and all_there.same(dense, names), (name, arguments)


def what_is_absent_stays_zero(interpret):
    """Whatever is kept for each synapse: weights, those of the rule, states of the optimizer."""
    for name, text in models():
        last = run(sparse(text, "p = 0.5"), data=classes(16), interpret=interpret)
        first = before(sparse(text, "p = 0.5"), data=classes(16), interpret=interpret) if interpret else last
        kept = 0
        for mask in [n for n in last.states if n.endswith(".mask")]:
            absent = last[mask] == 0
            assert (first[mask] == last[mask]).all() and 0 < absent.sum() < absent.size
            connection = mask.split(".")[-2]
            for state, value in last.states.items():
                if f".{connection}." in state and state != mask and value.shape == absent.shape:
                    kept += 1
                    assert not value[absent].any() and not first[state][absent].any(), (name, state)
                    assert value[~absent].any() or state.endswith(".grad"), (name, state)
        assert kept > (0 if name in ALONE else 1), name


# Of two units, those whose numbers fit: as a list, and as a condition of `keep`.
THERE = "index(w, over = pre) + 2 * index(w, over = post)"
KEEP = f" {{ keep w = where({THERE} - 3 * floor(({THERE} + 0.5) / 3) > 0.5, w, 0) }}"


def listed(rows, columns):
    return numpy.array([(i, j) for i in range(rows) for j in range(columns) if (i + 2 * j) % 3])


def as_dense_weights_that_are_kept_at_zero(interpret):
    """A dense network whose absent weights start and stay at 0: the same sums, with zeros among their terms. Rules that
    perturb weights or look at all of them would see those, and noise is another from a checkpoint on."""
    wanted = {"backprop", "weight_transport", "feedback_alignment", "direct_feedback_alignment",
              "serial_node_perturbation", "predictive_coding", "fixed_prediction_coding",
              "equilibrium_propagation", "generec", "symmetric_generec", "oja(0.01)", "sanger(0.01)", "decorrelate(0.01)",
              "forward_forward() with sgd(0.25)"}
    if not interpret:
        wanted = {"backprop", "feedback_alignment", "predictive_coding", "equilibrium_propagation", "sanger(0.01)"}
    met = set()
    for name, text in models():
        if name not in wanted:
            continue
        met.add(name)
        text = re.sub(r": dense(\(bias = true\))?$", lambda m: ": dense(w ~ normal(0, 0.3)"
                      + (", bias = true)" if m[1] else ")"), text, flags=re.M)
        if name == "feedback_alignment":  # weights of the rule that do not depend on the number of synapses
            text = library(name).replace("1 / sqrt(fan_out)", "1") + text
        sizes = {k: int(v) for k, v in re.findall(r"area (\w+)\[(\d+)\]", text)}
        data, tables = classes(16), ""
        kept = re.sub(r"^( *connect .*: dense.*)$", lambda m: m[1] + KEEP, text, flags=re.M)
        lines = []
        for line in text.split("\n"):
            found = re.match(r" *connect (\w+)\S* -> (\w+)\S* *: dense", line)
            if found:
                a, b = found.groups()
                pairs = listed(sizes[a], sizes[b])
                data.update({f"{a}{b}0.npy": pairs[:, 0], f"{a}{b}1.npy": pairs[:, 1]})
                tables += f'data {a}{b} = table(pre = npy("{a}{b}0.npy"), post = npy("{a}{b}1.npy"))\n'
                line = line.replace(": dense(", f": sparse(list = {a}{b}, ")
            lines.append(line)
        last = run(tables + "\n".join(lines), data=data, interpret=interpret)
        first = before(kept, data=classes(16), interpret=interpret)
        zeroed = {}
        for state, value in first.states.items():
            if value.ndim == 2 and state.endswith((".w", ".B")):
                m = numpy.zeros(value.shape)
                m[tuple(listed(*value.shape).T)] = 1
                zeroed[state] = value * m
        dense = run(kept, data=classes(16), interpret=interpret, start=changed(first.checkpoint, zeroed))
        moved = 0
        for state in zeroed:
            worst = numpy.abs(last[state].astype(float) - dense[state]).max()
            assert worst < (1e-12 if interpret else 1e-5), (name, state, worst)
            moved += numpy.abs(last[state].astype(float) - zeroed[state]).max() > 1e-4
        assert moved, (name, "does not learn")
    assert met == wanted, wanted - met


class Tried:
    """A sparse network, a step of a rule with a rate of 0.1 and waves of the weights in place of draws, and in NumPy its
    weights, those waves where there are synapses, and its cost."""

    def __init__(self, name, arguments, draw, wave, interpret):
        text, rule = deep(name, arguments, hidden=(5,), epochs=1, batch=64, optimizer="sgd(0.1)"), library(name)
        assert draw in rule
        self.data = classes()
        text = rule.replace(draw, wave) + sparse(text, "p = 0.5")
        first, self.last = (how(text, data=self.data, interpret=interpret) for how in (before, run))
        self.weights = {n: first[n].astype(float) for n in first.states if n.endswith((".w", ".b"))}
        self.there = {n: first[n[:-1] + "mask"].astype(float) if n.endswith(".w") else numpy.ones(w.shape)
                      for n, w in self.weights.items()}
        self.wave = {n: self.there[n] * 0.5 * numpy.cos(20 * w + 1) for n, w in self.weights.items()}
        self.interpret = interpret

    def cost(self, by, displaced):
        """Of each sample, with weights displaced by so much."""
        w = {n: w + by * displaced.get(n, 0) for n, w in self.weights.items()}
        a = numpy.tanh(self.data["x.npy"].astype(float) @ w["n.x_h1.w"] + w["n.x_h1.b"]) @ w["n.h1_label.w"] + w["n.h1_label.b"]
        return numpy.log(numpy.exp(a).sum(1)) - a[numpy.arange(64), self.data["y.npy"]]

    def near(self, gradients):
        for n, g in gradients.items():
            worst = numpy.abs(self.last[n] - (self.weights[n] - 0.1 * self.there[n] * g)).max()
            assert worst < (1e-7 if self.interpret else 1e-5) and numpy.abs(g).max() > 0.01, (n, worst)


def noise_of_absent_weights_is_none(interpret):
    """Weight perturbation: the cost sees the noise of those that there are, and so does what is learned. A direction along
    which all weights are displaced: so does the derivative, by differences of width 1e-4, off by its square. One weight at
    a time: so does each difference."""
    t = Tried("weight_perturbation", "sigma = 0.5", "shared state xi ~ normal(0, sigma)",
              "shared state xi = sigma * cos(20 * w + 1)", interpret)
    gain = (t.cost(1, t.wave) - t.cost(0, {})).mean() / 0.25
    t.near({n: gain * v for n, v in t.wave.items()})
    t = Tried("forward_gradient", "", "shared state xi ~ normal(0, 1)", "shared state xi = 0.5 * cos(20 * w + 1)", interpret)
    gain = (t.cost(1e-4, t.wave) - t.cost(-1e-4, t.wave)).mean() / 2e-4
    t.near({n: gain * v for n, v in t.wave.items()})
    t = Tried("serial_weight_perturbation", "eps = 0.5", "shared state delta = 0", "shared state delta = 0", interpret)
    wanted = {}
    for n, w in t.weights.items():
        wanted[n] = numpy.zeros(w.shape)
        for place in numpy.ndindex(w.shape):
            one = numpy.zeros(w.shape)
            one[place] = 0.5
            wanted[n][place] = (t.cost(1, {n: one}) - t.cost(0, {})).mean() / 0.5
    t.near(wanted)


LOOKS = """
rule looks(C: cost) : nonlocal, feedback {
    each area a { input arriving, leaving; let both = arriving + 100 * leaving }
    each connection {
        lasting state seen = 1
        seen = seen + 2
        post.arriving += 1
        pre.leaving   += 1
        w = 1000 * seen + batch_mean(post.both) + batch_mean(d((1 + w) * pre^2, pre))
    }
}
"""


def synapses_are_counted(interpret):
    """What synapses add to a unit at either end is added by those that there are; so are derivatives. What a rule keeps
    for each synapse is kept for these."""
    text = LOOKS + sparse(deep("looks", hidden=(11,), epochs=1, batch=64, optimizer="NONE"), "p = 0.5").replace(" with NONE", "")
    data = classes()
    first, last = (how(text, data=data, interpret=interpret) for how in (before, run))
    x = data["x.npy"].astype(float)
    # The bias of a unit is one more synapse onto it.
    mask, behind, w = (first[f"n.{n}"].astype(float) for n in ("x_h1.mask", "h1_label.mask", "x_h1.w"))
    slope = (2 * x[:, :, None] * (1 + w) * mask).sum(2).mean(0)
    wanted = mask * (3000 + mask.sum(0) + 1 + 100 * behind.sum(1) + slope[:, None])
    assert numpy.abs(last["n.x_h1.w"] - wanted).max() < (1e-3 if not interpret else 1e-9)
    assert (last["n.learn0.x_h1.seen"] == 3 * mask).all()


if __name__ == "__main__":
    on_both_engines(with_all_synapses_as_dense, what_is_absent_stays_zero, as_dense_weights_that_are_kept_at_zero,
                    noise_of_absent_weights_is_none, synapses_are_counted)
