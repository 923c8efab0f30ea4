# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether draws follow their distributions: `poisson`, `categorical` (docs/language.md, 4.8 and 11).

Each test runs in the interpreter (double precision) and as native code. Frequencies are compared by Pearson's
statistic, whose mean is the number k of degrees of freedom and whose variance is 2 k: it must stay within six
deviations, k + 6 sqrt(2 k), which chance leaves less than once in 1e6 tests.
"""
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rules"))
import numpy  # noqa: E402
from harness import on_both_engines, run  # noqa: E402

ROWS = 200


def values(unit, name, interpret, mean="0", units=100, rows=ROWS):
    """What every unit and sample of one pass has drawn."""
    model = f"""
unit noisy {{ {unit} }}
network n {{ area a[{units}] : noisy }}
data rows = table(m = npy("m.npy"))
test n on rows, batch = 7 {{ a.m = m + {mean}; probe a.{name} }}
"""
    done = run(model, data={"m.npy": numpy.zeros((rows, units), numpy.float32)}, interpret=interpret)
    assert [p["row"] for p in done.probes] == list(range(rows))
    return numpy.array([p[f"a.{name}"] for p in done.probes])


def pearson(counts, probabilities):
    """The statistic, its degrees of freedom; bins that expect fewer than 8 are joined at the end."""
    total = counts.sum()
    last = max(k for k in range(len(counts)) if total * probabilities[k:].sum() >= 8)
    seen = numpy.append(counts[:last], counts[last:].sum())
    expected = total * numpy.append(probabilities[:last], 1 - probabilities[:last].sum())
    use = expected >= 8
    return ((seen - expected)[use] ** 2 / expected[use]).sum(), use.sum() - 1


def fits(drawn, mean):
    k = numpy.arange(int(drawn.max()) + 40)
    logarithms = -mean + k * math.log(mean) - numpy.array([math.lgamma(i + 1) for i in k])
    statistic, free = pearson(numpy.bincount(drawn.astype(int).ravel(), minlength=len(k)), numpy.exp(logarithms))
    return statistic < free + 6 * math.sqrt(2 * free)


def poisson_counts(interpret):
    """20 000 draws at each mean, known when compiling and not, on both sides of 12, where the method changes; there
    its own error of 5e-4 in total variation adds less than 20000 * (2 * 5e-4)^2 = 0.02 to the statistic. Null: the
    draws of one mean do not fit a mean that is a fifth larger."""
    for mean in (0.3, 4, 11.9, 12.1, 50):
        for unit, bound in ((f"given m; output rate ~ poisson({mean})", "0"), ("given m; output rate ~ poisson(m)", mean)):
            drawn = values(unit, "rate", interpret, mean=bound)
            assert (drawn == drawn.round()).all() and drawn.min() >= 0
            assert fits(drawn, mean), (mean, unit)
            assert not fits(drawn, 1.2 * mean), (mean, unit)


def units_and_samples_draw_for_themselves(interpret):
    """No two rows and no two columns of a pass are the same."""
    drawn = values("given m; output rate ~ poisson(5)", "rate", interpret)
    assert len({tuple(r) for r in drawn}) == ROWS and len({tuple(c) for c in drawn.T}) == 100


def categorical_shares(interpret):
    """One unit of each sample is 1; each has its share. Null: shares that are rotated by one do not fit."""
    weights = numpy.array([1, 2, 3, 4, 0, 6.0])
    one = "where(place == 1, 1, where(place == 2, 2, where(place == 3, 3, where(place == 4, 4, where(place == 5, 0, 6)))))"
    unit = f"given m; let place = cumsum(1 + 0 * m); output rate ~ categorical({one})"
    rows = 800
    drawn = values(unit, "rate", interpret, units=6, rows=rows)
    assert ((drawn == 0) | (drawn == 1)).all() and (drawn.sum(1) == 1).all()
    counts = drawn.sum(0)
    assert counts[4] == 0
    shares = weights / weights.sum()
    statistic = ((counts - rows * shares)[shares > 0] ** 2 / (rows * shares[shares > 0])).sum()
    rotated = numpy.roll(weights, 1) / weights.sum()
    null = ((counts - rows * rotated)[rotated > 0] ** 2 / (rows * rotated[rotated > 0])).sum()
    assert statistic < 4 + 6 * math.sqrt(8), (counts, statistic)
    assert null > 4 + 6 * math.sqrt(8), (counts, null)


def draws_are_constants_for_derivatives(interpret):
    """`poisson(drive) + drive` has the gradient of `drive` alone, to the bit."""
    with_noise = run_with("let drawn ~ poisson(drive)", "drive + drawn", interpret)
    without = run_with("", "drive", interpret)
    assert with_noise.same(without, ["n.x_y.w"])
    assert not with_noise.same(run_with("", "2 * drive", interpret), ["n.x_y.w"])


def run_with(declaration, output, interpret):
    return run(f"""
