#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad files, flags and numbers, given to the command itself: bad_input_test.py APICAL.

Each gets one clear message and the right exit code: 1 for what is wrong with
files and models, 2 for the command line, 130 after Ctrl-C.
"""
import gzip
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

APICAL = ""

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
data bed = table(petal = csv("flowers.csv", "petal"), kind = csv("flowers.csv", "kind"))
train flowers on bed, batch = 4, epochs = 2 { petal.rate = petal; kind.target = one_hot(kind, 2) }
"""


class BadInput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.write("flowers.csv", "petal,kind\n" + "".join(f"{k % 5},{k % 2}\n" for k in range(12)))
        self.write("model.apical", MODEL)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def run_apical(self, *arguments, **options):
        return subprocess.run([APICAL, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60,
                              env={**os.environ, "APICAL_DATA": self.folder,
                                   "HOME": self.folder, "XDG_DATA_HOME": self.folder}, **options)

    def expect(self, pattern, *arguments, status=1, **options):
        """The command fails with one message, which fits the pattern."""
        result = self.run_apical(*arguments, **options)
        said = (result.stdout + result.stderr).decode("utf-8", "replace")
        self.assertRegex(said, pattern)
        self.assertEqual(result.returncode, status, said)
        self.assertLess(len(said), 4000)
        self.assertNotRegex(said, r"loc\(|mlir|LLVM ERROR|terminate|std::|defect of the compiler")
        self.assertEqual(said.count("error: ") + said.count("error["), status == 1, said)
        return said

    def model(self, old, new, name="changed.apical"):
        self.assertIn(old, MODEL)
        self.write(name, MODEL.replace(old, new))
        return name

    # Sources

    def test_sources(self):
        self.write("empty.apical", "")
        self.expect(r"E0505", "run", "empty.apical")
        self.assertEqual(self.run_apical("check", "empty.apical").returncode, 0)
        self.write("junk.apical", bytes(range(256)) * 40000)
        self.expect(r"E0002.*not text", "check", "junk.apical")
        os.mkdir(self.path("folder.apical"))
        self.expect(r"E0008.*[Ii]s a directory", "check", "folder.apical")
        self.expect(r"E0008.*No such file", "check", "nowhere.apical")
        if os.geteuid():
            self.write("secret.apical", MODEL)
            os.chmod(self.path("secret.apical"), 0)
            self.expect(r"E0008.*Permission denied", "check", "secret.apical")
        for mark in (b"\xef\xbb\xbf" + MODEL.encode(), MODEL.replace("\n", "\r\n").encode(),
                     MODEL.replace("    ", "\t").encode()):
            self.write("form.apical", mark)
            self.assertEqual(self.run_apical("check", "form.apical").returncode, 0)

    def test_large_sources(self):
        self.write("deep.apical", MODEL.replace("[3]", "[" + "(" * 100000 + "3" + ")" * 100000 + "]"))
        self.expect(r"E0007", "check", "deep.apical")
        self.write("digits.apical", "const a = " + "9" * 1000000)
        self.expect(r"E0006", "check", "digits.apical")
        self.write("wrong.apical", "foo bar baz\n" * 200000)  # reports the first fifty
        result = self.run_apical("check", "wrong.apical")
        self.assertEqual(result.returncode, 1)
        self.assertLess(result.stderr.count(b"E0003"), 60)

    def test_sizes(self):
        self.expect(r"E0204.*is 1e\+30", "check", self.model("hidden[3]", "hidden[1e30]"))
        self.expect(r"E0204.*is inf", "check", self.model("hidden[3]", "hidden[1 / 0]"))
        self.expect(r"E0902.*2\^31", "check",
                    self.model("hidden[3]", "hidden[1000000000, 1000000000, 1000000000]"))
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        for how in ([], ["--interpret"]):
            # 13 GiB of weights, and samples of three numbers each.
            self.expect(r"E0902.*need 1[0-9.]+ GiB|E0902.*need 2[0-9.]+ GiB", "run",
                        self.model("hidden[3]", "hidden[900000000]"), *how, preexec_fn=limit)
            self.expect(r"E0902.*a batch of 1000000000 samples needs.*has 8 GiB", "run",
                        self.model("batch = 4", "batch = 1000000000"), *how, preexec_fn=limit)
        # A program for another machine may be larger than this one.
        built = self.run_apical("build", self.model("batch = 4", "batch = 1000000000"), "-o", "large")
        self.assertEqual(built.returncode, 0, built.stderr)
        said = subprocess.run([self.path("large"), "--data", self.folder], capture_output=True, preexec_fn=limit)
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stderr.decode(), "not enough memory.*batch")

    def test_use(self):
        self.expect(r"E0101.*unknown library `sdt`", "check", self.model("use std", "use sdt"))
        self.expect(r"E0101.*library `changed`", "check", self.model("use std", "use changed"))
        result = self.run_apical("check", self.model("use std\n", ""))
        self.assertIn(b"starts with `use std`", result.stderr)

    def test_independent_errors_are_all_reported(self):
        name = self.model("area hidden[3] : tanh_unit", "area hidden[0] : tanh_unit")
        self.write(name, MODEL.replace("hidden[3]", "hidden[0]") +
                   "network other { area a : nothing_like_it }\n")
        said = self.run_apical("check", name).stderr.decode()
        self.assertRegex(said, r"(?s)E0204.*E0101.*\n2 errors\n")

    def test_json(self):
        name = self.model("tanh_unit", "tanh_unt")
        result = self.run_apical("check", "--diagnostics=json", name)
        self.assertEqual((result.returncode, result.stderr), (1, b""))
        objects = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(objects), 1)
        self.assertEqual({k: objects[0][k] for k in
                          ("severity", "code", "message", "hint", "file", "line", "column",
                           "endLine", "endColumn", "labels", "notes", "primary")},
                         {"severity": "error", "code": "E0101", "hint": "did you mean `tanh_unit`?",
                          "message": "unknown name `tanh_unt`", "file": name, "line": 5,
                          "column": 22, "endLine": 5, "endColumn": 30, "labels": [], "notes": [],
                          "primary": ""})
        clean = self.run_apical("check", "--diagnostics=json", "model.apical")
        self.assertEqual((clean.returncode, clean.stdout), (0, b""))

    # Data

    def test_data(self):
        said = self.expect(r"E0501.*cannot find data file 'nowhere.csv'", "check",
                           self.model('csv("flowers.csv", "petal")', 'csv("nowhere.csv", "petal")'))
        self.assertIn("APICAL_DATA", said)
        self.expect(r"E0502.*no column 'leaf'.*petal, kind", "check",
                    self.model('"flowers.csv", "petal"', '"flowers.csv", "leaf"'))
        self.expect(r"E0502.*not an IDX file", "check",
                    self.model('csv("flowers.csv", "petal")', 'idx("flowers.csv")'))
        image = struct.pack(">BBBBI", 0, 0, 8, 1, 12)
        self.write("short", image + bytes(5))
        self.expect(r"E0502|truncated|short", "run",
                    self.model('csv("flowers.csv", "petal")', 'idx("short")'))
        self.write("torn.gz", gzip.compress(image + bytes(12))[:-6])
        self.expect(r"torn", "run", self.model('csv("flowers.csv", "petal")', 'idx("torn.gz")'))
        self.write("few", struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes(5))
        self.expect(r"E0503.*5 rows|12 rows", "check",
                    self.model('csv("flowers.csv", "petal")', 'idx("few")'))
        self.write("flowers.csv", "petal,kind\n1,0\n2,1\n3,7\n")
        self.expect(r"row 2 of column 'kind' is 7, expected a label from 0 to 1", "run", "model.apical")
        self.write("flowers.csv", "petal,kind\n1,0\n2,one\n3,1\n")
        self.expect(r"one", "run", "model.apical")
        self.write("flowers.csv", "petal,kind\n")
        self.expect(r"row", "run", "model.apical")
        self.write("flowers.csv", "")
        self.expect(r"flowers.csv", "run", "model.apical")

    def test_a_model_without_experiments(self):
        """There is nothing to run, and nothing to build."""
        self.write("empty.apical", "use std\n")
        for command in ("run", "build", "verify"):
            self.expect("no experiment|nothing in .* learns", command, "empty.apical")
        self.assertFalse(os.path.exists(self.path("empty")))

    # Runs

    def test_numbers_that_are_not_finite(self):
        self.write("flowers.csv", "petal,kind\n" + "1,0\n" * 8 + "nan,1\n" * 4)
        name = self.model("epochs = 2", "epochs = 3")
        for how in ([], ["--interpret"]):
            said = self.expect(r"no longer finite", "run", name, "--save", "m.ckpt", *how)
            self.assertRegex(said, r"hidden|kind|petal")  # the area
            self.assertRegex(said, r"(trial|step) \d+")
            self.assertRegex(said, r"row (8|9|10|11) of column 'petal' is not finite: mend the data")

    def test_not_finite_before_anything_was_learned(self):
        name = self.model("petal.rate = petal", "petal.rate = petal / 0")
        for how in ([], ["--interpret"]):
            said = self.expect(r"no longer finite at step 1.*nothing had been learned yet", "run", name, *how)
            self.assertNotIn("learning rate", said)

    def test_explain_refuses_what_check_refuses(self):
        """Also in what experiments present; data need not be there. JSON stays one document."""
        self.expect(r"E0101.*`petl`", "explain", self.model("petal.rate = petal", "petal.rate = petl"))
        name = self.model('csv("flowers.csv", "petal")', 'csv("nowhere.csv", "petal")')
        self.assertEqual(self.run_apical("explain", name).returncode, 0)
        name = self.model("area hidden", "area lonely : tanh_unit\n    area hidden")
        result = self.run_apical("explain", "--format=json", "--diagnostics=json", name)
        self.assertEqual(result.returncode, 0)
        json.loads(result.stdout)
        self.assertEqual(json.loads(result.stderr)["code"], "E0305")

    def test_areas_at_which_nothing_arrives(self):
        name = self.model("area hidden", "area lonely : tanh_unit\n    area hidden")
        result = self.run_apical("check", name)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr.decode(), r"warning\[E0305\]: no connection arrives at `lonely`")
        with open(self.path(name)) as file:
            text = file.read()
        self.write(name, text + "test flowers on bed { kind.target = 0; petal.rate = 0; "
                   "phase p { run with { lonely.drive += 1 } } }\n")
        self.assertEqual(self.run_apical("check", name).stderr, b"")

    def test_programs_find_data_in_their_folder(self):
        self.assertEqual(self.run_apical("build", "model.apical", "-o", "alone").returncode, 0)
        done = subprocess.run(["./alone", "--epochs", "1"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={"HOME": "/nowhere"}, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_computed_classes_out_of_range(self):
        """A column of labels is looked at when it is read; what is computed from it, in the run."""
        name = self.model("one_hot(kind, 2)", "one_hot(kind + CHANGE, 2)")
        with open(self.path(name)) as file:
            text = file.read()
        for change in ("1", "0.5", "-1"):
            self.write(name, text.replace("CHANGE", change))
            for how in ([], ["--interpret"]):
                self.expect(r"'recognition' is no longer finite at step 1.*class of `one_hot`", "run", name, *how)
        self.write(name, text.replace("CHANGE", "0"))
        self.assertEqual(self.run_apical("run", name).returncode, 0)

    def test_last_good_checkpoint_survives(self):
        self.assertEqual(self.run_apical("run", "model.apical", "--save", "m.ckpt").returncode, 0)
        with open(self.path("m.ckpt"), "rb") as file:
            before = file.read()
        self.write("flowers.csv", "petal,kind\n" + "nan,1\n" * 12)
        self.expect(r"no longer finite", "run", "model.apical", "--save", "m.ckpt")
        with open(self.path("m.ckpt"), "rb") as file:
            self.assertEqual(file.read(), before)

    def test_checkpoints(self):
        self.assertEqual(self.run_apical("run", "model.apical", "--save", "m.ckpt").returncode, 0)
        other = self.model("hidden[3]", "hidden[4]")
        self.expect(r"(?s)another model.*\[1, 3\].*\[1, 4\]", "run", other, "--resume", "m.ckpt")
        self.expect(r"nowhere.ckpt: No such file", "run", "model.apical", "--resume", "nowhere.ckpt")
        self.expect(r"not a checkpoint", "run", "model.apical", "--resume", "flowers.csv")
        with open(self.path("m.ckpt"), "rb") as file:
            whole = file.read()
        self.write("short.ckpt", whole[:-3])
        self.expect(r"short.ckpt", "run", "model.apical", "--resume", "short.ckpt")
        self.write("bit.ckpt", whole[:-1] + bytes([whole[-1] ^ 1]))
        self.expect(r"bit.ckpt.*(checksum|damaged)", "run", "model.apical", "--resume", "bit.ckpt")

    def test_full_disk(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        self.assertEqual(self.run_apical("run", "model.apical", "--save", "m.ckpt").returncode, 0)
        with open(self.path("m.ckpt"), "rb") as file:
            before = file.read()
        self.expect(r"cannot save .*m.ckpt", "run", "model.apical", "--save", "m.ckpt",
                    preexec_fn=limit)
        with open(self.path("m.ckpt"), "rb") as file:
            self.assertEqual(file.read(), before)
        self.expect(r"/dev/full: No space left", "run", "model.apical", "--metrics", "/dev/full")
        self.expect(r"make its folder first", "run", "model.apical", "--save", "no/folder/m")

    def test_interrupt(self):
        name = self.model("epochs = 2", "epochs = 1000000000")
        command = [APICAL, "run", name, "--save", "m.ckpt", "--metrics", "m.jsonl"]
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, "APICAL_DATA": self.folder})
        try:
            metrics, end = self.path("m.jsonl"), time.time() + 30
            while not (os.path.exists(metrics) and os.path.getsize(metrics)) and time.time() < end:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[0].decode()
        finally:
            process.kill()
        self.assertEqual(process.returncode, 130, said[-400:])
        self.assertTrue(os.path.getsize(self.path("m.ckpt")))
        self.assertEqual(self.run_apical("run", "model.apical", "--resume", "m.ckpt").returncode, 0)

    # The command line

    def test_flags(self):
        for pattern, arguments in (
                (r"a command is missing", []),
                (r"unknown command `chek`; did you mean `check`", ["chek", "model.apical"]),
                (r"model's file is missing", ["run"]),
                (r"one too many", ["run", "model.apical", "model.apical"]),
                (r"no option `--sede`; did you mean `--seed`", ["run", "model.apical", "--sede", "1"]),
                (r"--threads expects a whole number", ["run", "model.apical", "--threads", "many"]),
                (r"--seed expects a whole number", ["run", "model.apical", "--seed", "-1"]),
                (r"--data needs a value", ["run", "model.apical", "--data"]),
                (r"`asm2` is no value of --stage", ["emit", "model.apical", "--stage=asm2"])):
            self.expect(pattern, *arguments, status=2)
        self.expect(r"there is no parameter 'rat'.*rate", "run", "model.apical", "--set", "rat=1")
        self.expect(r"rate", "run", "model.apical", "--set", "rate=fast")
        self.expect(r"rate", "run", "model.apical", "--set", "rate")
        self.expect(r"metrics", "run", "model.apical", "--metrics", "no/folder/m")


if __name__ == "__main__":
    APICAL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
