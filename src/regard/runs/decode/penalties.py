"""By what whole hypotheses are ranked."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

UNSEEN = 1e-6
"""What a token that got no weight at all is taken to have got: log 0 would rank nothing."""


def length_divisor(tokens: int, alpha: float) -> float:
    """((5 + |Y|) / 6)^α, of |Y| tokens, END among them.

    Source:  Wu et al. 2016 (arXiv:1609.08144), §7, eq. 14
    Departs: none

    >>> length_divisor(1, 0.6), round(length_divisor(13, 0.6), 3)
    (1.0, 1.933)
    """
    return ((5 + tokens) / 6) ** alpha


def coverage_term(
    received: Float[Tensor, "R S"], real: Bool[Tensor, "R S"], beta: float
) -> Float[Tensor, " R"]:
    """β · Σ_s log(min(Σ_t α_ts, 1)), over the real tokens of the source.

    Source:  Wu et al. 2016 (arXiv:1609.08144), §7, eq. 14
    Departs: a token that received nothing counts as one with ``UNSEEN``
    """
    logs = received.clamp(UNSEEN, 1.0).log()
    return beta * torch.where(real, logs, 0.0).sum(-1)
