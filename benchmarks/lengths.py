"""How do time and memory grow with the length?  The numbers of docs/images/performance.png.

Claims: none of its own; the picture shows those of the other files at every length.

Run:    python benchmarks/lengths.py [--full] [--json] [--strict]
Method: forward and backward at 1×T×64, T = 256 … 1024, with ``--full`` … 16384. Every contender is
        a process of its own, and they are timed in turn. The first run of each at a length is that
        of its peak. Answers are compared up to 4096 tokens. Who needs more than 70% of the memory
        that is free is left out, and the report says so.
"""

from contextlib import ExitStack

import contenders
from additive_against_peers import COMPILED_FOR_A_SHAPE, FLEX, MAKERS, takes_part
from answers import agree
from formula import Shape, additive, in_blocks, scaled_dot, title
from machine import available_bytes
from process import Remote
from report import Report, main
from timing import paired

SDPA = "torch SDPA"
LINEAR = {"regard": contenders.regard_additive, SDPA: contenders.sdpa}
ALL = LINEAR | {name: make for name, make in MAKERS.items() if name != FLEX}
COMPARED = 4096
"""Tokens up to which the formula is written out, which takes a minute for four times as many."""

TENSORS_HELD = 4
"""Of size (B, Q, K, D), by who writes the broadcast out, with gradients."""


def has_room(report: Report, name: str, shape: Shape) -> bool:
    """Whether a contender can run without driving the machine to its limit."""
    batch, queries, keys, features = shape
    needs = 0 if name in LINEAR else TENSORS_HELD * 4 * batch * queries * keys * features
    if needs <= 0.7 * available_bytes() or not available_bytes():
        return True
    report.note(f"{name} is left out at {title(shape)}: it needs about {needs / 1e9:.0f} GB")
    return False


def at_length(report: Report, shape: Shape) -> None:
    """One row for each contender that takes part."""
    formulas = (additive, scaled_dot) if shape[1] <= COMPARED else ()
    want = {formula: in_blocks(formula, shape, True) for formula in formulas}
    peaks: dict[str, float | None] = {}
    with ExitStack() as stack:
        timed: dict[str, Remote] = {}
        for name, make in ALL.items():
            if not (has_room(report, name, shape) and takes_part(report, name, True)):
                continue
            first = shape if name in COMPILED_FOR_A_SHAPE else [1, 32, 32, shape[-1]]
            remote = stack.enter_context(Remote(make, shape=first, backward=True))
            remote.seconds(1)
            remote.make(shape=shape, backward=True)
            peaks[name] = remote.peak_mb()
            formula = scaled_dot if name == SDPA else additive
            if formula in want:
                agree(title(shape), {name: remote.answers()}, want[formula])
            timed[name] = remote
        times = paired(timed, budget=10 if report.full else 2, rounds=3)
    for name in timed:
        report.row(
            tokens=shape[1],
            contender=name,
            least_ms=1e3 * times.least(name),
            median_ms=1e3 * times.median(name),
            over_regard=times.ratio(name, "regard"),
            **{"peak MB": peaks[name]},
        )


def measure(report: Report) -> None:
    for power in range(8, 15 if report.full else 11):
        at_length(report, (1, 2**power, 2**power, 64))


if __name__ == "__main__":
    main(__file__, __doc__, measure)
