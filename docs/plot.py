#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The plots of docs/systems/plots: plot.py [NAME...]

Curves and angles are those of results/measured.json, which `./x results` writes; pictures of weights, and the cost of single
trials, come from runs of the models, which are made here.
"""
import json
import math
import os
import re
import subprocess
import sys
import tempfile

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FOLDER = os.path.join(HERE, "systems", "plots")
APICAL = os.environ.get("APICAL", os.path.join(ROOT, "build", "bin", "apical"))
sys.path[:0] = [os.path.join(ROOT, "results"), os.path.join(ROOT, "tests", "rules")]
from harness import read_checkpoint
import run as results

# Okabe and Ito's colours, which the colour-blind tell apart; the null model is grey and dashed everywhere.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B8A500", "#777777")
matplotlib.rcParams.update({
    "svg.hashsalt": "apical", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#E4E4E4",
    "axes.axisbelow": True, "axes.titlesize": 9, "axes.titlelocation": "left", "legend.frameon": False,
    "lines.linewidth": 1.7, "figure.facecolor": "white", "savefig.facecolor": "white"})

PLOTS = {}


def plot(function):
    PLOTS[function.__name__] = function
    return function


def save(figure, name):
    os.makedirs(FOLDER, exist_ok=True)
    path = os.path.join(FOLDER, name + ".svg")
    figure.savefig(path, metadata={"Date": None, "Creator": "Apical, docs/plot.py"}, bbox_inches="tight")
    plt.close(figure)
    with open(path) as file:
        text = file.read()
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")  # where that font is not installed
    with open(path, "w") as file:  # without indentation, a fifth is gone
        file.write(re.sub(r"\n(?=[A-Zz] )|\n\s+", lambda m: "\n" if len(m[0]) > 1 else " ", text))
    size = os.path.getsize(path)
    assert size < 60_000, f"{path} has {size} bytes"
    print(f"wrote {os.path.relpath(path)}, {size} bytes")


class Missing(Exception):
    """What a plot shows has not been measured."""


def curves(model, network, measure="accuracy"):
    """One row for each seed: the measure after every epoch."""
    seeds = results.load().get("tasks", {}).get(model)
    if not seeds:
        raise Missing(f"./x results {model}")
    return numpy.array([s["curves"][network][measure] for s in seeds.values()])


def band(axes, rows, label, colour, style="-", scale=100):
    """The mean over seeds, and the range of the seeds behind it."""
    epochs = numpy.arange(1, rows.shape[1] + 1)
    axes.fill_between(epochs, scale * rows.min(0), scale * rows.max(0), color=colour, alpha=0.15, linewidth=0)
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, scale * rows.mean(0), style, color=colour, label=label, marker=marker)


def accuracy_axes(axes, title, low=None):
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(title)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    if low is not None:
        axes.set_ylim(bottom=low)


RULES = {  # network of models/deep_feedback.apical: name, colour, style
    "by_backprop": ("backprop", "black", "-"),
    "by_feedback": ("feedback alignment", BLUE, "-"),
    "by_direct_feedback": ("direct feedback alignment", ORANGE, "-"),
    "by_indirect_feedback": ("indirect feedback alignment", ORANGE, "--"),
    "by_target_projection": ("random target projection", RED, "-"),
    "by_kolen_pollack": ("Kolen–Pollack", GREEN, "-"),
    "by_weight_mirror": ("weight mirror", GREEN, "--"),
    "by_uniform_signs": ("signs, one size", PURPLE, "-"),
    "by_fixed_signs": ("signs, fixed sizes", SKY, "-"),
    "by_redrawn_signs": ("signs, redrawn sizes", YELLOW, "-"),
    "frozen_hidden": ("frozen hidden areas", GREY, "--"),
}


@plot
def rules():
    figure, axes = plt.subplots(figsize=(6.2, 3.4))
    measured = results.load().get("tasks", {}).get("deep_feedback", {})
    if not measured:
        raise Missing("./x results deep_feedback")
    found = {n: curves("deep_feedback", n) for n in RULES if n in next(iter(measured.values()))["curves"]}
    for network in sorted(found, key=lambda n: -found[n][:, -1].mean()):
        name, colour, style = RULES[network]
        band(axes, found[network], f"{name}, {100 * found[network][:, -1].mean():.1f} %", colour, style)
    accuracy_axes(axes, "Fashion-MNIST, 784-100-100-10, three seeds")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    save(figure, "rules")


def compared(name, networks):
    """Accuracy beside backprop and frozen areas, and the angles of the hidden weights."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.1), constrained_layout=True)
    for network in ("by_backprop", *networks, "frozen_hidden"):
        title, colour, style = RULES[network]
        band(left, curves("deep_feedback", network), title, colour, style)
    accuracy_axes(left, "Fashion-MNIST, 784-100-100-10", 73 if len(networks) == 1 else 70)  # room for the legend below the null model
    left.legend(loc="lower right")
    seeds = results.load().get("angles", {}).get("deep_feedback")
    if not seeds:
        raise Missing("./x results angles:deep_feedback")
    for network in networks:
        _, colour, _ = RULES[network]
        for connection, style, what in (("image_first", "-", "first area"), ("first_second", ":", "second area")):
            rows = numpy.array([s[network][connection] for s in seeds.values()], float)
            steps = next(iter(seeds.values()))[network]["steps"]
            if len(networks) == 1:
                right.fill_between(steps, rows.min(0), rows.max(0), color=colour, alpha=0.15, linewidth=0)
            right.plot(steps, rows.mean(0), style, color=colour)
            if network == networks[-1]:
                right.plot([], [], style, color=colour if len(networks) == 1 else "black", label=what)
    right.axhline(90, color=GREY, linewidth=1, linestyle="--")
    right.text(steps[-1], 91.5, "a right angle: no better than chance", ha="right", va="bottom", color=GREY, fontsize=8)
    right.set(xlabel="training step", ylabel="angle to minus the gradient (°)", ylim=(0, 100))
    right.set_yticks(range(0, 100, 30))
    right.set_title("change of the weights to each area")
    right.legend(loc="lower left")
    save(figure, name)


