"""A score with the tensors that it learns."""

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import KindError, RangeError, ShapeError
from regard.nn.projection import Projection, by_rows
from regard.nn.refusals import sizes
from regard.scores import (
    Additive,
    AnyScore,
    Bilinear,
    Dot,
    Location,
    NormalizedAdditive,
    SymmetricReLU,
    Trilinear,
    canonical,
    named,
)
from regard.scores.cosine import unit

PROJECTED = ("additive", "normalized_additive")
"""Scores of which query and key are projected to the same D features."""

ALIKE = ("dot", "scaled_dot", "cosine", "distance", "trilinear", "symmetric_relu")
"""Scores that want as many features of a key as of a query."""


class LearnedScore(nn.Module):
    """A score by name, and what it learns; calling it gives the score that ``attend`` takes.

        additive              W (D, E), U (D, F), v (D)
        normalized_additive   W, U, v, b (D), g = √(1/D), r
        bilinear              W (E, F)
        trilinear             w₁, w₂, w₃ (E)
        symmetric_relu        U (D, E), the diagonal (D)
        location              W (E, places)
        dot, scaled_dot, cosine, distance, a Score or a function: nothing of this layer's own

    What is done to each query and to each key alone, once, is ``query`` and ``key``: the
    projections of the additive scores (without heads), unit vectors for cosine.

    Source:  that of each score
    Departs: initialised as torch's linear layers are; the diagonal of symmetric_relu with 1
    Cost:    that of the projections, O((Q + K)·D·E), and of the score

    Args:
        score: a name, an author's name, a score, or a function of query and key (its own tensors,
            if it is a module, are trained with this layer).
        query_features: E.
        key_features: F; None: E.
        features: D of symmetric_relu and, without heads, of the additive scores; None: E.
        heads: H: each head has tensors of its own, and query and key ``(…, H, N, E)`` come
            projected; None: one set of tensors, and the additive scores project here.
        places: of location, the largest number of keys.

    Raises:
        UnknownName: no score is called so.
        ShapeError: a score that wants E == F, and they are not.
        RangeError: sizes below 1; location without a number of places.
        KindError: features or places for a score that has no use for them.

    >>> score = LearnedScore("bahdanau", 4, 6, features=5)
    >>> query, key = score.query(torch.zeros(2, 4)), score.key(torch.zeros(3, 6))
    >>> score()(query, key).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        score: AnyScore | str,
        query_features: int,
        key_features: int | None = None,
        *,
        features: int | None = None,
        heads: int | None = None,
        places: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(score, LearnedScore):
            raise KindError(
                "a LearnedScore is made of a name, a score or a function, not of another"
            )
        self.score = canonical(score) if isinstance(score, str) else named(score)
        given = {"features": features, "heads": heads, "places": places}
        given = {name: size for name, size in given.items() if size is not None}
        key_features = query_features if key_features is None else key_features
        sizes("LearnedScore", query_features=query_features, key_features=key_features, **given)
        self._expect_use(given)
        self.heads = heads
        features = query_features if features is None else features
        if key_features != query_features and self.score in ALIKE:
            raise ShapeError(
                f"the {self.score} score needs query_features == key_features, and they are "
                f"{query_features} and {key_features}: take score='bilinear' or 'additive'"
            )
        self.query: nn.Module = nn.Identity()
        self.key: nn.Module = nn.Identity()
        lead = () if heads is None else (heads,)
        match self.score:
            case "additive" | "normalized_additive":
                if heads is None:
                    self.query = Projection(query_features, features, bias=False)
                    self.key = Projection(key_features, features, bias=False)
                self.weight = _room(*lead, features)
                if self.score == "normalized_additive":
                    self.bias = _room(*lead, features)
                    self.gain, self.offset = _room(*lead), _room(*lead)
            case "bilinear":
                self.weight = _room(*lead, query_features, key_features)
            case "trilinear":
                for name in ("key_weight", "query_weight", "product_weight"):
                    setattr(self, name, _room(*lead, query_features))
            case "symmetric_relu":
                self.projection = _room(*lead, features, query_features)
                self.diagonal = _room(*lead, features)
            case "location":
                if places is None:
                    raise RangeError(
                        "the location score learns a weight for each place of a key: say places, "
                        "the largest number of keys, of Attention or "
                        f"LearnedScore('location', {query_features}, heads={heads}, places=…)"
                    )
                self.weight = _room(*lead, query_features, places)
            case "cosine":
                self.query, self.key = Unit(), Unit()
            case str():
                self.score = named(self.score)
        self.reset_parameters()

    def _expect_use(self, given: dict[str, int]) -> None:
        """Refuse sizes of tensors that the score does not have."""
        wide = ("symmetric_relu",) if "heads" in given else ("symmetric_relu", *PROJECTED)
        for name, users in {"features": wide, "places": ("location",)}.items():
            if name in given and self.score not in users:
                score = self.score if isinstance(self.score, str) else type(self.score).__name__
                heads = " with heads" if "heads" in given else ""
                raise KindError(f"the {score} score{heads} has no use for {name}: leave it out")

    def reset_parameters(self) -> None:
        """Draw the tensors anew (those of a score or a module that was given stay)."""
        for projection in (self.query, self.key):
            if isinstance(projection, nn.Linear):
                projection.reset_parameters()
        for name, tensor in self.named_parameters(recurse=False):
            match name:
                case "bias" | "offset":
                    nn.init.zeros_(tensor)
                case "diagonal":
                    nn.init.ones_(tensor)
                case "gain":
                    nn.init.constant_(tensor, self.weight.shape[-1] ** -0.5)
                case "projection":
                    _xavier(tensor)
                case "weight" if self.score in ("bilinear", "location"):
                    _xavier(tensor)
                case _:
                    nn.init.uniform_(tensor, -1, 1)
                    tensor.data /= math.sqrt(tensor.shape[-1])

    def forward(self) -> AnyScore:
        """The score, with the tensors as they are now."""
        match self.score:
            case "additive":
                return Additive(self.weight)
            case "normalized_additive":
                return NormalizedAdditive(self.weight, self.gain, self.bias, self.offset)
            case "bilinear":
                return Bilinear(self.weight)
            case "trilinear":
                parts = (self.key_weight, self.query_weight, self.product_weight)
                return Trilinear(*parts)  # pyright: ignore[reportArgumentType]
            case "symmetric_relu":
                return SymmetricReLU(self.projection, self.diagonal)
            case "location":
                return Location(self.weight)
            case "cosine":
                return Dot()  # of unit vectors
        assert not isinstance(self.score, str)
        return self.score

    def extra_repr(self) -> str:
        return self.score if isinstance(self.score, str) else repr(self.score)


class Unit(nn.Module):
    """Vectors of length 1 in the same directions."""

    def forward(self, x: Float[Tensor, "*batch N E"]) -> Float[Tensor, "*batch N E"]:
        return by_rows(lambda x: cast(Tensor, unit(x)), x)


def _room(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape))


def _xavier(tensor: Tensor) -> None:
    """Glorot's uniform, for each head as if it were alone."""
    limit = math.sqrt(6 / (tensor.shape[-2] + tensor.shape[-1]))
    nn.init.uniform_(tensor, -limit, limit)
