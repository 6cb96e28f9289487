"""Recurrent encoders: a source read onward, and in both directions."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import UnknownName
from regard.nn.decoders import Encoded
from regard.nn.lstm import LSTM
from regard.nn.refusals import probability, sizes
from regard.nn.source import cleared, expect, lengths_of

Cell = Literal["gru", "lstm"]

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": LSTM}


class RecurrentLayer(nn.Module):
    """One layer, onward and, if it has a ``rearward`` half, from each row's own end backward.

    The backward half reads a row reversed within its own length, so it begins at the row's last
    token and never in its padding. (Packed sequences would do the same; torch's backward pass
    through them takes time quadratic in the length.)

    Args:
        embedding: features of what is read.
        hidden: H, features of each direction.
        cell: "gru" or "lstm".
        bidirectional: whether there is a ``rearward`` half.
    """

    def __init__(
        self, embedding: int, hidden: int, *, cell: str = "gru", bidirectional: bool = True
    ) -> None:
        super().__init__()
        sizes(type(self).__name__, embedding=embedding, hidden=hidden)
        if cell not in CELLS:
            raise UnknownName(f"no cell is called {cell!r}; the cells are {', '.join(CELLS)}")
        self.embedding, self.hidden = embedding, hidden
        self.onward = CELLS[cell](embedding, hidden, batch_first=True)
        self.rearward = CELLS[cell](embedding, hidden, batch_first=True) if bidirectional else None

    def read(
        self, tokens: Float[Tensor, "B K M"], turned: Int[Tensor, "B K"] | None
    ) -> Float[Tensor, "B K F"]:
        """States of the tokens, ``turned`` being each row's places in its own reverse order; F is
        H, or 2H with both halves. What stands behind a row's end is not meant."""
        onward, _ = self.onward(tokens)
        if self.rearward is None or turned is None:
            return onward
        reread, _ = self.rearward(_take(tokens, turned))
        return torch.cat([onward, _take(reread, turned)], -1)


