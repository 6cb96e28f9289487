"""The likeliest spans of a passage, from the logits of their first and last tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Found(NamedTuple):
    """A span of a passage, by its first and last token, how likely it is among all spans of the
    passage, and the window in which it is likeliest."""

    start: int
    end: int
    probability: float
    window: int


def spans(
    starts: Float[Tensor, "W C"],
    ends: Float[Tensor, "W C"],
    offsets: Sequence[int],
    *,
    longest: int,
    count: int = 1,
) -> list[Found]:
    """The ``count`` likeliest spans of one passage, the likeliest first; fewer, where it has no
    more.

        p(i, j) ∝ Σ_windows exp(start_i + end_j),  i ≤ j < i + longest

    Source:  Clark and Gardner 2018 (arXiv:1710.10723), §3.1: one normaliser for all windows
    Departs: it is over spans, and not over starts and ends apart

    Args:
        starts, ends: logits, −∞ in the padding; a row for each window of the passage.
        offsets: the first token of each window in the passage.
        longest: tokens that a span has at most.
        count: how many.

    Cost: O(W·C·longest) time and memory.

    >>> starts, ends = torch.tensor([[0.0, 9.0, 1.0]]), torch.tensor([[8.0, 2.0, 3.0]])
    >>> spans(starts, ends, [0], longest=2)[0][:2]
    (1, 2)
    """
    chances = pairs(starts.double(), ends.double(), longest)
    windows, width, lengths = chances.shape
    chances = chances.flatten().softmax(0).view(windows, width, lengths)
    # Spans by their places in the passage: several windows may have the same.
    every = chances.new_zeros(max(offsets) + width, lengths)
    best, window = every.clone(), every.long()
    for number, offset in enumerate(offsets):
        here = slice(offset, offset + width)
        every[here] += chances[number]
        window[here] = torch.where(chances[number] > best[here], number, window[here])
        best[here] = torch.maximum(best[here], chances[number])
    found = every.flatten().topk(min(count, every.numel()))
    return [
        Found(
            place // lengths,
            place // lengths + place % lengths,
            chance,
            int(window.view(-1)[place]),
        )
        for chance, place in zip(found.values.tolist(), found.indices.tolist(), strict=True)
        if chance > 0
    ]


def likeliest(
    starts: Float[Tensor, "B C"], ends: Float[Tensor, "B C"], longest: int
) -> tuple[Int[Tensor, " B"], Int[Tensor, " B"]]:
    """First and last token of the likeliest span of each row."""
    scores = pairs(starts, ends, longest)
    place = scores.flatten(1).argmax(1)
    start, more = place // scores.shape[2], place % scores.shape[2]
    return start, start + more


def pairs(
    starts: Float[Tensor, "B C"], ends: Float[Tensor, "B C"], longest: int
) -> Float[Tensor, "B C L"]:
    """start_i + end_{i+l} for every i and every l < L; −∞ behind the last token."""
    longest = min(longest, starts.shape[1])
    behind = torch.nn.functional.pad(ends, (0, longest - 1), value=-torch.inf)
    return starts[..., None] + behind.unfold(1, longest, 1)
