"""``nn.AttentionFlow``: against the papers' equations in loops."""

import math

import pytest
import torch

from regard.errors import ShapeError, UnknownName
from regard.nn import AttentionFlow
from regard.nn.flow import begin_as_products

LENGTHS, OTHERS = [5, 3], [2, 4]


def made(back):
    flow = AttentionFlow(3, back=back).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.normal_()
    passage = torch.randn(2, 5, 3, dtype=torch.float64)
    question = torch.randn(2, 4, 3, dtype=torch.float64)
    return flow, passage, question


def softmax(numbers):
    total = sum(map(math.exp, numbers))
    return [math.exp(x) / total for x in numbers]


@pytest.mark.parametrize("back", ["max", "columns"])
def test_equals_the_papers_in_loops(back):
    flow, passage, question = made(back)
    found = flow(passage, question, LENGTHS, OTHERS)
    of_key, of_query, of_both = (
        getattr(flow.score, f"{name}_weight").detach() for name in ("key", "query", "product")
    )
    for b, (length, count) in enumerate(zip(LENGTHS, OTHERS, strict=True)):
        h, u = passage[b, :length], question[b, :count]
        s = [[float(of_key @ y + of_query @ x + of_both @ (x * y)) for y in u] for x in h]
        rows = [softmax(row) for row in s]
        read = torch.stack([sum(w * y for w, y in zip(row, u, strict=True)) for row in rows])
        torch.testing.assert_close(found.question[b, :length], read)
        if back == "max":
            weights = softmax([max(row) for row in s])
            back_read = sum(w * x for w, x in zip(weights, h, strict=True))
            torch.testing.assert_close(found.passage[b, 0], back_read)
            assert found.over_passage[b, 0, :length].tolist() == pytest.approx(weights)
        else:
            columns = [softmax([s[t][j] for t in range(length)]) for j in range(count)]
            inner = [sum(w * x for w, x in zip(column, h, strict=True)) for column in columns]
            outer = [sum(w * x for w, x in zip(row, inner, strict=True)) for row in rows]
            torch.testing.assert_close(found.passage[b, :length], torch.stack(outer))
        assert not found.question[b, length:].any()
        assert not found.over_question[b, length:].any()
        assert not found.over_question[b, :, count:].any()


@pytest.mark.parametrize("back", ["max", "columns"])
def test_what_stands_in_padding_changes_nothing_in_both_passes(back):
    flow, passage, question = made(back)
    results = []
    for filling in (0.0, torch.nan, torch.inf):
        some, others = passage.clone(), question.clone()
        some[1, 3:] = filling
        others[0, 2:] = filling
        some.requires_grad_()
        flow.zero_grad()
        found = flow(some, others, LENGTHS, OTHERS)
        (found.question.sin().sum() + found.passage.cos().sum()).backward()
        results.append(
            [found.question, found.passage, some.grad, *(p.grad for p in flow.parameters())]
        )
        results[-1] = [x.detach().clone() for x in results[-1]]
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert other.isfinite().all()
            torch.testing.assert_close(one, other)


def test_a_text_without_words_reads_nothing():
    flow, passage, question = made("max")
    found = flow(passage, question, [0, 3], [2, 0])
    for part in found:
        assert part.isfinite().all()
        assert not part.any()


def test_it_begins_as_an_inner_product():
    flow = AttentionFlow(4)
    assert flow.score.product_weight.tolist() == [1.0] * 4
    begin_as_products(flow.score, 0.5)
    assert flow.score.product_weight.tolist() == [0.5] * 4
    same = torch.eye(4)[None] * 3
    assert AttentionFlow(4)(same, same).over_question[0].argmax(-1).tolist() == [0, 1, 2, 3]


def test_sizes_and_names_are_checked():
    with pytest.raises(UnknownName, match="columns"):
        AttentionFlow(3, back="rows")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError):
        AttentionFlow(3)(torch.zeros(1, 2, 4), torch.zeros(1, 2, 3))
    with pytest.raises(ShapeError):
        AttentionFlow(3)(torch.zeros(2, 2, 3), torch.zeros(1, 2, 3))
