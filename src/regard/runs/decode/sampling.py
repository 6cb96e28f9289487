"""The distribution that a token is drawn from, and the draw."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.runs.decode.options import Search


def distribution(log_probabilities: Float[Tensor, "R N"], search: Search) -> Float[Tensor, "R N"]:
    """Probabilities (float64): tempered, then cut to the ``top_k`` likeliest, then to the fewest
    of these that hold ``top_p`` of what is left; each row sums to 1.

    Source:  top-p: Holtzman et al. 2020 (arXiv:1904.09751), §3.1; top-k: Fan, Lewis, Dauphin 2018
             (arXiv:1805.04833), §5.1
    Departs: none; of equally likely tokens at the edge, the lower number stays
    Cost:    O(N log N) a row where something is cut

    >>> distribution(torch.tensor([[0.5, 0.2, 0.3]]).log(), Search(sample=True, top_p=0.6))
    tensor([[0.6250, 0.0000, 0.3750]], dtype=torch.float64)
    """
    p = (log_probabilities.double() / search.temperature).softmax(-1)
    if search.top_k is None and search.top_p == 1:
        return p
    falling, order = p.sort(dim=-1, descending=True, stable=True)
    if search.top_k is not None:
        falling[:, search.top_k :] = 0.0
    falling = falling / falling.sum(-1, keepdim=True)
    if search.top_p < 1:
        before = falling.cumsum(-1) - falling
        falling = falling.masked_fill(before >= search.top_p, 0.0)
        falling = falling / falling.sum(-1, keepdim=True)
    return torch.zeros_like(p).scatter(-1, order, falling)


def drawn(p: Float[Tensor, "R N"], uniform: Float[Tensor, " R"]) -> Int[Tensor, " R"]:
    """A token of each row, by the inverse of its cumulative distribution.

    >>> drawn(torch.tensor([[0.0, 0.5, 0.5]] * 2), torch.tensor([0.0, 0.5]))
    tensor([1, 2])
    """
    reached = p.cumsum(-1)
    place = uniform.to(p.dtype) * reached[:, -1]
    return torch.searchsorted(reached, place[:, None], right=True)[:, 0]


def numbers_to_draw_by(
    sources: Sequence[Sequence[int]], limits: Sequence[int], search: Search
) -> Float[Tensor, "R T"]:
    """Uniform numbers below 1: a row for each text to draw, ``n_best`` rows a source.

    They depend on the seed and on the source alone, so that a text drawn alone is the one drawn
    in company. (Sources that are equal get equal texts.)
    """
    rows = torch.zeros(len(sources), search.n_best, max(limits))
    for row, source, limit in zip(rows, sources, limits, strict=True):
        random = torch.Generator().manual_seed(_mixed(search.seed, source))
        # By steps first, so that a larger limit continues what a smaller one begins.
        row[:, :limit] = torch.rand(limit, search.n_best, generator=random).T
    return rows.flatten(0, 1)


def _mixed(seed: int, source: Sequence[int]) -> int:
    """A seed made of both: FNV-1a over the numbers, 63 bits."""
    mixed = 0xCBF29CE484222325
    for number in (seed, *source):
        mixed = ((mixed ^ number) * 0x100000001B3) % 2**63
    return mixed
