# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Direct random target projection (Frenkel et al. 2021): delta_l = (B_l t) * f'(a_l), t the target itself."""
from harness import System, run
from networks import classes, deep, follows

system = System("random_target_projection", "direct random target projection")

ROUTES = ["n.learn0.label_h1", "n.learn0.label_h2"]


@system.check
def follows_its_equation(rule):
    """delta_l = (B_l t) * f'(a_l), in NumPy; the output learns from its error."""
    follows(rule, rule.name, lambda net, s, l, deltas, target: target @ s[ROUTES[l]])


@system.check
def hidden_areas_do_not_wait_for_the_output(rule):
    """Other weights of the output, and so another error, leave the first update of every hidden area unchanged to
    the bit. Null model: in direct feedback alignment they do not."""
    def hidden(name, size):
        model = deep(name, trials=1, upper=f"dense(bias = true, w ~ normal(0, {size}))", hidden=(11,))
        last = run(model, data=classes(), rules=[rule] if name == rule.name else [])
        return last["n.x_h1.w"].tobytes()

    assert hidden(rule.name, 0.5) == hidden(rule.name, 1.5), "the output's weights matter"
    assert hidden("direct_feedback_alignment", 0.5) != hidden("direct_feedback_alignment", 1.5)


system.mutant("the error instead of the target", ("outputs.target ->", "error(outputs.drive) ->"))
system.mutant("the output's rate instead of the target", ("outputs.target ->", "outputs.rate ->"))
system.mutant("no derivative of the unit", ("w.grad += error(post) * pre", "w.grad += error(post.rate) * pre"))
system.mutant("the target arrives behind the derivative", ("error(hidden.rate)", "error(hidden.drive)"))
system.mutant("pre and post swapped in the update", ("error(post) * pre", "error(post) * post"))
system.mutant("the sign of the update", ("w.grad += error(post)", "w.grad += -error(post)"))
system.mutant("feedback redrawn in every step", ("dense(w ~ normal(0, 1 / sqrt(fan_in)))",
              "dense(w ~ normal(0, 1 / sqrt(fan_in))) { let fresh ~ normal(0, 1 / sqrt(fan_in)); w += fresh - w }"))

system.main()
