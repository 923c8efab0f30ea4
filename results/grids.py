# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What results/choose.py tries: by model and network, the values of each setting. A setting is a parameter of the model,
or `schedule`, the text of its `where(epoch …)`."""
from typing import Callable, NamedTuple, Optional

import parzen


class Grid(NamedTuple):
    data: str  # the data set that is split
    networks: dict  # network: {setting: values}; "*": one setting for all, by the mean over them
    seeds: tuple = (11,)
    epochs: Optional[int] = None  # fewer than the model's, where those take long
    measure: str = "accuracy"
    least: bool = False  # is the least the best?
    instead: dict = {}  # what stands in the model: what is tried in its place, where the model takes long
    show: Callable = lambda x: f"{100 * x:.2f} %"
    by_width: Optional[Callable] = None  # of what was probed: the measure for each width of kernels, which is chosen too


RATES = (0.005, 0.01, 0.02, 0.05)


def of_rules(rates, names):
    """One rate for each network of a comparison."""
    return {network: {f"{parameter}_rate": rates} for network, parameter in names.items()}


COMPARED = {"by_backprop": "backprop", "by_feedback": "feedback", "by_direct_feedback": "direct_feedback",
            "by_target_projection": "target_projection", "by_kolen_pollack": "kolen_pollack",
            "by_uniform_signs": "uniform_signs", "by_fixed_signs": "fixed_signs", "by_redrawn_signs": "redrawn_signs",
            "frozen_hidden": "frozen"}

def with_decay(networks, rates, decays):
    """What Kolen-Pollack lives by is the decay."""
    return {**networks, "by_kolen_pollack": {"kolen_pollack_rate": rates, "decay": decays}}


GRIDS = {
    "fashion_mnist": Grid("fashion_mnist", {"*": {"rate": (0.005, 0.01, 0.02, 0.04),
                                                  "schedule": ("where(epoch < 6, 1, 0.2)",)}}, seeds=(11, 12)),
    "mnist": Grid("mnist", {"digits": {"rate": (0.02, 0.05, 0.1), "schedule": ("where(epoch < 15, 1, 0.2)",)}}),
    "deep_feedback": Grid("fashion_mnist", with_decay(
        of_rules(RATES[1:], {**COMPARED, "by_indirect_feedback": "indirect_feedback"}), (0.01, 0.02, 0.04), (1e-4, 1e-3, 3e-3)),
        seeds=(11, 12)),
    "feedback": Grid("fashion_mnist", with_decay(of_rules(RATES, COMPARED), (0.01, 0.02), (1e-3, 3e-3))),
    "lenet": Grid("fashion_mnist", {
        **of_rules((0.0005, 0.001, 0.002), {n: COMPARED[n] for n in (
            "by_backprop", "by_uniform_signs", "by_fixed_signs", "by_redrawn_signs", "frozen_hidden")}),
        **of_rules((0.0002, 0.0005, 0.001, 0.002), {n: COMPARED[n] for n in ("by_feedback", "by_direct_feedback")})}),
    "lenet_digits": Grid("mnist", {"digits": {"rate": (0.01, 0.02, 0.04)}, "frozen_hidden": {"frozen_rate": (0.04, 0.1, 0.2, 0.4, 1)}},
                         epochs=4),
    "eight_areas": Grid("mnist", {"by_backprop": {"backprop_rate": RATES}, "by_feedback": {"feedback_rate": RATES},
                                  "by_direct_feedback": {"direct_feedback_rate": RATES},
                                  "frozen_hidden": {"frozen_rate": RATES}}, epochs=4),
    "feedback_alignment": Grid("mnist", {"by_feedback": {"feedback_rate": (0.02, 0.05, 0.1)},
                                         "by_backprop": {"backprop_rate": (0.02, 0.05, 0.1)},
                                         "frozen_hidden": {"frozen_rate": (0.02, 0.05, 0.1)}}, epochs=3),
    "direct_feedback_alignment": Grid("mnist", {"digits": {"rate": (0.005, 0.01, 0.02, 0.05)}}, epochs=3),
    "random_target_projection": Grid("mnist", {"digits": {"rate": (0.005, 0.01, 0.02, 0.05)}}, epochs=5),
    "kolen_pollack": Grid("mnist", {"digits": {"rate": (0.05,), "decay": (3e-4, 1e-3, 2e-3)}}),
    "weight_mirror": Grid("mnist", {"digits": {"rate": (0.02, 0.05, 0.1)},
                                    "frozen_hidden": {"frozen_rate": (0.02, 0.05, 0.1, 0.2, 0.5)}}),
    "target_propagation": Grid("mnist", {
        "by_targets": {"targets_rate": (5e-4, 1e-3), "inverse_rate": (1e-4, 1e-3)},
        "by_backprop": {"backprop_rate": (5e-4, 1e-3)},
        "frozen_hidden": {"frozen_rate": (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2)}}, epochs=3),
    "deep_target_propagation": Grid("mnist", {
        "by_targets": {"targets_rate": (2e-4, 5e-4, 1e-3), "inverse_rate": (1e-4, 1e-3, 2e-3)},
        "by_backprop": {"backprop_rate": (2e-4, 5e-4, 1e-3, 2e-3)},
        "frozen_hidden": {"frozen_rate": (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)}}, epochs=3),
    "sign_symmetry": Grid("mnist", {"uniform_signs": {"uniform_rate": (0.01, 0.02, 0.05)},
                                    "fixed_signs": {"fixed_rate": (0.01, 0.02, 0.05)},
                                    "redrawn_signs": {"redrawn_rate": (0.01, 0.02, 0.05)}}, epochs=5),
    "node_perturbation": Grid("mnist", {"by_nodes": {"nodes_rate": (0.03, 0.05, 0.07, 0.1)},
                                        "by_backprop": {"backprop_rate": (0.1, 0.2, 0.5)},
                                        "frozen_hidden": {"frozen_rate": (0.1, 0.2, 0.5)}}),
    "directional_node_perturbation": Grid("mnist", {"by_area": {"area_rate": (0.02, 0.05, 0.1)},
                                                    "by_activity": {"activity_rate": (0.02, 0.05, 0.1)}}),
    "decorrelated_node_perturbation": Grid("mnist", {
        "plain": {"plain_rate": (0.05, 0.07, 0.1, 0.15, 0.2)},
        "decorrelated": {"decorrelated_rate": (0.1, 0.2, 0.3, 0.4), "early_alpha": (3e-4, 1e-3, 2e-3, 4e-3)},
        "digits": {"rate": (0.07, 0.1, 0.15), "alpha": (0.0001,)}}, seeds=(11, 12)),
    "forward_gradient": Grid("mnist", {"by_activity": {"activity_rate": (0.03, 0.05, 0.1, 0.2)},
                                       "by_weights": {"weights_rate": (0.0005, 0.001, 0.002, 0.003)}}),
    "forward_forward": Grid("mnist", {"digits": {"rate": (0.003, 0.01, 0.02, 0.03)}}, epochs=4),
    "deep_forward_forward": Grid("mnist", {"digits": {"rate": (0.0005, 0.001, 0.002)}}, epochs=3, instead={
        "width = 2000": "width = 1000", "decaying(epoch, 6)": "decaying(epoch, 3)",
        "readout_rate = 0.0001": "readout_rate = 0.0002"}),
    "equilibrium_propagation": Grid("mnist", {"digits": {"rate": (0.05, 0.1, 0.2)},
                                              "frozen_hidden": {"frozen_rate": (0.05, 0.1, 0.2)}}, epochs=3),
    "persistent_particles": Grid("mnist", {"settling": {"rate": (0.2, 0.4, 0.6, 0.8)}}),
    "fashion_settling": Grid("fashion_mnist", {"clothes": {"rate": (0.05, 0.1, 0.2)},
                                               "by_backprop": {"backprop_rate": (1e-4, 3e-4, 1e-3, 3e-3)},
                                               "frozen_hidden": {"frozen_rate": (0.01, 0.02, 0.05, 0.1, 0.2)}}, epochs=3),
    "contrastive_hebbian": Grid("mnist", {"digits": {"rate": (0.2, 0.5, 1, 2)},
                                          "frozen_hidden": {"frozen_rate": (0.2, 0.5, 1)}}, epochs=5),
    "generec": Grid("mnist", {"digits": {"rate": (0.1, 0.2, 0.4)}, "symmetric": {"symmetric_rate": (0.1, 0.2, 0.4)},
                              "own_feedback": {"own_rate": (0.1, 0.2, 0.4)},
                              "frozen_hidden": {"frozen_rate": (0.1, 0.2, 0.5)}}, seeds=(11, 12)),
    "sparse": Grid("fashion_mnist", {"fully_connected": {"dense_rate": (0.01, 0.02, 0.05)},
                                     "by_backprop": {"rate": (0.01, 0.02, 0.05, 0.1)},
                                     "by_feedback": {"feedback_rate": (0.01, 0.02, 0.05)},
                                     "frozen_hidden": {"frozen_rate": (0.005, 0.01, 0.02, 0.05)}}),
    "recirculation": Grid("mnist", {"by_recirculation": {"loop_rate": (0.5, 1, 2, 4)},
                                    "by_gradient": {"gradient_rate": (0.003, 0.01, 0.02, 0.05)},
                                    "frozen_code": {"frozen_rate": (0.01, 0.02, 0.05, 0.1)}}, epochs=3, measure="loss",
                          least=True, show=lambda x: f"{x:.4f}"),
    "predictive_coding": Grid("mnist", {"digits": {"rate": (2e-4, 3e-4, 5e-4, 1e-3)},
                                        "frozen_hidden": {"frozen_rate": (1e-3, 3e-3)}}, epochs=2),
    "fashion_predictive_coding": Grid("fashion_mnist", {"by_predictive_coding": {"coding_rate": (2e-4, 3e-4, 5e-4)},
                                                        "by_backprop": {"backprop_rate": (2e-4, 5e-4, 1e-3)},
                                                        "frozen_hidden": {"frozen_rate": (1e-3, 3e-3, 1e-2)}}, epochs=3),
    "small_predictive_coding": Grid("mnist", {"standard": {"standard_rate": (2e-3, 5e-3, 1e-2)},
                                              "incremental": {"incremental_rate": (2e-4, 5e-4, 1e-3)},
                                              "strict": {"strict_rate": (1e-3, 2e-3, 4e-3)},
                                              "fixed_predictions": {"fixed_rate": (1e-3, 2e-3, 4e-3)},
                                              "frozen_hidden": {"frozen_rate": (2e-3, 5e-3, 1e-2, 2e-2, 5e-2)}}, epochs=5),
    "fashion_gan": Grid("fashion_mnist", {"gan": {"rate": (5e-4, 2e-4), "noise": (0.3,)}}, measure="log_likelihood",
                        show=lambda x: f"{x:.1f} nats", by_width=parzen.held_out),
    "competing_hidden_units": Grid("mnist", {"digits": {"rate": (0.1, 0.2, 0.4)},
                                             "random_hidden": {"random_rate": (0.1, 0.2, 0.4)}}),
}
