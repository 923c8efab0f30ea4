#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples of docs/diagnostics: pages.py [--update] APICAL ROOT.

Every code of Diagnostics.def has a page EXXXX.md, titled with its summary:

    Wrong:            a block of `apical`, or of `sh` where a text alone cannot show it
    a block `text`    what the command answers, to the letter
    Right:            a block of the same kind, of which the command says nothing

and a line in the table of README.md. An example in `apical` is given to
`apical check` as model.apical; beside it lies flowers.csv. With --update the
answers and the table are written instead of compared.
"""
import os
import re
import subprocess
import sys
import tempfile

FLOWERS = "petal,sepal,kind\n" + "".join(f"{k % 5},{k % 3},{k % 2}\n" for k in range(12))
BLOCK = re.compile(r"^```(apical|sh|text)\n(.*?)^```$", re.M | re.S)
ENTRY = re.compile(r"^APICAL_DIAGNOSTIC\((\d+),\s*(\w+),\s*\"([^\"]*)\"\)", re.M)


def run(apical, kind, text):
    """What the command says of an example, and its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "flowers.csv"), "w") as file:
            file.write(FLOWERS)
        if kind == "apical":
            with open(os.path.join(folder, "model.apical"), "w", encoding="utf-8") as file:
                file.write(text)
            command = [apical, "check", "model.apical"]
        else:
            command = ["sh", "-e", "-c", text]
        path = os.path.dirname(apical) + os.pathsep + os.environ["PATH"]
        result = subprocess.run(command, cwd=folder, timeout=60, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, "PATH": path, "APICAL_DATA": folder,
                                     "HOME": folder, "XDG_DATA_HOME": folder})
        library = os.path.join(os.path.dirname(os.path.dirname(apical)), "share", "apical")
        answer = result.stdout.decode("utf-8", "replace").replace(library + os.sep, "")
        return answer.replace(folder, "."), result.returncode


def check_page(apical, path, code, summary, update):
    """The problems of one page."""
    if not os.path.isfile(path):
        yield "is missing"
        return
    with open(path, encoding="utf-8") as file:
        page = file.read()
    title = f"# {code}: {summary}"
    if page.splitlines()[0] != title:
        if not update:
            yield f"does not begin with `{title}`"
        page = title + page[page.index("\n"):]
    if code == "E0903":  # no known example leads to a defect
        return
    blocks = list(BLOCK.finditer(page))
    kinds = [b[1] for b in blocks]
    if len(blocks) != 3 or kinds[1] != "text" or "text" in (kinds[0], kinds[2]):
        yield f"has the blocks {kinds} where an example, its answer and its mending are needed"
        return
    wrong, status = run(apical, kinds[0], blocks[0][2])
    wrong = "\n".join(line.rstrip() for line in wrong.splitlines()) + "\n"
    if f"[{code}]" not in wrong or (status == 0) != (f"warning[{code}]" in wrong):
        yield f"the wrong example does not yield the code, but (exit {status}):\n{wrong}"
    elif set(re.findall(r"^\w+\[(E\d+)\]", wrong, re.M)) != {code}:
        yield f"the wrong example yields other codes too:\n{wrong}"
    if re.search(r"defect of the compiler|loc\(|mlir", wrong):
        yield f"the answer speaks of the compiler:\n{wrong}"
    if wrong != blocks[1][2]:
        if update:
            page = page[:blocks[1].start(2)] + wrong + page[blocks[1].end(2):]
        else:
            yield f"the answer is now (pages.py --update writes it)\n{wrong}"
    right, status = run(apical, kinds[2], blocks[2][2])
    if right or status:
        yield f"the right example is not clean (exit {status}):\n{right}"
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    update = len(arguments) != len(sys.argv) - 1
    if len(arguments) != 2:
        sys.exit(__doc__)
    apical, root = os.path.abspath(arguments[0]), arguments[1]
    docs = os.path.join(root, "docs", "diagnostics")
    with open(os.path.join(root, "frontend", "Diagnostics.def"), encoding="utf-8") as file:
        entries = [(f"E{int(number):04}", summary) for number, _, summary in
                   ENTRY.findall(file.read())]
    problems = [] if entries else ["Diagnostics.def: no code was found"]
    for code, summary in entries:
        path = os.path.join(docs, code + ".md")
        problems += [f"{code}.md: {p}" for p in check_page(apical, path, code, summary, update)]
    known = {code + ".md" for code, _ in entries} | {"README.md"}
    problems += [f"{name}: no such code" for name in sorted(set(os.listdir(docs)) - known)]
    table = "".join(f"| [{code}]({code}.md) | {summary} |\n" for code, summary in entries)
    index = os.path.join(docs, "README.md")
    with open(index, encoding="utf-8") as file:
        text = file.read()
    rows = re.compile(r"(?:^\| \[E\d+\].*\n)*(?=\Z|^(?!\| \[E))", re.M)
    begin = text.rindex("| --- | --- |\n") + len("| --- | --- |\n")
    end = rows.match(text, begin).end()
    if text[begin:end] != table:
        if update:
            with open(index, "w", encoding="utf-8") as file:
                file.write(text[:begin] + table + text[end:])
        else:
            problems.append("README.md: the table is not that of Diagnostics.def; --update")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
