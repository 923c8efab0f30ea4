# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The training step of bench/lenet.apical in PyTorch: modules, a loss, backward, torch.optim.

usage: torch_lenet.py BATCH SECONDS THREADS FORM

FORM is `autograd`. The faster of the for-loop and foreach optimisers is chosen while warming up. Prints one line of JSON.
"""
import sys

import torch
from torch import nn

from timing import measure, with_autograd

batch, seconds, threads = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
net = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                    nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
measure([with_autograd(net, torch.optim.SGD(net.parameters(), 0.05, foreach=foreach)) for foreach in (False, True)],
        batch, seconds, threads)
