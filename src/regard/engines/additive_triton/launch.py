"""Additive attention fused on the GPU, in Triton: nothing of size Q×K is written down.

    output = softmax(sum_d w_d f(q_d + k_d) + added, over start ≤ key < stop) @ value

Source:  tiles, running softmax and recomputation: FlashAttention-2 (Dao 2023, arXiv:2307.08691).
Departs: the gradients of queries and of keys are made by two passes over the pairs, each adding up
         what it owns, so there are no atomics: same inputs, same bits.
Cost:    O(B·H·Q·K·D) time; memory linear in Q and K: the features of queries and keys once more in
         float32, and in the backward pass twice, with their gradients and 32 numbers for each
         query or key. A feature of a pair costs 3 multiplications or additions and half a
         reciprocal forward, 16 and 2 backward (7.5 and 1 for the queries, 8.5 and 1 for the keys),
         in the fast form of tanh; in its plain form three times that.

Half precision is computed in float32. Products with values run on matrix units, those of float32
in three parts of tf32. There is no second derivative.
"""

import os
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.engines.additive_triton.prepare import Ready, prepare, scale

FULL = 2 * 132 * 4 * 32
"""Columns that fill a large GPU with threads: two warps for each scheduler of an H200."""


class Blocks(NamedTuple):
    """The tile of a program: columns that it owns and rows that it meets, features at a time."""

    rows: int
    cols: int
    width: int  # of the values
    depth: int  # of query and key, in the backward pass
    warps: int


def blocks(query: Tensor, key: Tensor, value: Tensor, of_keys: bool) -> Blocks:
    """The tile where queries own the columns, or keys do.

    A thread has one column and all rows, which reads memory least. Where there are too few columns
    for that to fill the GPU, four warps share 32.
    """
    cols, rows = (key, query) if of_keys else (query, key)
    n_cols, n_rows, features = cols.shape[2], rows.shape[2], query.shape[3]
    owned, warps = 16 if n_cols <= 16 else 32, 4
    if n_cols > 32 and query.shape[0] * query.shape[1] * n_cols >= FULL:
        owned, warps = (128, 4) if n_cols > 64 else (64, 2)
    # 32 features at a time, but 16 where the last 32 would be half empty.
    depth = 16 if 0 < features % 32 <= 16 else 32
    return Blocks(
        16 if n_rows <= 16 else 32, owned, 16 if value.shape[3] <= 16 else 32, depth, warps
    )


