"""Trap 10: what happens besides the formula.

Dropout that stays on in evaluation (pytorch#124464). Tensors that are not contiguous, read as if
they were (pytorch#112577). NaN at a masked place that leaks through 0 · NaN (pytorch#101967). Rows
in which everything is masked, and which become NaN (pytorch#103749, #41508), the mean of all values
(where a mask is a large negative number), or an error (entmax#17).
"""

import pytest
import torch
from torch import Tensor

import regard
from conformance import laws
from regard.nn import Attention
from traps.asked import Asked, Inputs, careless, caught, right, scores


class AlwaysDrops(Attention):
    """The function's dropout_p knows nothing of ``training``; nobody asks the module either."""

    def forward(self, query, key, value=None, **options):
        return regard.attend(query, key, key, score="scaled_dot", dropout_p=self.dropout, **options)


def is_quiet_in_evaluation(kind: type[Attention]) -> None:
    layer = kind(4, score="scaled_dot", dropout=0.5)
    query, key = torch.randn(2, 8, 4), torch.randn(2, 9, 4)
    want = regard.attend(query, key, key)
    assert not torch.allclose(layer.train()(query, key), want)
    assert torch.allclose(layer.eval()(query, key), want)


def test_dropout_rests_in_evaluation() -> None:
    is_quiet_in_evaluation(Attention)
    with pytest.raises(AssertionError):
        is_quiet_in_evaluation(AlwaysDrops)


def as_if_contiguous(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    def read(array: Tensor) -> Tensor:
        return array.as_strided(array.shape, torch.empty(array.shape, device="meta").stride())

    return right({name: read(array) for name, array in inputs.items()}, allowed)


def test_strides_are_read() -> None:
    caught(laws.inputs_stay_as_they_are, as_if_contiguous)
    laws.the_output_is_the_formula(Asked(as_if_contiguous))  # contiguous inputs would hide it


def test_nan_that_nobody_sees_does_not_leak() -> None:
    law = laws.what_is_not_seen_changes_nothing
    caught(law, careless, mask="padding", lengths=[5, 2])
    caught(law, careless, mask="window", size="3x7")


def a_large_negative_number(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    weights = (scores(inputs) - 1e9 * ~allowed).softmax(-1)
    return weights @ inputs["value"], weights


def sorted_sparsemax(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Martins and Astudillo 2016, Algorithm 1; a row of −∞ has a support of no key."""
    raw = scores(inputs).masked_fill(~allowed, -torch.inf)
    falling = (raw - raw.amax(-1, keepdim=True)).sort(-1, descending=True).values
    sums = falling.cumsum(-1) - 1
    places = torch.arange(1, raw.shape[-1] + 1)
    support = (places * falling > sums).sum(-1, keepdim=True)
    tau = sums.gather(-1, support - 1) / support
    weights = (raw - raw.amax(-1, keepdim=True) - tau).clamp(min=0)
    return weights @ inputs["value"], weights


@pytest.mark.parametrize("wrong", [careless, a_large_negative_number])
def test_rows_that_see_nothing_are_zeros(wrong) -> None:
    caught(laws.blind_queries_get_zeros, wrong, mask="causal", size="7x3")
    caught(laws.blind_queries_get_zeros, wrong, mask="padding", lengths=[3, 0])


def test_rows_that_see_nothing_are_no_error() -> None:
    seeing = {"normalizer": "sparsemax", "mask": "padding", "lengths": [3, 2]}
    laws.the_output_is_the_formula(Asked(sorted_sparsemax, **seeing))
    blind = seeing | {"lengths": [3, 0]}
    laws.blind_queries_get_zeros(Asked(None, **blind))
    with pytest.raises((AssertionError, RuntimeError)):
        laws.blind_queries_get_zeros(Asked(sorted_sparsemax, **blind))
