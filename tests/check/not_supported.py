#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the grammar has and this version gives no meaning yet: not_supported.py APICAL.

Each construct of the language reference that is missing is answered by one E0901 at the place marked with ⟦⟧, and
by nothing else: no wrong acceptance, no message about something else. What becomes supported leaves this list.
"""
import os
import sys
import unittest

from flowers import CONNECT, LEARN, MODEL, TRAIN, UNIT, check, edit, optimizer, rule, unit

APICAL = ""
LEARNS = "each connection { w.grad += error(post) * pre }"
TRACE = "fn trace(x, tau) { ⟦state y = 0⟧; y += (x - y) / tau; return y }\n"
OUT = "\noutput rate = drive"


def connect(topology):
    return edit((CONNECT, f"connect petal -> hidden : {topology}"))


def network(statement):
    return edit((CONNECT, f"{CONNECT}\n    {statement}"))


def synapse(body):
    return edit((CONNECT, "connect petal -> hidden : dense of mine"), add=f"synapse mine {{ {body} }}\n")


def windows(topology, body="each connection { w.grad += error(post) * pre }", use="learning() with sgd(rate)", add=""):
    """A window between two hidden areas, and a rule that changes all connections."""
    return edit((CONNECT, CONNECT + "\n    area wide[2] : tanh_unit\n    connect hidden -> wide : " + topology
                 + "\n    connect wide -> kind : dense"), (LEARN, "learn recognition by " + use),
                add=f"rule learning(C: cost) : nonlocal, modulated, population {{\n{body}\n}}\n{add}")


def option(text):
    return edit(("batch = 4,", f"batch = 4, {text},"))


def experiment(statement):
    return edit(("{ petal.rate", "{ " + statement + "; petal.rate"))


CASES = {
    # Units
    "event": unit("input drive\nstate v = 0\n⟦event spike when v > 1 { v = 0 }⟧" + OUT),
    "event with slope": unit("input drive\nstate v = 0\n⟦event spike when v > 1, slope = 1⟧" + OUT),
    "derivative in time": unit("input drive\nstate v = 0\n⟦dv/dt = drive - v⟧" + OUT),
    "hold": unit("input drive\nstate v = 0\n⟦hold v for 2 ms⟧" + OUT),
    "on": unit("input drive\nstate v = 0\n⟦on drive { v = 0 }⟧" + OUT),
    "on every": unit("input drive\nstate v = 0\n⟦on every 5 ticks { v = 0 }⟧" + OUT),
    "if": unit("input drive\nstate v = 0\n⟦if drive > 0 { v = 1 } else { v = 0 }⟧" + OUT),
    "weight of a unit": unit("input drive\n⟦weight g = 1⟧" + OUT),
    "components in two dimensions": unit("input drive\nlet ⟦a⟧[2, 2] = drive" + OUT),
    "item state with components": unit("input drive\nitem state ⟦a⟧[2] = 0" + OUT),
    "connection to components of several units": edit(
        (UNIT, "mine"), ("connect petal -> hidden", "connect petal -> ⟦hidden⟧"),
        add="unit mine { input drive[2]; output rate = sum(drive, over = components) }\n"),
    "prev": unit("input drive\noutput rate = drive + ⟦prev⟧(drive)"),
    "time": unit("input drive\noutput rate = drive + ⟦time⟧"),
    "elapsed": unit("input drive\noutput rate = drive + ⟦elapsed⟧"),
    "ended": unit("input drive\noutput rate = drive + ⟦ended⟧"),
    "neighbour": unit("input drive\noutput rate = ⟦neighbour⟧(drive, 1)"),
    "wald": unit("input drive\noutput rate ~ ⟦wald⟧(1, 2)"),
    "log_prob of a count": unit("input drive\nlet xi ~ poisson(2)\noutput rate = drive * ⟦log_prob(xi)⟧"),
    "filter": unit("input drive\noutput rate = trace(drive, 2)", add=TRACE),
    "if in a function": unit("input drive\noutput rate = f(drive)", add="fn f(x) { ⟦if x > 0 { return 1 }⟧; return x }\n"),
    "parameter drawn per unit": edit(("tanh_unit", "mine(g ~ ⟦uniform(0.5, 1)⟧)"),
                                     add="unit mine(g = 1) { input drive; output rate = g * drive }\n"),
    # Connections
    "sparse connection of a rule": rule("connect error(outputs.drive) -> error(hidden.rate) : ⟦sparse(p = 0.5)⟧\n"
                                        "each connection { w.grad += error(post) * pre }"),
    "four sizes in front of a window": edit(
        (CONNECT, "⟦area block[2, 3, 2, 2] : source⟧\n    connect block -> hidden : pool(kernel = 2)")),
    "four sizes behind a window": edit(
        (CONNECT, "⟦area block[2, 3, 2, 2] : tanh_unit⟧\n    connect petal -> block : conv(kernel = 2)")),
    "position at the end of a window": windows("conv(kernel = 2, w = ⟦pre.position⟧)", use="backprop() with sgd(rate)"),
    "identity in a convolution": windows("conv(kernel = 2, w = ⟦identity()⟧)", use="backprop() with sgd(rate)"),
    "over post in a convolution": windows(
        "conv(kernel = 2)", "each connection { w.grad += sum(error(post), over = ⟦post⟧) * pre }"),
    "index over post in a local connection": windows(
        "local(kernel = 2)", "each connection { w.grad += index(post.rate, over = ⟦post⟧) * pre }"),
    "over post in the synapse of a convolution": windows("conv(kernel = 2) of mixed", add="synapse mixed { weight w; "
                                                         "post += sum(w, over = ⟦post⟧) * pre }\n"),
    "over post in what a convolution keeps": windows("conv(kernel = 2) { keep w = w / norm(w, over = ⟦post⟧) }", use="backprop() with sgd(rate)"),
    "over post in the optimizer of a convolution": windows(
        "conv(kernel = 2)", use="learning() with norms()",
        add="optimizer norms() { w -= grad / norm(grad, over = ⟦post⟧) }\n"),
    "loop over the synapses of a convolution": windows(
        "conv(kernel = 2)", "each connection { shared state g = 0; w.grad += g }\nphase clean { run }\n"
        "⟦for s in synapses { phase p from start { run with { s.w += 0.1 } }; s.g += C@p - C@clean }⟧"),
    "d with both ends of a convolution": windows(
        "conv(kernel = 2)", "each connection { w.grad += ⟦d(pre.rate * post.rate, post.drive)⟧ }"),
    "d of a name over a convolution": windows(
        "conv(kernel = 2)", "each connection { let g = 2; w.grad += ⟦d(g * post.rate, post.drive)⟧ }"),
    "a unit in front of a convolution as a function": windows(
        "conv(kernel = 2)", "each connection between areas { w.grad += ⟦pre.rate(pre)⟧ }"),
    "convolution of a rule": rule("connect error(outputs.drive) -> error(hidden.rate) : ⟦conv(kernel = 2)⟧\n"
                                  "each connection { w.grad += error(post) * pre }"),
    "state of a rule's connection": rule("connect error(outputs.drive) -> error(hidden.rate) : dense "
                                         "{ ⟦shared state s = 0⟧\nw += s }\neach connection { w.grad += error(post) * pre }"),
    "state of a rule with components": rule("lasting state ⟦m⟧[2] = 0\neach connection { w.grad += error(post) * pre }"),
    "delay": connect("dense(delay = ⟦1 tick⟧)"),
    "weights from a file": connect('dense(w = ⟦npy⟧("w.npy"))'),
    "every input": edit((CONNECT, "connect petal -> hidden.⟦*⟧ : dense")),
    "position at the end of a window": connect("conv(kernel = 3, w = ⟦pre.position⟧)"),
    "window in four dimensions": edit((CONNECT, "⟦area far[2, 2, 2, 2] : source⟧\n    area near[2, 2] : tanh_unit\n"
                                                "    connect far -> near : conv(kernel = 1)\n    connect near -> hidden : dense\n"
                                                "    connect petal -> hidden : dense")),
    "synapse with a state": synapse("weight w; ⟦state x = 0⟧; post += w * pre"),
    "synapse with an event": synapse("weight w; ⟦on pre.spike { post += w }⟧"),
    "common weight": synapse("⟦common weight w⟧; post += w * pre"),
    "parameter drawn per synapse": edit((CONNECT, "connect petal -> hidden : dense of mine(g ~ ⟦uniform(0, 1)⟧)"),
                                        add="synapse mine(g = 1) { weight w; post += g * w * pre }\n"),
    # Networks
    "if in a network": network("⟦if rate > 0 { area z : source }⟧"),
    "state of a network": network("⟦state z = 0⟧"),
    "network as a parameter": edit(("network flowers {", "network flowers(⟦other⟧ : network = 1) {")),
    # Rules
    "run for a time": rule("phase p { run ⟦50 ms⟧ }\neach connection { w.grad += (pre * post.rate)@p }"),
    "push of a unit with several states": edit(
        (UNIT, "mine"), (LEARN, "learn recognition by pushing() with sgd(rate)"),
        add="unit mine { input drive; state u = 0, v = 0; output rate = u; v = u; u = drive }\n"
            "rule pushing(C: cost) : nonlocal {\neach hidden a { let e = ⟦push(1)⟧ }\n"
            "each connection { w.grad += error(post) * pre }\n}\n"),
    "push of tied weights": edit(
        (CONNECT, "area other[3] : tanh_unit\n    connect petal -> hidden : dense\n    connect petal -> other : tied(petal_hidden)\n"
                  "    connect other -> kind : dense"), (LEARN, "learn recognition by pushing() with sgd(rate)"),
        add="rule pushing(C: cost) : nonlocal {\neach connection { w.grad += ⟦push(C, 1)⟧ }\n}\n"),
    "push of synapses with two weights": edit(
        (CONNECT, "connect petal -> hidden : dense of mine"), (LEARN, "learn recognition by pushing() with sgd(rate)"),
        add="synapse mine { weight w, m; post += (w + m) * pre }\n"
            "rule pushing(C: cost) : nonlocal {\neach connection { w.grad += ⟦push(C, 1)⟧ }\n}\n"),
    "gradient by a variable": rule("each area a { let g = ⟦grad⟧(C, a.rate) }\neach connection { w.grad += post.g * pre }"),
    "window": rule("each weight p { p.grad += ⟦grad(C, p, window = 3 ticks)⟧ }"),
    "error of a weight": rule("each connection { w.grad += ⟦error⟧(w) }"),
    "filter in a rule": rule("each connection { w.grad += error(post) * trace(pre, 3) }", add=TRACE),
    "on in a rule": rule("each connection { ⟦on pre.spike { w -= 1 }⟧ }", use="mine()"),
    "derivative in a rule": rule("each connection { state x = 0\n⟦dx/dt = pre - x⟧\nw += x }", use="mine()"),
    "apply": rule("each connection { state x = 0\n⟦apply oja() to x⟧\nw += x }", use="mine()"),
    "item state of a rule": rule("each connection { ⟦item state e = 0⟧; w.grad += error(post) * pre }"),
    "common state of a rule": rule("each connection { ⟦common state e = 0⟧; w.grad += error(post) * pre }"),
    "if in a rule": rule("each connection { ⟦if pre > 0 { w.grad += error(post) * pre }⟧ }"),
    "prev in a rule": rule("each connection { w.grad += error(post) * ⟦prev⟧(pre) }"),
    "next": rule("each connection { w.grad += error(post) * ⟦next⟧(pre) }"),
    "twin": rule("each connection { w.grad += error(post) * pre + ⟦twin⟧(w, post) }"),
    # Optimizers and learn lines
    "if in an optimizer": optimizer("⟦if grad > 0 { w -= grad }⟧"),
    "common state of an optimizer": optimizer("⟦common state n = 0⟧\nw -= grad"),
    "draw in an optimizer": optimizer("let ⟦xi⟧ ~ normal(0, 1)\nw -= grad + xi"),
    "every in seconds": edit((LEARN, LEARN + " every ⟦3 s⟧")),
    "every in ticks": edit((LEARN, LEARN + " every ⟦3 ticks⟧")),
    "next in a cost": edit(("kind.target)", "kind.target) + sum(⟦next⟧(hidden.rate))")),
    # Experiments
    "simulate": MODEL + "⟦simulate flowers, time = 3 s⟧\n",
    "world": edit((TRAIN, "train flowers on ⟦pole()⟧ { petal.rate = 0 }"), add="unit pole { output rate = 0 }\n"),
    "name of a source": edit(("on bed,", "on bed as ⟦b⟧,")),
    "ring": MODEL + "⟦data memory = ring(100) { x = 3 }⟧\ntest flowers on memory { petal.rate = x }\n",
    "windows": edit(('label = csv("flowers.csv", "kind")', 'label = ⟦windows(csv("flowers.csv", "kind"), 3)⟧')),
    "episodes": option("⟦episodes⟧ = 3"),
    "time of an experiment": option("⟦time⟧ = 3 s"),
    "dt": option("⟦dt⟧ = 1 ms"),
    "method": option("⟦method⟧ = euler"),
    "reset": option("⟦reset⟧ = never"),
    "active": option("⟦active⟧ = [learn0]"),
    "double precision": option("precision = ⟦double⟧"),
    "trial in seconds": option("trial = ⟦20 ms⟧"),
    "training behind a member of a family": experiment("for k in 0..2 { phase p[k] from start { run } }; "
                                                       "phase q from ⟦p⟧[1] { run }"),
    "run in an experiment": experiment("⟦run 3⟧"),
    "each in an experiment": experiment("⟦each area a { a.drive += 1 }⟧"),
    "if in an experiment": experiment("⟦if epoch > 3 { petal.rate = 0 }⟧"),
    "append": experiment("⟦append(bed, petal)⟧"),
    "experiment in an experiment": experiment("⟦test flowers on bed { petal.rate = petal; kind.target = 0 }⟧"),
    "on in an experiment": experiment("on every ⟦3 s⟧ { petal.rate = 0 }"),
    "column written back": experiment("⟦label⟧ = argmax(kind.rate)"),
}


class NotSupported(unittest.TestCase):
    def test_the_model_itself_is_sound(self):
        self.assertEqual(check(APICAL, MODEL), ([], 0))

    def test_each_construct(self):
        for name, marked in CASES.items():
            with self.subTest(name):
                before = marked[:marked.index("⟦")]
                place = [before.count("\n") + 1, len(before) - before.rfind("\n")]
                inside = marked[marked.index("⟦") + 1:marked.index("⟧")]
                said, status = check(APICAL, marked.replace("⟦", "").replace("⟧", ""))
                self.assertEqual([(d["code"], d["line"], d["column"], d["endColumn"] - d["column"]) for d in said],
                                 [("E0901", *place, len(inside))], said)
                self.assertRegex(said[0]["message"], "not supported( here)? yet$")
                self.assertEqual(status, 1)


if __name__ == "__main__":
    APICAL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
