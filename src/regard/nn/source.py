"""A source that is read step by step: its keys projected and its padding cleared, once."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.errors import KindError, ShapeError
from regard.grid import shape_text
from regard.masks import Mask, padding
from regard.nn.learned_score import LearnedScore


class Source(NamedTuple):
    """A source, made ready once: projected keys ``(B, K, D)``, values ``(B, K, V)`` with zeros in
    the padding, and lengths ``(B,)`` (tokens)."""

    key: Tensor
    value: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Mask:
        return padding(self.lengths)

    @staticmethod
    def of(
        score: LearnedScore,
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None,
        lengths: Int[Tensor, " B"] | list[int] | None,
    ) -> "Source":
        """The source of keys, which the score projects, and values (None: the keys), of which the
        first ``lengths[b]`` of row b count (None: all).

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        if value is not None and (value.ndim != 3 or value.shape[:2] != key.shape[:2]):
            raise ShapeError(
                f"value is (B, K, V) for a key {shape_text(tuple(key.shape))}, and it is "
                f"{shape_text(tuple(value.shape))}"
            )
        lengths = lengths_of(key, lengths)
        clean = cleared(key, lengths)
        value = clean if value is None else cleared(value, lengths)
        return Source(score.key(clean), value, lengths)


def lengths_of(array: Float[Tensor, "B N ..."], lengths: Any) -> Int[Tensor, " B"]:
    """How many of the N places of each row count, on the array's device: from 0 to N.

    Args:
        array: what has rows and places.
        lengths: a tensor or a list, one per row; None: all N.

    Raises:
        ShapeError: another number of lengths than rows.
        KindError: lengths that are not integers.
    """
    batch, count = array.shape[:2]
    if lengths is None:
        return torch.full((batch,), count, device=array.device)
    if isinstance(lengths, list) and not lengths:
        lengths = torch.zeros(0, dtype=torch.long)
    lengths = torch.as_tensor(lengths, device=array.device)
    if lengths.dtype == torch.bool or lengths.is_floating_point():
        raise KindError(
            f"lengths are whole numbers, one per row of the batch, and they are {lengths.dtype}"
        )
    if lengths.shape != (batch,):
        raise ShapeError(
            f"lengths are one per row of the batch, ({batch},), and they are "
            f"{shape_text(tuple(lengths.shape))}"
        )
    return lengths.clamp(0, count)


def cleared(array: Float[Tensor, "B N D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B N D"]:
    """The array with zeros behind the lengths of its rows, whatever stood there.

    A weight of 0 would not do it: 0 · NaN is NaN, in the gradient of a projection too.
    """
    behind = torch.arange(array.shape[1], device=array.device) >= lengths[:, None]
    return array.masked_fill(behind[..., None], 0.0)


def expect(array: Tensor, ndim: int, features: int, pattern: str) -> None:
    """Raise ``ShapeError`` unless the array has so many dimensions and features."""
    if array.ndim != ndim or array.shape[-1] != features:
        raise ShapeError(
            f"this layer wants {pattern} of {features} features, and got "
            f"{shape_text(tuple(array.shape))}"
        )


def expect_rows(read: Tensor, **arrays: Tensor) -> None:
    """Raise ``ShapeError`` unless the arrays have the batch of what is read."""
    for name, array in arrays.items():
        if len(array) != len(read):
            raise ShapeError(
                f"{name} has {len(array)} rows in its batch, and what is read has {len(read)}"
            )
