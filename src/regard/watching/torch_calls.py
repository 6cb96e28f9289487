"""Torch's attention functions, with the arguments that they get, and then a word of them."""

import threading
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from regard.scores import Dot, ScaledDot
from regard.watching.calls import of_product
from regard.watching.sources import FROM_THE_START
from regard.watching.telling import tell

SDPA, MULTI_HEAD = F.scaled_dot_product_attention, F.multi_head_attention_forward
BMM, BADDBMM = torch.bmm, torch.baddbmm


class _Here(threading.local):
    """What this thread is in the midst of."""

    heads: int = 0
    """Of ``multi_head_attention_forward``, until it has multiplied queries and keys."""

    split: tuple[int, int] | None = None
    """Heads and queries, where a caller may hand heads over as if they were queries."""


HERE = _Here()


def scaled_dot_product_attention(*args: Any, **kwargs: Any) -> Tensor:
    """torch's function, and all who watch are told."""
    output = SDPA(*args, **kwargs)
    _tell(*args, **kwargs)
    return output


def _tell(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> None:
    HERE.heads = 0
    split = HERE.split
    if split is not None and query.shape[1:3] != split and key.shape[1] == query.shape[1]:
        query = query.reshape(query.shape[0], *split, query.shape[-1])
        if attn_mask is not None and attn_mask.shape[1] > 1:
            attn_mask = attn_mask.reshape(attn_mask.shape[0], *split, attn_mask.shape[-1])
        enable_gqa = True
    rule = FROM_THE_START if is_causal else None
    score = ScaledDot() if scale is None else ScaledDot(float(scale))
    tell(of_product(query, key, allowed=attn_mask, rule=rule, score=score, enable_gqa=enable_gqa))


def multi_head_attention_forward(*args: Any, **kwargs: Any) -> Any:
    """torch's function. What it attends with is seen where it multiplies queries and keys: in
    ``scaled_dot_product_attention``, or, where it returns weights, in ``bmm`` or ``baddbmm``."""
    before = HERE.heads
    HERE.heads = kwargs["num_heads"] if "num_heads" in kwargs else args[4]
    try:
        return MULTI_HEAD(*args, **kwargs)
    finally:
        HERE.heads = before


def bmm(*args: Any, **kwargs: Any) -> Tensor:
    """torch's function."""
    output = BMM(*args, **kwargs)
    if HERE.heads:
        _tell_of_product(None, *args)
    return output


def baddbmm(*args: Any, **kwargs: Any) -> Tensor:
    """torch's function."""
    output = BADDBMM(*args, **kwargs)
    if HERE.heads:
        _tell_of_product(*args)
    return output


def _tell_of_product(added: Tensor | None, query: Tensor, key: Tensor) -> None:
    """Queries ``(B·H, Q, E)``, scaled, and keys ``(B·H, E, K)``."""
    heads, HERE.heads = HERE.heads, 0

    def apart(x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, heads))

    if added is not None:
        added = added[None] if added.shape[0] == 1 else apart(added)
    tell(of_product(apart(query), apart(key.mT), allowed=added, score=Dot()))
