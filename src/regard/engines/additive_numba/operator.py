"""The kernels as an operator of torch: ``regard::additive_numba``."""

import numpy as np
import torch
from torch import Tensor

from regard.engines.additive_numba import threads
from regard.engines.additive_numba.backward import Sums, backward
from regard.engines.additive_numba.forward import forward
from regard.engines.additive_numba.problem import Problem, flat
from regard.engines.additive_operator import Folded, Kernel, register


def _forward(call: Folded, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    problem, lead, rows = (
        Problem(call, backward=False),
        (call.batch, call.heads),
        call.query.shape[2],
    )
    output = call.query.new_empty((*lead, rows, call.value.shape[-1]))
    lse = call.query.new_empty((*lead, rows), dtype=torch.float64)
    scores = call.query.new_empty((*lead, rows, call.key.shape[2]) if keep else (0,))
    if call.start is not None:
        scores.fill_(-torch.inf)  # of pairs that no thread comes to
    arrays = flat(output), flat(lse), problem.room(flat(scores))

    def job(first: int, last: int) -> None:
        forward(problem.inputs, problem.forms.scores, first, last, *arrays)

    threads.run([lambda run=run: job(*run) for run in problem.runs()])
    return output, lse, scores


def _backward(
    call: Folded, grad: Tensor, output: Tensor, lse: Tensor, scores: Tensor, needs_added: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    problem = Problem(call, backward=True)
    runs, dtype = problem.runs(), problem.inputs.key.dtype
    shared, likes = problem.shared(runs), (call.query, call.key, call.value, call.weight)
    sums = [
        np.zeros((len(runs) if share else 1, like.numel()), dtype)
        for share, like in zip(shared, likes, strict=True)
    ]
    pairs = (call.batch, call.heads, call.query.shape[2], call.key.shape[2])
    added = call.query.new_zeros(pairs if needs_added else (0,))
    arrays = flat(output), flat(lse), problem.room(flat(scores)), flat(grad)

    def job(turn: int, first: int, last: int) -> None:
        at = [turn * total.shape[1] if len(total) > 1 else 0 for total in sums]
        query, key, value, weight = (total.reshape(-1) for total in sums)
        where = Sums(query, key, value, weight, flat(added), at[0], at[1], at[2], at[3])
        backward(
            problem.inputs, problem.forms.scores, problem.forms.slopes, first, last, *arrays, where
        )

    threads.run([lambda turn=turn, run=run: job(turn, *run) for turn, run in enumerate(runs)])
    if needs_added and call.added is not None:
        added = added.sum_to_size(call.added.shape)
    first, second, third, fourth = (
        torch.from_numpy(total[0] if len(total) == 1 else total.sum(0))
        .to(like.dtype)
        .view(like.shape)
        for total, like in zip(sums, likes, strict=True)
    )
    return first, second, third, fourth, added


fused = register("additive_numba", Kernel(_forward, _backward, True, torch.float64))
