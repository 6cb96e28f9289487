"""Small models of others; those of transformers twice, with eager and with fused attention."""

from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pair(kind: Any, config: Any) -> tuple[Any, Any]:
    """A model of transformers twice: eager, and on torch's fused function."""
    torch.manual_seed(0)
    eager = kind._from_config(deepcopy(config), attn_implementation="eager").eval()
    fused = kind._from_config(deepcopy(config), attn_implementation="sdpa").eval()
    fused.load_state_dict(eager.state_dict())
    return eager, fused


def explicit(query: Tensor, key: Tensor, allowed: Tensor | None = None) -> Tensor:
    """softmax(qkᵀ/√E), written out."""
    raw = query @ key.mT / query.shape[-1] ** 0.5
    if allowed is not None:
        raw = raw.masked_fill(~allowed, -torch.inf)
    return raw.softmax(-1)


class Block(nn.Module):
    """An attention in the manner of timm: queries, keys and values of one projection."""

    def __init__(self, features: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(features, 3 * features)
        self.proj = nn.Linear(features, features)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        return query, key, value

    def forward(self, x: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        query, key, value = self.split(x)
        read = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        return self.proj(read.transpose(1, 2).flatten(-2))


class Cached(nn.Module):
    """A decoder's attention with a cache of fixed length, which it writes over."""

    def __init__(self, features: int = 8, length: int = 6) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, 1, length, features))
        self.keys: Tensor

    def forward(self, x: Tensor, place: int) -> Tensor:
        self.keys[:, :, place] = x
        allowed = torch.arange(self.keys.shape[2]) <= place
        query = x[None, None, None]
        return F.scaled_dot_product_attention(
            query, self.keys, self.keys, allowed[None, None, None]
        )
