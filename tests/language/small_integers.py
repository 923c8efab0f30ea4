# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Data that are small integers, divided by constants: compiled code multiplies, and must give the very quotients."""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "rules"))
from harness import on_both_engines, run

DIVISORS = (255, 3, 7, 0.353, -12.7, 1e30, 3e38, 0)  # the inverses of the last three are too small, or none


def quotients_are_exact(interpret):
    """All bytes and many integers of sixteen bits by all divisors, as NumPy divides numbers of single precision."""
    for every in numpy.arange(256, dtype=numpy.uint8), numpy.arange(-32768, 32768, 31, dtype=numpy.int16)[:2112]:
        every = every.reshape(-1, 16)
        areas = "\n".join(f"    area a{k}[16] : source" for k in range(len(DIVISORS)))
        given = "; ".join(f"a{k}.rate = m / {by}" for k, by in enumerate(DIVISORS))
        probes = "; ".join(f"probe a{k}.rate" for k in range(len(DIVISORS)))
        done = run(f"""
network n {{
{areas}
}}
data rows = table(m = npy("m.npy"))
test n on rows, batch = 5 {{ {given}; {probes} }}
""", data={"m.npy": every}, interpret=interpret)
        for k, by in enumerate(DIVISORS):
            got = numpy.array([[numpy.nan if v is None else v for v in p[f"a{k}.rate"]] for p in done.probes])
            with numpy.errstate(all="ignore"):
                expected = every.astype(numpy.float32) / numpy.float32(by)
            equal = (got.astype(numpy.float32) == expected) | ~numpy.isfinite(expected)
            assert equal.all(), (every.dtype, by)


if __name__ == "__main__":
    on_both_engines(quotients_are_exact)
