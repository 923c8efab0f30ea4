# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tasks of docs/results.md: models, and what each of their networks should reach."""
from typing import Callable, NamedTuple, Optional

import parzen


class Target(NamedTuple):
    network: str
    title: str
    published: str = "–"  # with its source
    measure: str = "accuracy"  # of the test
    low: Optional[float] = None  # least and greatest mean
    high: Optional[float] = None
    near: Optional[str] = None  # at most `within` below this network, of the same model or as `model/network`
    within: float = 0
    above: Optional[str] = None  # at least `by` above this network
    by: float = 0
    null: Optional[str] = None  # better than this null model by NULL_DEVIATIONS and NULL_MARGIN
    reference: Optional[str] = None  # at most `times` this number of references.py
    times: float = 1


# Of a null model: three times the deviation of one seed, pooled over the two rows, so that hardly a single seed of the
# one reaches the other; and a point where the measure is a share of answers, since a deviation over three seeds may come
# out small. Where a margin is known from elsewhere, as that of feedback alignment on deep Fashion-MNIST is, `above` has it.
NULL_DEVIATIONS, NULL_MARGIN = 3, 0.01


class Task(NamedTuple):
    model: str
    title: str
    targets: tuple
    plain: bool = False  # numbers as they are, not percentages
    chosen: Optional[str] = None  # how the settings were chosen, if choose.py does not say it
    seeds: tuple = (1, 2, 3)
    probed: Optional[Callable] = None  # further measures of each network at the end, from what the run probes
    beside: tuple = ()  # numbers of references.py to see it beside
    each_epoch: bool = True  # test after every epoch, or only after the last, where tests take long?


class Angle(NamedTuple):
    """`apical verify` of a model: the angle between the change by the rule and minus the gradient, in degrees."""
    model: str
    title: str
    steps: int
    every: int
    high: tuple = ()  # (network, connection, greatest angle at the last step, published)
    seeds: tuple = (1, 2, 3)


