#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What must hold of the sources themselves: check.py CHECK ROOT.

diagnostics  every diagnostic code has one number and one name, in rising order
names        nothing that std/ declares is known to the compiler
paths        no file names a place on the machine it was written on
licences     every source file says its licence
lengths      a rule of std/ has at most 30 lines, and most have at most 20
links        every link of a page leads to a file, and to a heading of it if it says so
"""
import os
import re
import subprocess
import sys

COMPILER = ("frontend", "grammar", "ir", "passes", "codegen", "runtime", "driver")
SOURCES = (".h", ".c", ".cc", ".cpp", ".td", ".def", ".g4")
LICENSED = SOURCES + (".py", ".sh", ".cmake", ".in")

# A defect of the compiler is what no test can expect.
DEFECT = 903

# Declared in std/ and yet ordinary words of a program about programs. Such a
# word may be used, but no text may be compared with it or looked up by it.
ORDINARY = {"source", "frozen"}

# The synapse of a connection that names none is part of the language (semantics,
# section 3).
LANGUAGE = {"linear"}

# Primitives of the language (semantics, section 11): known to the compiler by
# definition, whatever std/ may declare beside them.
PRIMITIVES = set(
    """d error grad push stop slope dt tick ticks time elapsed trial epoch updates first last ended
    training change prev next delay hold normal uniform bernoulli poisson categorical choice wald
    orthogonal identity log_prob exp log sqrt abs sign sin cos tanh logistic softplus clip where
    floor sum mean max min argmax norm rank softmax logsumexp cumsum over batch_mean batch_sum
    batch_max size fan_in fan_out position neighbour hops twin dense sparse conv local one_to_one
    wire pool transpose tied table ring idx npy csv one_hot append sample windows nearest count
    probability""".split()
)


def files(root):
    """Tracked files and new ones, or everything when there is no git."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
    )
    if listing.returncode == 0 and listing.stdout:
        names = listing.stdout.decode().split("\0")
        return sorted({n for n in names if n and os.path.isfile(os.path.join(root, n))})
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def read(root, name):
    with open(os.path.join(root, name), "rb") as file:
        return file.read().decode("utf-8", "replace")


def check_diagnostics(root):
    name = "frontend/Diagnostics.def"
    entry = re.compile(r"^\s*APICAL_DIAGNOSTIC\(\s*(\d+)\s*,\s*(\w+)\s*,\s*\"([^\"]*)\"\s*\)")
    numbers, names, last, count = {}, {}, 0, 0
    if not os.path.isfile(os.path.join(root, name)):
        yield f"{name}: is missing"
        return
    for line, text in enumerate(read(root, name).splitlines(), 1):
        match = entry.match(text)
        if not match:
            continue
        count += 1
        number, code, message = int(match[1]), match[2], match[3]
        for what, seen, key in (("number", numbers, number), ("name", names, code)):
            if key in seen:
                yield f"{name}:{line}: {what} {key} is already that of line {seen[key]}"
            seen.setdefault(key, line)
        if number < last:
            yield f"{name}:{line}: {number} comes after {last}; keep the codes in order"
        last = max(last, number)
        if not message or message[0].isupper() or message.endswith("."):
            yield f"{name}:{line}: a message starts in lower case and ends without a period"
    if count == 0:
        yield f"{name}: no diagnostic was found"
    # A test of its own; the page and its examples are run by tests/check/pages.py.
    tested = "".join(read(root, file) for file in files(root) if file.startswith("tests/check/"))
    for number, line in numbers.items():
        code = f"E{number:04}"
        if number != DEFECT and not re.search(rf"\b{code}\b", tested):
            yield f"{name}:{line}: no test of tests/check/ expects {code}"
        if not os.path.isfile(os.path.join(root, "docs", "diagnostics", code + ".md")):
            yield f"{name}:{line}: docs/diagnostics/{code}.md is missing"


def std_names(root):
    declared = {}
    declaration = re.compile(r"^\s*(?:rule|optimizer|unit|synapse|fn|data)\s+([A-Za-z_]\w*)")
    for name in files(root):
        if not (name.startswith("std/") and name.endswith(".apical")):
            continue
        for line in read(root, name).splitlines():
            match = declaration.match(line)
            if match:
                declared[match[1]] = name
    return {word: name for word, name in declared.items()
            if word not in PRIMITIVES | LANGUAGE}


