"""Recurrent encoders: a source read in both directions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.nn.decoders import Encoded


class BidirectionalGRU(nn.Module):
    """h_j = [→h_j; ←h_j]: each token with what stands before it and what stands behind it.

    The backward half reads a row reversed within its own length, so it begins at the row's last
    token and never in its padding. (Packed sequences would do the same; torch's backward pass
    through them takes time quadratic in the length.)

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), §3.2
    Departs: torch's GRU applies the reset gate after the recurrent product, the paper's before it
    Cost:    O(K·H²) time for K tokens

    Args:
        embedding: features of a token's vector.
        hidden: H, features of each direction.

    >>> encoder = BidirectionalGRU(3, 4)
    >>> encoder(torch.zeros(2, 5, 3), torch.tensor([5, 2])).annotations.shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.GRU(embedding, hidden, batch_first=True)
        self.rearward = nn.GRU(embedding, hidden, batch_first=True)

    def forward(self, embedded: Float[Tensor, "B K M"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Annotations ``(B, K, 2H)`` of tokens; the first ``lengths[b] ≥ 1`` of row b count, and
        what is said of the others means nothing."""
        turned = _reversed_within(lengths, embedded.shape[1])
        onward, _ = self.onward(embedded)
        reread, _ = self.rearward(_take(embedded, turned))
        backward = _take(reread, turned)
        return Encoded(torch.cat([onward, backward], -1), lengths, backward[:, 0])


def _reversed_within(lengths: Int[Tensor, " B"], size: int) -> Int[Tensor, "B K"]:
    """Place j of each row ↔ place length − 1 − j; padding stays."""
    places = torch.arange(size, device=lengths.device)
    turned = lengths[:, None] - 1 - places
    return torch.where(turned >= 0, turned, places)


def _take(rows: Float[Tensor, "B K M"], places: Int[Tensor, "B K"]) -> Float[Tensor, "B K M"]:
    return rows.gather(1, places[..., None].expand(-1, -1, rows.shape[-1]))
