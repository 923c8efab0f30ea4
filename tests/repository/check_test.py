#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each check of check.py accepts a small good tree and refuses a bad one."""
import os
import tempfile
import unittest

import check

TAG = ("// Part of the Apical project, under the Apache License v2.0 with LLVM\n"
       "// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n")


class Checks(unittest.TestCase):
    def run_check(self, name, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w") as file:
                    file.write(text)
            return list(check.CHECKS[name](root))

    def diagnostics(self, *lines):
        tree = {"frontend/Diagnostics.def": "\n".join(lines),
                "docs/diagnostics/E0001.md": "", "docs/diagnostics/E0002.md": "",
                "tests/check/all.apical": "// CHECK: error[E0001] error[E0002]"}
        return self.run_check("diagnostics", tree)

    def test_diagnostics(self):
        one = 'APICAL_DIAGNOSTIC(1, A, "a thing")'
        self.assertEqual(self.diagnostics(one, 'APICAL_DIAGNOSTIC(2, B, "b")'), [])
        self.assertRegex(self.diagnostics(one, 'APICAL_DIAGNOSTIC(1, B, "b")')[0], "number 1")
        self.assertRegex(self.diagnostics(one, 'APICAL_DIAGNOSTIC(2, A, "b")')[0], "name A")
        self.assertRegex(self.diagnostics('APICAL_DIAGNOSTIC(2, B, "b")', one)[0], "order")
        self.assertRegex(self.diagnostics('APICAL_DIAGNOSTIC(1, A, "A thing")')[0], "lower case")
        self.assertRegex(self.diagnostics("// nothing")[0], "no diagnostic")
        alone = self.diagnostics('APICAL_DIAGNOSTIC(7, C, "c")')
        self.assertRegex(alone[0], "no test of tests/check/ expects E0007")
        self.assertRegex(alone[1], "E0007.md is missing")

    def names(self, source):
        return self.run_check("names", {
            "std/rules.apical": "rule mirror_learning(C: cost) : local {}\nunit source {}\n"
                                "fn softmax(x) { return x }\n",
            "codegen/Lower.cpp": source,
        })

    def test_names(self):
        self.assertEqual(self.names("int source; int mirror_learning2; // softmax\n"), [])
        self.assertRegex(self.names("// for mirror_learning\n")[0], "Lower.cpp:1: .*mirror_learning")
        self.assertEqual(self.names('print("source");\n'), [])
        self.assertRegex(self.names('if (name == "source")\n')[0], "`source`")
        self.assertRegex(self.names('if ("source" != name)\n')[0], "`source`")
        self.assertRegex(self.names('units.find<Unit>("source")\n')[0], "`source`")
        self.assertRegex(self.run_check("names", {"codegen/A.cpp": "int x;"})[0], "no declaration")

    def test_paths(self):
        bad = "see /" + "root/project/file\n"
        self.assertEqual(self.run_check("paths", {"docs/a.md": "see frontend/work/file, /tmp\n"}), [])
        self.assertRegex(self.run_check("paths", {"docs/a.md": bad})[0], "a.md:1")

    def test_links(self):
        page = "[a](b.md) [c](b.md#what-it-is) [d](#top) [e](https://example.org/x)\n\n# Top\n"
        self.assertEqual(self.run_check("links", {"docs/a.md": page, "docs/b.md": "## What *it* is\n"}), [])
        self.assertRegex(self.run_check("links", {"docs/a.md": page})[0], "a.md:1: `b.md` leads nowhere")
        self.assertRegex(self.run_check("links", {"docs/a.md": page, "docs/b.md": ""})[0], "no heading `what-it-is`")
        self.assertEqual(self.run_check("links", {"a.md": "```\n[x](y)\n```\n"}), [])
        self.assertRegex(self.run_check("links", {"a.md": "[out](../b.md)"})[0], "leads nowhere")

    def test_lengths(self):
        rule = lambda name, lines: f"rule {name}(C: cost) : local {{\n" + "  // why\n\n  let x = 1\n" * (lines - 2) + "}\n"
        of = lambda *rules: self.run_check("lengths", {"std/rules.apical": "".join(rules)})
        self.assertEqual(of(rule("a", 30), rule("b", 20)), [])
        self.assertRegex(of(rule("a", 31), rule("b", 20), rule("c", 2))[0], "`a` has 31 lines")
        self.assertRegex(of(rule("a", 21))[0], "most rules .*: a")
        self.assertRegex(of("unit u {}\n")[0], "no rule")

    def test_licences(self):
        self.assertEqual(self.run_check("licences", {"ir/A.cpp": TAG + "int x;\n"}), [])
        self.assertRegex(self.run_check("licences", {"ir/A.cpp": "int x;\n"})[0], "A.cpp")


if __name__ == "__main__":
    unittest.main()