unit noisy {{
    input drive
    {declaration}
    output rate = {output}
}}
network n {{
    area x[3] : source
    area y[4] : noisy
    connect x -> y : dense(w ~ uniform(0, 1))
    cost c = sum(y.rate)
    learn c by backprop() with sgd(0.1)
}}
data rows = table(x = npy("x.npy"))
train n on rows, batch = 6 {{ x.rate = x }}
""", data={"x.npy": numpy.ones((24, 3), numpy.float32)}, interpret=interpret)


def densities(interpret):
    """The logarithm of the density, from its formula: probes are in single precision, a few roundings of numbers below
    10; that of x weighs up to |x - 2| / 0.5^2 < 10. Of a draw among units, one number for the area."""
    bound = 3e-6
    def both(law, mean="0"):
        unit = f"given m; let x ~ {law}; output rate = x; output density = log_prob(x)"
        return values(unit, "rate", interpret, mean), values(unit, "density", interpret, mean)
    x, density = both("normal(2, 0.5)")
    assert numpy.abs(density - (-(((x - 2) / 0.5) ** 2) / 2 - math.log(0.5) - math.log(2 * math.pi) / 2)).max() < 10 * bound
    x, density = both("uniform(-1, 3)")
    assert numpy.abs(density + math.log(4)).max() < bound
    x, density = both("bernoulli(m)", "0.3")
    assert numpy.abs(density - numpy.log(numpy.where(x == 1, 0.3, 0.7))).max() < bound and x.min() < x.max()
    one = "where(place == 1, 1, where(place == 2, 2, where(place == 3, 3, where(place == 4, 4, where(place == 5, 5, 6)))))"
    unit = f"given m; let place = cumsum(1 + 0 * m); output rate ~ categorical({one}); output density = log_prob(rate) + 0 * m"
    x, density = (values(unit, name, interpret, units=6) for name in ("rate", "density"))
    assert numpy.abs(density - numpy.log((x * [1, 2, 3, 4, 5, 6]).sum(1, keepdims=True) / 21)).max() < bound


def score(interpret):
    """d(log_prob(x), drive) of x ~ bernoulli(logistic(drive)) is x - p: what a rule adds it to moves by its mean."""
    done = run("""
unit coin { input drive; output rate ~ bernoulli(logistic(drive)) }
rule scored(C: cost) : local { each connection { w.grad += d(log_prob(post.rate), post.drive) * pre } }
network n {
    area x[3] : source
    area y[4] : coin
    connect x -> y : dense(w = 0.3)
    cost c = sum(y.rate)
    learn c by scored() with sgd(1)
}
data rows = table(x = npy("x.npy"))
train n on rows, batch = 24 { x.rate = x; probe y.rate }
""", data={"x.npy": numpy.ones((24, 3), numpy.float32)}, interpret=interpret)
    x = numpy.array([p["y.rate"] for p in done.probes])
    assert x.shape == (24, 4) and 0 < x.mean() < 1
    expected = 0.3 - (x - 1 / (1 + math.exp(-0.9))).mean(0)
    assert numpy.abs(done["n.x_y.w"] - expected).max() < (1e-7 if interpret else 1e-6)  # 0.3 is one of float32


def a_draw_of_an_experiment_has_the_elements_of_its_parameters(interpret):
    """Noise around a column of 50 numbers: 10 000 draws of deviation 0.3, of which the mean over the numbers of one sample
    has 0.3 / sqrt(50); null: one draw for all of them would leave 0.3. Five standard errors. Without such a parameter one
    draw for the sample."""
    done = run("""
data rows = table(m = npy("m.npy"))
network n { area a[50] : source; area b[50] : source }
test n on rows, batch = 7 { let noisy ~ normal(m, 0.3); let one ~ normal(0, 0.3); a.rate = noisy; b.rate = m + one; probe a.rate, b.rate }
""", data={"m.npy": numpy.full((200, 50), 2, numpy.float32)}, interpret=interpret)
    a, b = (numpy.array([p[name] for p in done.probes]) for name in ("a.rate", "b.rate"))
    assert abs(a.std() - 0.3) < 5 * 0.3 / math.sqrt(2 * a.size) and abs(a.mean() - 2) < 5 * 0.3 / 100
    assert abs(a.mean(1).std() - 0.3 / math.sqrt(50)) < 5 * 0.3 / math.sqrt(50) / math.sqrt(2 * 200)
    assert (b == b[:, :1]).all() and len(set(b[:, 0])) == 200


if __name__ == "__main__":
    on_both_engines(densities, score, poisson_counts, units_and_samples_draw_for_themselves, categorical_shares,
                    draws_are_constants_for_derivatives,
                    a_draw_of_an_experiment_has_the_elements_of_its_parameters)
