"""``nn.PointerAttention``: against the paper's equation in loops."""

import math

import pytest
import torch

from regard import masks
from regard.errors import KindError, RangeError, ShapeError
from regard.nn import PointerAttention


def make():
    pointer = PointerAttention(3, 4, features=5).double()
    query = torch.randn(3, 2, 3, dtype=torch.float64)
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    return pointer, query, inputs, [6, 2, 0]


def test_equals_the_paper_in_loops():
    pointer, query, inputs, lengths = make()
    with torch.no_grad():
        found = pointer(query, inputs, lengths=lengths, mask=masks.causal())
    score = pointer.score
    v, w1, w2 = (x.detach() for x in (score.weight, score.key.weight, score.query.weight))
    for b, length in enumerate(lengths):
        for q in range(2):
            open_to = [j for j in range(6) if j < length and j <= q + 4]
            u = [math.exp(v @ torch.tanh(w1 @ inputs[b, j] + w2 @ query[b, q])) for j in open_to]
            for j in range(6):
                expected = u[j] / sum(u) if j in open_to else 0.0
                assert float(found.probabilities[b, q, j]) == pytest.approx(expected, abs=1e-12)
                log = math.log(expected) if expected else -math.inf
                assert float(found.log_probabilities[b, q, j]) == pytest.approx(log, abs=1e-12)


def test_step_by_step_equals_forward_and_projects_the_inputs_once():
    pointer, query, inputs, lengths = make()
    calls = []
    pointer.score.key.register_forward_hook(lambda *_: calls.append(1))
    whole = pointer(query, inputs, lengths=lengths)
    ready = pointer.begin(inputs, lengths)
    assert len(calls) == 2
    for t in range(2):
        step = pointer.step(query[:, t], ready)
        torch.testing.assert_close(step.log_probabilities, whole.log_probabilities[:, t])
        torch.testing.assert_close(step.probabilities, whole.probabilities[:, t])
    assert len(calls) == 2


def test_each_input_once_makes_a_permutation():
    pointer, query, inputs, _ = make()
    ready, chosen = pointer.begin(inputs), torch.zeros(3, 6, dtype=torch.bool)
    order = []
    for _ in range(6):
        found = pointer.step(query[:, 0], ready, allowed=~chosen)
        assert not found.probabilities[chosen].any()
        torch.testing.assert_close(found.probabilities.sum(-1), torch.ones(3).double())
        order.append(found.probabilities.argmax(-1))
        chosen = chosen | torch.nn.functional.one_hot(order[-1], 6).bool()
    assert (torch.stack(order, 1).sort(1).values == torch.arange(6)).all()
    assert not pointer.step(query[:, 0], ready, allowed=~chosen).probabilities.any()


@pytest.mark.parametrize("by_mask", [False, True])
def test_padding_changes_nothing_whatever_it_holds_in_both_passes(by_mask):
    pointer, query, inputs, lengths = make()
    results = []
    for filling in (0.0, torch.nan, torch.inf):
        padded = inputs.clone()
        for b, length in enumerate(lengths):
            padded[b, length:] = filling
        padded.requires_grad_()
        pointer.zero_grad()
        options = {"mask": masks.padding(lengths)} if by_mask else {"lengths": lengths}
        found = pointer(query, padded, **options)
        chosen = found.log_probabilities[:2, :, 1].sum() + found.probabilities.sin().sum()
        chosen.backward()
        gradients = [padded.grad, *(p.grad.clone() for p in pointer.parameters())]
        assert all(g.isfinite().all() for g in gradients)
        assert not padded.grad[2].any()
        results.append([*found, *gradients])
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=0, atol=0)
    alone = pointer(query[1:2], inputs[1:2, :2])
    torch.testing.assert_close(alone.probabilities[0], results[0][1][1, :, :2])


def test_gradients():
    pointer, query, inputs, _ = make()
    query.requires_grad_()
    inputs.requires_grad_()

    def run(query, inputs, *_):
        found = pointer(query, inputs, lengths=[6, 3, 1])
        return found.log_probabilities[:, :, 0], found.probabilities

    assert torch.autograd.gradcheck(run, (query, inputs, *pointer.parameters()))


def test_logarithms_live_where_probabilities_are_gone():
    pointer = PointerAttention(1, features=1)
    with torch.no_grad():
        for parameter in pointer.parameters():
            parameter.fill_(1.0)
        pointer.score.weight.fill_(2000.0)
    found = pointer(torch.zeros(1, 1, 1), torch.tensor([[[9.0], [-9.0]]]))
    assert float(found.log_probabilities.detach()[0, 0, 1]) == pytest.approx(-4000)
    # The wrong version, the logarithm of the weights, has no gradient to learn from.
    assert found.probabilities.log()[0, 0, 1] == -math.inf
    (gradient,) = torch.autograd.grad(found.log_probabilities[0, 0, 1], pointer.score.weight)
    assert float(gradient) == pytest.approx(-2)


def test_as_many_queries_as_inputs_as_rows_as_features():
    pointer = PointerAttention(3).double()  # trap 8: nothing broadcasts in silence
    query, inputs = torch.randn(2, 3, 3, 3, dtype=torch.float64)
    whole = pointer(query, inputs).probabilities
    for b in range(3):
        for q in range(3):
            alone = pointer(query[b : b + 1, q : q + 1], inputs[b : b + 1]).probabilities
            torch.testing.assert_close(whole[b, q], alone[0, 0])


def test_refuses():
    pointer, query, inputs, _ = make()
    with pytest.raises(ShapeError, match=r"inputs \(B, K, F\) of 4 features, and got \(3, 2, 3\)"):
        pointer.begin(query)
    with pytest.raises(ShapeError, match=r"query \(B, Q, E\) of 3 features, and got \(3, 6, 4\)"):
        pointer(inputs, inputs)
    with pytest.raises(ShapeError, match=r"query \(B, E\) of 3 features, and got \(3, 2, 3\)"):
        pointer.step(query, pointer.begin(inputs))
    with pytest.raises(ShapeError, match=r"one per row of the batch, \(3,\), and they are \(2,\)"):
        pointer.begin(inputs, [1, 2])
    with pytest.raises(KindError, match="lengths are whole numbers"):
        pointer.begin(inputs, [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="query has 1 rows in its batch, and what is read has 3"):
        pointer.step(query[:1, 0], pointer.begin(inputs))
    with pytest.raises(RangeError, match="query_features of at least 1, and it is -1"):
        PointerAttention(-1)
