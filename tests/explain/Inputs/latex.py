# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Does everything that a LaTeX file opens close again? latex.py FILE"""
import re
import sys

with open(sys.argv[1]) as f:
    text = f.read()
stack = []
for token in re.findall(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\left\b|\\right\b|\\.|[{}$]", text, re.S):
    if token.startswith("\\begin"):
        stack.append(token[6:])
    elif token.startswith("\\end"):
        if not stack or stack.pop() != token[4:]:
            sys.exit(f"{token} closes nothing")
    elif token in ("{", "\\left"):
        stack.append(token)
    elif token in ("}", "\\right"):
        if not stack or stack.pop() != {"}": "{", "\\right": "\\left"}[token]:
            sys.exit(f"{token} closes nothing")
    elif token == "$":
        if stack and stack[-1] == "$":
            stack.pop()
        else:
            stack.append("$")
if stack:
    sys.exit(f"not closed: {stack}")
for name in ("align*", "tabular", "description", "document"):
    if f"\\begin{{{name}}}" not in text:
        sys.exit(f"no {name}")
