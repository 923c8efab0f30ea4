# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks of the learning rules in std/, and proof that the checks can fail.

A file of this folder describes one system: the rule, checks of its equations,
null models inside the checks, and mutants, which are edits of the rule's text.
Every check must pass on the rule as the library has it; every mutant must fail
at least one check. The table of mutants and of what caught them is printed.

A model that defines a rule of its own replaces the library's of that name:
that is how a mutant enters.
"""
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
APICAL = os.environ.get("APICAL", os.path.join(ROOT, "build", "bin", "apical"))


class Refused(Exception):
    """apical did not accept or finish the model: the check itself is wrong."""


class Absent(Exception):
    """A run has no state of this name: a check of numbers cannot tell anything of it."""


class Diverged(AssertionError):
    """Learning left the finite numbers, which fails whatever was being checked."""


def library(name):
    """The text of a rule or optimizer of std/, from its documentation to its closing brace."""
    for file in sorted(os.listdir(os.path.join(ROOT, "std"))):
        if not file.endswith(".apical"):
            continue
        with open(os.path.join(ROOT, "std", file)) as f:
            text = f.read()
        start = re.search(rf"^(?:rule|optimizer|unit|synapse|fn) {name}\b", text, re.M)
        if not start:
            continue
        depth, at = 0, text.index("{", start.start())
        for at in range(at, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return text[start.start() : at + 1]
    raise LookupError(f"std/ has no `{name}`")


class Rule:
    """The text of a rule, perhaps edited, and the name under which a model uses it."""

    def __init__(self, name, text=None):
        self.name = name
        self.text = library(name) if text is None else text

    def edit(self, *edits):
        """Replaces text; each `old` must occur, else the edit would silently do nothing."""
        text = self.text
        for old, new in edits:
            if old not in text:
                raise LookupError(f"`{self.name}` does not contain `{old}`")
            text = text.replace(old, new)
        return Rule(self.name, text)


class Run:
    """What a run left: its records, and every state of its checkpoint by name."""

    def __init__(self, records, checkpoint, probes=()):
        self.records = records
        self.probes = probes  # what `probe` lines named: one record per sample
        self.checkpoint = checkpoint
        self.states = read_checkpoint(checkpoint) if checkpoint else {}

    def __getitem__(self, name):
        if name not in self.states:
            raise Absent(f"the run has no `{name}`, but {', '.join(sorted(self.states))}")
        return self.states[name]

    def series(self, key, event="step"):
        return [r[key] for r in self.records if r["event"] == event]

    def same(self, other, names=None):
        """Are the states that both have (or those named) equal to the bit?"""
        names = names or sorted(set(self.states) & set(other.states))
        assert names, "the runs have no state in common"
        return all(self[n].tobytes() == other[n].tobytes() for n in names)


def layout(checkpoint):
    """The text of the header of a checkpoint, its tensors, and where the data begin."""
    begin = 8 + struct.unpack("<Q", checkpoint[:8])[0]
    text = checkpoint[8:begin].decode()
    tensors = json.loads(text)
    tensors.pop("__metadata__")
    return text, tensors, begin


def read_checkpoint(checkpoint):
    _, tensors, begin = layout(checkpoint)
    kinds = {"F32": "<f4", "F64": "<f8"}
    return {
        name: numpy.frombuffer(checkpoint[begin:][slice(*t["data_offsets"])], kinds[t["dtype"]]).reshape(t["shape"])
        for name, t in tensors.items()
    }


def changed(checkpoint, values):
    """The checkpoint with other values for some states, and with the checksums that belong to them. A finished
    experiment counts as unfinished, so that one may go on from here with more epochs."""
    text, tensors, begin = layout(checkpoint)
    text = text.replace('"experiment":"1"', '"experiment":"0"')
    data = bytearray(checkpoint[begin:])
    for name, value in values.items():
        t = tensors[name]
        start, end = t["data_offsets"]
        new = numpy.ascontiguousarray(value, "<f4" if t["dtype"] == "F32" else "<f8").tobytes()
        assert list(value.shape) == t["shape"] and len(new) == end - start, name
        old = zlib.crc32(data[start:end])
        data[start:end] = new
        key = f'"crc32:{name}":"'
        assert f"{key}{old:08x}" in text
        text = text.replace(f"{key}{old:08x}", f"{key}{zlib.crc32(new):08x}")
    text = re.sub(r'"header_crc32":"\w{8}"', '"header_crc32":"00000000"', text)
    crc = f"{zlib.crc32(text.encode()):08x}"
    text = text.replace('"header_crc32":"00000000"', f'"header_crc32":"{crc}"')
    return checkpoint[:8] + text.encode() + bytes(data)


_runs = {}


class Engine:
    """The library's rules run as native code and in the interpreter; mutants in the interpreter only, since code
    generation would be most of the time of these many small models."""

    interpret = False
    mutating = False


def run(model, data=None, seed=1, interpret=None, sets=None, rules=(), epochs=None, start=None):
    """Runs a model of `use std` and the given text; `data` maps file names to arrays, `start` is a checkpoint.

    One thread: the results do not depend on the number, and tests run beside each other.
    """
    interpret = Engine.interpret if interpret is None else interpret
    text = "use std\n" + "\n".join(r.text for r in rules) + "\n" + model
    data = data or {}
    digest = hashlib.sha256(repr((text, seed, interpret, epochs, start, sorted((sets or {}).items()))).encode())
    for name, array in sorted(data.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(numpy.ascontiguousarray(array))
    key = digest.hexdigest()
    if key in _runs:
        return _runs[key]
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("model.apical"), "w") as f:
            f.write(text)
        for name, array in data.items():
            numpy.save(path(name), numpy.ascontiguousarray(array))
        command = [APICAL, "run", path("model.apical"), "--quiet", "--threads", "1",
                   "--seed", str(seed), "--save", path("saved"), "--save-every", "1000000",
                   "--metrics", path("metrics"), "--metrics-every", "1"]
        command += ["--interpret"] if interpret else []
        command += ["--probe", path("probes")] if re.search(r"\bprobe\b", text) else []
        command += ["--epochs", str(epochs)] if epochs else []
        if start:
            with open(path("start"), "wb") as f:
                f.write(start)
            command += ["--resume", path("start")]
        for name, value in (sets or {}).items():
            command += ["--set", f"{name}={value!r}"]
        begin = time.time()
        done = subprocess.run(command, capture_output=True, text=True)
        if "--times" in sys.argv:
            print(f"{time.time() - begin:6.2f} s", file=sys.stderr)
        if "no longer finite" in done.stderr:
            raise Diverged(done.stderr.strip())
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        with open(path("metrics")) as f:
            records = [json.loads(line) for line in f]
        probes = []
        if os.path.exists(path("probes")):
            with open(path("probes")) as f:
                probes = [json.loads(line) for line in f]
        checkpoint = None
        if os.path.exists(path("saved")):
            with open(path("saved"), "rb") as f:
                checkpoint = f.read()
    _runs[key] = Run(records, checkpoint, probes)
    return _runs[key]


def forget():
    """Lets go of the runs that are kept to be asked for again."""
    _runs.clear()


def before(model, **how):
    """The same model before its first update: every learn line is gated off."""
    def gate(line):
        text, name = re.fullmatch(r"(.*?)( as \w+)?", line[0]).groups()
        return text + (" and epoch < 0" if " while " in text else " while epoch < 0") + (name or "")

    gated, count = re.subn(r"^[ \t]*learn\b[^\n]*$", gate, model, flags=re.M)
    assert count
    return run(gated, **how)


def angle(a, b):
    """In degrees, between two arrays taken as vectors."""
    a, b = numpy.ravel(a).astype(float), numpy.ravel(b).astype(float)
    cosine = a @ b / (numpy.linalg.norm(a) * numpy.linalg.norm(b))
    return float(numpy.degrees(numpy.arccos(numpy.clip(cosine, -1, 1))))


class System:
    """One rule with its checks and mutants; a file of this folder ends with `system.main()`."""

    def __init__(self, rule, title, text=None):
        """With a `text`, that is what is checked and mutated, instead of a rule of the library: a whole model."""
        self.rule = rule
        self.title = title
        self.text = text
        self.checks = []
        self.interpreted = set()
        self.mutants = []

    def check(self, function):
        """A function of a Rule that asserts; its documentation says what must hold and why so closely."""
        self.checks.append(function)
        return function

    def interpreted_check(self, function):
        """One that native code cannot pass, since single precision hides what it measures; its documentation says why."""
        self.interpreted.add(function)
        return self.check(function)

    def mutant(self, what, *edits):
        self.mutants.append((what, edits))

    def verdict(self, check, rule):
        """None if the check passes, else what it said. A mutant is caught by numbers alone: that a state which the check
        reads is not there, or that a mutant cannot be run, tells nothing of what the rule does."""
        try:
            check(rule)
        except AssertionError as failure:
            return str(failure) or "an assertion failed"
        except (Absent, LookupError, Refused):
            if Engine.mutating:
                return None
            raise
        return None

    def run(self):
        """Rows (system, mutant, checks that caught it), and whether all is as it must be."""
        rows, good, original = [], True, Rule(self.rule, self.text)
        for Engine.interpret in (False, True):
            engine = "interpreted" if Engine.interpret else "native"
            for check in self.checks:
                if check in self.interpreted and not Engine.interpret:
                    continue
                said = self.verdict(check, original)
                good &= not said
                print(f"{'FAIL' if said else 'pass'} {check.__name__}, {engine}" + (f": {said}" if said else ""))
        Engine.mutating = True
        for what, edits in self.mutants:
            caught = [c.__name__ for c in self.checks if self.verdict(c, original.edit(*edits))]
            good &= bool(caught)
            rows.append((self.title, what, ", ".join(caught) or "NOTHING"))
        Engine.mutating = False
        return rows, good

    def main(self):
        try:
            rows, good = self.run()
        except Refused as refused:
            traceback.print_exc()
            sys.exit(f"{self.rule}: apical refused a model:\n{refused}")
        print_table(rows)
        sys.exit(not good)


def on_both_engines(*checks):
    """The main function of a file of checks that are no rule's: each is called with whether the interpreter runs it."""
    failed = 0
    for check in checks:
        for interpret in (False, True):
            engine = "interpreted" if interpret else "native"
            try:
                check(interpret)
                print("pass", check.__name__, engine)
            except (AssertionError, Refused) as failure:
                failed += 1
                traceback.print_exc()
                print("FAIL", check.__name__, engine, failure)
    sys.exit(failed != 0)


def print_table(rows):
    print("\n| system | mutant | caught by |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
