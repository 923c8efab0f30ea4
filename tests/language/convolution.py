# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `conv`, `local` and `pool` compute, and the derivatives of that (docs/language.md, 3), beside a definition in NumPy: which unit a tap meets at a place is found by index, and a convolution is a sum over places and taps of it. Where
PyTorch is there, its convolutions are compared too.

Both engines start from the same single-precision weights and inputs. The interpreter differs from NumPy by the order
of double-precision sums, some hundred roundings, and by the single-precision states it writes, 6e-8 of numbers up to 2:
2e-7. Native code rounds every product and sum to 6e-8; sums here have fewer than 500 terms of size 1, whose errors are
random: a bound of 2e-5 is ten times what such sums are off.
"""
import importlib.util
import itertools
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import before, changed, on_both_engines, run

N = 6  # samples


def numbers(*shape, seed=5):
    return numpy.random.default_rng(seed).normal(size=shape).astype(numpy.float32)


def near(a, b, interpret, what):
    a, b = numpy.asarray(a, float), numpy.asarray(b, float)
    assert a.shape == b.shape, (what, a.shape, b.shape)
    size = numpy.abs(b).max()
    worst, bound = numpy.abs(a - b).max(), max(1, size) * (2e-7 if interpret else 2e-5)
    assert worst <= bound, (what, worst, bound)
    assert size > 1e-3, (what, "is nothing")


class Window:
    """A kernel over an area: `units[place, tap]` is the unit that is there, -1 beyond the border. A pool has as many
    places as units behind it."""

    def __init__(self, front, kernel, stride, places, channels=1, pool=False):
        self.front, self.kernel, self.stride, self.places, self.channels = front, kernel, stride, places, channels
        self.border = [max((p - 1) * s + k - n, 0) for n, k, s, p in zip(front, kernel, stride, places)]
        rows = []
        for place in itertools.product(*map(range, places)):
            for seen in [[c] for c in range(channels)] if pool else [range(channels)]:
                row = []
                for tap in itertools.product(*map(range, kernel)):
                    at = [p * s - b // 2 + t for p, s, b, t in zip(place, stride, self.border, tap)]
                    inside = all(0 <= a < n for a, n in zip(at, front))
                    row += [int(numpy.ravel_multi_index(at, front)) * channels + c if inside else -1 for c in seen]
                rows.append(row)
        self.units = numpy.array(rows)
        self.size = int(numpy.prod(front)) * channels

    def see(self, x):
        """[sample, place, tap] of what units send."""
        return numpy.concatenate([x, numpy.zeros((len(x), 1))], 1)[:, self.units]

    def back(self, parts):
        """The sum at each unit of what is at [sample, place, tap]."""
        total = numpy.zeros((len(parts), self.size + 1))
        for sample, part in zip(total, parts):
            numpy.add.at(sample, self.units, part)
        return total[:, :-1]


class Layer:
    """A convolution or local connection with weights w[tap, channel], or w[place, tap, channel]."""

    def __init__(self, window, w, b=0.0):
        self.window, self.w, self.b = window, numpy.asarray(w, float), numpy.asarray(b, float)

    def forward(self, x):
        seen = self.window.see(x)
        w = numpy.broadcast_to(self.w, (seen.shape[1], *self.w.shape[-2:]))
        return (numpy.einsum("npt,ptc->npc", seen, w) + self.b).reshape(len(x), -1)

    def backward(self, x, e, w=None):
        """Means over samples of the derivatives by weights and biases, and the sum that reaches each unit in front."""
        w = self.w if w is None else numpy.asarray(w, float)
        seen, e = self.window.see(x), e.reshape(len(x), len(self.window.units), -1)
        if w.ndim == 3:
            dw, db = numpy.einsum("npt,npc->ptc", seen, e), e.sum(0)
        else:
            dw, db = numpy.einsum("npt,npc->tc", seen, e), e.sum((0, 1))
        back = numpy.einsum("npc,ptc->npt", e, numpy.broadcast_to(w, (seen.shape[1], *w.shape[-2:])))
        return dw / len(x), db / len(x), self.window.back(back)


def brackets(sizes):
    return "[" + ", ".join(map(str, sizes)) + "]"


def model(front, behind, topology, unit="linear_unit", line="learn c by backprop() with sgd(1)", rules="", trials=1):
    """One connection into units whose squared distance from a target is the cost."""
    return rules + f"""
