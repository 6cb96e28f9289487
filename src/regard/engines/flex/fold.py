"""Arrays as FlexAttention wants them: with two leading dimensions, a batch and heads."""

from math import prod

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.engines.call import Call

NARROWEST = 16
"""Features that the kernel's products of matrices want at least."""


def four(call: Call, x: Float[Tensor, "*#batch n E"], heads: int) -> Float[Tensor, "B heads n F"]:
    """Queries, keys or values, in full, and with zeros up to ``NARROWEST`` features."""
    x = F.pad(x, (0, max(NARROWEST - x.shape[-1], 0)))
    x = x.expand(*call.batch[:-1], heads, *x.shape[-2:])
    return x.reshape(prod(call.batch[:-1]), heads, *x.shape[-2:])


def fold(call: Call, x: Float[Tensor, "*#batch n m"]) -> Float[Tensor, "#B #H n m"]:
    """What is known about rows and columns; dimensions that are 1 stay so."""
    rank = max(len(call.batch), 1)
    x = x[(None,) * (rank + 2 - x.ndim)]
    if prod(x.shape[: rank - 1]) != 1:
        x = x.expand(*call.batch[:-1], *x.shape[-3:])
    return x.reshape(prod(x.shape[: rank - 1]), *x.shape[-3:])
