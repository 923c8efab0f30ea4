# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs tasks and writes docs/results.md.

run.py                          all tasks: hours
run.py MODEL... MODEL:SEED...   the tasks of these models, or one seed of them
run.py MODEL/NETWORK[:SEED]...  one network of a task; the others keep what was measured
run.py angles:MODEL[:SEED]...   the angles to the gradient
run.py page                     only writes the page again
run.py list                     the tasks, and how long each took

What was measured is kept in results/measured.json, so that each task can be run alone. The page is generated from it
and from tasks.py; nothing in it is typed. With each network a digest is kept of all text that it learns by, of the
model and of std/ (texts.py): where that has changed since, the page says so.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import choose
import texts
from references import REFERENCES
from tasks import ANGLES, NULL_DEVIATIONS, NULL_MARGIN, TASKS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MEASURED = os.path.join(HERE, "measured.json")
PAGE = os.path.join(ROOT, "docs", "results.md")
APICAL = os.environ.get("APICAL", os.path.join(ROOT, "build", "bin", "apical"))

NOT_MEASURES = {"event", "network", "experiment", "seed", "step", "epoch", "seconds"}

HEAD = """# Results

Written by `./x results`; do not edit. Each row is a measure of the test set after the last epoch, mean and standard
deviation over the seeds; accuracy unless another is named. Settings were chosen on the last 10 000 training images where
a table says so ([how](../results/settings.md)), never by these figures. The test images are nevertheless no longer
unseen: earlier versions of the first three tasks, of which one was an 8-epoch run of the third, had been tested on them
with other settings and inputs, and what was learned from that (a rate of its own for each rule, standardised images)
shaped the present ones. A published number belongs to its own settings and is there for orientation.

A rule that learns no better than a network whose hidden areas stay as they were drawn has not assigned credit: where
there is such a null model, a row has to be better by three times the deviation of one seed, pooled over the two rows, and
by at least one point where that is a share of answers.

`seconds` is what one seed took from reading the source to the end, on one thread of a machine that did other work
beside it: for planning, not for comparison.
"""


def load():
    if not os.path.exists(MEASURED):
        return {}
    with open(MEASURED) as file:
        return json.load(file)


def keep(kind, model, seed, found, network=None):
    """Stores one seed, or one network of it; the file is read again because other tasks may run beside this one."""
    measured = load()
    seeds = measured.setdefault(kind, {}).setdefault(model, {})
    if network:
        old = seeds.get(str(seed), {"curves": {}, "texts": {}, "seconds": 0})
        again = network in old["curves"]
        found = {"curves": {**old["curves"], **found["curves"]}, "texts": {**old["texts"], **found["texts"]},
                 "seconds": old["seconds"] if again else round(old["seconds"] + found["seconds"], 1)}
    seeds[str(seed)] = found
    with open(MEASURED + ".new", "w") as file:
        text = json.dumps(measured, indent=1, sort_keys=True)
        file.write(shorten(text) + "\n")
    os.replace(MEASURED + ".new", MEASURED)


def shorten(text):
    """One line for each list of numbers."""
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)


def model_path(name):
    return os.path.join("models", f"{name}.apical")


def changed(task, seeds):
    """The networks of a task that were measured with another text than they have now."""
    return sorted({n for s in seeds.values() for n in s["curves"] if s.get("texts", {}).get(n) != texts.digest(task.model, n)})


def measure(task, seed, network=None):
    """The measures of each network, or of one, after the epochs that are tested, and the seconds of the run."""
    digests = {t.network: texts.digest(task.model, t.network) for t in task.targets}
    with tempfile.TemporaryDirectory() as folder:
        metrics, probes = os.path.join(folder, "metrics"), os.path.join(folder, "probes")
        path = model_path(task.model)
        if network:
            path = os.path.join(folder, "model.apical")
            with open(path, "w") as file:
                file.write(texts.part(choose.model_text(task.model), network))
        subprocess.run([APICAL, "run", path, "--quiet", "--threads", "1", "--seed", str(seed), "--metrics", metrics]
                       + (["--probe", probes] if task.probed else ["--test-every-epoch"] * task.each_epoch), check=True, cwd=ROOT)
        with open(metrics) as file:
            records = [json.loads(line) for line in file]
        further = {}
        if task.probed:
            with open(probes) as file:
                further = task.probed(map(json.loads, file))
    curves = {}
    for record in records:
        if record["event"] == "test" and record["network"] in digests:
            curve = curves.setdefault(record["network"], {})
            for name in record.keys() - NOT_MEASURES:
                curve.setdefault(name, []).append(record[name])
    for network, values in further.items():
        curves.setdefault(network, {}).update({name: [value] for name, value in values.items()})
    end = records[-1]
    assert end["event"] == "end" and end["status"] == "finished", end
    found = {"curves": curves, "seconds": round(end["seconds"], 1), "texts": {n: digests[n] for n in curves}}
    print(f"{task.model}, seed {seed}: " + ", ".join(f"{t.network} {t.measure} {curves[t.network][t.measure][-1]:.5g}"
                                                    for t in task.targets if t.network in curves)
          + f"; {found['seconds']} s", flush=True)
    return found


