"""Inner products with softmax, on torch's fused ``scaled_dot_product_attention``.

torch takes its fused kernel only for 4-D inputs of equal width, and falls back to writing (Q, K)
down without a word otherwise. So every call is brought to that form: leading dimensions folded
into two, shared heads expanded and not copied, values padded to the width of the keys, masks
handed over in blocks. A call that cannot be brought there is refused, and ``streaming`` takes it.

Cost: O(Q·K·E) time; memory O(Q + K), plus ``blocks.PAIRS_AT_ONCE`` entries of a mask.
"""

from math import prod

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.engines import blocks
from regard.engines.call import Call
from regard.engines.formula import allowed_and_bias, seen, shield
from regard.grid import Grid
from regard.normalizers import softmax
from regard.scores import Score
from regard.scores.score import form_of


def refuse(call: Call) -> str | None:
    """Why this engine cannot take the call; None: it can."""
    score = call.parts.score
    if not call.is_torch:
        return "it computes torch tensors only"
    if not (isinstance(score, Score) and score.is_inner_product):
        return "the score is not an inner product"
    if call.query.dtype.itemsize == 2 and score.loses(call.query, call.key):
        return "the score would lose digits as an inner product of halves"
    if call.parts.normalizer is not softmax:
        return "the normalizer is not softmax"
    if call.parts.bias is not None and call.corner[1].requires_grad and call.wants_gradients:
        return "torch's fused kernel gives no gradient to a bias"
    if call.dropout_p:
        return "torch's fused kernel has no dropout on every device"
    if not (call.query.numel() and call.key.numel() and call.value.numel()):
        return "there is nothing to compute: a dimension is 0"
    if call.query.device.type == "cpu" and torch._C._are_functorch_transforms_active():
        return "torch's fused kernel for the CPU has no rule for the transforms of torch.func"
    if call.query.dtype == torch.float64 and call.query.device.type != "cpu":
        return "torch's fused kernels take float64 on the CPU only"
    return None


def hesitate(call: Call) -> bool:
    """Whether another engine keeps digits that the inner-product form would lose."""
    score = call.parts.score
    return isinstance(score, Score) and score.loses(call.query, call.key)


