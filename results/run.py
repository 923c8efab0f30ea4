# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the tasks (all, or the models that are named) and writes docs/results.md: run.py [MODEL...]

What was measured is kept in results/measured.json, so that one task can be run again alone. The page is generated
from it and from tasks.py; nothing in it is typed.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

from tasks import TASKS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MEASURED = os.path.join(HERE, "measured.json")
PAGE = os.path.join(ROOT, "docs", "results.md")
APICAL = os.environ.get("APICAL", os.path.join(ROOT, "build", "bin", "apical"))

HEAD = """# Results

Written by `./x results`; do not edit. Each row is the accuracy on the test set after the last epoch, mean and
standard deviation over the seeds. Settings were chosen on the last 10 000 training images (`results/choose.py`); the
test set was not looked at. A published number belongs to its own settings and is there for orientation.
"""


def measure(task):
    """Accuracy by network and seed."""
    found = {}
    for seed in task.seeds:
        with tempfile.TemporaryDirectory() as folder:
            metrics = os.path.join(folder, "metrics")
            subprocess.run([APICAL, "run", os.path.join(ROOT, "models", f"{task.model}.apical"), "--quiet",
                            "--seed", str(seed), "--metrics", metrics], check=True)
            with open(metrics) as file:
                for record in map(json.loads, file):
                    if record["event"] == "test":
                        found.setdefault(record["network"], {})[str(seed)] = record["accuracy"]
        print(f"{task.model}, seed {seed}: {found}", flush=True)
    return found


def verdict(target, means):
    low, high = target.low, target.high
    wanted = [f"≥ {100 * low:.1f} %"] if low else []
    wanted += [f"≤ {100 * high:.1f} %"] if high < 1 else []
    if target.near:
        low = means[target.near] - target.within
        wanted.append(f"within {100 * target.within:.1f} of {target.near}")
    return ", ".join(wanted) or "–", low <= means[target.network] <= high


def page(measured):
    lines, good = [HEAD], True
    for task in TASKS:
        found = measured.get(task.model)
        if not found:
            continue
        means = {network: statistics.mean(seeds.values()) for network, seeds in found.items()}
        seeds = ", ".join(sorted(next(iter(found.values())), key=int))
        lines += [f"\n## {task.title}\n",
                  f"`apical run models/{task.model}.apical --seed N`, seeds {seeds}.\n",
                  "| rule | mean | s.d. | target | published |", "|---|---|---|---|---|"]
        for target in task.targets:
            values = list(found[target.network].values())
            wanted, fine = verdict(target, means)
            good &= fine
            lines.append(f"| {target.title} | {100 * means[target.network]:.2f} % | "
                         f"{100 * statistics.stdev(values):.2f} | {wanted}{'' if fine else ': **missed**'} | "
                         f"{target.published} |")
    with open(PAGE, "w") as file:
        file.write("\n".join(lines) + "\n")
    return good


def main(names):
    known = [t.model for t in TASKS]
    for name in names:
        if name not in known:
            sys.exit(f"there is no task '{name}'; the tasks are {', '.join(known)}")
    measured = {}
    if os.path.exists(MEASURED):
        with open(MEASURED) as file:
            measured = json.load(file)
    for task in TASKS:
        if names and task.model not in names:
            continue
        measured[task.model] = measure(task)
        with open(MEASURED, "w") as file:
            json.dump(measured, file, indent=1, sort_keys=True)
            file.write("\n")
    good = page(measured)
    print(f"wrote {os.path.relpath(PAGE)}")
    sys.exit(not good)


main(sys.argv[1:])
