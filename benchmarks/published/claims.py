"""What a part's content should show."""

from typing import Any


def claim(
    what: str, measured: float, limit: float, unit: str = "%", *, least: bool = True
) -> dict[str, Any]:
    """The fields of a ``report.Claim``: ``limit`` is the least that is wanted, or the most."""
    return {
        "what": what,
        "measured": measured,
        "limit": limit,
        "unit": unit,
        "at_least": least,
    }
