"""The likeliest extensions of some hypotheses by any token."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 64
"""Tokens whose largest log-probability is found before any are ranked."""


def likeliest_sums(
    total: Float[Tensor, "B W"], log_probabilities: Float[Tensor, "B W N"], count: int
) -> tuple[Float[Tensor, "B C"], Int[Tensor, "B C"], Int[Tensor, "B C"]]:
    """The ``count`` largest of total + log-probability (all, where there are fewer), in falling
    order, with the hypothesis and the token of each.

    The largest numbers lie in as many blocks at most, those with the largest maxima; only these
    are ranked. Ranking everything takes a large vocabulary four times as long.

    Cost: O(W·N) additions and comparisons a row, and the ranking of count · ``BLOCK`` numbers

    >>> falling = torch.tensor([[[0.0, -1.5, -3.0]] * 2])
    >>> sums = likeliest_sums(torch.tensor([[-1.0, 0.0]]), falling, 3)
    >>> [part.tolist() for part in sums]
    [[[0.0, -1.0, -1.5]], [[1, 0, 1]], [[0, 0, 1]]]
    """
    size, device = log_probabilities.shape[-1], total.device
    blocks = size // BLOCK
    whole = log_probabilities[..., : blocks * BLOCK].unflatten(-1, (blocks, BLOCK))
    highest = (whole.amax(-1) + total[..., None]).flatten(1)
    places = highest.topk(min(count, highest.shape[1]), -1).indices
    row = torch.arange(len(total), device=device)[:, None]
    beams, block = places // max(blocks, 1), places % max(blocks, 1)
    sums = whole[row, beams, block] + total.gather(1, beams)[..., None]
    tokens = block[..., None] * BLOCK + torch.arange(BLOCK, device=device)
    # What is left over behind the last whole block.
    rest = log_probabilities[..., blocks * BLOCK :] + total[..., None]
    rest_tokens = torch.arange(blocks * BLOCK, size, device=device).expand_as(rest)
    rest_beams = torch.arange(total.shape[1], device=device)[:, None].expand_as(rest)
    pool = torch.cat([sums.flatten(1), rest.flatten(1)], 1)
    pool_beams = torch.cat([beams.repeat_interleave(BLOCK, 1), rest_beams.flatten(1)], 1)
    pool_tokens = torch.cat([tokens.flatten(1), rest_tokens.flatten(1)], 1)
    found, order = pool.topk(min(count, pool.shape[1]), -1)
    return found, pool_beams.gather(1, order), pool_tokens.gather(1, order)