TASKS = (
    Task("fashion_mnist", "Fashion-MNIST, 784-100-100-10, 8 epochs: the demo", (
        Target("by_backprop", "backprop", low=0.880),
        Target("by_feedback", "feedback alignment", low=0.870),
        Target("by_direct_feedback", "direct feedback alignment", low=0.875),
    )),
    Task("deep_feedback", "Fashion-MNIST, 784-100-100-10, 12 epochs, standardised images", (
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("by_feedback", "feedback alignment", low=0.873, above="frozen_hidden", by=0.07),
        Target("by_direct_feedback", "direct feedback alignment", low=0.877, null="frozen_hidden"),
        Target("by_indirect_feedback", "indirect feedback alignment", null="frozen_hidden"),
        Target("by_target_projection", "direct random target projection", null="frozen_hidden"),
        Target("by_kolen_pollack", "Kolen–Pollack", null="frozen_hidden"),
        Target("by_uniform_signs", "uniform sign symmetry", null="frozen_hidden"),
        Target("by_fixed_signs", "sign symmetry, fixed sizes", null="frozen_hidden"),
        Target("by_redrawn_signs", "sign symmetry, redrawn sizes", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("feedback", "Fashion-MNIST, 784-500-10, 12 epochs, standardised images", (
        Target("by_backprop", "backprop", low=0.888, null="frozen_hidden"),
        Target("by_feedback", "feedback alignment", near="by_backprop", within=0.010, null="frozen_hidden"),
        Target("by_direct_feedback", "direct feedback alignment", low=0.883, null="frozen_hidden"),
        Target("by_target_projection", "direct random target projection", null="frozen_hidden"),
        Target("by_kolen_pollack", "Kolen–Pollack", near="by_backprop", within=0.003, null="frozen_hidden"),
        Target("by_uniform_signs", "uniform sign symmetry", near="by_backprop", within=0.005, null="frozen_hidden"),
        Target("by_fixed_signs", "sign symmetry, fixed sizes", near="by_backprop", within=0.005, null="frozen_hidden"),
        Target("by_redrawn_signs", "sign symmetry, redrawn sizes", near="by_backprop", within=0.005, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area", high=0.870),
    )),
    Task("lenet", "Fashion-MNIST, LeNet, 15 epochs, standardised images", (
        Target("by_backprop", "backprop", "90.8 % (BioTorch, code)", low=0.900, null="frozen_hidden"),
        Target("by_feedback", "feedback alignment", "86.94 % (BioTorch, code)", low=0.869, null="frozen_hidden"),
        Target("by_direct_feedback", "direct feedback alignment", "87.19 % (BioTorch, code)", null="frozen_hidden"),
        Target("by_uniform_signs", "uniform sign symmetry", "90.31 % (BioTorch, code)", near="by_backprop", within=0.005,
               null="frozen_hidden"),
        Target("by_fixed_signs", "sign symmetry, fixed sizes", "90.39 % (BioTorch, code)", near="by_backprop", within=0.005,
               null="frozen_hidden"),
        Target("by_redrawn_signs", "sign symmetry, redrawn sizes", "89.98 % (BioTorch, code)", near="by_backprop",
               within=0.005, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("sparse", "Fashion-MNIST, 784-500-10, a tenth of the synapses, 8 epochs", (
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("by_feedback", "feedback alignment", near="by_backprop", within=0.01, null="frozen_hidden"),
        Target("fully_connected", "backprop with all synapses", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("lenet_digits", "MNIST, LeNet, 10 epochs", (
        Target("digits", "backprop", "99.09 % (BioTorch, code)", low=0.989, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("mnist", "MNIST, 784-500-10, 20 epochs", (
        Target("digits", "backprop", "98.5 %, logistic units, 400 epochs (Akrout et al. 2019, code)", low=0.982,
               null="weight_mirror/frozen_hidden"),
    )),
    Task("feedback_alignment", "MNIST, 784-1000-10, 10 epochs", (
        Target("by_feedback", "feedback alignment", "97.9 %, logistic units, squared error (Lillicrap et al. 2016)",
               low=0.975, null="frozen_hidden"),
        Target("by_backprop", "backprop", "97.6 %, logistic units, squared error (Lillicrap et al. 2016)", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("direct_feedback_alignment", "MNIST, 784-800-800-10, 10 epochs", (
        Target("digits", "direct feedback alignment", "98.26 %, and 98.55 % with dropout, 300 epochs (Nøkland 2016)", low=0.980),
    )),
    Task("eight_areas", "MNIST, eight hidden areas of 100, 10 epochs", (
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("by_direct_feedback", "direct feedback alignment", above="by_feedback", by=0.01, null="frozen_hidden"),
        Target("by_feedback", "feedback alignment", above="frozen_hidden", by=0.05),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("random_target_projection", "MNIST, 784-1000-10, 10 epochs", (
        Target("digits", "direct random target projection", low=0.950,
               null="feedback_alignment/frozen_hidden"),
    )),
    Task("kolen_pollack", "MNIST, 784-500-10, 20 epochs", (
        Target("digits", "Kolen–Pollack", "98.45 %, logistic units, 400 epochs (Akrout et al. 2019, code)",
               near="mnist/digits", within=0.003, null="weight_mirror/frozen_hidden"),
    )),
    Task("weight_mirror", "MNIST, 784-500-10, 20 epochs", (
        Target("digits", "weight mirror", "98.49 %, logistic units, 400 epochs (Akrout et al. 2019, code)",
               near="mnist/digits", within=0.003, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("target_propagation", "MNIST, 784-240-240-240-10, 10 epochs", (
        Target("by_targets", "difference target propagation", low=0.977, null="frozen_hidden"),
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("deep_target_propagation", "MNIST, seven hidden areas of 240, 15 epochs", (
        Target("by_targets", "difference target propagation", "98.06 %, 100 epochs (Lee et al. 2015)", low=0.977,
               null="frozen_hidden"),
        Target("by_backprop", "backprop", "98.14 %, 100 epochs (Lee et al. 2015)", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("sign_symmetry", "MNIST, 784-500-10, 20 epochs", (
        Target("uniform_signs", "uniform sign symmetry", near="mnist/digits", within=0.005,
               null="weight_mirror/frozen_hidden"),
        Target("fixed_signs", "sign symmetry, fixed sizes", near="mnist/digits", within=0.005,
               null="weight_mirror/frozen_hidden"),
        Target("redrawn_signs", "sign symmetry, redrawn sizes", near="mnist/digits", within=0.005,
               null="weight_mirror/frozen_hidden"),
    )),
    Task("node_perturbation", "MNIST, 784-100-10, 12 epochs", (
        Target("by_nodes", "node perturbation", low=0.920, above="frozen_hidden", by=0.01),
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("directional_node_perturbation", "MNIST, 784-100-10, 12 epochs", (
        Target("by_area", "node perturbation area by area", low=0.920,
               null="node_perturbation/frozen_hidden"),
        Target("by_activity", "activity-based node perturbation", low=0.920,
               null="node_perturbation/frozen_hidden"),
    )),
    Task("decorrelated_node_perturbation", "MNIST, 784-100-10, 20 000 images once, and 12 epochs", (
        Target("decorrelated", "node perturbation of decorrelated inputs, 20 000 images", above="plain", by=0.03),
        Target("plain", "node perturbation, 20 000 images"),
        Target("digits", "node perturbation of decorrelated inputs, 12 epochs", above="node_perturbation/by_nodes", by=0.01),
    )),
    Task("forward_gradient", "MNIST, 784-100-10, 12 epochs", (
        Target("by_activity", "forward gradient of what units receive", low=0.920, above="node_perturbation/frozen_hidden",
               by=0.01),
        Target("by_weights", "forward gradient of weights", low=0.800),
    )),
    Task("forward_forward", "MNIST, 784-500-500, 20 epochs", (
        Target("digits", "forward-forward", "93.16 %, 1000 steps on 50 000 images (mohammadpz, code)", low=0.932),
    )),
    Task("deep_forward_forward", "MNIST, 784-2000-2000-2000-2000, 30 epochs", (
        Target("digits", "forward-forward, the claim that the areas like best",
               "98.64 %, 60 epochs (Hinton 2022); 98.53 % (his code)", measure="best_claim", low=0.980),
        Target("digits", "forward-forward, a readout of the areas",
               "98.55 %, three areas of 1000, 100 epochs (loeweX, code)"),
        Target("random_areas", "null model: a readout of random areas, 10 epochs"),
    ), seeds=(1, 2), each_epoch=False),
    Task("equilibrium_propagation", "MNIST, 784-500-10, 12 epochs", (
        Target("digits", "equilibrium propagation", "97 to 98 %, 25 epochs (Scellier & Bengio 2017)", low=0.975,
               null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("settling_nudges", "MNIST, 784-100-10, 8 epochs: three ways to nudge", (
        Target("both_ways", "nudged either way"),
        Target("one_way", "nudged towards the target"),
        Target("either_way", "nudged one way, at random"),
    ), chosen="nothing is tuned"),
    Task("persistent_particles", "MNIST, 784-500-10, 25 epochs, the state of every image kept from epoch to epoch", (
        Target("settling", "equilibrium propagation from kept states", "97 to 98 %, 25 epochs (Scellier & Bengio 2017)",
               low=0.975),
    )),
    Task("fashion_settling", "Fashion-MNIST, 784-500-10, 20 epochs", (
        Target("clothes", "equilibrium propagation", near="by_backprop", within=0.010, null="frozen_hidden"),
        Target("by_backprop", "backprop through the ticks, 10 epochs", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("contrastive_hebbian", "MNIST, 784-100-10, 15 epochs", (
        Target("digits", "contrastive Hebbian learning", low=0.950, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("generec", "MNIST, 784-100-10, 15 epochs", (
        Target("digits", "GeneRec, the same synapses both ways", low=0.950, above="frozen_hidden", by=0.05),
        Target("symmetric", "GeneRec, midpoint, the same synapses both ways", null="frozen_hidden"),
        Target("own_feedback", "GeneRec, midpoint, feedback weights of its own", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden area"),
    )),
    Task("recirculation", "MNIST, 784-64-784, 10 epochs: squared error of what comes back", (
        Target("by_recirculation", "recirculation", measure="loss", null="frozen_code"),
        Target("by_gradient", "the exact gradient", measure="loss", null="frozen_code"),
        Target("frozen_code", "null model: frozen code", measure="loss"),
    ), plain=True),
    Task("predictive_coding", "MNIST, 784-500-500-10, 10 epochs", (
        Target("digits", "predictive coding", "98.2 to 98.3 %, 784-600-600-10 (Whittington & Bogacz 2017)", low=0.980,
               null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas, 3 epochs"),
    )),
    Task("fashion_predictive_coding", "Fashion-MNIST, 784-500-500-10, 10 epochs, standardised images", (
        Target("by_predictive_coding", "predictive coding, 4 steps of inference", near="by_backprop", within=0.005,
               null="frozen_hidden"),
        Target("by_backprop", "backprop", null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("small_predictive_coding", "MNIST, 784-32-16-10, 10 epochs", (
        Target("standard", "predictive coding", "93.6 %, 30 epochs (PRECO)", low=0.935, null="frozen_hidden"),
        Target("incremental", "incremental predictive coding", low=0.935, null="frozen_hidden"),
        Target("strict", "strict predictive coding, precision 0.01", low=0.935, null="frozen_hidden"),
        Target("fixed_predictions", "fixed-prediction coding", low=0.935, null="frozen_hidden"),
        Target("frozen_hidden", "null model: frozen hidden areas"),
    )),
    Task("principal_components", "Fashion-MNIST, principal components, 3 and 8 epochs", (
        Target("one", "Oja, 1 unit: squared error of the images put together again", measure="loss",
               reference="1 principal component", times=1.02),
        Target("several", "Sanger, 16 units: squared error", measure="loss", reference="16 principal components",
               times=1.02),
    ), plain=True, chosen="the rates were chosen by the loss of the training images"),
    Task("competing_hidden_units", "MNIST, 784-400 without labels, 20 epochs, and a readout, 10 epochs", (
        Target("digits", "competing hidden units", "about 98.5 %, 2000 units, 200 epochs (Krotov & Hopfield 2019)",
               low=0.965, above="random_hidden", by=0.01),
        Target("random_hidden", "null model: random hidden units"),
    )),
    Task("many_competing_units", "MNIST, 784-2000 without labels, 10 epochs, and a readout, 10 epochs", (
        Target("digits", "competing hidden units", "98.54 %, 200 epochs (Krotov & Hopfield 2019)", low=0.980,
               null="competing_hidden_units/random_hidden"),
    ), chosen="the steps of the features were chosen on held-out training images, beside others that the page names",
        each_epoch=False),
    Task("sliding_threshold", "Ten random patterns, 20 epochs", (
        Target("selective", "mean rate of a unit; 1 if it answers 10 to one pattern and 0 to the others",
               measure="mean_rate", low=0.9, high=1.1),
        Target("selective", "mean squared rate; 10 then", measure="squared_rate", low=9, high=11),
    ), plain=True, chosen="the rate is not tuned"),
    Task("autoencoder", "Fashion-MNIST, autoencoders 784-128-32-128-784, 20 epochs", (
        Target("plain", "squared error per pixel", measure="error", reference="32 principal components about the mean"),
        Target("denoising", "30 % of the pixels hidden: squared error per pixel", measure="error"),
        Target("inpainting", "a hole of 10 by 10: squared error per pixel of it", measure="error",
               reference="the mean of each pixel", times=0.5),
        Target("inpainting", "the same", measure="error", reference="linear regression on the other pixels"),
    ), plain=True, chosen="the rate is not tuned"),
    Task("gan", "Eight Gaussians on a circle, 30 000 trials", (
        Target("gan", "made points within three spreads of a place", measure="within_3_spreads", low=0.9),
    ) + tuple(Target("gan", f"of all, at place {k}", measure=f"place_{k}", low=0.05) for k in range(8)),
        chosen="the rate and b1 were chosen by how many places are reached; an equal share is 12.5 %"),
    Task("fashion_gan", "Fashion-MNIST, images made by a generative pair, 20 epochs: log-likelihood of the test images in nats", (
        Target("gan", "of 10 000 made images", "225 ± 2 on MNIST (Goodfellow et al. 2014)", measure="log_likelihood", low=250),
        Target("gan", "its standard error over the test images", measure="standard_error"),
        Target("untrained", "null model: before training, all grey", measure="log_likelihood"),
    ), plain=True, chosen="settings and widths of kernels chosen on held-out training images", probed=parzen.measures, beside=(
        "10 000 training images", "10 000 draws with the mean and covariance of the training images")),
    Task("area_costs", "MNIST, three areas, 3 epochs", tuple(
        Target(f"{network}_assignment", f"{network} assignment: area {area} on bit {bit}"
               + (", its own" if bit == own else ""), measure=f"{area}_bit{bit}",
               low=0.9 if bit == own else None, high=None if bit == own else 0.65)
        for network, owns in (("first", (0, 1, 2)), ("second", (1, 2, 0)), ("third", (2, 0, 1)))
        for area, own in zip("abc", owns) for bit in range(3)),
        chosen="the rate is not tuned; the more frequent answer to bits 0, 1 and 2 is right for 51, 60 and 61 %"),
    Task("critical_period", "Fashion-MNIST, a critical period of three epochs", tuple(
        Target(network, f"{title}: drive from the {eye} eye", measure=f"{eye}_eye",
               low=None if (network, eye) == ("covered_early", "left") else 5,
               high=3.4 if (network, eye) == ("covered_early", "left") else None)
        for network, title in (("open_eyes", "both eyes open"), ("covered_early", "left eye covered in epochs 2 and 3"),
                               ("covered_late", "left eye covered in epochs 4 to 6")) for eye in ("left", "right")),
        plain=True, chosen="nothing is tuned; 3.4 is half of what an open eye gives"),
)

ANGLES = (
    Angle("deep_feedback", "Fashion-MNIST, 784-100-100-10, standardised images", steps=3000, every=100),
    Angle("weight_mirror", "MNIST, 784-500-10", steps=18740, every=937, high=(
        ("digits", "image_hidden", 10, "3.21° between the error signals, 400 epochs (Akrout et al. 2019, code)"),)),
    Angle("kolen_pollack", "MNIST, 784-500-10", steps=18740, every=937, high=(
        ("digits", "image_hidden", 10, "3.15° between the error signals, 400 epochs (Akrout et al. 2019, code)"),)),
)