def attend(call: Call) -> Float[Tensor, "*batch Q V"]:
    """weights @ value, fused."""
    mask, bias, score = call.parts.mask, call.parts.bias, call.parts.score
    assert isinstance(score, Score)
    if mask is None and bias is None:
        return _fused(call, score, (call.query, call.key, call.value), None, False)
    if bias is None and mask is not None and mask.is_triangle(call.grid):
        # Torch has a flag for the triangle. What lies to the right of it, nobody sees: cut it off.
        keys = range(min(call.n_keys, call.n_queries))
        key, value = blocks.part_of(call.key, keys), blocks.part_of(call.value, keys)
        score = score.at(range(call.n_queries), keys)
        return _fused(call, score, (call.query, key, value), None, True)

    def compute(grid: Grid, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        allowed, added = allowed_and_bias(call, grid)
        if call.groups > 1 and allowed is not None and allowed.ndim > 2 and allowed.shape[-3] > 1:
            key, value = call.per_query_head(key), call.per_query_head(value)
        query, key = shield(call, query, key, allowed)
        parts = query, key, seen(call, value, allowed)
        if allowed is None:
            return _fused(call, score.at(grid.queries, grid.keys), parts, added, False)
        sees = allowed.any(-1, keepdim=True)
        # A row of −∞ has no softmax: let a blind query see everything, and drop what it saw.
        open_to = allowed | ~sees
        added = open_to if added is None else torch.where(open_to, added, -torch.inf)
        output = _fused(call, score.at(grid.queries, grid.keys), parts, added, False)
        return torch.where(sees, output, 0.0)

    everything = range(call.n_queries)
    cuts = blocks.cut(call, everything, _tile_entries_per_row(call))
    return blocks.run(call, everything, cuts, compute)


def _tile_entries_per_row(call: Call) -> int:
    """Entries of mask and bias that one query needs: they are all that is not linear here."""
    mask, bias = call.parts.mask, call.parts.bias
    if bias is None and (mask is None or mask.per_key):
        return 0
    leads = [tile.shape[:-2] for tile in call.corner if tile is not None]
    # Where three dimensions are folded into two, a mask may have to grow into all of them.
    lead = torch.broadcast_shapes(*leads) if len(call.batch) < 3 else call.batch
    return prod(lead) * call.n_keys


def _fused(
    call: Call,
    score: Score,
    parts: tuple[Tensor, Tensor, Tensor],
    mask: Tensor | None,
    triangle: bool,
) -> Float[Tensor, "*batch q V"]:
    query, key, value = parts
    if score.keys_per_head and key.ndim > 2 and key.shape[-3] not in (1, call.batch[-1]):
        key = call.per_query_head(key)
    form = form_of(score, query, key)
    query, key, width = form.query, form.key, value.shape[-1]
    features = _round_up(max(query.shape[-1], width), query.device.type)
    if call.groups > 1 and mask is None and not triangle:
        shared = call.batch[-1] // call.groups
        if query.ndim == 4 and key.shape[:2] == value.shape[:2] == (query.shape[0], shared):
            # Heads that share keys are more queries of one head, where all see all.
            rows = query.reshape(*key.shape[:2], -1, query.shape[-1])
            rows, key, value = (_widened(x, features) for x in (rows, key, value))
            output = F.scaled_dot_product_attention(rows, key, value, scale=form.scale)
            return output[..., :width].reshape(*call.batch, query.shape[-2], width)
    if mask is None and call.groups == 1 and _is_ready(query, key, value, features):
        if query.ndim == 3:
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        output = F.scaled_dot_product_attention(
            query, key, value, is_causal=triangle, scale=form.scale
        )
        return output.squeeze(1) if len(call.batch) == 1 else output
    folded = [_fold(call, _widened(x, features), x is query) for x in (query, key, value)]
    lead = call.batch
    if call.groups > 1:
        lead = (*lead[:-1], lead[-1] // call.groups, call.groups)
    cut = _where_to_fold(lead, folded)
    if mask is not None:
        mask = mask if mask.dtype == torch.bool else mask.detach().to(query.dtype)
        mask = _fold_mask(call, mask.expand(*mask.shape[:-1], key.shape[-2]), len(lead))
        mask = _four(mask, _lead_of_mask(mask, lead, cut), cut)
    output = F.scaled_dot_product_attention(
        *[_four(x, lead, cut) for x in folded],
        attn_mask=mask,
        is_causal=triangle,
        scale=form.scale,
    )
    return output[..., :width].reshape(*call.batch, query.shape[-2], width)


def _is_ready(query: Tensor, key: Tensor, value: Tensor, features: int) -> bool:
    """Whether the kernel takes the three as they are: the usual case, which is to cost nothing."""
    return (
        2 < query.ndim < 5
        and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        and query.shape[-1] == value.shape[-1] == features
        and query.stride(-1) == key.stride(-1) == value.stride(-1) == 1
    )


def _round_up(features: int, device: str) -> int:
    # Kernels of other devices read eight features at a time, and refuse what is not a multiple.
    return features if device == "cpu" else -(-features // 8) * 8


def _widened(x: Tensor, features: int) -> Tensor:
    x = x if x.shape[-1] == features else F.pad(x, (0, features - x.shape[-1]))
    return x if x.stride(-1) == 1 else x.clone(memory_format=torch.contiguous_format)


def _fold(call: Call, x: Tensor, is_query: bool) -> Tensor:
    """Heads as (shared, group): key and value then broadcast along the group, without a copy."""
    if call.groups == 1:
        return x
    heads = x.shape[-3]
    split = call.groups if is_query or heads == call.batch[-1] else 1
    return x.unflatten(-3, (heads // split, split))


def _fold_mask(call: Call, mask: Tensor, rank: int) -> Tensor:
    if call.groups > 1 and mask.ndim > 2:
        split = call.groups if mask.shape[-3] > 1 else 1
        mask = mask.unflatten(-3, (mask.shape[-3] // split, split))
    return mask[(None,) * (rank + 2 - mask.ndim)]


def _lead_of_mask(mask: Tensor, lead: tuple[int, ...], cut: int) -> tuple[int, ...]:
    """The mask's leading shape, grown only inside a half that it does not broadcast over."""
    own, halves = mask.shape[:-2], (slice(None, cut), slice(cut, None))
    return tuple(
        size for half in halves for size in (own[half] if prod(own[half]) == 1 else lead[half])
    )


def _four(x: Tensor, lead: tuple[int, ...], cut: int) -> Tensor:
    if x.ndim == 4 and len(lead) == 2 and x.shape[:2] == lead:
        return x
    x = x.expand(*lead, *x.shape[-2:])
    return x.reshape(prod(lead[:cut]), prod(lead[cut:]), *x.shape[-2:])


def _where_to_fold(lead: tuple[int, ...], tensors: list[Tensor]) -> int:
    """Where to cut the leading dimensions in two, so that the fewest tensors have to be copied."""
    if len(lead) < 3:
        return min(1, len(lead))

    def copies(cut: int) -> int:
        return sum(not _folds(x.expand(*lead, *x.shape[-2:]), cut, len(lead)) for x in tensors)

    return min(range(len(lead), -1, -1), key=lambda cut: (copies(cut), abs(cut - len(lead) + 1)))


def _folds(x: Tensor, cut: int, rank: int) -> bool:
    pairs = [i for i in range(rank - 1) if i + 1 != cut]
    return all(
        x.shape[i] == 1 or x.shape[i + 1] == 1 or x.stride(i) == x.stride(i + 1) * x.shape[i + 1]
        for i in pairs
    )
