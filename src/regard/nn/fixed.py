"""No attention: the source as one vector, the same for every word: its last states, or its mean."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import RangeError
from regard.nn.refusals import sizes
from regard.nn.source import cleared, expect, lengths_of


class FixedVector(nn.Module):
    """The summary of the encoder–decoder without attention.

        c = [→h_K; ←h_1]        of an encoder of two directions
        c = h_K                 of one

    Each direction's last state: that of the forward half at the row's last token, that of the
    backward half at its first. Nothing is learned here, so that a decoder with it differs from one
    with attention in the tensors of the attention alone.

    Source:  Cho et al. 2014 (arXiv:1406.1078), §2.2, which gives c to every step and to the
             readout
    Departs: c is the states themselves, not tanh(V h_K): the decoder's first products are V
    Cost:    O(F) time a row

    Args:
        key_features: F, features of an annotation.
        directions: 2, if the second half of an annotation is the backward state; or 1.

    Raises:
        RangeError: a size below 1, or other directions than 1 and 2.

    >>> annotations = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    >>> FixedVector(2)(annotations, torch.tensor([2]))
    tensor([[3., 2.]])
    """

    def __init__(self, key_features: int, *, directions: int = 2) -> None:
        super().__init__()
        sizes("FixedVector", key_features=key_features, directions=directions)
        self.key_features, self.directions = key_features, directions
        if directions > 2 or key_features % directions:
            raise RangeError(
                "FixedVector wants annotations of 1 direction, or of 2 with as many features each, "
                f"and they are {key_features} features of {directions} directions"
            )

    def forward(
        self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"] | list[int] | None
    ) -> Float[Tensor, "B F"]:
        """c of each row; zeros for a row of no tokens.

        Raises:
            ShapeError: annotations of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(annotations, 3, self.key_features, "annotations (B, K, F)")
        lengths = lengths_of(annotations, lengths)
        if not annotations.shape[1]:
            return annotations.new_zeros(len(annotations), self.key_features)
        clean = cleared(annotations, lengths)
        rows = torch.arange(len(clean), device=clean.device)
        last = clean[rows, (lengths - 1).clamp(min=0)]
        if self.directions == 1:
            return last
        half = self.key_features // 2
        return torch.cat([last[:, :half], clean[:, 0, half:]], -1)


class MeanVector(nn.Module):
    """The mean of what is read: what attention would give, if it looked everywhere alike.

        c = (1/K) Σ_i a_i

    Nothing is learned here, so that a decoder with it differs from one with attention in the
    tensors of the attention alone.

    Source:  Xu et al. 2015 (arXiv:1502.03044), §3.1.2, for its decoder's first state
    Cost:    O(K·F) time a row

    Args:
        key_features: F, features of an annotation.

    Raises:
        RangeError: a size below 1.

    >>> MeanVector(2)(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]), torch.tensor([2]))
    tensor([[2., 3.]])
    """

    def __init__(self, key_features: int) -> None:
        super().__init__()
        sizes("MeanVector", key_features=key_features)
        self.key_features = key_features

    def forward(
        self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"] | list[int] | None
    ) -> Float[Tensor, "B F"]:
        """c of each row; zeros for a row of no places.

        Raises:
            ShapeError: annotations of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(annotations, 3, self.key_features, "annotations (B, K, F)")
        lengths = lengths_of(annotations, lengths)
        total = cleared(annotations, lengths).sum(1)
        return total / lengths.clamp(min=1)[:, None].to(total.dtype)
