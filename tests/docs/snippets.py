#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what a page of the documentation shows: snippets.py APICAL PAGE...

The blocks of a page are taken in their order, in one empty folder:

    apical NAME   becomes the file NAME
    apical        is given to `apical check`, which must be silent
    apical later  is refused, but not for its syntax: not supported yet
    sh            is run; if no `text` follows, it must succeed
    text          is what the block before it printed, where `…` stands for any text, and alone on a line for any lines;
                  the number of spaces between words does not matter

A block of another kind is left alone, and so is a `text` after no `sh`.
"""
import os
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(\w+)?[ ]*([\w.-]*)[^\n]*\n(.*?)^```$", re.M | re.S)


def blocks(text):
    """(kind, argument, text, line) of each fenced block."""
    for match in FENCE.finditer(text):
        yield match[1] or "", match[2], match[3], text.count("\n", 0, match.start()) + 1


def pattern(expected):
    """A regular expression for an output in which `…` may stand for something."""
    lines = []
    for line in expected.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            words = [re.sub(r"(\\ )+", r"\\ +", re.escape(part)) for part in line.strip().split("…")]
            lines.append(r"\ *" + ".*".join(words) + r"\ *\n")
    return "".join(lines)


def run(apical, command, folder):
    path = os.path.dirname(apical) + os.pathsep + os.environ["PATH"]
    done = subprocess.run(["sh", "-e", "-c", command], cwd=folder, timeout=120, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PATH": path})
    return done.stdout.decode("utf-8", "replace"), done.returncode


def check(apical, page):
    """The problems of one page, and how many blocks were looked at."""
    with open(page, encoding="utf-8") as file:
        found = list(blocks(file.read()))
    problems, looked = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for k, (kind, argument, text, line) in enumerate(found):
            problem = None
            if kind == "apical" and argument in ("", "later"):
                with open(os.path.join(folder, "excerpt.apical"), "w", encoding="utf-8") as file:
                    file.write(text)
                said, status = run(apical, "apical check excerpt.apical", folder)
                if argument == "later":
                    if not status or re.search(r"error\[E00\d\d\]", said):
                        problem = f"should be refused, but not for its syntax; the answer is\n{said or 'silence'}"
                elif said or status:
                    problem = f"is not accepted:\n{said}"
            elif kind == "apical":
                with open(os.path.join(folder, argument), "w", encoding="utf-8") as file:
                    file.write(text)
            elif kind == "sh":
                said, status = run(apical, text, folder)
                if k + 1 < len(found) and found[k + 1][0] == "text":
                    if not re.fullmatch(pattern(found[k + 1][2]), said if said.endswith("\n") else said + "\n"):
                        problem = f"printed\n{said}which is not\n{found[k + 1][2]}"
                elif status:
                    problem = f"failed:\n{said}"
            else:
                continue
            looked += 1
            if problem:
                problems.append(f"{page}:{line}: {problem}")
    return problems, looked


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    apical, good = os.path.abspath(sys.argv[1]), True
    for page in sys.argv[2:]:
        problems, looked = check(apical, page)
        if not looked:
            problems.append(f"{page}: has no block to look at")
        for problem in problems:
            print(problem)
        print(f"{page}: {looked} blocks, {len(problems)} problems")
        good &= not problems
    sys.exit(not good)


if __name__ == "__main__":
    main()
