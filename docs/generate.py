#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The generated parts of the documentation: generate.py [--check] [PAGE...]

A page says where a part belongs and what it is, and what stands between is written again:

    <!-- begin library oja sanger -->          definitions of std/, with their comments
    <!-- begin explain MODEL NETWORK -->       what `apical explain` says of one network of models/
    <!-- begin text MODEL NETWORK... -->       networks of models/, as they are written there
    <!-- begin model MODEL -->                 what a model says of itself, and how it is run
    <!-- begin results MODEL [NETWORK...] -->  rows of docs/results.md
    <!-- begin angles MODEL [NETWORK...] -->   angles to the gradient
    <!-- begin plot NAME WORDS... -->         the plot NAME, if there is one, and what it shows
    <!-- begin checks SYSTEM... -->            the checks of tests/rules/SYSTEM.py and its mutants
    <!-- begin systems -->                     the index of docs/systems/
    <!-- begin models -->                      the index of models/
    <!-- end -->

With --check nothing is written, and the status is 1 if anything would be. The rows come from results/measured.json, which
`./x results` writes.
"""
import ast
import difflib
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
APICAL = os.environ.get("APICAL", os.path.join(ROOT, "build", "bin", "apical"))
sys.path.insert(0, os.path.join(ROOT, "results"))

import run as results
import tasks

BLOCK = re.compile(r"(<!-- begin ([^>]*?) -->\n)(.*?)(<!-- end -->)", re.S)


class Problem(Exception):
    """A page asks for what is not there."""


def read(*path):
    try:
        with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise Problem(f"{os.path.join(*path)} is missing") from None


def fence(kind, text):
    return f"```{kind}\n{text.rstrip()}\n```\n"


def definitions():
    """Name → (file, text with its comment) of everything that std/ declares."""
    found = {}
    for name in sorted(os.listdir(os.path.join(ROOT, "std"))):
        if not name.endswith(".apical"):
            continue
        text = read("std", name)
        for start in re.finditer(r"^((?:///.*\n)*)(?:rule|optimizer|unit|synapse|fn) +(\w+)", text, re.M):
            depth, at = 0, text.index("{", start.end())
            for at in range(at, len(text)):
                depth += {"{": 1, "}": -1}.get(text[at], 0)
                if depth == 0:
                    break
            found[start[2]] = (name, text[start.start() : at + 1])
    return found


def library(page, *names):
    known, out, last = definitions(), [], None
    for name in names:
        if name not in known:
            raise Problem(f"std/ has no `{name}`")
        file, text = known[name]
        if file == last:
            out[-1] += "\n\n" + text
        else:
            out += [f"From [std/{file}]({link(page, 'std', file)}):\n\n", text]
        last = file
    return "".join(fence("apical", part) + "\n" if k % 2 else part for k, part in enumerate(out)).rstrip("\n") + "\n"


def link(page, *path):
    return os.path.relpath(os.path.join(ROOT, *path), os.path.dirname(os.path.join(ROOT, page)))


_explained = {}


def explained(model):
    """What explain says of each network of a model, without places that any edit of a file would move."""
    if model not in _explained:
        done = subprocess.run([APICAL, "explain", f"models/{model}.apical"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise Problem(f"apical explain models/{model}.apical: {done.stderr or done.stdout}")
        text = re.sub(r"(\w\.apical):\d+:\d+", r"\1", done.stdout)
        parts = re.split(r"^(?=network )", text, flags=re.M)
        _explained[model] = {p.split()[1]: p.rstrip() + "\n" for p in parts if p.strip()}
    return _explained[model]


def explain(page, model, network):
    parts = explained(model)
    if network not in parts:
        raise Problem(f"models/{model}.apical has no network `{network}`, but {', '.join(parts)}")
    return f"`apical explain models/{model}.apical`, network `{network}`:\n\n" + fence("text", parts[network])


def heading(model):
    """The documentation at the top of a model, as one line."""
    lines = []
    for line in read("models", f"{model}.apical").splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.lstrip("/").strip())
    if not lines:
        raise Problem(f"models/{model}.apical does not say at its top what it shows")
    return " ".join(lines)


def model(page, name):
    text = heading(name)
    return (f"[models/{name}.apical]({link(page, 'models', name + '.apical')}): {text}\n\n"
            + fence("sh", f"apical run models/{name}.apical"))


def networks(page, name, *wanted):
    text, out = read("models", f"{name}.apical"), []
    for network in wanted:
        found = re.search(rf"^(?:///[^\n]*\n)*network {network}\b.*?^\}}", text, re.M | re.S)
        if not found:
            raise Problem(f"models/{name}.apical has no network `{network}`")
        out.append(found[0])
    return f"From [models/{name}.apical]({link(page, 'models', name + '.apical')}):\n\n" + fence("apical", "\n\n".join(out))


def result_rows(page, name, *networks):
    task = next((t for t in tasks.TASKS if t.model == name), None)
    if not task:
        raise Problem(f"results/tasks.py has no task `{name}`")
    for network in networks:
        if network not in [t.network for t in task.targets]:
            raise Problem(f"the task {name} has no `{network}`")
    measured = results.load()
    if name not in measured.get("tasks", {}):
        return f"*Not measured yet: `./x results {name}`.*\n"
    rows, _ = results.rows(task, measured, networks)
    return f"{task.title}. {results.command(task, measured)}\n\n" + "\n".join(rows) + "\n"


def angle_rows(page, name, *networks):
    task = next((t for t in tasks.ANGLES if t.model == name), None)
    if not task:
        raise Problem(f"results/tasks.py has no angles of `{name}`")
    measured = results.load()
    if name not in measured.get("angles", {}):
        return f"*Not measured yet: `./x results angles:{name}`.*\n"
    rows, _ = results.angle_rows(task, measured)
    if networks:
        rows = rows[:2] + [r for r in rows[2:] if r.split("`")[1] in networks]
    return f"{task.title}. {results.angle_command(task, measured)}\n\n" + "\n".join(rows) + "\n"


def plot(page, name, *words):
    path = os.path.join(HERE, "systems", "plots", name + ".svg")
    if not os.path.exists(path):
        return "*Not plotted yet: `./x docs --plots`.*\n"
    return f"![{' '.join(words)}]({link(page, path)})\n"


def documented(function):
    return function.name, " ".join((ast.get_docstring(function) or "").split())


def system_file(name):
    """The title, the checks with what they say, and the mutants of one file of tests/rules, without running it."""
    path = os.path.join(ROOT, "tests", "rules", name + ".py")
    if not os.path.exists(path):
        raise Problem(f"tests/rules/{name}.py is missing")
    tree = ast.parse(read("tests", "rules", name + ".py"))
    title, checks, mutants = None, [], []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any("check" in ast.unparse(d) for d in node.decorator_list):
            checks.append((*documented(node), any("interpreted_check" in ast.unparse(d) for d in node.decorator_list)))
        elif isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("system.check("):
            module, function = ast.unparse(node.value.args[0]).split(".")  # one that several systems share
            shared = ast.parse(read("tests", "rules", module + ".py")).body
            checks += [(*documented(f), False) for f in shared if isinstance(f, ast.FunctionDef) and f.name == function]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "System":
            title = ast.literal_eval(node.args[1])
        elif called.endswith(".mutant"):
            what = node.args[0]
            mutants.append(ast.literal_eval(what) if isinstance(what, ast.Constant) else ast.unparse(what))
    return title, checks, mutants


def checks(page, *names):
    out = []
    for name in names:
        _, found, mutants = system_file(name)
        if not found:
            raise Problem(f"tests/rules/{name}.py has no check")
        out.append(f"[tests/rules/{name}.py]({link(page, 'tests', 'rules', name + '.py')}), in native code and in the "
                   "interpreter:\n\n")
        out += [f"- *{check.replace('_', ' ')}*{', in the interpreter only' if only else ''}: {said}\n"
                for check, said, only in found]
        out.append(f"\nEach of these mutants fails at least one of them: {'; '.join(mutants)}.\n\n")
    return "".join(out).rstrip() + "\n"


KINDS = ("Errors that travel back", "Targets, and costs of each area's own", "Noise and one number", "Settling and comparing",
         "Without a cost", "Where and when costs act")


def systems(page):
    rows = {kind: [] for kind in KINDS}
    for name in sorted(os.listdir(os.path.join(HERE, "systems"))):
        if not name.endswith(".md") or name == "README.md":
            continue
        text = read("docs", "systems", name)
        title, summary = re.match(r"# (.*)", text), re.search(r"^> (.*)", text, re.M)
        kind, source = re.search(r"^\*\*Kind\.\*\* (.*)\.$", text, re.M), re.search(r"^\*\*Source\.\*\* (.*)$", text, re.M)
        if not title or not summary or not source or not kind or kind[1] not in rows:
            raise Problem(f"docs/systems/{name} needs a title, a summary after `> `, a line `**Source.** …`, and a line `**Kind.** …` "
                          f"with one of {'; '.join(KINDS)}")
        authors = re.sub(r",? \*[^*]*\*[^;]*", "", source[1]).rstrip(".")
        rows[kind[1]].append(f"| [{title[1]}]({name}) | {summary[1]} | {authors} |")
    out = []
    for kind, found in rows.items():
        if found:
            out += [f"### {kind}", "", "| system | learns by | source |", "|---|---|---|", *found, ""]
    return "\n".join(out)


def models(page):
    lines = ["| model | shows |", "|---|---|"]
    for file in sorted(os.listdir(os.path.join(ROOT, "models"))):
        if file.endswith(".apical"):
            text = heading(file[:-7]).replace(" Fetch the digits first: ./x data mnist", "")
            lines.append(f"| [{file}]({link(page, 'models', file)}) | {text} |")
    return "\n".join(lines) + "\n"


# The standard mutations, by the words that name them in a mutant.
MUTATIONS = {
    "sign flipped": r"\bsign\b(?! of the gradient only)|anti-Hebb|the other way",
    "f′ dropped": r"no derivative of the unit|behind the derivative|no slope",
    "pre and post swapped": r"swapped|pre and pre",
    "drawn anew in every step": r"redrawn|another draw",
    "summed over the wrong end": r"wrong end|per unit|sees all others|wrong matrix|transposed",
    "a phase not subtracted": r"not subtracted|free state in place|no negative pass|in place of the difference|the sum of the phases",
    "modulator detached": r"modulator",
}


def rule_files():
    """The systems of tests/rules/, in their order."""
    names = sorted(n[:-3] for n in os.listdir(os.path.join(ROOT, "tests", "rules")) if n.endswith(".py"))
    return [n for n in names if re.search(r"^system\.main\(\)", read("tests", "rules", n + ".py"), re.M)]


def mutants(page):
    kept = json.loads(read("results", "mutants.json"))
    lines = ["| system | mutant | caught by |", "|---|---|---|"]
    for name in rule_files():
        title, found, declared = system_file(name)
        if list(kept.get(name, {})) != sorted(declared):
            raise Problem(f"the mutants of tests/rules/{name}.py are others than were run: tests/rules/table.py {name}")
        for mutant in declared:
            caught = kept[name][mutant].split(", ")
            if not set(caught) <= {check for check, *_ in found}:
                raise Problem(f"`{mutant}` was caught by checks that tests/rules/{name}.py has not: run table.py {name}")
            lines.append(f"| [{title}]({link(page, 'tests', 'rules', name + '.py')}) | {mutant} | "
                         f"{'; '.join(c.replace('_', ' ') for c in caught)} |")
    return "\n".join(lines) + "\n"


def mutations(page):
    lines = ["| system | " + " | ".join(MUTATIONS) + " |", "|---" * (len(MUTATIONS) + 1) + "|"]
    for name in rule_files():
        title, _, declared = system_file(name)
        has = ["yes" if any(re.search(words, m) for m in declared) else "–" for words in MUTATIONS.values()]
        lines.append(f"| {title} | " + " | ".join(has) + " |")
    return "\n".join(lines) + "\n"


PARTS = {"plot": plot, "mutants": mutants, "mutations": mutations, "library": library, "explain": explain, "model": model, "text": networks, "results": result_rows, "angles": angle_rows,
         "checks": checks, "systems": systems, "models": models}


def generated(page, text):
    """The page with its parts written again."""
    if text.count("<!-- begin ") != len(BLOCK.findall(text)):
        raise Problem("a part is not closed by <!-- end -->")

    def write(match):
        kind, *arguments = match[2].split()
        if kind not in PARTS:
            raise Problem(f"there is no part `{kind}`, but {', '.join(PARTS)}")
        return match[1] + "\n" + PARTS[kind](page, *arguments) + "\n" + match[4]

    return BLOCK.sub(write, text)


def unmentioned():
    """Rules of std/ that no page shows."""
    shown = set()
    for name in os.listdir(os.path.join(HERE, "systems")):
        for block in BLOCK.finditer(read("docs", "systems", name)) if name.endswith(".md") else ():
            kind, *arguments = block[2].split()
            shown |= set(arguments) if kind == "library" else set()
    return sorted(n for n, (_, text) in definitions().items() if re.search(r"^rule ", text, re.M) and n not in shown)


def pages():
    found = [os.path.join("docs", n) for n in os.listdir(HERE)] + ["README.md"]
    found += [os.path.join("docs", "systems", n) for n in os.listdir(os.path.join(HERE, "systems"))]
    return sorted(p for p in found if p.endswith(".md"))


def main(arguments):
    checking = "--check" in arguments
    names = [a for a in arguments if a != "--check"]
    good = True
    for page in names or pages():
        old = read(page)
        try:
            new = generated(page, old)
        except Problem as problem:
            print(f"{page}: {problem}")
            good = False
            continue
        if new == old:
            continue
        if checking:
            good = False
            print(f"{page} is not up to date; ./x docs writes:")
            sys.stdout.writelines(list(difflib.unified_diff(old.splitlines(True), new.splitlines(True), n=0))[:40])
        else:
            with open(os.path.join(ROOT, page), "w", encoding="utf-8") as file:
                file.write(new)
            print(f"wrote {page}")
    for name in unmentioned():
        print(f"no page of docs/systems/ shows the rule `{name}`: write one with <!-- begin library {name} -->")
        good = False
    sys.exit(not good)


if __name__ == "__main__":
    main(sys.argv[1:])
