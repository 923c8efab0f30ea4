# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Apical beside PyTorch on this machine, in one run: `./x bench`.

Measures the multiply-add peak of one core; the training step of 784-512-512-10 for several batches and optimisers;
equilibrium propagation; node and weight perturbation; LeNet; the time from `apical run` to the first training step; and
the demo as an executable. Each pair is measured in turns, several rounds, every program alone on one core with one
thread. Prints tables, appends JSON lines, and writes docs/performance.md when asked. Asserts nothing about time.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import start
from machine import BENCH, PYTHON, ROOT, duration, load, processor, repeated, run, write_table

OPTIMISERS = {"sgd": "sgd(rate)", "momentum": "sgd(rate / 10, momentum = 0.9)", "adam": "adam(1e-3)"}


def products(sizes, *counts):
    """Multiplications and additions of the matrix products per sample; the k-th layer is gone through counts[k] times."""
    return sum(2 * a * b * n for a, b, n in zip(sizes, sizes[1:], counts))


class Case:
    """One row of the table. `operations` are those that the rule cannot do without, for the whole batch."""

    def __init__(self, name, model, edits, torch, operations, threads=1, cpu="native"):
        self.name, self.model, self.edits, self.torch = name, model, edits, torch
        self.operations, self.threads, self.cpu = operations, threads, cpu

    def write_model(self, folder):
        text = (ROOT / "bench" / self.model).read_text()
        for old, new in self.edits.items():
            assert old in text, f"bench/{self.model} has no `{old}`"
            text = text.replace(old, new)
        path = folder / f"{abs(hash(self.name))}.apical"
        path.write_text(text)
        return path


def classifier(batch, optimiser, form="autograd", **more):
    edits = {"batch = 128": f"batch = {batch}", "with sgd(rate)": f"with {OPTIMISERS[optimiser]}"}
    name = f"784-512-512-10, batch {batch}, {optimiser}"
    name += ", PyTorch without autograd" if form == "manual" else ""
    name += f", {more['threads']} threads" if "threads" in more else ""
    name += f", {more['cpu']}" if "cpu" in more else ""
    # Forward, backward but for the first layer, and the gradient.
    operations = batch * products((784, 512, 512, 10), 2, 3, 3)
    return Case(name, "classifier.apical", edits, ["torch_step.py", batch, optimiser, form], operations, **more)


def equilibrium(form):
    # The image's drive and its product with the two ends' difference once; the rest in each tick, and at each end.
    operations = 20 * products((784, 500, 10), 2, 2 * 28 + 2)
    return Case(f"equilibrium propagation, 784-500-10, batch 20, PyTorch {form}", "equilibrium.apical", {},
                ["torch_equilibrium.py", 20, form], operations)


def perturbation(rule, form):
    clean_and_noisy = 1 if rule == "node_perturbation" else 2  # only the input's drive is shared
    gradient = 1 if rule == "node_perturbation" else 0
    operations = 64 * products((784, 100, 10), clean_and_noisy + gradient, 2 + gradient)
    return Case(f"{rule.replace('_', ' ')}, 784-100-10, batch 64, PyTorch {form}", "perturbation.apical",
                {"node_perturbation": rule}, ["torch_perturbation.py", rule, 64, form], operations)


def lenet():
    # A kernel of 25 taps at 784 places, six times; 150 at 100, sixteen times; no error goes back to the image.
    places = 2 * (784 * 25 * 6 * 2 + 100 * 150 * 16 * 3)
    operations = 128 * (places + products((400, 120, 84, 10), 3, 3, 3))
    return Case("LeNet, batch 128, sgd", "lenet.apical", {}, ["torch_lenet.py", 128, "autograd"], operations)