data d = table(x = npy("x.npy"), t = npy("t.npy"))
network n {{
    area x{brackets(front)} : source
    area y{brackets(behind)} : {unit} {{ given target }}
    connect x -> y : {topology}
    cost c = squared_error(y.rate, y.target)
    {line}
}}
train n on d, batch = {N}, trials = {trials} {{ x.rate = x; y.target = t }}
test n on d {{ x.rate = x; y.target = t; probe y.rate }}
"""


def data(front, behind):
    return {"x.npy": numbers(N, int(numpy.prod(front)), seed=1), "t.npy": numbers(N, int(numpy.prod(behind)), seed=2)}


def rates(result, name="y.rate"):
    return numpy.array([record[name] for record in result.probes], float)


def split(shape, channels):
    """Space and channels of an area."""
    return (shape[:-1], shape[-1]) if channels else (shape, 1)


# What is in front, behind, the kernel, its stride, and whether the last size is that of channels.
SHAPES = [
    ([7, 6], [5, 4], [3, 3], [1, 1], False),
    ([7, 6], [7, 6], [3, 3], [1, 1], False),
    ([7, 6], [7, 6], [4, 2], [1, 1], False),            # half the border in front: 1 and 2, 0 and 1
    ([7, 6], [9, 8], [3, 3], [1, 1], False),            # as large as it gets: every place meets one unit at least
    ([7, 8, 2], [5, 4, 3], [3, 5], [1, 1], True),
    ([7, 8, 2], [3, 4, 3], [3, 5], [2, 1], True),
    ([8, 8, 3], [4, 4, 5], [3, 3], [2, 2], True),       # a border of 1: none in front, one behind
    ([9, 9, 1], [4, 4, 2], [2, 2], [2, 2], True),       # the last row and column are left over
    ([9, 10, 1], [3, 4, 2], [2, 2], [3, 3], True),      # steps larger than the kernel, and a border of 1
    ([5, 4, 3], [1, 1, 7], [5, 4], [1, 1], True),       # one place
    ([5, 4, 20], [5, 4, 17], [1, 1], [1, 1], True),     # one tap
    ([19], [17], [3], [1], False),
    ([19], [10], [3], [2], False),
]


def connected(kind, interpret):
    for front, behind, kernel, stride, channels in SHAPES:
        what = (kind, front, behind, kernel, stride)
        (space, inner), (places, outer) = split(front, channels), split(behind, channels)
        given = data(front, behind)
        text = model(front, behind, f"{kind}(kernel = {brackets(kernel)}, stride = {brackets(stride)}, bias = true)")
        window = Window(space, kernel, stride, places, inner)
        first, last = (how(text, data=given, interpret=interpret) for how in (before, run))
        shape = (window.units.shape[1], outer) if kind == "conv" else (*window.units.shape, outer)
        assert first["n.x_y.w"].shape == shape, (what, first["n.x_y.w"].shape)
        assert first["n.x_y.b"].shape == shape[:-2] + (outer,), (what, first["n.x_y.b"].shape)
        bound = numpy.sqrt(6 / (shape[-2] + numpy.prod(kernel) * outer))  # of the first weights: both fans are here
        assert 0.5 * bound < numpy.abs(first["n.x_y.w"]).max() <= bound, what
        layer = Layer(window, first["n.x_y.w"])
        y = layer.forward(given["x.npy"])
        near(rates(first), y, interpret, what)
        dw, db, _ = layer.backward(given["x.npy"], y - given["t.npy"])
        near(first["n.x_y.w"] - last["n.x_y.w"].astype(float), dw, interpret, what)
        near(-last["n.x_y.b"], db, interpret, what)
        near(rates(last), Layer(window, last["n.x_y.w"], last["n.x_y.b"]).forward(given["x.npy"]), interpret, what)


def convolutions_of_all_shapes(interpret):
    connected("conv", interpret)


def local_connections_of_all_shapes(interpret):
    connected("local", interpret)


# What is in front, behind, the kernel and stride of a pool, and whether the last size is that of channels.
POOLS = [
    ([8, 6, 3], [4, 3, 3], [2, 2], None, True),
    ([9, 7, 2], [4, 3, 2], [2, 2], None, True),         # the last row and column are left over
    ([7, 9, 20], [3, 4, 20], [3, 3], [2, 2], True),     # they overlap
    ([9, 8], [4, 2], [2, 4], None, False),
    ([8, 8, 1], [3, 3, 1], [2, 2], [3, 3], True),       # units between them that no pool sees
    ([17], [5], [3], None, False),
    ([17], [15], [3], [1], False),
]


def pooled(how, seen, e):
    """What a pool makes of [sample, unit, tap], and what it hands back of errors e behind it."""
    if how in ("sum", "mean"):
        share = 1 if how == "sum" else 1 / seen.shape[2]
        return seen.sum(2) * share, numpy.repeat(e[:, :, None], seen.shape[2], 2) * share
    best = getattr(seen, how)(2)
    return best, (seen == best[:, :, None]) * e[:, :, None]


def pools_of_all_kinds(interpret):
    """Units in front of pools learn how much to add to what they are given: the derivative of the cost by it, exactly, and
    as errors that cross a pool by themselves. Half of the inputs are rounded, so that there are ties: each unit that
    attains a maximum gets all of the derivative."""
    kinds = ("max", "mean", "min", "sum")
    for front, behind, kernel, stride, channels in POOLS:
        (space, inner), (places, _) = split(front, channels), split(behind, channels)
        given = data(front, behind)
        given["x.npy"][N // 2:] = numpy.round(given["x.npy"][N // 2:])
        window = Window(space, kernel, stride or kernel, places, inner, pool=True)
        seen = window.see(given["x.npy"])
        steps = f", stride = {brackets(stride)}" if stride else ""
        lines, binds = [], "one.rate = 1"
        for how in kinds:
            lines += [f"area {how}_in{brackets(front)} : shifted",
                      f"area {how}_out{brackets(behind)} : linear_unit {{ given target }}",
                      f"connect one -> {how}_in : dense(w = 0)",
                      f"connect {how}_in -> {how}_out : pool(kernel = {brackets(kernel)}{steps}"
                      + (")" if how == "max" else f", reduce = {how})")]  # max is the default
            binds += f"; {how}_in.value = x; {how}_out.target = t"
        cost = " + ".join(f"squared_error({how}_out.rate, {how}_out.target)" for how in kinds)
        probes = ", ".join(f"{how}_out.rate" for how in kinds)
        for rule in ("backprop", "weight_transport"):
            last = run(f"""
