"""The kernels as an operator of torch: ``regard::additive_triton``."""

from typing import Any

import torch
from torch import Tensor

from regard.engines.additive_operator import Folded, Kernel, register
from regard.engines.additive_triton import launch


def _forward(call: Folded, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    output, lse = launch.forward(*_arguments(call))
    return output, lse, output.new_empty(0)


def _backward(
    call: Folded, grad: Tensor, output: Tensor, lse: Tensor, scores: Tensor, needs_added: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    given = _arguments(call)
    arguments: tuple[Any, ...] = (grad, *given[:7], output, lse, *given[7:], needs_added)
    grads = launch.backward(*arguments)
    sums = [x.sum_to_size(like.shape) for x, like in zip(grads[:3], call[:3], strict=True)]
    added = grads[4]
    if needs_added and call.added is not None:
        added = added.sum_to_size(call.added.shape)
    return sums[0], sums[1], sums[2], grads[3].view(call.weight.shape), added


def _arguments(call: Folded) -> tuple[Any, ...]:
    """The launchers', in their order: with a batch written out, by strides of 0."""
    batch, heads = call.batch, call.heads
    rows = [
        x.expand(batch, heads if own else x.shape[1], *x.shape[2:])
        for x, own in ((call.query, True), (call.key, False), (call.value, False))
    ]
    # Heads that key and value share in different ways are shared in none.
    if rows[1].shape[1] != rows[2].shape[1]:
        rows[1:] = [x.repeat_interleave(heads // x.shape[1], 1) for x in rows[1:]]
    spans = [
        None if x is None else x.expand(batch, heads, call.query.shape[2])
        for x in (call.start, call.stop)
    ]
    return (
        *rows, call.weight[0, :, 0], call.added, *spans,
        call.activation, call.negative_slope, call.dropout_p, call.seed,
    )  # fmt: skip


fused = register("additive_triton", Kernel(_forward, _backward, False, torch.float32))
