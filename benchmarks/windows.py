"""Does a window cost what is inside it?

Claims: a window of 128 + 128 over 65,536 tokens takes at most 10 times as long as over 8,192, and
at most 10 times the memory, whatever the score (8 times the tokens; the pairs of all tokens would
be 64 times as many).

Run:    python benchmarks/windows.py [--full] [--json] [--strict]
Method: a score that is an inner product, the additive score and a function of the user's, each
        compared with the formula and a written-out band at 700 tokens, then timed in turn at the
        two lengths. A peak below the size of query, key, value and output at 8,192 tokens (8.4 MB)
        counts as that. ``--full`` adds the backward pass.
"""

from typing import Any

import torch
from answers import agree
from formula import differentiated, inputs
from own_function import laplace
from process import Call, peak_mb
from report import Report, main
from timing import Local
from torch import Tensor

import regard
from regard import masks, scores

SHORT, LONG = 8192, 65536
REACH = 128
FEATURES = 64
TIMES = 10


def score_of(name: str, v: Tensor) -> Any:
    """The score that a table calls so."""
    return {
        "scaled dot": "scaled_dot",
        "additive": scores.Additive(v),
        "own function": laplace,
    }[name]


def windowed(score: str, tokens: int, backward: bool) -> Call:
    def attend(query: Tensor, key: Tensor, value: Tensor, v: Tensor) -> Tensor:
        window = masks.window(before=REACH, after=REACH)
        return regard.attend(query, key, value, score=score_of(score, v), mask=window)

    return _call(attend, score, tokens, backward)


def written_out(score: str, tokens: int, backward: bool) -> Call:
    """The same, with all pairs and a band of booleans."""

    def attend(query: Tensor, key: Tensor, value: Tensor, v: Tensor) -> Tensor:
        place = torch.arange(tokens)
        far = (place[:, None] - place).abs() > REACH
        if score == "scaled dot":
            pairs = query @ key.mT / FEATURES**0.5
        elif score == "additive":
            pairs = torch.tanh(query[..., :, None, :] + key[..., None, :, :]) @ v
        else:
            pairs = laplace(query, key)
        return torch.softmax(pairs.masked_fill(far, -torch.inf), -1) @ value

    return _call(attend, score, tokens, backward)


def _call(attend: Any, score: str, tokens: int, backward: bool) -> Call:
    query, key, value, v, cotangent = map(torch.from_numpy, inputs((1, tokens, tokens, FEATURES)))
    if score == "additive":
        return differentiated(attend, [query, key, value, v], cotangent, backward)
    return differentiated(
        lambda *leaves: attend(*leaves, v), [query, key, value], cotangent, backward
    )


def measure(report: Report) -> None:
    names = {f"{SHORT:,} tokens": SHORT, f"{LONG:,} tokens": LONG}
    short, long = names
    floor = 4 * SHORT * FEATURES * 4 / 1e6
    for score in ("scaled dot", "additive", "own function"):
        agree(score, {"regard": windowed(score, 700, True)()}, written_out(score, 700, True)())
        for backward in (False, True) if report.full else (False,):
            case = f"{score} {'forward+backward' if backward else 'forward'}"
            calls = {name: windowed(score, n, backward) for name, n in names.items()}
            small = {"tokens": 300}
            peaks = {
                name: peak_mb(windowed, small, score=score, tokens=n, backward=backward)
                for name, n in names.items()
            }
            timed = {name: Local(call) for name, call in calls.items()}
            times = report.compare(case, timed, peaks, base=short, rounds=3)
            report.claim(f"{case}, time", times.ratio(long, short), TIMES)
            low, high = peaks[short], peaks[long]
            growth = None if low is None or high is None else high / max(low, floor)
            report.claim(f"{case}, peak memory", growth, TIMES)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
