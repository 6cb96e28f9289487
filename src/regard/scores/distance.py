"""Distance score: −‖q − k‖² / (2σ²)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float

from regard.errors import KindError, RangeError
from regard.grid import Array, namespace, traced
from regard.scores.score import (
    InnerProduct,
    Score,
    heads_fit,
    ones_column,
    same_features,
    same_library,
)

DIGITS = {32: 1e-5, 64: 1e-10}
"""By the bits of a number: the inner-product form is taken where the rounding of its largest term
stays below this. A weight is then as exact as a dot product's."""


@dataclass(frozen=True, eq=False)
class Distance(Score):
    """Distance score (Nadaraya 1964; Watson 1964): −‖q − k‖² / (2σ²).

    Softmax of it is kernel regression with a Gaussian kernel: the output is the mean of the
    values, each as heavy as its key is near.

    Source:  Nadaraya, "On estimating regression", Theory of Probability and its Applications 9(1);
             Watson, "Smooth regression analysis", Sankhyā A 26(4)        Also: gaussian, rbf
    Departs: none
    Lowers:  an inner product, (q − c, −‖q − c‖²/2, 1) with (k − c, 1, −‖k − c‖²/2) over σ², c the
             mean of the keys. Far from c, or in half precision, it would lose digits (1.8e-2 at a
             distance of 100 in float32): such calls stream, and take differences. One far vector
             of the batch is enough for that, padding included: the numbers are the same, the time
             is not.
    Engine:  engines/sdpa.py where no digits are lost, engines/streaming.py elsewhere
    Cost:    O(Q·K·E) time; O((Q + K)·E) to see whether digits would be lost, for which a GPU waits

    Args:
        sigma: σ > 0, the width, in the units of the features: a number, a tensor without
            dimensions, or one number per head, ``(H,)``.

    Raises:
        RangeError: σ is a number and not above 0.
        KindError: σ is neither a number nor an array.

    >>> import numpy
    >>> Distance(0.5)(numpy.array([[1.0, 1.0]]), numpy.array([[1.0, 2.0], [4.0, 5.0]]))
    array([[ -2., -50.]])
    """

    sigma: Float[Array, "*heads"] | float = 1.0

    per_head: ClassVar[dict[str, int]] = {"sigma": 0}

    def __post_init__(self) -> None:
        if isinstance(self.sigma, int | float):
            if not 0 < self.sigma < math.inf or self.sigma**2 in (0.0, math.inf):
                raise RangeError(f"scores.Distance wants a width sigma > 0, and it is {self.sigma}")
        elif not hasattr(self.sigma, "dtype"):
            raise KindError(f"scores.Distance wants a number or an array, not {self.sigma!r}")

    def __call__(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> Float[Array, "*batch Q K"]:
        xp = namespace(query, key)
        apart = query[..., :, None, :] - key[..., None, :, :]
        return xp.sum(apart * apart, axis=-1) * (-0.5 * self._sharpness(query))

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        xp = namespace(query, key)
        center = _center(query, key)
        query, key, sharpness = query - center, key - center, self._sharpness(query)
        rows = [query, -0.5 * _squares(query), ones_column(query)]
        columns = [key, ones_column(key), -0.5 * _squares(key)]
        return InnerProduct(xp.concat(rows, axis=-1) * sharpness, xp.concat(columns, axis=-1), 1.0)

    def loses(self, query: Array, key: Array) -> bool:
        xp = namespace(query, key)
        if xp.finfo(query.dtype).bits == 16 or traced(query, key):
            return True
        if not math.prod(query.shape) or not math.prod(key.shape):
            return False
        query, key, sharpness = (
            x.detach() if isinstance(x, torch.Tensor) else x
            for x in (query, key, self._sharpness(query))
        )
        center = _center(query, key)
        reach = [xp.max(_squares(x - center)) for x in (query, key)]
        largest = float(sum(reach) * (xp.max(sharpness) if math.prod(sharpness.shape) else 1.0))
        about = xp.finfo(query.dtype)
        # So written, NaN loses too.
        return not largest * float(about.eps) / 2 <= DIGITS[about.bits]

    def _sharpness(self, like: Any) -> Any:
        """1/σ², an array that broadcasts over queries and keys."""
        xp = namespace(like)
        if isinstance(self.sigma, int | float):
            return xp.full((1, 1), self.sigma**-2, dtype=like.dtype, device=like.device)
        sigma = xp.astype(self.sigma, like.dtype, copy=False)[..., None, None]
        return 1.0 / (sigma * sigma)

    @property
    def pairwise(self) -> bool:
        return True

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("distance", query, key)
        if not isinstance(self.sigma, int | float):
            same_library("the sigma of scores.Distance", self.sigma, query)
            heads_fit("the sigma of scores.Distance", tuple(self.sigma.shape), batch)


def _center(query: Any, key: Any) -> Any:
    """The mean of the keys, ``(…, 1, E)``: where it lies changes no score, so no gradient."""
    if not key.shape[-2]:
        return 0.0
    xp = namespace(key)
    key = key.detach() if isinstance(key, torch.Tensor) else key
    heads = [x.shape[-3] if x.ndim > 2 else 1 for x in (query, key)]
    shared = 1 not in heads and heads[0] != heads[1]  # heads of queries that share keys
    return xp.mean(key, axis=(-3, -2) if shared else -2, keepdims=True)


def _squares(vectors: Any) -> Any:
    return namespace(vectors).sum(vectors * vectors, axis=-1, keepdims=True)
