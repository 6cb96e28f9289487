"""Recurrent encoders: a source read in both directions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.nn.decoders import Encoded
from regard.nn.refusals import sizes
from regard.nn.source import cleared, expect, lengths_of


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

    Raises:
        RangeError: a size below 1.

    >>> encoder = BidirectionalGRU(3, 4)
    >>> encoder(torch.zeros(2, 5, 3), torch.tensor([5, 2])).annotations.shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        sizes("BidirectionalGRU", embedding=embedding, hidden=hidden)
        self.embedding, self.hidden = embedding, hidden
        self.onward = nn.GRU(embedding, hidden, batch_first=True)
        self.rearward = nn.GRU(embedding, hidden, batch_first=True)

    def forward(
        self,
        embedded: Float[Tensor, "B K M"],
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Encoded:
        """Annotations ``(B, K, 2H)`` of tokens, the lengths, and the backward half's last state.

        Args:
            embedded: vectors of the tokens.
            lengths: how many tokens each row has; what lies behind them is padding, and its
                annotations are 0, as is the last state of a row of none. None: all K.

        Raises:
            ShapeError: tokens of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(embedded, 3, self.embedding, "embedded (B, K, M)")
        lengths = lengths_of(embedded, lengths)
        batch, count = embedded.shape[:2]
        if not count:
            nothing = embedded.new_zeros(batch, 0, 2 * self.hidden)
            return Encoded(nothing, lengths, embedded.new_zeros(batch, self.hidden))
        embedded = cleared(embedded, lengths)
        turned = _reversed_within(lengths, count)
        onward, _ = self.onward(embedded)
        reread, _ = self.rearward(_take(embedded, turned))
        annotations = cleared(torch.cat([onward, _take(reread, turned)], -1), lengths)
        return Encoded(annotations, lengths, annotations[:, 0, self.hidden :])


def _reversed_within(lengths: Int[Tensor, " B"], size: int) -> Int[Tensor, "B K"]:
    """Place j of each row ↔ place length − 1 − j; padding stays."""
    places = torch.arange(size, device=lengths.device)
    turned = lengths[:, None] - 1 - places
    return torch.where(turned >= 0, turned, places)


def _take(rows: Float[Tensor, "B K M"], places: Int[Tensor, "B K"]) -> Float[Tensor, "B K M"]:
    return rows.gather(1, places[..., None].expand(-1, -1, rows.shape[-1]))
