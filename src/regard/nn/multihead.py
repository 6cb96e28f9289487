"""Several heads, each with projections of its own: ``torch.nn.MultiheadAttention``, and more."""

from typing import Any, TypedDict

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.attention import attend
from regard.biases import Bias
from regard.engines.call import autocasts
from regard.errors import KindError, ShapeError
from regard.grid import shape_text
from regard.masks import Mask, causal
from regard.nn.cache import KeyValueCache, Projected, together
from regard.nn.learned_score import LearnedScore
from regard.nn.positions import RotaryPositions
from regard.nn.projection import linear
from regard.nn.refusals import probability, refuse, sizes
from regard.normalizers import Normalizer, settled
from regard.normalizers import named as named_normalizer
from regard.scores import AnyScore


class HeadOptions(TypedDict, total=False):
    """What layers built on ``MultiheadAttention`` pass on to it."""

    kv_heads: int | None
    score: AnyScore | str
    normalizer: Normalizer | str
    rotary: RotaryPositions | None


class MultiheadAttention(nn.Module):
    """Heads side by side, joined by one more projection.

        concat(head_1 … head_H) W_O,  head_h = attend(q W_h^Q, k W_h^K, v W_h^V)

    Its ``state_dict`` is that of ``torch.nn.MultiheadAttention``, and so are its numbers.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.2.2; heads that share keys and values:
             Shazeer 2019 (arXiv:1911.02150), Ainslie et al. 2023 (arXiv:2305.13245)
    Departs: the projections have biases unless ``bias=False``, as torch's do, the paper's have
             none. From torch: the batch is first; True in a mask = may attend; weights are given
             for each head; a query that sees nothing gets zeros before W_O, never NaN.
    Cost:    O(N·E²) time for N tokens, and that of ``attend``; memory linear in the tokens.

    Args:
        embed_dim: E, features of query and output; a multiple of ``num_heads``.
        num_heads: H; each head has E/H features.
        dropout: probability with which a weight is dropped in training.
        bias: whether the four projections have biases.
        kdim, vdim: features of key and value; None: E.
        kv_heads: heads of keys and values, of which ``num_heads`` is a multiple; None: H.
        score: a name, a score or a function; the tensors of a score that is named are learned,
            one for each head. A ``LearnedScore`` with ``heads=num_heads`` is taken as it is.
        normalizer: as in ``attend``; "gumbel" draws in training alone.
        rotary: turns the queries and keys of each head by their positions.

    Raises:
        RangeError: heads or features below 1; a dropout that is no probability.
        ShapeError: what must divide does not.
        KindError: arguments of torch's layer that mean something else here, and a score of other
            heads; the message says what to write.

    >>> import torch
    >>> attention = MultiheadAttention(8, 2)
    >>> output, weights = attention(torch.zeros(1, 3, 8), return_weights=True)
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 8]), torch.Size([1, 2, 3, 3]))
    """

    in_proj_weight: nn.Parameter | None
    q_proj_weight: nn.Parameter | None
    k_proj_weight: nn.Parameter | None
    v_proj_weight: nn.Parameter | None
    in_proj_bias: nn.Parameter | None

    def __init__(  # noqa: PLR0913 - torch's arguments, and the parts of the formula
        self,
        embed_dim: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        kv_heads: int | None = None,
        score: AnyScore | str = "scaled_dot",
        normalizer: Normalizer | str = "softmax",
        rotary: RotaryPositions | None = None,
        **torchs: Any,
    ) -> None:
        super().__init__()
        refuse("MultiheadAttention", torchs)
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kv_heads = num_heads if kv_heads is None else kv_heads
        self.head_dim = _divided(embed_dim, num_heads, self.kv_heads)
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.dropout, self.normalizer = probability(dropout), named_normalizer(normalizer)
        if not isinstance(score, LearnedScore):
            score = LearnedScore(score, self.head_dim, heads=num_heads)
        if score.heads != num_heads:
            raise KindError(
                f"this layer wants a LearnedScore with tensors for each of its {num_heads} heads, "
                f"and this one has heads={score.heads}: write LearnedScore(..., heads={num_heads})"
            )
        self.score = score
        self.rotary = rotary
        if rotary is not None and rotary.features != self.head_dim:
            raise ShapeError(
                f"rotary turns {rotary.features} features, and a head has embed_dim / num_heads = "
                f"{self.head_dim}: RotaryPositions({self.head_dim})"
            )
        # Torch's names and shapes: one tensor where the three have the same features.
        self._sizes = (embed_dim, *[self.kv_heads * self.head_dim] * 2)
        same = self.kdim == self.vdim == embed_dim
        shapes = {
            "in_proj_weight": (sum(self._sizes), embed_dim) if same else None,
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (self._sizes[1], self.kdim),
            "v_proj_weight": None if same else (self._sizes[2], self.vdim),
            "in_proj_bias": (sum(self._sizes),) if bias else None,
        }
        for name, shape in shapes.items():
            tensor = None if shape is None else nn.Parameter(torch.empty(shape))
            self.register_parameter(name, tensor)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the projections anew, as torch's layer does."""
        for name, tensor in self.named_parameters(recurse=False):
            if name == "in_proj_bias":
                nn.init.zeros_(tensor)
            elif name.endswith("proj_weight"):
                nn.init.xavier_uniform_(tensor)
        self.out_proj.reset_parameters()
        if self.out_proj.bias is not None:
            nn.init.zeros_(self.out_proj.bias)

    def allocate(
        self, batch: int, capacity: int, *, dtype: torch.dtype | None = None
    ) -> KeyValueCache:
        """An empty cache for ``capacity`` tokens (see ``forward``).

        Args:
            dtype: of the keys and values; None: that of the weights or, under autocast, its own.
        """
        held = self.out_proj.weight
        kind = held.device.type
        if dtype is None:
            halved = autocasts(kind) and held.dtype != torch.float64  # which autocast leaves alone
            dtype = torch.get_autocast_dtype(kind) if halved else held.dtype
        shape = (batch, self.kv_heads, capacity, self.head_dim)
        return KeyValueCache(*shape, dtype=dtype, device=held.device)

    def project(
        self, key: Float[Tensor, "*batch K F"], value: Float[Tensor, "*batch K G"] | None = None
    ) -> Projected:
        """Keys and values for ``read``: computed once for a source that is read many times."""
        value = key if value is None else value
        _check(key, self.kdim, "key (…, K, kdim)")
        _check(value, self.vdim, "value (…, K, vdim)")
        if key.shape[-2] != value.shape[-2]:
            raise ShapeError(
                "key (…, K, kdim) and value (…, K, vdim) have the same length K, and are "
                f"{shape_text(tuple(key.shape))} and {shape_text(tuple(value.shape))}"
            )
        (_, of_key, of_value), (_, key_bias, value_bias) = self._projections()
        heads = self._split(linear(key, of_key, key_bias), self.kv_heads)
        if self.rotary is not None:
            heads = self.rotary(heads)
        values = self._split(linear(value, of_value, value_bias), self.kv_heads)
        return Projected(self.score.key(heads), values)

    def read(
        self,
        query: Float[Tensor, "*batch Q E"],
        projected: Projected,
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        return_weights: bool = False,
    ) -> Any:
        """``forward`` over keys and values that ``project`` gave."""
        _check(query, self.embed_dim, "query (…, Q, embed_dim)")
        weights, biases = self._projections()
        heads = self._split(linear(query, weights[0], biases[0]), self.num_heads)
        if self.rotary is not None:
            heads = self.rotary(heads, offset=projected.key.shape[-2] - query.shape[-2])
        return self._read(query, heads, projected, mask, bias, return_weights)

    def forward(
        self,
        query: Float[Tensor, "*batch Q E"],
        key: Float[Tensor, "*batch K F"] | None = None,
        value: Float[Tensor, "*batch K G"] | None = None,
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        cache: KeyValueCache | None = None,
        positions: Int[Tensor, "*#batch Q"] | None = None,
        return_weights: bool = False,
        **torchs: Any,
    ) -> Any:
        """Self-attention, where no key is given; the value is the key unless given.

        Args:
            query: ``(*batch, Q, E)``.
            key, value: ``(*batch, K, kdim)`` and ``(*batch, K, vdim)``.
            mask: True = may attend. Lengths and ids belong to the batch, the leftmost dimensions;
                ``masks.dense`` wants ``(Q, K)`` or ``(*batch, H, Q, K)``.
            bias: numbers added to the scores, likewise.
            cache: of ``allocate``: the query's tokens follow those that it holds, are written
                behind them, and see them and themselves, not what comes later (``mask`` and
                ``bias`` are then asked about all tokens so far). For self-attention.
            positions: of the tokens, for ``rotary``, ``(Q,)`` or ``(*batch, Q)``; None: query i
                of Q is at i + K − Q, as in masks. For self-attention.
            return_weights: give the weights too.

        Returns:
            ``(*batch, Q, E)``, or the pair of it and the weights ``(*batch, H, Q, K)``.
        """
        refuse("MultiheadAttention", torchs)
        if positions is not None and self.rotary is None:
            raise KindError("positions are for rotary=RotaryPositions(...), and there is none")
        if key is not None or value is not None:
            if cache is not None or positions is not None:
                raise KindError(
                    "a cache and positions are for self-attention, without key and value; keys of "
                    "another sequence are projected once: read(query, project(key, value))"
                )
            key = query if key is None else key
            projected = self.project(key, value)
            return self.read(query, projected, mask=mask, bias=bias, return_weights=return_weights)
        heads, own = self._self(query)
        behind = 0 if cache is None else cache.length
        if self.rotary is not None:
            offset = behind if positions is None else 0
            heads = self.rotary(heads, positions, offset=offset)
            own = Projected(self.rotary(own.key, positions, offset=offset), own.value)
        own = Projected(self.score.key(own.key), own.value)
        if cache is None:
            return self._read(query, heads, own, mask, bias, return_weights)
        with together([cache]):
            if query.shape[-2] > 1:  # the last query sees all there is, and needs no mask
                mask = causal() if mask is None else causal() & mask
            return self._read(query, heads, cache.append(*own), mask, bias, return_weights)

    def _self(self, tokens: Tensor) -> tuple[Tensor, Projected]:
        """Queries, keys and values of the same tokens: one product where one tensor has all."""
        _check(tokens, self.embed_dim, "query (…, Q, embed_dim)")
        if self.in_proj_weight is None:
            raise ShapeError(
                f"self-attention needs kdim = vdim = embed_dim = {self.embed_dim}, and they are "
                f"{self.kdim} and {self.vdim}: give a key and a value"
            )
        joined = linear(tokens, self.in_proj_weight, self.in_proj_bias)
        query, key, value = joined.split(self._sizes, -1)
        own = Projected(self._split(key, self.kv_heads), self._split(value, self.kv_heads))
        return self._split(query, self.num_heads), own

    def _projections(self) -> tuple[Any, Any]:
        """Weights and biases for query, key and value."""
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if self.in_proj_weight is not None:
            weights = self.in_proj_weight.split(self._sizes)
        joined = self.in_proj_bias
        return weights, (None,) * 3 if joined is None else joined.split(self._sizes)

    def _split(self, joined: Tensor, heads: int) -> Float[Tensor, "*batch heads N D"]:
        # Without a batch the heads would be the leftmost dimension, and lengths theirs.
        joined = joined[None] if joined.ndim == 2 else joined
        return joined.unflatten(-1, (heads, self.head_dim)).transpose(-3, -2)

    def _read(
        self,
        query: Tensor,
        heads: Tensor,
        projected: Projected,
        mask: Mask | None,
        bias: Bias | None,
        return_weights: bool,
    ) -> Any:
        single = query.ndim == 2
        if single and projected.key.shape[:-3] != (1,):
            raise ShapeError(
                f"a query (Q, E) without a batch, and keys with one of "
                f"{shape_text(tuple(projected.key.shape[:-3]))}: give it one with query[None]"
            )
        output, weights = self.attend(
            heads, projected, mask=mask, bias=bias, return_weights=return_weights
        )
        output = self.out_proj(output.transpose(-3, -2).flatten(-2))
        output = output[0] if single else output
        if weights is None:
            return output
        return output, weights[0] if single else weights

    def attend(
        self,
        heads: Float[Tensor, "*batch H Q D"],
        projected: Projected,
        *,
        mask: Mask | None,
        bias: Bias | None,
        return_weights: bool,
    ) -> tuple[Float[Tensor, "*batch H Q D"], Float[Tensor, "*batch H Q K"] | None]:
        """What happens within the heads: a layer with a formula of its own writes its own."""
        read: Any = attend(  # pyright: ignore[reportCallIssue]
            self.score.query(heads),
            *projected,
            score=self.score(),
            mask=mask,
            bias=bias,
            normalizer=settled(self.normalizer, training=self.training),
            dropout_p=self.dropout if self.training else 0.0,
            enable_gqa=self.kv_heads != self.num_heads,
            return_weights=return_weights,  # pyright: ignore[reportArgumentType]
        )
        return read if return_weights else (read, None)

    def extra_repr(self) -> str:
        shared = "" if self.kv_heads == self.num_heads else f", kv_heads={self.kv_heads}"
        return f"{self.embed_dim}, {self.num_heads}{shared}"


def _divided(embed_dim: int, num_heads: int, kv_heads: int) -> int:
    sizes("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads, kv_heads=kv_heads)
    if embed_dim % num_heads:
        raise ShapeError(
            f"embed_dim must be a multiple of num_heads, for each head has embed_dim / num_heads "
            f"features, and {embed_dim} is no multiple of {num_heads}"
        )
    if num_heads % kv_heads:
        raise ShapeError(
            f"num_heads must be a multiple of kv_heads, for each head of keys and values serves "
            f"num_heads / kv_heads heads of queries, and {num_heads} is no multiple of {kv_heads}"
        )
    return embed_dim // num_heads


def _check(array: Tensor, features: int, pattern: str) -> None:
    if array.ndim < 2 or array.shape[-1] != features:
        raise ShapeError(
            f"this attention wants {pattern} of {features} features, and got "
            f"{shape_text(tuple(array.shape))}"
        )
