"""How far is the additive score from torch's fused kernel for the dot product?

Claims: forward at most 2.0 times the time of torch's scaled_dot_product_attention at the same
shape, forward and backward at most 1.5 times; float32, the same threads for both.

Run:    python benchmarks/additive_against_sdpa.py [--full] [--json] [--strict]
Method: torch's function gets four dimensions, and the profiler must have seen its fused kernel, in
        both passes. Both are first compared with their formulas, written out. Then they are timed
        in turn (timing.py); each peak of memory is that of a fresh process (process.py).
"""

import contenders
import numpy as np
from answers import Disagreement, agree
from formula import Shape, additive, in_blocks, scaled_dot, title
from process import Maker, peak_mb
from report import Report, main
from timing import Local

SHAPES = ([1, 2048, 2048, 64], [4, 512, 512, 64], [1, 8192, 8192, 64], [2, 512, 512, 256])
LIMITS = {False: 2.0, True: 1.5}
SDPA = "torch SDPA"
MAKERS: dict[str, Maker] = {"regard": contenders.regard_additive, SDPA: contenders.sdpa}
FORMULAS = {"regard": additive, SDPA: scaled_dot}
Answers = dict[str, list[np.ndarray]]


def against_sdpa(report: Report, shape: Shape, backward: bool, want: Answers) -> None:
    """The rows and the claim of one shape and one pass."""
    case = title(shape, backward)
    calls = {name: make(shape, backward) for name, make in MAKERS.items()}
    for name, call in calls.items():
        agree(case, {name: call()}, want[name])
    if not contenders.is_fused(calls[SDPA], backward):
        raise Disagreement(f"{case}: torch's function does not run its fused kernel")
    small = {"shape": [1, 32, 32, shape[-1]]}
    peaks = {
        name: peak_mb(make, small, shape=shape, backward=backward) for name, make in MAKERS.items()
    }
    times = report.compare(case, {name: Local(call) for name, call in calls.items()}, peaks)
    report.claim(f"{case}, over {SDPA}", times.ratio("regard", SDPA), LIMITS[backward])


def measure(report: Report) -> None:
    for shape in SHAPES:
        want = {name: in_blocks(formula, shape, True) for name, formula in FORMULAS.items()}
        for backward in LIMITS:
            against_sdpa(report, shape, backward, want)
    report.note(f"{SDPA} ran {contenders.FUSED}, in both passes, as the profiler saw")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