for _name, _networks in {
    "feedback_alignment": ["by_feedback"], "direct_feedback_alignment": ["by_direct_feedback"],
    "indirect_feedback_alignment": ["by_indirect_feedback"], "weight_mirror": ["by_weight_mirror"],
    "random_target_projection": ["by_target_projection"], "kolen_pollack": ["by_kolen_pollack"],
    "sign_symmetry": ["by_uniform_signs", "by_fixed_signs", "by_redrawn_signs"],
}.items():
    PLOTS[_name] = lambda name=_name, networks=_networks: compared(name, networks)


def learning(name, title, networks, low=None, measure="accuracy"):
    """A measure over epochs of some networks of one model; accuracy in percent."""
    figure, axes = plt.subplots(figsize=(5.2, 3.1), constrained_layout=True)
    for network, label, colour, style in networks:
        rows = curves(name, network, measure)
        last = rows[:, -1].mean()
        band(axes, rows, f"{label}, {100 * last:.1f} %" if measure == "accuracy" else f"{label}, {last:.2g}", colour, style,
             scale=100 if measure == "accuracy" else 1)
    if measure == "accuracy":
        accuracy_axes(axes, title, low)
    else:
        axes.set(xlabel="epoch", ylabel="squared error", ylim=(0, None))
        axes.set_title(title)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.legend(loc="best")
    save(figure, name)


@plot
def node_perturbation():
    learning("node_perturbation", "MNIST, 784-100-10, three seeds", [
        ("by_backprop", "backprop", "black", "-"), ("by_nodes", "node perturbation", BLUE, "-"),
        ("frozen_hidden", "frozen hidden area", GREY, "--")])


