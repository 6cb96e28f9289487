"""The poolings of a classifier: annotations of a text become one vector.

Each also says how much weight each token has in that vector, so that every pooling can be looked
into: weights are at least 0 and sum to 1 (with the normalizer "sigmoid" they need not).
"""

from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.masks import padding
from regard.nn.pooling import AttentionPooling


class Pooled(NamedTuple):
    """A vector ``(B, P)``, the weight ``(B, K)`` of each token in it, and of poolings that look in
    several ways at once the weights ``(B, r, K)`` of each, of which ``weights`` is the mean."""

    vector: Float[Tensor, "B P"]
    weights: Float[Tensor, "B K"]
    rows: Float[Tensor, "B r K"] | None = None


class Pooling(Protocol):
    """What a classifier needs of a pooling: ``features`` is P."""

    features: int

    def __call__(self, annotations: Tensor, lengths: Tensor) -> Pooled: ...


class Last(nn.Module):
    """The last state: h_K, or [→h_K; ←h_1] of an encoder that reads in ``both`` directions.

    Weight: 1 on the last token; of both directions ½ on the last and ½ on the first.
    """

    def __init__(self, features: int, both: bool) -> None:
        super().__init__()
        self.features, self.both = features, both

    def forward(self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"]) -> Pooled:
        rows = torch.arange(len(annotations), device=annotations.device)
        ends = (lengths - 1).clamp(min=0)
        vector = annotations[rows, ends]
        weights = _one_hot(ends, annotations)
        if self.both:
            half = self.features // 2
            vector = torch.cat([vector[:, :half], annotations[:, 0, half:]], -1)
            weights = (weights + _one_hot(torch.zeros_like(ends), annotations)) / 2
        return Pooled(vector, weights)


class Mean(nn.Module):
    """(1/n) Σ_j h_j.  Weight: 1/n on each of a text's n tokens."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"]) -> Pooled:
        weights = _inside(annotations, lengths).to(annotations.dtype)
        weights = weights / lengths.clamp(min=1)[:, None]
        return Pooled((weights[:, None] @ annotations)[:, 0], weights)


class Max(nn.Module):
    """max_j h_j, for each feature by itself.

    Weight: the share of the features whose maximum stands at the token.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"]) -> Pooled:
        outside = ~_inside(annotations, lengths)
        vector, places = annotations.masked_fill(outside[..., None], -torch.inf).max(1)
        won = torch.zeros_like(annotations[..., 0])
        won = won.scatter_add(1, places, torch.ones_like(vector)) / self.features
        return Pooled(vector, won)


class Attentive(nn.Module):
    """``nn.AttentionPooling``; the r vectors of "structured" stand side by side.

    Weight: α_j; of several rows or heads, their mean.
    """

    def __init__(self, pooling: AttentionPooling, vectors: int = 1) -> None:
        super().__init__()
        self.pooling = pooling
        self.features = vectors * pooling.n_features

    def forward(self, annotations: Float[Tensor, "B K F"], lengths: Int[Tensor, " B"]) -> Pooled:
        pooled, weights = self.pooling(annotations, mask=padding(lengths), return_weights=True)
        if self.pooling.one:
            return Pooled(pooled, weights)
        return Pooled(pooled.flatten(1), weights.mean(1), weights)


def _inside(annotations: Tensor, lengths: Tensor) -> Tensor:
    places = torch.arange(annotations.shape[1], device=annotations.device)
    return places < lengths[:, None]


def _one_hot(places: Int[Tensor, " B"], annotations: Tensor) -> Float[Tensor, "B K"]:
    return nn.functional.one_hot(places, annotations.shape[1]).to(annotations.dtype)
