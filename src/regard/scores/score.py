"""What every score is: a function of pairs, with an inner-product form if it has one."""

from typing import Any, NamedTuple

import array_api_compat
from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array


class InnerProduct(NamedTuple):
    """A score in its inner-product form: ``scale · query'ᵀ key'``."""

    query: Any
    key: Any
    scale: float


class Score:
    """How well a key matches a query.

    Calling a score on query ``(*batch, Q, E)`` and key ``(*batch, K, F)`` gives raw scores
    ``(*batch, Q, K)``. Score i, j depends on query i and key j alone, for engines call it on tiles.
    """

    def __call__(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> Float[Array, "*batch Q K"]:
        form = self.lower(query, key)
        if form is None:
            raise NotImplementedError(f"{type(self).__name__} must define __call__ or lower")
        return inner_product(form)

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> InnerProduct | None:
        """The inner-product form, or None where there is none."""
        return None

    def rows(self, queries: range) -> "Score":
        """The score for a block of the queries: itself, unless it holds numbers per query."""
        return self

    @property
    def is_inner_product(self) -> bool:
        """Whether ``lower`` gives a form."""
        return type(self).lower is not Score.lower

    def check(self, query_features: int, key_features: int) -> None:
        """Raise ``ShapeError`` unless queries and keys have features that this score can match."""


def inner_product(form: InnerProduct) -> Float[Array, "*batch Q K"]:
    """``scale · query'ᵀ key'`` for all pairs: O(Q·K·E) time, O(Q·K) memory."""
    xp = array_api_compat.array_namespace(form.query, form.key)
    scores = form.query @ xp.matrix_transpose(form.key)
    return scores if form.scale == 1.0 else scores * form.scale


def same_features(name: str, query_features: int, key_features: int) -> None:
    """Raise unless E == F, and say what to do about it."""
    if query_features != key_features:
        raise ShapeError(
            f"query has {query_features} features and key has {key_features}: "
            f"the {name} score needs the same (project them, or use scores.Bilinear)"
        )