def angles(task, seed):
    """The angle of every array of weights, at the steps that were measured."""
    done = subprocess.run([APICAL, "verify", model_path(task.model), "--threads", "1", "--format=json", "--seed",
                           str(seed), f"--steps={task.steps}", f"--every={task.every}"], check=True, cwd=ROOT,
                          capture_output=True, text=True)
    found = {}
    for line in json.loads(done.stdout)["lines"]:
        for weight in line["weights"]:
            if weight["weight"] == "w" and weight["updated"]:
                assert weight["gradient_check"]["passed"], weight
                of_network = {"steps": line["steps"], "text": texts.digest(task.model, line["network"])}
                found.setdefault(line["network"], of_network)[weight["connection"]] = [
                    None if a is None else round(a, 2) for a in weight["angle"]]
    print(f"angles of {task.model}, seed {seed}: done", flush=True)
    return found


def percent(value):
    return f"{100 * value:.2f} %"


def plain(value):
    return f"{value:.4g}"


def mean(measured, model, network, measure):
    """The mean and deviation over the seeds of what a network ended with; None if it was not measured."""
    seeds = measured.get("tasks", {}).get(model, {}).values()
    last = [s["curves"][network][measure][-1] for s in seeds if measure in s["curves"].get(network, {})]
    return (statistics.mean(last), statistics.stdev(last) if len(last) > 1 else None) if last else (None, None)


def margin(task, rows):
    """By how much a row has to be better than that of a null model."""
    pooled = statistics.mean(d * d for _, d in rows) ** 0.5
    return NULL_DEVIATIONS * pooled if task.plain else max(NULL_DEVIATIONS * pooled, NULL_MARGIN)


def verdict(task, target, measured):
    """What is wanted, and whether it is so; None where something is not measured yet."""
    show = plain if task.plain else percent
    found = mean(measured, task.model, target.network, target.measure)[0]
    wanted, fine = [], []

    def other(name):
        model, network = name.split("/") if "/" in name else (task.model, name)
        return mean(measured, model, network, target.measure)[0]

    def want(text, bound, holds):
        wanted.append(text)
        fine.append(None if bound is None else holds(bound))

    if target.low is not None:
        want(f"≥ {show(target.low)}", target.low, lambda b: found >= b)
    if target.high is not None:
        want(f"≤ {show(target.high)}", target.high, lambda b: found <= b)
    if target.near:
        want(f"within {100 * target.within:.1f} of `{target.near}`", other(target.near), lambda b: found >= b - target.within)
    if target.above:
        want(f"{100 * target.by:.0f} points above `{target.above}`", other(target.above), lambda b: found >= b + target.by)
    if target.null:
        model, network = target.null.split("/") if "/" in target.null else (task.model, target.null)
        rows_of_both = [mean(measured, m, n, target.measure) for m, n in ((task.model, target.network), (model, network))]
        least = target.measure in ("loss", "error")
        by = None if any(d is None for _, d in rows_of_both) else margin(task, rows_of_both)
        bound = None if by is None else rows_of_both[1][0] + (-by if least else by)
        size = "" if by is None else f"{show(by)} " if task.plain else f"{100 * by:.1f} points "
        want(f"{size}{'below' if least else 'above'} `{target.null}`", bound, lambda b: found <= b if least else found >= b)
    if target.reference:
        bound = measured.get("references", {}).get(target.reference)
        bound = None if bound is None else bound * target.times
        want(f"≤ {target.times} × {target.reference}" + ("" if bound is None else f" = {show(bound)}"), bound,
             lambda b: found <= b)
    return "; ".join(wanted) or "–", None if None in fine else all(fine)


def rows(task, measured, networks=None):
    """The table of one task, and whether it reaches all it should."""
    show, good = plain if task.plain else percent, True
    lines = ["| what | mean | s.d. | target | published |", "|---|---|---|---|---|"]
    for target in task.targets:
        value, deviation = mean(measured, task.model, target.network, target.measure)
        if networks and target.network not in networks or value is None:
            continue
        wanted, fine = verdict(task, target, measured)
        good &= fine is not False
        said = {True: "", False: ": **missed**", None: ": open"}[fine]
        spread = "–" if deviation is None else plain(deviation) if task.plain else f"{100 * deviation:.2f}"
        lines.append(f"| {target.title} | {show(value)} | {spread} | {wanted}{said} | {target.published} |")
    for name in () if networks else task.beside:
        if name in measured.get("references", {}):
            lines.append(f"| for comparison: {name} | {show(measured['references'][name])} | – | – | – |")
    return lines, good