@plot
def equilibrium_propagation():
    learning("equilibrium_propagation", "MNIST, 784-500-10, three seeds", [
        ("digits", "equilibrium propagation", BLUE, "-"), ("frozen_hidden", "frozen hidden area", GREY, "--")])


@plot
def contrastive_hebbian():
    learning("contrastive_hebbian", "MNIST, 784-100-10, three seeds", [
        ("digits", "contrastive Hebbian learning", BLUE, "-"), ("frozen_hidden", "frozen hidden area", GREY, "--")])


for _name, _title, _networks, *_more in (
    ("weight_mirror", "MNIST, 784-500-10, three seeds", [("digits", "weight mirror", BLUE, "-")], 94),
    ("target_propagation", "MNIST, 784-240-240-240-10, three seeds", [
        ("by_backprop", "backprop", "black", "-"), ("by_targets", "difference target propagation", BLUE, "-")], 90),
    ("predictive_coding", "MNIST, 784-500-500-10, three seeds", [
        ("digits", "predictive coding", BLUE, "-"), ("frozen_hidden", "frozen hidden areas", GREY, "--")]),
    ("forward_forward", "MNIST, 784-500-500, three seeds", [("digits", "forward-forward", BLUE, "-")]),
    ("generec", "MNIST, 784-100-10, three seeds", [
        ("digits", "the same synapses both ways", BLUE, "-"), ("symmetric", "the same, midpoint", SKY, "-"), ("own_feedback", "feedback weights of its own", ORANGE, "-"),
        ("frozen_hidden", "frozen hidden area", GREY, "--")]),
    ("recirculation", "MNIST, 784-64-784, three seeds", [
        ("by_recirculation", "recirculation", BLUE, "-"), ("by_gradient", "the exact gradient", "black", "-"),
        ("frozen_code", "frozen code", GREY, "--")], None, "loss"),
    ("autoencoder", "Fashion-MNIST, test images, three seeds", [
        ("plain", "the image itself", BLUE, "-"), ("denoising", "30 % of the pixels hidden", ORANGE, "-"),
        ("inpainting", "in a hole of 10 by 10", GREEN, "-")], None, "error"),
    ("eight_areas", "MNIST, eight hidden areas of 100, three seeds", [
        ("by_backprop", "backprop", "black", "-"), ("by_direct_feedback", "direct feedback", ORANGE, "-"),
        ("by_feedback", "feedback from area to area", BLUE, "-"), ("frozen_hidden", "frozen hidden areas", GREY, "--")]),
    ("directional_node_perturbation", "MNIST, 784-100-10, three seeds", [
        ("by_area", "noise on one area at a time", BLUE, "-"), ("by_activity", "all noise at once", ORANGE, "-")]),
    ("forward_gradient", "MNIST, 784-100-10, three seeds", [
        ("by_activity", "along a direction of what units receive", BLUE, "-"),
        ("by_weights", "along a direction of the weights", ORANGE, "-")]),
    ("settling_nudges", "MNIST, 784-100-10, three seeds", [
        ("both_ways", "nudged either way", BLUE, "-"), ("one_way", "towards the target", ORANGE, "-"),
        ("either_way", "one way, at random", GREEN, "-")]),
    ("sparse", "Fashion-MNIST, 784-500-10, three seeds", [
        ("fully_connected", "backprop, all synapses", "black", "-"), ("by_backprop", "backprop, a tenth", BLUE, "-"),
        ("by_feedback", "feedback alignment, a tenth", ORANGE, "-"), ("frozen_hidden", "frozen hidden area", GREY, "--")], 80),
    ("lenet", "Fashion-MNIST, LeNet, three seeds", [
        (n, *RULES[n]) for n in ("by_backprop", "by_uniform_signs", "by_fixed_signs", "by_redrawn_signs", "by_feedback",
                                 "by_direct_feedback", "frozen_hidden")], 62),
):
    PLOTS[_name] = lambda arguments=(_name, _title, _networks, *_more): learning(*arguments)