def forward(
    query: Float[Tensor, "B H Q D"],
    key: Float[Tensor, "B G K D"],
    value: Float[Tensor, "B G K V"],
    weight: Float[Tensor, "#H D"],
    added: Float[Tensor, "#B #H #Q #K"] | None,
    start: Int[Tensor, "B H Q"] | None,
    stop: Int[Tensor, "B H Q"] | None,
    activation: str,
    negative_slope: float,
    dropout_p: float,
    seed: Int[Tensor, ""] | None,
) -> tuple[Float[Tensor, "B H Q V"], Float[Tensor, "B H Q"]]:
    """The output, in the query's dtype, and the log of the sum of exp(score), float32.

    Args:
        query, key, value: in any layout; head h of the queries meets h // (H // G) of the keys.
        weight: w, one for each head or one for all.
        added: to the scores; -inf rules a pair out.
        start, stop: query i sees the keys start ≤ j < stop. What lies outside of every query's
            span may hold anything; a query with an empty span gets zeros, and lse -inf.
        activation, negative_slope: f; the slope is that of leaky_relu alone.
        dropout_p, seed: weights are dropped with this probability after the softmax, and the others
            scaled by 1 / (1 - dropout_p); which ones, the seed (int64) says.

    The lse of sigmoid is that of the scores less half the sum of the weight.
    """
    tile = blocks(query, key, value, of_keys=False)
    ready = prepare(query, key, weight, start, stop, activation, (tile.cols, tile.rows, 2))
    slope = negative_slope if activation == "leaky_relu" else 0.0
    shape = (*query.shape[:3], value.shape[-1])
    total = query.new_zeros(shape, dtype=torch.float32)
    output = total if query.dtype == torch.float32 else query.new_empty(shape)
    lse = total.new_empty(shape[:3])
    _launch(
        "forward",
        shape[0] * shape[1] * -(-shape[2] // tile.cols),
        tile,
        (*_call(ready, query, key, value, added, start, stop), seed, slope, dropout_p),
        (total, output, lse, *_sizes(ready, query, key, value)),
        _options(query, value, activation, start, dropout_p),
    )
    return output, lse


def backward(
    grad_output: Float[Tensor, "B H Q V"],
    query: Float[Tensor, "B H Q D"],
    key: Float[Tensor, "B G K D"],
    value: Float[Tensor, "B G K V"],
    weight: Float[Tensor, "#H D"],
    added: Float[Tensor, "#B #H #Q #K"] | None,
    start: Int[Tensor, "B H Q"] | None,
    stop: Int[Tensor, "B H Q"] | None,
    output: Float[Tensor, "B H Q V"],
    lse: Float[Tensor, "B H Q"],
    activation: str,
    negative_slope: float,
    dropout_p: float,
    seed: Int[Tensor, ""] | None,
    needs_added: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of query, key, value, weight and added, in their shapes and dtypes; of added
    an empty tensor unless ``needs_added``. The other arguments are those of ``forward``, and what
    it returned.

    Where added is one table for many batch rows or heads, these are taken one after the other, each
    adding to the table.
    """
    B, H, Q, D = query.shape
    G, K = key.shape[1:3]
    by_query, by_key = (blocks(query, key, value, of_keys) for of_keys in (False, True))
    multiples = max(by_query.cols, by_key.rows), max(by_query.rows, by_key.cols), by_key.depth
    ready = prepare(query, key, weight, start, stop, activation, multiples)
    slope = negative_slope if activation == "leaky_relu" else 0.0
    vectors = ready.query.mT.contiguous(), ready.key.mT.contiguous()
    delta = torch.linalg.vecdot(grad_output.float(), output.float()).contiguous()

    def run(of_keys: bool, tile: Blocks, planes: range, *into: Tensor | None) -> None:
        programs = len(planes) * -(-(K if of_keys else Q) // tile.cols)
        scratch = delta.new_empty(programs * tile.rows * tile.cols)
        shared = None if into[-1] is None else into[-1].expand(B, H, *into[-1].shape[2:]).stride()
        call = _call(ready, query, key, value, added, start, stop)
        own = (*vectors, lse.contiguous(), delta, grad_output, grad_output.stride(), scratch, *into)
        sizes = (shared, planes.start, planes.step, 1, *_sizes(ready, query, key, value))
        options = _options(query, value, activation, start, dropout_p)
        options |= {"OF_KEYS": of_keys, "DEPTH": tile.depth}
        call = (*call, seed, slope, dropout_p)
        _launch("backward", programs, tile, call, (*own, *sizes), options)

    dquery = torch.zeros_like(ready.query)
    dkey = ready.key.new_zeros(B, H, *ready.key.shape[2:])
    dvalue = dkey.new_zeros(B, H, K, value.shape[-1])
    dweight = dkey.new_zeros(B, H, -(-K // by_key.cols), dkey.shape[2])
    of_pairs = of_columns = None
    # One number for all keys moves no weight: its gradient is 0.
    if needs_added and added is not None and added.shape[3] > 1:
        if added.shape[2] == Q:
            of_pairs = delta.new_zeros(*added.shape[:2], Q, K)
        else:
            of_columns = delta.new_zeros(B, H, K)
    for planes in _apart(B, H, of_pairs):
        run(False, by_query, planes, dquery, None, None, of_pairs)
    run(True, by_key, range(B * H), dkey, dvalue, dweight, of_columns)

    factor = scale(activation)
    dquery = factor * dquery[:, :, :D, :Q].mT
    dkey = factor * dkey[:, :, :D, :K].mT.unflatten(1, (G, H // G)).sum(2)
    dvalue = dvalue.unflatten(1, (G, H // G)).sum(2)
    dweight = factor * dweight[..., :D].sum((0, 2)).sum_to_size(weight.shape)
    if not needs_added or added is None:
        dadded = delta.new_empty(0)
    elif of_pairs is not None:
        dadded = of_pairs.to(added.dtype)
    elif of_columns is not None:
        dadded = of_columns[:, :, None].sum_to_size(added.shape).to(added.dtype)
    else:
        dadded = torch.zeros_like(added)
    dquery, dkey, dvalue, dweight = (
        gradient.to(like.dtype).contiguous()
        for gradient, like in ((dquery, query), (dkey, key), (dvalue, value), (dweight, weight))
    )
    return dquery, dkey, dvalue, dweight, dadded


def _apart(batch: int, heads: int, table: Tensor | None) -> list[range]:
    """The planes (batch row and head), in lots that write to different parts of the table."""
    if table is None or table.shape[:2] == (batch, heads):
        return [range(batch * heads)]
    if table.shape[1] == heads:
        return [range(b * heads, (b + 1) * heads) for b in range(batch)]
    if table.shape[0] == batch:
        return [range(h, batch * heads, heads) for h in range(heads)]
    return [range(plane, plane + 1) for plane in range(batch * heads)]


def _call(
    ready: Ready,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    added: Tensor | None,
    start: Tensor | None,
    stop: Tensor | None,
) -> tuple[Any, ...]:
    """The arguments that say what is computed, in the kernels' order."""
    spans = [(x, None if x is None else x.stride()) for x in (start, stop)]
    if added is not None:
        added = added.expand(*query.shape[:3], key.shape[2])
    return (
        *(ready.query, ready.key, ready.weight, ready.fast),
        *(value, value.stride(), ready.seen),
        *spans[0],
        *spans[1],
        *(added, None if added is None else added.stride()),
    )


def _sizes(ready: Ready, query: Tensor, key: Tensor, value: Tensor) -> tuple[int, ...]:
    """H, G, Q, K, D, V, Q', K', D'."""
    _, H, Q, D = query.shape
    padded = ready.query.shape[3], ready.key.shape[3], ready.query.shape[2]
    return H, key.shape[1], Q, key.shape[2], D, value.shape[3], *padded


def _options(
    query: Tensor, value: Tensor, activation: str, start: Tensor | None, dropout_p: float
) -> dict[str, Any]:
    import triton.language as tl

    nvidia = query.is_cuda and torch.version.hip is None
    half = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}.get(query.dtype, tl.float32)
    # The interpreter multiplies matrices of bfloat16 as if their bits were integers.
    fits = query.dtype == value.dtype and not interpreted()
    return {
        "TANH": activation in ("tanh", "sigmoid"),
        "SPANS": start is not None,
        "DROPOUT": dropout_p > 0,
        "ASSEMBLY": nvidia and not interpreted(),
        "PRECISION": "tf32x3" if nvidia else "ieee",
        "DOT": half if fits else tl.float32,
    }


def _launch(
    name: str,
    programs: int,
    tile: Blocks,
    call: tuple[Any, ...],
    rest: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    from regard.engines.additive_triton import kernels

    if not programs:
        return
    options = options | {"ROWS": tile.rows, "COLS": tile.cols, "WIDTH": tile.width}
    options |= {"num_warps": tile.warps, "num_stages": 1, "enable_fp_fusion": True}
    if options["ASSEMBLY"]:
        options["maxnreg"] = 168  # three programs of four warps a multiprocessor, and not two
    device = call[0].device
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        getattr(kernels, name)[(programs,)](*call, *rest, **options)


def interpreted() -> bool:
    """Whether Triton runs its kernels in Python, on any device."""
    return os.environ.get("TRITON_INTERPRET") == "1"
