"""What the weights of a call are made of: a formula, or the weights themselves.

All give weights with axes of batch and heads, ``(B, H, Q, K)``, whatever those of the model are;
what is not asked for is not computed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from regard import attention, biases, masks
from regard.engines.summaries import TopWeights
from regard.watching.kept import Kept

Heads = list[int] | None
"""Numbers of the heads that are asked for; None: all."""


class Source(Protocol):
    """What the weights of a call can be made of."""

    @property
    def tensors(self) -> tuple[Kept, ...]:
        """What it keeps alive."""
        ...

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the weights: batch, heads, queries, keys."""
        ...

    def weights(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H Q K"]: ...

    def top(self, k: int, heads: Heads, queries: slice, batch: slice) -> TopWeights: ...

    def key_totals(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H K"]: ...


@dataclass(eq=False, slots=True)
class Formula:
    """The arguments of ``regard.weights``.

    Attributes:
        query: ``(*batch, Q, E)``.
        key: ``(*batch, K, F)``.
        parts: the other arguments, by name.
        lead: ``*batch`` of the weights.
        allowed: a tensor besides, ``(1 or B, 1 or H, 1 or Q, K)``: of booleans (True = may attend),
            or of numbers to be added to the scores.
        held: tensors of the parts.
        rounded: the precision that autocast gave query and key; None: their own.
    """

    query: Kept
    key: Kept
    parts: dict[str, Any]
    lead: tuple[int, ...]
    allowed: Kept | None = None
    held: tuple[Kept, ...] = ()
    rounded: torch.dtype | None = None

    @property
    def tensors(self) -> tuple[Kept, ...]:
        both = (self.query, self.key)
        return both if self.allowed is None else (*both, self.allowed)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        batch, heads = _batch_and_heads(self.lead)
        return batch, heads, self.query.tensor.shape[-2], self.key.tensor.shape[-2]

    def weights(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H Q K"]:
        return self._asked(attention.weights, 2, heads, queries, batch)

    def top(self, k: int, heads: Heads, queries: slice, batch: slice) -> TopWeights:
        def top(query: Tensor, key: Tensor, **parts: Any) -> TopWeights:
            return attention.top_weights(query, key, k, **parts)

        return self._asked(top, 2, heads, queries, batch)

    def key_totals(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H K"]:
        return self._asked(attention.key_totals, 1, heads, queries, batch)

    def _asked(
        self, ask: Callable[..., Any], axes: int, heads: Heads, queries: slice, batch: slice
    ) -> Any:
        """What is asked for; ``axes`` is how many axes it has behind those of batch and heads."""
        for kept in self.held:
            kept.check()
        query, key = self._widened(self.query.now), self._widened(self.key.now)
        parts = {**self.parts, "queries": queries}
        # Masks, biases and scores of regard's may hold something for each row of the batch.
        cuts = len(self.lead) == query.ndim - 2 == 2 and parts.get("bias") is None
        cuts = cuts and not self.held and parts.get("mask") in (None, FROM_THE_START)
        if cuts:
            query, key = query[batch], key[batch]
        if self.allowed is not None:
            self._add(parts, self.allowed.now, batch if cuts else slice(None), query, key)
        if len(self.lead) > 1:
            parts["heads"] = heads
        with torch.no_grad():
            found = ask(query, key, **parts)
        whole = slice(None) if cuts else batch

        def formed(x: Tensor) -> Tensor:
            return x.reshape(_batch_and_heads(x.shape[:-axes]) + x.shape[-axes:])[whole]

        return TopWeights(*map(formed, found)) if isinstance(found, tuple) else formed(found)

    def _widened(self, tensor: Tensor) -> Tensor:
        if self.rounded is not None and tensor.dtype == torch.float32:
            tensor = tensor.to(self.rounded)
        return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor

    @staticmethod
    def _add(
        parts: dict[str, Any], allowed: Tensor, batch: slice, query: Tensor, key: Tensor
    ) -> None:
        if allowed.ndim > 2 and allowed.shape[0] > 1:
            allowed = allowed[batch]
        allowed = allowed.expand(*allowed.shape[:-2], query.shape[-2], key.shape[-2])
        if allowed.dtype != torch.bool:
            parts["bias"] = biases.dense(allowed.to(query.dtype))
            return
        rule, dense = parts.get("mask"), masks.dense(allowed)
        parts["mask"] = dense if rule is None else rule & dense


def _batch_and_heads(lead: tuple[int, ...]) -> tuple[int, int]:
    """Leading axes as two: of one it is the batch, of more the last are the heads."""
    if len(lead) < 2:
        return prod(lead), 1
    return prod(lead[:-1]), lead[-1]


FROM_THE_START = masks.causal(align="start")
"""The triangle of torch's ``is_causal``."""


@dataclass(eq=False, slots=True)
class Given:
    """Weights ``(B, H, Q, K)`` that the model made by itself."""

    rows: Kept

    @property
    def tensors(self) -> tuple[Kept, ...]:
        return (self.rows,)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        batch, heads, queries, keys = self.rows.tensor.shape
        return batch, heads, queries, keys

    def weights(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H Q K"]:
        rows = self.rows.now[batch, :, queries]
        rows = rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows
        return rows if heads is None else rows[:, heads]

    def top(self, k: int, heads: Heads, queries: slice, batch: slice) -> TopWeights:
        rows = self.weights(heads, queries, batch)
        values, places = rows.sort(stable=True, dim=-1, descending=True)
        missing = (0, max(0, k - rows.shape[-1]))
        pad = torch.nn.functional.pad
        return TopWeights(pad(values[..., :k], missing), pad(places[..., :k], missing, value=-1))

    def key_totals(self, heads: Heads, queries: slice, batch: slice) -> Float[Tensor, "B H K"]:
        return self.weights(heads, queries, batch).sum(-2)
