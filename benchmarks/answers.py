"""Do contenders give the same answers?  Asked before they are timed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NAMES = ("output", "query's gradient", "key's gradient", "value's gradient", "v's gradient")
"""What a contender gives, in this order: the first alone without a backward pass."""


class Disagreement(Exception):
    """Contenders that are said to compute the same thing do not: there is nothing to time."""


def relative_error(got: Any, want: Any) -> float:
    """The largest error, relative to the largest number of what is wanted; NaN is infinite error.

    >>> round(relative_error([1.0, 2.1], [1.0, 2.0]), 3)
    0.05
    """
    got, want = (np.asarray(array, dtype=np.float64) for array in (got, want))
    if got.size != want.size:
        return float("inf")
    error = np.abs(got.reshape(want.shape) - want).max(initial=0.0)
    return float(np.nan_to_num(error / max(np.abs(want).max(initial=0.0), 1e-30), nan=np.inf))


def agree(
    case: str,
    answers: Mapping[str, Sequence[Any]],
    want: Sequence[Any],
    tolerance: float = 1e-4,
) -> None:
    """Each contender's answers are ``want``, within ``tolerance`` of the largest number of each.

    By default the tolerance is that of float32 sums in any order; how exact an answer is,
    ``accuracy.py`` measures.

    Raises:
        Disagreement: who is off, where and by how much.
    """
    for contender, arrays in answers.items():
        if len(arrays) > len(want):
            raise Disagreement(f"{case}: {contender} gives {len(arrays)} answers of {len(want)}")
        for name, got, right in zip(NAMES, arrays, want, strict=False):
            error = relative_error(got, right)
            if error > tolerance:
                raise Disagreement(f"{case}: {contender} is off by {error:.2g} in the {name}")
