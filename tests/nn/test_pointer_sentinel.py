"""``nn.PointerSentinel`` against its equations, word by word."""

import math

import pytest
import torch

from regard.errors import RangeError, ShapeError
from regard.nn import PointerSentinel

WORDS = [[3, 5, 3, 4, 3, 5], [4, 4, 4, 4, 4, 6]]


def make(window):
    pointer = PointerSentinel(4, window).double()
    return pointer, torch.randn(2, 6, 4, dtype=torch.float64), torch.tensor(WORDS)


def plain(pointer, hidden, words, t, y):
    """g and Σ a_i of the word y for state t of one text, number by number."""
    w, b, s = (p.tolist() for p in (pointer.query.weight, pointer.query.bias, pointer.sentinel))
    h = hidden.tolist()
    q = [
        math.tanh(sum(a * x for a, x in zip(row, h[t], strict=True)) + c)
        for row, c in zip(w, b, strict=True)
    ]
    there = range(max(0, t - pointer.window + 1), t + 1)
    z = {i: math.exp(sum(a * x for a, x in zip(q, h[i], strict=True))) for i in there}
    own = math.exp(sum(a * x for a, x in zip(q, s, strict=True)))
    total = own + sum(z.values())
    return own / total, sum(z[i] for i in there if words[i] == y) / total


@pytest.mark.parametrize("window", [1, 3, 100])
def test_equals_the_paper_in_loops(window):
    pointer, hidden, words = make(window)
    found, _ = pointer(hidden, words)
    shares = found.shares(7)
    for y in (3, 4, 6):
        logs = found.log_share(torch.full_like(words, y))
        for b in range(2):
            for t in range(6):
                gate, share = plain(pointer, hidden[b], WORDS[b], t, y)
                assert found.log_gate[b, t].exp().item() == pytest.approx(gate)
                assert logs[b, t].exp().item() == pytest.approx(share)
                assert shares[b, t, y].item() == pytest.approx(share)
    torch.testing.assert_close(shares.sum(-1) + found.log_gate.exp(), torch.ones(2, 6).double())


@pytest.mark.parametrize("cuts", [(1, 2, 3, 4, 5), (4,), (2, 5)])
def test_a_text_in_stretches_is_the_text(cuts):
    pointer, hidden, words = make(3)
    whole, last = pointer(hidden, words)
    truth, carried, parts = words.roll(-1, 1), None, []
    for first, end in zip((0, *cuts), (*cuts, 6), strict=True):
        part = slice(first, end)
        found, carried = pointer(hidden[:, part], words[:, part], carried)
        parts.append(torch.stack([found.log_gate, found.log_share(truth[:, part])]))
    torch.testing.assert_close(
        torch.cat(parts, -1), torch.stack([whole.log_gate, whole.log_share(truth)])
    )
    assert torch.equal(carried.words, last.words)
    assert carried.words.tolist() == [row[-2:] for row in WORDS]
    torch.testing.assert_close(carried.hidden, hidden[:, -2:])


def test_what_comes_later_changes_nothing_and_rows_are_alone():
    pointer, hidden, words = make(100)
    whole, _ = pointer(hidden, words)
    alone, _ = pointer(hidden[1:, :4], words[1:, :4])
    torch.testing.assert_close(alone.log_gate, whole.log_gate[1:, :4])
    torch.testing.assert_close(alone.log_weights, whole.log_weights[1:, :4, :4])
    assert (whole.log_weights[:, :4, 4:] == -math.inf).all()


def test_no_nan_where_a_word_is_not_there_or_the_gate_is_shut():
    pointer, hidden, words = make(3)
    with torch.no_grad():
        pointer.sentinel.mul_(1e4)  # so g or the words' weights are 0 in floating point
    found, _ = pointer(hidden.requires_grad_(), words)
    share = found.log_share(torch.full_like(words, 6))  # nobody can point at it but the last
    assert (share[:, :5] == -math.inf).all()
    assert share[1, 5] > -math.inf
    torch.logaddexp(found.log_gate - 2.0, share).sum().backward()
    for given in (hidden, *pointer.parameters()):
        assert given.grad.isfinite().all()


def test_gradients():
    pointer, hidden, words = make(3)

    def run(hidden, *_):
        found, _ = pointer(hidden, words)
        return found.log_gate, found.log_share(words)

    assert torch.autograd.gradcheck(run, (hidden.requires_grad_(), *pointer.parameters()))


def test_what_is_refused():
    with pytest.raises(RangeError, match="window"):
        PointerSentinel(4, 0)
    pointer, hidden, words = make(3)
    with pytest.raises(ShapeError, match=r"words are \(B, T\) = \(2, 6\)"):
        pointer(hidden, words[:, :5])
    with pytest.raises(ShapeError, match="of 4 features"):
        pointer(hidden[..., :3], words)
