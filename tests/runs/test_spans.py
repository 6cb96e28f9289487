"""The likeliest spans, beside a search of all of them."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.runs.spans import likeliest, spans


@given(
    windows=st.integers(1, 3),
    width=st.integers(1, 6),
    longest=st.integers(1, 8),
    stride=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_spans_are_those_of_a_search_of_all(windows, width, longest, stride, seed):
    random = torch.Generator().manual_seed(seed)
    starts, ends = torch.randn(2, windows, width, generator=random, dtype=torch.float64) * 2
    starts[-1, width // 2 + 1 :] = ends[-1, width // 2 + 1 :] = -torch.inf  # padding
    offsets = [stride * window for window in range(windows)]
    every = {}
    for window, i, j in product(range(windows), range(width), range(width)):
        if i <= j < i + longest:
            span = (i + offsets[window], j + offsets[window])
            score = math.exp(float(starts[window, i] + ends[window, j]))
            every[span] = every.get(span, 0.0) + score
    total = sum(every.values())
    best = sorted(every.items(), key=lambda item: -item[1])[0]
    found = spans(starts, ends, offsets, longest=longest, count=len(every))
    assert {one[:2]: one.probability for one in found} == pytest.approx(
        {span: score / total for span, score in every.items() if score}
    )
    assert found[0][:2] == best[0]
    assert sum(one.probability for one in found) == pytest.approx(1)
    (first,) = spans(starts[:1], ends[:1], [0], longest=longest)
    start, end = likeliest(starts[:1], ends[:1], longest)
    assert first[:2] == (int(start), int(end))


def test_an_answer_is_no_longer_than_asked():
    starts, ends = torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 9.0]])
    (far,) = spans(starts, ends, [0], longest=3)
    (near,) = spans(starts, ends, [0], longest=2)
    assert (far[:2], near[:2]) == ((0, 2), (0, 1))
