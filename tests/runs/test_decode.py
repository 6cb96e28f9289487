"""Searches find what counting through all texts finds, alone as in company."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data.vocabulary import END, PAD
from regard.errors import KindError, RangeError
from regard.nn import TransformerDecoder, TransformerDecoderLayer
from regard.runs.decode import Hypothesis, Search, greedy, search, select, unknown_sources
from regard.runs.decode.beam import beam_search
from regard.runs.decode.candidates import likeliest_sums
from runs.decode_cases import Table, every, padded

SOURCES = [[4, 5, 4], [5], [4, 4, 5, 5, 4]]


def found(model, sources, **options):
    return search(model, *padded(sources), Search(**options))


def text(hypothesis):
    return (*hypothesis.tokens, *[END] * hypothesis.ended)


@pytest.mark.parametrize(("alpha", "beta"), [(0, 0), (1.0, 0), (0, 0.5), (0.6, 0.2)])
def test_a_wide_beam_finds_the_best_of_all_texts(alpha, beta):
    model = Table(6, seed=1)
    options = {"length_penalty": float(alpha), "coverage_penalty": float(beta)}
    together = found(model, SOURCES, beam=200, n_best=9, max_length=4, **options)
    for source, ours in zip(SOURCES, together, strict=True):
        best = every(model, source, 4, alpha, beta)[:9]
        assert [text(one) for one in ours] == [one.tokens for one in best]
        for one, other in zip(ours, best, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)
            assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)
            if not one.ended:  # END's own weights are not among a text's
                assert one.weights.sum(0).tolist() == pytest.approx(other.received, abs=1e-4)


@given(seed=st.integers(0, 10**6), beam=st.integers(2, 5), alpha=st.sampled_from([0.0, 0.8]))
@settings(max_examples=30, deadline=None)
def test_stopping_early_loses_nothing(seed, beam, alpha):
    """A beam that is never stopped before the limit finds the same, by a plain loop."""
    model, source, limit = Table(7, seed, sharpness=2.0), [4, 5, 6], 7
    (ours,) = found(model, [source], beam=beam, n_best=2, max_length=limit, length_penalty=alpha)
    alive, whole = [((), 0.0)], []
    for count in range(1, limit + 1):
        extended = []
        for tokens, total in alive:
            state = model.begin(*padded([source]))
            for token in (2, *tokens):
                now, state, _ = model.step(torch.tensor([token]), state)
            for token, more in enumerate(now[0].tolist()):
                if token not in (0, 2):
                    extended.append(((*tokens, token), total + more))
        extended.sort(key=lambda pair: -pair[1])
        for tokens, total in extended[:beam]:
            if tokens[-1] == END or count == limit:
                whole.append((total / ((5 + count) / 6) ** alpha, tokens))
        alive = [pair for pair in extended if pair[0][-1] != END][:beam]
    whole.sort(reverse=True)
    assert [text(one) for one in ours] == [tokens for _, tokens in whole[:2]]


@given(seed=st.integers(0, 10**6), sharpness=st.sampled_from([0.5, 3.0]))
@settings(max_examples=30, deadline=None)
def test_greedy_is_a_beam_of_one(seed, sharpness):
    model = Table(8, seed, sharpness)
    source, lengths = padded(SOURCES)
    limits = [Search().limit(len(row)) for row in SOURCES]
    state = model.begin(source, lengths)
    history, ends = beam_search(model, state, lengths, limits, Search())
    by_beam = history.hypotheses(ends, lengths.tolist())
    plain = found(model, SOURCES)
    for (one,), (other,) in zip(by_beam, plain, strict=True):
        assert one[:3] == other[:3]
        assert torch.equal(one.weights, other.weights)
    as_tensor = greedy(model, source, lengths, max_length=30)
    for row, total, (one,) in zip(
        as_tensor.tokens.tolist(),
        as_tensor.log_probability,
        found(model, SOURCES, max_length=30),
        strict=True,
    ):
        assert row == [*text(one), *[PAD] * (len(row) - len(text(one)))]
        assert float(total) == pytest.approx(one.log_probability)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beam": 4, "n_best": 3},
        {"beam": 3, "length_penalty": 1.0, "coverage_penalty": 0.3},
        {"sample": True, "n_best": 5, "top_p": 0.9, "seed": 3},
    ],
    ids=str,
)
def test_a_source_alone_equals_it_in_company(options):
    model = Table(9, seed=5, sharpness=1.5)
    sources = [[4, 5, 6, 7, 8, 4, 5, 6], [4], [8, 8], [7, 6, 5], [4]]
    together = found(model, sources, **options)
    for source, among in zip(sources, together, strict=True):
        (alone,) = found(model, [source], **options)
        assert [one.tokens for one in alone] == [one.tokens for one in among]
        for one, other in zip(alone, among, strict=True):
            torch.testing.assert_close(one.weights, other.weights)
            assert one.weights.shape == (len(one.tokens), len(source))
            assert one.score == pytest.approx(other.score, abs=1e-5)


def test_the_source_is_read_once_and_who_has_ended_leaves():
    model = Table(6, seed=2, sharpness=3.0)
    many = [[4] * n for n in range(1, 9)]
    found(model, many, beam=3, max_length=9)
    assert model.read == len(many)
    assert model.rows[0] == len(many)
    assert all(rows % 3 == 0 for rows in model.rows[1:])
    assert model.rows[1:] == sorted(model.rows[1:], reverse=True)
    assert model.rows[-1] < model.rows[1]
    model.read = 0
    ours = found(model, many, max_length=9)
    lengths = [len(text(one)) for (one,) in ours]
    assert model.rows == [sum(n > step for n in lengths) for step in range(max(lengths))]


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 200)),
    count=st.integers(1, 20),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_the_likeliest_sums_are_those_of_a_whole_ranking(shape, count, seed):
    random = torch.Generator().manual_seed(seed)
    total, more = torch.randn(shape[:2], generator=random), torch.randn(shape, generator=random)
    more[torch.rand(shape, generator=random) < 0.2] = -torch.inf
    sums = total[..., None] + more
    values, beams, tokens = likeliest_sums(total, more, count)
    assert torch.equal(values, sums.flatten(1).sort(descending=True).values[:, :count])
    assert torch.equal(values, sums[torch.arange(len(sums))[:, None], beams, tokens])
    assert all(
        len(set(zip(*pair, strict=True))) == len(pair[0])
        for pair in zip(beams.tolist(), tokens.tolist(), strict=True)
    )


def test_a_limit_is_of_the_own_length():
    model = Table(6, seed=0)
    model.logits[:, END] = -100.0  # never ends
    ours = found(model, SOURCES, beam=2)
    assert [len(row[0].tokens) for row in ours] == [2 * len(source) + 20 for source in SOURCES]
    assert not any(one.ended for row in ours for one in row)


def test_a_vocabulary_may_be_smaller_than_the_beam():
    model = Table(5, seed=4)  # one word besides UNKNOWN
    (ours,) = found(model, [[4]], beam=50, n_best=50, max_length=2)
    assert [text(one) for one in ours] == [one.tokens for one in every(model, [4], 2)]
    assert len(ours) == 7
    model.logits[:, [1, 4]] = -torch.inf  # nothing but END
    assert [one.tokens for one in found(model, [[4]], beam=3, n_best=3)[0]] == [[]]
    assert [one.tokens for one in found(model, [[4]])[0]] == [[]]


def test_no_sources_no_texts():
    nothing = (torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    assert search(Table(6, 0), *nothing, Search(beam=2)) == []
    assert greedy(Table(6, 0), *nothing, 5).tokens.shape == (0, 0)


def test_a_transformers_state_moves_as_its_rows_do():
    """Caches that are written in place: steps after ``select`` are those of the prefixes."""
    torch.manual_seed(0)
    decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 2).eval()
    memory, x = torch.randn(2, 5, 8), torch.randn(4, 3, 8)
    with torch.inference_mode():
        state = (decoder.begin(memory, capacity=4), None)
        decoder.step(x[:2, :1], state[0])
        state = select(state, torch.tensor([0, 0, 1, 1]))  # to beams of 2
        decoder.step(x[:, 1:2], state[0])
        state = select(state, torch.tensor([1, 1, 3, 2]), moved=False)
        last = decoder.step(x[:, 2:], state[0])
        firsts, seconds = x[[0, 0, 1, 1], 0], x[[1, 1, 3, 2], 1]
        whole = decoder(torch.stack([firsts, seconds, x[:, 2]], 1), memory[[0, 0, 1, 1]])
    torch.testing.assert_close(last[:, 0], whole[:, -1], atol=1e-5, rtol=1e-4)


def test_select_moves_all_but_the_source_of_the_sentence():
    state = Table(6, 0).begin(*padded([[4], [5, 5]]))
    rows = torch.tensor([1, 1, 0])
    moved = select(state, rows)
    assert moved.source.real.sum(1).tolist() == [2, 2, 1]
    stayed = select(state, torch.tensor([1, 0]), moved=False)
    assert stayed.source is state.source
    assert torch.equal(stayed.inner[0], state.inner[0].flip(0))
    with pytest.raises(KindError, match="holds list"):
        select((torch.zeros(2), [1, 2]), rows)


def test_an_unknown_token_is_what_the_model_looked_at():
    weights = torch.tensor([[0.1, 0.9, 0.0], [0.6, 0.2, 0.2], [0.0, 0.3, 0.7]])
    assert unknown_sources(Hypothesis([1, 5, 1], 0.0, 0.0, weights, True)) == {0: 1, 2: 2}
    assert unknown_sources(Hypothesis([5], 0.0, 0.0, weights[:1], True)) == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"beam": 0}, "beam is at least 1: 0"),
        ({"max_length": 0}, "max_length is at least 1"),
        ({"n_best": 3, "beam": 2}, "n_best is at most beam, unless texts are sampled: 3 of 2"),
        ({"sample": True, "beam": 2}, "not both: 2"),
        ({"length_penalty": -1.0, "beam": 2}, "length_penalty is a number, 0 or more: -1"),
        ({"coverage_penalty": float("nan"), "beam": 2}, "coverage_penalty is a number"),
        ({"length_penalty": 0.6}, "length_penalty ranks the hypotheses of a beam"),
        ({"sample": True, "coverage_penalty": 0.6}, "coverage_penalty ranks the hypotheses"),
        ({"temperature": 0.5}, "temperature is for sampling"),
        ({"top_k": 3}, "top_k is for sampling"),
        ({"seed": 3}, "seed is for sampling"),
        ({"sample": True, "temperature": 0.0}, "temperature is above 0: 0.0"),
        ({"sample": True, "top_p": 0.0}, "top_p is a probability above 0: 0.0"),
        ({"sample": True, "seed": -1}, "seed is a whole number"),
    ],
    ids=str,
)
def test_nonsense_is_refused(options, says):
    with pytest.raises(RangeError, match=says):
        Search(**options)
