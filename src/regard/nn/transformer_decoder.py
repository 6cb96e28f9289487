"""The Transformer's decoder: a whole target at once, or one token after the other."""

import copy
from typing import Any, NamedTuple, Unpack

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.biases import Bias
from regard.engines.call import Parts
from regard.errors import KindError
from regard.grid import TORCH, Grid
from regard.masks import Mask, causal, dense
from regard.nn.cache import KeyValueCache, Projected, together
from regard.nn.multihead import HeadOptions, MultiheadAttention
from regard.nn.refusals import refuse
from regard.nn.transformer import Activation, Sublayers, copies


class DecoderWeights(NamedTuple):
    """Over the tokens so far ``(*batch, H, T, T')``, and over the memory ``(*batch, H, T, K)``."""

    own: Tensor
    memory: Tensor


class LayerState(NamedTuple):
    """What a layer keeps from step to step: its cache, the memory projected once, and which keys
    of it may be seen ``(B, 1, 1, K)``, None: all."""

    cache: KeyValueCache
    memory: Projected
    allowed: Bool[Tensor, "B 1 1 K"] | None

    def reorder(self, rows: Int[Tensor, " N"], *, memory: bool = True) -> "LayerState":
        """As ``DecoderState.reorder``."""
        rows = self.cache.numbered(rows)
        self.cache.reorder(rows)
        if not memory:
            return self
        projected = Projected(*(held.index_select(0, rows) for held in self.memory))
        allowed = self.allowed
        if allowed is not None and len(allowed) > 1:
            allowed = allowed.index_select(0, rows)
        return LayerState(self.cache, projected, allowed)


class DecoderState(NamedTuple):
    """The states of a stack's layers."""

    layers: tuple[LayerState, ...]

    @property
    def length(self) -> int:
        """How many tokens have been read: the offset of the next token's position."""
        return self.layers[0].cache.length

    def reorder(self, rows: Int[Tensor, " N"], *, memory: bool = True) -> "DecoderState":
        """The state whose row n is row ``rows[n]`` of this one, for searches over beams.

        This one must not be used afterwards: the caches are reordered in place.

        Args:
            rows: numbers of rows; N may differ from the batch (to begin a search, say).
            memory: whether memory moves too. It need not, where rows of one source change places
                among themselves, and that spares a copy of it.
        """
        return DecoderState(tuple(layer.reorder(rows, memory=memory) for layer in self.layers))


