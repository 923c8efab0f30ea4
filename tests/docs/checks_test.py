#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The checks of the documentation accept what is right and refuse what is not: checks_test.py APICAL"""
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "docs")]
import generate
import numpy
import parzen
import run as results
import snippets
import tasks
import texts

APICAL = os.path.abspath(sys.argv.pop(1))
RULE = "```apical\nrule r(C: cost) : local { each connection { w.grad += error(post) * pre } }\n```\n"


class Snippets(unittest.TestCase):
    def problems(self, text):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.md")
            with open(page, "w", encoding="utf-8") as file:
                file.write(text)
            return snippets.check(APICAL, page)

    def test_excerpts(self):
        self.assertEqual(self.problems(RULE), ([], 1))
        self.assertRegex(self.problems(RULE.replace("pre", "pry"))[0][0], "page.md:1: is not accepted")

    def test_what_is_not_supported(self):
        self.assertRegex(self.problems(RULE.replace("apical", "apical later"))[0][0], "should be refused")
        later = "use std\nnetwork n {\narea a[3] : source\narea b[3] : linear_unit\nconnect a -> b : dense(delay = 1 tick)\n}\n"
        self.assertEqual(self.problems(f"```apical later\n{later}```\n")[0], [])
        self.assertRegex(self.problems("```apical later\nunit u {\n```\n")[0][0], "should be refused")

    def test_commands(self):
        session = "```apical a.apical\nunit u\n```\n\n```sh\ncat a.apical; echo one two\n```\n\n```text\nunit u\nSAID\n```\n"
        for said in ("one two", "one   two", "one …", "… two", "…", "…o"):
            self.assertEqual(self.problems(session.replace("SAID", said)), ([], 2), said)
        for said in ("one", "two …", "one two\nthree"):
            self.assertRegex(self.problems(session.replace("SAID", said))[0][0], "page.md:5: printed", said)
        self.assertRegex(self.problems("```sh\nfalse\n```\n")[0][0], "failed")
        self.assertEqual(self.problems("no block\n"), ([], 0))


class Generated(unittest.TestCase):
    def page(self, part, inside=""):
        return generate.generated("docs/systems/x.md", f"a\n<!-- begin {part} -->\n{inside}<!-- end -->\nb\n")

    def test_a_part_is_written_and_stays(self):
        first = self.page("library oja sanger")
        self.assertIn(generate.definitions()["oja"][1], first)
        self.assertIn("../../std/hebbian.apical", first)
        self.assertEqual(generate.generated("docs/systems/x.md", first), first)
        self.assertEqual(self.page("library oja sanger", "old\n"), first)

    def test_what_is_not_there_is_a_problem(self):
        for part in ("library ojja", "explain mnist nobody", "model nothing", "results nothing", "checks nothing", "poem",
                     "results mnist nobody"):
            with self.assertRaises(generate.Problem, msg=part):
                self.page(part)
        with self.assertRaises(generate.Problem):
            generate.generated("docs/x.md", "<!-- begin systems -->\n")

    def test_explain_is_what_the_command_says(self):
        self.assertIn("gradient   exact", self.page("explain mnist digits"))

    def test_checks_and_mutants_are_read_from_the_file(self):
        title, checks, mutants = generate.system_file("oja")
        self.assertEqual(title, "Oja")
        self.assertIn("follows_its_equation", [name for name, *_ in checks])
        self.assertIn("no decay: plain Hebb", mutants)


