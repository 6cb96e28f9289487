"""Five numbers sorted by pointing at them: docs/nn/pointer.md."""

import torch
from torch import Tensor

from regard.nn import PointerAttention
from regard.view import svg
from regard.view.alignment import Alignment

NUMBERS = (7.0, 2.0, 9.0, 4.0, 5.0)


def draw() -> str:
    source, steps = tuple(f"{n:g}" for n in NUMBERS), tuple("12345")
    title = "Sorting by pointing, step by step"
    return svg.heatmap(
        Alignment(source, steps, _sort(_smallest_above()), title=title), axes=("input", "step")
    )


def _smallest_above() -> PointerAttention:
    """u_j = −tanh(e_j/4): the smaller, the likelier. The state says what the last choice was, and
    a step beside it, tanh(8 (e_j − d)), keeps away from what is not above it."""
    pointer = PointerAttention(2, 2, features=2)
    with torch.no_grad():
        pointer.score.key.weight.copy_(torch.tensor([[0.125, 0.0], [4.0, -2.0]]))  # of (e_j, 1)
        pointer.score.query.weight.copy_(torch.tensor([[0.0, 0.0], [-4.0, 0.0]]))  # of (d, 1)
        pointer.score.weight.copy_(torch.tensor([-16.0, 6.0]))
    return pointer


def _sort(pointer: PointerAttention) -> Tensor:
    """The rows of probabilities; each number chosen is the state of the next step, and masked."""
    numbers = torch.tensor(NUMBERS)
    inputs = torch.stack([numbers, torch.ones(5)], -1)[None]
    ready, last = pointer.begin(inputs), torch.tensor([[0.0, 1.0]])
    left, rows = torch.ones(1, 5, dtype=torch.bool), []
    for _ in NUMBERS:
        found = pointer.step(last, ready, allowed=left)
        best = int(found.probabilities.argmax())
        left = left & (torch.arange(5) != best)
        rows.append(found.probabilities[0].detach())
        last = inputs[:, best]
    return torch.stack(rows)
