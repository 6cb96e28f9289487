"""Do sparsemax and entmax hold all pairs?

Claims: over 8,192 × 8,192 pairs, forward and backward, each raises the process's memory by at most
300 MB (the weights alone would be 268 MB, and eager code holds several of that size).

Run:    python benchmarks/sparse_normalizers.py [--full] [--json] [--strict]
Method: weights of 500 tokens are first compared with thresholds found by bisection, in float64, and
        the gradient with the Jacobian's closed form. Peaks are those of fresh processes. ``--full``
        also times them in turn, beside softmax on the same engine.
"""

from collections.abc import Sequence
from typing import Any

import torch
from answers import agree
from formula import Shape, differentiated, inputs, title
from process import Call, peak_mb
from report import Report, main
from timing import Local
from torch import Tensor

import regard

SHAPE = [1, 8192, 8192, 64]
ALPHAS = {"sparsemax": 2.0, "entmax15": 1.5}
LIMIT = 300
SOFTMAX = "softmax"


def normalized(normalizer: str, shape: Shape, backward: bool) -> Call:
    query, key, value, _, cotangent = map(torch.from_numpy, inputs(shape))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        engine = "streaming" if normalizer == SOFTMAX else "auto"
        return regard.attend(query, key, value, normalizer=normalizer, engine=engine)

    return differentiated(attend, [query, key, value], cotangent, backward)


def by_bisection(alpha: float, shape: Shape) -> Sequence[Any]:
    """Output and gradients of query, key and value, for weights max((α−1)z − τ, 0)^(1/(α−1)) that
    add up to 1; their Jacobian is diag(s) − s sᵀ / Σs, for s = weights^(2−α) on the support."""
    query, key, value, _, cotangent = [torch.from_numpy(array).double() for array in inputs(shape)]
    scale = query.shape[-1] ** -0.5
    reduced = (alpha - 1) * scale * query @ key.mT
    high = reduced.amax(-1, keepdim=True)
    low = high - 1
    for _ in range(60):
        middle = (low + high) / 2
        total = (reduced - middle).clamp(min=0).pow(1 / (alpha - 1)).sum(-1, keepdim=True)
        low, high = torch.where(total > 1, middle, low), torch.where(total > 1, high, middle)
    weights = (reduced - low).clamp(min=0).pow(1 / (alpha - 1))
    slope = torch.where(weights > 0, weights.pow(2 - alpha), 0.0)
    wanted = slope * (cotangent @ value.mT)
    mean = wanted.sum(-1, keepdim=True) / slope.sum(-1, keepdim=True)
    scores = scale * (wanted - slope * mean)
    return weights @ value, scores @ key, scores.mT @ query, weights.mT @ cotangent


def measure(report: Report) -> None:
    small = [1, 500, 500, 64]
    for name, alpha in ALPHAS.items():
        agree(name, {"regard": normalized(name, small, True)()}, by_bisection(alpha, small))
    peaks = {
        name: peak_mb(
            normalized, {"shape": [1, 32, 32, 64]}, normalizer=name, shape=SHAPE, backward=True
        )
        for name in (SOFTMAX, *ALPHAS)
    }
    case = title(SHAPE, True)
    if report.full:
        timed = {name: Local(normalized(name, SHAPE, True)) for name in peaks}
        report.compare(case, timed, peaks, base=SOFTMAX, rounds=3)
    else:
        for name, peak in peaks.items():
            report.row(**{"case": case, "contender": name, "peak MB": peak})
    for name in ALPHAS:
        report.claim(f"{case}, {name}, peak memory", peaks[name], LIMIT, unit="MB")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
