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


def told(rows: Rows, *, one: bool = False) -> Rows:
    """The weights, of which all witnesses have been told.

    Args:
        rows: ``(*batch, Q, K)``; with ``one`` they are ``(*batch, K)``, of one query.
    """
    for witness in WITNESSES:
        witness.rows(rows[..., None, :] if one else rows)
    return rows
