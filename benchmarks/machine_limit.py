"""How far is the CPU's kernel of additive attention from what the processor could do at most?

Claims: none. The limit is the processor's rate of vector multiply-adds, measured on all threads
with nothing else to do, over the vector instructions that a pair and feature needs.

Run:    python benchmarks/machine_limit.py [--full] [--json] [--strict]
Method: the multiply-adds of ten independent sums in registers; then attention, forward and forward
        and backward, of which the least time counts, as the limit knows no noise either.
"""

import numba
import numpy as np
import torch
from contenders import regard_additive
from formula import title
from report import Report, main
from timing import Local, paired

from regard.engines.additive_numba import threads
from regard.engines.additive_numba.lanes import WIDTH, add, fma, load, store

SHAPE = (1, 2048, 2048, 64)
ROUNDS = 1_000_000

SCORES = 3 + 4 / 8
"""A multiply-add for x, one for n, a multiplication for p; for eight features a reciprocal (an
estimate and a Newton step of two) and a multiply-add. See engines/additive_numba/scores.py."""

VALUES = 1
"""A multiply-add for the product of weights and values, or of their gradients."""

SLOPES = (4 + 3 + 3 + 2 + 4 + 4 + 4 + 4 + 4) / 4
"""For four queries: x, their products, a reciprocal, r of each, and each's square, and parts of the
sums of query, key and weight. See engines/additive_numba/slopes.py."""

FORWARD = SCORES + VALUES
BOTH = FORWARD + SCORES + SLOPES + 2 * VALUES


@numba.njit(error_model="numpy", nogil=True)
def multiply_adds(a, out, rounds):
    y, z = load(a, 0), load(a, WIDTH)
    s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 = z, z, z, z, z, z, z, z, z, z
    for _ in range(rounds):
        s0, s1, s2, s3, s4 = (
            fma(s0, y, z),
            fma(s1, y, z),
            fma(s2, y, z),
            fma(s3, y, z),
            fma(s4, y, z),
        )
        s5, s6, s7, s8, s9 = (
            fma(s5, y, z),
            fma(s6, y, z),
            fma(s7, y, z),
            fma(s8, y, z),
            fma(s9, y, z),
        )
    left, right = add(add(s0, s1), add(s2, s3)), add(add(s4, s5), add(s6, s7))
    store(out, 0, add(add(left, right), add(s8, s9)))


def peak() -> float:
    """Multiply-adds of single numbers a second, on all threads."""
    count = torch.get_num_threads()
    a, outs = np.full(2 * WIDTH, 0.5, np.float32), np.zeros((count, WIDTH), np.float32)
    work = [lambda out=out: multiply_adds(a, out, ROUNDS) for out in outs]
    times = paired({"peak": Local(lambda: threads.run(work))}, budget=1)
    return count * 10 * WIDTH * ROUNDS / times.least("peak")


def measure(report: Report) -> None:
    most = peak()
    report.note(
        f"the processor's multiply-adds of float32: {most / 1e9:.0f} thousand millions a second"
    )
    batch, queries, keys, features = SHAPE
    pairs = batch * queries * keys * features
    for backward, cost in ((False, FORWARD), (True, BOTH)):
        call = Local(regard_additive(SHAPE, backward))
        times = paired({"regard": call}, budget=4)
        rate = pairs / times.least("regard")
        report.row(
            case=title(SHAPE, backward),
            instructions=cost,
            limit_in_1e9_a_second=most / cost / 1e9,
            reached_in_1e9_a_second=rate / 1e9,
            share=rate * cost / most,
        )


if __name__ == "__main__":
    main(__file__, __doc__, measure)
