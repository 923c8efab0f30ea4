# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A generative adversarial pair (Goodfellow et al. 2014) on a line: what is real is normal, and so is what is made.

Checks of thousands of small steps run as native code, the one of three steps in the interpreter. That parts, tied
weights and `through` are the same in both is checked by language/parts.py.
"""
import numpy

from harness import Rule, System, run

# Real points are N(1, 0.5); the generator makes a * z + b.
PAIR = """
network judge {
    area seen  : source
    area h[24] : tanh_unit
    area out   : linear_unit
    connect seen -> h : dense(bias = true, w ~ normal(0, 2))
    connect h -> out  : dense(bias = true)
}
network gan {
    area noise : source
    area made  : linear_unit
    part real = judge()
    part fake = tied(real)
    connect noise -> made     : dense(bias = true, w = 1)
    connect made -> fake.seen : wire
    cost tell = sum(logistic_loss(real.out.rate, 1)) + sum(logistic_loss(fake.out.rate, 0))
    cost fool = sum(logistic_loss(fake.out.rate, 1))
    learn tell in real by backprop() with adam(JUDGE)
    learn fool in noise_made through fake by backprop() with adam(MAKER) every 2 trials
}
train gan, batch = 500, trials = TRIALS {
    noise.rate ~ normal(0, 1)
    real.seen.rate ~ normal(1, 0.5)
}
"""
system = System("gan", "generative adversarial pair", PAIR)


def pair(rule, judge, maker, trials, interpret=False):
    text = rule.text.replace("JUDGE", judge).replace("MAKER", maker).replace("TRIALS", str(trials))
    return run(text, interpret=interpret)


def density(x, mean, deviation):
    return numpy.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation / numpy.sqrt(2 * numpy.pi)


def judgement(r, x):
    s = {k: v.astype(float) for k, v in r.states.items()}
    h = numpy.tanh(x[:, None] * s["gan.real.seen_h.w"] + s["gan.real.seen_h.b"])
    return 1 / (1 + numpy.exp(-(h @ s["gan.real.h_out.w"] + s["gan.real.h_out.b"])[:, 0]))


@system.check
def best_judge_is_the_share_of_real_points(rule):
    """Against a generator that stays N(0, 1), the judge ends at p / (p + q), within 0.05 where at least one point in a
    hundred lies to each side, of both kinds together. The estimate's own error: 2000 batches of 500, of which the falling rate
    averages the last few hundred."""
    r = pair(rule, "0.02 * 0.998^trial", "0", 2000)
    x = numpy.linspace(-2, 2, 81)
    p, q = density(x, 1, 0.5), density(x, 0, 1)
    off = numpy.abs(judgement(r, x) - p / (p + q))
    assert off.max() < 0.05, f"off by {off.max():.3f} at {x[off.argmax()]:.2f}"
    # The value is that of the best judge: E_p log D + E_q log(1 - D), within five standard errors of 100 batches.
    fine = numpy.linspace(-6, 6, 4001)
    p, q = density(fine, 1, 0.5), density(fine, 0, 1)
    d = numpy.clip(p / (p + q), 1e-300, 1 - 1e-16)
    best = ((p * numpy.log(d) + q * numpy.log(1 - d)) * (fine[1] - fine[0])).sum()
    last = -numpy.array(r.series("tell")[-100:])
    assert abs(last.mean() - best) < 5 * last.std() / 10 + 0.005, f"value {last.mean():.4f}, best {best:.4f}"
    assert best > -numpy.log(4) + 0.2, "the two kinds differ too little to tell"


@system.check
def game_ends_at_minus_log_4(rule):
    """The generator finds N(1, 0.5), and the judge can no longer tell: the value is -log 4, and the judge says 1/2
    wherever points are."""
    r = pair(rule, "0.02 * 0.999^trial", "0.01 * 0.999^trial", 4000)
    last = -numpy.array(r.series("tell")[-200:])
    assert abs(last.mean() + numpy.log(4)) < 0.02, f"value {last.mean():.4f}"
    mean, deviation = float(r["gan.noise_made.b"][0]), abs(float(r["gan.noise_made.w"][0, 0]))
    assert abs(mean - 1) < 0.1 and abs(deviation - 0.5) < 0.1, f"made points are N({mean:.3f}, {deviation:.3f})"
    x = numpy.linspace(0, 2, 41)
    assert numpy.abs(judgement(r, x) - 0.5).max() < 0.1, numpy.abs(judgement(r, x) - 0.5).max()


@system.check
def each_learns_its_own(rule):
    """The generator waits for two trials while the judge learns in each; with a rate of zero either stays as it was."""
    start = pair(rule, "0", "0", 1, True)
    judge, maker = pair(rule, "0.01", "0", 3, True), pair(rule, "0", "0.01", 3, True)
    of_judge = [k for k in start.states if k.startswith("gan.real.") and k.endswith((".w", ".b"))]
    of_maker = ["gan.noise_made.w", "gan.noise_made.b"]
    assert len(of_judge) == 4 and not any(k.startswith("gan.fake") for k in start.states)
    assert judge.same(start, of_maker) and not judge.same(start, of_judge)
    assert maker.same(start, of_judge) and not maker.same(start, of_maker)
    assert judge["gan.learn0.updates"] == 3 and maker["gan.learn1.updates"] == 1


system.mutant("the generator helps the judge", ("fool = sum(logistic_loss(fake.out.rate, 1))", "fool = sum(logistic_loss(fake.out.rate, 0))"))
system.mutant("a judge of its own for what is made", ("part fake = tied(real)", "part fake = judge()"))
system.mutant("the judge sees real points only", (" + sum(logistic_loss(fake.out.rate, 0))", " + 0 * sum(fake.out.rate)"))
system.mutant("kinds exchanged", ("real.out.rate, 1", "real.out.rate, 0"), ("tell = sum(logistic_loss(real.out.rate, 0)) + sum(logistic_loss(fake.out.rate, 0))", "tell = sum(logistic_loss(real.out.rate, 0)) + sum(logistic_loss(fake.out.rate, 1))"))
system.mutant("the judge learns to be fooled", ("in noise_made through fake", "in noise_made, fake"))
system.mutant("the generator moves in each trial", (" every 2 trials", ""))

system.main()
