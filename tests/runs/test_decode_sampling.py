"""What is drawn is drawn as often as the model says."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.runs.decode import Search, search
from regard.runs.decode.sampling import distribution, drawn
from runs.decode_cases import Table, every, padded

DRAWS = 20_000


def test_texts_come_as_often_as_their_probability():
    model, source = Table(6, seed=3, sharpness=1.5), [4, 5]
    (ours,) = search(
        model, *padded([source]), Search(sample=True, n_best=DRAWS, max_length=3, seed=1)
    )
    counts = Counter((*one.tokens, *[3] * one.ended) for one in ours)
    texts = every(model, source, 3)
    # PAD and BEGIN cannot come: what is left is shared among the rest, step by step.
    for one in texts:
        p, state, last = 1.0, model.begin(*padded([source])), 2
        for token in one.tokens:
            step, state, _ = model.step(torch.tensor([last]), state)
            allowed = step[0].exp().double()
            allowed[[0, 2]] = 0.0
            p, last = p * float(allowed[token] / allowed.sum()), token
        spread = (p * (1 - p) / DRAWS) ** 0.5
        assert abs(counts[one.tokens] / DRAWS - p) < 5 * spread + 1 / DRAWS
    assert sum(counts[one.tokens] for one in texts) == DRAWS
    assert ours[0].log_probability == pytest.approx(
        next(
            t.log_probability for t in texts if t.tokens == (*ours[0].tokens, *[3][: ours[0].ended])
        )
    )


@given(
    seed=st.integers(0, 10**6),
    top_k=st.none() | st.integers(1, 12),
    top_p=st.floats(0.05, 1.0),
    temperature=st.floats(0.2, 3.0),
)
@settings(max_examples=60, deadline=None)
def test_the_distribution_is_that_of_a_plain_loop(seed, top_k, top_p, temperature):
    logits = torch.randn(3, 10, generator=torch.Generator().manual_seed(seed))
    logits[:, 4] = -torch.inf
    options = Search(sample=True, top_k=top_k, top_p=top_p, temperature=temperature)
    ours = distribution(logits.log_softmax(-1), options)
    for row, given_logits in zip(ours.numpy(), logits.double().numpy(), strict=True):
        p = np.exp(given_logits / temperature)
        p /= p.sum()
        order = sorted(range(10), key=lambda token: -p[token])[:top_k]
        mass, kept = sum(p[token] for token in order), []
        reached = 0.0
        for token in order:
            if reached >= top_p:
                break
            kept.append(token)
            reached += p[token] / mass
        plain = np.array([p[token] if token in kept else 0.0 for token in range(10)])
        np.testing.assert_allclose(row, plain / plain.sum(), atol=1e-5)
        assert row[4] == 0


def test_what_has_no_probability_is_never_drawn():
    p = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]], dtype=torch.float64)
    edges = torch.tensor([0.0, 0.29, 0.31, 1 - 2**-24])
    assert drawn(p.expand(4, -1).contiguous(), edges).tolist() == [1, 1, 3, 3]


def test_a_seed_gives_the_same_texts_and_another_gives_others():
    model, batch = Table(20, seed=1), padded([[4, 5, 6], [7]])

    def texts(**options):
        drawn_texts = search(model, *batch, Search(sample=True, n_best=4, **options))
        return [[one.tokens for one in row] for row in drawn_texts]

    assert texts(seed=1) == texts(seed=1)
    assert texts(seed=1) != texts(seed=2)
    row = texts(seed=1)[0]
    assert len({tuple(tokens) for tokens in row}) == 4
    assert texts(top_k=1) == [[one[0].tokens] * 4 for one in search(model, *batch, Search())]