def cases(cores, cpus):
    yield from (classifier(*c) for c in ((128, "sgd"), (128, "momentum"), (128, "adam"), (32, "sgd"), (1, "sgd")))
    yield from (classifier(batch, "sgd", "manual") for batch in (128, 32, 1))
    yield from (equilibrium(form) for form in ("plain", "hoisted"))
    yield from (perturbation("node_perturbation", form) for form in ("plain", "in place", "hoisted"))
    yield from (perturbation("weight_perturbation", form) for form in ("plain", "in place"))
    yield lenet()
    if len(cores) > 1:
        yield classifier(128, "sgd", threads=2)
    yield from (classifier(128, "sgd", cpu=cpu) for cpu in cpus)


COLUMNS = ["case", "Apical", "best", "rounds", "GF/s", "of peak", "PyTorch", "best", "rounds", "ratio", "of the best",
           "possible at peak"]


def row(record):
    apical, torch = record["apical"], record.get("torch")
    times = lambda r: [duration(r["median"]), duration(r["best"]), f"{duration(r['low'])} – {duration(r['high'])}"]
    cells = [record["case"], *times(apical), f"{record['operations'] / apical['median'] / 1e9:.0f}",
             f"{100 * record['of_peak']:.0f} %"]
    if torch:
        least = record["operations"] / record["peak"] / record["threads"]
        ratios = (torch["median"] / apical["median"], torch["best"] / apical["best"], torch["best"] / least)
        cells += [*times(torch), *(f"{ratio:.2f}" for ratio in ratios)]
    else:
        cells += [""] * 6
    return "| " + " | ".join(cells) + " |"


def table(records):
    return "\n".join(["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|", *map(row, records)])


def start_table(starts):
    rows = ["| model | median | best | parts of the median run, ms |", "|---|---|---|---|"]
    for name, s in starts.items():
        parts = ", ".join(f"{part} {ms}" for part, ms in s["parts"])
        rows.append(f"| {name} | {duration(s['median'])} | {duration(s['best'])} | {parts} |")
    return "\n".join(rows)


