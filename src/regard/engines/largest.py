"""The k largest of each row, of equals the first: torch's ``topk`` promises no order of equals, and
is slow over long rows.

Long rows are cut into groups. The k largest numbers lie in the k groups with the largest maxima
(each better group has a number that goes before), so a pass over the row finds the maxima, and
what is then compared is short.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

SHORT = 512
"""Rows up to this length are not cut into groups."""


def largest(rows: Float[Tensor, "*batch n"], k: int) -> Int[Tensor, "*batch k"]:
    """Places of the k largest, falling; of equals the first goes first. NaN is above all.

    Cost: O(n) for a row, and memory O(√(n k)).
    """
    count = rows.shape[-1]
    size = 2 ** round(math.log2(max(count / k, 1)) / 2)
    if count <= SHORT or k * size >= count // 2:
        return _first_largest(rows, k)
    groups = count // size
    maxima = rows[..., : groups * size].unflatten(-1, (groups, size)).amax(-1)
    # Groups in the order of their places, and behind them what fills no group: so equals among the
    # candidates still stand in the order of their places.
    best = _first_largest(maxima, k).sort(-1).values
    within = torch.arange(size, device=rows.device)
    places = (best[..., None] * size + within).flatten(-2)
    rest = torch.arange(groups * size, count, device=rows.device)
    places = torch.cat([places, rest.expand(*places.shape[:-1], -1)], -1)
    chosen = _first_largest(rows.gather(-1, places), k)
    return places.gather(-1, chosen)


def _first_largest(rows: Tensor, k: int) -> Tensor:
    if rows.device.type == "cpu":  # asking a GPU would make it wait
        found = rows.topk(min(k + 1, rows.shape[-1]), -1)
        if not (found.values[..., 1:] == found.values[..., :-1]).any():
            return found.indices[..., :k]  # no equals, no question which goes first
    if rows.dtype == torch.float64:
        return rows.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    # One integer says value and place: the bits of a float are in its order but for the sign.
    numbers = torch.nan_to_num(rows.float(), nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)
    bits = (numbers + 0.0).view(torch.int32).long()  # −0.0 becomes 0.0, which it equals
    ranks = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits) << 32
    ranks -= torch.arange(rows.shape[-1], device=rows.device)
    return ranks.topk(k, -1).indices
