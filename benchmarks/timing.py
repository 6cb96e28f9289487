"""Contenders timed in turn, so that the machine's noise meets all of them.

A round times every contender once, one after the other, in an order that turns with every round; a
ratio is the median of the ratios within rounds. A sample is one call, or as many calls back to
back as take ``SAMPLE`` seconds, and follows a pause and an untimed call: what the neighbour leaves
behind (threads that still spin, its data in the caches) is not charged to who comes next.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

SAMPLE = 0.05
"""Seconds that a sample of a quick call lasts at least."""

PAUSE = 0.02
"""Seconds of rest before a sample: OpenMP's threads spin for some of it after their last work."""

LONG = 0.25
"""Seconds from which on a call warms itself up in its first part."""


class Timed(Protocol):
    """What can be timed: a call of this process, or of another (``process.Remote``)."""

    def seconds(self, calls: int) -> float:
        """The time of ``calls`` calls back to back."""
        ...


@dataclass(frozen=True)
class Local:
    """A call of this process."""

    call: Callable[[], Any]

    def seconds(self, calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            self.call()
        return time.perf_counter() - start


@dataclass(frozen=True)
class Times:
    """Seconds of one call: for each contender, one number a round."""

    samples: dict[str, list[float]]

    def least(self, name: str) -> float:
        return min(self.samples[name])

    def median(self, name: str) -> float:
        return statistics.median(self.samples[name])

    def ratio(self, name: str, base: str) -> float:
        """Time of ``name`` as a multiple of that of ``base``."""
        pairs = zip(self.samples[name], self.samples[base], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def paired(contenders: Mapping[str, Timed], budget: float, rounds: int = 5) -> Times:
    """Times of the contenders, measured in turn.

    Args:
        contenders: what is timed, by name.
        budget: seconds after which no round is begun.
        rounds: as many rounds are run at least, whatever they cost.
    """
    calls, quick = {}, {}
    for name, contender in contenders.items():
        contender.seconds(1)  # compiles and loads what is compiled and loaded once
        once = contender.seconds(1)
        if once < LONG:
            # Some second calls are slow too, and a sample must not be sized by them.
            once = min(contender.seconds(1) for _ in range(3))
        quick[name] = once < LONG
        calls[name] = max(1, math.ceil(SAMPLE / max(once, 1e-6)))
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    start = time.perf_counter()
    while len(samples[next(iter(samples))]) < rounds or time.perf_counter() - start < budget:
        turn = len(samples[next(iter(samples))])
        for name in list(contenders)[:: 1 if turn % 2 else -1]:
            time.sleep(PAUSE)
            if quick[name]:
                contenders[name].seconds(1)
            samples[name].append(contenders[name].seconds(calls[name]) / calls[name])
    return Times(samples)
