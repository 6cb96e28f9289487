"""torch's own attention is ours, at most 1e-5 apart, forward and backward.

The functions here; layers that load torch's state_dict are compared where they are tested,
``tests/nn/``.
"""

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.bias import causal_lower_right

import regard
from regard import biases, masks, scores

LIMIT = 1e-5
B, H, Q, K, E = 2, 4, 3, 5, 8

ALLOWED = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
BIAS = torch.linspace(-1, 1, Q * K).reshape(Q, K)
LENGTHS = torch.tensor([5, 2])
BELOW = torch.arange(K) < LENGTHS[:, None]

PAIRS: dict[str, tuple[dict, dict]] = {
    "no mask": ({}, {}),
    "mask": ({"attn_mask": ALLOWED}, {"mask": masks.dense(ALLOWED)}),
    "bias": ({"attn_mask": BIAS}, {"bias": biases.dense(BIAS)}),
    "padding": ({"attn_mask": BELOW[:, None, None]}, {"mask": masks.padding(LENGTHS)}),
    "is_causal": ({"is_causal": True}, {"mask": masks.causal(align="start")}),
    "lower right": ({"attn_mask": causal_lower_right(Q, K)}, {"mask": masks.causal()}),
    "scale": ({"scale": 0.3}, {"score": scores.ScaledDot(0.3)}),
}


def inputs(heads: int = H) -> list[Tensor]:
    shapes = (B, H, Q, E), (B, heads, K, E), (B, heads, K, E)
    return [torch.randn(shape).requires_grad_() for shape in shapes]


def agree(ours: Callable[..., Tensor], theirs: Callable[..., Tensor], leaves: Sequence[Tensor]):
    one, other = ours(*leaves), theirs(*leaves)
    upstream = torch.randn_like(one)
    pairs = [(one, other)]
    pairs += zip(*(torch.autograd.grad(x, leaves, upstream) for x in (one, other)), strict=True)
    for here, there in pairs:
        assert (here - there).abs().max().item() <= LIMIT


@pytest.mark.parametrize(("theirs", "ours"), PAIRS.values(), ids=PAIRS)
def test_scaled_dot_product_attention(theirs: dict, ours: dict) -> None:
    agree(
        lambda q, k, v: regard.attend(q, k, v, **ours),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **theirs),
        inputs(),
    )


def test_shared_heads() -> None:
    agree(
        lambda q, k, v: regard.attend(q, k, v, enable_gqa=True),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        inputs(heads=2),
    )


def test_multihead_attention() -> None:
    """Its masks are the other way round, and its weights are means over the heads by default."""
    layer = torch.nn.MultiheadAttention(E, H, batch_first=True)
    query, source = torch.randn(B, Q, E), torch.randn(B, K, E)

    def heads(x: Tensor, part: int) -> Tensor:
        weight, bias = layer.in_proj_weight.chunk(3)[part], layer.in_proj_bias.chunk(3)[part]
        return F.linear(x, weight, bias).unflatten(-1, (H, -1)).transpose(1, 2)

    theirs, weights = layer(
        query,
        source,
        source,
        key_padding_mask=~BELOW,
        attn_mask=~ALLOWED,
        average_attn_weights=False,
    )
    ours, our_weights = regard.attend(
        heads(query, 0),
        heads(source, 1),
        heads(source, 2),
        mask=masks.padding(LENGTHS) & masks.dense(ALLOWED),
        return_weights=True,
    )
    ours = layer.out_proj(ours.transpose(1, 2).flatten(-2))
    assert (ours - theirs).abs().max().item() <= LIMIT
    assert (our_weights - weights).abs().max().item() <= LIMIT
