"""How exact is the additive score, beside the usual code?

Claims: output and every gradient are off by at most 1e-5 of their largest number, or by twice as
much as the eager computation in float32 is, where that is more.

Run:    python benchmarks/accuracy.py [--full] [--json] [--strict]
Method: the truth is the formula in float64, written out in blocks of queries; the eager
        computation is the same code in float32. ``--full`` adds 1×8192×64.
"""

import contenders
import torch
from answers import NAMES, agree, relative_error
from formula import Shape, additive, in_blocks, title
from report import Report, main

SHAPES = ([1, 2048, 2048, 64], [4, 512, 512, 64], [2, 512, 512, 256], [32, 1, 50, 256])
LONG = [1, 8192, 8192, 64]
FLOOR, MULTIPLE = 1e-5, 2


def errors(report: Report, shape: Shape) -> None:
    """One row for the output and each gradient, and the claim of a shape."""
    ours = contenders.regard_additive(shape, True)()
    eager = in_blocks(additive, shape, True)
    truth = in_blocks(additive, shape, True, torch.float64)
    # Something else altogether has no accuracy.
    agree(title(shape), {"regard": ours, "torch eager": eager}, truth, tolerance=0.01)
    worst = 0.0
    for name, got, usual, right in zip(NAMES, ours, eager, truth, strict=True):
        error, usual_error = relative_error(got, right), relative_error(usual, right)
        allowed = max(FLOOR, MULTIPLE * usual_error)
        worst = max(worst, error / allowed)
        report.row(
            case=title(shape), of=name, regard=error, torch_eager=usual_error, allowed=allowed
        )
    report.claim(f"{title(shape)}, largest error over what is allowed", worst, 1.0)


def measure(report: Report) -> None:
    for shape in (*SHAPES, *([LONG] if report.full else [])):
        errors(report, shape)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
