# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Apical beside PyTorch on this machine, in one run: `./x bench`.

Measures the multiply-add peak of one core and the training step of 784-512-512-10 (bench/classifier.apical) for
several batches and optimisers. Each pair is measured in turns, several rounds, every program alone on one core
with one thread. Prints a table, appends JSON lines, and writes docs/performance.md when asked. Asserts nothing about time.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import random
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "build/bin/apical_bench"
OPTIMISERS = {"sgd": "sgd(rate)", "momentum": "sgd(rate / 10, momentum = 0.9)", "adam": "adam(1e-3)"}
SIZES = (784, 512, 512, 10)
CASES = [(128, "sgd"), (128, "momentum"), (128, "adam"), (32, "sgd"), (1, "sgd")]


def operations(batch):
    """Multiplications and additions of one step: forward, backward but for the first layer, and the gradient."""
    layers = [a * b for a, b in zip(SIZES, SIZES[1:])]
    return 2 * batch * (2 * sum(layers) + sum(layers[1:]))


def write_data(folder, rows=1024):
    """Random images and labels in the files' own format, so that the model reads them as it would read MNIST."""
    numbers = random.Random(1)
    (folder / "images").write_bytes(struct.pack(">IIII", 0x803, rows, 28, 28) + numbers.randbytes(rows * 784))
    labels = bytes(numbers.randrange(10) for _ in range(rows))
    (folder / "labels").write_bytes(struct.pack(">II", 0x801, rows) + labels)


def write_model(folder, batch, optimiser):
    text = (ROOT / "bench/classifier.apical").read_text()
    for old, new in (("batch = 128", f"batch = {batch}"), ("with sgd(rate)", f"with {OPTIMISERS[optimiser]}")):
        assert old in text, f"bench/classifier.apical has no `{old}`"
        text = text.replace(old, new)
    path = folder / f"{optimiser}{batch}.apical"
    path.write_text(text)
    return path


def run(command, cores):
    """The program's line of JSON; it runs on `cores` only, and no library below it starts more threads."""
    threads = str(len(cores))
    env = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    done = subprocess.run([str(c) for c in command], env=env, stdout=subprocess.PIPE, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return json.loads(done.stdout)


def repeated(programs, rounds):
    """Each program's rounds, in turns: what disturbs the machine disturbs all of them."""
    results = {name: [] for name in programs}
    for _ in range(rounds):
        for name, (command, cores) in programs.items():
            results[name].append(run(command, cores))
    summary = {}
    for name, list_of in results.items():
        medians = [r["median"] for r in list_of]
        summary[name] = dict(list_of[0], median=statistics.median(medians), low=min(medians), high=max(medians),
                             best=min(r["best"] for r in list_of))
    return summary


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def duration(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def table(records):
    rows = ["| case | Apical | spread | GF/s | of peak | PyTorch | spread | ratio |",
            "|---|---|---|---|---|---|---|---|"]
    for r in records:
        apical, torch = r["apical"], r.get("torch")
        cells = [r["case"], duration(apical["median"]),
                 f"{duration(apical['low'])} – {duration(apical['high'])}",
                 f"{r['operations'] / apical['median'] / 1e9:.0f}", f"{100 * r['of_peak']:.0f} %"]
        if torch:
            cells += [duration(torch["median"]), f"{duration(torch['low'])} – {duration(torch['high'])}",
                      f"{torch['median'] / apical['median']:.2f}"]
        else:
            cells += ["", "", ""]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (3)")
    parser.add_argument("--rounds", type=int, default=5, help="of each pair (5)")
    parser.add_argument("--cpu", action="append", default=[], help="also this path, e.g. x86-64-v3; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench.jsonl", help="where to append records")
    parser.add_argument("--write", type=pathlib.Path, help="write the table, with machine and date, to this page")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    one = {cores[-1]}
    has_torch = subprocess.run(["/usr/bin/python3", "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0
    if not has_torch:
        print("bench: PyTorch is missing (Debian: python3-torch, libopenblas0-pthread); Apical is measured alone",
              file=sys.stderr)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    machine = {"processor": processor(), "cores": len(cores), "system": platform.platform(), "date": stamp}
    peaks, records = {}, []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_data(folder)

        def peak(cpu):
            if cpu not in peaks:
                peaks[cpu] = run([BENCH, "peak", f"--cpu={cpu}", "--seconds=1"], one)["peak"]
            return peaks[cpu]

        def measure(batch, optimiser, cpu="native", threads=1, form="autograd"):
            model = write_model(folder, batch, optimiser)
            used = set(cores[-threads:])
            programs = {"apical": ([BENCH, "step", model, f"--cpu={cpu}", f"--threads={threads}",
                                    f"--seconds={options.seconds}"], used)}
            if has_torch and cpu == "native":
                programs["torch"] = (["/usr/bin/python3", ROOT / "bench/torch_step.py", batch, optimiser,
                                      options.seconds, threads, form], used)
            case = f"batch {batch}, {optimiser}" + (f", {threads} threads" if threads > 1 else "")
            case += f", {cpu}" if cpu != "native" else ""
            case += ", PyTorch without autograd" if form == "manual" else ""
            record = {"case": case, "operations": operations(batch), "peak": peak(cpu), **machine,
                      **repeated(programs, options.rounds)}
            record["of_peak"] = record["operations"] / record["apical"]["median"] / record["peak"] / threads
            records.append(record)
            print(table([record]).splitlines()[-1], flush=True)

        print(f"{machine['processor']}, {len(cores)} cores; multiply-add peak of one core {peak('native') / 1e9:.0f} GF/s")
        print("\n".join(table([]).splitlines()))
        for batch, optimiser in CASES:
            measure(batch, optimiser)
        if has_torch:
            for batch in (128, 32, 1):
                measure(batch, "sgd", form="manual")
        if len(cores) > 1:
            measure(128, "sgd", threads=2)
        for cpu in options.cpu:
            measure(128, "sgd", cpu=cpu)
    with options.json.open("a") as lines:
        for record in records:
            lines.write(json.dumps(record) + "\n")
    print(f"bench: records appended to {options.json}")
    if options.write:
        options.write.write_text(page(machine, peaks, records, options))
        print(f"bench: wrote {options.write}")


def page(machine, peaks, records, options):
    torch = next((r["torch"]["version"] for r in records if "torch" in r), None)
    return f"""# Performance

Written by `./x bench --write docs/performance.md` on {machine['date']}; run it to see your own machine. Not to be edited.

{machine['processor']}, {machine['cores']} cores, {machine['system']}. Multiply-add peak of one core: {", ".join(
        f"{peak / 1e9:.1f} GF/s ({cpu})" for cpu, peak in peaks.items())}.

The training step of {"-".join(map(str, SIZES))} with tanh and softmax cross-entropy, `bench/classifier.apical`, one core
and one thread unless the case says more. Apical reads bytes and labels as they come from the files and reports cost
and health; PyTorch {torch or "(absent)"} with OpenBLAS gets floating-point numbers that lie ready. Medians over
{options.rounds} rounds in turns of {options.seconds:g} s each, after warming up; the spread is that of the rounds' medians.
GF/s counts the multiplications and additions of the matrix products only.

{table(records)}
"""


main()
