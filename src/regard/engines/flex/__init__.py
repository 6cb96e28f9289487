"""Inner products with softmax and a mask or a bias, on torch's FlexAttention, on CUDA devices.

FlexAttention compiles the mask and the bias into its kernel, as functions of the indices of a pair
(``mask_mod``, ``score_mod``), and skips the squares of 128 × 128 pairs that a mask rules out
(``BlockMask``). So no tile of a mask or a bias is made.

A bias that learns is refused: the kernel adds its gradient up in no fixed order, and where the
bias is a view, or is computed inside of a compiled function, torch (2.13) loses the gradient
without a word.

mods.py     masks and biases as functions of one pair
squares.py  which squares are skipped
fold.py     arrays with two leading dimensions

Source:  Dong et al. 2024 (arXiv:2412.05496)
Cost:    O(Q·K·E) time, less what is skipped; memory O(Q + K), O(Q·K / 128²) for the squares, and
         ``squares.BOOLEANS`` truth values while they are counted; seconds to compile a new kind of
         mask.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.engines.call import Call
from regard.engines.flex.fold import fold, four
from regard.engines.flex.mods import mask_mod, pieces, score_mod, terms, unsayable
from regard.engines.flex.squares import block_mask, counted
from regard.engines.formula import seen, shield
from regard.normalizers import softmax
from regard.scores import Score
from regard.scores.score import form_of

LONG = 2**20
"""Pairs of one sequence from which on a mask is worth a kernel of its own: 1024 × 1024. A guess:
it has not been measured on a GPU."""

WIDEST = 256
"""Features for which the kernel's blocks have room."""

DEVICE = "cuda"

BACKEND = "inductor"
"""What ``torch.compile`` makes kernels with."""


def refuse(call: Call) -> str | None:
    """Why this engine cannot, or had better not, take the call; None: it can."""
    score, query = call.parts.score, call.query
    if not call.is_torch:
        return "it computes torch tensors only"
    if query.device.type != DEVICE:
        return "it computes on CUDA devices only"
    if not (isinstance(score, Score) and score.is_inner_product):
        return "the score is not an inner product"
    if score.loses(query, call.key):
        return "the score would lose digits as an inner product"
    if call.parts.normalizer is not softmax:
        return "the normalizer is not softmax"
    if call.parts.bias is not None and call.corner[1].requires_grad and call.wants_gradients:
        return "FlexAttention adds up the gradient of a bias in no fixed order"
    if call.dropout_p:
        return "FlexAttention has no dropout"
    if not (query.numel() and call.key.numel() and call.value.numel()):
        return "there is nothing to compute: a dimension is 0"
    if query.dtype == torch.float64:
        return "it computes in float32"
    if max(query.shape[-1], call.key.shape[-1], call.value.shape[-1]) > WIDEST:
        return f"more than {WIDEST} features have no room in its kernel"
    if torch._C._are_functorch_transforms_active():
        return "FlexAttention has no rule for the transforms of torch.func"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return _no_gain(call) or unsayable(call)


def _no_gain(call: Call) -> str | None:
    mask, bias = call.parts.mask, call.parts.bias
    if bias is None and (mask is None or mask.per_key or mask.is_triangle(call.grid)):
        return "torch's own kernel needs no tile of a mask here"
    if call.n_queries * call.n_keys < LONG:
        return "the sequences are too short to be worth a kernel of their own"
    return None


def attend(call: Call) -> Float[Tensor, "*batch Q V"]:
    """weights @ value, fused, in a kernel compiled for this kind of mask and bias."""
    parts = construct(call)
    attention = _flex_attention() if torch.compiler.is_compiling() else _compiled(_kind(call))
    output = attention(
        parts.query,
        parts.key,
        parts.value,
        score_mod=parts.score_mod,
        block_mask=parts.block_mask,
        scale=parts.scale,
        enable_gqa=parts.enable_gqa,
    )
    output = output[..., : call.value.shape[-1]]
    if parts.sees is not None:
        output = torch.where(parts.sees, output, 0.0)
    return output.reshape(*call.batch, call.n_queries, call.value.shape[-1])


def _flex_attention() -> Callable[..., Any]:
    # Its module brings in torch's compiler, which takes a second and 130 MiB.
    from torch.nn.attention.flex_attention import flex_attention

    return flex_attention


def _kind(call: Call) -> tuple[Any, ...]:
    mask, bias = call.parts.mask, call.parts.bias
    return (
        () if mask is None else tuple(type(piece) for piece in pieces(mask)),
        None if bias is None else (*map(type, terms(bias)), bias.rules_out),
        call.query.dtype,
        torch.is_grad_enabled(),
    )


@cache
def _compiled(kind: tuple[Any, ...]) -> Callable[..., Any]:
    flex_attention = _flex_attention()

    def attention(*arguments: Any, **options: Any) -> Any:
        return flex_attention(*arguments, **options)

    # torch counts how often the code of a function was compiled, and gives up after eight times:
    # each kind of mask has a code of its own. With ``fullgraph`` giving up is an error, and not a
    # plane of Q×K scores without a word.
    attention.__code__ = attention.__code__.replace()
    return torch.compile(attention, backend=BACKEND, fullgraph=True)


class Construction(NamedTuple):
    """The arguments of ``flex_attention``, and which queries see a key at all (None: all)."""

    query: Float[Tensor, "B H Q E"]
    key: Float[Tensor, "B G K E"]
    value: Float[Tensor, "B G K V"]
    score_mod: Callable[..., Tensor] | None
    block_mask: Any
    scale: float
    enable_gqa: bool
    sees: Bool[Tensor, "#B #H Q 1"] | None


def construct(call: Call) -> Construction:
    """What ``flex_attention`` is to be given; the same on every device."""
    mask, bias, score = call.parts.mask, call.parts.bias, call.parts.score
    assert isinstance(score, Score)
    query, key, value, groups = call.query, call.key, call.value, call.groups
    blocks = sees = None
    if mask is not None or (bias is not None and bias.rules_out):
        squares = counted(call)
        if groups > 1 and squares.seen.ndim > 2 and squares.seen.shape[-3] > 1:
            key, value, groups = call.per_query_head(key), call.per_query_head(value), 1
        # One for queries that see nothing, one for keys that nobody sees: no (Q, K) is needed.
        query, key = shield(call, query, key, squares.sees)
        query, key = shield(call, query, key, squares.seen)
        value = seen(call, value, squares.seen)
        blocks, sees = block_mask(call, squares, mask_mod(call)), fold(call, squares.sees)
    if groups > 1 and score.keys_per_head:
        key, value, groups = call.per_query_head(key), call.per_query_head(value), 1
    form = form_of(score, query, key)
    heads = call.batch[-1] if call.batch else 1
    return Construction(
        four(call, form.query, heads),
        four(call, form.key, heads // groups),
        four(call, value, heads // groups),
        None if bias is None else score_mod(call),
        blocks,
        form.scale,
        groups > 1,
        sees,
    )