def check_names(root):
    declared = std_names(root)
    if not declared:
        yield "std/: no declaration was found"
        return
    distinctive = [word for word in declared if word not in ORDINARY]
    ordinary = [word for word in declared if word in ORDINARY]
    patterns = [re.compile(r"(?<!\w)(" + "|".join(map(re.escape, distinctive)) + r")(?!\w)")]
    if ordinary:
        literal = '"(' + "|".join(map(re.escape, ordinary)) + ')"'
        patterns.append(re.compile(r"(?:[=!]=\s*|Case\(|find(?:<[\w:]+>)?\(|lookup\w*\()" + literal))
        patterns.append(re.compile(literal + r"\s*[=!]="))
    read_any = False
    for name in files(root):
        if name.split("/")[0] not in COMPILER or not name.endswith(SOURCES):
            continue
        read_any = True
        for line, text in enumerate(read(root, name).splitlines(), 1):
            for pattern in patterns:
                for match in pattern.finditer(text):
                    yield (f"{name}:{line}: the compiler names `{match[1]}`, "
                           f"which {declared[match[1]]} declares")
    if not read_any:
        yield "no compiler source was found"


def check_paths(root):
    # The trailing group keeps /tmp and words like /workers apart.
    place = re.compile(r"(?<![\w./~-])/(?:work|root|home|tmp/[a-z]+-clone|Users)/[\w.-]+")
    for name in files(root):
        if name == "tests/repository/check.py" or name == "tests/repository/check_test.py":
            continue
        for line, text in enumerate(read(root, name).splitlines(), 1):
            match = place.search(text)
            if match:
                yield f"{name}:{line}: names a place on one machine, `{match[0]}`"


def check_licences(root):
    tag = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
    for name in files(root):
        base = os.path.basename(name)
        if name.endswith(LICENSED) or base in ("CMakeLists.txt", "x", "run"):
            # The comment's layout may break the line before or after the tag.
            head = " ".join(re.sub(r"^\W+", "", t) for t in read(root, name).splitlines()[:12])
            if tag not in head:
                yield f"{name}: has no licence line, `{tag}`"


def rule_lengths(root):
    """Lines of each rule, comments and empty ones excluded, with its file."""
    for name in files(root):
        if not (name.startswith("std/") and name.endswith(".apical")):
            continue
        rule, depth = None, 0
        for line in re.sub(r"//.*", "", read(root, name)).splitlines():
            start = re.match(r"rule (\w+)", line)
            if start:
                rule, lines = start[1], 0
            if rule and line.strip():
                lines += 1
                depth += line.count("{") - line.count("}")
                if depth == 0 and "}" in line:
                    yield name, rule, lines
                    rule = None


def check_lengths(root):
    lengths = list(rule_lengths(root))
    if not lengths:
        yield "std/: no rule was found"
    for name, rule, lines in lengths:
        if lines > 30:
            yield f"{name}: rule `{rule}` has {lines} lines, and 30 must do"
    long = [rule for _, rule, lines in lengths if lines > 20]
    if 2 * len(long) > len(lengths):
        yield f"std/: most rules have more than 20 lines: {', '.join(long)}"


def anchors(text):
    """The names that GitHub gives to the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().strip()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def check_links(root):
    pages = [name for name in files(root) if name.endswith(".md")]
    if not pages:
        yield "no page was found"
    for name in pages:
        text = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), read(root, name), flags=re.M | re.S)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            target, _, heading = match[1].partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            line = text.count("\n", 0, match.start()) + 1
            path = os.path.normpath(os.path.join(os.path.dirname(name), target)) if target else name
            if path.startswith("..") or not os.path.exists(os.path.join(root, path)):
                yield f"{name}:{line}: `{match[1]}` leads nowhere"
            elif heading and heading not in anchors(read(root, path)):
                yield f"{name}:{line}: `{path}` has no heading `{heading}`"


CHECKS = {
    "links": check_links,
    "diagnostics": check_diagnostics,
    "names": check_names,
    "paths": check_paths,
    "licences": check_licences,
    "lengths": check_lengths,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    problems = list(CHECKS[sys.argv[1]](sys.argv[2]))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