class BidirectionalGRU(RecurrentLayer):
    """h_j = [→h_j; ←h_j]: each token with what stands before it and what stands behind it.

    ``RecurrentEncoder`` with one layer, and the names of RNNsearch.

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
        super().__init__(embedding, hidden)

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
        return _encoded([self], embedded, lengths, nn.Identity())


class RecurrentEncoder(nn.Module):
    """Stacked GRUs or LSTMs over a source, in one direction or in both.

        h⁰_j = the token's vector
        →hˡ_j = cell(hˡ⁻¹_j, →hˡ_{j−1}),  ←hˡ_j = cell(hˡ⁻¹_j, ←hˡ_{j+1}),  hˡ_j = [→hˡ_j; ←hˡ_j]

    The annotations are the top layer's states. With one layer of GRU in both directions it is
    ``BidirectionalGRU``.

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), §3.2; Luong, Pham, Manning 2015
             (arXiv:1508.04025), §4.1 (stacked LSTMs, in one direction)
    Departs: torch's GRU applies the reset gate after the recurrent product, the paper's before it
    Cost:    O(K·H²) time a layer and direction for K tokens

    Args:
        embedding: M, features of a token's vector.
        hidden: H, features of each direction.
        cell: "gru" or "lstm".
        layers: how many are stacked.
        bidirectional: whether each layer reads in both directions.
        dropout: probability with which a feature is dropped between layers in training.

    Raises:
        UnknownName: no cell is called so.
        RangeError: a size below 1, or a dropout that is no probability.

    >>> encoder = RecurrentEncoder(3, 4, cell="lstm", layers=2, bidirectional=False)
    >>> encoded = encoder(torch.zeros(2, 5, 3), torch.tensor([5, 2]))
    >>> encoded.annotations.shape, encoded.backward.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        embedding: int,
        hidden: int,
        *,
        cell: Cell = "gru",
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes("RecurrentEncoder", embedding=embedding, hidden=hidden, layers=layers)
        self.embedding, self.hidden, self.bidirectional = embedding, hidden, bidirectional
        self.annotation = 2 * hidden if bidirectional else hidden
        read = [embedding, *[self.annotation] * (layers - 1)]
        self.layers = nn.ModuleList(
            RecurrentLayer(features, hidden, cell=cell, bidirectional=bidirectional)
            for features in read
        )
        self.dropout = nn.Dropout(probability(dropout))

    def forward(
        self,
        embedded: Float[Tensor, "B K M"],
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Encoded:
        """Annotations ``(B, K, 2H)``, or ``(B, K, H)`` of one direction, the lengths, and the last
        state ``(B, H)`` of the top layer: of its backward half, or, where there is none, of the
        one that it has, at each row's own end.

        Args:
            embedded: vectors of the tokens.
            lengths: how many tokens each row has; what lies behind them is padding, and its
                annotations are 0, as is the last state of a row of none. None: all K.

        Raises:
            ShapeError: tokens of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        return _encoded(list(self.layers), embedded, lengths, self.dropout)


def summary(encoded: Encoded) -> Float[Tensor, "B F"]:
    """A source as one vector, the last states of its directions: [→h_K; ←h_1], or h_K of one
    direction, K being each row's own length; zeros for a row of no tokens.

    >>> encoder = RecurrentEncoder(3, 4)
    >>> summary(encoder(torch.zeros(2, 5, 3), [5, 0])).shape
    torch.Size([2, 8])
    """
    annotations, lengths, backward = encoded
    if annotations.shape[-1] == backward.shape[-1]:
        return backward
    return torch.cat([_at_the_end(annotations, lengths)[:, : backward.shape[-1]], backward], -1)


def _encoded(
    layers: list[nn.Module],
    embedded: Tensor,
    lengths: Tensor | list[int] | None,
    between: nn.Module,
) -> Encoded:
    """The source read by each layer, one upon the other."""
    first, top = layers[0], layers[-1]
    assert isinstance(first, RecurrentLayer)
    assert isinstance(top, RecurrentLayer)
    expect(embedded, 3, first.embedding, "embedded (B, K, M)")
    lengths = lengths_of(embedded, lengths)
    batch, count = embedded.shape[:2]
    both = top.rearward is not None
    if not count:
        nothing = embedded.new_zeros(batch, 0, (1 + both) * top.hidden)
        return Encoded(nothing, lengths, embedded.new_zeros(batch, top.hidden))
    annotations = cleared(embedded, lengths)
    turned = _reversed_within(lengths, count) if both else None
    for layer in layers:
        assert isinstance(layer, RecurrentLayer)
        annotations = layer.read(annotations if layer is first else between(annotations), turned)
    annotations = cleared(annotations, lengths)
    if both:
        return Encoded(annotations, lengths, annotations[:, 0, top.hidden :])
    return Encoded(annotations, lengths, _at_the_end(annotations, lengths))


def _at_the_end(rows: Float[Tensor, "B K M"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B M"]:
    """What stands at the last token of each row; of a row of none, what stands first, which is
    zeros where padding is cleared."""
    if not rows.shape[1]:
        return rows.new_zeros(len(rows), rows.shape[-1])
    return _take(rows, (lengths - 1).clamp(min=0)[:, None])[:, 0]


def _reversed_within(lengths: Int[Tensor, " B"], size: int) -> Int[Tensor, "B K"]:
    """Place j of each row ↔ place length − 1 − j; padding stays."""
    places = torch.arange(size, device=lengths.device)
    turned = lengths[:, None] - 1 - places
    return torch.where(turned >= 0, turned, places)


def _take(rows: Float[Tensor, "B K M"], places: Int[Tensor, "B N"]) -> Float[Tensor, "B N M"]:
    return rows.gather(1, places[..., None].expand(-1, -1, rows.shape[-1]))
