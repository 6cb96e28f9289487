"""REINFORCE of a batch of texts, in plain loops."""

import pytest
import torch

from regard.nn import HardAttention
from regard.nn.decoders import Chance
from regard.systems.reinforce import reinforced


def test_as_in_plain_loops():
    """A reward for each row, of all its words, less the baseline before; padding counts nothing."""
    attention = HardAttention(4, reward_weight=0.7, entropy_weight=0.3)
    attention.baseline.fill_(-2.0)
    real = torch.tensor([[True, True, True], [True, False, False]])
    log_prob = torch.randn(2, 3, requires_grad=True)
    entropy = torch.rand(2, 3, requires_grad=True)
    nats = torch.tensor([0.5, 1.0, 2.0, 4.0], requires_grad=True)
    where = real.flatten().nonzero()[:, 0]
    found = reinforced(attention, nats, where, Chance(log_prob, entropy), real)
    expected, rewards = 0.0, [-(0.5 + 1.0 + 2.0) + 2.0, -4.0 + 2.0]
    for row, words in enumerate((3, 1)):
        for t in range(words):
            expected -= 0.7 * rewards[row] * float(log_prob[row, t].detach())
            expected -= 0.3 * float(entropy[row, t].detach())
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    found.backward()
    # What was drawn is made likelier where the reward is high, and nothing is learned by its size.
    assert nats.grad is None
    torch.testing.assert_close(log_prob.grad[0], torch.full((3,), -0.7 * rewards[0]))
    assert not log_prob.grad[1, 1:].any()
    # The baseline moves to the mean of the rows: −(3.5 + 4) / 2.
    assert float(attention.baseline) == pytest.approx(0.9 * -2.0 + 0.1 * -3.75)
