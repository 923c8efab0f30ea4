#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What somebody new gets wrong, and what must be answered: mistakes.py APICAL.

Each mistake is answered by one error of the code given, whose message, labels and hint together say what is wrong and
what to write instead: they match each of the patterns.
"""
import os
import sys
import unittest

from flowers import CONNECT, LEARN, MODEL, TRAIN, UNIT, check, edit, optimizer, rule, unit

APICAL = ""


def connect(topology):
    return edit((CONNECT, f"connect petal -> hidden : {topology}"))


def learn(text):
    return edit((LEARN, f"learn {text}"))


def train(old, new):
    return edit((TRAIN, TRAIN.replace(old, new)))


def cost(text):
    return edit(("cross_entropy(kind.log_p, kind.target)", text))


TEST = "test flowers on bed { petal.rate = petal; kind.target = one_hot(label, 2); measure m = %s }\n"

MISTAKES = [
    # Words of other systems
    ("import for use", edit(("use std", "import std")), "E0003", "did you mean `use`"),
    ("capital letter", edit(("network flowers", "Network flowers")), "E0003", "did you mean `network`"),
    ("def for fn", MODEL + "def f(x) { return x }\n", "E0003", "did you mean `fn`"),
    ("# for a comment", edit(("use std", "use std\n# flowers")), "E0001", "comment starts with `//`"),
    ("** for a power", cost("mse(kind.rate, kind.target) ** 2"), "E0003", r"power is written `\^`"),
    ("sigmoid", cost("sum(sigmoid(kind.drive))"), "E0101", r"written `logistic\(x\)`"),
    ("gaussian", connect("dense(w ~ gaussian(0, 1))"), "E0101", r"written `normal\(mean, deviation\)`"),
    ("relu", unit("input drive\noutput rate = relu(drive)"), "E0101", r"written `max\(x, 0\)`"),
    ("=> for ->", edit((CONNECT, "connect petal => hidden : dense")), "E0003", "expected `->`"),
    ("a function of a library", unit("input drive\noutput rate = np.tanh(drive)"), "E0101", "without a library before it"),
    ("transposed", unit("input drive\noutput rate = drive * hidden.T", add="const hidden = 1\n"), "E0101", "nothing is transposed"),
    ("True", unit("input drive\noutput rate = where(True, drive, 0)"), "E0101", "written `true`"),
    ("a number without a digit before its point", unit("input drive\noutput rate = .1 * drive"), "E0003", r"`0\.1`"),
    ("===", unit("input drive\noutput rate = drive === 1"), "E0003", "equality is `==`"),
    ("*=", unit("input drive\nstate x = 0\nx *= 2\noutput rate = drive"), "E0003", r"write `x = x \* …`"),
    ("/* */", edit(("use std", "use std\n/* flowers */")), "E0003", "comment starts with `//`"),
    ("/* */ behind a statement", unit("input drive\noutput rate = drive /* all of it */"), "E0003", "comment starts with `//`"),
    ("if behind a value", unit("input drive\noutput rate = drive if drive > 0 else 0"), "E0003", r"`where\(condition, a, b\)`"),
    ("if as a function", unit("input drive\noutput rate = if(drive > 0, drive, 0)"), "E0003", r"`where\(condition, a, b\)`"),
    ("if as a statement", unit("input drive\nstate v = 0\nif drive > 0 { v = 1 }\noutput rate = v"), "E0901", r"`where\("),
    ("an axis by its number", rule("each connection { w.grad += error(post) * mean(pre, axis = 0) }"), "E0105", "`over = pre`"),
    ("a product of matrices", rule("each connection { error(pre) += w @ error(post); w.grad += error(post) * pre }"), "E0409",
     "no product of matrices", r"`w \* error\(post\)`"),
    ("a gradient taken away", rule("each connection { w.grad -= error(post) * pre }"), "E0109", r"`\+= -\(…\)` takes away"),
    ("a method", unit("input drive\noutput rate = drive.sum()"), "E0101", r"write `sum\(drive\)`"),
    ("images made flat", train("= petal;", "= petal.flatten();"), "E0101", "write `petal`"),
    ("a draw in an expression", train("= petal;", "= petal + normal(0, 0.3);"), "E0901", r"`let n ~ normal\(…\)`"),
    ("a draw in a change", rule("each connection { w.grad += error(post) * pre + normal(0, 0.1) }"), "E0901", r"`let n ~ normal\(…\)`"),
    # Names
    ("an optimizer that there is not", learn("recognition by backprop() with adagrad(0.1)"), "E0101", "there are `adam`, `rmsprop`, `sgd`"),
    ("a unit that there is not", edit(("tanh_unit", "sigmoid_unit")), "E0101", "there are .*`logistic_unit`"),
    ("a rule that there is not", learn("recognition by hebb() with sgd(0.1)"), "E0101", "there are .*`backprop`"),
    ("a connection that there is not", learn("recognition in p by backprop() with sgd(0.1)"), "E0101",
     "there are `petal_hidden`, `hidden_kind`"),
    ("an area for its variable", MODEL + TEST % "argmax(kind) == label", "E0103", "`kind` is an area", r"write `kind\.rate`"),
    ("an area for its variable in a cost", cost("cross_entropy(kind, kind.target)"), "E0103", r"write `kind\.rate`"),
    ("an area for its variable in a rule", rule("each area a { let e = sum(a) }\neach connection { w.grad += error(post) * pre }"),
     "E0103", r"write `a\.rate`"),
    ("unit without its ending", edit(("tanh_unit", "tanh")), "E0101", "did you mean `tanh_unit`"),
    ("topology in capitals", connect("Dense"), "E0101", "unknown topology `Dense`", "did you mean `dense`"),
    ("topology of another system", connect("fully_connected"), "E0101", "`dense`, `sparse`, `one_to_one`"),
    ("rule spelt out", learn("recognition by backpropagation() with sgd(0.1)"), "E0101", "did you mean `backprop`"),
    ("letters swapped", learn("recognition by backprop() with sdg(0.1)"), "E0101", "did you mean `sgd`"),
    ("optimizer in capitals", learn("recognition by backprop() with Adam(0.1)"), "E0101", "did you mean `adam`"),
    ("rule and optimizer exchanged", learn("recognition by sgd(0.1) with backprop()"), "E0103", "`by` needs a rule"),
    ("cost given to the rule too", learn("recognition by node_perturbation(recognition) with sgd(0.1)"), "E0206",
     "`recognition` is a cost, and `sigma` of `node_perturbation` is a number", r"learn recognition by node_perturbation\(\)"),
    ("cost misspelt", learn("recogniton by backprop() with sgd(0.1)"), "E0101", "did you mean `recognition`"),
    ("connection misspelt", learn("recognition in petal_hiden by backprop() with sgd(0.1)"), "E0101",
     "unknown connection", "did you mean `petal_hidden`"),
    ("area in the place of a connection", learn("recognition in hidden by backprop() with sgd(0.1)"), "E0103",
     "`hidden` is an area", "as `petal_hidden`"),
    ("variable misspelt", cost("cross_entropy(kind.logp, kind.target)"), "E0104", "did you mean `log_p`"),
    ("variable of another area", cost("cross_entropy(hidden.log_p, kind.target)"), "E0104",
     "`hidden` has no variable `log_p`", "it has `rate`, `drive`"),
    ("no place for the target", edit((" { given target }", ""), ("cross_entropy(kind.log_p, kind.target)", "sum(kind.rate)")),
     "E0104", r"area kind : … \{ given target \}"),
    ("area misspelt", edit((CONNECT, "connect petals -> hidden : dense")), "E0101", "did you mean `petal`"),
    ("experiment of another network", train("train flowers", "train flower"), "E0101", "did you mean `flowers`"),
    ("column misspelt", train("= petal;", "= petals;"), "E0101", "did you mean `petal`"),
    ("reduction misspelt", MODEL + TEST % "argmx(kind.rate) == label", "E0101", "did you mean `argmax`"),
    ("optimizer for a connection misspelt", learn("recognition by backprop() with sgd(0.1), hidden_kidn: sgd(0.2)"),
     "E0405", "did you mean `hidden_kind`"),
    ("dimension of a param misspelt", edit(("param rate = 0.1", "param rate : tme = 0.1")), "E0101", "did you mean `time`"),
    ("type of another language", edit(("param rate = 0.1", "param rate : float = 0.1")), "E0101", "unknown dimension `float`"),
    ("param of another dimension", edit(("param rate = 0.1", "param rate : time = 0.1")), "E0202", "`rate` is declared to be a time",
     "its default is a number without dimension"),
    ("type of a rule's parameter misspelt", rule("w.grad += error(post) * pre").replace("C: cost", "C: costs"), "E0101",
     "unknown type `costs`", "did you mean `cost`"),
    ("another library", edit(("use std", "use std\nuse numpy")), "E0101", "unknown library `numpy`"),
    ("unknown name in what nothing reads", edit((CONNECT, CONNECT + "\n    let q = sum(nonsense)")), "E0101", "`nonsense`"),
    ("unknown function in what nothing reads", edit((CONNECT, CONNECT + "\n    let q = foo(petal.rate)")), "E0101", "`foo`"),
    ("unknown name in what no experiment reads", train("{ petal", "{ let q = 2 * petl; petal"), "E0101", "did you mean `petal`"),
    ("unknown name in a const that nothing reads", edit(("use std", "use std\nconst k = nonsense")), "E0101", "`nonsense`"),
    ("a function of the language in the model", MODEL + "fn tanh(x) { return 3 * x }\n", "E0102", "word of the language",
     "another name"),
    ("a count of the language in the model", MODEL + "param epoch = 3\n", "E0102", "word of the language"),
    ("an end of the synapse declared", rule("let pre = 3\neach connection { w.grad += error(post) * pre }"), "E0102",
     "meaning in every rule"),
    ("a measure of the name of a cost", MODEL + (TEST % "0").replace("measure m", "measure recognition"), "E0102",
     "is a cost", "costs are measured in any case"),
    ("a measure of the name of a key", MODEL + (TEST % "0").replace("measure m", "measure epoch"), "E0102",
     "every line of the metrics has"),
    ("a cost of the name of a key", edit(("recognition", "seconds")), "E0102", "every line of the metrics has"),
    ("two probes of one name", MODEL + (TEST % "0").replace("measure m = 0", "probe m = label; probe m = petal"), "E0102",
     "defined twice"),
    ("optimizer that changes nothing", optimizer("state v = 0\nv += grad"), "E0416", "never changes the weight `w`"),
    # Arguments and options
    ("an option of a file", edit(('"petal")', '"petal", sep = ";")')), "E0105", "`csv` has no option `sep`", "a file and a column"),
    ("a field of a NumPy file", edit(('csv("flowers.csv", "petal")', 'npy("y.npy", "labels")')), "E0107", "`npy` takes one file"),
    ("a column that is no text", edit(('"petal")', "petal)")), "E0206", "in quotes"),
    ("an option twice", train("batch = 4", "batch = 4, batch = 6"), "E0102", "`batch` is given twice", "first given here"),
    ("sparse without a word", connect("sparse(0.1)"), "E0105", r"`sparse\(p = 0\.1\)` or `sparse\(fan_in = 20\)`"),
    ("sparse by another word", connect("sparse(density = 0.1)"), "E0105", "probability of a synapse is called `p`"),
    ("a probability of ten", connect("sparse(p = 10)"), "E0204", "at most 1, and this is 10", "`fan_in = 10` gives each unit so many"),
    ("more synapses than units", connect("sparse(fan_in = 20)"), "E0204", "20 synapses from `petal`, which has 1 unit"),
    ("half a synapse", connect("sparse(fan_in = 0.5)"), "E0204", "whole number from 1"),
    ("two ways to be sparse", connect("sparse(p = 0.5, fan_in = 1)"), "E0102", "`p` and `fan_in` both say"),
    ("no way to be sparse", connect("sparse"), "E0106", "needs to know which synapses there are", r"`sparse\(p = 0\.1\)`"),
    ("a dense connection with a probability", connect("dense(p = 0.1)"), "E0105", r"`sparse\(p = …\)` has it"),
    ("a list that there is not", connect("sparse(list = bet)"), "E0101", "`bet`"),
    ("a list without the columns", connect("sparse(list = bed)"), "E0104", "`bed` has no column `pre`", "the columns `pre`, `post`"),
    ("no synapse to itself between two areas", connect("dense(self = false)"), "E0103", "`self = false`",
     "`connect h -> h"),
    ("an argument of a topology twice", connect("dense(bias = true, bias = false)"), "E0102", "`bias` is given twice"),
    ("parameter of another system", learn("recognition by backprop() with sgd(lr = 0.1)"), "E0105", "it takes `rate`"),
    ("no rate", learn("recognition by backprop() with sgd()"), "E0106", "needs the argument `rate`"),
    ("bias without a name", connect("dense(true)"), "E0105", r"`dense\(bias = true\)`"),
    ("named arguments of a distribution", connect("dense(w ~ normal(mean = 0, std = 1))"), "E0105", "by their order"),
    ("= for a draw", connect("dense(w = normal(0, 1))"), "E0206", "write `~` for `=`"),
    ("~ for a number", connect("dense(w ~ 0.1)"), "E0206", "`0.1` is none", "write `w = …`"),
    ("bias that is a number", connect("dense(bias = 1.5)"), "E0206", "`true` or `false`"),
    ("options in brackets", train("on bed, batch = 4, epochs = 2", "on bed(batch = 4, epochs = 2)"), "E0103",
     "options follow a comma"),
    ("option misspelt", train("batch", "batchsize"), "E0504", "did you mean `batch`"),
    ("rate as an option", train("batch = 4", "lr = 0.1"), "E0504", "`learn` line"),
    ("epochs of a test", MODEL + "test flowers on bed, epochs = 3 { petal.rate = petal; kind.target = 0 }\n", "E0504",
     "`epochs` belongs to `train`"),
    ("two optimizers", learn("recognition by backprop() with sgd(0.1), sgd(0.2)"), "E0102", "the other one"),
    ("no optimizer", learn("recognition by backprop()"), "E0404", "add `with`"),
    ("an optimizer too many", learn("by oja() with sgd(0.1)"), "E0405", "yields no gradient"),
    ("no cost", learn("by backprop() with sgd(0.1)"), "E0407", "`learn COST by"),
    # Shapes
    ("labels that are not one-hot", train("one_hot(label, 2)", "label"), "E0201", "2 units",
     r"`one_hot\(label, 2\)`"),
    ("too few columns", edit(("petal : source", "petal[3] : source"), (TRAIN, TRAIN.replace("= petal;", "= [petal, label];"))), "E0201",
     "has 3 units, and this is a list of 2", "3 units", r"`csv\(\"file\"\)` has all columns"),
    ("one column for several units", edit(("petal : source", "petal[4] : source")), "E0201", "4 units", r"`\[a, b\]`"),
    ("too many classes", train("one_hot(label, 2)", "one_hot(label, 3)"), "E0201", "2 units", "3 numbers per sample"),
    ("costs of two sizes", cost("mse(kind.rate, hidden.rate)"), "E0201", "in the function `mse`", "2 numbers",
     "3 numbers"),
    ("operands of two sizes", cost("sum(kind.rate - hidden.rate)"), "E0201", "2 numbers per sample",
     "3 numbers per sample"),
    ("a cost per unit", cost("(kind.rate - kind.target)^2"), "E0201", "one number per sample", "`sum` or `mean`"),
    ("a measure per unit", MODEL + TEST % "kind.rate == kind.target", "E0201", "`sum` or `mean`"),
    ("a measure of an area of one unit", edit(("hidden[3]", "hidden")) + TEST % "hidden.rate", "E0201",
     "an array of one number per sample", "`sum` or `mean`"),
    ("one-to-one between sizes", connect("one_to_one"), "E0201", "1 unit", "3 units"),
    ("size that is a param", edit(("hidden[3]", "hidden[rate]")), "E0203", "use `const`"),
    ("size of no unit", edit(("hidden[3]", "hidden[0]")), "E0204", "from 1 to"),
    # Phases of experiments
    ("training on members of a loop", train("= petal;", "= petal; for k in 0..2 { phase p[k] from start { run } };"), "E0409",
     "members of a loop", "stands outside loops"),
    ("binding in a loop", train("= petal;", "= petal; for k in 0..2 { petal.rate = 0 };"), "E0109", "cannot be assigned here", "outside loops"),
    ("phase of training that is not there", train("= petal;", "= petal; phase p from before { run };"), "E0409",
     "there is no phase `before`"),
    # Components
    ("component of a number", unit("input drive\noutput rate = drive[1]"), "E0206", "has no components", r"`let x\[3\]"),
    ("component that is not there", unit("input drive\nlet v = [drive, 1]\noutput rate = v[2]"), "E0204", "from 0 to 1"),
    ("component between two", unit("input drive\nlet v = [drive, 1]\noutput rate = v[0.5]"), "E0204", "from 0 to 1"),
    ("too many components", unit("input drive\nlet v[2] = [drive, 1, 2]\noutput rate = v[0]"), "E0201",
     r"`v\[2\]` has 2 components, and the value has 3"),
    ("components for a state without", unit("input drive\nstate v = 0\nv = [drive, 1]\noutput rate = v"), "E0201",
     r"`v` has no components", r"declare them: `v\[2\]`"),
    ("no components at all", unit("input drive\nlet v[0] = drive\noutput rate = drive"), "E0204", "from 1"),
    ("components that are a param", unit("input drive\nlet v[rate] = drive\noutput rate = v[0]"), "E0203", "use `const`"),
    ("reduction over components of a number", unit("input drive\noutput rate = sum(drive, over = components)"), "E0207",
     "has no components"),
    ("reduction over units or components", unit("input drive\nlet v[2] = drive\noutput rate = sum(v)"), "E0207",
     "`over = units` or `over = components`"),
    ("a cost with components", cost("sum(kind.rate) * [1, 2]"), "E0201", "one number per sample"),
    ("a weight changed by components", rule("each connection { w.grad += [pre, 1] * error(post) }"), "E0201",
     "has 2 components", r"`x\[0\]`"),
    ("output that does not say its components",
     edit((UNIT, "mine"), ("cross_entropy(kind.log_p", "0 * sum(hidden.common_rate) + cross_entropy(kind.log_p"),
          add="unit mine { input drive; output common rate = [sum(drive), 1]; let common_rate = 0 }\n"), "E0201",
     "does not say how many", r"`output rate\[2\] = …`"),
    # Binding
    ("binding an area", train("petal.rate =", "petal ="), "E0103", "`petal.rate = …`"),
    ("binding what connections bring", train("petal.rate =", "hidden.drive ="), "E0109", "`given` variables"),
    ("forgotten binding", train("petal.rate = petal; ", ""), "E0304", "`petal.rate = …`"),
    ("density of what was not drawn", unit("input drive\noutput rate = log_prob(drive)"), "E0206", "was not",
     r"`let x ~ normal\(0, 1\)`"),
    # Dimensions
    ("a rate in millivolts", learn("recognition by backprop() with sgd(0.1 mV)"), "E0202", "voltage",
     "in the optimizer `sgd`"),
    ("momentum in milliseconds", learn("recognition by backprop() with sgd(0.1, momentum = 20 ms)"), "E0202", "time"),
    ("rate of adam in millivolts", learn("recognition by backprop() with adam(1 mV)"), "E0202", "voltage"),
    ("eps of adam in millivolts", learn("recognition by backprop() with adam(eps = 1 mV)"), "E0202", "voltage"),
    ("weights in millivolts", edit((CONNECT, "connect petal -> hidden : dense(w = 1 mV)")), "E0202",
     "initial value of `flowers.petal_hidden.w` is a voltage"),
    ("keep in millivolts", edit((CONNECT, CONNECT + " { keep w = clip(w, 0 * 1 mV, 1 mV) }")), "E0202", "voltage"),
    ("a size in milliseconds", edit(("hidden[3]", "hidden[3 ms]")), "E0202", "whole number, and this is a time"),
    ("exp of a voltage", cost("exp(3 mV) + mse(kind.rate, kind.target)"), "E0202", "`exp` is a voltage"),
    ("time plus voltage", edit(("rate = 0.1", "rate = 1 ms + 1 mV")), "E0202", "time", "voltage"),
    ("current into a voltage", edit(("connect hidden -> kind : dense(bias = true)", "connect hidden.i -> kind : wire"),
                                    ("kind[2]", "kind[3]"), ("one_hot(label, 2)", "one_hot(label, 3)"), ("tanh_unit", "mine"),
                                    add="unit mine { input drive; output rate = drive; output i = drive * 1 mA }\n"),
     "E0202", "`kind.drive` is a number without dimension", "a current", "`input drive : current`"),
    ("unknown dimension", unit("input drive : volts\noutput rate = 0"), "E0101", "unknown dimension `volts`"),
    ("let of another dimension", unit("input drive\nlet x : voltage = drive\noutput rate = drive"), "E0202",
     "`x` is declared to be a voltage", "a number without dimension"),
    ("argument of another dimension", edit(("tanh_unit", "mine(tau = 3)"),
                                           add="unit mine(tau : time = 1 ms) { input drive; output rate = drive * tau / 1 ms }\n"),
     "E0202", "`tau` is a time", "a number without dimension"),
    # Rules
    ("a variable the area lacks", rule("each connection { w.grad += error(post) * pre * post.threshold }"), "E0403",
     "`mine` reads `post.threshold`", "`hidden` lacks"),
    ("an error misspelt", rule("each connection { w.grad += error(post.drvie) * pre }"), "E0403",
     "reads the error of `post.drvie`", "`hidden` lacks", "did you mean `drive`"),
    ("an error sent to nothing", rule("each connection { error(pre.foo) += w * error(post); w.grad += error(post) * pre }"),
     "E0403", "adds to the error of `pre.foo`", "lacks"),
    ("an area's error misspelt", rule("each area a { let e = error(a.foo) }\neach connection { w.grad += post.e * pre }"),
     "E0403", "reads the error of `a.foo`", "it has `rate`, `drive`"),
    ("an output's error misspelt in a run",
     rule("phase p { run with each output o { o.drive += error(o.foo) } }\neach connection { w.grad += error(post)@p * pre@p }"),
     "E0403", "reads the error of `o.foo`", "`kind` lacks"),
    ("an error sent by an area to nothing",
     rule("each area a { error(a.rat) += 1 }\neach connection { w.grad += error(post) * pre }"), "E0403", "did you mean `rate`"),
    ("error of an expression", rule("each connection { w.grad += error(2 * post) * pre }"), "E0206",
     "`error` takes one variable", r"as `error\(post\)`"),
    ("a variable of the sender misspelt", rule("each connection { w.grad += error(post) * pre.ratio }"), "E0403", "it has `rate`"),
    ("derivative of the cost by a weight", rule("each connection { w.grad += d(C, w) }"), "E0408", "`w` is a weight",
     r"error\(post\) \* pre", r"grad\(C, p\)"),
    ("derivative by a weight", rule("each connection { w.grad += error(post) * d(post, w) }"), "E0408", "`w` is a weight"),
    ("derivative by a weight of the rule",
     rule("each connection { weight B ~ normal(0, 1); w.grad += error(post) * d(post, B) }"), "E0408", "`B` is a weight"),
    ("derivative by the cost", rule("each connection { w.grad += d(post.rate, C) * pre }"), "E0408", "`C` is the cost"),
    ("local that is not", rule("each connection { w.grad += error(post) * pre * sum(w, over = pre) }", "local"), "E0402",
     "this is `population`"),
    ("local through a function", rule("each connection { w.grad += error(post) * pre * total(w) }", "local",
                                      add="fn total(w) { return sum(w) }\n"), "E0402", "`population`"),
    ("local with an optimizer that sees all weights",
     rule("each connection { w.grad += error(post) * pre }", "local", use="mine() with largest(rate)",
          add="optimizer largest(rate) { w -= rate * grad / max(abs(grad)) }\n"),
     "E0402", "`mine` declares less than its optimizer needs: this is `population`", "declare `population`"),
    ("local with weights kept at a norm",
     edit((CONNECT, CONNECT + " { keep w = w / norm(w) }"), (LEARN, "learn by oja()")),
     "E0402", "`oja` declares less than what `keep` makes of its weights needs: this is `population`"),
    ("local while the cost is high", learn("by oja() while batch_mean(recognition) > 1"), "E0402",
     "`oja` declares less than its `while` needs: this is `modulated`"),
    ("while, sample by sample", learn("recognition by backprop() with sgd(0.1) while recognition > 1"), "E0201",
     "one condition for the line", "`batch_mean"),
    ("local with a rate that follows the cost",
     rule("each connection { w.grad += error(post) * pre }", "local", use="mine() with sgd(batch_mean(recognition))"),
     "E0402", "its optimizer needs: this is `modulated`"),
    ("a rate per sample", learn("recognition by backprop() with sgd(recognition)"), "E0205", "no samples", "`batch_mean"),
    ("reduction of synapses over units", edit((CONNECT, CONNECT + " { keep w = w / norm(w, over = units) }")), "E0207",
     "`pre` or `post`"),
    ("local that pushes", rule("each area a { let e = push(1) }\neach connection { w.grad += post.e * pre }", "local"), "E0402",
     "this is `nonlocal`"),
    ("push of synapses", rule("each connection { w.grad += push(post) * pre }"), "E0009", "`push` has no meaning here",
     "in `each area` of a rule"),
    ("push at the level of the rule", rule("let e = push(1)\neach connection { w.grad += e * pre }"), "E0009", "`each area`"),
    ("push of a unit", unit("input drive\noutput rate = push(drive)"), "E0009", "`each area`"),
    ("error of a unit", unit("input drive\noutput rate = error(drive)"), "E0009", "in a template of a rule"),
    ("gradient in a cost", cost("grad(kind.rate, hidden.rate)"), "E0009", "in `each weight p` of a rule"),
    ("push of nothing", rule("each area a { let e = push() }\neach connection { w.grad += post.e * pre }"), "E0106",
     "by how much each unit is displaced"),
    ("push of three things", rule("each connection { w.grad += push(C, 1, 2) }"), "E0107",
     "by how much each weight is displaced"),
    ("push of what does not move", rule("each area a { let e = push(0.5, 1) }\neach connection { w.grad += post.e * pre }"),
     "E0408", "`0.5` depends on no input"),
    ("push of units of another phase",
     rule("phase p { run with each hidden h { h.drive += 1 } }\neach area a { let e = push(C@p, 1) }\n"
          "each connection { w.grad += post.e * pre }"), "E0408", "`C@p` depends on no input", "the tick at hand"),
    ("push of weights, sample by sample", rule("each connection { w.grad += push(C, pre) }"), "E0201",
     "one number for each weight of `petal_hidden`", "`shared state`"),
    ("push of what receives nothing", rule("each input i { let e = push(1) }\neach connection { w.grad += error(post) * pre }"),
     "E0302", "`petal` has no input"),
    ("push that waits for itself", rule("phase p { run with each area a { let e = push(a.rate); a.rate = e } }\n"
                                        "each connection { w.grad += post.e@p * pre }"), "E0303", "itself|themselves"),
    ("a weight assigned and added to", rule("each connection { w += 0.1 * pre; w = 0.5 * w }", use="mine()"), "E0412",
     "assigned here and added to there", "the other statement", "write one statement"),
    ("a weight added to and assigned", rule("each connection { w = 0.5 * w; w += 0.1 * pre }", use="mine()"), "E0412",
     "write one statement"),
    ("misspelt locality", rule("each connection { w.grad += error(post) * pre }", "loca"), "E0101", "one of local"),
    ("cost that nothing changes", cost("mse(petal.rate, 0 * petal.rate)"), "E0401", "depends on none"),
    ("values that wait for themselves", edit((CONNECT, CONNECT + "\n    connect kind -> hidden : dense")), "E0303",
     "within one tick: hidden -> kind -> hidden", "on the way", "read a `state`"),
    ("a signal per unit", edit((LEARN, "learn by mine(hidden.rate)"),
                               add="rule mine(m : signal) : modulated { w += m * pre }\n"), "E0201", "one number per sample"),
    # What no experiment runs is checked too.
    ("unit's argument in a network at rest", edit((TRAIN, ""), ("tanh_unit", "mine(tau = 20 ms)"),
                                                  add="unit mine(tau = 1) { input drive; output rate = exp(-tau) * drive }\n"),
     "E0202", "`exp` is a time"),
    ("rule of a network at rest", edit((TRAIN, ""), (LEARN, "learn recognition by nosuch() with sgd(1)")), "E0101", "`nosuch`"),
    ("cost of a network at rest", edit((TRAIN, ""), ("kind.log_p", "kind.logp")), "E0104", "`log_p`"),
    ("optimizer of a network that is only tested",
     edit((TRAIN, "test flowers on bed { petal.rate = petal; kind.target = one_hot(label, 2) }"), ("sgd(rate)", "sgd(1 mV)")),
     "E0202", "voltage"),
]


class Mistakes(unittest.TestCase):
    def test_each(self):
        for name, text, code, *patterns in MISTAKES:
            with self.subTest(name):
                said, status = check(APICAL, text)
                self.assertEqual([d["code"] for d in said], [code], said)
                d = said[0]
                self.assertEqual((status, d["file"]), (1, "model.apical"), said)
                whole = " | ".join([d["message"], d["primary"], d["hint"], *d["notes"],
                                    *(label["text"] for label in d["labels"])])
                for pattern in patterns:
                    self.assertRegex(whole, pattern)


if __name__ == "__main__":
    APICAL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
