# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How long a run takes to begin, and how large and quick an executable is."""
import os
import pathlib
import re
import statistics
import subprocess
import time

from machine import APICAL, ROOT, command_line, write_table

DEMO = ROOT / "models/fashion_mnist.apical"


def demo_data(folder):
    """As few rows as the demo can do with under the names that it looks for: reading data is no part of this."""
    names = folder / "fashion-mnist"
    write_table(names / "train-images-idx3-ubyte", names / "train-labels-idx1-ubyte", 64)
    write_table(names / "t10k-images-idx3-ubyte", names / "t10k-labels-idx1-ubyte", 64)


def first_step(model, data, cores):
    """Seconds from the start of `apical run` to the record of the first training step, and what compiling took."""
    command = [APICAL, "run", model, "--quiet", "--time", "--metrics", "-", "--metrics-every", "1", "--data", data]
    given = command_line(command, cores)
    start = time.perf_counter()
    process = subprocess.Popen(**given, stderr=subprocess.PIPE)
    for line in process.stdout:
        if '"step"' in line:
            break
    seconds = time.perf_counter() - start
    process.kill()
    parts = re.findall(r"([A-Za-z][A-Za-z ]*?) (\d+) ms", process.communicate()[1].replace("compiled: ", ""))
    return seconds, [(name, int(ms)) for name, ms in parts]


def cold_start(model, data, cores, rounds):
    """The first training step of a model: median, best, and the parts of the median run."""
    runs = sorted((first_step(model, data, cores) for _ in range(rounds)), key=lambda r: r[0])
    middle = runs[len(runs) // 2]
    return {"median": middle[0], "best": runs[0][0], "worst": runs[-1][0], "parts": middle[1]}


def executable(folder, cores, rounds):
    """Size of the demo as an executable, and the time it takes to print its help."""
    program = pathlib.Path(folder) / "demo"
    subprocess.run([APICAL, "build", DEMO, "-o", program, "--data", folder], check=True, stdout=subprocess.DEVNULL)
    times = []
    for _ in range(rounds * 4):
        given = command_line([program, "--help"], cores)
        start = time.perf_counter()
        subprocess.run(**given, check=True)
        times.append(time.perf_counter() - start)
    return {"bytes": os.path.getsize(program), "median": statistics.median(times), "best": min(times)}
