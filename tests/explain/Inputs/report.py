# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Does the JSON of `apical explain` say of feedback alignment what it is? report.py FILE"""
import json
import sys

with open(sys.argv[1]) as f:
    report = json.load(f)
(network,) = report["networks"]
(line,) = network["learn"]
assert network["name"] == "n" and network["assumes"] == [] and network["fixed"] == []
assert line["declared"] == ["feedback"] and line["phases"] == []
first, second, last = line["connections"]
assert (first["weights"], first["biases"]) == (12, 3)
assert [u["left"] + u["op"] for u in first["update"]] == ["w.grad=", "v=", "w-="]
assert first["locality"] == ["feedback"] and last["locality"] == []
(read,) = first["reads"]
assert read["text"] == "B * error(post)" and read["place"]["file"].startswith("std/")
assert not any(c["transport"] for c in line["connections"])
assert [c["gradient"] for c in line["connections"]] == ["approximate", "approximate", "exact"]
assert sum(m["numbers"] for m in first["memory"]) == 12 + 15
assert [e["left"] for e in line["errors"]] == [f"error({a}.drive)" for a in ("first", "second", "label")]
