"""Coverage against plain loops of See, Liu, Manning 2017, eq. 10–13."""

import numpy as np
import pytest
import torch

from regard.errors import ShapeError
from regard.nn.coverage import CoverageAttention, coverage_loss


def plain(layer, query, key, length):
    """One row in loops: α (T, length) and the loss of each step."""
    w, u, b, v, c = (
        x.detach().numpy()
        for x in (
            layer.score.query.weight,
            layer.score.key.weight,
            layer.coverage.bias,
            layer.score.weight,
            layer.coverage.weight[:, 0],
        )
    )
    covered, rows, losses = [0.0] * length, [], []
    for state in query:
        energy = np.array(
            [v @ np.tanh(u @ key[j] + w @ state + c * covered[j] + b) for j in range(length)]
        )
        alpha = np.exp(energy) / np.exp(energy).sum()
        losses.append(sum(min(alpha[j], covered[j]) for j in range(length)))
        covered = [covered[j] + alpha[j] for j in range(length)]
        rows.append(alpha)
    return np.stack(rows), np.array(losses)


def test_equals_plain_loops():
    layer = CoverageAttention(3, 4, features=5).double()
    torch.nn.init.normal_(layer.coverage.weight, std=3.0)
    query = torch.randn(3, 6, 3, dtype=torch.float64)
    key = torch.randn(3, 8, 4, dtype=torch.float64)
    lengths = [8, 5, 1]
    contexts, weights = layer(query, key, lengths=torch.tensor(lengths), return_weights=True)
    found = coverage_loss(weights)
    for b, n in enumerate(lengths):
        rows, losses = map(torch.from_numpy, plain(layer, query[b].numpy(), key[b].numpy(), n))
        torch.testing.assert_close(weights[b, :, :n], rows, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], rows @ key[b, :n], atol=1e-12, rtol=0)
        torch.testing.assert_close(found[b], losses, atol=1e-12, rtol=0)


def test_the_loss_of_a_step_and_of_a_target():
    weights = torch.rand(2, 5, 4, dtype=torch.float64).softmax(-1)
    whole = coverage_loss(weights)
    covered = torch.zeros(2, 4, dtype=torch.float64)
    for t in range(5):
        one = coverage_loss(weights[:, t : t + 1], covered)
        torch.testing.assert_close(one[:, 0], whole[:, t])
        covered = covered + weights[:, t]
    kept = coverage_loss(weights, lengths=[5, 2])
    assert torch.equal(kept, coverage_loss(weights, lengths=torch.tensor([5, 2])))
    assert torch.equal(kept[0], whole[0])
    assert torch.equal(kept[1, :2], whole[1, :2])
    assert not kept[1, 2:].any()
    assert coverage_loss(weights[:, :0]).shape == (2, 0)


def test_rereading_costs_and_reading_on_does_not():
    reread = torch.eye(4)[[0, 0, 0, 0]][None]
    read_on = torch.eye(4)[None]
    assert coverage_loss(reread).tolist() == [[0.0, 1.0, 1.0, 1.0]]
    assert not coverage_loss(read_on).any()


def test_the_loss_passes_gradcheck():
    layer = CoverageAttention(3, features=4).double()
    query, key = (torch.randn(2, n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 5))

    def loss(query, key, *_):
        weights = layer(query, key, lengths=torch.tensor([5, 2]), return_weights=True)[1]
        return coverage_loss(weights)

    assert torch.autograd.gradcheck(loss, (query, key, *layer.parameters()))


def test_refuses():
    with pytest.raises(ShapeError, match=r"weights \(B, T, K\) and coverage \(B, K\), and got"):
        coverage_loss(torch.zeros(3, 4))
    with pytest.raises(ShapeError, match=r"got \(2, 3, 4\) and \(2, 3\)"):
        coverage_loss(torch.zeros(2, 3, 4), torch.zeros(2, 3))
