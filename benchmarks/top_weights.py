"""What do the largest weights of very many pairs cost?

Claims: the 8 largest weights of each query over 32,768 × 32,768 pairs take at most 2.5 times as
long as torch's fused forward pass at that size, and at most 400 MB (all weights would be 4.3 GB).

Run:    python benchmarks/top_weights.py [--full] [--json] [--strict]
Method: at the full size, the weights of 64 queries are first compared with the formula, written
        out, and the indices by the weights found there. Then both are timed in turn.
"""

from typing import Any

import contenders
import torch
from answers import Disagreement, agree
from formula import Shape, inputs, title
from process import Call, peak_mb
from report import Report, main
from timing import Local

import regard

SHAPE = [1, 32768, 32768, 64]
TOP = 8
CHECKED = 64
SDPA = "torch SDPA"


def largest(shape: Shape) -> Call:
    query, key, *_ = map(torch.from_numpy, inputs(shape))

    def call() -> Any:
        with torch.no_grad():
            return regard.top_weights(query, key, TOP)

    return call


def check(shape: Shape, case: str) -> None:
    """Ties may come in any order, so indices are judged by the weights they point to."""
    query, key, *_ = (torch.from_numpy(array) for array in inputs(shape))
    got, indices = largest(shape)()
    rows = torch.softmax(query[:, :CHECKED] @ key.mT / shape[-1] ** 0.5, -1)
    want = rows.topk(TOP).values
    got, indices = got[:, :CHECKED], indices[:, :CHECKED]
    agree(case, {"regard": [got], "regard's indices": [rows.gather(-1, indices)]}, [want])
    if not bool((indices.sort().values.diff() > 0).all()):
        raise Disagreement(f"{case}: a key stands twice among the largest")


def measure(report: Report) -> None:
    case = title(SHAPE, False)
    check(SHAPE, case)
    small = {"shape": [1, 64, 64, 64]}
    peaks = {
        "regard": peak_mb(largest, small, shape=SHAPE),
        SDPA: peak_mb(contenders.sdpa, small, shape=SHAPE, backward=False),
    }
    calls = {"regard": largest(SHAPE), SDPA: contenders.sdpa(SHAPE, False)}
    if not contenders.is_fused(calls[SDPA], False):
        raise Disagreement(f"{case}: torch's function does not run its fused kernel")
    timed = {name: Local(call) for name, call in calls.items()}
    times = report.compare(case, timed, peaks, rounds=3)
    report.claim(f"top {TOP} of {case}, over {SDPA}", times.ratio("regard", SDPA), 2.5)
    report.claim(f"top {TOP} of {case}, peak memory", peaks["regard"], 400, unit="MB")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
