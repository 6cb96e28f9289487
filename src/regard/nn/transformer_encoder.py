"""The Transformer's encoder; with a causal mask, a language model's stack."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.biases import Bias
from regard.errors import ShapeError
from regard.masks import Mask
from regard.nn.cache import KeyValueCache, together
from regard.nn.multihead import HeadOptions, MultiheadAttention
from regard.nn.refusals import refuse
from regard.nn.transformer import Activation, Sublayers, copies


class TransformerEncoderLayer(Sublayers):
    """Self-attention, add & norm, feed-forward, add & norm.

        x ← norm1(x + attention(x)),  x ← norm2(x + W₂ act(W₁ x))            norm_first=False
        x ← x + attention(norm1(x)),  x ← x + W₂ act(W₁ norm2(x))            norm_first=True

    Its ``state_dict`` is that of ``torch.nn.TransformerEncoderLayer``, and so are its numbers.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.1; pre-norm: Xiong et al. 2020
             (arXiv:2002.04745)
    Departs: as torch's layer it drops out weights and the feed-forward part too. From torch: the
             batch is first; masks as everywhere in this library.
    Cost:    O(T·(E² + E·hidden)) time for T tokens, and that of ``attend``

    Args:
        d_model: E, features of a token; a multiple of ``nhead``.
        nhead: heads.
        dim_feedforward: features between W₁ and W₂.
        dropout: probability, in training.
        activation: "relu", "gelu" or a function.
        norm_first: pre-norm.
        bias: whether projections and norms have biases.
        layer_norm_eps: what is added to the variance.
        attention: ``kv_heads``, ``score``, ``normalizer``, ``rotary`` of ``MultiheadAttention``.

    Raises:
        ShapeError, RangeError, KindError, UnknownName: as ``MultiheadAttention``.

    >>> import torch
    >>> layer = TransformerEncoderLayer(8, 2, 16)
    >>> layer(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 8])
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
        self.norm1 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "*batch T E"],
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        cache: KeyValueCache | None = None,
        return_weights: bool = False,
        **torchs: Any,
    ) -> Any:
        """``(*batch, T, E)``, and the weights ``(*batch, H, T, T)`` if asked; mask, bias and cache
        as in ``MultiheadAttention``."""
        refuse("TransformerEncoderLayer", torchs)
        x, weights = self._join(
            x,
            self.norm1,
            lambda x: self.self_attn(
                x, mask=mask, bias=bias, cache=cache, return_weights=return_weights
            ),
        )
        x, _ = self._join(x, self.norm2, self._feed_forward)
        return (x, weights) if return_weights else x


class TransformerEncoder(nn.Module):
    """A stack of layers, and a norm behind it where they are pre-norm.

    Its ``state_dict`` is that of ``torch.nn.TransformerEncoder``.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.1
    Departs: from torch: each layer is drawn anew, where torch's copies begin equal
    Cost:    that of its layers

    Args:
        layer: what the layers are like; it is copied.
        num_layers: how many.
        norm: applied to the last layer's output, such as ``nn.LayerNorm(E)``.

    Raises:
        RangeError: fewer than 1 layer.

    >>> import torch
    >>> from regard import masks
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 2)
    >>> x, weights = encoder(torch.zeros(1, 3, 8), mask=masks.padding([2]), return_weights=True)
    >>> x.shape, len(weights), weights[0].shape
    (torch.Size([1, 3, 8]), 2, torch.Size([1, 2, 3, 3]))
    """

    def __init__(
        self,
        layer: TransformerEncoderLayer,
        num_layers: int,
        norm: nn.Module | None = None,
        **torchs: Any,
    ) -> None:
        super().__init__()
        refuse("TransformerEncoder", torchs)
        self.layers, self.norm = copies(layer, num_layers), norm

    def allocate(
        self, batch: int, capacity: int, *, dtype: torch.dtype | None = None
    ) -> list[KeyValueCache]:
        """A cache for each layer (see ``forward``), as ``MultiheadAttention.allocate``."""
        return [layer.self_attn.allocate(batch, capacity, dtype=dtype) for layer in self.layers]

    def forward(
        self,
        x: Float[Tensor, "*batch T E"],
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        caches: Sequence[KeyValueCache] | None = None,
        return_weights: bool = False,
        **torchs: Any,
    ) -> Any:
        """``(*batch, T, E)``, and a list of each layer's weights if asked.

        Args:
            mask, bias: as in ``MultiheadAttention``.
            caches: of ``allocate``: the tokens follow those that the caches hold, and are seen
                from themselves on only, so that step by step equals the whole with
                ``masks.causal()``. A call that raises leaves them as they were.
            return_weights: give the weights ``(*batch, H, T, K)`` of each layer too.
        """
        refuse("TransformerEncoder", torchs)
        held = [None] * len(self.layers) if caches is None else list(caches)
        if len(held) != len(self.layers):
            raise ShapeError(f"{len(self.layers)} layers want as many caches, and got {len(held)}")
        weights = []
        with nullcontext() if caches is None else together(caches):
            for layer, cache in zip(self.layers, held, strict=True):
                x = layer(x, mask=mask, bias=bias, cache=cache, return_weights=return_weights)
                if return_weights:
                    x, weight = x
                    weights.append(weight)
        x = x if self.norm is None else self.norm(x)
        return (x, weights) if return_weights else x
