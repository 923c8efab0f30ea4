# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The text that one network of a model learns by: its own, that of its experiments, and every declaration of the model
and of std/ that they name, directly or through others. What was measured with another text has to be measured again."""
import functools
import hashlib
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXPERIMENTS = ("train", "test", "simulate")


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def declarations(text):
    """(kind, name, text) of everything at the top level, in its order; comments, empty lines and columns aside."""
    text = re.sub(r"(?<=\S)[ \t]+", " ", re.sub(r"[ \t]*//.*", "", text))
    found, depth, lines = [], 0, []
    for line in filter(None, map(str.rstrip, text.split("\n"))):
        if depth == 0 and not re.match(r"[\s})\]]", line):
            lines = []
            found.append(lines)
        lines.append(line)
        depth += sum(map(line.count, "{([")) - sum(map(line.count, "})]"))
    return [(*(re.match(r"(\w+)\s+(\w+)", lines[0]) or re.match(r"(\w+)(\W)", lines[0])).groups(), "\n".join(lines))
            for lines in found]


@functools.lru_cache
def library(folder=os.path.join(ROOT, "std")):
    return [d for name in sorted(os.listdir(folder)) if name.endswith(".apical") for d in declarations(read(folder, name))]


def used(model, network, std=None):
    """The declarations of the model and those of the library that experiments of this network name, and what these do.
    The synapse of a connection that names none is the library's `linear`."""
    own = declarations(model)
    others = [d for d in (library() if std is None else std) if d[1] not in {name for _, name, _ in own}]
    taken = [d for d in own if d[0] in EXPERIMENTS and d[1] == network]
    known = [d for d in own + others if d[0] not in EXPERIMENTS]
    words = {"linear", network}
    while True:
        words.update(*(re.findall(r"\w+", text) for _, _, text in taken))
        new = [d for d in known if d[1] in words and d not in taken]
        if not new:
            return [d for d in own if d in taken], [d for d in others if d in taken]
        taken += new


IDLE = """network idle {
    area quiet[1] : source
    area still[1] : linear_unit
    connect quiet -> still : dense
}
"""


def part(model, network):
    """The model without what this network does not use. What is drawn depends on the number of the experiment, so that
    something idle takes the place of every other one before."""
    own, _ = used(model, network)
    others = [d for d in declarations(model) if d[0] in EXPERIMENTS or d in own]
    lines = [text if d in own else "test idle, trials = 1 { quiet.rate = 0 }" for d in others for text in d[2:]]
    return "use std\n" + IDLE + "\n".join(lines) + "\n"


def digest(name, network):
    """Tells one text of a network from another; `name` is that of the model."""
    return digest_of(read("models", f"{name}.apical"), network)


def digest_of(model, network, std=None):
    own, others = used(model, network, std)
    text = "\n".join([text for _, _, text in own] + sorted(text for _, _, text in others))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
