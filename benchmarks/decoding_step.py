"""Is one decoding step, where there is little to compute, slower than plain torch code?

Claims: 32 sequences, one query each over 50 keys of 256 features, forward: not slower than the
eager broadcast.

Run:    python benchmarks/decoding_step.py [--full] [--json] [--strict]
Method: both are first compared with the formula, then timed in turn, many steps back to back
        (timing.py). Forward and backward is shown beside it, without a claim.
"""

import contenders
from answers import agree
from formula import additive, in_blocks, title
from report import Report, main
from timing import Local

SHAPE = (32, 1, 50, 256)
EAGER = "torch eager"
MAKERS = {"regard": contenders.regard_additive, EAGER: contenders.eager}


def measure(report: Report) -> None:
    for backward in (False, True):
        case, want = title(SHAPE, backward), in_blocks(additive, SHAPE, backward)
        calls = {name: make(SHAPE, backward) for name, make in MAKERS.items()}
        agree(case, {name: call() for name, call in calls.items()}, want)
        times = report.compare(case, {name: Local(call) for name, call in calls.items()})
        if not backward:
            report.claim(f"{case}, over {EAGER}", times.ratio("regard", EAGER), 1.0)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
