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
        lengths: Int[Tensor, " B"] | None,
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
        lengths = _lengths(key, lengths)
        # A weight of 0 would not do it: 0 · NaN is NaN, in the gradient of the projection too.
        behind = torch.arange(key.shape[1], device=key.device) >= lengths[:, None]
        clean = key.masked_fill(behind[..., None], 0.0)
        value = clean if value is None else value.masked_fill(behind[..., None], 0.0)
        return Source(score.key(clean), value, lengths)


def expect(array: Tensor, ndim: int, features: int, pattern: str) -> None:
    """Raise ``ShapeError`` unless the array has so many dimensions and features."""
    if array.ndim != ndim or array.shape[-1] != features:
        raise ShapeError(
            f"this attention wants {pattern} of {features} features, and got "
            f"{shape_text(tuple(array.shape))}"
        )


def expect_rows(query: Tensor, source: Source) -> None:
    """Raise ``ShapeError`` unless queries and source have the same batch."""
    if len(query) != len(source.key):
        raise ShapeError(
            f"query has {len(query)} rows in its batch and the source has {len(source.key)}"
        )


def _lengths(key: Tensor, lengths: Any) -> Int[Tensor, " B"]:
    batch, count = key.shape[:2]
    if lengths is None:
        return torch.full((batch,), count, device=key.device)
    lengths = torch.as_tensor(lengths, device=key.device)
    if lengths.dtype == torch.bool or lengths.is_floating_point():
        raise KindError(f"lengths are whole numbers of keys (B,), and they are {lengths.dtype}")
    if lengths.shape != (batch,):
        raise ShapeError(
            f"lengths are one per row of the batch, ({batch},), and they are "
            f"{shape_text(tuple(lengths.shape))}"
        )
    return lengths.clamp(0, count)