def command(task, measured):
    """How the rows were measured."""
    seeds = measured["tasks"][task.model]
    seconds = statistics.mean(s["seconds"] for s in seeds.values())
    chosen = task.chosen
    if not chosen:
        tables, networks = choose.load().get(task.model, {}), {t.network for t in task.targets}
        chosen = ("settings chosen on held-out training images" if networks <= set(tables) or "*" in tables else
                  "the settings of some networks were chosen on held-out training images" if tables else
                  "nothing is tuned")
    tests = " --probe FILE" if task.probed else " --test-every-epoch" * task.each_epoch
    return (f"`apical run models/{task.model}.apical{tests} --seed N`, seeds {', '.join(sorted(seeds, key=int))}; "
            f"{seconds:.0f} seconds each; {chosen}." + again(changed(task, seeds)))


def again(networks):
    """What the page says of networks whose text has changed."""
    names = ", ".join(f"`{n}`" for n in networks)
    return f" **Changed since, to be measured again: {names}.**" if names else ""


def angle_command(task, measured):
    seeds = measured["angles"][task.model]
    stale = sorted({n for s in seeds.values() for n in s if s[n].get("text") != texts.digest(task.model, n)})
    return (f"`apical verify models/{task.model}.apical --steps {task.steps} --every {task.every} --seed N`, seeds "
            f"{', '.join(sorted(seeds, key=int))}; degrees between the change by the rule and minus the gradient." + again(stale))


def angle_rows(task, measured):
    """First and last angle of each array of weights, mean over the seeds."""
    seeds, good = measured["angles"][task.model], True
    lines = ["| network | weights | first | last | target | published |", "|---|---|---|---|---|---|"]
    for network, series in next(iter(seeds.values())).items():
        for connection in (c for c in series if c not in ("steps", "text")):
            all_seeds = [s[network][connection] for s in seeds.values()]
            if any(a is None for s in all_seeds for a in (s[0], s[-1])):
                continue
            first, last = (statistics.mean(s[k] for s in all_seeds) for k in (0, -1))
            bound = [h for h in task.high if h[:2] == (network, connection)]
            fine = not bound or last <= bound[0][2]
            good &= fine
            wanted = f"≤ {bound[0][2]}°" + ("" if fine else ": **missed**") if bound else "–"
            lines.append(f"| `{network}` | {connection} | {first:.1f}° | {last:.1f}° | {wanted} | "
                         f"{bound[0][3] if bound else '–'} |")
    return lines, good


def page(measured):
    lines, good = [HEAD], True
    for task in TASKS:
        if task.model in measured.get("tasks", {}):
            table, fine = rows(task, measured)
            good &= fine
            lines += [f"\n## {task.title}\n", command(task, measured) + "\n", *table]
    for task in ANGLES:
        if task.model in measured.get("angles", {}):
            table, fine = angle_rows(task, measured)
            good &= fine
            lines += [f"\n## Angle to the gradient: {task.title}\n", angle_command(task, measured) + "\n", *table]
    return "\n".join(lines) + "\n", good


def listing(measured):
    for task in TASKS:
        seeds = measured.get("tasks", {}).get(task.model, {})
        stale = changed(task, seeds)
        took = f"{sum(s['seconds'] for s in seeds.values()):6.0f} s for {len(seeds)} seeds" if seeds else "not measured yet"
        print(f"{task.model:28} {took:24} {task.title}" + (f" (changed since: {', '.join(stale)})" if stale else ""))
    for task in ANGLES:
        print(f"{'angles:' + task.model:28} {'':24} {task.title}")


def parts(names):
    """What is to be run: (angles or not, task, network or None for all, seed)."""
    if not names:
        return [(a, t, None, s) for a, ts in ((False, TASKS), (True, ANGLES)) for t in ts for s in t.seeds]
    found = []
    for name in names:
        words = name.split(":")
        angle = words[0] == "angles" and len(words) > 1
        model, *seed = words[1:] if angle else words
        model, _, network = model.partition("/")
        task = next((t for t in (ANGLES if angle else TASKS) if t.model == model), None)
        known = task and (not network or not angle and network in {t.network for t in task.targets})
        if not known or len(seed) > 1 or not all(s.isdigit() for s in seed):
            sys.exit(f"there is no task '{name}'; the tasks are {', '.join(t.model for t in TASKS)}, and "
                     f"{', '.join('angles:' + t.model for t in ANGLES)}; one seed of a task is TASK:SEED, one network "
                     "TASK/NETWORK")
        found += [(angle, task, network or None, s) for s in map(int, seed or task.seeds)]
    return found


def main(names):
    if names in (["list"], ["--list"]):
        return listing(load())
    for angle, task, network, seed in parts([n for n in names if n != "page"]) if names != ["page"] else []:
        if angle:
            keep("angles", task.model, seed, angles(task, seed))
        else:
            keep("tasks", task.model, seed, measure(task, seed, network), network)
    measured = load()
    for name, compute in REFERENCES.items():
        if name not in measured.get("references", {}):
            measured.setdefault("references", {})[name] = compute()
            with open(MEASURED, "w") as file:
                file.write(shorten(json.dumps(measured, indent=1, sort_keys=True)) + "\n")
    text, good = page(measured)
    with open(PAGE, "w") as file:
        file.write(text)
    print(f"wrote {os.path.relpath(PAGE)}")
    sys.exit(not good)


if __name__ == "__main__":
    main(sys.argv[1:])
