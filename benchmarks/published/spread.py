"""Means over seeds, and how sure they are."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

SHARE = 0.95


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The mean with its 95% interval (Student's t over the values), and their standard deviation.

    One value has no interval.

    >>> {name: round(value, 3) for name, value in spread([1, 2, 3]).items() if name != "values"}
    {'mean': 2.0, 'low': -0.484, 'high': 4.484, 'deviation': 1.0}
    """
    mean = fmean(values)
    found: dict[str, Any] = {"mean": mean, "low": None, "high": None, "deviation": None}
    if len(values) > 1:
        from scipy import stats

        deviation = stdev(values)
        times = float(stats.t.ppf(0.5 + SHARE / 2, len(values) - 1))
        reach = times * deviation / math.sqrt(len(values))
        found |= {"low": mean - reach, "high": mean + reach, "deviation": deviation}
    return found | {"values": list(values)}


def gain(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """The spread of the differences, seed by seed."""
    return spread([one - other for one, other in zip(ours, theirs, strict=True)])


def share(right: int, count: int) -> dict[str, Any]:
    """A share with its 95% interval, Wilson's of 1927.

    >>> {name: round(value, 3) for name, value in share(95, 100).items()}
    {'mean': 0.95, 'low': 0.888, 'high': 0.978}
    """
    from scipy import stats

    found = stats.binomtest(right, count).proportion_ci(SHARE, method="wilson")
    return {"mean": right / count, "low": float(found.low), "high": float(found.high)}


def percent(found: dict[str, Any], *, signed: bool = False) -> str:
    """A share with its interval, in percent.

    >>> percent({"mean": 0.5, "low": 0.4, "high": 0.6}), percent(spread([0.25]), signed=True)
    ('50.0 (40.0 … 60.0)', '+25.0')
    """
    values = [found[name] for name in ("mean", "low", "high") if found[name] is not None]
    texts = [f"{100 * value:{'+' if signed else ''}.1f}" for value in values]
    return texts[0] if len(texts) == 1 else f"{texts[0]} ({texts[1]} … {texts[2]})"
