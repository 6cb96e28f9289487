"""The value that every view draws: two rows of tokens and the weights between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import KindError, ShapeError


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a model looked while it wrote.

    ``source`` holds the K tokens read, ``target`` the Q tokens written; a plain string counts as
    its characters. ``weights`` is (Q, K): row q shows how strongly each source token was looked at
    when target q was written. Anything ``numpy.asarray`` takes is taken, and tensors on any
    device; it is kept as a read-only float64 copy. Weights are meant to lie in 0..1: views draw
    what lies outside at the nearer end, and NaN as a cell without a value.

    Raises ShapeError when the sizes do not fit, KindError for tokens that are not strings or
    weights that are not real numbers.

    >>> Alignment("un", "1", [[0.9, 0.1]]).strongest(0)
    0
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float64]
    title: str = ""

    def __post_init__(self) -> None:
        # A frozen dataclass offers no other way to keep the normal form of what was given.
        object.__setattr__(self, "source", tokens_of("source", self.source))
        object.__setattr__(self, "target", tokens_of("target", self.target))
        object.__setattr__(self, "weights", numbers(self.weights))
        expected = (len(self.target), len(self.source))
        if self.weights.shape != expected:
            raise ShapeError(
                f"weights must be (Q, K) = {expected}, one row per target token and one column "
                f"per source token; given {self.weights.shape}"
            )

    def strongest(self, row: int) -> int | None:
        """The source position that target ``row`` looked at most: the first of equals.

        None where the row holds no number: no source tokens, or nothing but NaN. O(K).
        """
        weights = self.weights[row]
        return None if np.isnan(weights).all() else int(np.nanargmax(weights))


def tokens_of(name: str, tokens: object) -> tuple[str, ...]:
    try:
        found = tuple(tokens)  # type: ignore[arg-type]
    except TypeError as error:
        raise KindError(f"{name} must be tokens, strings in order; given {tokens!r}") from error
    for token in found:
        if not isinstance(token, str):
            raise KindError(f"{name} must hold strings only; given {token!r}")
    return found


def numbers(weights: object) -> NDArray[np.float64]:
    if hasattr(weights, "detach"):  # a torch tensor, known by its ways: view never imports torch
        weights = weights.detach().cpu().double()  # type: ignore[attr-defined]
    try:
        array = np.asarray(weights)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"numbers of kind {array.dtype}")
    except (TypeError, ValueError) as error:
        raise KindError(f"weights must be an array of real numbers (Q, K): {error}") from error
    kept = array.astype(np.float64)
    kept.setflags(write=False)
    return kept
