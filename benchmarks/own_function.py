"""What does a score of the user's own cost, beside writing it out in torch?

Claims: at 1×2048×64 forward at most 1.5 times the time of the same function in eager torch, and
memory that is linear: at 4,096 tokens at most twice that at 2,048, forward and backward (with
``--full``, at 8,192 at most 4 times).

Run:    python benchmarks/own_function.py [--full] [--json] [--strict]
Method: the function is minus the distance in L1, which broadcasts to all pairs and features. Both
        are compared, then timed in turn; peaks of memory are those of fresh processes. ``--full``
        also times forward and backward.
"""

import torch
from answers import agree
from formula import Shape, differentiated, inputs, title
from process import Call, Maker, peak_mb
from report import Report, main
from timing import Local
from torch import Tensor

import regard

LENGTH = 2048
EAGER = "torch eager"


def laplace(query: Tensor, key: Tensor) -> Tensor:
    """−|q − k|₁, as a user writes it."""
    return -(query[..., :, None, :] - key[..., None, :, :]).abs().sum(-1)


def with_regard(shape: Shape, backward: bool) -> Call:
    query, key, value, _, cotangent = map(torch.from_numpy, inputs(shape))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return regard.attend(query, key, value, score=laplace)

    return differentiated(attend, [query, key, value], cotangent, backward)


def in_torch(shape: Shape, backward: bool) -> Call:
    query, key, value, _, cotangent = map(torch.from_numpy, inputs(shape))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return torch.softmax(laplace(query, key), -1) @ value

    return differentiated(attend, [query, key, value], cotangent, backward)


MAKERS: dict[str, Maker] = {"regard": with_regard, EAGER: in_torch}


def peak(name: str, length: int, backward: bool) -> float | None:
    small = {"shape": [1, 32, 32, 64]}
    return peak_mb(MAKERS[name], small, shape=[1, length, length, 64], backward=backward)


def measure(report: Report) -> None:
    shape = [1, LENGTH, LENGTH, 64]
    for backward in (False, True) if report.full else (False,):
        case = title(shape, backward)
        calls = {name: make(shape, backward) for name, make in MAKERS.items()}
        agree(case, {"regard": calls["regard"]()}, calls[EAGER]())
        peaks = {name: peak(name, LENGTH, backward) for name in MAKERS}
        times = report.compare(case, {name: Local(call) for name, call in calls.items()}, peaks)
        if not backward:
            report.claim(f"{case}, over {EAGER}", times.ratio("regard", EAGER), 1.5)
    more = LENGTH * (4 if report.full else 2)
    few, many = (peak("regard", length, True) for length in (LENGTH, more))
    for length, mb in ((LENGTH, few), (more, many)):
        case = title([1, length, length, 64], True)
        report.row(**{"case": case, "contender": "regard", "peak MB": mb})
    growth = None if few is None or many is None else many / few
    report.claim(f"peak memory, {more:,} tokens over {LENGTH:,}", growth, more / LENGTH)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
