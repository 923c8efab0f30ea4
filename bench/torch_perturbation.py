# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The training step of bench/perturbation.apical in PyTorch.

usage: torch_perturbation.py RULE BATCH SECONDS THREADS FORM

RULE is `node_perturbation` or `weight_perturbation`, in 784-100-10: a clean and a noisy pass, the change of the cost
times the noise; no autograd. FORM is `plain`, the algorithm as one writes it down; `in place`, with as few temporaries as
the operations of PyTorch allow; or, of nodes, `hoisted`: in place, and what the image adds to the drive of the hidden
units, which is the same in both passes, computed once. Prints one line of JSON.
"""
import sys

import torch

from timing import measure

rule, batch, seconds, threads = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
form = sys.argv[5]
torch.set_num_threads(threads)
torch.manual_seed(1)
rate, sigma = 0.05, 1e-3
w1, w2 = (torch.empty(*size).uniform_(-1, 1) * (6 / sum(size)) ** 0.5 for size in ((784, 100), (100, 10)))
b1, b2 = torch.zeros(100), torch.zeros(10)
parameters = (w1, b1, w2, b2)


def cost_of(y, labels):
    return torch.nn.functional.cross_entropy(y, labels, reduction="none")


@torch.no_grad()
def by_nodes(x, labels):
    def run(xi1, xi2):
        h = torch.tanh(x @ w1 + b1 + xi1)
        return h, cost_of(h @ w2 + b2 + xi2, labels)

    xi1, xi2 = sigma * torch.randn(batch, 100), sigma * torch.randn(batch, 10)
    h, clean = run(0, 0)
    _, noisy = run(xi1, xi2)
    gain = ((noisy - clean) / sigma**2).unsqueeze(1)
    e1, e2 = gain * xi1, gain * xi2
    w1.add_(x.t() @ e1, alpha=-rate / batch)
    w2.add_(h.t() @ e2, alpha=-rate / batch)
    b1.add_(e1.sum(0), alpha=-rate / batch)
    b2.add_(e2.sum(0), alpha=-rate / batch)
    return clean.mean()


@torch.no_grad()
def by_nodes_in_place(x, labels):
    drive = torch.addmm(b1, x, w1)
    h = drive.tanh()
    clean = cost_of(torch.addmm(b2, h, w2), labels)
    xi1, xi2 = torch.randn(batch, 100).mul_(sigma), torch.randn(batch, 10).mul_(sigma)
    again = drive if form == "hoisted" else torch.addmm(b1, x, w1)
    noisy = cost_of(torch.addmm(b2, again.add_(xi1).tanh_(), w2).add_(xi2), labels)
    gain = ((noisy - clean) / sigma**2).unsqueeze(1)
    e1, e2 = xi1.mul_(gain), xi2.mul_(gain)
    w1.addmm_(x.t(), e1, alpha=-rate / batch)
    w2.addmm_(h.t(), e2, alpha=-rate / batch)
    b1.sub_(e1.sum(0), alpha=rate / batch)
    b2.sub_(e2.sum(0), alpha=rate / batch)
    return clean.mean()


@torch.no_grad()
def by_weights(x, labels):
    def run(w1, b1, w2, b2):
        return cost_of(torch.tanh(x @ w1 + b1) @ w2 + b2, labels)

    clean = run(*parameters)
    xi = [sigma * torch.randn_like(p) for p in parameters]
    noisy = run(*(p + n for p, n in zip(parameters, xi)))
    gain = ((noisy - clean) / sigma**2).mean()
    for p, n in zip(parameters, xi):
        p.sub_(rate * gain * n)
    return clean.mean()


@torch.no_grad()
def by_weights_in_place(x, labels):
    clean = cost_of(torch.addmm(b2, torch.addmm(b1, x, w1).tanh_(), w2), labels)
    xi = [torch.randn_like(p).mul_(sigma) for p in parameters]
    v1, c1, v2, c2 = (p + n for p, n in zip(parameters, xi))
    noisy = cost_of(torch.addmm(c2, torch.addmm(c1, x, v1).tanh_(), v2), labels)
    gain = ((noisy - clean) / sigma**2).mean().item()
    for p, n in zip(parameters, xi):
        p.sub_(n, alpha=rate * gain)
    return clean.mean()


plain, in_place = {"node_perturbation": (by_nodes, by_nodes_in_place),
                   "weight_perturbation": (by_weights, by_weights_in_place)}[rule]
measure([plain if form == "plain" else in_place], batch, seconds, threads)
