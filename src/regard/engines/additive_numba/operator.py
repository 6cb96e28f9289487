"""The kernels as operators of torch: ``regard::additive_numba`` and its backward pass.

Arrays come folded to a batch and heads, ``(B, H, …)``; of either an array may have fewer, 1 or a
divisor, and is then shared. Nothing that is shared is copied.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.engines.additive import planes
from regard.engines.additive_numba import threads
from regard.engines.additive_numba.backward import Sums, backward
from regard.engines.additive_numba.forward import forward
from regard.engines.additive_numba.problem import Problem, flat
from regard.engines.call import Call
from regard.scores import Additive

SCORES_KEPT = 2**20
"""Scores that the forward pass leaves for the backward pass, at most: 4 MiB. Calls with more make
them again."""

@torch.library.custom_op("regard::additive_numba", mutates_args=())
def additive(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor,
    added: Tensor | None,
    start: Tensor | None,
    stop: Tensor | None,
    seed: Tensor | None,
    batch: int,
    heads: int,
    activation: str,
    negative_slope: float,
    dropout_p: float,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Output ``(B, H, Q, V)``, the log-sum-exp of each row, and the scores or nothing."""
    pair = batch, heads
    problem = Problem(pair, query, key, value, weight, added, start, stop, seed)
    problem.prepare(activation, negative_slope, dropout_p)
    output, lse, scores = _empty(pair, query, key, value, keep)
    arrays = flat(output), flat(lse), problem.room(flat(scores))

    def job(first: int, last: int) -> None:
        forward(problem.inputs, problem.forms.scores, first, last, *arrays)

    threads.run([lambda f=f, l=l: job(f, l) for f, l in problem.runs()])
    return output, lse, scores


@additive.register_fake
def _(query, key, value, weight, added, start, stop, seed, batch, heads, *options):  # noqa: PLR0913
    return _empty((batch, heads), query, key, value, options[-1])


@torch.library.custom_op("regard::additive_numba_backward", mutates_args=())
def additive_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor,
    added: Tensor | None,
    start: Tensor | None,
    stop: Tensor | None,
    seed: Tensor | None,
    output: Tensor,
    lse: Tensor,
    scores: Tensor,
    batch: int,
    heads: int,
    activation: str,
    negative_slope: float,
    dropout_p: float,
    needs_added: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of query, key, value, weight, and of ``added`` at every pair, or nothing."""
    pair = batch, heads
    problem = Problem(pair, query, key, value, weight, added, start, stop, seed)
    problem.prepare(activation, negative_slope, dropout_p)
    runs, x = problem.runs(), problem.inputs
    shared = problem.shared(runs)
    sums = [
        np.zeros((len(runs) if share else 1, array.numel()), x.key.dtype)
        for share, array in zip(shared, (query, key, value, weight), strict=True)
    ]
    added_sum = query.new_zeros(_pairs(pair, query, key) if needs_added else (0,))
    arrays = flat(output), flat(lse), problem.room(flat(scores)), flat(grad)

    def job(turn: int, first: int, last: int) -> None:
        at = [turn * total.shape[1] if share else 0 for share, total in zip(shared, sums, strict=True)]
        where = Sums(*(total.reshape(-1) for total in sums), flat(added_sum), *at)
        backward(
            x, problem.forms.scores, problem.forms.slopes, first, last,
            *arrays, where,
        )  # fmt: skip

    threads.run([lambda t=t, f=f, l=l: job(t, f, l) for t, (f, l) in enumerate(runs)])
    results = [
        torch.from_numpy(total.sum(0) if len(total) > 1 else total[0]).to(like.dtype).view(like.shape)
        for total, like in zip(sums, (query, key, value, weight), strict=True)
    ]
    return results[0], results[1], results[2], results[3], added_sum


@additive_backward.register_fake
def _(grad, query, key, value, weight, *rest):
    (batch, heads), needs_added = rest[7:9], rest[-1]
    like = [x.new_empty(x.shape) for x in (query, key, value, weight)]
    return (*like, query.new_empty(_pairs((batch, heads), query, key) if needs_added else (0,)))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:8], *output)
    ctx.options = inputs[8:13]
    ctx.set_materialize_grads(False)


def _differentiate(context: Any, grad: Tensor | None, *_: Any) -> tuple[Any, ...]:
    *tensors, output, lse, scores = context.saved_tensors
    if grad is None:
        return (None,) * 14
    needs_added = context.needs_input_grad[4]
    *grads, added = additive_backward(
        grad, *tensors, output, lse, scores, *context.options, needs_added
    )
    like = tensors[4]
    return (*grads, added.sum_to_size(like.shape) if needs_added else None, *(None,) * 9)


additive.register_autograd(_differentiate, setup_context=_save)


def _empty(
    planes: tuple[int, int], query: Tensor, key: Tensor, value: Tensor, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    batch, heads, n_queries, n_keys = _pairs(planes, query, key)
    return (
        query.new_empty((batch, heads, n_queries, value.shape[-1])),
        query.new_empty((batch, heads, n_queries), dtype=torch.float64),
        query.new_empty((batch, heads, n_queries, n_keys) if keep else (0,)),
    )


def _pairs(planes: tuple[int, int], query: Tensor, key: Tensor) -> tuple[int, int, int, int]:
    return *planes, query.shape[2], key.shape[2]



def fused(
    call: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor,
    added: Tensor | None,
    start: Tensor | None,
    stop: Tensor | None,
) -> Float[Tensor, "B H Q V"]:
    """The output of a folded call."""
    score, (batch, heads) = call.parts.score, planes(call)
    assert isinstance(score, Additive)
    # Drawn on the way in, so that what is computed again in a backward pass draws the same.
    seed = torch.randint(2**62, ()) if call.dropout_p else None
    pairs = batch * heads * query.shape[2] * key.shape[2]
    keep = call.wants_gradients and pairs <= SCORES_KEPT
    output, _, _ = additive(
        query, key, value, weight, added, start, stop, seed, batch, heads,
        score.activation, float(score.negative_slope), float(call.dropout_p), keep,
    )  # fmt: skip
    return output