@plot
def decorrelated_node_perturbation():
    figure, axes = plt.subplots(figsize=(5.2, 3.1), constrained_layout=True)
    for model, network, label, colour in (("decorrelated_node_perturbation", "digits", "of decorrelated inputs", BLUE),
                                          ("node_perturbation", "by_nodes", "of the inputs as they are", ORANGE)):
        rows = curves(model, network)
        band(axes, rows, f"{label}, {100 * rows[:, -1].mean():.1f} %", colour)
    accuracy_axes(axes, "node perturbation on MNIST, 784-100-10, three seeds")
    axes.legend(loc="lower right")
    save(figure, "decorrelated_node_perturbation")


def trained(model, seed=1, extra=(), every=None):
    """The records and the final states of a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        subprocess.run([APICAL, "run", f"models/{model}.apical", "--quiet", "--threads", "1", "--seed", str(seed),
                        "--metrics", path("metrics"), "--save", path("saved"), *extra,
                        *(["--metrics-every", str(every)] if every else [])], check=True, cwd=ROOT)
        with open(path("metrics")) as file:
            records = [json.loads(line) for line in file]
        with open(path("saved"), "rb") as file:
            return records, read_checkpoint(file.read())


def probed(model, name, count, network=None):
    """The first values of a probe, one row per sample, of all networks or of one."""
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "probes")
        trained(model, extra=["--probe", lines])
        with open(lines) as file:
            records = (json.loads(line) for line in file)
            return numpy.array([r[name] for r in records if network in (None, r["network"])][:count])


@plot
def weight_perturbation():
    figure, axes = plt.subplots(figsize=(5.6, 3.2), constrained_layout=True)
    seeds = range(1, 41)
    runs = [trained("weight_perturbation", s, every=50)[0] for s in seeds]
    for network, title, kappa, colour in (("by_gradient", "gradient", 12, "black"), ("by_nodes", "noise on nodes", 84, BLUE),
                                          ("by_weights", "noise on weights", 624, ORANGE)):
        series = [[r for r in records if r["event"] == "step" and r["network"] == network] for records in runs]
        first = series[0][0]["step"] - 50  # steps are counted over all experiments of a model
        steps = numpy.array([r["step"] - first - 25 for r in series[0]])
        mean = numpy.mean([[r["error_of_y"] for r in s] for s in series], 0)
        ends = numpy.array([0, 2000])
        law = 25 * (1 - 1 / kappa) ** ends.astype(float)  # N M / 2 = 25 at the start, on average; straight here
        axes.plot(ends, law, color=colour, linewidth=1.2, label=f"{title}, κ = {kappa}")
        shown = mean > 1e-5
        axes.plot(steps[shown], mean[shown], ".", color=colour, markersize=5)
    axes.set(yscale="log", xlabel="trial", ylabel="cost, ½ |y − y*|²", ylim=(1e-5, 60), xlim=(0, 2000))
    axes.minorticks_off()
    axes.set_title("linear perceptron, 10 inputs and 5 outputs; mean of 40 seeds over 50 trials")
    axes.legend(loc="lower right")
    save(figure, "weight_perturbation")


@plot
def serial_perturbation():
    figure, axes = plt.subplots(figsize=(5.6, 3.2), constrained_layout=True)
    runs = [trained("serial_perturbation", s, every=4)[0] for s in range(1, 41)]
    for network, title, passes, colour in (("by_units", "one unit at a time, 6 a trial", 6, BLUE),
                                           ("by_synapses", "one synapse at a time, 51 a trial", 51, ORANGE),
                                           ("by_noise", "noise on all units, 2 a trial", 2, "black")):
        mean = numpy.mean([[r["error_of_y"] for r in records if r["event"] == "step" and r["network"] == network]
                           for records in runs], 0)
        axes.plot(passes * (4 * numpy.arange(len(mean)) + 2), mean, color=colour, label=title)
    axes.set(yscale="log", xlabel="presentations", ylabel="cost, ½ |y − y*|²", xlim=(0, 1600), ylim=(1e-4, 60))
    axes.minorticks_off()
    axes.set_title("linear perceptron, 10 inputs and 5 outputs; mean of 40 seeds")
    axes.legend(loc="lower left")
    save(figure, "serial_perturbation")


@plot
def gan():
    figure, axes = plt.subplots(figsize=(3.6, 3.4), constrained_layout=True)
    points = probed("gan", "made.rate", 400)
    for k in range(8):
        place = (math.cos(math.pi * k / 4), math.sin(math.pi * k / 4))
        axes.add_patch(plt.Circle(place, 0.3, color="#E8E8E8", linewidth=0))
    axes.plot(*points.T, ".", color=BLUE, markersize=2.5)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    axes.set_title("made points; three spreads about each place")
    save(figure, "gan")


@plot
def fashion_gan():
    figure, axes = plt.subplots(figsize=(6.2, 3.4), constrained_layout=True)
    picture = probed("fashion_gan", "made", 72, "gan").reshape(6, 12, 28, 28).swapaxes(1, 2).reshape(168, 336)
    axes.imshow(numpy.round(15 * picture), cmap="gray", vmin=0, vmax=15, interpolation="none")  # few shades: a small file
    axes.set_title("made images, as they come")
    axes.axis("off")
    save(figure, "fashion_gan")


def mosaic(axes, columns, across, title):
    """Weights to some units as images, red positive and blue negative, each scaled to its largest."""
    side = math.isqrt(columns.shape[0])
    down = math.ceil(columns.shape[1] / across)
    picture = numpy.zeros((down * (side + 2), across * (side + 2)))
    for k in range(columns.shape[1]):
        image = columns[:, k].reshape(side, side)
        y, x = k // across * (side + 2), k % across * (side + 2)
        picture[y : y + side, x : x + side] = image / numpy.abs(image).max()
    axes.imshow(picture[:-2, :-2], cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    axes.set_title(title)
    axes.axis("off")


@plot
def principal_components():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), constrained_layout=True)
    _, states = trained("principal_components")
    mosaic(left, states["several.image_component.w"].astype(float), 4, "Sanger: weights of the 16 units, in their order")
    references = results.load()["references"]
    for network, name, colour, count in (("one", "Oja, 1 unit", ORANGE, "1 principal component"),
                                         ("several", "Sanger, 16 units", BLUE, "16 principal components")):
        band(right, curves("principal_components", network, "loss"), name, colour, scale=1)
        right.axhline(references[count], color=colour, linewidth=1, linestyle="--", label=count)
    right.set(xlabel="epoch", ylabel="mean squared error of the copy", ylim=(0, None))
    right.set_title("Fashion-MNIST, test images")
    right.legend(loc="center right")
    save(figure, "principal_components")


@plot
def competing_hidden_units():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), constrained_layout=True)
    _, states = trained("competing_hidden_units", extra=["--epochs", "8"])
    mosaic(left, states["digits.image_hidden.w"].astype(float)[:, :9], 3, "weights of the first nine units, after 8 epochs")
    for network, name, colour, style in (("digits", "competing hidden units", BLUE, "-"),
                                         ("random_hidden", "random hidden units", GREY, "--")):
        rows = curves("competing_hidden_units", network)
        band(right, rows, f"{name}, {100 * rows[:, -1].mean():.1f} %", colour, style)
    right.axvline(20, color="#BBBBBB", linewidth=1)
    right.text(20, 62, "the readout begins ", ha="right", color=GREY, fontsize=8)
    accuracy_axes(right, "MNIST, 784-400 and a readout")
    right.set_ylim(0, 100)
    right.legend(loc="lower left", bbox_to_anchor=(0.0, 0.2))
    save(figure, "competing_hidden_units")


@plot
def sliding_threshold():
    figure, axes = plt.subplots(figsize=(5.2, 3.1), constrained_layout=True)
    for measure, name, colour, value in (("squared_rate", "mean squared rate", BLUE, 10), ("mean_rate", "mean rate", ORANGE, 1)):
        band(axes, curves("sliding_threshold", "selective", measure), name, colour, scale=1)
        axes.axhline(value, color=colour, linewidth=1, linestyle="--")
    axes.text(1, 10.25, "each unit answers one pattern only: 10", color=BLUE, fontsize=8)
    axes.text(1, 1.25, "and 1", color=ORANGE, fontsize=8)
    axes.set(xlabel="epoch", ylabel="rate of the units", ylim=(0, 12))
    axes.set_title("ten patterns, twenty BCM units, three seeds")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.legend(loc="center right")
    save(figure, "sliding_threshold")


@plot
def area_costs():
    figure, all_axes = plt.subplots(1, 3, figsize=(8.2, 2.8), sharey=True, constrained_layout=True)
    owns = {"first": (0, 1, 2), "second": (1, 2, 0), "third": (2, 0, 1)}
    for axes, (network, own) in zip(all_axes, owns.items()):
        for bit, colour in enumerate((BLUE, ORANGE, GREEN)):
            values = [100 * curves("area_costs", f"{network}_assignment", f"{a}_bit{bit}")[:, -1].mean() for a in "abc"]
            axes.bar(numpy.arange(3) + 0.26 * (bit - 1), values, 0.24, color=colour, label=f"bit {bit}")
        for k, bit in enumerate(own):
            axes.text(k + 0.26 * (bit - 1), 101, "cost", ha="center", va="bottom", fontsize=7.5)
        axes.axhline(61, color=GREY, linewidth=1, linestyle="--")
        axes.set(xticks=range(3), xticklabels=["area a", "area b", "area c"], ylim=(0, 112))
        axes.grid(axis="x", visible=False)
        axes.set_title(f"{network} assignment of costs", pad=10)
    all_axes[0].set_ylabel("test accuracy (%)")
    all_axes[0].legend(loc="lower left", ncol=3, fontsize=7.5, handlelength=1, columnspacing=1, framealpha=0.9, frameon=True)
    save(figure, "area_costs")


@plot
def critical_period():
    figure, all_axes = plt.subplots(1, 3, figsize=(8.2, 2.7), sharey=True, constrained_layout=True)
    for axes, (network, title, covered) in zip(all_axes, (("open_eyes", "both eyes open", None),
                                                          ("covered_early", "left eye covered early", (1, 3)),
                                                          ("covered_late", "left eye covered late", (3, 6)))):
        axes.axvspan(0, 3, color="#E8F1F8", linewidth=0)
        if covered:
            axes.plot(covered, (11, 11), color="black", linewidth=4, solid_capstyle="butt")
            axes.text(sum(covered) / 2, 11.3, "left eye covered", ha="center", va="bottom", fontsize=8)
        band(axes, curves("critical_period", network, "right_eye"), "right eye", ORANGE, scale=1)
        band(axes, curves("critical_period", network, "left_eye"), "left eye", BLUE, "--", scale=1)
        axes.set(xlabel="epoch", xlim=(0, 6.2), ylim=(0, 13))
        axes.set_title(title)
    all_axes[0].text(1.5, 12.6, "plastic", ha="center", va="top", color=BLUE, fontsize=8)
    all_axes[0].set_ylabel("drive of the cortical unit")
    all_axes[0].legend(loc="lower right")
    save(figure, "critical_period")


def main(names):
    for name in names:
        if name not in PLOTS:
            sys.exit(f"there is no plot '{name}', but {', '.join(PLOTS)}")
    for name in names or PLOTS:
        try:
            PLOTS[name]()
        except (Missing, KeyError) as missing:
            print(f"{name} is left as it is: not measured yet, {missing}")


if __name__ == "__main__":
    main(sys.argv[1:])
