# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Uniform sign symmetry (Liao, Leibo & Poggio 2016): errors travel through s sign(w), s = sqrt(2 / (in + out))."""
import numpy

import sign_symmetry
from harness import System, run
from networks import classes, deep, follows

system = System("uniform_sign_symmetry", "uniform sign symmetry")


@system.check
def follows_its_equation(rule):
    """delta_l = (s sign(w) delta_{l+1}) * f'(a_l), in NumPy, with the signs of the moment. Constants of a model are
    single numbers in the interpreter too."""
    def error(net, states, l, deltas, target):
        w = net.w[l + 1]
        size = float(numpy.float32(numpy.sqrt(2 / sum(w.shape))))
        return deltas[l + 1] @ (size * numpy.sign(w)).T

    follows(rule, rule.name, error)


@system.check
def sizes_do_not_matter(rule):
    """Weights above of another size and the same signs: with an error that they cannot change, the first update of
    the first area is the same to the bit. Null model: backprop's is not."""
    model = """
data points = table(x = npy("x.npy"), y = npy("y.npy"))
network n {
    area x[13] : source
    area h[11] : tanh_unit
    area label[5] : linear_unit { given target }
    connect x -> h : dense(bias = true)
    connect h -> label : dense(w ~ normal(0, SIZE))
    cost c = sum(label.rate * label.target)
    learn c by RULE() with sgd(0.125)
}
train n on points, batch = 4, trials = 1 { x.rate = x; label.target = one_hot(y, 5) }
"""

    def first_area(name, size):
        text = model.replace("RULE", name).replace("SIZE", size)
        return run(text, data=classes(), rules=[rule] if name == rule.name else [])["n.x_h.w"].tobytes()

    assert first_area(rule.name, "0.5") == first_area(rule.name, "1.5")
    assert first_area("weight_transport", "0.5") != first_area("weight_transport", "1.5")


system.check(sign_symmetry.signs_agree_at_all_times)
system.check(sign_symmetry.half_of_the_signs_is_not_enough)

system.mutant("the weights themselves", ("sign(w)", "w"))
system.mutant("half of the signs flipped", ("sign(w)", "where(abs(w) < 0.3, 1, -1) * sign(w)"))
system.mutant("the sign of the message", ("sign(w)", "-sign(w)"))
system.mutant("another size", ("sqrt(2 /", "sqrt(6 /"))
system.mutant("no derivative of the unit", ("error(post) * pre", "error(post.rate) * pre"))
system.mutant("pre and post swapped in the update", ("+= error(post) * pre", "+= error(post) * post"))
system.mutant("the first signs of the weights", ("each connection {", "each connection {\n        weight first = w"),
              ("sign(w)", "sign(first)"))

system.main()
