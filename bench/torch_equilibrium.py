# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The training step of bench/equilibrium.apical in PyTorch.

usage: torch_equilibrium.py BATCH SECONDS THREADS FORM

Symmetric equilibrium propagation (Laborieux et al. 2021) in 784-500-10: 20 free steps, 4 nudged either way, no
autograd, updates in place. FORM is `plain`, the algorithm as one writes it down, or `hoisted`: what the image adds
to the drive of the hidden units is the same in all steps and computed once. Prints one line of JSON.
"""
import sys

import torch

from timing import measure

batch, seconds, threads, form = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
torch.manual_seed(1)
rate, beta, dt = 0.05, 0.5, 0.5
w1, w2 = (torch.empty(*size).uniform_(-1, 1) * (6 / sum(size)) ** 0.5 for size in ((784, 500), (500, 10)))
b1, b2 = torch.zeros(500), torch.zeros(10)


@torch.no_grad()
def step(x, labels):
    target = torch.nn.functional.one_hot(labels, 10).float()
    image = torch.addmm(b1, x, w1) if form == "hoisted" else None

    def relax(h, y, steps, nudge):
        for _ in range(steps):
            drive_h = (image if form == "hoisted" else x @ w1 + b1) + y @ w2.t()
            drive_y = h @ w2 + b2
            if nudge:
                drive_y = drive_y - nudge * (y - target)
            h = (h + dt * (drive_h - h)).clamp_(0, 1)
            y = (y + dt * (drive_y - y)).clamp_(0, 1)
        return h, y

    h, y = relax(torch.zeros(batch, 500), torch.zeros(batch, 10), 20, 0)
    h_up, y_up = relax(h, y, 4, beta)
    h_down, y_down = relax(h, y, 4, -beta)
    scale = rate / (2 * beta * batch)
    w1.add_(x.t() @ (h_up - h_down), alpha=scale)
    w2.add_(h_up.t() @ y_up - h_down.t() @ y_down, alpha=scale)
    b1.add_((h_up - h_down).sum(0), alpha=scale)
    b2.add_((y_up - y_down).sum(0), alpha=scale)
    return ((y - target) ** 2).sum(1).mean() / 2


measure([step], batch, seconds, threads)
