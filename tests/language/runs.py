# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Derivatives inside runs (docs/language.md, 5.3 and 6.7): a variable of one tick is not that of another.

Each rule is compared with NumPy in double precision; tolerances as in templates.py.
"""

from templates import X, T, forward, gated, model, near, states
from harness import on_both_engines


def changes(rule, interpret, unit="tanh_unit", text=""):
    """What one descent takes from each weight, and the weights before; `text` defines the unit if it is new."""
    text += model(rule, rule.split("(")[0].split()[-1] + "() with sgd(1)", unit)
    a, s = states(text, interpret), states(gated(text), interpret)
    return {name: s[name] - a[name] for name in s if name.endswith((".w", ".b"))}, s


def a_clamp_cuts_its_own_equation(interpret):
    """h.rate is given its value of an earlier phase, the very number that its drive would make of it: nothing of
    error(h.rate) reaches h.drive. Null: left free, it does."""
    rule = """
rule clamped(C: cost) : nonlocal {
    phase guess { run }
    phase again from guess {
        run 2
            with each hidden h { h.rate = h.rate@guess }
            with each connection { error(pre) += w * error(post) }
    }
    each connection { w.grad += error(post)@again * pre }
}
"""
    got, s = changes(rule, interpret)
    h, k, y = forward(s)
    near(got["n.k_y.w"], k.T @ (y - T) / len(X), "k_y")
    assert not got["n.h_k.w"].any() and not got["n.x_h.w"].any()
    free, _ = changes(rule.replace("with each hidden h { h.rate = h.rate@guess }", ""), interpret)
    near(free["n.h_k.w"], h.T @ ((y - T) @ s["n.k_y.w"].T * (1 - k**2)) / len(X), "h_k")


def derivatives_stay_in_their_tick(interpret):
    """The drive of h is the same in all three ticks, and its state sums up rates: by the drive of the last tick, only
    the last rate has a derivative; what was summed up before is a number."""
    rule = """
rule summed(C: cost) : local {
    phase p {
        run 3
            with each hidden a {
                state sum_of_rates = 0
                let total = sum_of_rates + a.rate
                let tilt = d(sum(total^2) / 2, a.drive)
                sum_of_rates = total
            }
    }
    each connection to hidden { w.grad += post.tilt@p * pre }
}
"""
    got, s = changes(rule, interpret)
    h, k, y = forward(s)
    near(got["n.x_h.w"], X.T @ (3 * h * (1 - h**2)) / len(X), "x_h")
    near(got["n.h_k.w"], h.T @ (3 * k * (1 - k**2)) / len(X), "h_k")


def the_state_of_two_phases_is_told_apart(interpret):
    """Both phases start from the same state. What the first made of it is a number to the second."""
    rule = """
rule branched(C: cost) : local {
    phase begin { run 2 }
    phase one from begin { run }
    phase two from begin {
        run with each hidden a { let tilt = d(sum(stop(1) * a.rate * a.u@one), a.u) }
    }
    each connection to hidden { w.grad += post.tilt@two * pre }
}
"""
    unit = """
unit leaky_unit { input drive; state u = 1; output rate = u^2; u = u / 2 + drive }
"""
    # rate = u^2 of the tick's start; d(u^2 * number)/du = 2 u * number, with u@one = u / 2 + drive.
    got, s = changes(rule, interpret, "leaky_unit", unit)
    drive = X @ s["n.x_h.w"] + s["n.x_h.b"]
    u = (0.5 + drive) / 2 + drive
    near(got["n.x_h.w"], X.T @ (2 * u * (u / 2 + drive)) / len(X), "x_h")


def barriers_hide_other_derivatives(interpret):
    """A derivative behind a `stop` is a number to another derivative, whatever it was taken of."""
    rule = """
rule hidden_behind(C: cost) : local {
    each area a {
        let tilt = d(sum(a.rate), a.drive)
        let more = d(sum(stop(tilt) * a.rate), a.drive)
    }
    each connection to hidden { w.grad += post.more * pre }
}
"""
    got, s = changes(rule, interpret)
    h, k, y = forward(s)
    near(got["n.x_h.w"], X.T @ (1 - h**2) ** 2 / len(X), "x_h")


if __name__ == "__main__":
    on_both_engines(a_clamp_cuts_its_own_equation, derivatives_stay_in_their_tick,
                    the_state_of_two_phases_is_told_apart, barriers_hide_other_derivatives)