data d = table(x = npy("x.npy"), t = npy("t.npy"))
unit shifted {{ given value; input drive; output rate = value + drive }}
network n {{
    area one : source
    {"".join(line + chr(10) for line in lines)}
    cost c = {cost}
    learn c by {rule}() with sgd(1)
}}
test n on d {{ {binds}; probe {probes} }}
train n on d, batch = {N}, trials = 1 {{ {binds} }}
""", given, interpret=interpret)
            for how in kinds:
                what = (rule, how, front, behind, kernel, stride)
                y, _ = pooled(how, seen, numpy.zeros(seen.shape[:2]))
                _, parts = pooled(how, seen, y - given["t.npy"])
                near(rates(last, f"{how}_out.rate"), y, interpret, what)
                near(-last[f"n.one_{how}_in.w"][0], window.back(parts).mean(0), interpret, what)


def weights_are_kept(interpret):
    for kind in ("conv", "local"):
        for kept, value in (("clip(w, -0.1, 0.1)", lambda w: numpy.clip(w, -0.1, 0.1)),
                            ("w / norm(w)", lambda w: w / numpy.linalg.norm(w)),
                            ("w / norm(w, over = pre)", lambda w: w / numpy.linalg.norm(w, axis=-2, keepdims=True)),
                            ("max(w, 0)", lambda w: numpy.maximum(w, 0))):
            text = model([7, 6, 2], [5, 4, 3], f"{kind}(kernel = 3, bias = true)", line="learn c by backprop() with sgd(0.1)")
            kept = text.replace("bias = true)", f"bias = true) {{ keep w = {kept} }}")
            free, last = (run(t, data([7, 6, 2], [5, 4, 3]), interpret=interpret) for t in (text, kept))
            near(last["n.x_y.w"], value(free["n.x_y.w"].astype(float)), interpret, (kind, kept))
            near(last["n.x_y.b"], free["n.x_y.b"], interpret, (kind, kept))


TWO = """
data d = table(x = npy("x.npy"), z = npy("z.npy"))
network n {
    area x[7, 6, 2] : source
    area y[5, 4, 3] : tanh_unit
    area z[9, 5, 2] : source
    area u[9, 5, 3] : tanh_unit
    area back[7, 6, 2] : tanh_unit
    connect x -> y : conv(kernel = 3, bias = true)
    connect z -> u : tied(x_y)
    connect y -> back : transpose(x_y)
    cost c = sum(y.rate^2) / 2 + sum(u.rate^2) / 2 + sum(back.rate^2) / 2
    learn c by backprop() with sgd(0.05)
}
test n on d { x.rate = x; z.rate = z; probe y.rate, u.rate, back.rate }
train n on d, batch = 6, trials = 2 { x.rate = x; z.rate = z }
"""


def transposed_and_tied(interpret):
    """transpose(c) conducts back what a convolution sees; tied(c) is the same kernel over another area, here with a border.
    The gradient adds what all three contribute, in two steps, since biases begin at 0."""
    given = {"x.npy": numbers(N, 84, seed=1), "z.npy": numbers(N, 90, seed=2)}
    here, there = Window([7, 6], [3, 3], [1, 1], [5, 4], 2), Window([9, 5], [3, 3], [1, 1], [9, 5], 2)
    first, last = (how(TWO, data=given, interpret=interpret) for how in (before, run))
    w, b = first["n.x_y.w"].astype(float), first["n.x_y.b"].astype(float)
    for step in range(2):
        one, two = Layer(here, w, b), Layer(there, w, b)
        y, u = numpy.tanh(one.forward(given["x.npy"])), numpy.tanh(two.forward(given["z.npy"]))
        back = numpy.tanh(one.backward(given["x.npy"], y)[2])
        if step == 0:
            for name, rate in (("y.rate", y), ("u.rate", u), ("back.rate", back)):
                near(rates(first, name), rate, interpret, name)
        e = back * (1 - back**2)
        dw, db, _ = one.backward(given["x.npy"], (y + Layer(here, w).forward(e)) * (1 - y**2))
        crossing, _, _ = one.backward(e, y)  # of the transpose: synapses in front of which is `back`
        more, bias, _ = two.backward(given["z.npy"], u * (1 - u**2))
        w, b = w - 0.05 * (dw + crossing + more), b - 0.05 * (db + bias)
    near(last["n.x_y.w"], w, interpret, "weights")
    near(last["n.x_y.b"], b, interpret, "biases")


def dense_connections_with_the_same_synapses(interpret):
    """As many weights as there are pairs, most of them 0. The orders of the sums differ, in the interpreter too, which
    multiplies matrices in blocks."""
    front, behind = [7, 6, 2], [4, 4, 3]
    still = "learn c by backprop() with sgd(0)"
    for kind in ("conv", "local"):
        def started(text, values):
            """The rates with these weights, of single precision as those that a checkpoint holds."""
            w = run(text, data(front, behind), interpret=interpret)["n.x_y.w"]
            start = changed(run(text, data(front, behind), interpret=interpret).checkpoint, values(w))
            return w, rates(run(text, data(front, behind), interpret=interpret, start=start))

        w, one = started(model(front, behind, f"{kind}(kernel = 3, stride = [2, 1])", line=still), lambda w: {})
        window = Window(front[:2], [3, 3], [2, 1], behind[:2], 2)
        all_pairs = numpy.zeros((window.size + 1, 16, 3), numpy.float32)
        for place, units in enumerate(window.units):
            all_pairs[units, place] = numpy.broadcast_to(w, (16, 18, 3))[place]
        _, other = started(model(front, behind, "dense", line=still),
                           lambda _: {"n.x_y.w": all_pairs[:-1].reshape(window.size, 48)})
        near(one, other, interpret, kind)


def as_pytorch_has_them(interpret):
    """The convolutions, pools and gradients of PyTorch, where it is installed, are the definition above."""
    if interpret or not importlib.util.find_spec("torch"):
        return
    import torch

    def image(x, space, channels):
        return torch.tensor(x.reshape(N, *space, channels).astype(float)).permute(0, 3, 1, 2)

    def flat(y):
        return y.permute(0, 2, 3, 1).reshape(N, -1).numpy()

    for front, behind, kernel, stride, channels in SHAPES:
        if len(kernel) == 1:
            continue
        (space, inner), (places, outer) = split(front, channels), split(behind, channels)
        window = Window(space, kernel, stride, places, inner)
        x, e = (numbers(N, n, seed=n).astype(float) for n in (window.size, int(numpy.prod(behind))))
        w = torch.tensor(numbers(window.units.shape[1], outer).astype(float), requires_grad=True)
        pads = [n for b in reversed(window.border) for n in (b // 2, b - b // 2)]
        seen = image(x, space, inner).requires_grad_()
        y = torch.nn.functional.conv2d(torch.nn.functional.pad(seen, pads),
                                       w.reshape(*kernel, inner, outer).permute(3, 2, 0, 1), stride=stride)
        (y * image(e, places, outer)).sum().backward()
        layer = Layer(window, w.detach().numpy())
        dw, _, reach = layer.backward(x, e)
        for ours, theirs in ((layer.forward(x), flat(y.detach())), (dw * N, w.grad.numpy()), (reach, flat(seen.grad))):
            assert numpy.abs(ours - theirs).max() < 1e-12
    for front, behind, kernel, stride, channels in POOLS:
        if len(kernel) == 1:
            continue
        (space, inner), (places, _) = split(front, channels), split(behind, channels)
        window = Window(space, kernel, stride or kernel, places, inner, pool=True)
        x, e = (numbers(N, n, seed=n).astype(float) for n in (window.size, int(numpy.prod(behind))))
        for how, theirs in (("max", torch.nn.functional.max_pool2d), ("mean", torch.nn.functional.avg_pool2d)):
            seen = image(x, space, inner).requires_grad_()
            y = theirs(seen, kernel, stride or kernel)
            (y * image(e, places, inner)).sum().backward()
            ours, parts = pooled(how, window.see(x), e)
            assert numpy.abs(ours - flat(y.detach())).max() < 1e-12
            assert numpy.abs(window.back(parts) - flat(seen.grad)).max() < 1e-12


if __name__ == "__main__":
    on_both_engines(convolutions_of_all_shapes, local_connections_of_all_shapes, pools_of_all_kinds,
                    weights_are_kept, transposed_and_tied, dense_connections_with_the_same_synapses,
                    as_pytorch_has_them)
