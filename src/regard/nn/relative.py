"""Relative positions that add to keys and to values (Shaw et al. 2018)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.attention import weights
from regard.biases import Bias
from regard.engines.blocks import PAIRS_AT_ONCE
from regard.engines.call import Call, Parts
from regard.engines.recompute import remembered
from regard.errors import RangeError
from regard.grid import Grid
from regard.masks import Mask
from regard.nn.cache import Projected
from regard.nn.multihead import MultiheadAttention
from regard.nn.projection import linear
from regard.nn.refusals import whole
from regard.normalizers import Normalizer, settled
from regard.witness import WITNESSES, told_call


@dataclass(frozen=True, eq=False)
class RelativeBias(Bias):
    """One number for each query and each distance −k … k to a key, which further keys share.

        bias_ij = values[i, clip(j − i, −k, k) + k]

    Query i of Q stands at i + K − Q, as in masks.

    Args:
        values: ``(*batch, Q, 2k + 1)``.
    """

    values: Float[Tensor, "*batch Q buckets"]
    rules_out: bool = False

    def tile(self, grid: Grid) -> Float[Tensor, "*batch q k"]:
        rows = self.values[..., grid.queries.start : grid.queries.stop, :]
        offset = grid.n_keys - grid.n_queries
        places = _buckets(grid.queries, grid.keys, offset, rows.shape[-1], rows.device)
        return rows.gather(-1, places.expand(*rows.shape[:-1], len(grid.keys)))


class RelativeAttention(MultiheadAttention):
    """Multi-head attention in which keys and values know how far they are from the query.

        e_ij = q_i (k_j + a^K_ij)ᵀ / √D,   a_ij = table[clip(j − i, −k, k)]
        z_i  = Σ_j α_ij (v_j + a^V_ij)

    No tensor (Q, K, D) is made: q_i · a^K is computed once for the 2k + 1 distances and read as a
    bias of the scores, and the weights are summed by distance before they meet a^V.

    Source:  Shaw, Uszkoreit, Vaswani 2018 (arXiv:1803.02155), §3.1–3.3, eq. 3–5
    Departs: none. The tables are shared by the heads, as in §3.3, and each layer has its own.
             (Where the numbers of queries and keys differ, the last query stands at the last key.)
    Cost:    O(Q·K·D) time, about that of ``attend`` on its engine ``streaming``, for torch's fused
             kernel never shows the weights that a^V needs; a pass more over the weights for each
             of the tables; in training the weights are computed twice. Memory linear in Q and K:
             weights exist in blocks of queries, and Q·(2k + 1) numbers for each head.

    Args:
        embed_dim, num_heads, dropout, bias, kv_heads, normalizer: as in ``MultiheadAttention``.
        max_distance: k, in tokens; keys further away share the vector of distance k.

    Raises:
        RangeError, KindError: a distance below 0, or no whole number; and those of
            ``MultiheadAttention``.

    >>> import torch
    >>> attention = RelativeAttention(8, 2, max_distance=4)
    >>> attention(torch.zeros(1, 3, 8)).shape, attention.key_table.shape
    (torch.Size([1, 3, 8]), torch.Size([9, 4]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        max_distance: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        kv_heads: int | None = None,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__(
            embed_dim,
            num_heads,
            dropout=dropout,
            bias=bias,
            kv_heads=kv_heads,
            normalizer=normalizer,
        )
        if whole("RelativeAttention", "max_distance", max_distance) < 0:
            raise RangeError(f"max_distance is at least 0 tokens, and it is {max_distance}")
        self.max_distance = max_distance
        self.key_table = nn.Parameter(torch.empty(2 * max_distance + 1, self.head_dim))
        self.value_table = nn.Parameter(torch.empty(2 * max_distance + 1, self.head_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for name, tensor in self.named_parameters(recurse=False):
            if name.endswith("_table"):
                nn.init.xavier_uniform_(tensor)

    def attend(
        self,
        heads: Float[Tensor, "*batch H Q D"],
        projected: Projected,
        *,
        mask: Mask | None,
        bias: Bias | None,
        return_weights: bool,
    ) -> tuple[Float[Tensor, "*batch H Q D"], Float[Tensor, "*batch H Q K"] | None]:
        key, value = projected
        near = RelativeBias(linear(heads, self.key_table, None) * self.head_dim**-0.5)
        added = near if bias is None else bias + near
        groups = self.num_heads // self.kv_heads
        value = value if groups == 1 else value.repeat_interleave(groups, dim=-3)
        n_queries, n_keys, count = heads.shape[-2], key.shape[-2], 2 * self.max_distance + 1
        normalizer = settled(self.normalizer, training=self.training)
        may_be_unseen = mask is not None or bias is not None
        if WITNESSES:
            known = RelativeBias(near.values.detach())  # no graph is kept for whoever watches
            known = known if bias is None else bias + known
            parts = Parts.of("scaled_dot", known, mask, normalizer)
            told_call(Call.of(heads, key, None, parts, enable_gqa=groups > 1))

        def block(queries: range) -> tuple[Tensor, Tensor]:
            weight: Any = weights(
                heads,
                key,
                bias=added,
                mask=mask,
                normalizer=normalizer,
                enable_gqa=groups > 1,
                queries=slice(queries.start, queries.stop),
            )
            kept = F.dropout(weight, self.dropout, self.training)
            # What nobody looks at may hold anything, and 0 · NaN is NaN.
            seen = (weight.abs() > 0).any(-2)[..., None] if may_be_unseen else None
            read = value if seen is None else torch.where(seen, value, 0.0)
            places = _buckets(queries, range(n_keys), n_keys - n_queries, count, heads.device)
            sums = kept.new_zeros((*kept.shape[:-1], count))
            sums = sums.scatter_add(-1, places.expand(kept.shape), kept)
            return kept @ read + sums @ self.value_table, weight

        outputs, rows = [], []
        for queries in _blocks(heads, key):
            output, weight = (
                remembered(block, queries, device=heads.device, draws=True)
                if torch.is_grad_enabled()
                else block(queries)
            )
            outputs.append(output)
            rows.extend([weight] if return_weights else [])
        return torch.cat(outputs, -2), torch.cat(rows, -2) if return_weights else None

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, max_distance={self.max_distance}"


def _buckets(
    queries: range, keys: range, offset: int, count: int, device: torch.device
) -> Int[Tensor, "q k"]:
    """Which of the ``count`` distances lies between query and key: clip(j − i, −k, k) + k."""
    query = torch.arange(queries.start, queries.stop, device=device)[:, None] + offset
    key = torch.arange(keys.start, keys.stop, device=device)
    return (key - query + count // 2).clamp(0, count - 1)


def _blocks(heads: Tensor, key: Tensor) -> Iterator[range]:
    """Ranges of queries whose weights may exist at one time; one, where there are no queries."""
    per_query = prod(torch.broadcast_shapes(heads.shape[:-3], key.shape[:-3])) * heads.shape[-3]
    rows = max(PAIRS_AT_ONCE // max(per_query * key.shape[-2], 1), 1)
    for start in range(0, max(heads.shape[-2], 1), rows):
        yield range(start, min(start + rows, heads.shape[-2]))
