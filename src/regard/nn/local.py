"""Local attention: each query looks through a window of the keys, fixed or predicted."""

from collections.abc import Iterable, Iterator
from typing import Literal, overload

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard import masks
from regard.attention import attend
from regard.engines import reference
from regard.engines.call import Call, Parts
from regard.engines.recompute import remembered
from regard.engines.scratch import tidy
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text
from regard.nn.learned_score import LearnedScore
from regard.nn.source import Source, expect, expect_rows
from regard.normalizers import Normalizer, settled
from regard.normalizers import named as named_normalizer
from regard.scores import AnyScore, Location, canonical
from regard.witness import WITNESSES, told

GATHERED = 2**20
"""Numbers of windows, keys and values, that exist at one time: 4 MiB in float32."""


class LocalAttention(nn.Module):
    """Luong's local attention: local-p predicts where to look, local-m moves on by a key a step.

        p_t = S · σ(v_pᵀ tanh(W_p h_t))                                              local-p
        p_t = t                                                                      local-m
        α_t(s) = align(h_t, h̄_s) · exp(−(s − p_t)² / (2σ²)),  σ = D/2                local-p
        align(h_t, h̄_s) = softmax over s in [p_t − D, p_t + D] of score(h_t, h̄_s)

    S is the length of the row's source; positions s and steps t count from 0. The Gaussian comes
    after the softmax, and nothing is normalised again: weights of local-p sum to less than 1. What
    is outside the sentence is no part of a window; where a window is outside, there are zeros.

    Source:  Luong, Pham, Manning 2015 (arXiv:1508.04025), §3.2, eq. 9–10
    Departs: none
    Cost:    O(T·D) time and memory for T queries, whatever the length of the source; weights, if
             asked, are (T, K)

    Args:
        query_features: E, features of h.
        key_features: F, features of h̄; None: E.
        window: D, how many keys to each side; 10 in the paper.
        predictive: True: local-p, False: local-m.
        score: as in ``nn.Attention``; "general", "dot" and "concat" in the paper.
        features: D of the additive scores; None: E.
        normalizer: what softmax is above, as in ``attend``.

    Raises:
        RangeError: a window of less than 1 key, a size below 1.
        KindError: the location score, which knows the places of a whole source.

    >>> attention = LocalAttention(4, 6, window=2)
    >>> output, weights = attention(torch.randn(1, 3, 4), torch.randn(1, 9, 6), return_weights=True)
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 6]), torch.Size([1, 3, 9]))
    >>> attention.centers(torch.zeros(1, 3, 4), torch.tensor([9])).tolist()
    [[4.5, 4.5, 4.5]]
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        window: int = 10,
        predictive: bool = True,
        score: AnyScore | str = "general",
        features: int | None = None,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__()
        if not isinstance(window, int) or window < 1:
            raise RangeError(f"window is how many keys to each side, ≥ 1, and it is {window!r}")
        named_location = isinstance(score, str) and canonical(score) == "location"
        if named_location or isinstance(score, Location):
            raise KindError(
                "the location score has a weight for each place of a whole source, and a window "
                "moves: take regard.nn.Attention for it"
            )
        self.query_features = query_features
        self.key_features = query_features if key_features is None else key_features
        self.window, self.predictive = window, predictive
        self.score = LearnedScore(score, query_features, self.key_features, features=features)
        self.normalizer = named_normalizer(normalizer)
        if predictive:
            self.predict = nn.Linear(query_features, query_features, bias=False)
            self.place = nn.Linear(query_features, 1, bias=False)

    def begin(
        self,
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = None,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Source:
        """The source made ready, with its keys projected: once for all steps of a decoder.

        Args:
            key: annotations of the source.
            value: what contexts are made of; None: the keys.
            lengths: S, how many keys of each row count (tokens); None: all.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect(key, 3, self.key_features, "key (B, K, F)")
        return Source.of(self.score, key, value, lengths)

    def centers(
        self, query: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T"]:
        """p_t of local-p: places between the keys, from 0 to the length of the row."""
        raw = self.place(torch.tanh(self.predict(query)))[..., 0]
        # Halves do not know the places of a long source apart.
        return lengths[:, None] * torch.sigmoid(raw.to(torch.promote_types(raw.dtype, torch.float)))

    @overload
    def read(
        self,
        query: Float[Tensor, "B T E"],
        source: Source,
        *,
        positions: Int[Tensor, "*B T"] | None = ...,
        return_weights: Literal[False] = ...,
    ) -> Tensor: ...
    @overload
    def read(
        self,
        query: Float[Tensor, "B T E"],
        source: Source,
        *,
        positions: Int[Tensor, "*B T"] | None = ...,
        return_weights: bool,
    ) -> Tensor | tuple[Tensor, Tensor]: ...
    def read(self, query, source, *, positions=None, return_weights=False):
        """``forward`` with a source that ``begin`` has made ready.

        Args:
            positions: t of each query, for local-m, ``(T,)`` or ``(B, T)``; None: 0 … T − 1. A
                decoder that asks for one step at a time says which.

        Raises:
            ShapeError: shapes that do not fit.
            KindError: positions that are not integers, or that local-p is given.
        """
        expect(query, 3, self.query_features, "query (B, T, E)")
        expect_rows(source.key, query=query)
        if self.predictive:
            if positions is not None:
                raise KindError(
                    "positions say where the windows of local-m stand, and local-p predicts it: "
                    "leave them out, or make the layer with predictive=False"
                )
            center = self.centers(query, source.lengths)
            return self._gathered(query, source, center, return_weights)
        if positions is not None:
            # An engine would compute all keys between the rows of the batch.
            return self._gathered(query, source, _per_row(positions, query), return_weights)
        near = masks.window(self.window, self.window, align="start")
        return attend(
            self.score.query(query),
            source.key,
            source.value,
            score=self.score(),
            mask=near & source.mask,
            normalizer=settled(self.normalizer, training=self.training),
            return_weights=return_weights,
        )

    def forward(
        self,
        query: Float[Tensor, "B T E"],
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = None,
        *,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
        positions: Int[Tensor, "*B T"] | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Contexts ``(B, T, V)``, and the weights ``(B, T, K)`` if asked.

        Raises:
            ShapeError: shapes that do not fit.
            KindError: lengths or positions that are not integers, positions for local-p.
        """
        source = self.begin(key, value, lengths)
        return self.read(query, source, positions=positions, return_weights=return_weights)

    def _gathered(
        self, query: Tensor, source: Source, center: Tensor, return_weights: bool
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Contexts, and weights if asked, through windows around ``center`` ``(B, T)``."""
        size = source.key.shape[1]
        if not size:
            empty = query.new_zeros(*query.shape[:2], 0)
            output = empty @ source.value
            return (output, empty) if return_weights else output
        contexts, rows = [], []
        for blocks in _cut(self.score.query(query), center, source, 2 * self.window + 1):
            found = [self._again(*block) for block in blocks]
            contexts.append(torch.cat([context for context, _, _ in found], 1))
            if return_weights or WITNESSES:
                whole = [
                    w.new_zeros(*w.shape[:2], size).scatter_add(2, at, w) for _, w, at in found
                ]
                rows.append(torch.cat(whole, 1))
        output = torch.cat(contexts)
        if WITNESSES:
            told(torch.cat(rows))
        return (output, torch.cat(rows)) if return_weights else output

    def _again(self, *block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen through a block's windows; in training it is computed again, not kept."""
        if not torch.is_grad_enabled():
            return self._through(*block)
        return remembered(self._through, *block, device=block[0].device, draws=True)

    def _through(
        self, query: Tensor, center: Tensor, key: Tensor, value: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Contexts ``(b, t, V)`` and weights ``(b, t, W)`` of a block's windows, and where their
        keys are, ``(b, t, W)``."""
        width = 2 * self.window + 1
        tidy(center.numel() * width * (key.shape[-1] + value.shape[-1]))
        first = torch.ceil(center.detach() - self.window).long()
        places = first[..., None] + torch.arange(width, device=key.device)
        far = (places - center[..., None]) / self.window
        inside = (far <= 1) & (places >= 0) & (places < lengths[:, None, None])
        at = places.clamp(0, key.shape[1] - 1)
        row = torch.arange(len(key), device=key.device)[:, None, None]
        normalizer = settled(self.normalizer, training=self.training)
        parts = Parts.of(self.score(), None, masks.dense(inside[:, :, None]), normalizer)
        call = Call.of(query[:, :, None], key[row, at], None, parts)
        # Not regard.weights, which would keep the windows in order to compute its part again.
        align: Tensor = reference.weights(call, range(1))  # pyright: ignore[reportAssignmentType]
        weights = align[:, :, 0]
        if self.predictive:
            weights = weights * torch.exp(-2 * far.square()).to(align.dtype)  # 2σ² = D²/2
        context = weights[:, :, None].to(value.dtype) @ value[row, at]
        return context[:, :, 0], weights, at


def _per_row(positions: Int[Tensor, "*B T"], query: Float[Tensor, "B T E"]) -> Int[Tensor, "B T"]:
    """The positions of each row's queries, of which there may be one row for all."""
    positions, shape = torch.as_tensor(positions, device=query.device), query.shape[:2]
    if positions.dtype == torch.bool or positions.is_floating_point():
        raise KindError(f"positions are whole numbers of steps, and they are {positions.dtype}")
    if positions.shape not in (shape, (1, *shape[1:]), shape[1:]):
        raise ShapeError(
            f"positions are (T,) or (B, T) = {shape_text(tuple(shape))}, and they are "
            f"{shape_text(tuple(positions.shape))}"
        )
    return positions.long().expand(shape)


def _cut(
    query: Tensor, center: Tensor, source: Source, width: int
) -> Iterator[Iterable[tuple[Tensor, ...]]]:
    """For some rows of the batch at a time, blocks of their queries, keys and values.

    A block's share of the gradient is as large as its rows of the source, so its windows hold at
    least as many numbers; else the shares of many blocks would take more than O(T·D) time.
    """
    size, features = source.key.shape[1], source.key.shape[-1] + source.value.shape[-1]
    budget = max(GATHERED, size * features)
    rows = max(budget // max(query.shape[1] * width * features, 1), 1)
    queries = max(budget // max(width * features, 1), 1)
    parts = (x.split(rows) for x in (query, center, *source))
    for some, centers, *rest in zip(*parts, strict=True):
        pairs = zip(some.split(queries, 1), centers.split(queries, 1), strict=True)
        yield ((q, c, *rest) for q, c in pairs)
