# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the settings of models were chosen, without a look at the test images: choose.py MODEL, or choose.py check

The model is trained on the first 50 000 training images and tested on the last 10 000, for every setting of its grid
and for seeds that the results do not use. Networks of one model share one setting, so that they differ in the rule
only: the best is that with the greatest mean over them. The table is kept in results/settings_MODEL.md, and `check`
says whether each model has the settings that its table found best.
"""
import gzip
import itertools
import os
import re
import sys

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "rules"))
from harness import run

FOLDERS = {
    "fashion_mnist": "/usr/share/datasets/fashion-mnist",  # of the Debian package dataset-fashion-mnist
    "mnist": os.path.join(os.environ.get("XDG_DATA_HOME", os.path.expanduser("~/.local/share")), "apical", "mnist"),
}
GRIDS = {  # data set, rates, schedules, seeds
    "fashion_mnist": ("fashion_mnist", (0.005, 0.01, 0.02, 0.04),
                      ("1", "where(epoch < 6, 1, 0.2)", "where(epoch < 4, 1, 0.2)"), (11, 12)),
    "feedback": ("fashion_mnist", (0.01, 0.02, 0.05), ("where(epoch < 7, 1, 0.2)",), (11,)),
    "mnist": ("mnist", (0.02, 0.05, 0.1, 0.2), ("1", "where(epoch < 15, 1, 0.2)"), (11,)),
}


def idx(path):
    """The array of an IDX file, plain or gzipped."""
    plain = os.path.exists(path)
    with open(path, "rb") if plain else gzip.open(path + ".gz") as file:
        raw = file.read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * k : 8 + 4 * k], "big") for k in range(rank)]
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def split(name):
    """The training set of that name in two parts, and the data declaration that puts them in its place."""
    images, labels = (idx(os.path.join(FOLDERS[name], f"train-{f}-ubyte")) for f in ("images-idx3", "labels-idx1"))
    arrays = {"train-x.npy": images[:50000], "train-y.npy": labels[:50000],
              "held-x.npy": images[50000:], "held-y.npy": labels[50000:]}
    declaration = f"""
data {name} = table(
    train = table(images = npy("train-x.npy"), labels = npy("train-y.npy")),
    test  = table(images = npy("held-x.npy"), labels = npy("held-y.npy")))
"""
    return arrays, declaration


def choose(name):
    data, rates, schedules, seeds = GRIDS[name]
    arrays, declaration = split(data)
    with open(os.path.join(ROOT, "models", f"{name}.apical")) as file:
        model = file.read().replace("use std\n", "") + declaration
    networks = re.findall(r"^network (\w+)", model, re.M)
    lines = [f"Written by `results/choose.py {name}`; do not edit. Accuracy on the last 10 000 training images, seeds "
             f"{', '.join(map(str, seeds))}.\n",
             "| rate | schedule | " + " | ".join(networks) + " | mean |", "|---" * (len(networks) + 3) + "|"]
    best = (0,)
    for rate, schedule in itertools.product(rates, schedules):
        text, count = re.subn(r"rate \* where\(.*?\)", f"rate * {schedule}", model)
        assert count == len(networks)
        found = {n: [] for n in networks}
        for seed in seeds:
            for record in run(text, data=arrays, seed=seed, sets={"rate": rate}).records:
                if record["event"] == "test":
                    found[record["network"]].append(record["accuracy"])
        means = [100 * numpy.mean(found[n]) for n in networks]
        lines.append(f"| {rate} | `{schedule}` | " + " | ".join(f"{m:.2f} %" for m in means)
                     + f" | {numpy.mean(means):.2f} % |")
        print(lines[-1], flush=True)
        best = max(best, (numpy.mean(means), rate, schedule))
    lines.append(f"\nBest: `param rate = {best[1]}`, `rate * {best[2]}`.")
    with open(os.path.join(HERE, f"settings_{name}.md"), "w") as file:
        file.write("\n".join(lines) + "\n")


def check():
    good = True
    for name in GRIDS:
        with open(os.path.join(HERE, f"settings_{name}.md")) as file:
            best = re.search(r"^Best: `(.*)`, `(.*)`\.$", file.read(), re.M).groups()
        with open(os.path.join(ROOT, "models", f"{name}.apical")) as file:
            model = file.read()
        for setting in best:
            if setting not in model:
                print(f"models/{name}.apical does not have `{setting}`, the best of results/settings_{name}.md")
                good = False
    sys.exit(not good)


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    if len(sys.argv) != 2 or sys.argv[1] not in GRIDS:
        sys.exit(__doc__)
    choose(sys.argv[1])
