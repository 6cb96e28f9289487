"""What recurrent alignments share: weights that depend on the weights of the steps before.

source, state = layer.begin(key, value, lengths)      once for a source
context, weights, state = layer.step(query, source, state)      once for a word
contexts = layer(query, key, value, lengths=lengths)      a whole target at once
"""

from typing import Any, Literal, NamedTuple, overload

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.attention import weights
from regard.errors import ShapeError
from regard.grid import shape_text
from regard.nn.learned_score import LearnedScore
from regard.nn.source import Source, expect, expect_rows
from regard.normalizers import Normalizer, settled
from regard.witness import told


class AlignmentStep(NamedTuple):
    """The context ``(B, V)``, the weights ``(B, K)`` that made it, and the state after them."""

    context: Tensor
    weights: Tensor
    state: Any


class RecurrentAlignment(nn.Module):
    """The frame of the recurrent alignments: an additive score, one step after another.

    A layer of this kind says two things: ``first``, the state before the first step, and ``look``,
    one step. A state is a NamedTuple of tensors ``(B, K)``, so that a search can reorder it.

    Args:
        score: "additive" or "normalized_additive".
        query_features: E.
        key_features: F; None: E.
        features: D; None: E.
    """

    def __init__(
        self, score: str, query_features: int, key_features: int | None, features: int | None
    ) -> None:
        super().__init__()
        self.query_features = query_features
        self.key_features = query_features if key_features is None else key_features
        self.features = query_features if features is None else features
        self.score = LearnedScore(score, query_features, self.key_features, features=self.features)

    def first(self, source: Source) -> Any:
        """The state before the first step."""
        raise NotImplementedError(f"{type(self).__name__} must define first(source)")

    def look(
        self, query: Float[Tensor, "B 1 D"], source: Source, state: Any
    ) -> tuple[Float[Tensor, "B 1 K"], Any]:
        """The weights of one projected query, and the state after them."""
        raise NotImplementedError(f"{type(self).__name__} must define look(query, source, state)")

    def align(
        self, query: Float[Tensor, "B T D"], source: Source, state: Any
    ) -> tuple[Float[Tensor, "B T K"], Any]:
        """The weights of projected queries, one after another, and the state after the last."""
        rows = [query.new_zeros(len(query), 0, source.key.shape[1])]
        for step in query.split(1, dim=1) if query.shape[1] else ():
            row, state = self.look(step, source, state)
            rows.append(row)
        return torch.cat(rows, 1), state

    def weigh(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B K D"],
        source: Source,
        normalizer: Normalizer,
    ) -> Float[Tensor, "B T K"]:
        """Weights of projected queries over projected keys, within the lengths of the source."""
        found = weights(
            query,
            key,
            score=self.score(),
            mask=source.mask,
            normalizer=settled(normalizer, training=self.training),
        )
        assert isinstance(found, Tensor)
        return found

    def begin(
        self,
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = None,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> tuple[Source, Any]:
        """The source made ready, with its keys projected, and the state before the first step.

        Args:
            key: annotations of the source.
            value: what contexts are made of; None: the keys.
            lengths: how many keys of each row count (tokens); None: all.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect(key, 3, self.key_features, "key (B, K, F)")
        source = Source.of(self.score, key, value, lengths)
        return source, self.first(source)

    def step(self, query: Float[Tensor, "B E"], source: Source, state: Any) -> AlignmentStep:
        """One word further.

        Raises:
            ShapeError: a query that is not ``(B, E)``, a state of another source.
        """
        expect(query, 2, self.query_features, "query (B, E)")
        for name, part in zip(state._fields, state, strict=True):
            if part.shape != source.key.shape[:2]:
                have, want = (shape_text(tuple(x.shape[:2])) for x in (part, source.key))
                raise ShapeError(
                    f"{name} of the state is (B, K) = {want} for this source, and it is {have}"
                )
        contexts, rows, state = self._read(query[:, None], source, state)
        return AlignmentStep(contexts[:, 0], rows[:, 0], state)

    @overload
    def forward(
        self,
        query: Float[Tensor, "B T E"],
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = ...,
        *,
        lengths: Int[Tensor, " B"] | list[int] | None = ...,
        return_weights: Literal[False] = ...,
    ) -> Tensor: ...
    @overload
    def forward(
        self,
        query: Float[Tensor, "B T E"],
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = ...,
        *,
        lengths: Int[Tensor, " B"] | list[int] | None = ...,
        return_weights: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...
    def forward(self, query, key, value=None, *, lengths=None, return_weights=False):
        """Contexts ``(B, T, V)`` of T queries, and the weights ``(B, T, K)`` if asked: T steps,
        for queries that do not depend on the contexts.

        Raises:
            ShapeError: shapes that do not fit.
        """
        expect(query, 3, self.query_features, "query (B, T, E)")
        source, state = self.begin(key, value, lengths)
        contexts, rows, _ = self._read(query, source, state)
        return (contexts, rows) if return_weights else contexts

    def _read(self, query: Tensor, source: Source, state: Any) -> tuple[Tensor, Tensor, Any]:
        expect_rows(source.key, query=query)
        if source.key.shape[1]:
            rows, state = self.align(self.score.query(query), source, state)
        else:
            rows = query.new_zeros(*query.shape[:2], 0)
        return told(rows).to(source.value.dtype) @ source.value, rows, state


def nothing_read(source: Source) -> Float[Tensor, "B K"]:
    """Zeros for the weights of steps: float32 at least, for sums of halves lose what is small."""
    dtype = torch.promote_types(source.key.dtype, torch.float32)
    return torch.zeros(source.key.shape[:2], dtype=dtype, device=source.key.device)
