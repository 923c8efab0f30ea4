# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The training step of bench/classifier.apical in PyTorch, as fast as PyTorch does it.

usage: torch_step.py BATCH OPTIMISER SECONDS THREADS FORM

OPTIMISER is sgd, momentum or adam. FORM is `autograd`, the way PyTorch is meant to be used (modules, a loss,
backward, torch.optim; the faster of its for-loop and foreach optimisers is chosen while warming up), or `manual`
(sgd only: the same arithmetic written out with in-place operations and no autograd). Inputs are ready in memory as
floating-point numbers. Prints one line of JSON; times are in seconds.
"""
import sys

import torch

from timing import measure, with_autograd

batch, optimiser, seconds, threads, form = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
torch.set_num_threads(threads)
torch.manual_seed(1)
layers = [torch.nn.Linear(784, 512), torch.nn.Linear(512, 512), torch.nn.Linear(512, 10)]


def by_autograd(foreach):
    net = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])
    parameters = list(net.parameters())
    update = {
        "sgd": lambda: torch.optim.SGD(parameters, 0.05, foreach=foreach),
        "momentum": lambda: torch.optim.SGD(parameters, 0.005, momentum=0.9, foreach=foreach),
        "adam": lambda: torch.optim.Adam(parameters, 1e-3, foreach=foreach),
    }[optimiser]()
    return with_autograd(net, update)


def by_hand():
    weights = [layer.weight.detach().t().contiguous() for layer in layers]
    biases = [layer.bias.detach().clone() for layer in layers]
    every = torch.arange(batch)

    @torch.no_grad()
    def step(x, t):
        h1 = torch.addmm(biases[0], x, weights[0]).tanh_()
        h2 = torch.addmm(biases[1], h1, weights[1]).tanh_()
        log_p = torch.log_softmax(torch.addmm(biases[2], h2, weights[2]), 1)
        cost = torch.nn.functional.nll_loss(log_p, t)
        d3 = log_p.exp_()
        d3[every, t] -= 1
        d3 /= batch
        d2 = (d3 @ weights[2].t()).mul_(1 - h2 * h2)
        d1 = (d2 @ weights[1].t()).mul_(1 - h1 * h1)
        for w, b, h, d in zip(weights, biases, (x, h1, h2), (d1, d2, d3)):
            w.addmm_(h.t(), d, alpha=-0.05)
            b.sub_(d.sum(0), alpha=0.05)
        return cost

    return step


measure([by_hand()] if form == "manual" else [by_autograd(False), by_autograd(True)], batch, seconds, threads)
