# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the PyTorch scripts of the benchmark have in common: data, the clock, the line of JSON."""
import json
import time

import torch

ROWS = 1024


def batches(size):
    """Images as floating-point numbers and labels, ready in memory, batch after batch without end."""
    torch.manual_seed(1)
    images = torch.randint(0, 256, (ROWS, 784)).float() / 255
    labels = torch.randint(0, 10, (ROWS,))
    while True:
        for first in range(0, ROWS - size + 1, size):
            yield images[first : first + size], labels[first : first + size]


def with_autograd(net, update):
    """The way PyTorch is meant to be used: a loss, backward, an optimiser."""
    loss = torch.nn.CrossEntropyLoss()

    def step(x, t):
        update.zero_grad(set_to_none=True)
        cost = loss(net(x), t)
        cost.backward()
        update.step()
        return cost

    return step


def times(step, source, limit):
    spent, start = [], time.perf_counter()
    while len(spent) < 10 or time.perf_counter() - start < limit:
        x, t = next(source)
        before = time.perf_counter()
        cost = step(x, t)
        spent.append(time.perf_counter() - before)
    return sorted(spent), cost.item()


def measure(steps, size, seconds, threads):
    """Warms up all steps, measures the fastest of them, prints one line of JSON; times are in seconds."""
    source = batches(size)
    warm = [times(step, source, seconds / 3 / len(steps))[0] for step in steps]
    best = min(range(len(steps)), key=lambda k: warm[k][len(warm[k]) // 2])
    spent, cost = times(steps[best], source, seconds * 2 / 3)
    print(json.dumps({
        "median": spent[len(spent) // 2], "best": spent[0], "p10": spent[len(spent) // 10],
        "p90": spent[len(spent) * 9 // 10], "steps": len(spent), "last_cost": cost, "threads": threads,
        "version": torch.__version__,
    }))
