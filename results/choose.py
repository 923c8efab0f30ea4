# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the settings of models were chosen, without a look at the test images.

choose.py MODEL [NETWORK...]   tries the grid of the model, or of some of its networks
choose.py apply [MODEL...]     gives the models the settings that were found best
choose.py check                does each model have the settings that were found best?
choose.py page                 writes results/settings.md again

A network is trained on the first 50 000 training images and tested on the last 10 000, for every setting of its grid
and for seeds that the results do not use; the width of kernels around made images is chosen there too. What was found is
kept in results/chosen.json.
"""
import itertools
import json
import os
import re
import statistics
import sys

from grids import GRIDS
from images import FOLDERS, idx

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CHOSEN = os.path.join(HERE, "chosen.json")
PAGE = os.path.join(HERE, "settings.md")
sys.path.insert(0, os.path.join(ROOT, "tests", "rules"))
from harness import Diverged, forget, run


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


def model_text(name):
    with open(os.path.join(ROOT, "models", f"{name}.apical")) as file:
        return file.read()


def alone(text, network):
    """The model without the experiments of its other networks, and without these. What no experiment names may be a part."""
    for other in set(re.findall(r"^(?:train|test)\s+(\w+)", text, re.M)) - {network}:
        text = re.sub(rf"^network {other} \{{.*?^\}}\n", "", text, flags=re.M | re.S)
        text = re.sub(rf"^(train|test)\s+{other}\b.*\n", "", text, flags=re.M)
    return text


def load():
    if not os.path.exists(CHOSEN):
        return {}
    with open(CHOSEN) as file:
        return json.load(file)


def choose(name, networks):
    grid = GRIDS[name]
    arrays, declaration = split(grid.data)
    for network in networks:
        text = (model_text(name) if network == "*" else alone(model_text(name), network)).replace("use std\n", "") + declaration
        for old, new in grid.instead.items():
            assert old in text, old
            text = text.replace(old, new)
        settings = grid.networks[network]
        rows = []
        for values in itertools.product(*settings.values()):
            setting = dict(zip(settings, values))
            schedule = setting.get("schedule")
            model = re.sub(r"where\(epoch.*?\)", schedule, text) if schedule else text
            scores = []
            for seed in grid.seeds:
                try:
                    done = run(model, data=arrays, seed=seed, epochs=grid.epochs,
                               sets={k: v for k, v in setting.items() if k != "schedule"})
                    tests = done.series(grid.measure, "test") if not grid.by_width else None
                    assert not tests or len(tests) == 1 or network == "*"
                    scores.append(statistics.mean(tests) if tests else grid.by_width(done.probes))
                except Diverged:
                    scores.append(None)
                forget()
            if grid.by_width and None not in scores:
                setting["width"] = max(scores[0], key=lambda width: statistics.mean(s[width] for s in scores))
                scores = [s[setting["width"]] for s in scores]
            rows.append({"setting": setting, "seeds": list(grid.seeds), "scores": scores})
            print(f"{name}, {network}, {setting}: {scores}", flush=True)
        chosen = load()  # again: others may have written meanwhile
        chosen.setdefault(name, {})[network] = rows
        with open(CHOSEN, "w") as file:
            json.dump(chosen, file, indent=1, sort_keys=True)
            file.write("\n")


def best(grid, rows):
    """The row with the best mean over its seeds; one that diverged is never best."""
    finite = [r for r in rows if None not in r["scores"]]
    return (min if grid.least else max)(finite, key=lambda r: statistics.mean(r["scores"]))


def number(setting):
    return ", ".join(f"`{k} = {v}`" for k, v in setting.items())


def check():
    chosen, good = load(), True
    for name, grid in GRIDS.items():
        for network in grid.networks:
            rows = chosen.get(name, {}).get(network)
            if not rows:
                continue  # and docs/results.md says so
            model = model_text(name)
            for key, value in best(grid, rows)["setting"].items():
                wanted = value if key == "schedule" else rf"param {key} += {re.escape(str(value))}\n"
                found = value in (model if network == "*" else alone(model, network)) if key == "schedule" else re.search(wanted, model)
                if not found:
                    print(f"models/{name}.apical does not have `{key} = {value}`, the best of results/chosen.json")
                    good = False
    with open(PAGE) as file:
        if file.read() != page():
            print("results/settings.md is not that of results/chosen.json: results/choose.py page")
            good = False
    sys.exit(not good)


def apply(names):
    for name in names or GRIDS:
        for network, rows in load().get(name, {}).items():
            text = model_text(name)
            for key, value in best(GRIDS[name], rows)["setting"].items():
                if key != "schedule":
                    text = re.sub(rf"^(param {key} +=) .*$", rf"\1 {value}", text, flags=re.M)
            with open(os.path.join(ROOT, "models", f"{name}.apical"), "w") as file:
                file.write(text)


def page():
    chosen = load()
    lines = ["# How settings were chosen\n", "Written by `results/choose.py`; do not edit. Each network was trained on the "
             "first 50 000 training images and tested on the last 10 000; the best setting is that of the model. A dash: "
             "learning diverged.\n"]
    for name, grid in GRIDS.items():
        for network in grid.networks:
            rows = chosen.get(name, {}).get(network)
            if not rows:
                continue
            top = best(grid, rows)
            epochs = f", {grid.epochs} epochs" if grid.epochs else ""
            title = "all networks" if network == "*" else f"`{network}`"
            lines += [f"## models/{name}.apical, {title}\n"]
            if grid.instead:
                lines += ["Tried with " + ", ".join(f"`{new}`" for new in grid.instead.values()) + " in place of " +
                          ", ".join(f"`{old}`" for old in grid.instead) + ".\n"]
            lines += [f"| setting | {grid.measure}{epochs} | seeds |",
                      "|---|---|---|"]
            for row in rows:
                diverged = None in row["scores"]
                mean = "–" if diverged else grid.show(statistics.mean(row["scores"]))
                mark = " **best**" if row is top else ""
                lines.append(f"| {number(row['setting'])} | {mean}{mark} | {', '.join(map(str, row['seeds']))} |")
            lines.append("")
    return "\n".join(lines)


def main(arguments):
    if arguments == ["check"]:
        check()
    if not arguments or arguments[0] not in ("page", "apply", *GRIDS):
        sys.exit(__doc__)
    if arguments[0] == "apply":
        apply(arguments[1:])
    elif arguments != ["page"]:
        known = list(GRIDS[arguments[0]].networks)
        for network in arguments[1:]:
            if network not in known:
                sys.exit(f"the grid of {arguments[0]} has no '{network}', but {', '.join(known)}")
        choose(arguments[0], arguments[1:] or known)
    with open(PAGE, "w") as file:
        file.write(page())


if __name__ == "__main__":
    main(sys.argv[1:])