class TransformerDecoderLayer(Sublayers):
    """Causal self-attention, attention to the memory, feed-forward, each with add & norm.

        x ← norm1(x + attention(x)), x ← norm2(x + attention(x, memory)), x ← norm3(x + f(x))

    and with ``norm_first`` as in the encoder's layer. Its ``state_dict`` is that of
    ``torch.nn.TransformerDecoderLayer``, and so are its numbers.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.1; pre-norm: Xiong et al. 2020
             (arXiv:2002.04745)
    Departs: as torch's layer it drops out weights and the feed-forward part too. From torch: it is
             causal without being told; the batch is first; masks as everywhere in this library.
    Cost:    O(T·(E² + E·hidden)) time for T tokens, and that of ``attend`` over the tokens and over
             the memory. A step with a cache costs one token's share, and reads the keys so far.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, norm_first, bias, layer_norm_eps: as
            in ``TransformerEncoderLayer``.
        attention: ``kv_heads``, ``score``, ``normalizer`` for both attentions, ``rotary`` for that
            to the tokens. Of a score that is a module, that to the memory takes a copy.

    Raises:
        ShapeError, RangeError, KindError, UnknownName: as ``MultiheadAttention``.

    >>> import torch
    >>> layer = TransformerDecoderLayer(8, 2, 16).eval()
    >>> x, memory = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    >>> with torch.no_grad():
    ...     state = layer.begin(memory, capacity=3)
    ...     steps = [layer.step(x[:, t : t + 1], state) for t in range(3)]
    ...     torch.allclose(torch.cat(steps, 1), layer(x, memory), atol=1e-5)
    True
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        *,
        dropout: float = 0.1,
        activation: Activation = "relu",
        norm_first: bool = False,
        bias: bool = True,
        layer_norm_eps: float = 1e-5,
        **attention: Unpack[HeadOptions],
    ) -> None:
        super().__init__(
            d_model,
            dim_feedforward,
            dropout=dropout,
            activation=activation,
            norm_first=norm_first,
            bias=bias,
        )
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, bias=bias, **attention)
        attention["rotary"] = None  # places in the memory say nothing of places in the target
        score = attention.get("score")
        if isinstance(score, nn.Module):  # what one learns, the other does not
            attention["score"] = copy.deepcopy(score)
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, **attention
        )
        self.norm1 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "*batch T E"],
        memory: Float[Tensor, "*batch K E"],
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        memory_mask: Mask | None = None,
        return_weights: bool = False,
        **torchs: Any,
    ) -> Any:
        """``(*batch, T, E)``, each token from those before it, and ``DecoderWeights`` if asked.

        Args:
            x: the target, ``(*batch, T, E)``.
            memory: the encoder's output, ``(*batch, K, E)``.
            mask: which tokens of the target may be seen, besides being no later ones.
            bias: added to the scores of the target's tokens.
            memory_mask: which keys of the memory may be seen.
        """
        refuse("TransformerDecoderLayer", torchs)
        mask = causal() if mask is None else causal() & mask
        projected = self.multihead_attn.project(memory)

        def own(x: Tensor) -> Any:
            return self.self_attn(x, mask=mask, bias=bias, return_weights=return_weights)

        return self._layer(x, own, projected, memory_mask, return_weights)

    def begin(
        self,
        memory: Float[Tensor, "B K E"],
        *,
        capacity: int,
        memory_mask: Mask | None = None,
        dtype: torch.dtype | None = None,
    ) -> LayerState:
        """All that is done once for a memory: its projection, and room for the target's tokens.

        Args:
            memory: the encoder's output, ``(B, K, E)``.
            capacity: how many tokens the target may have.
            memory_mask: which keys of the memory may be seen, by all tokens alike.
            dtype: of the cache, as in ``MultiheadAttention.allocate``.

        Raises:
            KindError: a mask that says different things of different queries, or is none.
            RangeError: a capacity below 1.
        """
        projected = self.multihead_attn.project(memory)
        cache = self.self_attn.allocate(len(projected.key), capacity, dtype=dtype)
        return LayerState(cache, projected, _allowed(memory_mask, projected.key))

    def step(
        self,
        x: Float[Tensor, "B n E"],
        state: LayerState,
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        return_weights: bool = False,
    ) -> Any:
        """``forward`` for n further tokens: one, or the first few at once.

        The tokens are written into the state's cache, so it serves the next step as it is; a step
        that raises leaves it as it was.

        Args:
            mask, bias: asked about n queries and all tokens so far.

        Raises:
            RangeError: the cache is full.
            KindError: gradients are being recorded; see ``KeyValueCache``.
        """

        def own(x: Tensor) -> Any:
            return self.self_attn(
                x, mask=mask, bias=bias, cache=state.cache, return_weights=return_weights
            )

        memory_mask = None if state.allowed is None else dense(state.allowed)
        with together([state.cache]):
            return self._layer(x, own, state.memory, memory_mask, return_weights)

    def _layer(
        self,
        x: Tensor,
        own: Any,
        projected: Projected,
        memory_mask: Mask | None,
        return_weights: bool,
    ) -> Any:
        def read(x: Tensor) -> Any:
            return self.multihead_attn.read(
                x, projected, mask=memory_mask, return_weights=return_weights
            )

        x, own_weights = self._join(x, self.norm1, own)
        x, memory_weights = self._join(x, self.norm2, read)
        x, _ = self._join(x, self.norm3, self._feed_forward)
        return (x, DecoderWeights(own_weights, memory_weights)) if return_weights else x


class TransformerDecoder(nn.Module):
    """A stack of layers, and a norm behind it where they are pre-norm.

    Its ``state_dict`` is that of ``torch.nn.TransformerDecoder``.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.1
    Departs: from torch: each layer is drawn anew, where torch's copies begin equal
    Cost:    that of its layers; memory is projected once for each layer

    Args:
        layer: what the layers are like; it is copied.
        num_layers: how many.
        norm: applied to the last layer's output, such as ``nn.LayerNorm(E)``.

    Raises:
        RangeError: fewer than 1 layer.

    >>> import torch
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 2).eval()
    >>> with torch.no_grad():
    ...     state = decoder.begin(torch.zeros(1, 5, 8), capacity=9)
    ...     x, weights = decoder.step(torch.zeros(1, 3, 8), state, return_weights=True)
    >>> x.shape, state.length, weights[0].memory.shape
    (torch.Size([1, 3, 8]), 3, torch.Size([1, 2, 3, 5]))
    """

    def __init__(
        self,
        layer: TransformerDecoderLayer,
        num_layers: int,
        norm: nn.Module | None = None,
        **torchs: Any,
    ) -> None:
        super().__init__()
        refuse("TransformerDecoder", torchs)
        self.layers, self.norm = copies(layer, num_layers), norm

    def forward(
        self,
        x: Float[Tensor, "*batch T E"],
        memory: Float[Tensor, "*batch K E"],
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        memory_mask: Mask | None = None,
        return_weights: bool = False,
        **torchs: Any,
    ) -> Any:
        """``(*batch, T, E)``, and a list of each layer's ``DecoderWeights`` if asked; arguments as
        in ``TransformerDecoderLayer``."""
        refuse("TransformerDecoder", torchs)
        weights = []
        for layer in self.layers:
            x = layer(
                x,
                memory,
                mask=mask,
                bias=bias,
                memory_mask=memory_mask,
                return_weights=return_weights,
            )
            x = _kept(x, weights) if return_weights else x
        return self._normed(x, weights, return_weights)

    def begin(
        self,
        memory: Float[Tensor, "B K E"],
        *,
        capacity: int,
        memory_mask: Mask | None = None,
        dtype: torch.dtype | None = None,
    ) -> DecoderState:
        """All that is done once for a memory, as ``TransformerDecoderLayer.begin``."""
        options: Any = {"capacity": capacity, "memory_mask": memory_mask, "dtype": dtype}
        return DecoderState(tuple(layer.begin(memory, **options) for layer in self.layers))

    def step(
        self,
        x: Float[Tensor, "B n E"],
        state: DecoderState,
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        return_weights: bool = False,
    ) -> Any:
        """``forward`` for n further tokens, as ``TransformerDecoderLayer.step``."""
        weights = []
        with together([held.cache for held in state.layers]):
            for layer, held in zip(self.layers, state.layers, strict=True):
                x = layer.step(x, held, mask=mask, bias=bias, return_weights=return_weights)
                x = _kept(x, weights) if return_weights else x
            return self._normed(x, weights, return_weights)

    def _normed(self, x: Tensor, weights: list[DecoderWeights], return_weights: bool) -> Any:
        x = x if self.norm is None else self.norm(x)
        return (x, weights) if return_weights else x


def _kept(given: Any, weights: list[DecoderWeights]) -> Tensor:
    x, weight = given
    weights.append(weight)
    return x


def _allowed(mask: Mask | None, key: Tensor) -> Bool[Tensor, "B 1 1 K"] | None:
    """The mask of a memory as booleans, which, unlike a mask, can be reordered with its rows."""
    if mask is None:
        return None
    Parts.of("dot", None, mask, "softmax")  # says what to write for what is no mask
    if not mask.per_key:
        raise KindError(
            "step by step, a memory_mask says the same of all queries, such as "
            "masks.padding(lengths) or masks.dense(allowed) with allowed (B, 1, 1, K)"
        )
    batch, keys = (len(key), 1), key.shape[-2]
    tile = mask.tile(Grid(batch, 1, keys, range(1), range(keys), TORCH, key.device))
    return torch.atleast_2d(tile)[(None,) * (4 - max(tile.ndim, 2))].expand(-1, 1, 1, keys)
