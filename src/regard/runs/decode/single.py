"""One hypothesis a row, one token after the other: the likeliest, or a drawn one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.vocabulary import BEGIN, END
from regard.runs.decode.hypotheses import End, History
from regard.runs.decode.model import Decoder, stepped
from regard.runs.decode.states import select

Choice = Callable[[Tensor, Tensor, int], Tensor]
"""From log-probabilities ``(R, N)``, the numbers of the rows ``(R,)`` and of the step: tokens."""


def likeliest(log_probabilities: Float[Tensor, "R N"], rows: Tensor, step: int) -> Tensor:
    """The token with the largest probability."""
    return log_probabilities.max(-1).indices  # argmax takes several times as long


def followed(
    model: Decoder, state: Any, limits: Int[Tensor, " R"], choose: Choice
) -> tuple[History, list[End]]:
    """Every row of a state, followed until END or its own limit; then it leaves the batch.

    Cost: a step of the model for each token of the longest row, with the rows that are left.
    """
    rows = torch.arange(len(limits), device=limits.device)
    tokens, origins = torch.full_like(limits, BEGIN), rows
    total = torch.zeros(len(limits), device=limits.device)
    history, ends = History(), {}
    for step in range(int(limits.max()) if len(limits) else 0):
        log_probabilities, state, weights = stepped(model, tokens, state)
        history.add(origins, tokens, weights)
        tokens = choose(log_probabilities, rows, step)
        total = total + log_probabilities.gather(1, tokens[:, None])[:, 0]
        ended = (tokens == END) | (limits <= step + 1)
        over = ended.nonzero()[:, 0].tolist()
        origins = torch.arange(len(rows), device=limits.device)
        if over:
            ends |= dict(_ends(step, over, rows, tokens, total))
            if len(over) == len(rows):
                break
            origins = (~ended).nonzero()[:, 0]
            state = select(state, origins)
            rows, tokens, total, limits = (x[origins] for x in (rows, tokens, total, limits))
    return history, [ends[row] for row in range(len(ends))]


def _ends(step: int, over: Sequence[int], rows: Tensor, tokens: Tensor, total: Tensor):
    sums, numbers, written = total[over].tolist(), rows[over].tolist(), tokens[over].tolist()
    for place, row, token, value in zip(over, numbers, written, sums, strict=True):
        yield row, End(step, place, token, value, value)