class Results(unittest.TestCase):
    def verdict(self, target, finals):
        """What is said of a target when networks of the model `mnist` ended with these accuracies."""
        task = tasks.Task("mnist", "a task", (target,))
        curves = {n: {"accuracy": [0.1, a]} for n, a in finals.items()}
        return results.verdict(task, target, {"tasks": {"mnist": {"1": {"curves": curves}}}, "references": {"plain": 0.5}})[1]

    def test_targets_can_be_missed(self):
        finals = {"a": 0.90, "b": 0.92}
        for target, fine in ((dict(low=0.9), True), (dict(low=0.91), False), (dict(high=0.9), True), (dict(high=0.89), False),
                             (dict(near="b", within=0.03), True), (dict(near="b", within=0.01), False),
                             (dict(above="b", by=-0.03), True), (dict(above="b", by=0.01), False),
                             (dict(reference="plain", times=2), True), (dict(reference="plain"), False),
                             (dict(low=0.9, high=0.89), False), (dict(near="c"), None), (dict(reference="none"), None)):
            self.assertIs(self.verdict(tasks.Target("a", "a", **target), finals), fine, target)

    def test_null_models_have_to_be_beaten(self):
        def verdict(null, own, spread=0.001, **how):
            task = tasks.Task("mnist", "a task", (tasks.Target("a", "a", null=null, **how),), plain="measure" in how)
            seeds = {str(s): {"curves": {n: {task.targets[0].measure: [v + s * spread]} for n, v in (("a", own), ("b", 0.9))}}
                     for s in (-1, 0, 1)}
            return results.verdict(task, task.targets[0], {"tasks": {"mnist": seeds}})[1]

        for own, spread, fine in ((0.911, 0.001, True), (0.909, 0.001, False), (0.911, 0.01, False), (0.931, 0.01, True)):
            self.assertIs(verdict("b", own, spread), fine)
        for own, fine in ((0.896, True), (0.898, False)):
            self.assertIs(verdict("b", own, measure="loss"), fine)
        self.assertIs(verdict("c", 0.95), None)
        self.assertIs(verdict("other/b", 0.95), None)

    def test_every_task_is_a_model_with_its_networks(self):
        for task in tasks.TASKS:
            text = generate.read("models", task.model + ".apical")
            for target in task.targets:
                self.assertIn(f"network {target.network} ", text, task.model)
                if not task.probed:
                    self.assertRegex(text, rf"(measure|cost) {target.measure} ", task.model)

    def test_a_digest_covers_what_a_network_learns_by_and_nothing_else(self):
        model = ("use std\n\nparam fast = 1\nparam slow = 0.1\n\n// A.\nnetwork a {\n    area x : source\n"
                 "    learn by mine() with sgd(fast)\n}\nnetwork b {\n    area x : source\n    learn by theirs() with sgd(slow)\n}\n"
                 "rule mine() : local { w += 1 }\ntrain a on t { x.rate = 1 }\ntest  b on t {\n    x.rate = 2\n}\n")
        std = ("unit source { output given rate }\noptimizer sgd(rate) {\n    w -= half(rate)\n}\nfn half(x) { return x / 2 }\n"
               "rule theirs() : local { w += 2 }\nrule mine() : local { w += 3 }\nsynapse linear { weight w; post += w * pre }\n")
        digests = lambda m=model, s=std: [texts.digest_of(m, n, texts.declarations(s)) for n in "ab"]
        changed = lambda **how: [x != y for x, y in zip(digests(), digests(**how))]
        for text, other, which in (("param fast = 1", "param fast   = 1 // quick", (False, False)), ("fast = 1", "fast = 2", (True, False)),
                                   ("slow = 0.1", "slow = 1", (False, True)), ("w += 1", "w += 4", (True, False)),
                                   ("    x.rate = 2", "    x.rate = 3", (False, True)), ("network b", "network c", (False, True))):
            self.assertEqual(changed(m=model.replace(text, other)), list(which), text)
        for text, other, which in (("x / 2", "x / 3", (True, True)), ("w += 2", "w += 4", (False, True)), ("w * pre", "pre", (True, True)),
                                   ("w += 3", "w += 4", (False, False)), ("given rate", "given rate = 0", (True, True))):
            self.assertEqual(changed(s=std.replace(text, other)), list(which), text)
        part = texts.part(model, "a")
        self.assertIn("network a {", part)
        self.assertIn("rule mine", part)
        self.assertNotRegex(part, "slow|network b|x.rate = 2")
        self.assertRegex(texts.part(model, "b"), "test idle.*\ntest b")

    def test_what_was_measured_with_another_text_is_said(self):
        task = next(t for t in tasks.TASKS if t.model == "mnist")
        now = texts.digest("mnist", "digits")
        for found, stale in ((now, []), ("0" * 12, ["digits"]), (None, ["digits"])):
            seeds = {"1": {"curves": {"digits": {"accuracy": [1]}}, "texts": {"digits": found}, "seconds": 1}}
            self.assertEqual(results.changed(task, seeds), stale)
            self.assertEqual("measured again" in results.command(task, {"tasks": {"mnist": seeds}}), bool(stale))

    def test_one_network_of_a_task(self):
        self.assertEqual([(p[1].model, p[2], p[3]) for p in results.parts(["mnist/digits:2"])], [("mnist", "digits", 2)])
        self.assertEqual([(p[0], p[2], p[3]) for p in results.parts(["angles:kolen_pollack:1"])], [(True, None, 1)])
        for name in ("mnist/nobody", "nothing", "mnist:x", "angles:kolen_pollack/digits"):
            with self.assertRaises(SystemExit):
                results.parts([name])

    def test_lists_are_kept_on_one_line(self):
        data = {"a": [1, 2.5, None], "b": {"c": []}, "d": [{"e": [3]}]}
        text = results.shorten(json.dumps(data, indent=1))
        self.assertEqual(json.loads(text), data)
        self.assertIn("[1, 2.5, null]", text)

    def test_kernels_around_points_are_a_mixture_of_gaussians(self):
        centres, points = numpy.array([[0, 0], [1, 0.5]]), numpy.array([[0.3, 0.1], [1, 0.5], [4, -4]])
        for row, width in zip(parzen.log_density(points, centres, (0.3, 0.5)), (0.3, 0.5)):
            for found, (x, y) in zip(row, points):
                closed = sum(numpy.exp(-((x - a) ** 2 + (y - b) ** 2) / 2 / width**2) for a, b in centres) / 2
                self.assertAlmostEqual(found, numpy.log(closed / (2 * numpy.pi * width**2)), places=3)

    def test_kernels_around_draws_are_their_density_widened(self):
        """Around draws of N(0, s²) in three dimensions stands N(0, s² + h²), whose mean logarithm over other draws is known."""
        s, h, random = 0.7, 0.4, numpy.random.default_rng(1)
        draws, others = random.normal(0, s, (2, 20000, 3))
        both = s**2 + h**2
        expected = -1.5 * (numpy.log(2 * numpy.pi * both) + s**2 / both)
        error = 3 * (1.5**0.5 * s**2 / both) / 20000**0.5
        self.assertAlmostEqual(parzen.log_density(others, draws, [h])[0].mean(), expected, delta=error + 0.01)


if __name__ == "__main__":
    unittest.main()
