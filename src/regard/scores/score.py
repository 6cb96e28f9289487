"""What every score is: a function of pairs, with an inner-product form if it has one."""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from jaxtyping import Float

from regard.errors import KindError, ShapeError
from regard.grid import Array, namespace, shape_text, some_heads


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

    def additive(self) -> Any:
        """The additive form (``scores.additive.AdditiveForm``), where ``is_additive``."""
        return None

    is_additive: ClassVar[bool] = False
    """Whether ``additive`` gives a form."""

    def at(self, queries: range, keys: range) -> "Score":
        """The score for a block of the queries and of the keys: itself, unless it holds numbers
        per query or per key."""
        return self

    per_head: ClassVar[dict[str, int]] = {}
    """The tensors that may have one part per head, and how many dimensions a part has."""

    def of_heads(self, heads: list[int]) -> Self:
        """The score of some of the heads."""
        if not self.per_head:
            return self
        held = {name: getattr(self, name) for name in self.per_head}
        parts = {
            name: tensor
            if tensor is None or isinstance(tensor, int | float)
            else some_heads(tensor, heads, -1 - self.per_head[name])
            for name, tensor in held.items()
        }
        return replace(self, **parts)  # pyright: ignore[reportArgumentType]  # all are dataclasses

    is_inner_product: ClassVar[bool] = False
    """Whether ``lower`` gives a form, whatever the query and the key."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)

        def author(name: str) -> type:
            return next(kind for kind in cls.__mro__ if name in vars(kind))

        for name, says in (("lower", "is_inner_product"), ("additive", "is_additive")):
            # A form and a ``__call__`` that different classes wrote are not the same score.
            same = author("__call__") in (Score, author(name))
            if name in vars(cls) and not same:
                raise KindError(
                    f"{cls.__name__} writes {name} and inherits the __call__ of "
                    f"{author('__call__').__name__}, which may be another score: write both"
                )
            if says not in vars(cls):
                setattr(cls, says, author(name) is not Score and same)

    def loses(self, query: Array, key: Array) -> bool:
        """Whether the inner-product form of these arrays, of a library whose numbers may be read,
        would lose digits that the score itself keeps."""
        return False

    @property
    def keys_per_head(self) -> bool:
        """Whether ``lower`` makes another key for each head of the queries."""
        return False

    @property
    def pairwise(self) -> bool:
        """Whether calling it makes a vector of features for each pair; engines then call it on
        smaller tiles."""
        return not self.is_inner_product

    @property
    def draws(self) -> bool:
        """Whether it may draw at random."""
        return False

    @property
    def held(self) -> tuple[Any, ...] | None:
        """The tensors and numbers that the score holds, if with them finite features always make
        finite scores and gradients; None, where that is not known: engines then keep features
        that may not matter away from the score."""
        return None

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        """Raise ``ShapeError`` or ``KindError`` unless the score can match these arrays.

        Args:
            query: ``(…, Q, E)``.
            key: ``(…, K, F)``.
            batch: the leading dimensions of the scores.
        """


def inner_product(form: InnerProduct) -> Float[Array, "*batch Q K"]:
    """``scale · query'ᵀ key'`` for all pairs: O(Q·K·E) time, O(Q·K) memory."""
    xp = namespace(form.query, form.key)
    scores = form.query @ xp.matrix_transpose(form.key)
    return scores if form.scale == 1.0 else scores * form.scale


def ones_column(vectors: Array) -> Float[Array, "*batch N 1"]:
    """A column of ones beside vectors, of which there may be features or none."""
    xp, shape = namespace(vectors), (*vectors.shape[:-1], 1)
    device = None if isinstance(vectors, np.ndarray) else vectors.device
    return xp.ones(shape, dtype=vectors.dtype, device=device)


def form_of(score: Score, query: Array, key: Array) -> InnerProduct:
    """The inner-product form of a score that says that it has one.

    Raises:
        KindError: it has none here.
    """
    form = score.lower(query, key)
    if form is None:
        raise KindError(
            f"the lower of {type(score).__name__} gave None: a score that has no form for some "
            "queries and keys says is_inner_product = False, and streams"
        )
    return form


def same_features(name: str, query: Array, key: Array) -> None:
    """Raise unless E == F, and say what to do about it."""
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"query has {query.shape[-1]} features and key has {key.shape[-1]}: "
            f"the {name} score needs the same (project them, or use scores.Bilinear)"
        )


def same_library(what: str, held: Any, query: Array) -> None:
    """Raise unless what a score holds is an array of the query's library."""
    try:
        namespace(query, held)
    except TypeError:
        raise KindError(
            f"{what} is a {type(held).__module__.split('.')[0]}.{type(held).__name__}, and query "
            f"a {type(query).__module__.split('.')[0]}.{type(query).__name__}: give one library"
        ) from None


def fits(lead: tuple[int, ...], batch: tuple[int, ...]) -> bool:
    """Whether leading dimensions broadcast into ``batch``, aligned on the right, as in PyTorch."""
    pairs = zip(reversed(lead), reversed(batch), strict=False)
    return len(lead) <= len(batch) and all(have == 1 or have == want for have, want in pairs)


def heads_fit(what: str, lead: tuple[int, ...], batch: tuple[int, ...]) -> None:
    """Raise unless a weight's leading dimensions are those of the scores, or 1, or missing."""
    if not fits(lead, batch):
        raise ShapeError(
            f"{what} has the leading dimensions {shape_text(lead)}, which do not broadcast to "
            f"those of the scores, {shape_text(batch)}"
        )
