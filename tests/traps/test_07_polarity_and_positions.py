"""Trap 7: what a mask says differs between libraries.

True keeps a key for torch's scaled_dot_product_attention and drops it for its MultiheadAttention;
causal masks are aligned at the start by the one and at the end by flash-attention; a window of w
counts the query's own position for some and not for others. ``docs/coming-from.md`` has the table.

A test catches each against the oracle's loops (contract 1–3), positions where Q and K differ.
"""

import pytest
import torch
from torch import Tensor

from conformance import laws
from traps.asked import Inputs, caught, right


def true_drops(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    return right(inputs, ~allowed)


def causal_from_the_start(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    return right(inputs, torch.ones_like(allowed).tril())


def causal_to_the_end(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    n, m = allowed.shape[-2:]
    return right(inputs, torch.ones_like(allowed).tril(m - n))


def window_counts_itself(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """The rows's window of 1 before is 2 keys, and here it is 1."""
    n, m = allowed.shape[-2:]
    return right(inputs, torch.ones_like(allowed).tril(m - n).triu(m - n))


def window_one_too_wide(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    n, m = allowed.shape[-2:]
    return right(inputs, torch.ones_like(allowed).tril(m - n).triu(m - n - 2))


def window_without_itself(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    n, m = allowed.shape[-2:]
    return right(inputs, torch.ones_like(allowed).tril(m - n - 1).triu(m - n - 1))


@pytest.mark.parametrize("mask", ["causal", "padding", "dense", "segments"])
def test_true_may_attend(mask: str) -> None:
    caught(laws.the_output_is_the_formula, true_drops, mask=mask)


@pytest.mark.parametrize("size", ["3x7", "7x3"])
def test_causal_is_aligned_at_the_end_unless_said_otherwise(size: str) -> None:
    law = laws.the_output_is_the_formula
    caught(law, causal_from_the_start, mask="causal", size=size)
    caught(law, causal_to_the_end, mask="causal from the start", size=size)


@pytest.mark.parametrize(
    "wrong", [window_counts_itself, window_one_too_wide, window_without_itself]
)
@pytest.mark.parametrize("size", ["5x5", "3x7"])
def test_both_ends_of_a_window_are_in_it(wrong, size: str) -> None:
    caught(laws.the_output_is_the_formula, wrong, mask="window", size=size)
