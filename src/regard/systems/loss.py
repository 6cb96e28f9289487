"""What a system's loss is: a sum and what it is a sum of."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Loss(NamedTuple):
    """A sum (nats) over the batch, and how many tokens or examples it is of.

    Both parts, because a batch may be shared by several processes: what is minimised is the sum of
    all their totals by the sum of all their counts, not the mean of their means.
    """

    total: Float[Tensor, ""]
    count: Float[Tensor, ""]  # pyright: ignore[reportIncompatibleMethodOverride]

    @property
    def mean(self) -> Float[Tensor, ""]:
        """Nats a token or example; 0 where there is none."""
        return self.total / self.count.clamp(min=1)
