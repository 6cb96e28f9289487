"""Who is told what is attended to: ``regard.watch``, while it watches, and at other times nobody.

``attend`` tells of its calls. A layer that makes its weights in another way tells of the weights.
"""

from typing import Any, Protocol, TypeVar

from torch import Tensor

from regard.engines.call import Call

Rows = TypeVar("Rows", bound=Tensor)


class Witness(Protocol):
    """Somebody who is told."""

    def call(self, call: Call, /) -> None:
        """``attend`` was called."""
        ...

    def rows(self, rows: Any, /) -> None:
        """Weights ``(*batch, Q, K)`` were used."""
        ...


WITNESSES: list[Witness] = []


def told(rows: Rows) -> Rows:
    """Weights ``(*batch, Q, K)``, of which all witnesses have been told."""
    for witness in WITNESSES:
        witness.rows(rows)
    return rows


def told_call(call: Call) -> Call:
    """A call whose weights are used, of which all witnesses have been told."""
    for witness in WITNESSES:
        witness.call(call)
    return call
