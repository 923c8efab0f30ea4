# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every measurement of the benchmark needs: the machine, files of random data, and programs run in turns."""
import json
import os
import pathlib
import platform
import random
import statistics
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "build/bin/apical_bench"
APICAL = ROOT / "build/bin/apical"
PYTHON = "/usr/bin/python3"  # Debian's, which has PyTorch


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def load():
    """Processes that wanted to run in the last minute, our own one included."""
    return os.getloadavg()[0]


def write_table(images, labels, rows):
    """Random images and labels in the files' own format, so that a model reads them as it would read MNIST."""
    numbers = random.Random(1)
    images.parent.mkdir(parents=True, exist_ok=True)
    images.write_bytes(struct.pack(">IIII", 0x803, rows, 28, 28) + numbers.randbytes(rows * 784))
    labels.write_bytes(struct.pack(">II", 0x801, rows) + bytes(numbers.randrange(10) for _ in range(rows)))


def command_line(command, cores):
    """Arguments for subprocess: the program runs on `cores` only, and no library below it starts more threads."""
    threads = str(len(cores))
    env = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    env.pop("OPENBLAS_CORETYPE", None)  # the BLAS chooses its kernels for this processor
    return {"args": [str(c) for c in command], "env": env, "stdout": subprocess.PIPE, "text": True,
            "preexec_fn": lambda: os.sched_setaffinity(0, cores)}


def run(command, cores):
    """The program's line of JSON."""
    return json.loads(subprocess.run(**command_line(command, cores), check=True).stdout)


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


def duration(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