def executable_line(program):
    return (f"{program['bytes'] / 1e6:.2f} MB, statically linked to the runtime; `--help` in {duration(program['median'])} "
            f"(best {duration(program['best'])}).")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (3)")
    parser.add_argument("--rounds", type=int, default=5, help="of each pair (5)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--cpu", action="append", default=[], help="also this path, e.g. x86-64-v3; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench.jsonl", help="where to append records")
    parser.add_argument("--write", type=pathlib.Path, help="write the tables, with machine and date, to this page")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    one = {cores[-1]}
    has_torch = subprocess.run([PYTHON, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0
    if not has_torch:
        print("bench: PyTorch is missing (Debian: python3-torch, libopenblas0-pthread); Apical is measured alone",
              file=sys.stderr)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    machine = {"processor": processor(), "cores": len(cores), "system": platform.platform(), "date": stamp,
               "load": load()}
    peaks, records = {}, []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_table(folder / "images", folder / "labels", 1024)
        start.demo_data(folder)

        def peak(cpu):
            if cpu not in peaks:
                peaks[cpu] = max(run([BENCH, "peak", f"--cpu={cpu}", "--seconds=1"], one)["peak"] for _ in range(3))
            return peaks[cpu]

        def measure(case):
            used = set(cores[-case.threads:])
            programs = {"apical": ([BENCH, "step", case.write_model(folder), f"--cpu={case.cpu}",
                                    f"--threads={case.threads}", f"--seconds={options.seconds}"], used)}
            if has_torch and case.cpu == "native":
                script, *arguments, form = case.torch
                programs["torch"] = ([PYTHON, ROOT / "bench" / script, *arguments, options.seconds, case.threads, form],
                                     used)
            record = {"case": case.name, "operations": case.operations, "peak": peak(case.cpu), **machine,
                      "threads": case.threads, **repeated(programs, options.rounds)}
            record["load"] = load()
            record["of_peak"] = record["operations"] / record["apical"]["median"] / record["peak"] / case.threads
            records.append(record)
            print(row(record), flush=True)

        print(f"{machine['processor']}, {len(cores)} cores, load {machine['load']:.1f}; "
              f"multiply-add peak of one core {peak('native') / 1e9:.0f} GF/s")
        print(table([]))
        for case in cases(cores, options.cpu):
            if options.only in case.name:
                measure(case)
        every = set(cores)
        starts = {} if options.only else {
            "784-512-512-10, batch 128": start.cold_start(ROOT / "bench/classifier.apical", folder, every, options.rounds),
            "models/fashion_mnist.apical": start.cold_start(start.DEMO, folder, every, options.rounds),
            "the same on one core": start.cold_start(start.DEMO, folder, one, options.rounds)}
        program = {} if options.only else start.executable(folder, one, options.rounds)
        if program:
            print(start_table(starts))
            print("executable of the demo:", executable_line(program))
    with options.json.open("a") as lines:
        for record in records + [{"cold_start": starts, "executable": program, **machine}]:
            lines.write(json.dumps(record) + "\n")
    print(f"bench: records appended to {options.json}")
    if options.write:
        options.write.write_text(page(machine, peaks, records, starts, program, options))
        print(f"bench: wrote {options.write}")


def page(machine, peaks, records, starts, program, options):
    torch = next((r["torch"]["version"] for r in records if "torch" in r), "(absent)")
    loads = [r["load"] for r in records] + [machine["load"]]
    return f"""# Performance

Written by `./x bench --write docs/performance.md` on {machine['date']}; run it to see your own machine. Not to be edited.

{machine['processor']}, {machine['cores']} cores, {machine['system']}. Multiply-add peak of one core, measured in
registers: {", ".join(f"{peak / 1e9:.1f} GF/s ({cpu})" for cpu, peak in peaks.items())}. Load average while measuring, the
measured program included: {min(loads):.1f} to {max(loads):.1f}.

## Training steps

{table(records)}

One core and one thread unless the case says more. Times are medians over {options.rounds} rounds of {options.seconds:g} s each, the
programs of a row in turns, after warming up; *best* is the fastest single step; *rounds* is the range of the rounds' medians.

- *GF/s* counts the multiplications and additions of the matrix products that the rule cannot do without, and nothing
  else: no padding, no elementwise code, no random numbers. *Of peak* is that against the measured peak.
- *Ratio* is PyTorch's median by Apical's, *of the best* the same of the fastest steps, which other work on the machine
  disturbs least. *Possible at peak* is what the latter would be if Apical did those products at the peak and all else
  in no time: more is impossible on this machine.
- Apical reads bytes and labels as they come from the files and reports cost and health in every step; PyTorch
  {torch} with OpenBLAS gets floating-point numbers that lie ready. PyTorch is set to one thread, its BLAS too, and
  chooses its kernels for the processor; of its two ways to run an optimiser (one parameter at a time, or all together) the
  faster one counts.
- The classifier is `bench/classifier.apical` beside `bench/torch_step.py`: tanh, softmax and cross-entropy, biases.
  *Without autograd* is the same arithmetic in PyTorch written out by hand, in place.
- LeNet is `bench/lenet.apical` beside `bench/torch_lenet.py`: rectified units, pools of largest values.
- Equilibrium propagation is `bench/equilibrium.apical` beside `bench/torch_equilibrium.py`, 20 free and 4 + 4 nudged
  steps. *Plain* is written as the algorithm is; *hoisted* computes by hand once what the image adds to the drive, as
  Apical's compiler does by itself. The same holds for the two passes of node perturbation (`bench/perturbation.apical`
  beside `bench/torch_perturbation.py`); *in place* is written with as few temporaries as PyTorch's operations allow, and
  so is the hoisted one.

## From the source to the first training step

{start_table(starts)}

From the start of `apical run` to the record of the first step, nothing cached but the files of the compiler; data of 1 024 and
64 rows, so that reading them takes no time. Of a model with several experiments the first one is
compiled before the run begins, and the rest when the run comes to them.

## The demo as an executable

{executable_line(program) if program else ""}
"""


main()
