# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small sound model, edits of it, and what `apical check` says of them."""
import json
import os
import subprocess
import tempfile

MODEL = """use std
param rate = 0.1
network flowers {
    area petal : source
    area hidden[3] : tanh_unit
    area kind[2] : softmax_unit { given target }
    connect petal -> hidden : dense(bias = true)
    connect hidden -> kind : dense(bias = true)
    cost recognition = cross_entropy(kind.log_p, kind.target)
    learn recognition by backprop() with sgd(rate)
}
data bed = table(petal = csv("flowers.csv", "petal"), label = csv("flowers.csv", "kind"))
train flowers on bed, batch = 4, epochs = 2 { petal.rate = petal; kind.target = one_hot(label, 2) }
"""
UNIT = "tanh_unit"
CONNECT = "connect petal -> hidden : dense(bias = true)"
LEARN = "learn recognition by backprop() with sgd(rate)"
TRAIN = MODEL[MODEL.index("train flowers"):].rstrip("\n")


def edit(*edits, add=""):
    """The model with texts replaced, each of which must be there, and with definitions added."""
    text = MODEL
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text + add


def unit(body, add=""):
    """The hidden area has a unit of this body."""
    return edit((UNIT, "mine"), add=f"unit mine {{\n{body}\n}}\n{add}")


def rule(body, locality="nonlocal", use="mine() with sgd(rate)", add=""):
    return edit((LEARN, f"learn recognition by {use}"), add=f"rule mine(C: cost) : {locality} {{\n{body}\n}}\n{add}")


def optimizer(body):
    return edit((LEARN, "learn recognition by backprop() with mine()"), add=f"optimizer mine() {{\n{body}\n}}\n")


def check(apical, text):
    """The diagnostics, as JSON objects, and the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "flowers.csv"), "w") as file:
            file.write("petal,kind\n" + "".join(f"{k % 5},{k % 2}\n" for k in range(12)))
        with open(os.path.join(folder, "model.apical"), "w") as file:
            file.write(text)
        done = subprocess.run([apical, "check", "--diagnostics=json", "model.apical"], cwd=folder, timeout=60,
                              capture_output=True, text=True)
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode
